//! The tasks around one connection.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use rejoin_sync::{Admitted, ConnectionError, ConnectionId, Event};
use rejoin_websocket::{
    Access, CloseCode, Connection, DialError, DialOptions, Receiver, Sender, Token,
};
use tokio::{
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::AbortHandle,
};

use crate::core::Core;

/// A connection as the driver holds it.
pub(crate) enum Link {
    /// Being dialed; aborting the task stops it.
    Dialing(AbortHandle),
    /// Open.
    Open(OpenLink),
}

/// The sending side of an open connection.
pub(crate) struct OpenLink {
    sender: Sender,
    /// Frames for which there was no room at the socket.
    backlog: UnboundedSender<Vec<u8>>,
    waiting: usize,
}

impl OpenLink {
    /// Sends a frame if there is room at once; otherwise it waits behind those that wait, and is
    /// reported as sent later. The hub keeps few frames under way, so that few can wait.
    pub(crate) fn send(&mut self, frame: Vec<u8>) -> bool {
        if self.waiting == 0 {
            let frame = bytes::Bytes::from(frame);
            match self.sender.try_send(frame.clone()) {
                Ok(true) => return true,
                Ok(false) => return self.wait(frame.into()),
                // The reader reports the end of the connection.
                Err(_) => return false,
            }
        }
        self.wait(frame)
    }

    fn wait(&mut self, frame: Vec<u8>) -> bool {
        self.waiting += 1;
        let _ = self.backlog.send(frame);
        false
    }

    pub(crate) fn close(self, code: CloseCode, reason: &str) {
        self.sender.close(code, reason);
    }
}

/// Begins to dial.
pub(crate) fn dial(
    core: &Arc<Core>,
    id: ConnectionId,
    url: String,
    token: Option<String>,
) -> AbortHandle {
    let weak = Arc::downgrade(core);
    let mut options = DialOptions::new(url);
    options.tls = core.options.tls.clone();
    options.limits = core.options.dial_limits.clone();
    let task = core.runtime.spawn(async move {
        let result = match token.map(Token::new).transpose() {
            Ok(token) => {
                options.token = token;
                rejoin_websocket::dial(options).await.map_err(in_words)
            }
            Err(error) => Err(ConnectionError::Lost(error.to_string())),
        };
        let Some(core) = weak.upgrade() else { return };
        match result {
            Ok(connection) => {
                opened(&core, id, connection);
            }
            Err(error) => {
                tracing::debug!(connection = ?id, %error, "dialing failed");
                core.with(|state, now| {
                    if state.links.remove(&id).is_some() {
                        state.hub.handle(Event::DialFailed { connection: id, error }, now);
                    }
                });
            }
        }
    });
    task.abort_handle()
}

fn in_words(error: DialError) -> ConnectionError {
    let words = error.to_string();
    match error {
        DialError::Forbidden { .. } => ConnectionError::Refused(words),
        _ => ConnectionError::Lost(words),
    }
}

/// A dialed connection is open, unless it was given up meanwhile.
fn opened(core: &Arc<Core>, id: ConnectionId, connection: Connection) {
    core.with(|state, now| {
        if let Some(dialing) = state.links.get_mut(&id) {
            *dialing = link(core, id, connection);
            state.hub.handle(Event::Dialed { connection: id }, now);
        }
    });
}

/// Somebody dialed us.
pub(crate) fn accepted(core: &Arc<Core>, connection: Connection) {
    let address = connection.info().address.to_string();
    let admitted = match connection.info().access {
        Access::ReadOnly => Admitted::Reader,
        Access::ReadWrite => Admitted::Writer,
        Access::Server => Admitted::Server,
    };
    core.with(|state, now| {
        match state.hub.accept(&address, admitted, now) {
            Some(id) => {
                state.links.insert(id, link(core, id, connection));
            }
            None => connection.split().0.close(CloseCode::TRY_LATER, "offline"),
        };
    });
}

fn link(core: &Arc<Core>, id: ConnectionId, connection: Connection) -> Link {
    let (sender, receiver) = connection.split();
    let (backlog, frames) = mpsc::unbounded_channel();
    core.runtime.spawn(read(Arc::downgrade(core), id, receiver));
    core.runtime.spawn(write(Arc::downgrade(core), id, sender.clone(), frames));
    Link::Open(OpenLink { sender, backlog, waiting: 0 })
}

/// Takes what arrives to the hub, until the connection ends.
async fn read(core: Weak<Core>, id: ConnectionId, mut receiver: Receiver) {
    let mut labour = Labour(Duration::ZERO);
    let reason = loop {
        match receiver.recv().await {
            Some(Ok(frame)) => {
                let Some(core) = core.upgrade() else { return };
                let begun = Instant::now();
                core.handle(Event::Received { connection: id, frame });
                drop(core);
                labour.give_way(begun).await;
            }
            Some(Err(closed)) => break closed.to_string(),
            None => break "the other side closed the connection".to_owned(),
        }
    };
    let Some(core) = core.upgrade() else { return };
    core.with(|state, now| {
        // A connection that the hub has closed was answered for then.
        if state.links.remove(&id).is_some() {
            tracing::debug!(connection = ?id, reason, "connection ended");
            state.hub.handle(Event::Closed { connection: id, reason }, now);
        }
    });
}

/// How long a peer has made us compute since others had their turn. A few bytes may ask for much, and
/// many messages may be there at once.
struct Labour(Duration);

impl Labour {
    /// Less work than this is not worth a look at who else waits.
    const TURN: Duration = Duration::from_millis(1);
    /// After longer work, those who wait for the hub in other threads get a moment too.
    const LONG: Duration = Duration::from_millis(4);

    /// Lets others go first after work that began at this time.
    async fn give_way(&mut self, begun: Instant) {
        let took = begun.elapsed();
        self.0 += took;
        if self.0 < Self::TURN {
            return;
        }
        self.0 = Duration::ZERO;
        match took < Self::LONG {
            true => tokio::task::yield_now().await,
            false => tokio::time::sleep(Duration::from_millis(1)).await,
        }
    }
}

/// Sends the frames for which there was no room at once.
async fn write(
    core: Weak<Core>,
    id: ConnectionId,
    sender: Sender,
    mut frames: UnboundedReceiver<Vec<u8>>,
) {
    while let Some(frame) = frames.recv().await {
        if sender.send(frame).await.is_err() {
            return;
        }
        let Some(core) = core.upgrade() else { return };
        core.with(|state, now| {
            if let Some(Link::Open(open)) = state.links.get_mut(&id) {
                open.waiting -= 1;
                state.hub.handle(Event::Sent { connection: id, frames: 1 }, now);
            }
        });
    }
}
