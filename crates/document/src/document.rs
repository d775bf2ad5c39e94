//! The document: its operations, its changes, and what waits for others.

use std::collections::HashSet;

use smallvec::SmallVec;

use crate::{
    actor::ActorId,
    change::{Change, ChangeEncoder, ChangeHeader},
    change_graph::{ChangeGraph, ChangeIndex},
    change_hash::ChangeHash,
    op::OpRun,
    op_set::OpSet,
    patch::PatchLog,
    queue::Queue,
    refused::{Refusals, RefusedChange},
    view::View,
};

/// An Automerge document with its whole history.
///
/// Writing goes through [`Document::transaction`], others' changes come in through
/// [`Document::apply`], and reading through [`Document::view`] and [`Document::at`]. A clone is a
/// full copy.
#[derive(Debug, Clone)]
pub struct Document {
    pub(crate) set: OpSet,
    pub(crate) graph: ChangeGraph,
    pub(crate) queue: Queue,
    pub(crate) refused: Refusals,
    /// How many changes that were set aside were dropped.
    pub(crate) dropped: usize,
    pub(crate) draft: Option<Box<crate::draft::DraftState>>,
    /// Made at the first change and given back when the document is shrunk.
    pub(crate) encoder: EncoderSlot,
}

/// An encoder of changes, which has buffers that are worth keeping. A copy starts without.
#[derive(Debug, Default)]
pub(crate) struct EncoderSlot(Option<Box<ChangeEncoder>>);

impl Clone for EncoderSlot {
    fn clone(&self) -> Self {
        Self(None)
    }
}

impl EncoderSlot {
    pub(crate) fn get(&mut self) -> &mut ChangeEncoder {
        self.0.get_or_insert_default()
    }
}

/// Heads that are not in the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document has no change {0}")]
pub struct UnknownHeads(pub ChangeHash);

/// What a change is, without its operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeMeta {
    /// Its name.
    pub hash: ChangeHash,
    /// Who made it.
    pub actor: ActorId,
    /// Which of the actor's changes it is, from 1.
    pub seq: u64,
    /// The counter of its first operation.
    pub start_op: u64,
    /// The counter of its last operation; without operations the one before `start_op`.
    pub max_op: u64,
    /// When, as the writer said it: Automerge writes seconds since 1970, 0 for unsaid.
    pub time: i64,
    /// What its writer said of it.
    pub message: Option<String>,
    /// The changes that it follows, sorted.
    pub deps: Vec<ChangeHash>,
    /// The author who uses the actor, where the actor's first change names one.
    pub author: Option<Vec<u8>>,
}

impl Default for Document {
    fn default() -> Self {
        Self::new()
    }
}

impl Document {
    /// An empty document.
    pub fn new() -> Self {
        Self {
            set: OpSet::new(),
            graph: ChangeGraph::default(),
            queue: Queue::default(),
            refused: Refusals::default(),
            dropped: 0,
            draft: None,
            encoder: EncoderSlot::default(),
        }
    }

    /// The document as it is now, a draft included.
    pub fn view(&self) -> View<'_> {
        View { set: &self.set, clock: None }
    }

    /// The document as it was at some heads.
    ///
    /// # Errors
    /// When a head is not in the document.
    pub fn at(&self, heads: &[ChangeHash]) -> Result<View<'_>, UnknownHeads> {
        let heads = self.indexes(heads)?;
        Ok(View { set: &self.set, clock: Some(self.graph.clock(&heads)) })
    }

    /// The hashes of the changes that no other change follows, sorted: they name the state.
    pub fn heads(&self) -> &[ChangeHash] {
        self.graph.heads()
    }

    /// Whether the change is in the document; one that waits for others is not.
    pub fn has_change(&self, hash: &ChangeHash) -> bool {
        self.find_change(hash).is_some()
    }

    /// How many changes there are.
    pub fn change_count(&self) -> usize {
        self.graph.len()
    }

    /// A change.
    pub fn change(&self, hash: &ChangeHash) -> Option<Change> {
        let index = self.find_change(hash)?;
        Some(self.changes_at(&[index]).remove(0))
    }

    /// All changes, each after those that it follows.
    pub fn changes(&self) -> Vec<Change> {
        let all: Vec<_> = (0..self.graph.len() as u32).map(ChangeIndex).collect();
        self.changes_at(&all)
    }

    /// The changes that are not among `heads` or before them, each after those that it follows.
    /// Heads that the document does not have are ignored. Costs what is given.
    pub fn changes_since(&self, heads: &[ChangeHash]) -> Vec<Change> {
        self.changes_at(&self.indexes_since(heads))
    }

    /// The hashes of the changes that [`Document::changes_since`] gives.
    pub fn hashes_since(&self, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        self.indexes_since(heads).into_iter().map(|index| self.hash_of(index)).collect()
    }

    /// The hashes of the changes that follow this one directly or, in a row, indirectly: all that
    /// depend on it.
    pub fn dependents(&self, hash: &ChangeHash) -> Vec<ChangeHash> {
        let Some(index) = self.find_change(hash) else { return Vec::new() };
        let mut found: HashSet<ChangeIndex> = HashSet::from([index]);
        let mut hashes = Vec::new();
        for next in (index.0 + 1..self.graph.len() as u32).map(ChangeIndex) {
            if self.graph.info(next).deps.iter().any(|dep| found.contains(dep)) {
                found.insert(next);
                hashes.push(self.hash_of(next));
            }
        }
        hashes
    }

    /// The hashes of a change's dependencies.
    pub fn deps(&self, hash: &ChangeHash) -> Option<Vec<ChangeHash>> {
        let index = self.find_change(hash)?;
        Some(self.graph.info(index).deps.iter().map(|dep| self.hash_of(*dep)).collect())
    }

    /// The place of a change in the document's order, in which each comes after those that it
    /// follows; the order of two copies of a document may differ.
    pub fn position(&self, hash: &ChangeHash) -> Option<usize> {
        self.find_change(hash).map(|index| index.0 as usize)
    }

    /// The hash of the change at a place of the document's order.
    pub fn hash_at(&self, position: usize) -> Option<ChangeHash> {
        (position < self.graph.len()).then(|| self.hash_of(ChangeIndex(position as u32)))
    }

    /// What all changes are, without decoding operations.
    pub fn metadata(&self) -> impl Iterator<Item = ChangeMeta> + '_ {
        (0..self.graph.len() as u32).map(|index| self.meta(ChangeIndex(index)))
    }

    /// What one change is.
    pub fn change_meta(&self, hash: &ChangeHash) -> Option<ChangeMeta> {
        self.find_change(hash).map(|index| self.meta(index))
    }

    pub(crate) fn meta(&self, index: ChangeIndex) -> ChangeMeta {
        let info = self.graph.info(index);
        let mut deps: Vec<_> = info.deps.iter().map(|dep| self.hash_of(*dep)).collect();
        deps.sort_unstable();
        ChangeMeta {
            hash: self.hash_of(index),
            actor: self.set.actors.get(info.actor).clone(),
            seq: info.seq.into(),
            start_op: info.start_op.into(),
            max_op: info.max_op.into(),
            time: info.time,
            message: info.message.map(Into::into),
            deps,
            author: self.author(info.actor).map(<[u8]>::to_vec),
        }
    }

    /// The author who uses an actor.
    pub(crate) fn author(&self, actor: u32) -> Option<&[u8]> {
        let first = self.graph.by_seq(actor, 1)?;
        crate::author::read(self.graph.extra(first))
    }

    /// The hashes of changes that are needed before all that waits can be taken in, and those of
    /// `heads` that are not here, sorted.
    pub fn missing_deps(&self, heads: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut wanted = heads.to_vec();
        wanted.extend(self.queue.sorted().into_iter().map(Change::hash));
        self.missing_before(&wanted)
    }

    /// The hashes of changes that are needed before these can be taken in, and of those of these
    /// that are not here, sorted. What waits without being on the way to them asks for nothing.
    pub fn missing_before(&self, wanted: &[ChangeHash]) -> Vec<ChangeHash> {
        let mut missing = HashSet::new();
        let mut seen: HashSet<ChangeHash> = HashSet::new();
        let mut stack = wanted.to_vec();
        while let Some(hash) = stack.pop() {
            if !seen.insert(hash) || self.has_change(&hash) {
                continue;
            }
            match self.queue.get(&hash) {
                Some(change) => stack.extend_from_slice(change.deps()),
                None => {
                    missing.insert(hash);
                }
            }
        }
        let mut missing: Vec<_> = missing.into_iter().collect();
        missing.sort_unstable();
        missing
    }

    /// How many changes wait for changes that they follow.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether the change waits for changes that it follows.
    pub fn is_queued(&self, hash: &ChangeHash) -> bool {
        self.queue.get(hash).is_some()
    }

    /// The changes that were refused, kept so that nothing is lost, as far as
    /// [`LoadOptions::max_set_aside`](crate::LoadOptions::max_set_aside) allows.
    pub fn refused(&self) -> &[RefusedChange] {
        self.refused.as_slice()
    }

    /// A copy with the whole history, without a draft.
    pub fn fork(&self) -> Self {
        let mut copy = self.clone();
        copy.discard_draft();
        copy
    }

    /// A document with the history up to some heads.
    ///
    /// # Errors
    /// When a head is not in the document.
    pub fn fork_at(&self, heads: &[ChangeHash]) -> Result<Self, UnknownHeads> {
        let heads = self.indexes(heads)?;
        let changes = self.changes_at(&self.graph.ancestors(&heads));
        let mut copy = Self::new();
        for change in &changes {
            copy.apply_checked(change, &mut PatchLog::inactive())
                .expect("invariant: a change of a document fits its own history");
        }
        Ok(copy)
    }

    /// Gives memory back that buffers hold in advance.
    pub fn shrink(&mut self) {
        self.encoder = EncoderSlot::default();
        self.set.log.shrink();
        self.graph.shrink();
    }

    /// The number of the change with this hash.
    pub(crate) fn find_change(&self, hash: &ChangeHash) -> Option<ChangeIndex> {
        self.graph.find_recent(hash).or_else(|| {
            self.settle();
            self.graph.find(hash)
        })
    }

    /// The numbers of the changes with these hashes; those that are not here are passed over.
    pub(crate) fn find_changes(&self, hashes: &[ChangeHash]) -> Vec<ChangeIndex> {
        let mut found: Vec<ChangeIndex> = Vec::with_capacity(hashes.len());
        for hash in hashes {
            // Most stand behind the one before, so that the table need not be asked.
            let next = found.last().map(|last| ChangeIndex(last.0 + 1));
            let next = next.filter(|next| {
                (next.0 as usize) < self.graph.len() && self.graph.hash(*next) == *hash
            });
            found.extend(next.or_else(|| self.find_change(hash)));
        }
        found
    }

    /// The hash of a change.
    pub(crate) fn hash_of(&self, index: ChangeIndex) -> ChangeHash {
        if !self.graph.knows(index) {
            self.settle();
        }
        self.graph.hash(index)
    }

    /// Computes the hashes that a trusted load left for later, if it did. Whatever asks for one
    /// does so too; calling this in idle time spares it the waiting.
    pub fn settle(&self) {
        let Some(count) = self.graph.unsettled() else { return };
        self.graph.settle(|| {
            let mut encoder = ChangeEncoder::default();
            let mut runs = Vec::new();
            let mut hashes: Vec<ChangeHash> = Vec::with_capacity(count);
            for index in (0..count as u32).map(ChangeIndex) {
                runs.clear();
                let hash_of = |dep: ChangeIndex| hashes[dep.0 as usize];
                let hash = self.encode_with(index, hash_of, &mut encoder, &mut runs);
                hashes.push(hash);
            }
            hashes
        });
    }

    pub(crate) fn indexes(&self, heads: &[ChangeHash]) -> Result<Vec<ChangeIndex>, UnknownHeads> {
        heads.iter().map(|head| self.find_change(head).ok_or(UnknownHeads(*head))).collect()
    }

    pub(crate) fn indexes_since(&self, heads: &[ChangeHash]) -> Vec<ChangeIndex> {
        let heads: Vec<_> = heads.iter().filter_map(|head| self.find_change(head)).collect();
        self.graph.since(&heads)
    }

    /// The changes with these numbers, encoded anew.
    pub(crate) fn changes_at(&self, indexes: &[ChangeIndex]) -> Vec<Change> {
        let mut encoder = ChangeEncoder::default();
        let mut runs = Vec::new();
        indexes
            .iter()
            .map(|index| {
                runs.clear();
                self.encode(*index, &mut encoder, &mut runs);
                Change::from_encoder(&encoder)
            })
            .collect()
    }

    /// Encodes a change into the encoder.
    pub(crate) fn encode<'a>(
        &'a self,
        index: ChangeIndex,
        encoder: &mut ChangeEncoder,
        runs: &mut Vec<OpRun<'a>>,
    ) -> ChangeHash {
        self.encode_with(index, |dep| self.hash_of(dep), encoder, runs)
    }

    fn encode_with<'a>(
        &'a self,
        index: ChangeIndex,
        hash_of: impl Fn(ChangeIndex) -> ChangeHash,
        encoder: &mut ChangeEncoder,
        runs: &mut Vec<OpRun<'a>>,
    ) -> ChangeHash {
        let info = self.graph.info(index);
        let mut deps: SmallVec<[ChangeHash; 2]> =
            info.deps.iter().map(|dep| hash_of(*dep)).collect();
        deps.sort_unstable();
        let object_id = |object| self.set.objects.get(object).id;
        self.set.log.runs_between(info.actor, info.start_op, info.max_op + 1, object_id, runs);
        let header = ChangeHeader {
            deps: &deps,
            actor: info.actor,
            seq: info.seq.into(),
            start_op: info.start_op,
            time: info.time,
            message: info.message,
            extra: info.extra,
        };
        encoder.encode(&header, &self.set.actors, runs.iter())
    }
}
