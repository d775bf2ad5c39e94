//! Changes that wait for changes that they follow.

use std::collections::HashMap;

use crate::{change::Change, change_hash::ChangeHash};

/// Changes whose dependencies are not all there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    changes: HashMap<ChangeHash, Change>,
    /// Who waits for a change: each waiting change stands at one of those that it misses.
    waiting: HashMap<ChangeHash, Vec<ChangeHash>>,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn get(&self, hash: &ChangeHash) -> Option<&Change> {
        self.changes.get(hash)
    }

    /// Lets a change wait for `missing`.
    pub(crate) fn wait(&mut self, change: Change, missing: ChangeHash) {
        self.waiting.entry(missing).or_default().push(change.hash());
        self.changes.insert(change.hash(), change);
    }

    /// Takes out the changes that waited for `arrived`; they may miss others still.
    pub(crate) fn arrived(&mut self, arrived: &ChangeHash) -> Vec<Change> {
        let Some(waiting) = self.waiting.remove(arrived) else { return Vec::new() };
        waiting.iter().filter_map(|hash| self.changes.remove(hash)).collect()
    }

    /// All waiting changes, by hash.
    pub(crate) fn sorted(&self) -> Vec<&Change> {
        let mut changes: Vec<_> = self.changes.values().collect();
        changes.sort_unstable_by_key(|change| change.hash());
        changes
    }
}
