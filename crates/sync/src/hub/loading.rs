//! Documents that come from the disk, and the messages that wait for them.

use super::{
    Hub, Timer,
    slot::{Disk, Pending, Phase},
};
use crate::{ConnectionId, DocumentEvent, DocumentId, Effect, LoadId, Now, StoredDocument};

/// All that waits while disks are read, or fail to be, takes at most this much of memory.
const MAX_WAITING_BYTES: usize = 256 << 20;

impl Hub {
    /// Asks the disk for a document.
    pub(super) fn load(&mut self, document: &DocumentId) {
        let load = LoadId(self.take_id());
        self.loads.insert(load, document.clone());
        self.set_phase(document, Phase::Loading(load));
        self.effects.push(Effect::Load { load, document: document.clone() });
    }

    pub(super) fn load_again(&mut self, document: &DocumentId) {
        if self.slots.get(document).is_some_and(|slot| slot.phase == Phase::LoadFailed) {
            self.load(document);
        }
    }

    pub(super) fn loaded(
        &mut self,
        load: LoadId,
        result: Result<Box<StoredDocument>, String>,
        now: Now,
    ) {
        let Some(document) = self.loads.remove(&load) else { return };
        if self.slots.get(&document).is_none_or(|slot| slot.phase != Phase::Loading(load)) {
            return;
        }
        match result {
            Ok(stored) => self.loaded_well(&document, *stored, now),
            Err(reason) => {
                let random = self.random.next();
                if let Some(slot) = self.slots.get_mut(&document) {
                    slot.load_error = Some(reason.clone());
                    let at = now.elapsed + slot.reload.failed(random);
                    self.timers.set(Timer::Reload(document.clone()), at);
                }
                self.set_phase(&document, Phase::LoadFailed);
                self.tell(&document, DocumentEvent::LoadFailed(reason));
            }
        }
    }

    fn loaded_well(&mut self, document: &DocumentId, stored: StoredDocument, now: Now) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        slot.load_error = None;
        slot.reload.succeeded();
        slot.last_used = now.elapsed;
        if stored.deleted {
            // Nobody gets it, and whoever has spoken of it hears so.
            slot.sessions.values_mut().for_each(|session| session.wants = true);
            self.take_pending(document);
            self.set_phase(document, Phase::Deleted);
            self.tell(document, DocumentEvent::Deleted);
            return self.answer_or_ask(document, now);
        }
        let unsaved_states = std::mem::take(&mut slot.disk.unsaved_states);
        (slot.document, slot.disk) = Disk::found(stored, now.unix_ms);
        slot.disk.unsaved_states = unsaved_states;
        // A draft that lies there is the one that there is.
        slot.disk.draft_version = slot.draft_version;
        self.count_set_aside(document);
        let Some(slot) = self.slots.get_mut(document) else { return };
        let phase = match slot.document.heads().is_empty() {
            true => Phase::Unavailable,
            false => Phase::Ready,
        };
        let ids: Vec<_> = slot.sessions.keys().copied().collect();
        let pending = self.take_pending(document);
        self.set_phase(document, phase);
        self.watch_idleness(document, now);
        // Sessions were made before the disk told what was shared with these peers.
        for id in ids {
            self.restore_session(document, id);
        }
        if phase == Phase::Ready {
            self.tell(document, DocumentEvent::Ready);
            self.announce(document);
            self.queue_news_for_all(document);
        }
        self.process_pending(document, pending, now);
        self.answer_or_ask(document, now);
    }

    /// Takes in what has waited for the disk.
    pub(super) fn process_pending(
        &mut self,
        document: &DocumentId,
        pending: Vec<Pending>,
        now: Now,
    ) {
        for Pending { connection, is_request, data } in pending {
            let Some(peer) =
                self.connections.get(&connection).and_then(|open| open.peer().cloned())
            else {
                continue;
            };
            self.process(document, connection, &peer, is_request, &data, now);
        }
    }

    /// Gives a session that has not begun what the disk knows of its peer.
    fn restore_session(&mut self, document: &DocumentId, id: ConnectionId) {
        let Some(peer) = self.connections.get(&id).and_then(|open| open.peer().cloned()) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(document) else { return };
        let Some(session) = slot.sessions.get(&id) else { return };
        if session.state.their_heads().is_none() {
            let (access, wants, is_chosen) = (session.access, session.wants, session.is_chosen);
            slot.sessions.remove(&id);
            self.ensure_session(document, id, &peer, access);
            let session = self.slots.get_mut(document).and_then(|slot| slot.sessions.get_mut(&id));
            if let Some(session) = session {
                session.wants = wants;
                session.is_chosen = is_chosen;
            }
        }
    }

    /// Lets a message wait; false when too much waits already, for one document or for all.
    pub(super) fn wait_for_disk(&mut self, document: &DocumentId, message: Pending) -> bool {
        let Some(slot) = self.slots.get_mut(document) else { return false };
        let cost = message.cost();
        if self.waiting_bytes + cost > MAX_WAITING_BYTES || !slot.pending.push(message) {
            return false;
        }
        self.waiting_bytes += cost;
        true
    }

    /// Takes what has waited for the disk.
    pub(super) fn take_pending(&mut self, document: &DocumentId) -> Vec<Pending> {
        let Some(slot) = self.slots.get_mut(document) else { return Vec::new() };
        self.waiting_bytes -= slot.pending.cost();
        slot.pending.take()
    }
}
