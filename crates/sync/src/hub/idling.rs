//! What leaves memory because nobody uses it.

use rejoin_document::Document;

use super::{Hub, Timer, slot::Phase};
use crate::{DocumentId, Now, session_payload::LastPacked};

/// The heads of so many documents are kept that are not used.
const MAX_ASLEEP: usize = 65_536;

impl Hub {
    /// From now on looks now and then whether the document is still used.
    pub(super) fn watch_idleness(&mut self, document: &DocumentId, now: Now) {
        if let Some(idle_after) = self.options.idle_after {
            self.timers.set(Timer::Idle(document.clone()), now.elapsed + idle_after);
        }
    }

    pub(super) fn check_idle(&mut self, document: &DocumentId, now: Now) {
        let Some(idle_after) = self.options.idle_after else { return };
        let Some(slot) = self.slots.get(document) else { return };
        if slot.phase != Phase::Ready {
            return;
        }
        let due = slot.last_used + idle_after;
        let is_used = slot.watchers > 0 || due > now.elapsed;
        let holds = slot.is_dirty() || slot.publisher.is_holding() || slot.document.draft_len() > 0;
        let is_being_written = self.saving.is_writing(document);
        if is_used || holds || is_being_written || self.keep_states(document) {
            if !self.saving.dirty.contains(document)
                && self.slots.get(document).is_some_and(|s| !s.disk.unsaved_states.is_empty())
            {
                self.needs_saving(document, now);
            }
            let again = if due > now.elapsed { due } else { now.elapsed + idle_after };
            self.timers.set(Timer::Idle(document.clone()), again);
            return;
        }
        if let Some(slot) = self.slots.get_mut(document) {
            slot.document = Document::new();
            slot.packed = LastPacked::default();
        }
        self.count_set_aside(document);
        self.set_phase(document, Phase::Dormant);
        self.forget_if_unused(document);
    }

    /// Drops what is left of a document that nobody uses and that is not in memory.
    pub(super) fn forget_if_unused(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get(document) else { return };
        let is_light = matches!(
            slot.phase,
            Phase::Unavailable | Phase::Requesting | Phase::LoadFailed | Phase::Dormant
        );
        let is_unused = slot.watchers == 0 && slot.sessions.is_empty();
        // What lies on disk is announced to those whom we dial when they are there again.
        if slot.phase == Phase::Dormant && !self.dialers.is_empty() {
            return;
        }
        // Whoever asks next would read what is about to go.
        if self.saving.is_erasing(document) {
            return;
        }
        if is_light && is_unused && !slot.is_dirty() && slot.disk.unsaved_states.is_empty() {
            self.forget(document);
        }
    }

    pub(super) fn forget(&mut self, document: &DocumentId) {
        self.asleep.remove(document);
        if let Some(slot) = self.slots.remove(document) {
            self.set_aside_bytes -= slot.set_aside_bytes;
            if slot.phase == Phase::Dormant && self.asleep.len() < MAX_ASLEEP {
                self.asleep.insert(document.clone(), slot.disk.heads);
            }
        }
        self.wanted.remove(document);
        self.saving.states_changed.remove(document);
        for timer in [
            Timer::Publish,
            Timer::Pace,
            Timer::Report,
            Timer::Presence,
            Timer::Request,
            Timer::Reload,
            Timer::Idle,
            Timer::AskAgain,
        ] {
            self.timers.clear(&timer(document.clone()));
        }
    }
}
