//! Takes others' changes in.

use smallvec::SmallVec;

use crate::{
    change::{Change, ReadChange},
    change_graph::{ChangeIndex, NewChange},
    change_hash::ChangeHash,
    document::Document,
    op::OpRun,
    op_id::OpId,
    patch::PatchLog,
    refused::{ApplyError, RefusedChange, RefusedReason},
    set_aside::Keep,
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
        let before = self.graph.len();
        let mut error = None;
        for change in changes {
            if let Err(refused) = self.apply_one(change, Keep::Always, log) {
                error.get_or_insert(refused);
            }
        }
        self.look_again(before, log);
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
        let before = self.graph.len();
        let mut error = None;
        let actors: Vec<u32> = (0..other.set.actors.len() as u32)
            .map(|actor| self.set.actors.intern(other.set.actors.get(actor)))
            .collect();
        let mut runs = Vec::new();
        // Heads that only this copy has say nothing to the other about what is common; its changes
        // are then looked at one by one.
        for index in other.indexes_since(self.heads()) {
            let info = other.graph.info(index);
            let hash = other.hash_of(index);
            let actor = actors[info.actor as usize];
            if self.graph.by_seq(actor, info.seq).is_some_and(|at| self.hash_of(at) == hash) {
                continue;
            }
            let deps: Option<SmallVec<[ChangeIndex; 2]>> =
                info.deps.iter().map(|dep| self.find_change(&other.hash_of(*dep))).collect();
            if let Some(mut deps) = deps.filter(|_| self.queue.is_empty()) {
                deps.sort_unstable();
                runs.clear();
                let object_id = |object| other.set.objects.get(object).id;
                let (from, to) = (info.start_op, info.max_op + 1);
                other.set.log.runs_between(info.actor, from, to, object_id, &mut runs);
                let incoming = Incoming {
                    hash,
                    deps,
                    actor,
                    seq: info.seq.into(),
                    start_op: info.start_op.into(),
                    max_op: info.max_op.into(),
                    time: info.time,
                    message: info.message,
                    extra: info.extra,
                };
                if self.admit(incoming, runs.iter().cloned(), &actors, log).is_ok() {
                    continue;
                }
            }
            // Waiting and refusing need the change itself.
            for change in other.changes_at(&[index]) {
                if let Err(refused) = self.apply_one(change, Keep::Always, log) {
                    error.get_or_insert(refused);
                }
            }
        }
        self.look_again(before, log);
        log.finish(&self.set);
        let new = (before..self.graph.len()).filter_map(|at| self.hash_at(at)).collect();
        error.map_or(Ok(new), Err)
    }

    pub(crate) fn apply_one(
        &mut self,
        change: Change,
        keep: Keep,
        log: &mut PatchLog,
    ) -> Result<(), ApplyError> {
        if !self.queue.is_empty() && self.is_queued(&change.hash()) {
            self.queue.came_again(&change.hash(), keep);
            return Ok(());
        }
        let mut error = None;
        let mut ready: SmallVec<[(Change, Keep); 1]> = smallvec::smallvec![(change, keep)];
        while let Some((change, keep)) = ready.pop() {
            let hash = change.hash();
            if self.is_known(change.actor().as_bytes(), change.seq(), hash)
                || self.is_refused(&hash)
            {
                continue;
            }
            if let Some(missing) = change.deps().iter().find(|dep| !self.has_change(dep)) {
                let missing = *missing;
                self.queue.wait(change, missing, keep);
                continue;
            }
            match self.apply_checked(&change, log) {
                Ok(()) if self.queue.is_empty() => {}
                Ok(()) => ready.extend(self.queue.arrived(&change.hash())),
                Err(reason) => {
                    let refused = ApplyError { hash: change.hash(), reason: reason.clone() };
                    error.get_or_insert(refused);
                    self.refused.push(RefusedChange::new(change, reason, keep));
                }
            }
        }
        error.map_or(Ok(()), Err)
    }

    /// Takes in a change from where its bytes lie, as [`Document::apply_one`] does.
    pub(crate) fn apply_read<'c>(
        &mut self,
        change: ReadChange<'c>,
        runs: impl Iterator<Item = OpRun<'c>>,
        keep: Keep,
        log: &mut PatchLog,
    ) -> Result<(), ApplyError> {
        if !self.queue.is_empty() || !self.refused.is_empty() {
            return self.apply_one(change.into_change(), keep, log);
        }
        if self.is_known(change.actor(), change.seq(), change.hash) {
            return Ok(());
        }
        let deps: Option<SmallVec<[ChangeIndex; 2]>> =
            change.deps().iter().map(|dep| self.find_change(dep)).collect();
        let Some(mut deps) = deps else { return self.apply_one(change.into_change(), keep, log) };
        deps.sort_unstable();
        let actors: SmallVec<[u32; 4]> =
            change.local_actors().map(|id| self.set.actors.intern_bytes(id)).collect();
        let incoming = Incoming {
            hash: change.hash,
            deps,
            actor: actors[0],
            seq: change.seq(),
            start_op: change.start_op(),
            max_op: change.max_op(),
            time: change.time(),
            message: change.message(),
            extra: change.extra(),
        };
        self.admit(incoming, runs, &actors, log).map_err(|reason| {
            let change = change.into_change();
            let error = ApplyError { hash: change.hash(), reason: reason.clone() };
            self.refused.push(RefusedChange::new(change, reason, keep));
            error
        })
    }

    /// Looks again at refused changes that named something unknown, now that there are more than
    /// `before` changes.
    ///
    /// No honest change names what it has not seen, but nothing that came later makes one wrong:
    /// so everybody ends with the same changes, in whatever order they came.
    pub(crate) fn look_again(&mut self, mut before: usize, log: &mut PatchLog) {
        while self.graph.len() > before {
            before = self.graph.len();
            for (change, keep) in self.refused.take_those_that_may_pass() {
                // Refused again, it is kept as before, and its refusal is known.
                let _ = self.apply_one(change, keep, log);
            }
        }
    }

    /// Whether the change is in the document. An actor's changes are numbered, so that this needs
    /// no look at all hashes.
    fn is_known(&self, actor: &[u8], seq: u64, hash: ChangeHash) -> bool {
        let Some(actor) = self.set.actors.find(actor) else { return false };
        let known = u32::try_from(seq).ok().and_then(|seq| self.graph.by_seq(actor, seq));
        known.is_some_and(|known| self.hash_of(known) == hash)
    }

    /// Takes in a change whose dependencies are here; the document is unchanged when it is refused.
    pub(crate) fn apply_checked(
        &mut self,
        change: &Change,
        log: &mut PatchLog,
    ) -> Result<(), RefusedReason> {
        let mut deps: SmallVec<[ChangeIndex; 2]> =
            change.deps().iter().filter_map(|dep| self.find_change(dep)).collect();
        deps.sort_unstable();
        let actors: SmallVec<[u32; 4]> =
            change.local_actors().map(|id| self.set.actors.intern(id)).collect();
        let incoming = Incoming {
            hash: change.hash(),
            deps,
            actor: actors[0],
            seq: change.seq(),
            start_op: change.start_op(),
            max_op: change.max_op(),
            time: change.time(),
            message: change.message(),
            extra: change.extra(),
        };
        self.admit(incoming, change.runs(), &actors, log)
    }

    /// Takes in a change: what it is, and its operations with actors numbered as in `actors`.
    fn admit<'r>(
        &mut self,
        incoming: Incoming<'_>,
        runs: impl Iterator<Item = OpRun<'r>>,
        actors: &[u32],
        log: &mut PatchLog,
    ) -> Result<(), RefusedReason> {
        let Incoming { actor, seq, start_op, max_op, .. } = incoming;
        let last = self.graph.seq(actor);
        if seq <= u64::from(last) {
            return Err(RefusedReason::ReusedSeq { seq });
        }
        if seq > u64::from(last) + 1 {
            return Err(RefusedReason::SkippedSeq { seq, last: last.into() });
        }
        // Automerge takes such a change in and cannot load its own save then. Most name the change
        // before directly, so that looking for it is seldom.
        if let Some(own) = self.graph.by_seq(actor, last)
            && !incoming.deps.contains(&own)
            && self.graph.since(&incoming.deps).contains(&own)
        {
            return Err(RefusedReason::UnseenOwn { seq });
        }
        let before = incoming.deps.iter().map(|dep| self.graph.max_op(*dep)).max().unwrap_or(0);
        let before = before.max(self.graph.actor_max_op(actor));
        if start_op <= u64::from(before) {
            return Err(RefusedReason::StartOpTooLow { start_op, max_op: before.into() });
        }
        let (Ok(start_op), Ok(max_op)) = (u32::try_from(start_op), u32::try_from(max_op)) else {
            return Err(RefusedReason::TooManyOps(max_op));
        };
        if max_op > OpId::MAX_COUNTER {
            return Err(RefusedReason::TooManyOps(max_op.into()));
        }
        let checkpoint = log.checkpoint();
        let mut id = OpId::new(start_op, actor);
        for run in runs {
            let run = run.map_ids(|id| match id {
                id if id.is_zero() => id,
                id => OpId::new(id.counter, actors[id.actor as usize]),
            });
            if let Err(reason) = self.set.integrate(id, &run, log) {
                self.set.truncate(actor, start_op);
                log.back_to(&checkpoint);
                return Err(RefusedReason::InvalidOp { counter: id.counter.into(), reason });
            }
            id.counter += run.count();
        }
        self.set.max_op = self.set.max_op.max(max_op);
        let change = NewChange {
            actor,
            seq: last + 1,
            start_op,
            max_op,
            time: incoming.time,
            message: incoming.message.map(Into::into),
            deps: incoming.deps,
            extra: incoming.extra.into(),
        };
        self.graph.add(incoming.hash, change);
        Ok(())
    }
}

/// What a change from elsewhere is, besides its operations.
struct Incoming<'a> {
    hash: ChangeHash,
    /// Ascending.
    deps: SmallVec<[ChangeIndex; 2]>,
    /// In this document's numbering.
    actor: u32,
    seq: u64,
    start_op: u64,
    max_op: u64,
    time: i64,
    message: Option<&'a str>,
    extra: &'a [u8],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actor::{ActorId, Actors},
        change::{ChangeEncoder, ChangeHeader},
        load::LoadOptions,
        mark::Expand,
        object::{ObjId, ObjType},
        sequence::TextUnit,
        transaction::{CommitOptions, WriteError},
    };

    fn commit(doc: &mut Document, actor: u8) -> ChangeHash {
        let mut transaction = doc.transaction(&ActorId::new(&[actor]));
        transaction.put(ObjId::ROOT, "n", i64::from(actor)).unwrap();
        transaction.commit(CommitOptions::default()).unwrap()
    }

    /// An empty change that no program would make.
    fn forged(actor: u8, seq: u64, start_op: u32, deps: &[ChangeHash]) -> Change {
        let mut actors = Actors::default();
        let actor = actors.intern(&ActorId::new(&[actor]));
        let (time, message, extra) = (0, None, &[][..]);
        let header = ChangeHeader { deps, actor, seq, start_op, time, message, extra };
        let mut encoder = ChangeEncoder::default();
        encoder.encode(&header, &actors, &[] as &[OpRun<'_>]);
        Change::from_encoder(&encoder)
    }

    #[test]
    fn forged_changes_are_refused_and_leave_the_document_as_it_was() {
        let mut doc = Document::new();
        let first = commit(&mut doc, 9);
        let own = commit(&mut doc, 1);
        let before = doc.save();
        for (change, reason) in [
            (forged(1, 2, 9, &[first]), RefusedReason::UnseenOwn { seq: 2 }),
            (forged(1, 3, 9, &[own]), RefusedReason::SkippedSeq { seq: 3, last: 1 }),
            (forged(1, 1, 9, &[own]), RefusedReason::ReusedSeq { seq: 1 }),
            (forged(2, 1, 2, &[own]), RefusedReason::StartOpTooLow { start_op: 2, max_op: 2 }),
        ] {
            let error = doc.apply([change], &mut PatchLog::inactive()).unwrap_err();
            assert_eq!(error.reason, reason);
            assert_eq!(doc.save(), before);
        }
        assert_eq!(doc.refused().len(), 4);
        doc.apply([forged(1, 2, 9, &[own])], &mut PatchLog::inactive()).unwrap();
    }

    #[test]
    fn a_change_that_names_what_it_has_not_seen_ends_alike_in_any_order() {
        let mut base = Document::new();
        let mut transaction = base.transaction(&ActorId::new(&[1]));
        let text = transaction.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
        let seen = transaction.commit(CommitOptions::default()).unwrap();
        let mut other = base.fork();
        let mut transaction = other.transaction(&ActorId::new(&[2]));
        transaction.splice_text(text, 0, 0, "a", TextUnit::CodePoint).unwrap();
        let unseen = transaction.commit(CommitOptions::default()).unwrap();
        let unseen = other.change(&unseen).unwrap();

        let mut actors = Actors::default();
        let [own, first, second] = [3, 1, 2].map(|actor| actors.intern(&ActorId::new(&[actor])));
        let run = OpRun::Insert {
            object: OpId::new(1, first),
            after: OpId::new(2, second),
            text: "b",
            count: 1,
        };
        let header = ChangeHeader {
            deps: &[seen],
            actor: own,
            seq: 1,
            start_op: 3,
            time: 0,
            message: None,
            extra: &[],
        };
        let mut encoder = ChangeEncoder::default();
        encoder.encode(&header, &actors, &[run]);
        let forged = Change::parse(encoder.chunk()).unwrap();

        let mut early = base.fork();
        early.apply([forged.clone()], &mut PatchLog::inactive()).unwrap_err();
        assert_eq!(early.refused().len(), 1);
        early.apply([unseen.clone()], &mut PatchLog::inactive()).unwrap();
        let mut late = base.fork();
        late.apply([unseen, forged], &mut PatchLog::inactive()).unwrap();
        for doc in [&early, &late] {
            assert_eq!(doc.view().text(text).unwrap(), "ab");
            assert!(doc.refused().is_empty());
        }
        assert_eq!(early.heads(), late.heads());
    }

    /// A change of actor 3 on all of the document: it does `first`, and then types in an object that
    /// is not there.
    fn wrong_in_its_second_operation(doc: &Document, first: OpRun<'_>) -> Change {
        let mut actors = doc.set.actors.clone();
        let actor = actors.intern(&ActorId::new(&[3]));
        let start_op = doc.set.max_op + 1;
        let nowhere =
            OpRun::Insert { object: OpId::new(1, actor), after: OpId::ZERO, text: "x", count: 1 };
        let deps = doc.heads();
        let (time, message, extra) = (0, None, &[][..]);
        let header = ChangeHeader { deps, actor, seq: 1, start_op, time, message, extra };
        let mut encoder = ChangeEncoder::default();
        encoder.encode(&header, &actors, &[first, nowhere]);
        Change::parse(encoder.chunk()).unwrap()
    }

    #[test]
    fn a_refused_change_leaves_the_patches_of_those_before_it() {
        let unit = TextUnit::Utf16;
        let mut base = Document::new();
        let mut transaction = base.transaction(&ActorId::new(&[1]));
        let text = transaction.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
        transaction.splice_text(text, 0, 0, "hello", unit).unwrap();
        transaction.commit(CommitOptions::default()).unwrap();
        for what in ["insertion", "deletion", "mark"] {
            let mut other = base.fork();
            let mut transaction = other.transaction(&ActorId::new(&[2]));
            match what {
                "insertion" => transaction.splice_text(text, 5, 0, " world", unit).unwrap(),
                "deletion" => transaction.splice_text(text, 0, 2, "", unit).unwrap(),
                _ => transaction.mark(text, 0..3, "strong", true, Expand::None, unit).unwrap(),
            }
            let good = transaction.commit(CommitOptions::default()).unwrap();
            let good = other.change(&good).unwrap();
            // It goes on where the good one ended, so that their patches are joined.
            let last = OpId::new(other.set.max_op, other.set.actors.len() as u32 - 1);
            let third = OpId::new(4, 0);
            let bad = match what {
                "insertion" => {
                    OpRun::Insert { object: text.0, after: last, text: "EVIL", count: 4 }
                }
                _ => OpRun::Delete { object: text.0, target: third, step: 1, count: 1 },
            };
            let bad = wrong_in_its_second_operation(&other, bad);
            let (mut alone, mut with_bad) = (base.fork(), base.fork());
            let mut expected = PatchLog::active(unit);
            alone.apply([good.clone()], &mut expected).unwrap();
            let mut log = PatchLog::active(unit);
            with_bad.apply([good, bad], &mut log).unwrap_err();
            assert_eq!(with_bad.view().text(text).unwrap(), alone.view().text(text).unwrap());
            assert_eq!(log.take(), expected.take(), "{what}");
        }
    }

    #[test]
    fn counters_end_where_a_save_can_still_be_read() {
        let last = OpId::MAX_COUNTER;
        let mut doc = Document::new();
        let error =
            doc.apply([forged(1, 1, last + 2, &[])], &mut PatchLog::inactive()).unwrap_err();
        assert_eq!(error.reason, RefusedReason::TooManyOps(u64::from(last) + 1));
        // Up to there a stranger may count. Nothing can be written then, and nothing breaks.
        doc.apply([forged(1, 1, last + 1, &[])], &mut PatchLog::inactive()).unwrap();
        let mut transaction = doc.transaction(&ActorId::new(&[2]));
        assert_eq!(transaction.put(ObjId::ROOT, "n", 1i64), Err(WriteError::TooManyOps));
        drop(transaction);
        doc.commit_empty(&ActorId::new(&[2]), CommitOptions::default());
        let mut draft = doc.draft_transaction();
        draft.put(ObjId::ROOT, "n", 1i64).unwrap();
        draft.keep();
        assert_eq!(doc.commit_draft(&ActorId::new(&[2]), CommitOptions::default()), None);
        let journal = doc.draft_journal().unwrap();
        let mut loaded = Document::load(&doc.save(), LoadOptions::default()).unwrap();
        loaded.restore_draft(&journal).unwrap();
        assert_eq!(loaded.draft_len(), 1);
        assert_eq!(loaded.heads(), doc.heads());
    }

    #[test]
    fn changes_that_leave_counters_out_are_loaded_as_they_were_saved() {
        let mut doc = Document::new();
        let mut seq = 0;
        for round in 0..40 {
            let mut transaction = doc.transaction(&ActorId::new(&[1]));
            transaction.put(ObjId::ROOT, "n", i64::from(round)).unwrap();
            let last = transaction.commit(CommitOptions::default()).unwrap();
            seq += 1;
            if round % 7 == 3 {
                seq += 1;
                let start_op = doc.set.max_op + 1 + round;
                let change = forged(1, seq, start_op, &[last]);
                doc.apply([change], &mut PatchLog::inactive()).unwrap();
            }
        }
        for options in [LoadOptions::default(), LoadOptions::trusted()] {
            let loaded = Document::load(&doc.save(), options).unwrap();
            assert_eq!(loaded.heads(), doc.heads());
            assert_eq!(loaded.changes(), doc.changes());
        }
    }
}
