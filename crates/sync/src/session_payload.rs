//! Which changes the peer lacks, and the bytes they travel in.

use std::collections::HashSet;

use rejoin_document::{Change, ChangeHash, Document};

use crate::bloom::BloomFilter;
use crate::message::Extensions;
use crate::session_summary::{deps, has};
use crate::state::{InFlight, State, Theirs};

/// Up to this many changes, it is tried whether the whole document is smaller.
const SMALL_DOCUMENT: usize = 64;

/// What was packed last of one document. What is new goes to all its peers, and is packed once for
/// them.
#[derive(Debug, Default)]
pub(crate) struct LastPacked {
    packing: Packing,
    hashes: Vec<ChangeHash>,
    chunk: Vec<u8>,
}

/// How changes become one chunk of bytes. The same changes always become the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Packing {
    /// Change chunks one behind the other, large ones deflated.
    #[default]
    Joined,
    /// One bundle.
    Bundle,
}

impl LastPacked {
    /// More is not kept: it is for somebody who comes back, and nobody else lacks just that.
    const MAX_BYTES: usize = 16 << 10;

    fn chunk(&mut self, packing: Packing, doc: &Document, hashes: &[ChangeHash]) -> Vec<u8> {
        if self.packing == packing && self.hashes == hashes {
            return self.chunk.clone();
        }
        let chunk = match packing {
            Packing::Joined => {
                changes(doc, hashes).flat_map(|change| change.compressed_bytes()).collect()
            }
            Packing::Bundle => doc.bundle(hashes),
        };
        if size_of_val(hashes) + chunk.len() <= Self::MAX_BYTES {
            *self = Self { packing, hashes: hashes.to_vec(), chunk: chunk.clone() };
        }
        chunk
    }
}

/// The changes of one message.
#[derive(Debug, Default)]
pub(crate) struct Payload {
    pub(crate) chunks: Vec<Vec<u8>>,
    /// The same as hashes.
    pub(crate) sent: InFlight,
    /// Whether the peer gets what it asked for by name, as far as that is here.
    pub(crate) answers_need: bool,
    /// Whether the peer, with these, has everything that this document has, unless a filter's
    /// false positive hides something.
    pub(crate) reaches_heads: bool,
}

impl Payload {
    pub(crate) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

/// Chooses what the peer lacks, as far as its last message says, less what was sent already.
pub(crate) fn choose(doc: &Document, state: &State, last: &mut LastPacked) -> Payload {
    let Some(theirs) = &state.theirs else { return Payload::default() };
    if state.peer.read_only {
        return Payload::default();
    }
    let answered: Vec<_> = theirs.need.iter().filter(|hash| has(doc, hash)).copied().collect();
    let newer = newer_changes(doc, state, theirs);
    let reaches_heads = newer.is_some();
    let newer = newer.unwrap_or_default();
    let answers_need = !answered.is_empty();
    let hashes = match answered.is_empty() {
        true => newer,
        false => {
            let steps = (1usize << state.need_rounds.saturating_sub(1).min(20)) - 1;
            let mut hashes = with_ancestors(doc, theirs, &answered, steps);
            let chosen: HashSet<_> = newer.iter().copied().collect();
            hashes.retain(|hash| !chosen.contains(hash));
            hashes.extend(newer);
            hashes
        }
    };
    let (chunks, sent) = encode(doc, state, theirs, hashes, last);
    Payload { chunks, sent, answers_need, reaches_heads }
}

/// The changes that the peer's summary does not cover, in topological order; `None` when the
/// summary cannot be used.
///
/// The heads that a peer tells are a summary too, and an exact one: where they are known, no
/// filter is asked, so none can be wrong.
fn newer_changes(doc: &Document, state: &State, theirs: &Theirs) -> Option<Vec<ChangeHash>> {
    let heads_known = theirs.heads.iter().all(|hash| has(doc, hash));
    // A last sync that is unknown here means that this side lost changes. What the peer has is
    // then told by its next message.
    let summary_known =
        theirs.have.first().is_some_and(|have| have.last_sync.iter().all(|hash| has(doc, hash)));
    if !heads_known && !summary_known {
        return None;
    }
    let mut covered: Vec<ChangeHash> = theirs
        .heads
        .iter()
        .chain(theirs.have.iter().flat_map(|have| &have.last_sync))
        .filter(|hash| has(doc, hash))
        .copied()
        .collect();
    covered.extend_from_slice(&state.sent_heads);
    let candidates = doc.hashes_since(&covered);
    let filters: Vec<_> =
        theirs.have.iter().map(|have| &have.bloom).filter(|bloom| !bloom.is_empty()).collect();
    if heads_known || filters.is_empty() {
        return Some(candidates);
    }
    Some(not_in_filters(doc, candidates, &filters))
}

/// The candidates that no filter contains, and whatever depends on one of them.
fn not_in_filters(
    doc: &Document,
    candidates: Vec<ChangeHash>,
    filters: &[&BloomFilter],
) -> Vec<ChangeHash> {
    let mut lacking = HashSet::with_capacity(candidates.len());
    // The candidates are in topological order, so one pass reaches every dependent.
    let mut chosen = candidates;
    chosen.retain(|hash| {
        let lacks = !filters.iter().any(|filter| filter.contains(hash))
            || (!lacking.is_empty() && deps(doc, hash).iter().any(|dep| lacking.contains(dep)));
        if lacks {
            lacking.insert(*hash);
        }
        lacks
    });
    chosen
}

/// The asked changes and, so many steps back, what they depend on, except where the peer says
/// that it has it. A peer that has to ask round after round is given twice as many each time, so
/// a long hole is filled in a few rounds.
fn with_ancestors(
    doc: &Document,
    theirs: &Theirs,
    asked: &[ChangeHash],
    steps: usize,
) -> Vec<ChangeHash> {
    let theirs: HashSet<_> = theirs
        .heads
        .iter()
        .chain(theirs.have.iter().flat_map(|have| &have.last_sync))
        .copied()
        .collect();
    let mut seen: HashSet<_> = asked.iter().copied().collect();
    let mut layer = asked.to_vec();
    let mut hashes = asked.to_vec();
    for _ in 0..steps {
        layer = layer.iter().flat_map(|hash| deps(doc, hash)).collect();
        layer.retain(|hash| !theirs.contains(hash) && seen.insert(*hash));
        if layer.is_empty() {
            break;
        }
        hashes.extend_from_slice(&layer);
    }
    // Dependencies before dependents.
    hashes.reverse();
    hashes
}

/// Packs the changes as small as the peer can read them.
fn encode(
    doc: &Document,
    state: &State,
    theirs: &Theirs,
    hashes: Vec<ChangeHash>,
    last: &mut LastPacked,
) -> (Vec<Vec<u8>>, InFlight) {
    if hashes.is_empty() {
        return (Vec::new(), InFlight::Nothing);
    }
    if !state.peer.reads_version_2 {
        let chunks = changes(doc, &hashes).map(|change| change.bytes().to_vec()).collect();
        return (chunks, InFlight::Changes(hashes));
    }
    let total = doc.change_count();
    let starts_empty = theirs.heads.is_empty() && hashes.len() == total && total > 1;
    if starts_empty {
        return (vec![doc.save()], InFlight::Everything);
    }
    if state.peer.extensions.contains(Extensions::PACKED) {
        let packing = if hashes.len() == 1 { Packing::Joined } else { Packing::Bundle };
        return (vec![last.chunk(packing, doc, &hashes)], InFlight::Changes(hashes));
    }
    if hashes.len() > total / 3 && total > SMALL_DOCUMENT {
        return (vec![doc.save()], InFlight::Everything);
    }
    let chunk = last.chunk(Packing::Joined, doc, &hashes);
    if hashes.len() > total / 3 {
        let document = doc.save();
        if document.len() < chunk.len() {
            return (vec![document], InFlight::Everything);
        }
    }
    (vec![chunk], InFlight::Changes(hashes))
}

fn changes(doc: &Document, hashes: &[ChangeHash]) -> impl Iterator<Item = Change> {
    hashes.iter().filter_map(|hash| doc.change(hash))
}

#[cfg(test)]
mod tests {
    use rejoin_document::{ActorId, CommitOptions, ObjId};

    use super::*;

    #[test]
    fn what_was_packed_last_is_given_for_the_same_changes_in_the_same_packing_only() {
        let mut doc = Document::new();
        let mut hashes = Vec::new();
        for number in 0..3 {
            let mut transaction = doc.transaction(&ActorId::new(&[1; 16]));
            transaction.put(ObjId::ROOT, "number", number).unwrap();
            hashes.extend(transaction.commit(CommitOptions::default()));
        }
        let mut last = LastPacked::default();
        let asked = [(Packing::Joined, 0..1), (Packing::Joined, 0..1), (Packing::Joined, 1..3)];
        for (packing, range) in
            asked.into_iter().chain([(Packing::Bundle, 1..3), (Packing::Joined, 2..3)])
        {
            let fresh = LastPacked::default().chunk(packing, &doc, &hashes[range.clone()]);
            assert_eq!(last.chunk(packing, &doc, &hashes[range]), fresh);
        }
    }
}
