//! Accepting connections.

use std::{net::SocketAddr, sync::Arc};

use rejoin_websocket::Listener;
use tokio::task::JoinHandle;

use crate::{core::Core, sockets};

/// A repo that accepts connections. Dropping this stops accepting; connections live on.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) fn start(core: &Arc<Core>, mut listener: Listener) -> Self {
        let address = listener.address();
        let weak = Arc::downgrade(core);
        let task = core.runtime.spawn(async move {
            while let Some(connection) = listener.accept().await {
                match weak.upgrade() {
                    Some(core) => sockets::accepted(&core, connection),
                    None => return,
                }
            }
        });
        Self { address, task }
    }

    /// The address that is listened on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
