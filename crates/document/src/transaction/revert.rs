//! Taking operations back by new ones: what undo is made of.

mod copy;
mod mark;
mod value;

use smallvec::SmallVec;

use crate::{
    object::{ObjId, ObjectIndex},
    op::{Action, Key, OpRun},
    op_id::OpId,
    op_log::{LogRun, LoggedOps},
    op_set::text_widths,
    sequence::{Run, RunKind},
    transaction::{Transaction, WriteError, delete_op},
    undo::Renewed,
    value::ScalarValue,
};

/// Consecutive operations of one actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpRange {
    pub(crate) actor: u32,
    pub(crate) from: u32,
    /// The counter after the last.
    pub(crate) to: u32,
}

impl OpRange {
    fn contains(self, id: OpId) -> bool {
        id.actor == self.actor && (self.from..self.to).contains(&id.counter)
    }
}

/// A logged operation or run of them, apart from the document.
struct Logged {
    object: ObjectIndex,
    counter: u32,
    what: LoggedOps,
}

impl Transaction<'_> {
    /// Writes operations that take back those of a range, the last first, as far as others have
    /// not changed the same since.
    ///
    /// Elements and objects that were deleted cannot come back; new ones take their place and
    /// `renewed` says which.
    pub(crate) fn revert(
        &mut self,
        range: OpRange,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let mut logged: Vec<Logged> = Vec::new();
        let log = set.log.actor(range.actor);
        let start = log.partition_point(|run| run.counter + run.count() <= range.from);
        for run in log[start..].iter().take_while(|run| run.counter < range.to) {
            let mut part: LogRun = *run;
            if part.counter < range.from {
                part = part.split(range.actor, range.from - part.counter, &set.log.text).1;
            }
            if part.counter + part.count() > range.to {
                part = part.split(range.actor, range.to - part.counter, &set.log.text).0;
            }
            let (object, counter, what) = (part.object, part.counter, part.what);
            logged.push(Logged { object, counter, what });
        }
        for Logged { object, counter, what } in logged.into_iter().rev() {
            let id = OpId::new(counter, range.actor);
            let original = object;
            let object = self.current_object(object, renewed);
            match what {
                LoggedOps::Insert { count, .. } => {
                    for offset in (0..count).rev() {
                        self.delete_element(object, renewed.element(id.plus(offset)))?;
                    }
                }
                LoggedOps::Delete { target, step, count } => {
                    let first = if step > 0 { target } else { target.stepped(-1, count - 1) };
                    self.restore_elements(object, first, count, range, renewed)?;
                }
                LoggedOps::Other(number) => {
                    self.revert_op(original, id, number, range, renewed)?;
                }
            }
        }
        Ok(())
    }

    /// The object that stands in the place of one that was deleted and restored.
    fn current_object(&self, object: ObjectIndex, renewed: &Renewed) -> ObjectIndex {
        let id = renewed.value(self.doc.set.objects.get(object).id);
        self.doc.set.objects.find(id).unwrap_or(object)
    }

    fn object_id(&self, object: ObjectIndex) -> ObjId {
        ObjId(self.doc.set.objects.get(object).id)
    }

    fn delete_element(&mut self, object: ObjectIndex, element: OpId) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let found = set.sequences.find(element).and_then(|place| set.sequences.run_at(place));
        let Some((_, run)) = found else { return Ok(()) };
        if !run.is_visible() {
            return Ok(());
        }
        let predecessors = match run.kind {
            RunKind::Text => smallvec::smallvec![element],
            _ => set.visible(set.register_of(run), None).map(|op| op.id).collect(),
        };
        self.integrate(delete_op(self.object_id(object), Key::Element(element), predecessors))
    }

    /// Inserts anew what the range deleted of these elements, each stretch where it was.
    fn restore_elements(
        &mut self,
        object: ObjectIndex,
        first: OpId,
        count: u32,
        range: OpRange,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let mut offset = 0;
        while offset < count {
            let original = first.plus(offset);
            let element = renewed.element(original);
            let set = &self.doc.set;
            let found = set.sequences.find(element).and_then(|place| set.sequences.run_at(place));
            let Some((place, run)) = found else {
                offset += 1;
                continue;
            };
            let run = *run;
            if run.is_visible() || !self.deleted_only_by(&run, place.offset, range, renewed) {
                offset += 1;
                continue;
            }
            if run.kind != RunKind::Text {
                self.restore_special(object, element, renewed)?;
                offset += 1;
                continue;
            }
            let mut len = 1;
            while offset + len < count
                && place.offset + len < run.len()
                && renewed.element(first.plus(offset + len)) == element.plus(len)
                && self.deleted_only_by(&run, place.offset + len, range, renewed)
            {
                len += 1;
            }
            let span = place.offset..place.offset + len;
            let text = self.doc.set.piece_text(&run, &span).to_owned();
            let after = self.anchor(object, element, renewed);
            let new = self.insert_text_after(object, after, &text)?;
            for at in 0..len {
                renewed.renew_element(element.plus(at), new.plus(at));
            }
            offset += len;
        }
        Ok(())
    }

    /// Whether nobody else deleted an element as well.
    fn deleted_only_by(&self, run: &Run, offset: u32, range: OpRange, renewed: &Renewed) -> bool {
        let set = &self.doc.set;
        if run.kind != RunKind::Text {
            let register = set.register_of(run);
            return register.iter().all(|op| {
                op.successors.iter().all(|id| {
                    range.contains(*id)
                        || renewed.is_own(*id)
                        || set.position_in(register, *id).is_ok()
                })
            });
        }
        let own = |id: &OpId| range.contains(*id) || renewed.is_own(*id);
        set.deletions_of(run, offset).iter().all(own)
    }

    fn insert_text_after(
        &mut self,
        object: ObjectIndex,
        after: OpId,
        text: &str,
    ) -> Result<OpId, WriteError> {
        let id = self.next_id()?;
        self.may_name([self.doc.set.objects.get(object).id, after])?;
        let (count, ..) = text_widths(text);
        if count > self.room() {
            return Err(WriteError::TooManyOps);
        }
        let sequence = self.doc.set.sequence(object).ok_or(WriteError::InDraft)?;
        self.doc
            .set
            .insert_text(object, sequence, id, after, text, count, &mut self.log)
            .expect("invariant: the element was found in this sequence");
        self.next += count;
        Ok(id)
    }

    fn restore_special(
        &mut self,
        object: ObjectIndex,
        element: OpId,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let found = set.sequences.find(element).and_then(|place| set.sequences.run_at(place));
        let Some((_, run)) = found else { return Ok(()) };
        let register = set.register_of(run).clone();
        // What it was at last: the youngest of its values.
        let Some(last) = register.iter().rfind(|op| set.action(op) != Action::Increment) else {
            return Ok(());
        };
        let (id, value) = (last.id, self.value_of(&register, last));
        let after = self.anchor(object, element, renewed);
        let new = self.write_again(object, Key::Element(after), true, &value, SmallVec::new())?;
        renewed.renew_element(element, new);
        self.renew(id, new, &value, renewed)
    }

    /// Behind which element something comes that stood at this one: behind itself, or, if the
    /// object was deleted and stands again, behind what stands for the nearest one before it.
    fn anchor(&self, object: ObjectIndex, element: OpId, renewed: &Renewed) -> OpId {
        let set = &self.doc.set;
        let sequence_of =
            |id| set.sequences.find(id).map(|place| set.sequences.sequence_of(place.leaf));
        let sequence = set.sequence(object);
        let Some(old) = sequence_of(element) else { return OpId::ZERO };
        if sequence == Some(old) {
            return element;
        }
        let mut anchor = OpId::ZERO;
        for run in set.sequences.runs(old) {
            for offset in 0..run.len() {
                let id = run.id.plus(offset);
                let now = renewed.element(id);
                if now != id && sequence_of(now) == sequence {
                    anchor = now;
                }
                if id == element {
                    return anchor;
                }
            }
        }
        anchor
    }

    fn revert_op(
        &mut self,
        original: ObjectIndex,
        id: OpId,
        number: u32,
        range: OpRange,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let op = self.doc.set.log.op_run(
            &LogRun { counter: id.counter, object: original, what: LoggedOps::Other(number) },
            self.object_id(original).0,
        );
        let object = self.current_object(original, renewed);
        let OpRun::Single(op) = op else { return Ok(()) };
        let (action, insert, by) = (op.action, op.insert, ScalarValue::decode(op.value));
        let predecessors = op.predecessors.clone();
        let key = match op.key {
            Key::Map(key) => Ok(key.to_owned()),
            Key::Element(element) => Err(element),
        };
        match (key, action) {
            (Err(_), Action::Mark) if op.mark_name.is_some() => {
                self.revert_mark(object, id, renewed)
            }
            (Err(_), Action::Mark) => Ok(()),
            (Err(_), _) if insert => self.delete_element(object, renewed.element(id)),
            (Err(element), Action::Delete) => {
                self.restore_elements(object, element, 1, range, renewed)
            }
            (key, Action::Increment) => {
                let by = match by {
                    ScalarValue::Int(by) => by,
                    ScalarValue::Uint(by) => by as i64,
                    _ => return Ok(()),
                };
                self.revert_increment(object, key, by, renewed)
            }
            (Ok(key), _) => self.revert_put(original, &key, id, &predecessors, action, renewed),
            (Err(element), _) => {
                self.revert_element_put(object, element, id, &predecessors, renewed)
            }
        }
    }
}
