//! Documents that are not here: asking peers, answering those who ask, and announcing.

use std::time::Duration;

use super::{
    Hub, Timer,
    slot::{PeerKnowledge, Phase},
};
use crate::{Access, ConnectionId, DocumentEvent, DocumentId, Now, PeerContext};

/// Peers that say nothing for so long after they were asked do not have the document.
const PATIENCE: Duration = Duration::from_secs(10);
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

    /// Starts syncing everything that is announced to a peer that has just come.
    pub(super) fn announce_all(&mut self, id: ConnectionId, peer: &PeerContext, now: Now) {
        let here: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| match slot.phase {
                Phase::Ready => true,
                // What the peer has on its disk needs no announcement, unless somebody here wants
                // to hear its own news of it: a server tells them to none but those who named the
                // document. That it once received something says nothing after a crash.
                Phase::Dormant => {
                    let durable = peer.lasting_storage_id().and_then(|id| slot.durable.get(id));
                    !slot.sessions.is_empty()
                        || durable.is_none_or(|report| report.heads != slot.disk.heads)
                }
                _ => false,
            })
            .map(|(document, _)| document.clone())
            .collect();
        for document in here {
            self.announce_to(&document, id, peer);
            self.wake(&document, now);
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
