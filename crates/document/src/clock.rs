//! Vector clocks: which operations are visible at some heads.

use crate::op_id::OpId;

/// For each actor of a document, the greatest counter that is visible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Clock {
    counters: Vec<u32>,
}

impl Clock {
    /// Whether the operation is visible. A draft's never is.
    #[inline]
    pub(crate) fn covers(&self, id: OpId) -> bool {
        self.counters.get(id.actor as usize).is_some_and(|counter| id.counter <= *counter)
    }

    /// Makes an actor's operations up to `counter` visible.
    pub(crate) fn include(&mut self, actor: u32, counter: u32) {
        let actor = actor as usize;
        if self.counters.len() <= actor {
            self.counters.resize(actor + 1, 0);
        }
        self.counters[actor] = self.counters[actor].max(counter);
    }

    /// How many operations from `id` on, of at most `count` with rising counters, are visible.
    pub(crate) fn covered(&self, id: OpId, count: u32) -> u32 {
        let counter = self.counters.get(id.actor as usize).copied().unwrap_or(0);
        (counter + 1).saturating_sub(id.counter).min(count)
    }
}
