//! From the id of an element to the leaf that holds it.

/// For each actor, which counters lie in which leaf.
///
/// An entry speaks for its counter and all following up to the next entry, so that a leaf's worth of
/// typing is one entry. Counters that are no elements may be spoken for as well; the leaf then does
/// not hold them.
#[derive(Debug, Clone, Default)]
pub(crate) struct ElementIndex {
    actors: Vec<Vec<Entry>>,
    draft: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    counter: u32,
    leaf: u32,
}

/// The leaf of counters that no leaf holds.
const NOWHERE: u32 = u32::MAX;

impl ElementIndex {
    /// The leaf that may hold the element.
    #[inline]
    pub(crate) fn get(&self, actor: u32, counter: u32) -> Option<u32> {
        let entries = self.entries(actor)?;
        let at = match entries.last() {
            Some(last) if last.counter <= counter => entries.len(),
            _ => entries.partition_point(|entry| entry.counter <= counter),
        };
        let leaf = entries.get(at.checked_sub(1)?)?.leaf;
        (leaf != NOWHERE).then_some(leaf)
    }

    /// Says that the counters from `counter` on lie in `leaf`; no element of the actor has a
    /// greater one yet.
    #[inline]
    pub(crate) fn append(&mut self, actor: u32, counter: u32, leaf: u32) {
        let entries = self.entries_mut(actor);
        while entries.last().is_some_and(|last| last.counter >= counter) {
            entries.pop();
        }
        if entries.last().is_none_or(|last| last.leaf != leaf) {
            entries.push(Entry { counter, leaf });
        }
    }

    /// Says that the counters from `counter` on, `count` of them, lie in `leaf`.
    pub(crate) fn set(&mut self, actor: u32, counter: u32, count: u32, leaf: u32) {
        let entries = self.entries_mut(actor);
        match entries.last() {
            None => entries.push(Entry { counter, leaf }),
            Some(last) if last.counter < counter => {
                if last.leaf == leaf {
                    return;
                }
                let before = last.leaf;
                entries.push(Entry { counter, leaf });
                // What the last entry said of later counters stays said; they may be elements.
                if let Some(end) = counter.checked_add(count) {
                    entries.push(Entry { counter: end, leaf: before });
                }
            }
            Some(_) => Self::set_within(entries, counter, count, leaf),
        }
    }

    fn set_within(entries: &mut Vec<Entry>, counter: u32, count: u32, leaf: u32) {
        let from = entries.partition_point(|entry| entry.counter < counter);
        let end = counter.saturating_add(count);
        let to = from + entries[from..].partition_point(|entry| entry.counter <= end);
        // The entry that speaks for `end` now, if one does not begin there.
        let after = entries[..to].last().map_or(NOWHERE, |entry| entry.leaf);
        let before = from.checked_sub(1).map(|at| entries[at].leaf);
        let mut new = [Entry { counter, leaf }; 2];
        let mut len = 0;
        if before != Some(leaf) {
            len = 1;
        }
        if after != leaf && end != u32::MAX {
            new[len] = Entry { counter: end, leaf: after };
            len += 1;
        }
        entries.splice(from..to, new[..len].iter().copied());
    }

    fn entries(&self, actor: u32) -> Option<&Vec<Entry>> {
        if actor == u32::MAX { Some(&self.draft) } else { self.actors.get(actor as usize) }
    }

    fn entries_mut(&mut self, actor: u32) -> &mut Vec<Entry> {
        if actor == u32::MAX {
            return &mut self.draft;
        }
        let actor = actor as usize;
        if self.actors.len() <= actor {
            self.actors.resize_with(actor + 1, Vec::new);
        }
        &mut self.actors[actor]
    }

    /// Replaces all entries by those of these `(actor, counter, leaf)`, in any order.
    pub(crate) fn fill(&mut self, mut places: Vec<(u32, u32, u32)>) {
        radsort::sort_by_key(&mut places, |(actor, counter, _)| {
            u64::from(*actor) << 32 | u64::from(*counter)
        });
        for (actor, counter, leaf) in places {
            let entries = self.entries_mut(actor);
            if entries.last().is_none_or(|last| last.leaf != leaf) {
                entries.push(Entry { counter, leaf });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_table() {
        let mut state = 7u64;
        let mut random = |below: u32| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as u32 % below
        };
        for _ in 0..200 {
            let mut index = ElementIndex::default();
            let mut plain = vec![None; 64];
            for _ in 0..30 {
                let (counter, leaf) = (random(56), random(5));
                let count = 1 + random(8);
                index.set(0, counter, count, leaf);
                plain[counter as usize..(counter + count) as usize].fill(Some(leaf));
                for (counter, leaf) in plain.iter().enumerate() {
                    if leaf.is_some() {
                        assert_eq!(index.get(0, counter as u32), *leaf);
                    }
                }
            }
        }
    }
}
