//! The marks of a sequence, without a look at the text between them.

use std::slice;

use super::{NONE, SequenceId, Sequences};
use crate::sequence::{Run, Summary};

impl Sequences {
    /// The visible begins and ends of marks in document order, each with the widths of all before
    /// it. Parts of the sequence that have none are passed over whole.
    pub(crate) fn marks(&self, sequence: SequenceId) -> Marks<'_> {
        let root = &self.roots[sequence.0 as usize];
        let is_leaf = root.height == 0;
        Marks {
            sequences: self,
            path: if is_leaf { Vec::new() } else { vec![(root.node, 0)] },
            runs: if is_leaf { self.leaves[root.node as usize].runs.iter() } else { [].iter() },
            before: Summary::default(),
            left: root.total.marks,
        }
    }
}

/// Walks down the tree to marks only.
pub(crate) struct Marks<'a> {
    sequences: &'a Sequences,
    /// The inner nodes above, each with the number of the child that comes next.
    path: Vec<(u32, usize)>,
    /// The rest of the leaf at hand.
    runs: slice::Iter<'a, Run>,
    before: Summary,
    left: u32,
}

impl<'a> Iterator for Marks<'a> {
    type Item = (Summary, &'a Run);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            for run in self.runs.by_ref() {
                let (before, summary) = (self.before, run.summary());
                self.before += summary;
                if summary.marks > 0 {
                    self.left -= summary.marks;
                    return Some((before, run));
                }
            }
            let (inner, at) = self.path.last_mut()?;
            let inner = &self.sequences.inners[*inner as usize];
            let Some(child) = inner.children.get(*at) else {
                self.path.pop();
                continue;
            };
            *at += 1;
            debug_assert_ne!(child.node, NONE);
            if child.summary.marks == 0 {
                self.before += child.summary;
            } else if inner.level == 1 {
                self.runs = self.sequences.leaves[child.node as usize].runs.iter();
            } else {
                self.path.push((child.node, 0));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        op_id::OpId,
        sequence::{Place, Removal, RunKind},
    };

    #[test]
    fn they_are_those_of_the_plain_walk() {
        for seed in 0..200 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut trees = Sequences::default();
            let sequence = trees.create();
            let one_in = [2, 10, 100][random.random_range(0..3)];
            let mut text = String::new();
            let mut ids: Vec<OpId> = Vec::new();
            for n in 0..random.random_range(0..300) {
                let is_mark = random.random_range(0..one_in) == 0;
                let visible = random.random_range(0..4) > 0;
                let points = if is_mark { 0 } else { random.random_range(1..5) };
                let before = random.random_range(0..=ids.len()).checked_sub(1).map(|at| ids[at]);
                let run = Run {
                    id: OpId::new(10 * n + 1, 1),
                    origin: before.unwrap_or(OpId::ZERO),
                    removal: Removal::None,
                    points,
                    source: text.len() as u32,
                    utf8: points,
                    utf16: points,
                    kind: if is_mark { RunKind::Mark { visible } } else { RunKind::Text },
                };
                text.push_str(&"abcd"[..points as usize]);
                let place = match before {
                    None => trees.start(sequence),
                    Some(id) => {
                        let place = trees.find(id).unwrap();
                        Place { offset: place.offset + 1, ..place }
                    }
                };
                trees.insert(place, run, &text);
                ids.push(run.last_id());
            }
            let mut before = Summary::default();
            let mut expected = Vec::new();
            for run in trees.runs(sequence) {
                if run.kind == (RunKind::Mark { visible: true }) {
                    expected.push((before, run));
                }
                before += run.summary();
            }
            assert_eq!(trees.marks(sequence).collect::<Vec<_>>(), expected, "seed {seed}");
        }
    }
}
