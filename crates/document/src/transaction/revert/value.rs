//! Taking back values of keys and elements.

use smallvec::SmallVec;

use crate::{
    object::ObjectIndex,
    op::{Action, Key, Op, RawValue},
    op_id::OpId,
    register::{Register, RegisterOp},
    sequence::{RunKind, TextUnit},
    transaction::{Transaction, WriteError, delete_op},
    undo::Renewed,
    value::{ScalarValue, Value},
};

/// What writes a value once more.
pub(super) struct Again {
    action: Action,
    code: u8,
    bytes: Vec<u8>,
    /// The object to copy.
    object: Option<OpId>,
}

impl Transaction<'_> {
    /// What writes the value of an operation of a register once more.
    pub(super) fn value_of(&self, register: &Register, op: &RegisterOp) -> Again {
        let set = &self.doc.set;
        let action = set.action(op);
        if action.makes_object() {
            return Again { action, code: 0, bytes: Vec::new(), object: Some(op.id) };
        }
        match set.value(register, op, None) {
            Value::Scalar(value) => Again::scalar(action, &value),
            Value::Object(..) => Again::scalar(action, &ScalarValue::Null),
        }
    }

    /// Writes a value to a key or element, or as a new element behind one. Gives the new id.
    pub(super) fn write_again(
        &mut self,
        object: ObjectIndex,
        key: Key<'_>,
        insert: bool,
        value: &Again,
        predecessors: SmallVec<[OpId; 1]>,
    ) -> Result<OpId, WriteError> {
        let id = self.next_id()?;
        self.integrate(Op {
            object: self.object_id(object).0,
            key,
            insert,
            action: value.action,
            value: RawValue { code: value.code, bytes: &value.bytes },
            predecessors,
            expand: false,
            mark_name: None,
        })?;
        Ok(id)
    }

    /// Notes that `new` stands for the value `old`, and fills it if it is an object.
    pub(super) fn renew(
        &mut self,
        old: OpId,
        new: OpId,
        value: &Again,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        renewed.renew_value(old, new);
        value.object.map_or(Ok(()), |object| self.copy_object(object, new, renewed))
    }

    pub(super) fn revert_increment(
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
                let Some(place) = set.sequences.find(renewed.element(element)) else {
                    return Ok(());
                };
                if !set.sequences.run_at(place).is_some_and(|(_, run)| run.is_visible()) {
                    return Ok(());
                }
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
    /// `original` is the object that it wrote to, which another may stand for now.
    pub(super) fn revert_put(
        &mut self,
        original: ObjectIndex,
        key: &str,
        id: OpId,
        before: &[OpId],
        action: Action,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let object = self.current_object(original, renewed);
        let set = &self.doc.set;
        let register = set.map_register(object, key).cloned().unwrap_or_default();
        let winner = set.winner(&register, None).map(|op| op.id);
        let decides = match action {
            Action::Delete => winner.is_none(),
            _ => winner == Some(renewed.value(id)),
        };
        if !decides {
            return Ok(());
        }
        let visible: SmallVec<[OpId; 1]> = set.visible(&register, None).map(|op| op.id).collect();
        let first = self.doc.set.map_register(original, key).cloned().unwrap_or_default();
        match self.before_in(&first, before) {
            Some((old, value)) => {
                let new = self.write_again(object, Key::Map(key), false, &value, visible)?;
                self.renew(old, new, &value, renewed)
            }
            None if visible.is_empty() => Ok(()),
            None => self.integrate(delete_op(self.object_id(object), Key::Map(key), visible)),
        }
    }

    /// As [`Transaction::revert_put`], for an element.
    pub(super) fn revert_element_put(
        &mut self,
        object: ObjectIndex,
        original: OpId,
        id: OpId,
        before: &[OpId],
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let run_of = |id| {
            let place = set.sequences.find(id)?;
            set.sequences.run_at(place).map(|(place, run)| (place, *run))
        };
        let element = renewed.element(original);
        let (Some((_, run)), Some((place, first))) = (run_of(element), run_of(original)) else {
            return Ok(());
        };
        let visible: SmallVec<[OpId; 1]> = match run.kind {
            RunKind::Text if run.is_visible() => smallvec::smallvec![element],
            RunKind::Text => SmallVec::new(),
            _ => set.visible(set.register_of(&run), None).map(|op| op.id).collect(),
        };
        let winner = match run.kind {
            RunKind::Text => visible.first().copied(),
            _ => set.winner(set.register_of(&run), None).map(|op| op.id),
        };
        if winner.is_none() || winner != Some(renewed.value(id)) {
            return Ok(());
        }
        // What it was before stands where the operation found it.
        let old = match first.kind {
            RunKind::Text => {
                let text = set.piece_text(&first, &(place.offset..place.offset + 1));
                let value = Again::scalar(Action::Set, &ScalarValue::from(text));
                before.contains(&original).then_some((original, value))
            }
            _ => self.before_in(set.register_of(&first), before),
        };
        let Some((old, value)) = old else { return self.delete_element(object, element) };
        let new = self.write_again(object, Key::Element(element), false, &value, visible)?;
        self.renew(old, new, &value, renewed)
    }

    /// The youngest value among these operations of a register.
    fn before_in(&self, register: &Register, before: &[OpId]) -> Option<(OpId, Again)> {
        let set = &self.doc.set;
        let found = before.iter().rev().filter_map(|id| set.position_in(register, *id).ok());
        let old = found.map(|at| &register[at]).find(|op| set.action(op) != Action::Increment)?;
        Some((old.id, self.value_of(register, old)))
    }
}

impl Again {
    fn scalar(action: Action, value: &ScalarValue) -> Self {
        let mut bytes = Vec::new();
        let code = value.encode(&mut bytes);
        Self { action, code, bytes, object: None }
    }
}
