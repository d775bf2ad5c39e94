//! Drafts: operations that wait to be committed while others' changes come in.
//!
//! A draft's operations have ids above those of all changes, so they count as the newest whatever
//! arrives, and keep the order that the person sees when they become a change on the then current
//! heads. Saving, syncing and views at heads do not see them.

use crate::{
    actor::ActorId,
    change::{Change, ChangeError, ChangeHeader},
    change_hash::ChangeHash,
    document::Document,
    op::OpRun,
    op_id::OpId,
    patch::{Patch, PatchLog},
    refused::RefusedReason,
    transaction::{CommitOptions, Transaction},
};

/// What is known of a draft besides its operations.
#[derive(Debug, Clone)]
pub(crate) struct DraftState {
    /// The counter of the next operation, from 1.
    next: u32,
}

/// Why a journal cannot become a draft.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreDraftError {
    /// The bytes are no journal.
    #[error("not a journal of a draft: {0}")]
    Malformed(#[from] ChangeError),
    /// The document lacks a change that the draft was made on.
    #[error("the draft was made on change {0}, which is not here")]
    MissingBase(ChangeHash),
    /// There is a draft already.
    #[error("there is a draft already")]
    Exists,
    /// An operation does not fit the document.
    #[error("the draft does not fit: {0}")]
    Invalid(RefusedReason),
}

/// Operations on a draft in the making; dropping it takes them back, [`DraftTransaction::keep`]
/// adds them to the draft.
#[derive(Debug)]
pub struct DraftTransaction<'a>(Transaction<'a>);

impl<'a> std::ops::Deref for DraftTransaction<'a> {
    type Target = Transaction<'a>;

    fn deref(&self) -> &Transaction<'a> {
        &self.0
    }
}

impl std::ops::DerefMut for DraftTransaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.0
    }
}

impl DraftTransaction<'_> {
    /// Adds the operations to the draft and gives the patches collected.
    pub fn keep(self) -> Vec<Patch> {
        self.0.keep_in_draft()
    }
}

impl<'a> Transaction<'a> {
    /// A transaction whose operations go on where the draft ends.
    pub(crate) fn for_draft(doc: &'a mut Document) -> Self {
        let next = doc.draft.as_ref().map_or(1, |draft| draft.next);
        Self::on_draft(doc, next)
    }
}

/// The actor of a journal, which is no change: it is never applied.
const JOURNAL_ACTOR: &[u8] = b"draft";

impl Document {
    /// Begins to write into the draft, making one where there is none.
    ///
    /// Object ids made here are valid until the draft is committed.
    pub fn draft_transaction(&mut self) -> DraftTransaction<'_> {
        DraftTransaction(Transaction::for_draft(self))
    }

    /// How many operations the draft has; 0 without a draft.
    pub fn draft_len(&self) -> usize {
        self.draft.as_ref().map_or(0, |draft| draft.next as usize - 1)
    }

    pub(crate) fn keep_draft(&mut self, next: u32) {
        if next > 1 {
            self.draft = Some(Box::new(DraftState { next }));
        }
    }

    /// Makes the draft one change on the current heads. `None` when there is no draft, and when the
    /// document has no numbers left for its operations: it then stays a draft.
    ///
    /// Nothing that is visible changes.
    pub fn commit_draft(&mut self, actor: &ActorId, options: CommitOptions) -> Option<ChangeHash> {
        if self.draft_len() > (OpId::MAX_COUNTER - self.set.max_op) as usize {
            return None;
        }
        let draft = self.draft.take()?;
        let actor = self.set.actors.intern(actor);
        let start_op = self.set.max_op + 1;
        let copy = self.set.log.clone_draft();
        let object_ids = self.set.objects.ids();
        self.set.truncate(OpId::DRAFT_ACTOR, 1);
        let mut log = PatchLog::inactive();
        let mut id = OpId::new(start_op, actor);
        for run in copy.runs(&object_ids) {
            let run = run.map_ids(|id| committed(id, start_op, actor));
            self.set
                .integrate(id, &run, &mut log)
                .expect("invariant: a draft fits the document that it lies in");
            id.counter += run.count();
        }
        Some(self.commit_ops(actor, start_op, start_op + draft.next - 1, options))
    }

    /// Throws the draft away.
    pub fn discard_draft(&mut self) {
        if self.draft.take().is_some() {
            self.set.truncate(OpId::DRAFT_ACTOR, 1);
        }
    }

    /// The draft as bytes to be stored, relative to the current heads. `None` without a draft.
    pub fn draft_journal(&self) -> Option<Vec<u8>> {
        self.draft.as_ref()?;
        let mut actors = self.set.actors.clone();
        let actor = actors.intern(&ActorId::new(JOURNAL_ACTOR));
        let start_op = self.set.max_op + 1;
        let mut runs = Vec::new();
        let object_id = |object| self.set.objects.get(object).id;
        self.set.log.runs_between(OpId::DRAFT_ACTOR, 1, u32::MAX, object_id, &mut runs);
        let runs: Vec<OpRun<'_>> =
            runs.into_iter().map(|run| run.map_ids(|id| committed(id, start_op, actor))).collect();
        let header = ChangeHeader {
            deps: self.graph.heads(),
            actor,
            seq: 1,
            start_op,
            time: 0,
            message: None,
            extra: &[],
        };
        let mut encoder = crate::change::ChangeEncoder::default();
        encoder.encode(&header, &actors, &runs);
        Some(encoder.chunk().to_vec())
    }

    /// Takes a journaled draft up again, also when more changes have come in since.
    ///
    /// # Errors
    /// When the bytes are no journal, a change of its base is missing, or there is a draft.
    pub fn restore_draft(&mut self, journal: &[u8]) -> Result<(), RestoreDraftError> {
        if self.draft.is_some() {
            return Err(RestoreDraftError::Exists);
        }
        let change = Change::parse(journal)?;
        if let Some(dep) = change.deps().iter().find(|dep| !self.has_change(dep)) {
            return Err(RestoreDraftError::MissingBase(*dep));
        }
        let actors: Vec<u32> =
            change.local_actors().map(|actor| self.set.actors.intern(actor)).collect();
        let base = change.start_op() as u32 - 1;
        let mut id = OpId::new(1, OpId::DRAFT_ACTOR);
        let mut log = PatchLog::inactive();
        for run in change.runs() {
            let run = run.map_ids(|id| match id {
                id if id.is_zero() => id,
                OpId { counter, actor: 0 } if counter > base => {
                    OpId::new(counter - base, OpId::DRAFT_ACTOR)
                }
                id => OpId::new(id.counter, actors[id.actor as usize]),
            });
            if let Err(reason) = self.set.integrate(id, &run, &mut log) {
                self.set.truncate(OpId::DRAFT_ACTOR, 1);
                let reason = RefusedReason::InvalidOp { counter: id.counter.into(), reason };
                return Err(RestoreDraftError::Invalid(reason));
            }
            id.counter += run.count();
        }
        self.keep_draft(id.counter);
        Ok(())
    }
}

/// The id that an operation of a draft has as part of a change.
fn committed(id: OpId, start_op: u32, actor: u32) -> OpId {
    if id.is_draft() { OpId::new(start_op + id.counter - 1, actor) } else { id }
}
