//! What arrives: frames, sync messages, and what they change.

use super::{
    Hub, Timer,
    connection::Stage,
    set_aside::MAX_SET_ASIDE_BYTES,
    slot::{DurableReport, PeerKnowledge, Pending, Phase, Session, Slot},
    traffic::Direction,
};
use crate::{
    Access, ConnectionId, DocumentEvent, DocumentId, Effect, Extensions, Message, Now, Origin,
    PeerContext, PeerId, State, StorageId, receive_sync_message,
    session::receive_heads,
    wire::{DocumentMessage, RemoteHeads, WireMessage},
};
use rejoin_document::{ChangeHash, Patch};

/// A document has few heads. Who reports more than this means something else than to inform.
const MAX_REPORTED_HEADS: usize = 4096;

/// How a sync message came.
struct Arrived {
    is_request: bool,
    /// The length of its frame.
    bytes: usize,
}

/// What a sync message did.
struct Taken {
    /// It was the first of its session.
    is_first: bool,
    new_changes: usize,
    /// Changes that were dropped for want of room, whoever had sent them.
    dropped: usize,
    /// The heads before, when they have moved.
    heads_before: Option<Vec<ChangeHash>>,
    /// Why the session ends, in words, and whether it is for too many bytes.
    problem: Option<(String, bool)>,
}

impl Hub {
    pub(super) fn received(&mut self, id: ConnectionId, frame: &[u8], now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let stage_is_greeting = match &connection.stage {
            Stage::Greeting => true,
            Stage::Ready(_) => false,
            Stage::Dialing | Stage::Closing => return,
        };
        let message = match WireMessage::decode_after(frame, connection.last_named.as_ref()) {
            Ok(message) => message,
            Err(error) => return self.cut(id, &format!("not a message: {error}"), now),
        };
        connection.traffic.count(Direction::Received, frame.len());
        if stage_is_greeting {
            return self.greeted(id, message, now);
        }
        let Some(peer) = connection.peer().cloned() else { return };
        let bytes = frame.len();
        match message {
            WireMessage::Sync(message) if message.sender == peer.peer => {
                self.document_message(
                    id,
                    &peer,
                    message,
                    Arrived { is_request: false, bytes },
                    now,
                );
            }
            WireMessage::Request(message) if message.sender == peer.peer => {
                self.document_message(id, &peer, message, Arrived { is_request: true, bytes }, now);
            }
            WireMessage::DocUnavailable(message) if message.sender == peer.peer => {
                self.unavailable_there(id, &message.document);
            }
            WireMessage::Ephemeral(message) => self.ephemeral_arrived(id, message, now),
            WireMessage::RemoteSubscriptionChange { sender, add, remove, .. }
                if sender == peer.peer =>
            {
                self.subscription_changed(id, add, &remove);
            }
            WireMessage::RemoteHeadsChanged { sender, document, heads, .. }
                if sender == peer.peer =>
            {
                self.heads_reported(&peer, &document, heads, now);
            }
            WireMessage::Error { message } => {
                self.close(id, &format!("the other side reports: {message}"), now);
            }
            WireMessage::Leave { sender } if sender == peer.peer => {
                self.close(id, "the other side left", now);
            }
            // Messages in another peer's name, second greetings and unknown kinds mean nothing.
            _ => {}
        }
    }

    fn document_message(
        &mut self,
        id: ConnectionId,
        peer: &PeerContext,
        message: DocumentMessage,
        Arrived { is_request, bytes }: Arrived,
        now: Now,
    ) {
        let document = message.document;
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.last_named.as_ref() != Some(&document)
        {
            connection.last_named = Some(document.clone());
        }
        let access = self.policy.access(peer, &document);
        let known = self.slots.contains_key(&document);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let is_withdrawn = connection.withdrawn.contains(&document);
        let is_full = !peer.is_trusted_server()
            && connection.documents.len() >= self.options.documents_per_connection
            && !connection.documents.contains(&document);
        if is_full && !std::mem::replace(&mut connection.is_known_to_be_full, true) {
            let limit = self.options.documents_per_connection;
            self.warn(id, &document, format!("more than {limit} documents on one connection"));
        }
        let deleted = self.slots.get(&document).is_some_and(|slot| slot.phase == Phase::Deleted);
        if access == Access::Deny || is_full || deleted || is_withdrawn {
            let refusal = WireMessage::DocUnavailable(DocumentMessage {
                sender: self.options.peer.clone(),
                target: peer.peer.clone(),
                document,
                data: Vec::new(),
            });
            return self.push_frame(id, &refusal);
        }
        if let (false, Some(heads)) = (known, self.asleep.remove(&document)) {
            self.slots.insert(document.clone(), Slot::dormant(heads, now.elapsed));
        } else if !known {
            self.slots.insert(document.clone(), Slot::new(Phase::Unavailable, now.elapsed));
            self.load(&document);
        }
        self.ensure_session(&document, id, peer, access);
        let Some(slot) = self.slots.get_mut(&document) else { return };
        slot.last_used = now.elapsed;
        slot.traffic.count(Direction::Received, bytes, slot.watchers > 0, now.elapsed);
        if slot.is_in_memory() {
            self.process(&document, id, peer, is_request, &message.data, now);
        } else if self.is_settled_by_heads(&document, id, &message.data, now) {
            // Nothing of the document is needed.
        } else if self
            .wait_for_disk(&document, Pending { connection: id, is_request, data: message.data })
        {
            if self.slots.get(&document).is_some_and(|slot| slot.phase == Phase::Dormant) {
                self.load(&document);
            }
        } else {
            self.cut(id, "too much arrived while the disk was read", now);
        }
    }

    /// Takes a message about a document that lies on the disk only, from a peer that has the same of
    /// it; false when the document has to be read for it.
    fn is_settled_by_heads(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        data: &[u8],
        now: Now,
    ) -> bool {
        let Some(slot) = self.slots.get_mut(document) else { return false };
        let Some(session) = slot.sessions.get_mut(&id) else { return false };
        if slot.phase != Phase::Dormant || session.problem.is_some() {
            return false;
        }
        let is_first = session.state.their_heads().is_none();
        let settles = |message| receive_heads(&slot.disk.heads, &mut session.state, &message);
        if !Message::decode(data).is_ok_and(settles) {
            return false;
        }
        session.heard_at = Some(now.unix_ms);
        session.unanswered = 0;
        session.knowledge = PeerKnowledge::Has;
        session.asked = false;
        self.sync_state_changed(document, now);
        self.status_changed.insert(document.clone());
        self.queue_news(document, id);
        self.report_durable(document, |other, session| other == id && session.reported.is_none());
        if is_first {
            self.pass_on_reports(document, |other| other == id);
        }
        true
    }

    /// Makes the session of a document with a connection unless there is one.
    pub(super) fn ensure_session(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        peer: &PeerContext,
        access: Access,
    ) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        if slot.sessions.contains_key(&id) {
            return;
        }
        let kept = peer.lasting_storage_id().and_then(|storage_id| slot.disk.state_for(storage_id));
        let mut state = kept.and_then(|kept| State::decode(kept).ok()).unwrap_or_default();
        state.set_max_inflated(self.options.max_inflated);
        state.set_read_only(access == Access::ReadOnly);
        state.set_peer_extensions(Extensions::from_bits(peer.metadata.sync_extensions));
        slot.sessions.insert(id, Session::new(state, access));
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.documents.insert(document.clone());
            connection.withdrawn.remove(document);
        }
        self.status_changed.insert(document.clone());
    }

    /// Takes a sync message into a document that is in memory, and lets everybody know who should.
    pub(super) fn process(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        peer: &PeerContext,
        is_request: bool,
        data: &[u8],
        now: Now,
    ) {
        let Some(taken) = self.take_in(document, id, is_request, data, now) else { return };
        self.sync_state_changed(document, now);
        self.count_changes(document, id, Direction::Received, taken.new_changes);
        if let Some(before) = taken.heads_before {
            let patches = self.slots.get_mut(document).and_then(Slot::take_patches);
            self.changed(document, before, patches, Origin::Remote(peer.peer.clone()), now);
        }
        if taken.dropped > 0 {
            self.dropped(document, id, taken.dropped, now);
        }
        self.status_changed.insert(document.clone());
        self.queue_news(document, id);
        // What was durable before this session began will not be written again.
        self.report_durable(document, |other, session| other == id && session.reported.is_none());
        if taken.is_first {
            self.pass_on_reports(document, |other| other == id);
        }
        self.answer_or_ask(document, now);
        match taken.problem {
            Some((problem, true)) => self.cut_too_large(id, &problem, now),
            Some((problem, false)) => self.warn(id, document, problem),
            None => {}
        }
    }

    /// Takes a sync message into a document and the session that it belongs to; none where that has
    /// come to an end.
    fn take_in(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        is_request: bool,
        data: &[u8],
        now: Now,
    ) -> Option<Taken> {
        let slot = self.slots.get_mut(document)?;
        let session = slot.sessions.get_mut(&id).filter(|session| session.problem.is_none())?;
        let by_others = self.set_aside_bytes - slot.set_aside_bytes;
        let in_all = MAX_SET_ASIDE_BYTES.saturating_sub(by_others);
        session.state.set_max_set_aside(self.options.max_set_aside.min(in_all));
        let before = slot.document.heads().to_vec();
        let (count, dropped) = (slot.document.change_count(), slot.document.dropped());
        let is_first = session.state.their_heads().is_none();
        let result = match Message::decode(data) {
            Ok(message) => {
                receive_sync_message(&mut slot.document, &mut session.state, message, &mut slot.log)
                    .map_err(|error| (error.to_string(), error.is_too_large()))
            }
            Err(error) => Err((error.to_string(), false)),
        };
        session.heard_at = Some(now.unix_ms);
        session.unanswered = 0;
        if session.state.their_heads().is_some_and(|heads| !heads.is_empty()) {
            session.knowledge = PeerKnowledge::Has;
            session.asked = false;
            // Who may only read cannot supply what is missing here, and waits for it like others.
            session.wants |= session.access == Access::ReadOnly;
        } else if is_request {
            session.knowledge = PeerKnowledge::Lacks;
            session.asked = false;
            session.wants = true;
        }
        let problem = result.err();
        // One document that cannot be synced does not cost the others of this connection.
        session.problem = problem.as_ref().map(|(problem, _)| problem.clone());
        let has_changed = slot.document.heads() != before.as_slice();
        session.contributed |= has_changed;
        let taken = Taken {
            is_first,
            new_changes: slot.document.change_count() - count,
            dropped: slot.document.dropped().saturating_sub(dropped),
            heads_before: has_changed.then_some(before),
            problem,
        };
        // Somebody who writes, or has just come to read, is company: nothing is held back.
        if (has_changed || is_first) && slot.publisher.yields_to_company() {
            slot.publisher.published();
            self.timers.clear(&Timer::Publish(document.clone()));
            self.queue_news_for_all(document);
        }
        self.count_set_aside(document);
        Some(taken)
    }

    pub(super) fn warn(&mut self, id: ConnectionId, document: &DocumentId, reason: String) {
        let address = self.connections.get(&id).map_or("", |connection| connection.address());
        let (address, document) = (address.to_owned(), document.clone());
        self.effects.push(Effect::Warn { address, document, reason });
    }

    /// The heads of a document have moved: everybody who should know learns of it.
    pub(super) fn changed(
        &mut self,
        document: &DocumentId,
        before: Vec<ChangeHash>,
        patches: Option<Vec<Patch>>,
        origin: Origin,
        now: Now,
    ) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        slot.last_used = now.elapsed;
        let heads = slot.document.heads().to_vec();
        let was_missing = before.is_empty() && !heads.is_empty();
        let is_waiting = matches!(slot.phase, Phase::Requesting | Phase::Unavailable);
        let dirty = slot.is_dirty();
        if was_missing && is_waiting {
            self.set_phase(document, Phase::Ready);
            self.timers.clear(&Timer::Request(document.clone()));
            self.tell(document, DocumentEvent::Ready);
            self.announce(document);
        }
        self.tell(document, DocumentEvent::Changed { origin, patches, before, heads });
        self.queue_news_for_all(document);
        if dirty {
            self.needs_saving(document, now);
        }
        self.status_changed.insert(document.clone());
    }

    /// A store tells what it would still have after a power cut.
    fn heads_reported(
        &mut self,
        peer: &PeerContext,
        document: &DocumentId,
        reports: Vec<RemoteHeads>,
        now: Now,
    ) {
        // Only the store itself knows what it has; hearsay would not be the truth for long. And
        // anybody who dials us could take the name of a store.
        if !peer.metadata.reports_durable_heads || !peer.is_trusted_server() {
            return;
        }
        let Some(own) = &peer.metadata.storage_id else { return };
        let Some(slot) = self.slots.get_mut(document) else { return };
        let is_sound = |report: &RemoteHeads| {
            report.storage_id == *own && report.heads.len() <= MAX_REPORTED_HEADS
        };
        let mut is_news = false;
        for report in reports.into_iter().filter(is_sound) {
            let report = DurableReport {
                peer: peer.peer.clone(),
                heads: report.heads,
                at: now.unix_ms,
                timestamp: report.timestamp,
            };
            slot.note_report(own.clone(), report);
            self.status_changed.insert(document.clone());
            is_news = true;
        }
        if is_news {
            self.pass_on_reports(document, |_| true);
        }
    }

    /// Ends the session of a document with a connection that is gone.
    pub(super) fn end_session(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        storage_id: Option<&StorageId>,
        now: Now,
    ) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let Some(session) = slot.sessions.remove(&id) else { return };
        let waited = slot.pending.cost();
        slot.pending.forget(id);
        self.waiting_bytes -= waited - slot.pending.cost();
        if let Some(storage_id) = storage_id
            && slot.disk.keep_state(storage_id, session.state.encode())
        {
            self.needs_saving(document, now);
        }
        self.status_changed.insert(document.clone());
        self.forget_if_unused(document);
    }

    /// The peer has no use for the name that it was asked about.
    pub(super) fn unavailable_there(&mut self, id: ConnectionId, document: &DocumentId) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let Some(session) = slot.sessions.get_mut(&id) else { return };
        session.asked = false;
        session.knowledge = PeerKnowledge::Lacks;
        self.settle_request(document);
    }

    /// The name of a peer, for those who are told.
    pub(super) fn peer_of(&self, id: ConnectionId) -> Option<&PeerId> {
        self.connections.get(&id)?.peer().map(|peer| &peer.peer)
    }
}
