//! Where a change stands, by its hash: a table that is cheap to make.
//!
//! A document that was just loaded would make it for its whole history when a hash is first asked for
//! that is not among the latest, in the middle of an exchange with a peer. So each change costs one
//! number in a flat table and nothing else; the hashes stay where they are. And as an exchange asks for
//! a few hashes only, most of them of late changes, the hashes are at first looked through backwards:
//! the table is made when that has cost as much as the table would.

use crate::{change_graph::ChangeIndex, change_hash::ChangeHash};

/// A place where no change stands.
const FREE: u32 = u32::MAX;

/// How many hashes can be compared while one is put into the table.
const COMPARED_PER_PUT: usize = 6;

/// The first `covered` changes of a graph by their hashes.
#[derive(Debug, Clone, Default)]
pub(crate) struct HashIndex {
    /// Numbers of changes. A change stands at the first free place from the one that its hash names;
    /// at least half of the places are free. The length is a power of two, or nothing.
    places: Vec<u32>,
    covered: usize,
    /// How many hashes were compared, as they were not in the table.
    compared: usize,
}

impl HashIndex {
    /// The change with this hash among the first `count`.
    pub(crate) fn find(
        &mut self,
        hash: &ChangeHash,
        count: usize,
        hash_of: impl Fn(ChangeIndex) -> ChangeHash,
    ) -> Option<ChangeIndex> {
        if self.compared >= count.saturating_sub(self.covered) * COMPARED_PER_PUT {
            self.cover(count, &hash_of);
            self.compared = 0;
        }
        for index in (self.covered as u32..count as u32).rev().map(ChangeIndex) {
            self.compared += 1;
            if hash_of(index) == *hash {
                return Some(index);
            }
        }
        self.find_covered(hash, hash_of)
    }

    /// Takes in the changes up to and without `count` that it does not have yet.
    fn cover(&mut self, count: usize, hash_of: impl Fn(ChangeIndex) -> ChangeHash) {
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
    fn find_covered(
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
    fn what_is_there_is_found_and_nothing_else_however_often_one_asks() {
        let hash_of = |index: ChangeIndex| crowded(index.0);
        let mut index = HashIndex::default();
        assert_eq!(index.find(&crowded(0), 0, hash_of), None);
        for count in [1, 2, 3, 50, 51, 400, 1_000] {
            for number in (0..count as u32).rev() {
                let found = index.find(&crowded(number), count, hash_of);
                assert_eq!(found, Some(ChangeIndex(number)));
            }
            for number in [count as u32, count as u32 + 1, 5_000, 5_003] {
                assert_eq!(index.find(&crowded(number), count, hash_of), None);
            }
            assert!(count - index.covered < 4, "so many questions are worth a table");
        }
    }

    #[test]
    fn a_few_questions_make_no_table() {
        let hash_of = |index: ChangeIndex| crowded(index.0);
        let mut index = HashIndex::default();
        for _ in 0..COMPARED_PER_PUT {
            assert_eq!(index.find(&crowded(1_000), 1_000, hash_of), None);
            assert!(index.places.is_empty());
        }
        assert_eq!(index.find(&crowded(7), 1_000, hash_of), Some(ChangeIndex(7)));
        assert_eq!(index.covered, 1_000);
    }
}
