//! Documents that are not here: asking peers, answering those who ask, and announcing.

use std::time::Duration;

use super::{
    Hub, Timer,
    slot::{PeerKnowledge, Phase},
};
use crate::{Access, ConnectionId, DocumentEvent, DocumentId, Extensions, Now, PeerContext};

/// Peers that say nothing for so long after they were asked do not have the document.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two documents that lie on the disk and are offered to a peer that has just come: those
/// who are connected come first, here and there.
const OFFER_PAUSE: Duration = Duration::from_millis(5);
/// A peer that asks hears only after so long that nobody has the document: links travel faster
/// than documents, so that what it names may be on its way here.
const GRACE: Duration = Duration::from_millis(500);

impl Hub {
    /// After the disk or a peer has spoken: answers those who want an absent document, or asks.
    pub(super) fn answer_or_ask(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get(document) else { return };
        let somebody_wants = slot.watchers > 0 || slot.sessions.values().any(|s| s.wants);
        match slot.phase {
            Phase::Ready => {
                if let Some(slot) = self.slots.get_mut(document) {
                    slot.sessions.values_mut().for_each(|session| session.wants = false);
                }
            }
            Phase::Deleted => self.unavailable_here(document),
            Phase::Requesting => self.settle_request(document),
            Phase::Unavailable if somebody_wants => {
                self.set_phase(document, Phase::Requesting);
                let candidates: Vec<_> = self.requestable.iter().copied().collect();
                for id in candidates {
                    self.request_from(document, id);
                }
                let patience = match self.slots.get_mut(document) {
                    Some(slot) if slot.sessions.values().any(|session| session.wants) => {
                        slot.is_in_grace = true;
                        GRACE
                    }
                    _ => PATIENCE,
                };
                self.timers.set(Timer::Request(document.clone()), now.elapsed + patience);
                self.settle_request(document);
            }
            _ => {}
        }
    }

    /// A connection that can be asked is there: asks it for everything that somebody waits for.
    pub(super) fn request_all(&mut self, id: ConnectionId) {
        let wanted: Vec<_> = self.wanted.iter().cloned().collect();
        for document in wanted {
            self.request_from(&document, id);
        }
    }

    fn request_from(&mut self, document: &DocumentId, id: ConnectionId) {
        let Some(peer) = self.connections.get(&id).and_then(|open| open.peer().cloned()) else {
            return;
        };
        let access = self.policy.access(&peer, document);
        // Who may not write here cannot supply what is missing.
        if access != Access::ReadWrite {
            return;
        }
        self.ensure_session(document, id, &peer, access);
        let Some(slot) = self.slots.get_mut(document) else { return };
        let Some(session) = slot.sessions.get_mut(&id) else { return };
        if session.knowledge == PeerKnowledge::Unknown && session.problem.is_none() {
            session.asked = true;
            self.queue_news(document, id);
        }
    }

    pub(super) fn settle_requests(&mut self) {
        let wanted: Vec<_> = self.wanted.iter().cloned().collect();
        for document in wanted {
            self.settle_request(&document);
        }
    }

    /// Gives up on a document when nobody who was asked may still have it.
    pub(super) fn settle_request(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get(document) else { return };
        if slot.phase != Phase::Requesting || slot.is_in_grace {
            return;
        }
        let hope = slot.sessions.values().any(|session| {
            let supplies =
                session.knowledge == PeerKnowledge::Has && session.access == Access::ReadWrite;
            session.problem.is_none() && (session.asked || supplies)
        });
        let somebody_comes = slot.watchers > 0 && self.is_dialing();
        if !hope && !somebody_comes {
            self.unavailable_here(document);
        }
    }

    pub(super) fn stop_waiting(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        if slot.phase != Phase::Requesting {
            return;
        }
        if std::mem::take(&mut slot.is_in_grace) {
            self.timers.set(Timer::Request(document.clone()), now.elapsed + PATIENCE);
            self.settle_request(document);
        } else {
            self.unavailable_here(document);
        }
    }

    fn unavailable_here(&mut self, document: &DocumentId) {
        self.timers.clear(&Timer::Request(document.clone()));
        let Some(slot) = self.slots.get_mut(document) else { return };
        let deleted = slot.phase == Phase::Deleted;
        let mut waiting = Vec::new();
        for (id, session) in &mut slot.sessions {
            session.asked = false;
            if std::mem::take(&mut session.wants) {
                session.unavailable_due = true;
                waiting.push(*id);
            }
        }
        if !deleted {
            self.set_phase(document, Phase::Unavailable);
            self.tell(document, DocumentEvent::Unavailable);
        }
        waiting.into_iter().for_each(|id| self.queue_news(document, id));
    }

    /// Starts syncing a document that is here now with everybody to whom it is announced.
    pub(super) fn announce(&mut self, document: &DocumentId) {
        let candidates: Vec<_> = self.announcing.iter().copied().collect();
        for id in candidates {
            let Some(peer) = self.connections.get(&id).and_then(|open| open.peer().cloned()) else {
                continue;
            };
            self.announce_to(document, id, &peer);
        }
    }

    /// Starts syncing everything that is announced to a peer that has just come: at once what is in
    /// memory, and one by one what lies on the disk, first of it what somebody here uses.
    ///
    /// All of that is named, also what the peer is known to have: a server tells the news of a
    /// document to none but those who named it on the same connection.
    pub(super) fn announce_all(&mut self, id: ConnectionId, peer: &PeerContext, now: Now) {
        let (mut ready, mut used, mut unused) = (Vec::new(), Vec::new(), Vec::new());
        for (document, slot) in &self.slots {
            match slot.phase {
                Phase::Ready => ready.push(document.clone()),
                Phase::Dormant if !slot.sessions.is_empty() => used.push(document.clone()),
                Phase::Dormant => unused.push(document.clone()),
                _ => {}
            }
        }
        for document in ready {
            self.announce_to(&document, id, peer);
        }
        used.append(&mut unused);
        if let Some(connection) = self.connections.get_mut(&id).filter(|_| !used.is_empty()) {
            connection.offers.extend(used);
            self.timers.set_if_unset(Timer::Offer(id), now.elapsed);
        }
    }

    /// Offers a document that lies on the disk to all who are connected, when it is its turn.
    pub(super) fn offer(&mut self, document: &DocumentId, now: Now) {
        for id in &self.announcing {
            if let Some(connection) = self.connections.get_mut(id) {
                connection.offers.push_back(document.clone());
                self.timers.set_if_unset(Timer::Offer(*id), now.elapsed);
            }
        }
    }

    /// Offers the next document to a peer.
    pub(super) fn offer_next(&mut self, id: ConnectionId, now: Now) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let Some(peer) = connection.peer().cloned() else { return };
        while let Some(document) = connection.offers.pop_front() {
            // What came into memory meanwhile was announced then.
            let slot = self.slots.get(&document).filter(|slot| slot.phase == Phase::Dormant);
            let Some(slot) = slot.filter(|_| self.policy.announce(&peer, &document)) else {
                continue;
            };
            // Whoever takes heads first need not be told more than those.
            let extensions = Extensions::from_bits(peer.metadata.sync_extensions);
            let needs_document =
                slot.disk.heads.is_empty() || !extensions.contains(Extensions::HEADS_FIRST);
            self.announce_to(&document, id, &peer);
            if needs_document {
                self.wake(&document, now);
            }
            return self.timers.set(Timer::Offer(id), now.elapsed + OFFER_PAUSE);
        }
    }

    fn announce_to(&mut self, document: &DocumentId, id: ConnectionId, peer: &PeerContext) {
        if !self.policy.announce(peer, document) {
            return;
        }
        let access = self.policy.access(peer, document);
        if access != Access::Deny {
            self.ensure_session(document, id, peer, access);
            let slot = self.slots.get_mut(document);
            if let Some(session) = slot.and_then(|slot| slot.sessions.get_mut(&id)) {
                session.is_chosen = true;
            }
            self.queue_news(document, id);
        }
    }

    /// Loads a document that has a session and lies on disk only.
    pub(super) fn wake(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        if slot.phase == Phase::Dormant && !slot.sessions.is_empty() {
            slot.last_used = now.elapsed;
            self.load(document);
        }
    }

    /// Asks the policy again about a document whose sharing a person has changed.
    pub fn sharing_changed(&mut self, document: &DocumentId, now: Now) {
        let Some(slot) = self.slots.get(document) else { return };
        let sessions: Vec<_> = slot.sessions.keys().copied().collect();
        for id in sessions {
            let Some(peer) = self.connections.get(&id).and_then(|open| open.peer().cloned()) else {
                continue;
            };
            let slot = self.slots.get(document);
            let session = slot.and_then(|slot| slot.sessions.get(&id));
            let is_withdrawn = session.is_some_and(|session| session.is_chosen)
                && !self.policy.announce(&peer, document)
                && !self.policy.passes_on(&peer, document);
            if is_withdrawn || self.policy.access(&peer, document) == Access::Deny {
                let storage_id = peer.lasting_storage_id().cloned();
                self.end_session(document, id, storage_id.as_ref(), now);
                if let Some(connection) = self.connections.get_mut(&id) {
                    connection.documents.remove(document);
                    if is_withdrawn {
                        // It knows the name, and would go on to speak of it.
                        connection.withdrawn.insert(document.clone());
                    }
                }
            }
        }
        let phase = self.slots.get(document).map(|slot| slot.phase);
        if matches!(phase, Some(Phase::Ready | Phase::Dormant)) {
            self.announce(document);
            self.wake(document, now);
        }
    }
}
