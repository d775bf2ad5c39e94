//! Changes of a single operation, written and read without column codecs.
//!
//! Keystroke by keystroke is how most changes come. In the canonical form each of their columns is one
//! literal, so that a change that reads as such is canonical by itself.

use rejoin_columnar::{ColumnSpec, DecodeError, RawValue as Primitive, Reader, ValueMeta};
use smallvec::SmallVec;

use super::{
    columns as spec,
    decoder::{self, STRING},
};
use crate::{
    op::{Action, Key, Op, OpRun, RawValue},
    op_id::OpId,
};

/// The header of a literal run of one value.
const LITERAL: u8 = 0x7f;
const FALSE: &[u8] = &[1];
const TRUE: &[u8] = &[0, 1];

/// Writes the columns of a change whose only operation is this; false, with nothing written, for
/// operations that are no plain insertion or deletion.
#[inline]
pub(super) fn write(run: &OpRun<'_>, local: impl Fn(u32) -> u32, out: &mut Vec<u8>) -> bool {
    let (object, key) = match run {
        OpRun::Insert { object, after, count: 1, .. } => (*object, *after),
        OpRun::Delete { object, target, count: 1, .. } => (*object, *target),
        _ => return false,
    };
    let mut writer = Writer { list: [0; 24], columns: 0, data: [0; 80], len: 0 };
    if !object.is_zero() {
        writer.literal(spec::OBJECT_ACTOR, local(object.actor).into());
        writer.literal(spec::OBJECT_COUNTER, object.counter.into());
    }
    if !key.is_zero() {
        writer.literal(spec::KEY_ACTOR, local(key.actor).into());
    }
    writer.signed_literal(spec::KEY_COUNTER, key.counter);
    match run {
        OpRun::Insert { text, .. } => {
            writer.bytes(spec::INSERT, TRUE);
            writer.literal(spec::ACTION, Action::Set as u64);
            let meta = ValueMeta::new(STRING, text.len());
            writer.literal(spec::VALUE_META, meta.as_u64());
            writer.bytes(spec::VALUE, text.as_bytes());
            writer.literal(spec::PREDECESSOR_COUNT, 0);
        }
        _ => {
            writer.bytes(spec::INSERT, FALSE);
            writer.literal(spec::ACTION, Action::Delete as u64);
            writer.literal(spec::VALUE_META, 0);
            writer.literal(spec::PREDECESSOR_COUNT, 1);
            writer.literal(spec::PREDECESSOR_ACTOR, local(key.actor).into());
            writer.signed_literal(spec::PREDECESSOR_COUNTER, key.counter);
        }
    }
    out.push(writer.columns as u8);
    out.extend_from_slice(&writer.list[..2 * writer.columns]);
    out.extend_from_slice(&writer.data[..writer.len]);
    true
}

/// Space for the columns of a plain operation, none of which has more than ten bytes.
struct Writer {
    /// A byte of specification and a byte of length for each column.
    list: [u8; 24],
    columns: usize,
    data: [u8; 80],
    len: usize,
}

impl Writer {
    #[inline]
    fn literal(&mut self, spec: ColumnSpec, mut value: u64) {
        let start = self.len;
        self.push(LITERAL);
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
        self.list(spec, start);
    }

    #[inline]
    fn signed_literal(&mut self, spec: ColumnSpec, value: u32) {
        let start = self.len;
        self.push(LITERAL);
        let mut value = u64::from(value);
        while value >= 0x40 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
        self.list(spec, start);
    }

    #[inline]
    fn bytes(&mut self, spec: ColumnSpec, bytes: &[u8]) {
        let start = self.len;
        bytes.iter().for_each(|byte| self.push(*byte));
        self.list(spec, start);
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.data[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    fn list(&mut self, spec: ColumnSpec, start: usize) {
        self.list[2 * self.columns] = spec.as_u32() as u8;
        self.list[2 * self.columns + 1] = (self.len - start) as u8;
        self.columns += 1;
    }
}

/// Reads the list of columns and their data, `bytes`, as those of a change with one operation.
///
/// `None` for everything that is more, or not canonical, or wrong, or rare: the column codecs then say
/// which. `actors` is how many actors the change has, author included, and `counter` that of the
/// operation.
#[inline]
pub(super) fn read(bytes: &[u8], actors: u32, counter: u32) -> Option<OpRun<'_>> {
    let columns = usize::from(*bytes.first()?);
    let list = bytes.get(1..1 + 2 * columns)?;
    let mut data = &bytes[1 + 2 * columns..];
    let mut row = Row::default();
    let mut previous = 0;
    for pair in list.chunks_exact(2) {
        // Greater specifications and lengths have more bytes, which no longer fit the list.
        if pair[0] <= previous || pair[0] >= 0x80 || pair[1] >= 0x80 {
            return None;
        }
        previous = pair[0];
        let column;
        (column, data) = data.split_at_checked(usize::from(pair[1]))?;
        row.column(ColumnSpec::from_u32(u32::from(previous)), column)?;
    }
    if data.is_empty() { row.run(actors, counter) } else { None }
}

/// The columns of a change with one operation, decoded.
#[derive(Default)]
struct Row<'a> {
    object_actor: Option<u32>,
    object_counter: Option<u32>,
    key_actor: Option<u32>,
    key_counter: Option<u32>,
    key_string: Option<&'a str>,
    insert: Option<bool>,
    action: Option<u64>,
    meta: Option<u64>,
    value: &'a [u8],
    predecessors: Option<u64>,
    predecessor_actor: Option<u32>,
    predecessor_counter: Option<u32>,
}

impl<'a> Row<'a> {
    #[inline]
    fn column(&mut self, spec: ColumnSpec, bytes: &'a [u8]) -> Option<()> {
        if bytes.is_empty() {
            return None;
        }
        match spec {
            spec::OBJECT_ACTOR => self.object_actor = Some(literal(bytes, Reader::u32)?),
            spec::OBJECT_COUNTER => self.object_counter = Some(literal(bytes, Reader::u32)?),
            spec::KEY_ACTOR => self.key_actor = Some(literal(bytes, Reader::u32)?),
            spec::KEY_COUNTER => self.key_counter = Some(signed_literal(bytes)?),
            spec::KEY_STRING => self.key_string = Some(literal(bytes, Reader::str)?),
            spec::INSERT if bytes == FALSE => self.insert = Some(false),
            spec::INSERT if bytes == TRUE => self.insert = Some(true),
            spec::ACTION => self.action = Some(literal(bytes, Reader::u64)?),
            spec::VALUE_META => self.meta = Some(literal(bytes, Reader::u64)?),
            spec::VALUE => self.value = bytes,
            spec::PREDECESSOR_COUNT => self.predecessors = Some(literal(bytes, Reader::u64)?),
            spec::PREDECESSOR_ACTOR => {
                self.predecessor_actor = Some(literal(bytes, Reader::u32)?);
            }
            spec::PREDECESSOR_COUNTER => self.predecessor_counter = Some(signed_literal(bytes)?),
            _ => return None,
        }
        Some(())
    }

    #[inline]
    fn run(self, actors: u32, own: u32) -> Option<OpRun<'a>> {
        let id = |actor: Option<u32>, counter: Option<u32>| match (actor, counter) {
            (Some(actor), Some(counter)) if actor < actors && (1..own).contains(&counter) => {
                Some(OpId::new(counter, actor))
            }
            _ => None,
        };
        let object = match (self.object_actor, self.object_counter) {
            (None, None) => OpId::ZERO,
            (actor, counter) => id(actor, counter)?,
        };
        let key = match (self.key_string, self.key_actor, self.key_counter) {
            (Some(string), None, None) => Key::Map(string),
            (None, None, Some(0)) => Key::Element(OpId::ZERO),
            (None, actor, counter) => Key::Element(id(actor, counter)?),
            _ => return None,
        };
        let mut predecessors = SmallVec::new();
        match (self.predecessors?, self.predecessor_actor, self.predecessor_counter) {
            (0, None, None) => {}
            (1, actor, counter) => predecessors.push(id(actor, counter)?),
            _ => return None,
        }
        let meta = ValueMeta::from_u64(self.meta?);
        let (code, bytes) = (meta.code(), self.value);
        if meta.len() != bytes.len() as u64 {
            return None;
        }
        let value = Primitive::decode(code, bytes).ok()?;
        let (insert, action) = (self.insert?, Action::from_code(self.action?)?);
        match (key, value) {
            (Key::Element(after), Primitive::Str(text))
                if insert
                    && action == Action::Set
                    && predecessors.is_empty()
                    && text.chars().next().is_some_and(|first| first.len_utf8() == text.len()) =>
            {
                return Some(OpRun::Insert { object, after, text, count: 1 });
            }
            (Key::Element(target), Primitive::Null)
                if !insert && action == Action::Delete && predecessors[..] == [target] =>
            {
                return Some(OpRun::Delete { object, target, step: 1, count: 1 });
            }
            _ => {}
        }
        let value = RawValue { code, bytes };
        let op =
            Op { object, key, insert, action, value, predecessors, expand: false, mark_name: None };
        decoder::check(&op).ok()?;
        Some(OpRun::Single(op))
    }
}

#[inline]
fn literal<'a, V>(
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<V, DecodeError>,
) -> Option<V> {
    let mut reader = Reader::new(bytes);
    if reader.u8() != Ok(LITERAL) {
        return None;
    }
    let value = read(&mut reader).ok()?;
    reader.is_empty().then_some(value)
}

#[inline]
fn signed_literal(bytes: &[u8]) -> Option<u32> {
    literal(bytes, Reader::i64).and_then(|value| u32::try_from(value).ok())
}
