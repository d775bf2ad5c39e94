//! Undo and redo of one's own edits, as new changes.
//!
//! The history holds which operations were one's own, whatever actors wrote them. Undoing writes
//! operations that take them back where others have not changed the same since. Deleted elements
//! cannot come back: their text is inserted anew, and a map from old to new ids is applied to every
//! later undo and redo.

mod renewed;

use std::ops::Range;

use rejoin_columnar::leb128::{self, Reader};

use crate::{
    actor::ActorId,
    change_hash::ChangeHash,
    document::Document,
    op_id::OpId,
    patch::{Patch, PatchLog},
    transaction::{CommitOptions, OpRange, Transaction, WriteError},
};
pub(crate) use renewed::Renewed;

/// One's own edits of a document, to be taken back and made again.
///
/// It belongs to one document: [`UndoHistory::to_bytes`] and [`UndoHistory::from_bytes`] carry it
/// over a restart.
#[derive(Debug, Clone, Default)]
pub struct UndoHistory {
    undo: Vec<Step>,
    redo: Vec<Step>,
    renewed: Renewed,
    /// While the last step may still grow: when its first and its last edit were recorded.
    growing: Option<(u64, u64)>,
}

/// Which edits are undone together: those that follow each other without a longer pause, until they
/// have gone on for too long or are too many. Times are in milliseconds of the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UndoGrouping {
    /// The longest pause between two edits of a step.
    pub pause: u64,
    /// The longest time from the first edit of a step to its last.
    pub lasting: u64,
    /// The most operations of a step; about as many characters. An edit that has more is a step of
    /// its own.
    pub operations: u64,
}

/// Edits that are undone together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Step(Vec<OpRange>);

/// Where undoing writes to.
#[derive(Debug)]
pub enum UndoInto<'a> {
    /// A change of its own, by this actor.
    Change(&'a ActorId, CommitOptions),
    /// The draft.
    Draft,
}

/// What undoing or redoing did.
#[derive(Debug, Clone, PartialEq)]
pub struct Undone {
    /// The change that it wrote, unless it wrote to the draft.
    pub change: Option<ChangeHash>,
    /// What changed.
    pub patches: Vec<Patch>,
}

/// Bytes that are no history of this document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an undo history of this document")]
pub struct InvalidHistory;

/// How many steps are kept.
const MAX_STEPS: usize = 1000;

impl UndoHistory {
    /// A history of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether there is something to undo.
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether there is something to redo.
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// Records an own change, made `now`. It joins the last step where `grouping` lets it.
    pub fn record(
        &mut self,
        doc: &Document,
        change: &ChangeHash,
        now: u64,
        grouping: UndoGrouping,
    ) {
        let Some(index) = doc.find_change(change) else { return };
        let info = doc.graph.info(index);
        let range = OpRange { actor: info.actor, from: info.start_op, to: info.max_op + 1 };
        self.record_ops(range, now, grouping);
    }

    /// Records operations of the draft, numbered as `Document::draft_len` counts them: those from
    /// the length before to the length after. Grouped as with [`UndoHistory::record`].
    pub fn record_draft(&mut self, ops: Range<usize>, now: u64, grouping: UndoGrouping) {
        let (from, to) = (ops.start as u32 + 1, ops.end as u32 + 1);
        self.record_ops(OpRange { actor: OpId::DRAFT_ACTOR, from, to }, now, grouping);
    }

    fn record_ops(&mut self, range: OpRange, now: u64, grouping: UndoGrouping) {
        if range.from >= range.to {
            return;
        }
        self.redo.clear();
        let growing = self.growing.filter(|(first, last)| {
            now.saturating_sub(*last) <= grouping.pause
                && now.saturating_sub(*first) <= grouping.lasting
        });
        let added = u64::from(range.to - range.from);
        match self.undo.last_mut() {
            Some(step) if growing.is_some() && step.operations() + added <= grouping.operations => {
                self.growing = growing.map(|(first, _)| (first, now));
                step.add(range);
            }
            _ => {
                self.growing = Some((now, now));
                self.undo.push(Step(vec![range]));
                if self.undo.len() > MAX_STEPS {
                    self.undo.remove(0);
                }
            }
        }
    }

    /// Ends the step at hand: the next edit begins a new one.
    pub fn close_step(&mut self) {
        self.growing = None;
    }

    /// Takes the last step back that still shows anywhere. `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be written; the document and the history are then as before.
    pub fn undo(
        &mut self,
        doc: &mut Document,
        into: UndoInto<'_>,
        log: PatchLog,
    ) -> Result<Option<Undone>, WriteError> {
        let done = apply(&mut self.undo, &mut self.renewed, doc, into, log)?;
        self.growing = None;
        Ok(done.map(|(undone, step)| {
            self.redo.push(step);
            undone
        }))
    }

    /// Makes the last step again that was taken back. `None` when there is none.
    ///
    /// # Errors
    /// As [`UndoHistory::undo`].
    pub fn redo(
        &mut self,
        doc: &mut Document,
        into: UndoInto<'_>,
        log: PatchLog,
    ) -> Result<Option<Undone>, WriteError> {
        let done = apply(&mut self.redo, &mut self.renewed, doc, into, log)?;
        self.growing = None;
        Ok(done.map(|(undone, step)| {
            self.undo.push(step);
            undone
        }))
    }

    /// Says that the draft has become this change, so that its edits can still be undone.
    pub fn draft_committed(&mut self, doc: &Document, change: &ChangeHash) {
        let Some(index) = doc.find_change(change) else { return };
        let info = doc.graph.info(index);
        let committed = |id: OpId| {
            if id.is_draft() { OpId::new(info.start_op + id.counter - 1, info.actor) } else { id }
        };
        for range in self.undo.iter_mut().chain(&mut self.redo).flat_map(|step| &mut step.0) {
            if range.actor == OpId::DRAFT_ACTOR {
                let first = committed(OpId::new(range.from, range.actor));
                let len = range.to - range.from;
                *range =
                    OpRange { actor: first.actor, from: first.counter, to: first.counter + len };
            }
        }
        self.renewed.map_ids(committed);
    }

    /// Forgets the steps of a draft that was thrown away.
    pub fn draft_discarded(&mut self) {
        for steps in [&mut self.undo, &mut self.redo] {
            steps.iter_mut().for_each(|step| {
                step.0.retain(|range| range.actor != OpId::DRAFT_ACTOR);
            });
            steps.retain(|step| !step.0.is_empty());
        }
    }

    /// The history as bytes, for the same document after a restart. A draft's steps are left out.
    pub fn to_bytes(&self, doc: &Document) -> Vec<u8> {
        let mut out = vec![VERSION];
        let actors = &doc.set.actors;
        leb128::write_u64(&mut out, actors.len() as u64);
        for actor in 0..actors.len() as u32 {
            let id = actors.get(actor).as_bytes();
            leb128::write_u64(&mut out, id.len() as u64);
            out.extend_from_slice(id);
        }
        let write_id = |out: &mut Vec<u8>, id: &OpId| {
            leb128::write_u64(out, id.actor.into());
            leb128::write_u64(out, id.counter.into());
        };
        for steps in [&self.undo, &self.redo] {
            let kept: Vec<_> = steps.iter().filter(|step| !step.is_draft()).collect();
            leb128::write_u64(&mut out, kept.len() as u64);
            for step in kept {
                leb128::write_u64(&mut out, step.0.len() as u64);
                for range in &step.0 {
                    write_id(&mut out, &OpId::new(range.from, range.actor));
                    leb128::write_u64(&mut out, (range.to - range.from).into());
                }
            }
        }
        self.renewed.write(&mut out, write_id);
        out
    }

    /// Reads a history of this document.
    ///
    /// # Errors
    /// When the bytes are anything else, or name actors that the document does not have.
    pub fn from_bytes(doc: &Document, bytes: &[u8]) -> Result<Self, InvalidHistory> {
        Self::read(doc, bytes).ok_or(InvalidHistory)
    }

    fn read(doc: &Document, bytes: &[u8]) -> Option<Self> {
        let (version, bytes) = bytes.split_first()?;
        if *version != VERSION {
            return None;
        }
        let mut reader = Reader::new(bytes);
        let mut actors = Vec::new();
        for _ in 0..reader.u64().ok()? {
            // An actor whose change was lost is no obstacle unless a step needs it.
            actors.push(doc.set.actors.find(reader.prefixed().ok()?));
        }
        let read_id = |reader: &mut Reader<'_>| -> Option<OpId> {
            let actor = usize::try_from(reader.u64().ok()?).ok()?;
            let counter = reader.u32().ok()?;
            Some(OpId::new(counter, (*actors.get(actor)?)?))
        };
        let mut history = Self::default();
        for steps in [&mut history.undo, &mut history.redo] {
            for _ in 0..reader.u64().ok()? {
                let mut step = Step::default();
                for _ in 0..reader.u64().ok()? {
                    let first = read_id(&mut reader)?;
                    let to = first.counter.checked_add(reader.u32().ok()?)?;
                    step.0.push(OpRange { actor: first.actor, from: first.counter, to });
                }
                steps.push(step);
            }
        }
        history.renewed = Renewed::read(&mut reader, read_id)?;
        reader.is_empty().then_some(history)
    }
}

/// The version of the byte form.
const VERSION: u8 = 2;

impl Step {
    fn add(&mut self, range: OpRange) {
        match self.0.last_mut() {
            Some(last) if last.actor == range.actor && last.to == range.from => last.to = range.to,
            _ => self.0.push(range),
        }
    }

    fn operations(&self) -> u64 {
        self.0.iter().map(|range| u64::from(range.to - range.from)).sum()
    }

    fn is_draft(&self) -> bool {
        self.0.iter().any(|range| range.actor == OpId::DRAFT_ACTOR)
    }
}

/// Reverts the last step of `steps` that can be, and gives what reverts that.
fn apply(
    steps: &mut Vec<Step>,
    renewed: &mut Renewed,
    doc: &mut Document,
    into: UndoInto<'_>,
    log: PatchLog,
) -> Result<Option<(Undone, Step)>, WriteError> {
    let mut log = Some(log);
    while let Some(step) = steps.last() {
        let mut known = renewed.clone();
        let mut transaction = match &into {
            UndoInto::Change(actor, _) => doc.transaction(actor),
            UndoInto::Draft => Transaction::for_draft(doc),
        };
        transaction.set_log(log.take().unwrap_or_default());
        for range in step.0.iter().rev() {
            transaction.revert(*range, &mut known)?;
        }
        let written = transaction.written();
        steps.pop();
        if written.from == written.to {
            log = Some(transaction.take_log());
            continue;
        }
        for counter in written.from..written.to {
            known.add_own(OpId::new(counter, written.actor));
        }
        known.end_step();
        *renewed = known;
        let patches = transaction.take_patches();
        let change = match into {
            UndoInto::Change(_, options) => transaction.commit(options),
            UndoInto::Draft => {
                transaction.keep_in_draft();
                None
            }
        };
        return Ok(Some((Undone { change, patches }, Step(vec![written]))));
    }
    Ok(None)
}
