//! Where a change stands, by its hash: a table that is cheap to make.
//!
//! A document that was just loaded makes it for its whole history when a hash is first asked for that
//! is not among the latest, in the middle of an exchange with a peer. So each change costs one number
//! in a flat table and nothing else; the hashes stay where they are.

use crate::{change_graph::ChangeIndex, change_hash::ChangeHash};

/// A place where no change stands.
const FREE: u32 = u32::MAX;

/// The first `covered` changes of a graph by their hashes.
#[derive(Debug, Clone, Default)]
pub(crate) struct HashIndex {
    /// Numbers of changes. A change stands at the first free place from the one that its hash names;
    /// at least half of the places are free. The length is a power of two, or nothing.
    places: Vec<u32>,
    covered: usize,
}

impl HashIndex {
    /// Takes in the changes up to and without `count` that it does not have yet.
    pub(crate) fn cover(&mut self, count: usize, hash_of: impl Fn(ChangeIndex) -> ChangeHash) {
        if count <= self.covered {
            return;
        }
        if count * 2 > self.places.len() {
            self.places = vec![FREE; (count * 2).next_power_of_two()];
            self.covered = 0;
        }
        let mask = self.places.len() - 1;
        for index in self.covered as u32..count as u32 {
            let mut at = home(&hash_of(ChangeIndex(index)), mask);
            while self.places[at] != FREE {
                at = (at + 1) & mask;
            }
            self.places[at] = index;
        }
        self.covered = count;
    }

    /// The change with this hash, if it is among those that were taken in.
    pub(crate) fn find(
        &self,
        hash: &ChangeHash,
        hash_of: impl Fn(ChangeIndex) -> ChangeHash,
    ) -> Option<ChangeIndex> {
        let mask = self.places.len().checked_sub(1)?;
        let mut at = home(hash, mask);
        loop {
            match self.places[at] {
                FREE => return None,
                index if hash_of(ChangeIndex(index)) == *hash => return Some(ChangeIndex(index)),
                _ => at = (at + 1) & mask,
            }
        }
    }
}

/// The place that a hash names. Hashes are evenly spread as they are.
fn home(hash: &ChangeHash, mask: usize) -> usize {
    let [a, b, c, d, ..] = hash.0;
    u32::from_le_bytes([a, b, c, d]) as usize & mask
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hashes of which many name the same place.
    fn crowded(number: u32) -> ChangeHash {
        let mut hash = [0; 32];
        hash[0] = (number % 7) as u8;
        hash[28..].copy_from_slice(&number.to_be_bytes());
        ChangeHash(hash)
    }

    #[test]
    fn what_was_taken_in_is_found_and_nothing_else() {
        let hash_of = |index: ChangeIndex| crowded(index.0);
        let mut index = HashIndex::default();
        assert_eq!(index.find(&crowded(0), hash_of), None);
        for count in [0, 1, 2, 3, 50, 51, 400, 1_000] {
            index.cover(count, hash_of);
            for number in 0..count as u32 {
                assert_eq!(index.find(&crowded(number), hash_of), Some(ChangeIndex(number)));
            }
            for number in [count as u32, count as u32 + 1, 5_000, 5_003] {
                assert_eq!(index.find(&crowded(number), hash_of), None, "{number} of {count}");
            }
        }
        index.cover(10, hash_of);
        assert_eq!(index.find(&crowded(999), hash_of), Some(ChangeIndex(999)));
    }
}
