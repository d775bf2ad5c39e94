//! Changes that wait for changes that they follow.

use std::collections::{BTreeMap, HashMap};

use crate::{
    change::Change,
    change_hash::ChangeHash,
    set_aside::{Keep, cost},
};

/// Changes whose dependencies are not all there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    changes: HashMap<ChangeHash, Waiting>,
    /// Who waits for a change, in the order of their coming: each waiting change stands at one of
    /// those that it misses.
    waiting: HashMap<ChangeHash, BTreeMap<u64, ChangeHash>>,
    /// Those that may be dropped, in the order of their coming.
    droppable: BTreeMap<u64, ChangeHash>,
    /// What those take of memory.
    droppable_bytes: usize,
    arrivals: u64,
}

#[derive(Debug, Clone)]
struct Waiting {
    change: Change,
    missing: ChangeHash,
    arrival: u64,
    keep: Keep,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    pub(crate) fn get(&self, hash: &ChangeHash) -> Option<&Change> {
        self.changes.get(hash).map(|waiting| &waiting.change)
    }

    /// What the changes that may be dropped take of memory.
    pub(crate) fn droppable_bytes(&self) -> usize {
        self.droppable_bytes
    }

    /// Lets a change wait for `missing`.
    pub(crate) fn wait(&mut self, change: Change, missing: ChangeHash, keep: Keep) {
        self.arrivals += 1;
        let (hash, arrival) = (change.hash(), self.arrivals);
        if keep == Keep::WithinLimit {
            self.droppable.insert(arrival, hash);
            self.droppable_bytes += cost(change.bytes());
        }
        self.waiting.entry(missing).or_default().insert(arrival, hash);
        self.changes.insert(hash, Waiting { change, missing, arrival, keep });
    }

    /// A waiting change came again: one that may not be dropped stays so.
    pub(crate) fn came_again(&mut self, hash: &ChangeHash, keep: Keep) {
        if keep == Keep::Always
            && let Some(waiting) = self.changes.get_mut(hash)
            && waiting.keep == Keep::WithinLimit
        {
            waiting.keep = Keep::Always;
            self.droppable.remove(&waiting.arrival);
            self.droppable_bytes -= cost(waiting.change.bytes());
        }
    }

    /// Takes out the changes that waited for `arrived`; they may miss others still.
    pub(crate) fn arrived(&mut self, arrived: &ChangeHash) -> Vec<(Change, Keep)> {
        let Some(waiting) = self.waiting.remove(arrived) else { return Vec::new() };
        waiting
            .values()
            .filter_map(|hash| self.changes.remove(hash))
            .map(|waiting| {
                if self.droppable.remove(&waiting.arrival).is_some() {
                    self.droppable_bytes -= cost(waiting.change.bytes());
                }
                (waiting.change, waiting.keep)
            })
            .collect()
    }

    /// Drops those that came first, as far as they may be dropped, until the others take at most so
    /// much of memory. Says how many.
    pub(crate) fn drop_beyond(&mut self, max: usize) -> usize {
        let before = self.changes.len();
        while self.droppable_bytes > max
            && let Some((arrival, hash)) = self.droppable.pop_first()
        {
            let Some(dropped) = self.changes.remove(&hash) else { continue };
            self.droppable_bytes -= cost(dropped.change.bytes());
            if let Some(beside) = self.waiting.get_mut(&dropped.missing) {
                beside.remove(&arrival);
                if beside.is_empty() {
                    self.waiting.remove(&dropped.missing);
                }
            }
        }
        before - self.changes.len()
    }

    /// All waiting changes, by hash.
    pub(crate) fn sorted(&self) -> Vec<&Change> {
        self.sorted_where(|_| true)
    }

    /// The waiting changes that are not dropped, by hash.
    pub(crate) fn kept(&self) -> Vec<&Change> {
        self.sorted_where(|waiting| waiting.keep == Keep::Always)
    }

    fn sorted_where(&self, is_wanted: impl Fn(&Waiting) -> bool) -> Vec<&Change> {
        let wanted = self.changes.values().filter(|waiting| is_wanted(waiting));
        let mut changes: Vec<_> = wanted.map(|waiting| &waiting.change).collect();
        changes.sort_unstable_by_key(|change| change.hash());
        changes
    }
}
