//! Writing: operations that become one change.

mod revert;
mod text;
mod update_text;

use std::ops::Range;

use smallvec::SmallVec;

use crate::{
    actor::ActorId,
    author,
    change::ChangeHeader,
    change_graph::NewChange,
    change_hash::ChangeHash,
    document::Document,
    mark::Expand,
    object::{ObjId, ObjType, ObjectIndex},
    op::{Action, Key, Op, OpRun, RawValue},
    op_id::OpId,
    patch::{Patch, PatchLog},
    sequence::{RunKind, TextUnit},
    value::{Prop, ScalarValue, Value},
    view::{ReadError, View},
};

pub(crate) use revert::OpRange;

/// Operations in the making. Nothing of it is sent or saved before [`Transaction::commit`];
/// dropping it takes everything back.
#[derive(Debug)]
pub struct Transaction<'a> {
    doc: &'a mut Document,
    actor: u32,
    start_op: u32,
    next: u32,
    log: PatchLog,
    open: bool,
}

/// What a change says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// What it is about.
    pub message: Option<String>,
    /// When it was made: by custom seconds since 1970, 0 for unsaid.
    pub time: i64,
    /// Who uses the actor; written into the actor's first change only.
    pub author: Option<Vec<u8>>,
}

/// Why something cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The place cannot be read, so it cannot be written either.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index is beyond the end.
    #[error("index {index} is beyond the length {length}")]
    OutOfBounds {
        /// The index.
        index: usize,
        /// The length, in the same unit.
        length: usize,
    },
    /// There is no counter to increment.
    #[error("there is no counter at this place")]
    NotACounter,
    /// There is no block marker to change.
    #[error("there is no block marker at {0}")]
    NotABlock(usize),
    /// The place is part of a draft, upon which no change can be built.
    #[error("the place is part of a draft")]
    InDraft,
    /// A value of a type that this version does not know has a type code from 10 to 15; the others
    /// are taken, or do not exist.
    #[error("{0} is no type code of an unknown type, those are 10 to 15")]
    TypeCode(u8),
    /// Operations are numbered up to 4,278,190,078, those of a draft up to 16,777,216.
    #[error("the document has reached its greatest number of operations")]
    TooManyOps,
}

impl Document {
    /// Begins to write as an actor, who must be new to this process: see [`ActorId`].
    pub fn transaction(&mut self, actor: &ActorId) -> Transaction<'_> {
        let actor = self.set.actors.intern(actor);
        let start_op = self.set.max_op + 1;
        let log = PatchLog::inactive();
        Transaction { doc: self, actor, start_op, next: start_op, log, open: true }
    }

    /// Adds a change without operations, which follows all heads.
    pub fn commit_empty(&mut self, actor: &ActorId, options: CommitOptions) -> ChangeHash {
        let actor = self.set.actors.intern(actor);
        let start_op = self.set.max_op + 1;
        self.commit_ops(actor, start_op, start_op, options)
    }

    /// Makes the operations of an actor from `start_op` up to and without `next` a change.
    pub(crate) fn commit_ops(
        &mut self,
        actor: u32,
        start_op: u32,
        next: u32,
        options: CommitOptions,
    ) -> ChangeHash {
        let seq = self.graph.seq(actor) + 1;
        let extra = match &options.author {
            Some(id) if seq == 1 => author::write(id),
            _ => Vec::new(),
        };
        let message = options.message.filter(|message| !message.is_empty());
        let mut deps = self.graph.local_deps(actor);
        let mut hashes: SmallVec<[_; 2]> = deps.iter().map(|dep| self.hash_of(*dep)).collect();
        hashes.sort_unstable();
        deps.sort_unstable();
        let mut runs = Vec::new();
        let objects = &self.set.objects;
        let object_id = |object| objects.get(object).id;
        self.set.log.runs_between(actor, start_op, next, object_id, &mut runs);
        let header = ChangeHeader {
            deps: &hashes,
            actor,
            seq: seq.into(),
            start_op,
            time: options.time,
            message: message.as_deref(),
            extra: &extra,
        };
        let hash = self.encoder.get().encode(&header, &self.set.actors, &runs);
        let max_op = next - 1;
        self.set.max_op = self.set.max_op.max(max_op);
        self.graph.add(
            hash,
            NewChange {
                actor,
                seq,
                start_op,
                max_op,
                time: options.time,
                message: message.map(Into::into),
                deps,
                extra: extra.into(),
            },
        );
        hash
    }
}

impl<'a> Transaction<'a> {
    /// A transaction on a draft, whose operations have no actor yet.
    pub(crate) fn on_draft(doc: &'a mut Document, next: u32) -> Self {
        let log = PatchLog::inactive();
        Self { doc, actor: OpId::DRAFT_ACTOR, start_op: next, next, log, open: true }
    }

    /// What was written so far.
    pub(crate) fn written(&self) -> OpRange {
        OpRange { actor: self.actor, from: self.start_op, to: self.next }
    }

    /// Stops collecting patches and gives the log.
    pub(crate) fn take_log(&mut self) -> PatchLog {
        std::mem::take(&mut self.log)
    }

    /// Keeps the operations as part of the draft and gives the patches.
    pub(crate) fn keep_in_draft(mut self) -> Vec<Patch> {
        self.open = false;
        self.doc.keep_draft(self.next);
        self.take_patches()
    }

    /// Collects patches from here on in this log.
    pub fn set_log(&mut self, log: PatchLog) {
        self.log = log;
    }

    /// The patches collected since [`Transaction::set_log`] or the last call.
    pub fn take_patches(&mut self) -> Vec<Patch> {
        self.log.finish(&self.doc.set);
        self.log.take()
    }

    /// The document with what was written so far.
    pub fn view(&self) -> View<'_> {
        self.doc.view()
    }

    /// How many operations were written so far.
    pub fn pending(&self) -> usize {
        (self.next - self.start_op) as usize
    }

    /// Makes what was written a change that follows all heads. `None` when nothing was written.
    pub fn commit(mut self, options: CommitOptions) -> Option<ChangeHash> {
        self.open = false;
        if self.next == self.start_op {
            return None;
        }
        Some(self.doc.commit_ops(self.actor, self.start_op, self.next, options))
    }

    /// Takes back what was written.
    pub fn rollback(self) {
        drop(self);
    }

    /// Sets a key of a map or an element of a sequence to a scalar. Nothing is written when it has
    /// this value already and there is no conflict.
    ///
    /// # Errors
    /// When there is no such object or index, the property does not fit the object, or the value is
    /// [`ScalarValue::Unknown`] with a type code that is not one of an unknown type.
    pub fn put<'p>(
        &mut self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
        value: impl Into<ScalarValue>,
    ) -> Result<(), WriteError> {
        let (code, bytes) = encode(&value.into())?;
        self.write(object, prop.into(), Action::Set, RawValue { code, bytes: &bytes })?;
        Ok(())
    }

    /// Sets a key of a map or an element of a sequence to a new object.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn put_object<'p>(
        &mut self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
        kind: ObjType,
    ) -> Result<ObjId, WriteError> {
        let id = self.next_id()?;
        self.write(object, prop.into(), kind.action(), RawValue::NULL)?;
        Ok(ObjId(id))
    }

    /// Inserts a scalar into a list or text before the element at an index.
    ///
    /// # Errors
    /// When there is no such object, it is no sequence, the index is beyond its end, or the value has
    /// no valid type code, as in [`Transaction::put`].
    pub fn insert<'p>(
        &mut self,
        object: ObjId,
        index: impl Into<Prop<'p>>,
        value: impl Into<ScalarValue>,
    ) -> Result<(), WriteError> {
        let (code, bytes) = encode(&value.into())?;
        let value = RawValue { code, bytes: &bytes };
        let (index, unit) = self.position(object, index.into())?;
        self.insert_op(object, index, unit, Action::Set, value)?;
        Ok(())
    }

    /// Inserts a new object into a list or text before the element at an index.
    ///
    /// # Errors
    /// As [`Transaction::insert`].
    pub fn insert_object<'p>(
        &mut self,
        object: ObjId,
        index: impl Into<Prop<'p>>,
        kind: ObjType,
    ) -> Result<ObjId, WriteError> {
        let (index, unit) = self.position(object, index.into())?;
        self.insert_op(object, index, unit, kind.action(), RawValue::NULL)
    }

    fn position(&self, object: ObjId, prop: Prop<'_>) -> Result<(usize, TextUnit), WriteError> {
        let kind = self.doc.view().object_type(object)?;
        let wrong = || ReadError::WrongProp { prop: format!("{prop:?}"), kind };
        Ok(prop.position().filter(|_| kind.is_sequence()).ok_or_else(wrong)?)
    }

    /// Deletes a key of a map or an element of a sequence. Deleting a key that is not there, or
    /// beyond the end of a text, writes nothing.
    ///
    /// # Errors
    /// When there is no such object or the property does not fit it; in a list, when the index is
    /// beyond its end.
    pub fn delete<'p>(
        &mut self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
    ) -> Result<(), WriteError> {
        let prop = prop.into();
        if let Some((index, unit)) = prop.position()
            && self.doc.view().object_type(object)? == ObjType::Text
        {
            return self.splice_text(object, index, 1, "", unit);
        }
        self.write(object, prop, Action::Delete, RawValue::NULL)?;
        Ok(())
    }

    /// Adds to a counter.
    ///
    /// # Errors
    /// As [`Transaction::put`], and when there is no counter at the place.
    pub fn increment<'p>(
        &mut self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
        by: i64,
    ) -> Result<(), WriteError> {
        let (code, bytes) = encode(&ScalarValue::Int(by))?;
        let prop = prop.into();
        let values = self.doc.view().get_all(object, prop)?;
        if !values.iter().any(|value| matches!(value, Value::Scalar(ScalarValue::Counter(_)))) {
            return Err(WriteError::NotACounter);
        }
        self.write(object, prop, Action::Increment, RawValue { code, bytes: &bytes })?;
        Ok(())
    }

    /// Replaces `delete` elements of a list from `index` on by scalars. Deleting beyond the end
    /// deletes to the end.
    ///
    /// # Errors
    /// When there is no such object, it is no sequence, a scalar goes beyond its end, or one has no
    /// valid type code, as in [`Transaction::put`].
    pub fn splice(
        &mut self,
        object: ObjId,
        index: usize,
        delete: usize,
        values: impl IntoIterator<Item = ScalarValue>,
    ) -> Result<(), WriteError> {
        let mut at = index;
        for value in values {
            self.insert(object, at, value)?;
            at += 1;
        }
        for _ in 0..delete {
            if at >= self.doc.view().length(object, TextUnit::Utf16)? {
                break;
            }
            self.delete(object, at)?;
        }
        Ok(())
    }

    /// Marks a range of a text.
    ///
    /// A mark over nothing that does not expand is not written.
    ///
    /// # Errors
    /// When there is no such object, it is no text, the range is beyond its end, or the value has no
    /// valid type code, as in [`Transaction::put`].
    pub fn mark(
        &mut self,
        object: ObjId,
        range: Range<usize>,
        name: &str,
        value: impl Into<ScalarValue>,
        expand: Expand,
        unit: TextUnit,
    ) -> Result<(), WriteError> {
        let kind = self.doc.view().object_type(object)?;
        if kind != ObjType::Text {
            return Err(ReadError::WrongProp { prop: format!("mark {name:?}"), kind }.into());
        }
        if range.start >= range.end && expand == Expand::None {
            return Ok(());
        }
        self.check_index(object, range.start.max(range.end), unit)?;
        let (_, start_after) = self.insertion(object, range.start, unit)?;
        let begin = self.begin_mark(object, start_after, name, value.into(), expand)?;
        let mut end_after = begin;
        if range.end > range.start {
            let (place, after) = self.insertion(object, range.end, unit)?;
            // Both ends may fall into one wide element; the end then follows the begin directly.
            if self.stands_after(place, begin) {
                end_after = after;
            }
        }
        self.end_mark(object, end_after, expand)
    }

    /// Writes the begin of a mark right after an element. The next operation must be its end.
    fn begin_mark(
        &mut self,
        object: ObjId,
        after: OpId,
        name: &str,
        value: ScalarValue,
        expand: Expand,
    ) -> Result<OpId, WriteError> {
        let (code, bytes) = encode(&value)?;
        let begin = self.next_id()?;
        self.integrate(Op {
            object: object.0,
            key: Key::Element(after),
            insert: true,
            action: Action::Mark,
            value: RawValue { code, bytes: &bytes },
            predecessors: SmallVec::new(),
            expand: expand.before(),
            mark_name: Some(name),
        })?;
        Ok(begin)
    }

    fn end_mark(&mut self, object: ObjId, after: OpId, expand: Expand) -> Result<(), WriteError> {
        self.integrate(Op {
            object: object.0,
            key: Key::Element(after),
            insert: true,
            action: Action::Mark,
            value: RawValue::NULL,
            predecessors: SmallVec::new(),
            expand: expand.after(),
            mark_name: None,
        })
    }

    /// Removes marks of a name from a range of a text.
    ///
    /// # Errors
    /// As [`Transaction::mark`].
    pub fn unmark(
        &mut self,
        object: ObjId,
        range: Range<usize>,
        name: &str,
        expand: Expand,
        unit: TextUnit,
    ) -> Result<(), WriteError> {
        self.mark(object, range, name, ScalarValue::Null, expand, unit)
    }

    /// Inserts a block marker into a text and gives the map that describes the block.
    ///
    /// # Errors
    /// When there is no such object, it is no text, or the index is beyond its end.
    pub fn split_block(
        &mut self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
    ) -> Result<ObjId, WriteError> {
        self.insert_op(object, index, unit, Action::MakeMap, RawValue::NULL)
    }

    /// Removes the block marker at an index of a text.
    ///
    /// # Errors
    /// When there is no block marker there.
    pub fn join_block(
        &mut self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
    ) -> Result<(), WriteError> {
        let number = self.doc.view().object(object)?;
        let Some((_, run)) = self.doc.view().element(number, index, unit) else {
            return Err(WriteError::NotABlock(index));
        };
        if run.kind == RunKind::Text {
            return Err(WriteError::NotABlock(index));
        }
        let register = self.doc.set.register_of(&run);
        let winner = self.doc.set.winner(register, None).map(|op| (op.id, self.doc.set.action(op)));
        match winner {
            Some((id, Action::MakeMap)) => {
                self.integrate(delete_op(object, Key::Element(run.id), smallvec::smallvec![id]))
            }
            _ => Err(WriteError::NotABlock(index)),
        }
    }

    /// Replaces the block marker at an index by a new one, whose map it gives.
    ///
    /// # Errors
    /// When there is no block marker there.
    pub fn replace_block(
        &mut self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
    ) -> Result<ObjId, WriteError> {
        self.join_block(object, index, unit)?;
        self.split_block(object, index, unit)
    }

    fn next_id(&self) -> Result<OpId, WriteError> {
        if self.room() == 0 {
            return Err(WriteError::TooManyOps);
        }
        Ok(OpId::new(self.next, self.actor))
    }

    /// Whether an operation may refer to these: no change can be built upon a draft.
    fn may_name(&self, ids: impl IntoIterator<Item = OpId>) -> Result<(), WriteError> {
        let is_change = self.actor != OpId::DRAFT_ACTOR;
        if is_change && ids.into_iter().any(OpId::is_draft) {
            return Err(WriteError::InDraft);
        }
        Ok(())
    }

    /// How many more operations can be numbered.
    fn room(&self) -> u32 {
        let is_draft = self.actor == OpId::DRAFT_ACTOR;
        let last = if is_draft { OpId::MAX_DRAFT } else { OpId::MAX_COUNTER };
        (last + 1).saturating_sub(self.next)
    }

    /// Takes an operation of this transaction in.
    fn integrate(&mut self, op: Op<'_>) -> Result<(), WriteError> {
        let id = self.next_id()?;
        let run = OpRun::Single(op);
        let mut named = SmallVec::<[OpId; 4]>::new();
        run.for_each_id(|id| named.push(id));
        self.may_name(named)?;
        self.doc
            .set
            .integrate(id, &run, &mut self.log)
            .expect("invariant: a local operation fits what it was made from");
        self.next += 1;
        Ok(())
    }

    /// Writes an operation that supersedes all visible values of a place.
    fn write(
        &mut self,
        object: ObjId,
        prop: Prop<'_>,
        action: Action,
        value: RawValue<'_>,
    ) -> Result<(), WriteError> {
        let view = self.doc.view();
        let number = view.object(object)?;
        let mut predecessors: SmallVec<[OpId; 1]> =
            view.get_all_with_ids(object, prop)?.into_iter().map(|(_, id)| id.0).collect();
        let kind = view.object_type(object)?;
        if kind == ObjType::Table || (kind == ObjType::Text && action.makes_object()) {
            return Err(ReadError::WrongProp { prop: format!("{prop:?}"), kind }.into());
        }
        let key = match (prop, prop.position()) {
            (Prop::Key(key), _) => Key::Map(key),
            (_, position) => {
                let (index, unit) = position.unwrap_or((0, TextUnit::Utf16));
                let Some((place, run)) = view.element(number, index, unit) else {
                    let length = view.length(object, unit)?;
                    return Err(WriteError::OutOfBounds { index, length });
                };
                Key::Element(run.id.plus(place.offset))
            }
        };
        if action == Action::Delete && predecessors.is_empty() {
            return Ok(());
        }
        let mut action = action;
        if action == Action::Set && self.is_value(number, key, &predecessors, value) {
            // The winner says so already; only what lost against it goes.
            predecessors.pop();
            if predecessors.is_empty() {
                return Ok(());
            }
            action = Action::Delete;
        }
        let value = if action == Action::Delete { RawValue::NULL } else { value };
        self.integrate(Op {
            object: object.0,
            key,
            insert: false,
            action,
            value,
            predecessors,
            expand: false,
            mark_name: None,
        })
    }

    /// Whether the last of the visible operations of a place sets this value.
    fn is_value(
        &self,
        object: ObjectIndex,
        key: Key<'_>,
        visible: &[OpId],
        value: RawValue<'_>,
    ) -> bool {
        let set = &self.doc.set;
        let Some(winner) = visible.last() else { return false };
        let register = match key {
            Key::Map(key) => set.map_register(object, key),
            Key::Element(id) => {
                let place = set.sequences.find(id);
                match place.and_then(|place| set.sequences.run_at(place)) {
                    Some((place, run)) if run.kind == RunKind::Text => {
                        let range = place.offset..place.offset + 1;
                        let text = set.piece_text(run, &range);
                        return value.code == 6 && value.bytes == text.as_bytes();
                    }
                    Some((_, run)) => Some(set.register_of(run)),
                    None => None,
                }
            }
        };
        let Some(register) = register else { return false };
        let Ok(at) = set.position_in(register, *winner) else { return false };
        let op = &register[at];
        if set.action(op) != Action::Set {
            return false;
        }
        // A counter is compared with its increments, a number as numbers are (0 is -0).
        if matches!(value.code, F64 | COUNTER) {
            let total = set.value(register, op, None);
            return total == Value::Scalar(ScalarValue::decode(value));
        }
        set.raw_value(op) == value
    }

    fn insert_op(
        &mut self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
        action: Action,
        value: RawValue<'_>,
    ) -> Result<ObjId, WriteError> {
        self.check_index(object, index, unit)?;
        let id = self.next_id()?;
        let (place, after) = self.insertion(object, index, unit)?;
        if action == Action::Set
            && value.code == 6
            && let Ok(text) = std::str::from_utf8(value.bytes)
            && is_one_scalar(text)
        {
            self.may_name([object.0, after])?;
            let number = self.doc.view().object(object)?;
            self.doc.set.insert_text_at(number, place, id, after, text, 1, &mut self.log);
            self.next += 1;
            return Ok(ObjId(id));
        }
        self.integrate(Op {
            object: object.0,
            key: Key::Element(after),
            insert: true,
            action,
            value,
            predecessors: SmallVec::new(),
            expand: false,
            mark_name: None,
        })?;
        Ok(ObjId(id))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open && self.next > self.start_op {
            self.doc.set.truncate(self.actor, self.start_op);
        }
    }
}

/// A scalar's type code and bytes, when documents can hold it.
fn encode(value: &ScalarValue) -> Result<(u8, Vec<u8>), WriteError> {
    if let ScalarValue::Unknown { code, .. } = value
        && !ScalarValue::UNKNOWN_CODES.contains(code)
    {
        return Err(WriteError::TypeCode(*code));
    }
    let mut bytes = Vec::new();
    let code = value.encode(&mut bytes);
    Ok((code, bytes))
}

/// The type codes of values that are not compared by their bytes.
const F64: u8 = 5;
const COUNTER: u8 = 8;

fn delete_op(object: ObjId, key: Key<'_>, predecessors: SmallVec<[OpId; 1]>) -> Op<'_> {
    Op {
        object: object.0,
        key,
        insert: false,
        action: Action::Delete,
        value: RawValue::NULL,
        predecessors,
        expand: false,
        mark_name: None,
    }
}

fn is_one_scalar(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some() && chars.next().is_none()
}
