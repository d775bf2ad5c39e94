//! The rows of operations of a document chunk, in runs.

use rejoin_columnar::{
    BooleanDecoder, DecodeError, DeltaDecoder, DeltaRange, RawValue as Value, RleDecoder,
    Strictness, ValueMeta,
};
use smallvec::SmallVec;

use crate::{
    document_columns::ops,
    load::{columns::ColumnBytes, document::DocumentChunkError},
    op::{Action, RawValue},
    op_id::OpId,
};

/// One row or several of the same shape.
pub(super) enum Row<'a> {
    /// Characters with ids counting up, each inserted after the one before.
    Text(TextRow<'a>),
    /// Any operation.
    Op(OpRow<'a>),
}

pub(super) struct TextRow<'a> {
    pub(super) object: OpId,
    pub(super) id: OpId,
    pub(super) after: OpId,
    pub(super) text: &'a str,
    pub(super) count: u32,
    /// Deletions of the first; the others' follow by `step`, if there is one deletion of each.
    pub(super) successors: SmallVec<[OpId; 1]>,
    pub(super) step: i8,
}

pub(super) struct OpRow<'a> {
    pub(super) object: OpId,
    pub(super) id: OpId,
    pub(super) key: RowKey<'a>,
    pub(super) insert: bool,
    pub(super) action: Action,
    pub(super) value: RawValue<'a>,
    pub(super) successors: SmallVec<[OpId; 1]>,
    pub(super) expand: bool,
    pub(super) mark_name: Option<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKey<'a> {
    Map(&'a str),
    Element(OpId),
}

/// Reads the rows one after the other.
pub(super) struct Rows<'a> {
    actors: usize,
    object_actor: RleDecoder<'a, u32>,
    object_counter: RleDecoder<'a, u32>,
    key_actor: RleDecoder<'a, u32>,
    key_counter: DeltaDecoder<'a>,
    key_string: RleDecoder<'a, &'a str>,
    id_actor: RleDecoder<'a, u32>,
    id_counter: DeltaDecoder<'a>,
    insert: BooleanDecoder<'a>,
    action: RleDecoder<'a, u64>,
    value_meta: RleDecoder<'a, u64>,
    values: &'a [u8],
    /// Where in the values the next one starts.
    value_at: usize,
    /// How many single rows and successors may still come: repeated ones take no bytes, so a few
    /// bytes could claim billions.
    budget: usize,
    successor_count: RleDecoder<'a, u64>,
    successor_actor: RleDecoder<'a, u32>,
    successor_counter: DeltaDecoder<'a>,
    expand: BooleanDecoder<'a>,
    mark_name: RleDecoder<'a, &'a str>,
    alike: Alike,
}

/// What is known of the next rows from the columns that change seldom: all but those of counters and of
/// successors.
///
/// Each of these rows inserts one character into `object`, by `actor` and after an element of `actor`.
struct Alike {
    object: OpId,
    actor: u32,
    /// How many bytes each character has.
    width: usize,
    /// How many such rows follow.
    rows: usize,
    /// How many were taken that the columns were not advanced by yet.
    taken: usize,
}

impl<'a> Rows<'a> {
    pub(super) fn new(columns: &'a ColumnBytes<'_>, actors: usize) -> Self {
        let strict = Strictness::Canonical;
        let range = DeltaRange::U32;
        Self {
            actors,
            object_actor: RleDecoder::new(columns.get(ops::OBJECT_ACTOR), strict),
            object_counter: RleDecoder::new(columns.get(ops::OBJECT_COUNTER), strict),
            key_actor: RleDecoder::new(columns.get(ops::KEY_ACTOR), strict),
            key_counter: DeltaDecoder::new(columns.get(ops::KEY_COUNTER), strict, range),
            key_string: RleDecoder::new(columns.get(ops::KEY_STRING), strict),
            id_actor: RleDecoder::new(columns.get(ops::ID_ACTOR), strict),
            id_counter: DeltaDecoder::new(columns.get(ops::ID_COUNTER), strict, range),
            insert: BooleanDecoder::new(columns.get(ops::INSERT), strict),
            action: RleDecoder::new(columns.get(ops::ACTION), strict),
            value_meta: RleDecoder::new(columns.get(ops::VALUE_META), strict),
            values: columns.get(ops::VALUE),
            value_at: 0,
            budget: FREE_ROWS + ROWS_PER_BYTE * columns.len(),
            successor_count: RleDecoder::new(columns.get(ops::SUCCESSOR_COUNT), strict),
            successor_actor: RleDecoder::new(columns.get(ops::SUCCESSOR_ACTOR), strict),
            successor_counter: DeltaDecoder::new(
                columns.get(ops::SUCCESSOR_COUNTER),
                strict,
                range,
            ),
            expand: BooleanDecoder::new(columns.get(ops::EXPAND), strict),
            mark_name: RleDecoder::new(columns.get(ops::MARK_NAME), strict),
            alike: Alike { object: OpId::ZERO, actor: 0, width: 1, rows: 0, taken: 0 },
        }
    }

    /// The next row or rows.
    pub(super) fn next(&mut self) -> Result<Option<Row<'a>>, DocumentChunkError> {
        if self.alike.rows > 0 && self.leading_characters(1, self.alike.width) == 1 {
            return self.alike_row().map(Some);
        }
        self.pass_alike();
        let Some(actor) = self.id_actor.next_value()? else {
            return self.check_end().map(|()| None);
        };
        self.spend()?;
        let counter = self.id_counter.next_value()?.flatten();
        let id = self.id(actor, counter, "id")?.ok_or(DocumentChunkError::Missing("id"))?;
        let object = self.object()?;
        let key_actor = self.key_actor.next_value()?.flatten();
        let key_counter = self.key_counter.next_value()?.flatten();
        let key_string = self.key_string.next_value()?.flatten();
        let key = match (key_string, key_counter) {
            (Some(key), None) if key_actor.is_none() => RowKey::Map(key),
            (None, Some(0)) if key_actor.is_none() => RowKey::Element(OpId::ZERO),
            (None, counter) => RowKey::Element(
                self.id(key_actor, counter, "key")?.ok_or(DocumentChunkError::Missing("key"))?,
            ),
            _ => return Err(DocumentChunkError::Malformed("key")),
        };
        let insert = self.insert.next_value()?.unwrap_or(false);
        let action =
            self.action.next_value()?.flatten().ok_or(DocumentChunkError::Missing("action"))?;
        let action = Action::from_code(action)
            .filter(|action| *action != Action::Delete)
            .ok_or(DocumentChunkError::Malformed("action"))?;
        let value = self.value()?;
        let successors = self.successors()?;
        let expand = self.expand.next_value()?.unwrap_or(false);
        let mark_name = self.mark_name.next_value()?.flatten();
        let is_character = insert
            && action == Action::Set
            && value.code == STRING
            && !expand
            && mark_name.is_none()
            && one_scalar(value.bytes).is_some();
        if let (true, RowKey::Element(after)) = (is_character, key) {
            let start = self.value_at - value.bytes.len();
            return self.text_rows(object, id, after, start, successors).map(Some);
        }
        Ok(Some(Row::Op(OpRow {
            object,
            id,
            key,
            insert,
            action,
            value,
            successors,
            expand,
            mark_name,
        })))
    }

    /// The next row, of which all is known but the counters and successors, and those that go on like it.
    /// That its value is a character was seen.
    fn alike_row(&mut self) -> Result<Row<'a>, DocumentChunkError> {
        self.spend()?;
        let Alike { object, actor, width, .. } = self.alike;
        let counter = self.id_counter.next_value()?.flatten();
        let id = self.id(Some(actor), counter, "id")?.ok_or(DocumentChunkError::Missing("id"))?;
        let counter = self.key_counter.next_value()?.flatten();
        let after = self.id(Some(actor), counter, "key")?;
        let after = after.ok_or(DocumentChunkError::Missing("key"))?;
        let start = self.value_at;
        self.value_at += width;
        self.take_alike(1);
        let successors = self.successors()?;
        self.text_rows(object, id, after, start, successors)
    }

    /// The rows that go on as a row of a character does, whose value begins at `start`.
    fn text_rows(
        &mut self,
        object: OpId,
        id: OpId,
        after: OpId,
        start: usize,
        successors: SmallVec<[OpId; 1]>,
    ) -> Result<Row<'a>, DocumentChunkError> {
        let mut count = 1u32;
        let mut step = 1i8;
        while let Some(next) = id.counter.checked_add(count) {
            if self.alike.rows == 0 && !self.look_ahead()? {
                break;
            }
            let Alike { object: into, actor, width, rows: mut n, .. } = self.alike;
            if into != object || actor != id.actor {
                break;
            }
            let Some(run) = self.id_counter.peek()? else { break };
            if run.first != Some(i64::from(next)) {
                break;
            }
            n = n.min(if run.step == 1 { run.count } else { 1 });
            let Some(run) = self.key_counter.peek()? else { break };
            if run.first != Some(i64::from(next - 1)) {
                break;
            }
            n = n.min(if run.step == 1 { run.count } else { 1 });
            // One deletion of each in a row of one direction, or none of any.
            let Some(run) = self.successor_count.peek()? else { break };
            if run.value.unwrap_or(0) != successors.len() as u64 || successors.len() > 1 {
                break;
            }
            n = n.min(run.count);
            if let [deletion] = successors[..] {
                let Some((m, direction)) = self.same_deletions(deletion, count, step)? else {
                    break;
                };
                step = direction;
                n = n.min(m);
            }
            n = n.min((u32::MAX - id.counter - count) as usize);
            // Repeated values take no bytes: what is really there bounds how many.
            n = self.leading_characters(n, width);
            if n == 0 {
                break;
            }
            self.value_at += n * width;
            self.take_alike(n);
            self.id_counter.advance(n);
            self.key_counter.advance(n);
            self.successor_count.advance(n);
            if successors.len() == 1 {
                self.successor_actor.advance(n);
                self.successor_counter.advance(n);
            }
            count += n as u32;
        }
        let text = std::str::from_utf8(&self.values[start..self.value_at])
            .map_err(|_| DocumentChunkError::Malformed("text"))?;
        Ok(Row::Text(TextRow { object, id, after, text, count, successors, step }))
    }

    /// How many of the next `n` values are characters of this width; fewer are looked at when they are many,
    /// so that no value is looked at often.
    fn leading_characters(&self, n: usize, width: usize) -> usize {
        let rest = &self.values[self.value_at..];
        let part = &rest[..rest.len().min(n.min(MANY_CHARACTERS) * width)];
        if width == 1 {
            return part.iter().position(|byte| !byte.is_ascii()).unwrap_or(part.len());
        }
        let valid = match std::str::from_utf8(part) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&part[..error.valid_up_to()]).unwrap_or_default(),
        };
        valid.chars().take_while(|c| c.len_utf8() == width).count()
    }

    fn take_alike(&mut self, n: usize) {
        self.alike.rows -= n;
        self.alike.taken += n;
    }

    /// Finds out how many rows are alike, once all of those before are taken. Whether there are any.
    fn look_ahead(&mut self) -> Result<bool, DecodeError> {
        self.pass_alike();
        let Some(id_actor) = self.id_actor.peek()? else { return Ok(false) };
        let Some(actor) = id_actor.value.filter(|actor| (*actor as usize) < self.actors) else {
            return Ok(false);
        };
        let mut n = id_actor.count;
        match self.key_actor.peek()? {
            Some(run) if run.value == Some(actor) => n = n.min(run.count),
            _ => return Ok(false),
        }
        match self.insert.peek()? {
            Some((true, count)) => n = n.min(count),
            _ => return Ok(false),
        }
        match self.action.peek()? {
            Some(run) if run.value == Some(Action::Set as u64) => n = n.min(run.count),
            _ => return Ok(false),
        }
        let Some(meta) = self.value_meta.peek()? else { return Ok(false) };
        let value_meta = ValueMeta::from_u64(meta.value.unwrap_or(0));
        if value_meta.code() != STRING || !(1..=4).contains(&value_meta.len()) {
            return Ok(false);
        }
        n = n.min(meta.count);
        // No character stands in the root.
        let (Some(object_actor), Some(object_counter)) =
            (self.object_actor.peek()?, self.object_counter.peek()?)
        else {
            return Ok(false);
        };
        let object = match (object_actor.value, object_counter.value) {
            (Some(actor), Some(counter)) if (actor as usize) < self.actors && counter > 0 => {
                OpId::new(counter, actor)
            }
            _ => return Ok(false),
        };
        n = n.min(object_actor.count).min(object_counter.count);
        match self.key_string.peek()? {
            Some(run) if run.value.is_none() => n = n.min(run.count),
            None => {}
            _ => return Ok(false),
        }
        match self.expand.peek()? {
            Some((false, count)) => n = n.min(count),
            None => {}
            _ => return Ok(false),
        }
        match self.mark_name.peek()? {
            Some(run) if run.value.is_none() => n = n.min(run.count),
            None => {}
            _ => return Ok(false),
        }
        let width = value_meta.len() as usize;
        self.alike = Alike { object, actor, width, rows: n, taken: 0 };
        Ok(n > 0)
    }

    /// Advances the columns by the rows that were taken as alike. No more are known then.
    fn pass_alike(&mut self) {
        self.alike.rows = 0;
        let n = std::mem::take(&mut self.alike.taken);
        if n == 0 {
            return;
        }
        self.id_actor.advance(n);
        self.key_actor.advance(n);
        self.insert.advance(n);
        self.action.advance(n);
        self.value_meta.advance(n);
        self.object_actor.advance(n);
        self.object_counter.advance(n);
        if !self.key_string.is_done() {
            self.key_string.advance(n);
        }
        if !self.expand.is_done() {
            self.expand.advance(n);
        }
        if !self.mark_name.is_done() {
            self.mark_name.advance(n);
        }
    }

    /// How many of the next deletions go on from `first`, of which `count` were seen with `step`.
    fn same_deletions(
        &mut self,
        first: OpId,
        count: u32,
        step: i8,
    ) -> Result<Option<(usize, i8)>, DecodeError> {
        let Some(actors) = self.successor_actor.peek()? else { return Ok(None) };
        let Some(counters) = self.successor_counter.peek()? else { return Ok(None) };
        if actors.value != Some(first.actor) {
            return Ok(None);
        }
        let candidates: &[i8] = if count > 1 { &[step] } else { &[1, -1] };
        for direction in candidates {
            let expected = i64::from(first.counter) + i64::from(count) * i64::from(*direction);
            if counters.first == Some(expected) && expected > 0 {
                let n = if counters.step == i64::from(*direction) { counters.count } else { 1 };
                return Ok(Some((n.min(actors.count), *direction)));
            }
        }
        Ok(None)
    }

    fn object(&mut self) -> Result<OpId, DocumentChunkError> {
        let actor = self.object_actor.next_value()?.flatten();
        let counter = self.object_counter.next_value()?.flatten();
        let object = self.id(actor, counter.map(i64::from), "object")?;
        Ok(object.unwrap_or(OpId::ZERO))
    }

    fn value(&mut self) -> Result<RawValue<'a>, DocumentChunkError> {
        let meta =
            self.value_meta.next_value()?.flatten().ok_or(DocumentChunkError::Missing("value"))?;
        let meta = ValueMeta::from_u64(meta);
        let len = usize::try_from(meta.len()).unwrap_or(usize::MAX);
        let end = self.value_at.saturating_add(len);
        let bytes =
            self.values.get(self.value_at..end).ok_or(DocumentChunkError::Missing("value"))?;
        Value::decode(meta.code(), bytes).map_err(DocumentChunkError::Value)?;
        self.value_at = end;
        Ok(RawValue { code: meta.code(), bytes })
    }

    fn successors(&mut self) -> Result<SmallVec<[OpId; 1]>, DocumentChunkError> {
        let count = self.successor_count.next_value()?.flatten();
        let count = count.ok_or(DocumentChunkError::Missing("successor count"))?;
        let mut successors: SmallVec<[OpId; 1]> = SmallVec::new();
        for _ in 0..count {
            let actor = self.successor_actor.next_value()?.flatten();
            let counter = self.successor_counter.next_value()?.flatten();
            let id = self.id(actor, counter, "successor")?;
            let id = id.ok_or(DocumentChunkError::Missing("successor"))?;
            self.spend()?;
            successors.push(id);
        }
        Ok(successors)
    }

    /// An id of two columns: both there, or neither.
    fn id(
        &self,
        actor: Option<u32>,
        counter: Option<i64>,
        what: &'static str,
    ) -> Result<Option<OpId>, DocumentChunkError> {
        match (actor, counter) {
            (None, None) => Ok(None),
            (Some(actor), Some(counter)) if (actor as usize) < self.actors && counter > 0 => {
                let counter =
                    u32::try_from(counter).map_err(|_| DocumentChunkError::Malformed(what))?;
                Ok(Some(OpId::new(counter, actor)))
            }
            _ => Err(DocumentChunkError::Malformed(what)),
        }
    }

    fn spend(&mut self) -> Result<(), DocumentChunkError> {
        self.budget = self.budget.checked_sub(1).ok_or(DocumentChunkError::TooManyOps)?;
        Ok(())
    }

    /// Nothing may be left when there are no more ids.
    fn check_end(&mut self) -> Result<(), DocumentChunkError> {
        let done = self.value_at == self.values.len()
            && self.id_counter.is_done()
            && self.object_actor.is_done()
            && self.object_counter.is_done()
            && self.key_actor.is_done()
            && self.key_counter.is_done()
            && self.key_string.is_done()
            && self.insert.is_done()
            && self.action.is_done()
            && self.value_meta.is_done()
            && self.successor_count.is_done()
            && self.successor_actor.is_done()
            && self.successor_counter.is_done()
            && self.expand.is_done()
            && self.mark_name.is_done();
        if done { Ok(()) } else { Err(DocumentChunkError::Malformed("row count")) }
    }
}

/// How many single rows and successors there may be however few the bytes are, and for each byte.
const FREE_ROWS: usize = 1 << 22;
const ROWS_PER_BYTE: usize = 256;

/// How many characters are looked at together.
const MANY_CHARACTERS: usize = 1 << 10;

/// The type code of strings among values.
const STRING: u8 = 6;

fn one_scalar(bytes: &[u8]) -> Option<char> {
    let mut chars = std::str::from_utf8(bytes).ok()?.chars();
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}
