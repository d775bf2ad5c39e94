//! Summaries of what a document has: filters, samples of its history, and the frontier of what is
//! known to be shared.

use std::collections::HashSet;

use rejoin_document::{ChangeHash, Document};

use crate::bloom::BloomFilter;
use crate::message::{Extensions, Have};
use crate::state::State;

/// Up to so many changes are summarised by a filter, beyond by samples. The filter is exact but
/// for its false positives; samples make the peer send a few changes too many, which costs a
/// peer that reads bundles little.
const FILTER_LIMIT: usize = 2048;
const FILTER_LIMIT_PACKED: usize = 256;

/// How many changes after a sample are looked at for branches beside it, and how many of those a
/// sample takes along.
const BRANCH_WINDOW: usize = 16;
const MAX_BRANCHES: usize = 3;

/// Whether the document has applied the change. A head is answered without its history, of which
/// a document that was just opened may not have computed the hashes yet.
pub(crate) fn has(doc: &Document, hash: &ChangeHash) -> bool {
    doc.heads().binary_search(hash).is_ok() || doc.has_change(hash)
}

/// What the change depends on; nothing when the document does not have it.
pub(crate) fn deps(doc: &Document, hash: &ChangeHash) -> Vec<ChangeHash> {
    doc.deps(hash).unwrap_or_default()
}

/// What to tell the peer of this document, beside its heads, so that it sends what is missing.
/// Call it after the state has noted what the same message sends.
pub(crate) fn summarise(doc: &Document, state: &State, need: &[ChangeHash]) -> Vec<Have> {
    let theirs = state.theirs.as_ref();
    let their_heads = theirs.map(|theirs| theirs.heads.as_slice()).unwrap_or_default();
    if !need.iter().all(|hash| their_heads.binary_search(hash).is_ok()) {
        // Something on the way to their heads is missing. They shall send that, and only that.
        return Vec::new();
    }
    if !state.peer.extensions.contains(Extensions::HEADS_FIRST) {
        return since(doc, &state.shared_heads, state.shared_heads.clone(), Reader::Automerge);
    }
    // Such a peer takes the heads of the message as a part of the summary.
    let mut last_sync = state.shared_heads.clone();
    last_sync.retain(|hash| doc.heads().binary_search(hash).is_err());
    let last_sync_only = |last_sync| vec![Have { last_sync, bloom: BloomFilter::default() }];
    match theirs {
        // The heads alone usually settle it.
        None if state.shared_heads.is_empty() && doc.change_count() > FILTER_LIMIT_PACKED => {
            Vec::new()
        }
        // Nothing of theirs is missing.
        Some(_) if need.is_empty() => last_sync_only(last_sync),
        // With what they are sent they know all heads, and then what they have beyond.
        Some(_) if state.sent_heads == doc.heads() => last_sync_only(last_sync),
        _ => since(doc, &state.shared_heads, last_sync, Reader::Rejoin),
    }
}

/// Who reads a summary.
#[derive(Clone, Copy)]
enum Reader {
    Automerge,
    Rejoin,
}

/// Summarises the changes after `shared`.
fn since(
    doc: &Document,
    shared: &[ChangeHash],
    last_sync: Vec<ChangeHash>,
    reader: Reader,
) -> Vec<Have> {
    let (limit, spacing) = match reader {
        Reader::Automerge => (FILTER_LIMIT, Spacing { least: 16, of_distance: 10 }),
        Reader::Rejoin => (FILTER_LIMIT_PACKED, Spacing { least: 4, of_distance: 1 }),
    };
    let history = History::since(doc, shared);
    let filter = |history: &History<'_>| {
        let hashes: Vec<_> = (0..history.len()).map(|at| history.hash(at)).collect();
        BloomFilter::from_hashes(hashes.iter())
    };
    if history.len() <= limit {
        return vec![Have { last_sync, bloom: filter(&history) }];
    }
    let samples = history.samples(spacing);
    // Ten bits a change against 32 bytes a sample: where branches make many samples of a short
    // history, they are not worth what they lack in precision.
    if samples.len() * 32 > history.len() / 2 {
        return vec![Have { last_sync, bloom: filter(&history) }];
    }
    // Readers want to know every hash of the first entry; of further ones they take what they know.
    let bloom = BloomFilter::default;
    vec![Have { last_sync, bloom: bloom() }, Have { last_sync: samples, bloom: bloom() }]
}

/// The changes after some heads, in topological order. The whole history is not copied.
struct History<'a> {
    doc: &'a Document,
    /// `None` for all.
    newer: Option<Vec<ChangeHash>>,
}

impl<'a> History<'a> {
    fn since(doc: &'a Document, heads: &[ChangeHash]) -> Self {
        Self { doc, newer: (!heads.is_empty()).then(|| doc.hashes_since(heads)) }
    }

    fn len(&self) -> usize {
        self.newer.as_ref().map_or_else(|| self.doc.change_count(), Vec::len)
    }

    fn hash(&self, at: usize) -> ChangeHash {
        match &self.newer {
            Some(newer) => newer[at],
            None => self.doc.hash_at(at).expect("invariant: a position below the count"),
        }
    }

    /// Some of the changes, fewer and fewer the further back, and the heads; sorted.
    fn samples(&self, spacing: Spacing) -> Vec<ChangeHash> {
        let mut samples = self.doc.heads().to_vec();
        for back in spacing.distances(self.len()) {
            let at = self.len() - back;
            samples.push(self.hash(at));
            self.add_other_branches(at, &mut samples);
        }
        samples.sort_unstable();
        samples.dedup();
        samples
    }

    /// Where people wrote side by side, one change stands for one branch only. What the changes
    /// after it build on stands for the others.
    fn add_other_branches(&self, at: usize, samples: &mut Vec<ChangeHash>) {
        let position = |hash: &ChangeHash| self.doc.position(hash);
        let here = position(&self.hash(at));
        let mut others = Vec::new();
        for next in at + 1..self.len().min(at + BRANCH_WINDOW) {
            let deps = deps(self.doc, &self.hash(next));
            others.extend(deps.into_iter().filter(|dep| position(dep) < here));
        }
        others.sort_unstable();
        others.dedup();
        others.truncate(MAX_BRANCHES);
        samples.append(&mut others);
    }
}

/// How far apart the samples of a history are: `1 / of_distance` of the way back, but at least
/// `least`. A peer that shares everything before some point then sends at most that part too much.
#[derive(Clone, Copy)]
struct Spacing {
    least: usize,
    of_distance: usize,
}

impl Spacing {
    /// Distances from the end, growing, from 1 (the last change) up to `length` (the first).
    fn distances(self, length: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(1), move |back: &usize| {
            Some(back + (back / self.of_distance).max(self.least))
        })
        .take_while(move |back| *back <= length)
    }
}

/// Of some known changes those that no other of them depends on, sorted; a few more do no harm.
/// The work grows with what is newer than they are.
pub(crate) fn frontier(doc: &Document, mut known: Vec<ChangeHash>) -> Vec<ChangeHash> {
    known.sort_unstable();
    known.dedup();
    if known.len() > 1 {
        // A change that nothing newer than all of them builds on, and that is no head, lies behind
        // another of them.
        let newer = doc.hashes_since(&known);
        let built_on: HashSet<_> = newer.iter().flat_map(|hash| deps(doc, hash)).collect();
        known.retain(|hash| doc.heads().binary_search(hash).is_ok() || built_on.contains(hash));
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_grow_apart_with_the_distance() {
        let sparse = Spacing { least: 4, of_distance: 1 };
        assert_eq!(sparse.distances(100).collect::<Vec<_>>(), [1, 5, 10, 20, 40, 80]);
        assert_eq!(sparse.distances(100_000).count(), 16);
        let dense = Spacing { least: 16, of_distance: 10 };
        assert!(dense.distances(100_000).count() < 90);
        assert_eq!(dense.distances(0).count(), 0);
    }
}
