//! How connections come and go: dialing, the handshake, being offline.

use std::{sync::Arc, time::Duration};

use super::{
    Hub, Timer,
    connection::{Connection, ConnectionPhase, ConnectionStatus, Dialer, Stage},
};
use crate::{
    Admitted, CloseCause, ConnectionError, ConnectionId, ConnectionOrigin, DialerId, Effect, Now,
    PeerContext, StorageId,
    dialer::Backoff,
    handshake::{HandshakeError, Introduced},
    wire::WireMessage,
};

/// The first message of the other side is awaited for so long.
const GREETING: Duration = Duration::from_secs(10);
/// A connection that lasted so long was a good one: after it, pauses begin anew.
const LASTING: Duration = Duration::from_secs(10);

impl Hub {
    /// Keeps this address connected from now on.
    pub fn dial(&mut self, url: &str, token: Option<String>) -> DialerId {
        let id = DialerId(self.take_id());
        let dialer = Dialer {
            url: url.to_owned(),
            token,
            backoff: Backoff::default(),
            connection: None,
            connected_at: None,
            retry_at: None,
            at_once: false,
            last_error: None,
        };
        self.dialers.insert(id, dialer);
        self.dial_again(id);
        self.connections_changed = true;
        id
    }

    /// Lets the address go, and closes its connection.
    pub fn hang_up(&mut self, dialer: DialerId, now: Now) {
        if let Some(gone) = self.dialers.remove(&dialer) {
            self.timers.clear(&Timer::Dial(dialer));
            if let Some(connection) = gone.connection {
                self.close(connection, "the address was removed", now);
            }
            self.connections_changed = true;
        }
    }

    /// Somebody dialed us. Gives the name that the connection has from now on, or none when we
    /// are offline and the connection must be closed.
    pub fn accept(&mut self, address: &str, admitted: Admitted, now: Now) -> Option<ConnectionId> {
        if self.offline {
            return None;
        }
        let id = ConnectionId(self.take_id());
        let origin = ConnectionOrigin::Accepted { address: address.to_owned(), admitted };
        let connection = Connection::new(origin, None, Stage::Greeting);
        self.connections.insert(id, connection);
        self.timers.set(Timer::Greeting(id), now.elapsed + GREETING);
        Some(id)
    }

    /// Goes offline, which closes all connections, or online again.
    pub fn set_offline(&mut self, offline: bool, now: Now) {
        self.offline = offline;
        self.connections_changed = true;
        if offline {
            let open: Vec<_> = self.connections.keys().copied().collect();
            for connection in open {
                self.close(connection, "this side went offline", now);
            }
            let dialers: Vec<_> = self.dialers.keys().copied().collect();
            dialers.into_iter().for_each(|id| self.timers.clear(&Timer::Dial(id)));
        } else {
            self.network_returned(now);
        }
    }

    /// Whether the person chose to be offline.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// Every address that is dialed and every connection that was accepted.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        let dialed = self.dialed_connections();
        let accepted =
            self.connections.values().filter(|connection| connection.dialer.is_none()).filter_map(
                |connection| {
                    let peer = connection.peer()?;
                    Some(ConnectionStatus {
                        dialer: None,
                        address: connection.address().to_owned(),
                        phase: ConnectionPhase::Connected,
                        peer: Some(peer.peer.clone()),
                        storage_id: peer.metadata.storage_id.clone(),
                        last_error: None,
                        traffic: connection.traffic,
                    })
                },
            );
        dialed.chain(accepted).collect()
    }

    /// Every address that is dialed.
    pub fn dialed_connections(&self) -> impl Iterator<Item = ConnectionStatus> {
        self.dialers.iter().map(|(id, dialer)| self.dialer_status(*id, dialer))
    }

    /// The number of connections on which both sides know each other.
    pub fn connected_peers(&self) -> usize {
        self.connections.values().filter(|connection| connection.peer().is_some()).count()
    }

    fn dialer_status(&self, id: DialerId, dialer: &Dialer) -> ConnectionStatus {
        let connection = dialer.connection.and_then(|id| self.connections.get(&id));
        let peer = connection.and_then(Connection::peer);
        let phase = match (peer, dialer.retry_at) {
            (Some(_), _) => ConnectionPhase::Connected,
            (None, _) if self.offline => ConnectionPhase::Offline,
            (None, Some(at)) => ConnectionPhase::Waiting(at),
            (None, None) => ConnectionPhase::Connecting,
        };
        ConnectionStatus {
            dialer: Some(id),
            address: dialer.url.clone(),
            phase,
            peer: peer.map(|peer| peer.peer.clone()),
            storage_id: peer.and_then(|peer| peer.metadata.storage_id.clone()),
            last_error: dialer.last_error.clone(),
            traffic: connection.map(|open| open.traffic).unwrap_or_default(),
        }
    }

    /// Whether an address is being dialed right now, so that an answer may come soon.
    pub(super) fn is_dialing(&self) -> bool {
        self.dialers.values().any(|dialer| {
            let connection = dialer.connection.and_then(|id| self.connections.get(&id));
            connection.is_some_and(|open| matches!(open.stage, Stage::Dialing | Stage::Greeting))
        })
    }

    pub(super) fn network_returned(&mut self, now: Now) {
        if self.offline {
            return;
        }
        // What was open before may be dead without knowing it; beginning anew costs little.
        let open = self.connections.iter().filter(|(_, open)| open.dialer.is_some());
        let open: Vec<_> = open.map(|(id, _)| *id).collect();
        open.into_iter().for_each(|id| self.close(id, "the network has changed", now));
        let ids: Vec<_> = self.dialers.keys().copied().collect();
        for id in ids {
            if let Some(dialer) = self.dialers.get_mut(&id) {
                dialer.backoff.succeeded();
                dialer.at_once = dialer.connection.is_some();
                self.dial_again(id);
            }
        }
    }

    pub(super) fn dial_again(&mut self, id: DialerId) {
        if self.offline {
            return;
        }
        let connection = ConnectionId(self.take_id());
        let Some(dialer) = self.dialers.get_mut(&id) else { return };
        if dialer.connection.is_some() {
            return;
        }
        dialer.connection = Some(connection);
        dialer.retry_at = None;
        self.timers.clear(&Timer::Dial(id));
        self.effects.push(Effect::Dial {
            connection,
            dialer: id,
            url: dialer.url.clone(),
            token: dialer.token.clone(),
        });
        let origin = ConnectionOrigin::Dialed { url: dialer.url.clone() };
        let open = Connection::new(origin, Some(id), Stage::Dialing);
        self.connections.insert(connection, open);
        self.connections_changed = true;
    }

    pub(super) fn dialed(&mut self, id: ConnectionId, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.stage, Stage::Dialing) {
            connection.stage = Stage::Greeting;
            self.timers.set(Timer::Greeting(id), now.elapsed + GREETING);
            let join = self.introduction.join();
            self.push_frame(id, &join);
        }
    }

    /// Takes the first message of a connection.
    pub(super) fn greeted(&mut self, id: ConnectionId, message: WireMessage, now: Now) {
        let Some(connection) = self.connections.get(&id) else { return };
        let dialed = connection.dialer.is_some();
        let result = match dialed {
            true => self.introduction.read_answer(message),
            false => self.introduction.read_join(message),
        };
        match result {
            Ok(introduced) => self.introduced(id, introduced, now),
            Err(error) => {
                if matches!(error, HandshakeError::Version(_)) && !dialed {
                    self.push_frame(id, &WireMessage::Error { message: error.to_string() });
                    self.flush(id, now);
                }
                self.close(id, &error.to_string(), now);
            }
        }
    }

    fn introduced(&mut self, id: ConnectionId, introduced: Introduced, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let peer = Arc::new(PeerContext {
            peer: introduced.peer,
            metadata: introduced.metadata,
            origin: connection.origin.clone(),
        });
        connection.stage = Stage::Ready(peer.clone());
        let dialer = connection.dialer;
        self.timers.clear(&Timer::Greeting(id));
        self.connections_changed = true;
        if let Some(dialer) = dialer.and_then(|dialer| self.dialers.get_mut(&dialer)) {
            dialer.connected_at = Some(now.elapsed);
            dialer.last_error = None;
        } else {
            if let Some(older) = self.accepted.insert(peer.peer.clone(), id) {
                self.close(older, "the same peer joined on another connection", now);
            }
            let answer = self.introduction.answer(&peer.peer);
            self.push_frame(id, &answer);
        }
        self.subscribe(id, &peer);
        let offers = self.policy.offers(&peer);
        if offers.announces {
            self.announcing.insert(id);
            self.announce_all(id, &peer, now);
        }
        if offers.requests {
            self.requestable.insert(id);
            self.request_all(id);
        }
    }

    /// Asks a server that reports what is durable there to do so.
    fn subscribe(&mut self, id: ConnectionId, peer: &PeerContext) {
        if let (true, Some(storage_id)) =
            (peer.metadata.reports_durable_heads, &peer.metadata.storage_id)
        {
            let message = WireMessage::RemoteSubscriptionChange {
                sender: self.options.peer.clone(),
                target: peer.peer.clone(),
                add: vec![storage_id.clone()],
                remove: Vec::new(),
            };
            self.push_frame(id, &message);
        }
    }

    pub(super) fn subscription_changed(
        &mut self,
        id: ConnectionId,
        add: Vec<StorageId>,
        remove: &[StorageId],
    ) {
        const MAX_SUBSCRIPTIONS: usize = 1024;
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let own = self.options.storage_id.as_ref();
        let heard = own.is_some_and(|own| connection.subscriptions.contains(own));
        remove.iter().for_each(|storage_id| {
            connection.subscriptions.remove(storage_id);
        });
        let mut has_more = false;
        for storage_id in add {
            if connection.subscriptions.len() < MAX_SUBSCRIPTIONS {
                let is_foreign = own != Some(&storage_id);
                has_more |= connection.subscriptions.insert(storage_id) && is_foreign;
            }
        }
        // Who hears already has been told of all documents so far.
        let hears = own.is_some_and(|own| connection.subscriptions.contains(own));
        if !has_more && (heard || !hears) {
            return;
        }
        let documents: Vec<_> = connection.documents.iter().cloned().collect();
        for document in documents {
            self.pass_on_reports(&document, |other| other == id);
            self.report_durable(&document, |other, _| other == id);
        }
    }

    pub(super) fn greeting_due(&mut self, id: ConnectionId, now: Now) {
        let stage = self.connections.get(&id).map(|connection| &connection.stage);
        if matches!(stage, Some(Stage::Greeting)) {
            self.close(id, "the other side said nothing", now);
        }
    }

    /// Asks for the connection to be closed; its sessions end now.
    pub(super) fn close(&mut self, id: ConnectionId, reason: &str, now: Now) {
        self.close_for(id, CloseCause::Finished, reason, now);
    }

    /// Closes the connection of a peer that does not keep to the protocol.
    pub(super) fn cut(&mut self, id: ConnectionId, reason: &str, now: Now) {
        self.close_for(id, CloseCause::Violation, reason, now);
    }

    /// Closes the connection of a stranger whose message inflates to too much. One that we dialed
    /// stays for the sake of its other documents.
    pub(super) fn cut_too_large(&mut self, id: ConnectionId, reason: &str, now: Now) {
        if self.connections.get(&id).is_some_and(|connection| connection.dialer.is_none()) {
            self.close_for(id, CloseCause::TooLarge, reason, now);
        }
    }

    fn close_for(&mut self, id: ConnectionId, cause: CloseCause, reason: &str, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.stage, Stage::Closing) {
            return;
        }
        let dialer = connection.dialer;
        self.end_sessions(id, now);
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.stage = Stage::Closing;
        }
        self.effects.push(Effect::Close { connection: id, cause, reason: reason.to_owned() });
        if let Some(dialer) = dialer.and_then(|dialer| self.dialers.get_mut(&dialer)) {
            dialer.last_error = Some(ConnectionError::Lost(reason.to_owned()));
        }
        self.connections_changed = true;
    }

    pub(super) fn closed(&mut self, id: ConnectionId, error: ConnectionError, now: Now) {
        self.end_sessions(id, now);
        let Some(connection) = self.connections.remove(&id) else { return };
        let random = self.random.next();
        let dialer_id = connection.dialer;
        if let Some((id, dialer)) = dialer_id.and_then(|id| Some((id, self.dialers.get_mut(&id)?)))
        {
            dialer.connection = None;
            // Who takes a connection and ends it at once is not dialed all the time.
            if dialer.connected_at.take().is_some_and(|at| at + LASTING <= now.elapsed) {
                dialer.backoff.succeeded();
            }
            if !matches!(connection.stage, Stage::Closing) {
                dialer.last_error = Some(error);
            }
            if !self.offline {
                let pause = match std::mem::take(&mut dialer.at_once) {
                    true => Duration::ZERO,
                    false => dialer.backoff.failed(random),
                };
                let at = now.elapsed + pause;
                dialer.retry_at = Some(at);
                self.timers.set(Timer::Dial(id), at);
            }
        }
        self.connections_changed = true;
        // Those whom we dial are waited for by whoever has a document open.
        if dialer_id.is_some() {
            self.settle_requests();
        }
    }

    /// Ends the sessions of a connection; what they know of the peer's store is kept.
    fn end_sessions(&mut self, id: ConnectionId, now: Now) {
        self.announcing.remove(&id);
        self.requestable.remove(&id);
        self.timers.clear(&Timer::Greeting(id));
        self.timers.clear(&Timer::Offer(id));
        self.touched.remove(&id);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.news.clear();
        connection.offers.clear();
        let documents = std::mem::take(&mut connection.documents);
        let Some(peer) = connection.peer() else { return };
        let storage_id = peer.lasting_storage_id().cloned();
        if self.accepted.get(&peer.peer) == Some(&id) {
            self.accepted.remove(&peer.peer);
        }
        for document in documents {
            self.end_session(&document, id, storage_id.as_ref(), now);
            self.settle_request(&document);
        }
    }
}
