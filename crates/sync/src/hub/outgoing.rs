//! What leaves: frames at once while there is room, news of documents as there is.

use std::time::Duration;

use super::{
    Hub, Timer,
    connection::{Connection, Stage},
    slot::{PeerKnowledge, Phase, Session, Slot},
    traffic::Direction,
};
use crate::{
    ConnectionId, DocumentId, Effect, Now, PeerId,
    session::{generate_for_one_of_many, generate_heads},
    wire::{DocumentMessage, RemoteHeads, WireMessage},
};

/// So much may be on its way to a socket; more waits as names of documents with news.
const WINDOW_FRAMES: usize = 16;
const WINDOW_BYTES: usize = 256 << 10;
/// So many frames that cannot wait as names may wait for a slow peer.
const MAX_WAITING_FRAMES: usize = 4096;
const MAX_WAITING_BYTES: usize = 4 << 20;
/// A peer that has not answered so many messages of a document hears of it now and then only, so
/// that whoever writes without pause sends many changes in a message instead of many messages.
const MAX_UNANSWERED: usize = 16;
const PACE: Duration = Duration::from_millis(100);
/// Peers that only read hear so often of what is durable here.
const REPORT_EVERY: Duration = Duration::from_secs(2);

impl Connection {
    fn has_room(&self) -> bool {
        self.in_flight.len() < WINDOW_FRAMES
            && (self.in_flight_bytes < WINDOW_BYTES || self.in_flight.is_empty())
    }

    /// Whether another frame may wait. Those who cannot keep up lose what nobody keeps.
    pub(super) fn may_wait(&self, length: usize) -> bool {
        self.frames.len() < MAX_WAITING_FRAMES && self.frames_bytes + length <= MAX_WAITING_BYTES
    }
}

impl Hub {
    /// Queues a frame.
    pub(super) fn push_frame(&mut self, id: ConnectionId, message: &WireMessage) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.stage, Stage::Closing) {
            return;
        }
        let frame = message.encode();
        if connection.may_wait(frame.len()) {
            // These are never sync messages, so they count for the connection alone.
            connection.traffic.count(Direction::Sent, frame.len());
            connection.frames_bytes += frame.len();
            connection.frames.push_back(frame);
            self.touched.insert(id);
        }
    }

    /// Notes that a document has news for a peer.
    pub(super) fn queue_news(&mut self, document: &DocumentId, id: ConnectionId) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let Some(session) = slot.sessions.get_mut(&id) else { return };
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if !session.queued {
            session.queued = true;
            connection.news.push_back(document.clone());
        }
        self.touched.insert(id);
    }

    pub(super) fn queue_news_for_all(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get(document) else { return };
        let ids: Vec<_> = slot.sessions.keys().copied().collect();
        ids.into_iter().for_each(|id| self.queue_news(document, id));
    }

    /// Tells those who asked what is durable of a document: at once those of whom it is, the
    /// others a little later, when there may be more to tell.
    pub(super) fn durable_moved(&mut self, document: &DocumentId, now: Now) {
        self.report_durable(document, |_, session| std::mem::take(&mut session.contributed));
        if self.options.reports_durable_heads {
            self.timers.set_if_unset(Timer::Report(document.clone()), now.elapsed + REPORT_EVERY);
        }
    }

    /// Tells those who asked, and of whom the filter says so, what is durable of a document.
    pub(super) fn report_durable(
        &mut self,
        document: &DocumentId,
        mut filter: impl FnMut(ConnectionId, &mut Session) -> bool,
    ) {
        let Some(own) = &self.options.storage_id else { return };
        if !self.options.reports_durable_heads {
            return;
        }
        let Some(slot) = self.slots.get_mut(document) else { return };
        let mut due = Vec::new();
        if slot.disk.heads.is_empty() {
            return;
        }
        for (id, session) in &mut slot.sessions {
            let asked =
                self.connections.get(id).is_some_and(|open| open.subscriptions.contains(own));
            if filter(*id, session) && asked && session.reported.as_ref() != Some(&slot.disk.heads)
            {
                session.report_due = true;
                due.push(*id);
            }
        }
        due.into_iter().for_each(|id| self.queue_news(document, id));
    }

    /// Tells those who asked, and of whom the filter says so, what other servers said of their own
    /// disks. Only their own word is passed on, so that nothing goes round.
    pub(super) fn pass_on_reports(
        &mut self,
        document: &DocumentId,
        filter: impl Fn(ConnectionId) -> bool,
    ) {
        let Some(slot) = self.slots.get(document).filter(|slot| !slot.durable.is_empty()) else {
            return;
        };
        let due = slot.sessions.iter().filter(|(id, session)| {
            let open = self.connections.get(id).filter(|_| filter(**id));
            open.is_some_and(|open| unheard(slot, session, open).next().is_some())
        });
        let due: Vec<_> = due.map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.queue_news(document, id));
    }

    pub(super) fn sent(&mut self, id: ConnectionId, frames: usize, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        for _ in 0..frames {
            if let Some(length) = connection.in_flight.pop_front() {
                connection.in_flight_bytes -= length;
            }
        }
        self.flush(id, now);
    }

    /// Hands over what there is room for.
    pub(super) fn flush(&mut self, id: ConnectionId, now: Now) {
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if matches!(connection.stage, Stage::Dialing | Stage::Closing) || !connection.has_room()
            {
                return;
            }
            if let Some(frame) = connection.frames.pop_front() {
                connection.frames_bytes -= frame.len();
                self.send(id, frame);
            } else if let Some(document) = connection.news.pop_front() {
                self.send_news(&document, id, now);
            } else {
                return;
            }
        }
    }

    fn send(&mut self, id: ConnectionId, frame: Vec<u8>) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.in_flight.push_back(frame.len());
        connection.in_flight_bytes += frame.len();
        self.effects.push(Effect::Send { connection: id, frame });
    }

    /// Makes the messages of one document for one peer.
    fn send_news(&mut self, document: &DocumentId, id: ConnectionId, now: Now) {
        let Some(target) = self.peer_of(id).cloned() else { return };
        if let Some(slot) = self.slots.get_mut(document)
            && let Some(session) = slot.sessions.get_mut(&id)
        {
            session.queued = false;
        }
        for message in [
            self.unavailable_message(document, id, &target),
            self.sync_message(document, id, &target, now),
            self.durable_message(document, id, &target, now),
            self.passed_on_message(document, id, &target),
        ]
        .into_iter()
        .flatten()
        {
            let frame = message.encode();
            self.count_sent(document, id, &message, frame.len(), now);
            self.send(id, frame);
        }
    }

    fn unavailable_message(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        target: &PeerId,
    ) -> Option<WireMessage> {
        let session = self.slots.get_mut(document)?.sessions.get_mut(&id)?;
        std::mem::take(&mut session.unavailable_due)
            .then(|| WireMessage::DocUnavailable(self.message(document, target, Vec::new())))
    }

    fn sync_message(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        target: &PeerId,
        now: Now,
    ) -> Option<WireMessage> {
        let slot = self.slots.get_mut(document)?;
        let session = slot.sessions.get_mut(&id)?;
        let is_absent = slot.document.heads().is_empty();
        let peer = self.connections.get(&id)?.peer()?;
        if slot.phase == Phase::Dormant {
            let is_party = session.is_party(&*self.policy, peer, document);
            if !is_party || session.problem.is_some() {
                return None;
            }
            let data = generate_heads(&slot.disk.heads, &mut session.state)?.encode();
            session.unanswered += 1;
            return Some(WireMessage::Sync(self.message(document, target, data)));
        }
        let may_speak = match slot.phase {
            Phase::Ready => {
                !slot.publisher.is_holding() && session.is_party(&*self.policy, peer, document)
            }
            // An absent document is spoken of to those who were asked, or who have it.
            Phase::Requesting | Phase::Unavailable => {
                session.asked || session.knowledge == PeerKnowledge::Has
            }
            _ => false,
        };
        if !may_speak || session.problem.is_some() {
            return None;
        }
        if session.unanswered >= MAX_UNANSWERED && session.paced_until > now.elapsed {
            self.timers.set_if_unset(Timer::Pace(document.clone()), session.paced_until);
            return None;
        }
        let is_request = is_absent
            && session.state.shared_heads().is_empty()
            && session.knowledge == PeerKnowledge::Unknown;
        let sent_before = session.state.changes_sent();
        let data = generate_for_one_of_many(&slot.document, &mut session.state, &mut slot.packed)?
            .encode();
        let changes = session.state.changes_sent() - sent_before;
        session.unanswered += 1;
        session.paced_until = now.elapsed + PACE;
        self.count_changes(document, id, Direction::Sent, changes);
        let message = self.message(document, target, data);
        Some(match is_request {
            true => WireMessage::Request(message),
            false => WireMessage::Sync(message),
        })
    }

    /// Whether what happens in the document concerns the peer.
    pub(super) fn is_party(
        &self,
        id: ConnectionId,
        session: &Session,
        document: &DocumentId,
    ) -> bool {
        let peer = self.connections.get(&id).and_then(Connection::peer);
        peer.is_some_and(|peer| session.is_party(&*self.policy, peer, document))
    }

    fn durable_message(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        target: &PeerId,
        now: Now,
    ) -> Option<WireMessage> {
        let slot = self.slots.get_mut(document)?;
        let session = slot.sessions.get_mut(&id)?;
        if !std::mem::take(&mut session.report_due) {
            return None;
        }
        let heads = slot.disk.heads.clone();
        session.reported = Some(heads.clone());
        let storage_id = self.options.storage_id.clone()?;
        Some(WireMessage::RemoteHeadsChanged {
            sender: self.options.peer.clone(),
            target: target.clone(),
            document: document.clone(),
            heads: vec![RemoteHeads { storage_id, heads, timestamp: now.unix_ms }],
        })
    }

    fn passed_on_message(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        target: &PeerId,
    ) -> Option<WireMessage> {
        let slot = self.slots.get_mut(document)?;
        let (open, session) = (self.connections.get(&id)?, slot.sessions.get(&id)?);
        let heads: Vec<_> = unheard(slot, session, open).collect();
        let session = slot.sessions.get_mut(&id)?;
        for report in &heads {
            session.passed_on.insert(report.storage_id.clone(), report.timestamp);
        }
        (!heads.is_empty()).then(|| WireMessage::RemoteHeadsChanged {
            sender: self.options.peer.clone(),
            target: target.clone(),
            document: document.clone(),
            heads,
        })
    }

    fn message(&self, document: &DocumentId, target: &PeerId, data: Vec<u8>) -> DocumentMessage {
        DocumentMessage {
            sender: self.options.peer.clone(),
            target: target.clone(),
            document: document.clone(),
            data,
        }
    }
}

/// The reports of other stores that the peer wants to hear of and has not heard.
fn unheard<'a>(
    slot: &'a Slot,
    session: &'a Session,
    open: &'a Connection,
) -> impl Iterator<Item = RemoteHeads> + 'a {
    let wanted = slot.durable.iter().filter(|(storage_id, report)| {
        open.subscriptions.contains(*storage_id)
            && session.passed_on.get(*storage_id) != Some(&report.timestamp)
            // Whoever said it knows it.
            && open.peer().is_some_and(|peer| peer.peer != report.peer)
    });
    wanted.map(|(storage_id, report)| RemoteHeads {
        storage_id: storage_id.clone(),
        heads: report.heads.clone(),
        timestamp: report.timestamp,
    })
}
