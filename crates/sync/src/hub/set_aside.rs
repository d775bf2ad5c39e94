//! Changes of peers that are no part of a document, because they wait for others or were refused:
//! how much there may be of them, and who is asked again for what was dropped.

use std::time::Duration;

use super::{Hub, Timer};
use crate::{ConnectionId, DocumentId, Now};

/// Changes that wait for others, or were refused, take at most this much of memory in all documents
/// together.
pub(super) const MAX_SET_ASIDE_BYTES: usize = 256 << 20;

/// So long after changes were dropped it is asked once more for what came and was dropped again and
/// again.
const ASK_AGAIN: Duration = Duration::from_secs(60);

impl Hub {
    /// Notes how much a document holds of changes that are no part of it.
    pub(super) fn count_set_aside(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        let bytes = slot.document.set_aside_bytes();
        self.set_aside_bytes = self.set_aside_bytes - slot.set_aside_bytes + bytes;
        slot.set_aside_bytes = bytes;
    }

    /// Changes were dropped for want of room, whoever had sent them: those who have what is missing
    /// are asked for it again.
    pub(super) fn dropped(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        count: usize,
        now: Now,
    ) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        slot.sessions.values_mut().for_each(|session| session.state.note_dropped());
        let session = slot.sessions.get_mut(&id);
        let is_known =
            session.is_none_or(|one| std::mem::replace(&mut one.is_known_to_overflow, true));
        self.timers.set_if_unset(Timer::AskAgain(document.clone()), now.elapsed + ASK_AGAIN);
        self.queue_news_for_all(document);
        if !is_known {
            let limit = self.options.max_set_aside;
            let what = "changes that wait for others or were refused";
            let reason = format!("{what} take more than {limit} bytes: {count} were dropped");
            self.warn(id, document, reason);
        }
    }

    /// Asks once more for changes that were dropped as often as they came.
    pub(super) fn ask_again(&mut self, document: &DocumentId) {
        let Some(slot) = self.slots.get_mut(document) else { return };
        slot.sessions.values_mut().for_each(|session| session.state.hope_again());
        self.queue_news_for_all(document);
    }
}
