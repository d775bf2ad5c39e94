//! Accepting connections.

use std::{net::SocketAddr, sync::Arc};

use rejoin_websocket::Listener;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{core::Core, sockets};

/// A repo that accepts connections. Dropping this stops accepting, soon; connections live on.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    /// Accepting ends when this is dropped.
    open: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Listening {
    pub(crate) fn start(core: &Arc<Core>, mut listener: Listener) -> Self {
        let address = listener.address();
        let weak = Arc::downgrade(core);
        let (open, mut closed) = oneshot::channel();
        let task = core.runtime.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = &mut closed => None,
                };
                match (accepted, weak.upgrade()) {
                    (Some(connection), Some(core)) => sockets::accepted(&core, connection),
                    _ => break,
                }
            }
            listener.close().await;
        });
        Self { address, open, task }
    }

    /// The address that is listened on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting. When this returns, the port can be taken again.
    pub async fn close(self) {
        drop(self.open);
        // A panic of that task was told where it happened.
        self.task.await.ok();
    }
}
