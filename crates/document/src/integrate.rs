//! Takes operations into the document, local and remote alike, and takes them back.

use smallvec::SmallVec;

use crate::{
    object::{Content, ObjType, ObjectIndex, Parent, ParentKey},
    op::{Action, Key, Op, OpRun},
    op_id::OpId,
    op_log::{LogRun, LoggedOps, StoredKey},
    op_set::{OpSet, text_widths},
    patch::PatchLog,
    register::{Register, RegisterOp, Source, Superseding},
    sequence::{Place, Removal, Run, RunKind, SequenceId},
};

/// Why an operation cannot be taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOp {
    /// It acts on an object that is not there.
    #[error("the object does not exist")]
    UnknownObject,
    /// It acts on an element that is not in its sequence.
    #[error("the element is not in the sequence")]
    UnknownElement,
    /// It names a predecessor that is no operation on the same key or element.
    #[error("a predecessor is no operation on the same place")]
    UnknownPredecessor,
    /// It uses a key in a sequence or an element in a map, or inserts into a map.
    #[error("the key does not fit the object")]
    WrongKey,
    /// It is a deletion or increment of nothing, which could not be saved.
    #[error("a deletion or increment has no predecessor")]
    NoPredecessor,
    /// It ends a mark that does not begin just before it.
    #[error("a mark ends that does not begin just before")]
    UnmatchedMark,
}

impl OpSet {
    /// Takes in the run of operations whose first has the id `id`; later ones count up.
    ///
    /// # Errors
    /// When an operation does not fit; what came before it in the run is then taken in, and the
    /// caller takes it back with [`OpSet::truncate`].
    pub(crate) fn integrate(
        &mut self,
        id: OpId,
        run: &OpRun<'_>,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        match run {
            OpRun::Insert { object, after, text, count } => {
                let (object, sequence) = self.sequence_by_id(*object)?;
                self.insert_text(object, sequence, id, *after, text, *count, patches)?;
            }
            OpRun::Delete { object, target, step, count } => {
                let (object, sequence) = self.sequence_by_id(*object)?;
                self.delete_run(object, sequence, id, *target, *step, *count, patches)?;
            }
            OpRun::Single(op) => self.integrate_op(id, op, patches)?,
        }
        Ok(())
    }

    fn sequence_by_id(&self, id: OpId) -> Result<(ObjectIndex, SequenceId), InvalidOp> {
        let object = self.objects.find(id).ok_or(InvalidOp::UnknownObject)?;
        Ok((object, self.sequence(object).ok_or(InvalidOp::WrongKey)?))
    }

    /// Inserts elements of one scalar value each, in RGA order.
    #[expect(clippy::too_many_arguments, reason = "the parts of an insertion run, on the hot path")]
    pub(crate) fn insert_text(
        &mut self,
        object: ObjectIndex,
        sequence: SequenceId,
        id: OpId,
        after: OpId,
        text: &str,
        count: u32,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        let place = self.place_after(sequence, id, after)?;
        self.insert_text_at(object, place, id, after, text, count, patches);
        Ok(())
    }

    /// Inserts elements at a place that is known to be theirs.
    #[expect(clippy::too_many_arguments, reason = "the parts of an insertion run, on the hot path")]
    pub(crate) fn insert_text_at(
        &mut self,
        object: ObjectIndex,
        place: Place,
        id: OpId,
        after: OpId,
        text: &str,
        count: u32,
        patches: &mut PatchLog,
    ) {
        let source = self.log.text.len() as u32;
        self.log.text.push_str(text);
        let (_, utf8, utf16) = text_widths(text);
        let run = Run {
            id,
            origin: after,
            removal: Removal::None,
            points: count,
            source,
            utf8,
            utf16,
            kind: RunKind::Text,
        };
        let place = self.sequences.insert(place, run, &self.log.text);
        let what = LoggedOps::Insert { after, text: source, bytes: utf8, count };
        self.log.append(id.actor, LogRun { counter: id.counter, object, what });
        if patches.is_active() {
            patches.inserted_text(self, object, place, text);
        }
    }

    /// Where an element with this id goes that was inserted after another.
    pub(crate) fn place_after(
        &self,
        sequence: SequenceId,
        id: OpId,
        after: OpId,
    ) -> Result<Place, InvalidOp> {
        let place = if after.is_zero() {
            self.sequences.start(sequence)
        } else {
            let place = self.sequences.find(after).ok_or(InvalidOp::UnknownElement)?;
            if self.sequences.sequence_of(place.leaf) != sequence {
                return Err(InvalidOp::UnknownElement);
            }
            Place { offset: place.offset + 1, ..place }
        };
        Ok(self.behind_younger(place, id))
    }

    /// The place behind all that was inserted after the same element as one with this id, and later.
    #[inline]
    pub(crate) fn behind_younger(&self, place: Place, id: OpId) -> Place {
        let mut place = place;
        // All that was inserted after the same element with a greater id comes first, with what
        // was inserted after that: its ids are greater still, so whole runs can be passed over.
        let order = self.actors.order(id);
        while let Some((at, run)) = self.sequences.run_at(place) {
            if self.actors.order(run.id.plus(at.offset)) < order {
                break;
            }
            place = Place { offset: run.len(), ..at };
        }
        place
    }

    /// Deletes elements whose ids follow each other by `step`.
    #[expect(clippy::too_many_arguments, reason = "the parts of a deletion run, on the hot path")]
    pub(crate) fn delete_run(
        &mut self,
        object: ObjectIndex,
        sequence: SequenceId,
        id: OpId,
        target: OpId,
        step: i8,
        count: u32,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        let mut done = 0;
        while done < count {
            let first = target.stepped(step, done);
            let place = self.sequences.find(first).ok_or(InvalidOp::UnknownElement)?;
            if self.sequences.sequence_of(place.leaf) != sequence {
                return Err(InvalidOp::UnknownElement);
            }
            let (_, run) = self.sequences.run_at(place).ok_or(InvalidOp::UnknownElement)?;
            let run = *run;
            let part = if step > 0 {
                (run.len() - place.offset).min(count - done)
            } else {
                (place.offset + 1).min(count - done)
            };
            let (from, deleted_by) = if step > 0 {
                (place, id.plus(done))
            } else {
                let from = Place { offset: place.offset + 1 - part, ..place };
                (from, id.plus(done + part - 1))
            };
            if run.kind == RunKind::Text {
                self.delete_at(object, from, part, deleted_by, step, patches);
            } else {
                self.supersede_special(object, from, &[first], id.plus(done), patches)?;
            }
            let what = LoggedOps::Delete { target: first, step, count: part };
            self.log.append(id.actor, LogRun { counter: id.counter + done, object, what });
            done += part;
        }
        Ok(())
    }

    /// Deletes elements of one text run; the log entry is the caller's.
    pub(crate) fn delete_at(
        &mut self,
        object: ObjectIndex,
        place: Place,
        count: u32,
        deleted_by: OpId,
        step: i8,
        patches: &mut PatchLog,
    ) {
        if patches.is_active()
            && let Some((_, run)) = self.sequences.run_at(place)
            && run.is_visible()
        {
            patches.deleted(self, object, place, count);
        }
        self.sequences.delete(place, count, deleted_by, step, &self.log.text);
    }

    /// Takes in one operation that is no part of a run.
    fn integrate_op(
        &mut self,
        id: OpId,
        op: &Op<'_>,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        let object = self.objects.find(op.object).ok_or(InvalidOp::UnknownObject)?;
        if matches!(op.action, Action::Delete | Action::Increment) && op.predecessors.is_empty() {
            return Err(InvalidOp::NoPredecessor);
        }
        match op.key {
            Key::Map(key) => self.integrate_map_op(object, key, id, op, patches),
            Key::Element(element) => {
                let sequence = self.sequence(object).ok_or(InvalidOp::WrongKey)?;
                if op.insert {
                    self.integrate_insert(object, sequence, element, id, op, patches)
                } else {
                    self.integrate_element_op(object, sequence, element, id, op, patches)
                }
            }
        }
    }

    fn integrate_map_op(
        &mut self,
        object: ObjectIndex,
        key: &str,
        id: OpId,
        op: &Op<'_>,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        if op.insert || op.action == Action::Mark {
            return Err(InvalidOp::WrongKey);
        }
        let Content::Map(map) = &mut self.objects.get_mut(object).content else {
            return Err(InvalidOp::WrongKey);
        };
        // The register is taken out while it changes, as its operations are looked up in the set.
        let mut register = map.get_mut(key).map(std::mem::take).unwrap_or_default();
        let before = patches.is_active().then(|| patches.register_state(self, &register));
        let by = Superseding::new(id, op.action, op.value);
        let result = self.supersede(&mut register, &op.predecessors, by);
        if result.is_ok() {
            self.log_and_add(object, &mut register, id, op, ParentKey::Map(key.into()));
            if let Some(before) = before {
                patches.register_changed(self, object, Key::Map(key), &register, before, id);
            }
        }
        if let Content::Map(map) = &mut self.objects.get_mut(object).content {
            if let Some(place) = map.get_mut(key) {
                *place = register;
            } else if !register.is_empty() {
                map.insert(key.into(), register);
            }
        }
        result
    }

    /// Logs an operation, and adds it to its register and its object to the document.
    fn log_and_add(
        &mut self,
        object: ObjectIndex,
        register: &mut Register,
        id: OpId,
        op: &Op<'_>,
        key: ParentKey,
    ) {
        let number = self.log.store_op(op);
        let what = LoggedOps::Other(number);
        self.log.append(id.actor, LogRun { counter: id.counter, object, what });
        if op.action == Action::Delete {
            return;
        }
        let source = Source::Stored(number);
        self.add_to_register(register, RegisterOp { id, source, successors: SmallVec::new() });
        if let Some(kind) = ObjType::from_action(op.action) {
            self.add_object(id, kind, Parent { object, key });
        }
    }

    fn integrate_insert(
        &mut self,
        object: ObjectIndex,
        sequence: SequenceId,
        after: OpId,
        id: OpId,
        op: &Op<'_>,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        if matches!(op.action, Action::Delete | Action::Increment) || !op.predecessors.is_empty() {
            return Err(InvalidOp::WrongKey);
        }
        let place = self.place_after(sequence, id, after)?;
        if op.action == Action::Mark && op.mark_name.is_none() {
            self.check_mark_end(sequence, id, place)?;
        }
        let mut register = Register::default();
        self.log_and_add(object, &mut register, id, op, ParentKey::Element(id));
        let number = self.specials.len() as u32;
        self.specials.push(register);
        let run = Run {
            id,
            origin: after,
            removal: Removal::None,
            points: 0,
            source: number,
            utf8: 0,
            utf16: 0,
            kind: RunKind::Special { visible: true },
        };
        let run = self.special_run(&run, number);
        let place = self.sequences.insert(place, run, &self.log.text);
        if patches.is_active() {
            patches.inserted_special(self, object, place);
        }
        Ok(())
    }

    /// A mark's end has the id after its begin's, and comes behind it in the same sequence.
    fn check_mark_end(&self, sequence: SequenceId, id: OpId, end: Place) -> Result<(), InvalidOp> {
        let begin = OpId::new(id.counter.saturating_sub(1), id.actor);
        let place = self.sequences.find(begin).ok_or(InvalidOp::UnmatchedMark)?;
        let begins = self.sequences.run_at(place).is_some_and(|(_, run)| {
            matches!(run.kind, RunKind::Mark { .. })
                && self.register_of(run).first().is_some_and(|op| match op.source {
                    Source::Stored(number) => self.log.others[number as usize].mark_name.is_some(),
                    Source::Text(_) => false,
                })
        });
        let is_behind = if place.leaf == end.leaf {
            (place.run, place.offset) < (end.run, end.offset)
        } else {
            self.sequences.sequence_of(place.leaf) == sequence
                && self.sequences.leaf_follows(sequence, place.leaf, end.leaf)
        };
        if begins && is_behind { Ok(()) } else { Err(InvalidOp::UnmatchedMark) }
    }

    fn integrate_element_op(
        &mut self,
        object: ObjectIndex,
        sequence: SequenceId,
        element: OpId,
        id: OpId,
        op: &Op<'_>,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        if op.action == Action::Mark {
            return Err(InvalidOp::WrongKey);
        }
        if op.action == Action::Delete && op.predecessors[..] == [element] {
            return self.delete_run(object, sequence, id, element, 1, 1, patches);
        }
        let place = self.sequences.find(element).ok_or(InvalidOp::UnknownElement)?;
        if self.sequences.sequence_of(place.leaf) != sequence {
            return Err(InvalidOp::UnknownElement);
        }
        let place = self.make_special(place);
        let before = patches.is_active().then(|| patches.element_state(self, place));
        let number = self.special_number(place);
        let mut register = std::mem::take(&mut self.specials[number as usize]);
        let by = Superseding::new(id, op.action, op.value);
        let result = self.supersede(&mut register, &op.predecessors, by);
        if result.is_ok() {
            self.log_and_add(object, &mut register, id, op, ParentKey::Element(element));
        }
        self.specials[number as usize] = register;
        let place = self.refresh_special(place);
        if result.is_ok()
            && let Some(before) = before
        {
            patches.element_changed(self, object, place, before, id);
        }
        result
    }

    /// Notes that an operation supersedes operations of a special element; logging is the caller's.
    pub(crate) fn supersede_special(
        &mut self,
        object: ObjectIndex,
        place: Place,
        predecessors: &[OpId],
        id: OpId,
        patches: &mut PatchLog,
    ) -> Result<(), InvalidOp> {
        let before = patches.is_active().then(|| patches.element_state(self, place));
        let number = self.special_number(place);
        let mut register = std::mem::take(&mut self.specials[number as usize]);
        let result = self.supersede(&mut register, predecessors, Superseding::deletion(id));
        self.specials[number as usize] = register;
        result?;
        let place = self.refresh_special(place);
        if let Some(before) = before {
            patches.element_changed(self, object, place, before, id);
        }
        Ok(())
    }

    /// Gives an element a register of its own, if it is still part of a text run.
    pub(crate) fn make_special(&mut self, place: Place) -> Place {
        let Some((place, run)) = self.sequences.run_at(place) else { return place };
        if run.kind != RunKind::Text {
            return place;
        }
        let run = *run;
        let (utf8, _) = run.prefix_widths(place.offset, &self.log.text);
        let op = RegisterOp {
            id: run.id.plus(place.offset),
            source: Source::Text(run.source + utf8),
            successors: self.deletions_of(&run, place.offset),
        };
        let number = self.specials.len() as u32;
        let mut register = Register::default();
        register.push(op);
        self.specials.push(register);
        let special = self.special_run(&run, number);
        self.sequences.update(place, 1, &self.log.text, |part| {
            *part = Run { id: part.id, origin: part.origin, ..special };
        })
    }

    fn special_number(&self, place: Place) -> u32 {
        self.sequences.run_at(place).map_or(0, |(_, run)| run.source)
    }

    /// Makes the run of a special element what its register says.
    pub(crate) fn refresh_special(&mut self, place: Place) -> Place {
        let number = self.special_number(place);
        let Some((_, run)) = self.sequences.run_at(place) else { return place };
        let new = self.special_run(run, number);
        self.sequences.update(place, 1, &self.log.text, |part| *part = new)
    }

    /// Takes back all operations of an actor from `counter` on.
    ///
    /// Nothing may have been built upon them since.
    pub(crate) fn truncate(&mut self, actor: u32, counter: u32) {
        for run in self.log.truncate(actor, counter) {
            let first = OpId::new(run.counter, actor);
            match run.what {
                LoggedOps::Insert { count, .. } => self.remove_elements(first, count),
                LoggedOps::Delete { target, step, count } => {
                    for offset in (0..count).rev() {
                        self.undelete(target.stepped(step, offset), first.plus(offset));
                    }
                }
                LoggedOps::Other(number) => self.take_back(first, run.object, number),
            }
        }
    }

    fn remove_elements(&mut self, first: OpId, count: u32) {
        let mut left = count;
        while left > 0 {
            let last = first.plus(left - 1);
            let Some(place) = self.sequences.find(last) else { return };
            let part = (place.offset + 1).min(left);
            let from = Place { offset: place.offset + 1 - part, ..place };
            self.sequences.remove(from, part, &self.log.text);
            left -= part;
        }
    }

    fn undelete(&mut self, element: OpId, deleted_by: OpId) {
        let Some(place) = self.sequences.find(element) else { return };
        let Some((_, run)) = self.sequences.run_at(place) else { return };
        if run.kind == RunKind::Text {
            self.sequences.undelete(place, deleted_by, &self.log.text);
            return;
        }
        let number = run.source as usize;
        let mut register = std::mem::take(&mut self.specials[number]);
        self.unsupersede(&mut register, &[element], Superseding::deletion(deleted_by));
        self.specials[number] = register;
        self.refresh_special(place);
    }

    fn take_back(&mut self, id: OpId, object: ObjectIndex, number: u32) {
        let op = self.log.others[number as usize].clone();
        if op.action.makes_object()
            && let Some(made) = self.objects.remove(id)
            && let Content::Sequence(sequence) = made.content
        {
            self.sequences.uncreate(sequence);
        }
        let taken = Superseding::new(id, op.action, self.log.value(op.value));
        match &op.key {
            StoredKey::Map(key) => {
                let Content::Map(map) = &mut self.objects.get_mut(object).content else { return };
                let Some(mut register) = map.get_mut(key).map(std::mem::take) else { return };
                self.remove_from_register(&mut register, taken, &op.predecessors);
                let Content::Map(map) = &mut self.objects.get_mut(object).content else { return };
                if register.is_empty() {
                    map.remove(key);
                } else if let Some(place) = map.get_mut(key) {
                    *place = register;
                }
            }
            StoredKey::Element(_) if op.insert => self.remove_elements(id, 1),
            StoredKey::Element(element) => {
                let Some(place) = self.sequences.find(*element) else { return };
                let special = self.special_number(place) as usize;
                let mut register = std::mem::take(&mut self.specials[special]);
                self.remove_from_register(&mut register, taken, &op.predecessors);
                self.specials[special] = register;
                self.refresh_special(place);
            }
        }
    }
}
