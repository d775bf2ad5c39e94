//! Taking operations back by new ones: what undo is made of.

use smallvec::SmallVec;

use crate::{
    mark::{ActiveMarks, Expand},
    object::{Content, ObjId, ObjectIndex, Register, RegisterOp, Source},
    op::{Action, Key, Op, OpRun, RawValue},
    op_id::OpId,
    op_log::{LogRun, LoggedOps},
    op_set::text_widths,
    sequence::{Run, RunKind, TextUnit},
    transaction::{Transaction, WriteError, delete_op},
    undo::Renewed,
    value::{ScalarValue, Value},
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
            let object = self.current_object(object, renewed);
            match what {
                LoggedOps::Insert { count, .. } => {
                    for offset in (0..count).rev() {
                        self.delete_element(object, renewed.resolve(id.plus(offset)))?;
                    }
                }
                LoggedOps::Delete { target, step, count } => {
                    let first = if step > 0 { target } else { target.stepped(-1, count - 1) };
                    self.restore_elements(object, first, count, range, renewed)?;
                }
                LoggedOps::Other(number) => self.revert_op(object, id, number, range, renewed)?,
            }
        }
        Ok(())
    }

    /// The object that stands in the place of one that was deleted and restored.
    fn current_object(&self, object: ObjectIndex, renewed: &Renewed) -> ObjectIndex {
        let id = renewed.resolve(self.doc.set.objects.get(object).id);
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
            let element = renewed.resolve(original);
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
                && renewed.resolve(first.plus(offset + len)) == element.plus(len)
                && self.deleted_only_by(&run, place.offset + len, range, renewed)
            {
                len += 1;
            }
            let span = place.offset..place.offset + len;
            let text = self.doc.set.piece_text(&run, &span).to_owned();
            let new = self.insert_text_after(object, element, &text)?;
            for at in 0..len {
                renewed.insert(element.plus(at), new.plus(at));
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
        if after.is_draft() && !id.is_draft() {
            return Err(WriteError::InDraft);
        }
        let (count, ..) = text_widths(text);
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
        let id = self.next_id()?;
        let (action, value, old) = self.value_of(&register, last);
        let object_id = self.object_id(object);
        self.integrate(Op {
            object: object_id.0,
            key: Key::Element(element),
            insert: true,
            action,
            value: RawValue { code: value.0, bytes: &value.1 },
            predecessors: SmallVec::new(),
            expand: false,
            mark_name: None,
        })?;
        renewed.insert(element, id);
        if let Some(old) = old {
            renewed.insert(old, id);
            self.copy_object(old, id, renewed)?;
        }
        Ok(())
    }

    /// What writes the value of an operation again: action, value, and the object to copy.
    fn value_of(
        &self,
        register: &Register,
        op: &RegisterOp,
    ) -> (Action, (u8, Vec<u8>), Option<OpId>) {
        let set = &self.doc.set;
        let action = set.action(op);
        if action.makes_object() {
            return (action, (0, Vec::new()), Some(op.id));
        }
        let mut bytes = Vec::new();
        let code = match set.value(register, op, None) {
            Value::Scalar(value) => value.encode(&mut bytes),
            Value::Object(..) => 0,
        };
        (action, (code, bytes), None)
    }

    /// Fills a new object with what an old one holds.
    fn copy_object(
        &mut self,
        old: OpId,
        new: OpId,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let (Some(from), Some(to)) = (set.objects.find(old), set.objects.find(new)) else {
            return Ok(());
        };
        match &set.objects.get(from).content {
            Content::Map(map) => {
                let entries: Vec<(Box<str>, Register)> =
                    map.iter().map(|(key, register)| (key.clone(), register.clone())).collect();
                for (key, register) in entries {
                    let Some(winner) = self.doc.set.winner(&register, None).cloned() else {
                        continue;
                    };
                    self.put_again(ObjId(new), &key, &register, &winner, SmallVec::new(), renewed)?;
                }
            }
            Content::Sequence(sequence) => {
                let runs: Vec<Run> = set.sequences.runs(*sequence).copied().collect();
                let mut after = OpId::ZERO;
                for run in runs.into_iter().filter(Run::is_visible) {
                    after = self.copy_run(&run, to, after, renewed)?;
                }
            }
        }
        Ok(())
    }

    fn copy_run(
        &mut self,
        run: &Run,
        to: ObjectIndex,
        after: OpId,
        renewed: &mut Renewed,
    ) -> Result<OpId, WriteError> {
        let id = self.next_id()?;
        if run.kind == RunKind::Text {
            let text = self.doc.set.piece_text(run, &(0..run.len())).to_owned();
            let new = self.insert_text_after(to, after, &text)?;
            for at in 0..run.len() {
                renewed.insert(run.id.plus(at), new.plus(at));
            }
            return Ok(new.plus(run.len() - 1));
        }
        let register = self.doc.set.register_of(run).clone();
        let Some(winner) = self.doc.set.winner(&register, None).cloned() else { return Ok(after) };
        let (action, value, old) = self.value_of(&register, &winner);
        let (expand, mark_name) = match winner.source {
            Source::Stored(number) => {
                let stored = &self.doc.set.log.others[number as usize];
                (stored.expand, stored.mark_name.clone())
            }
            Source::Text(_) => (false, None),
        };
        let object = self.object_id(to);
        self.integrate(Op {
            object: object.0,
            key: Key::Element(after),
            insert: true,
            action,
            value: RawValue { code: value.0, bytes: &value.1 },
            predecessors: SmallVec::new(),
            expand,
            mark_name: mark_name.as_deref(),
        })?;
        renewed.insert(run.id, id);
        if let Some(old) = old {
            self.copy_object(old, id, renewed)?;
        }
        Ok(id)
    }

    /// Writes the value of an operation to a key of a map once more.
    fn put_again(
        &mut self,
        object: ObjId,
        key: &str,
        register: &Register,
        op: &RegisterOp,
        predecessors: SmallVec<[OpId; 1]>,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let id = self.next_id()?;
        let (action, value, old) = self.value_of(register, op);
        self.integrate(Op {
            object: object.0,
            key: Key::Map(key),
            insert: false,
            action,
            value: RawValue { code: value.0, bytes: &value.1 },
            predecessors,
            expand: false,
            mark_name: None,
        })?;
        if let Some(old) = old {
            renewed.insert(old, id);
            self.copy_object(old, id, renewed)?;
        }
        Ok(())
    }

    fn revert_op(
        &mut self,
        object: ObjectIndex,
        id: OpId,
        number: u32,
        range: OpRange,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let op = self.doc.set.log.op_run(
            &LogRun { counter: id.counter, object, what: LoggedOps::Other(number) },
            self.object_id(object).0,
        );
        let OpRun::Single(op) = op else { return Ok(()) };
        let (action, insert, by) = (op.action, op.insert, ScalarValue::decode(op.value));
        let predecessors = op.predecessors.clone();
        let key = match op.key {
            Key::Map(key) => Ok(key.to_owned()),
            Key::Element(element) => Err(element),
        };
        match (key, action) {
            (Err(_), Action::Mark) if op.mark_name.is_some() => self.revert_mark(object, id),
            (Err(_), Action::Mark) => Ok(()),
            (Err(_), _) if insert => self.delete_element(object, renewed.resolve(id)),
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
            (Ok(key), _) => self.revert_put(object, &key, id, &predecessors, action, renewed),
            (Err(element), _) => {
                self.revert_element_put(object, renewed.resolve(element), id, &predecessors)
            }
        }
    }

    fn revert_increment(
        &mut self,
        object: ObjectIndex,
        key: Result<String, OpId>,
        by: i64,
        renewed: &Renewed,
    ) -> Result<(), WriteError> {
        let id = self.object_id(object);
        let result = match key {
            Ok(key) => self.increment(id, key.as_str(), by.wrapping_neg()),
            Err(element) => {
                let set = &self.doc.set;
                let Some(place) = set.sequences.find(renewed.resolve(element)) else {
                    return Ok(());
                };
                let index = set.index_of(object, place, TextUnit::CodePoint);
                self.increment(id, (index, TextUnit::CodePoint), by.wrapping_neg())
            }
        };
        match result {
            // Others put something else there since.
            Err(WriteError::NotACounter) => Ok(()),
            other => other,
        }
    }

    /// Gives a key the value back that it had before an operation, if that is the one that decides.
    fn revert_put(
        &mut self,
        object: ObjectIndex,
        key: &str,
        id: OpId,
        before: &[OpId],
        action: Action,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let object_id = self.object_id(object);
        let Some(register) = self.doc.set.map_register(object, key).cloned() else {
            return Ok(());
        };
        let set = &self.doc.set;
        let winner = set.winner(&register, None).map(|op| op.id);
        let decides = match action {
            Action::Delete => winner.is_none(),
            _ => winner == Some(renewed.resolve(id)),
        };
        if !decides {
            return Ok(());
        }
        let visible: SmallVec<[OpId; 1]> = set.visible(&register, None).map(|op| op.id).collect();
        let old = before
            .iter()
            .rev()
            .filter_map(|id| set.position_in(&register, *id).ok())
            .map(|at| register[at].clone())
            .find(|op| set.action(op) != Action::Increment);
        match old {
            Some(op) => self.put_again(object_id, key, &register, &op, visible, renewed),
            None if visible.is_empty() => Ok(()),
            None => self.integrate(delete_op(object_id, Key::Map(key), visible)),
        }
    }

    fn revert_element_put(
        &mut self,
        object: ObjectIndex,
        element: OpId,
        id: OpId,
        before: &[OpId],
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let found = set.sequences.find(element).and_then(|place| set.sequences.run_at(place));
        let Some((place, run)) = found else { return Ok(()) };
        if run.kind == RunKind::Text {
            return Ok(());
        }
        let register = set.register_of(run);
        if set.winner(register, None).map(|op| op.id) != Some(id) {
            return Ok(());
        }
        let old = before.iter().rev().find_map(|id| set.position_in(register, *id).ok());
        let Some(old) = old else { return self.delete_element(object, element) };
        let Value::Scalar(value) = set.value(register, &register[old], None) else {
            return Ok(());
        };
        let index = set.index_of(object, place, TextUnit::CodePoint);
        self.put(self.object_id(object), (index, TextUnit::CodePoint), value)
    }

    /// Marks the range of a mark as it would be without it.
    fn revert_mark(&mut self, object: ObjectIndex, begin: OpId) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let (Some(sequence), Some(place)) = (set.sequence(object), set.sequences.find(begin))
        else {
            return Ok(());
        };
        let Some((_, run)) = set.sequences.run_at(place) else { return Ok(()) };
        let Some(name) = set.mark_name_of(run).map(str::to_owned) else { return Ok(()) };
        let end = begin.plus(1);
        let mut others = ActiveMarks::default();
        let mut inside = false;
        let mut position = 0;
        let mut parts: Vec<(std::ops::Range<usize>, ScalarValue)> = Vec::new();
        for run in set.sequences.runs(sequence).filter(|run| run.is_visible()) {
            if let RunKind::Mark { .. } = run.kind {
                match run.id {
                    id if id == begin => inside = true,
                    id if id == end => inside = false,
                    _ => others.pass(set, run),
                }
                continue;
            }
            let width = run.summary().utf8 as usize;
            if inside && width > 0 {
                let value = others.current(set).into_iter().find(|(other, _)| *other == name);
                let value = value.map_or(ScalarValue::Null, |(_, value)| value);
                match parts.last_mut() {
                    Some((range, last)) if *last == value => range.end += width,
                    _ => parts.push((position..position + width, value)),
                }
            }
            position += width;
        }
        let id = self.object_id(object);
        for (range, value) in parts {
            self.mark(id, range, &name, value, Expand::After, TextUnit::Utf8)?;
        }
        Ok(())
    }
}
