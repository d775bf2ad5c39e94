//! Performs what the hub wants done. Nothing in here waits.

use std::sync::Arc;

use rejoin_sync::{CloseCause, ConnectionId, Effect, Event, Now};
use rejoin_websocket::CloseCode;

use crate::{
    core::{Core, State},
    sockets::{self, Link},
    storage_thread::StorageRequest,
};

impl Core {
    /// Performs effects until there are none, in their order.
    pub(crate) fn perform(self: &Arc<Self>, state: &mut State, now: Now) {
        loop {
            let effects = state.hub.take_effects(now);
            if effects.is_empty() {
                return;
            }
            for effect in effects {
                if let Some(answer) = self.perform_one(state, effect) {
                    state.hub.handle(answer, now);
                }
            }
        }
    }

    /// Performs one effect; gives the answer when there is one at once.
    fn perform_one(self: &Arc<Self>, state: &mut State, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Dial { connection, url, token, .. } => {
                let task = sockets::dial(self, connection, url, token);
                state.links.insert(connection, Link::Dialing(task));
                None
            }
            Effect::Send { connection, frame } => state.send(connection, frame),
            Effect::Close { connection, cause, reason } => {
                state.close(connection, cause, &reason);
                Some(Event::Closed { connection, reason })
            }
            Effect::Load { load, document } => {
                state.ask_storage(StorageRequest::Load { load, document })
            }
            Effect::Write { write, batch } => {
                state.ask_storage(StorageRequest::Write { write, batch })
            }
            Effect::Tell { document, event } => {
                if let Some(listeners) = state.listeners.get_mut(&document) {
                    listeners.retain(|listener| listener.send(event.clone()).is_ok());
                    if listeners.is_empty() {
                        state.listeners.remove(&document);
                    }
                }
                None
            }
            Effect::Warn { address, document, reason } => {
                tracing::warn!(address, %document, reason, "a peer is not served as it wished");
                None
            }
            Effect::ConnectionsChanged => {
                self.connections_changed(state);
                None
            }
        }
    }
}

impl State {
    fn send(&mut self, connection: ConnectionId, frame: Vec<u8>) -> Option<Event> {
        match self.links.get_mut(&connection) {
            Some(Link::Open(open)) => {
                open.send(frame).then_some(Event::Sent { connection, frames: 1 })
            }
            // The connection ends; that answers for the frame.
            _ => None,
        }
    }

    fn close(&mut self, connection: ConnectionId, cause: CloseCause, reason: &str) {
        match self.links.remove(&connection) {
            Some(Link::Open(open)) => {
                let code = match cause {
                    CloseCause::Finished => CloseCode::NORMAL,
                    CloseCause::Violation => CloseCode::POLICY,
                    CloseCause::TooLarge => CloseCode::TOO_LARGE,
                };
                tracing::info!(connection = ?connection, reason, "closing");
                open.close(code, reason);
            }
            Some(Link::Dialing(task)) => task.abort(),
            None => {}
        }
    }

    /// Hands a request to the storage thread. Should that be gone, its answer is an error.
    fn ask_storage(&mut self, request: StorageRequest) -> Option<Event> {
        let failed = "the storage thread has ended";
        match self.storage.send(request) {
            Ok(()) => None,
            Err(refused) => Some(refused.0.failed(failed)?),
        }
    }
}
