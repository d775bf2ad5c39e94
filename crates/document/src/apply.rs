//! Takes others' changes in.

use smallvec::SmallVec;

use crate::{
    change::Change,
    change_graph::NewChange,
    change_hash::ChangeHash,
    document::Document,
    op_id::OpId,
    patch::PatchLog,
    refused::{ApplyError, RefusedChange, RefusedReason},
};

impl Document {
    /// Takes changes in, in any order. One that follows changes that are not here waits for them;
    /// one that is here already is passed over.
    ///
    /// # Errors
    /// When a change was refused. It is kept beside the document (`Document::refused`), what
    /// follows it waits, and all others are taken in.
    pub fn apply(
        &mut self,
        changes: impl IntoIterator<Item = Change>,
        log: &mut PatchLog,
    ) -> Result<(), ApplyError> {
        let mut error = None;
        for change in changes {
            if let Err(refused) = self.apply_one(change, log) {
                error.get_or_insert(refused);
            }
        }
        log.finish(&self.set);
        error.map_or(Ok(()), Err)
    }

    /// Takes in what another copy has and this one lacks. Gives the hashes of the new changes.
    ///
    /// # Errors
    /// As [`Document::apply`].
    pub fn merge(
        &mut self,
        other: &Self,
        log: &mut PatchLog,
    ) -> Result<Vec<ChangeHash>, ApplyError> {
        // Heads that only this copy has say nothing to the other about what is common; its
        // changes are asked one by one then.
        let new: Vec<_> = other
            .indexes_since(self.heads())
            .into_iter()
            .filter(|index| !self.has_change(&other.graph.hash(*index)))
            .collect();
        let before = self.graph.len();
        self.apply(other.changes_at(&new), log)?;
        Ok((before..self.graph.len()).filter_map(|at| self.hash_at(at)).collect())
    }

    pub(crate) fn apply_one(
        &mut self,
        change: Change,
        log: &mut PatchLog,
    ) -> Result<(), ApplyError> {
        if !self.queue.is_empty() && self.is_queued(&change.hash()) {
            return Ok(());
        }
        let mut error = None;
        let mut ready: SmallVec<[Change; 1]> = smallvec::smallvec![change];
        while let Some(change) = ready.pop() {
            if self.is_known(&change) || self.is_refused(&change.hash()) {
                continue;
            }
            if let Some(missing) = change.deps().iter().find(|dep| !self.has_change(dep)) {
                let missing = *missing;
                self.queue.wait(change, missing);
                continue;
            }
            match self.apply_checked(&change, log) {
                Ok(()) if self.queue.is_empty() => {}
                Ok(()) => ready.extend(self.queue.arrived(&change.hash())),
                Err(reason) => {
                    let refused = ApplyError { hash: change.hash(), reason: reason.clone() };
                    error.get_or_insert(refused);
                    self.refused.push(RefusedChange { change, reason });
                }
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Whether the change is in the document. An actor's changes are numbered, so that this needs
    /// no look at all hashes.
    fn is_known(&self, change: &Change) -> bool {
        let Some(actor) = self.set.actors.find(change.actor()) else { return false };
        let known = u32::try_from(change.seq()).ok().and_then(|seq| self.graph.by_seq(actor, seq));
        known.is_some_and(|known| self.graph.hash(known) == change.hash())
    }

    fn is_refused(&self, hash: &ChangeHash) -> bool {
        self.refused.iter().any(|refused| refused.change.hash() == *hash)
    }

    /// Takes in a change whose dependencies are here; the document is unchanged when it is refused.
    pub(crate) fn apply_checked(
        &mut self,
        change: &Change,
        log: &mut PatchLog,
    ) -> Result<(), RefusedReason> {
        let deps: SmallVec<[_; 2]> = {
            let mut deps: SmallVec<[_; 2]> =
                change.deps().iter().filter_map(|dep| self.graph.find(dep)).collect();
            deps.sort_unstable();
            deps
        };
        let known = self.set.actors.find(change.actor());
        let last = known.map_or(0, |actor| self.graph.seq(actor));
        if change.seq() <= u64::from(last) {
            return Err(RefusedReason::ReusedSeq { seq: change.seq() });
        }
        if change.seq() > u64::from(last) + 1 {
            return Err(RefusedReason::SkippedSeq { seq: change.seq(), last: last.into() });
        }
        let before = deps.iter().map(|dep| self.graph.max_op(*dep)).max().unwrap_or(0);
        let before = before.max(known.map_or(0, |actor| self.graph.actor_max_op(actor)));
        if change.start_op() <= u64::from(before) {
            let max_op = before.into();
            return Err(RefusedReason::StartOpTooLow { start_op: change.start_op(), max_op });
        }
        let (Ok(start_op), Ok(max_op)) =
            (u32::try_from(change.start_op()), u32::try_from(change.max_op()))
        else {
            return Err(RefusedReason::TooManyOps(change.max_op()));
        };
        let actors: SmallVec<[u32; 4]> =
            change.local_actors().map(|id| self.set.actors.intern(id)).collect();
        let patches = log.len();
        let mut id = OpId::new(start_op, actors[0]);
        for run in change.runs() {
            let run = run.map_ids(|id| match id {
                id if id.is_zero() => id,
                id => OpId::new(id.counter, actors[id.actor as usize]),
            });
            if let Err(reason) = self.set.integrate(id, &run, log) {
                self.set.truncate(actors[0], start_op);
                log.truncate(patches);
                return Err(RefusedReason::InvalidOp { counter: id.counter.into(), reason });
            }
            id.counter += run.count();
        }
        self.set.max_op = self.set.max_op.max(max_op);
        self.graph.add(
            change.hash(),
            NewChange {
                actor: actors[0],
                seq: last + 1,
                start_op,
                max_op,
                time: change.time(),
                message: change.message().map(Into::into),
                deps,
                extra: change.extra().into(),
            },
        );
        Ok(())
    }
}
