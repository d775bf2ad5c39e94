//! From the id of an element to the leaf that holds it.

/// For each actor, which counters lie in which leaf.
#[derive(Debug, Clone, Default)]
pub(crate) struct ElementIndex {
    actors: Vec<Entries>,
    draft: Entries,
}

/// Which counters of an actor lie in which leaf.
///
/// An entry speaks for its counter and all following up to the next entry, so that a leaf's worth of
/// typing is one entry. Counters that are no elements may be spoken for as well; the leaf then does
/// not hold them.
#[derive(Debug, Clone, Default)]
struct Entries {
    /// In ascending order and never empty; cut up so that little moves when one comes between.
    parts: Vec<Vec<Entry>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    counter: u32,
    leaf: u32,
}

/// The leaf of counters that no leaf holds.
const NOWHERE: u32 = u32::MAX;

/// How many entries a part may have.
const MAX_PART: usize = if cfg!(test) { 4 } else { 256 };

impl ElementIndex {
    /// The leaf that may hold the element.
    #[inline]
    pub(crate) fn get(&self, actor: u32, counter: u32) -> Option<u32> {
        let entries = match actor {
            u32::MAX => &self.draft,
            actor => self.actors.get(actor as usize)?,
        };
        entries.get(counter).filter(|leaf| *leaf != NOWHERE)
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
            Some(_) => entries.set_within(counter, count, leaf),
        }
    }

    fn entries_mut(&mut self, actor: u32) -> &mut Entries {
        if actor == u32::MAX {
            return &mut self.draft;
        }
        let actor = actor as usize;
        if self.actors.len() <= actor {
            self.actors.resize_with(actor + 1, Entries::default);
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

impl Entries {
    #[inline]
    fn last(&self) -> Option<&Entry> {
        self.parts.last()?.last()
    }

    fn pop(&mut self) {
        if let Some(part) = self.parts.last_mut() {
            part.pop();
            if part.is_empty() {
                self.parts.pop();
            }
        }
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        match self.parts.last_mut() {
            Some(part) if part.len() < MAX_PART => part.push(entry),
            _ => self.parts.push(vec![entry]),
        }
    }

    /// The leaf of the last entry that does not come after a counter.
    #[inline]
    fn get(&self, counter: u32) -> Option<u32> {
        let last = self.last()?;
        if last.counter <= counter {
            return Some(last.leaf);
        }
        let part = self.parts.partition_point(|part| part[0].counter <= counter).checked_sub(1)?;
        let part = &self.parts[part];
        let at = part.partition_point(|entry| entry.counter <= counter);
        Some(part[at - 1].leaf)
    }

    /// As [`ElementIndex::set`], where there are entries that come later.
    fn set_within(&mut self, counter: u32, count: u32, leaf: u32) {
        let end = counter.saturating_add(count);
        // What speaks for `end` and the counter before ours now.
        let after = self.get(end).unwrap_or(NOWHERE);
        let before = counter.checked_sub(1).and_then(|before| self.get(before));
        let mut new = [Entry { counter, leaf }; 2];
        let mut len = 0;
        if before != Some(leaf) {
            len = 1;
        }
        if after != leaf && end != u32::MAX {
            new[len] = Entry { counter: end, leaf: after };
            len += 1;
        }
        // Into the part that holds the entry before ours, or the first.
        let of = |counter: u32, parts: &[Vec<Entry>]| {
            parts.partition_point(|part| part[0].counter < counter).saturating_sub(1)
        };
        let part = of(counter, &self.parts);
        let from = self.parts[part].partition_point(|entry| entry.counter < counter);
        // What comes up to `end` makes room, in this part and those behind it.
        let next = part + 1;
        let emptied = self.parts[next..]
            .partition_point(|part| part.last().is_some_and(|last| last.counter <= end));
        self.parts.drain(next..next + emptied);
        if let Some(behind) = self.parts.get_mut(next) {
            let gone = behind.partition_point(|entry| entry.counter <= end);
            behind.drain(..gone);
        }
        let part = &mut self.parts[part];
        let to = from + part[from..].partition_point(|entry| entry.counter <= end);
        part.splice(from..to, new[..len].iter().copied());
        if part.len() > MAX_PART {
            let behind = part.split_off(part.len() / 2);
            self.parts.insert(next, behind);
        } else if part.is_empty() {
            self.parts.remove(next - 1);
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
            for _ in 0..60 {
                let (counter, leaf) = (random(56), random(5));
                let count = 1 + random(8);
                index.set(0, counter, count, leaf);
                plain[counter as usize..(counter + count) as usize].fill(Some(leaf));
                for (counter, leaf) in plain.iter().enumerate() {
                    if leaf.is_some() {
                        assert_eq!(index.get(0, counter as u32), *leaf);
                    }
                }
                let parts = &index.actors[0].parts;
                assert!(parts.iter().all(|part| (1..=MAX_PART + 1).contains(&part.len())));
                assert!(parts.iter().flatten().is_sorted_by(|a, b| a.counter < b.counter));
            }
        }
    }
}
