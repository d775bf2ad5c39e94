//! Changes of a single run of operations, written and read without column codecs.
//!
//! Keystroke by keystroke and word by word is how most changes come. In the canonical form each column
//! of a single operation is one literal, so that a change that reads as such is canonical by itself.
//! A longer run is known by its first operation: what that makes of it is written again and compared.

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

/// How many bytes of text a run may have here.
const MAX_TEXT: usize = 64;

/// Writes the columns of a change whose only run is this, from operation `start` on; false, with
/// nothing written, for what is no plain insertion or deletion, and for long texts and those with
/// characters of several widths. `local` gives the author the number 0.
#[inline]
pub(super) fn write(
    run: &OpRun<'_>,
    start: u32,
    local: impl Fn(u32) -> u32,
    out: &mut Vec<u8>,
) -> bool {
    let Some(writer) = Writer::of(run, start, local) else { return false };
    out.push(writer.columns as u8);
    out.extend_from_slice(writer.list());
    out.extend_from_slice(writer.data());
    true
}

/// Space for the columns of a plain run, of which only the text may have more than twelve bytes.
struct Writer {
    /// A byte of specification and a byte of length for each column.
    list: [u8; 24],
    columns: usize,
    data: [u8; 128 + MAX_TEXT],
    len: usize,
}

impl Writer {
    #[inline]
    fn of(run: &OpRun<'_>, start: u32, local: impl Fn(u32) -> u32) -> Option<Self> {
        let mut writer = Writer { list: [0; 24], columns: 0, data: [0; 128 + MAX_TEXT], len: 0 };
        match *run {
            OpRun::Insert { object, after, text, count } => {
                let width = text.len() / count.max(1) as usize;
                let is_even = || text.is_ascii() || text.chars().all(|c| c.len_utf8() == width);
                if text.len() > MAX_TEXT || (count > 1 && !is_even()) {
                    return None;
                }
                writer.object(object, count, &local);
                let first = (!after.is_zero()).then(|| local(after.actor));
                writer.insert_keys(first, after.counter, start, count)?;
                writer.flags(spec::INSERT, true, count);
                writer.repeat(spec::ACTION, Action::Set as u64, count);
                writer.repeat(spec::VALUE_META, ValueMeta::new(STRING, width).as_u64(), count);
                writer.bytes(spec::VALUE, text.as_bytes());
                writer.repeat(spec::PREDECESSOR_COUNT, 0, count);
            }
            OpRun::Delete { object, target, step, count } => {
                let actor = u64::from(local(target.actor));
                let targets = [(i64::from(target.counter), 1), (i64::from(step), count - 1)];
                writer.object(object, count, &local);
                writer.repeat(spec::KEY_ACTOR, actor, count);
                writer.column(spec::KEY_COUNTER, |data| data.runs(&targets));
                writer.flags(spec::INSERT, false, count);
                writer.repeat(spec::ACTION, Action::Delete as u64, count);
                writer.repeat(spec::VALUE_META, 0, count);
                writer.repeat(spec::PREDECESSOR_COUNT, 1, count);
                writer.repeat(spec::PREDECESSOR_ACTOR, actor, count);
                writer.column(spec::PREDECESSOR_COUNTER, |data| data.runs(&targets));
            }
            OpRun::Single(_) => return None,
        }
        Some(writer)
    }

    #[inline]
    fn list(&self) -> &[u8] {
        &self.list[..2 * self.columns]
    }

    #[inline]
    fn data(&self) -> &[u8] {
        &self.data[..self.len]
    }

    #[inline]
    fn object(&mut self, object: OpId, count: u32, local: impl Fn(u32) -> u32) {
        if !object.is_zero() {
            self.repeat(spec::OBJECT_ACTOR, local(object.actor).into(), count);
            self.repeat(spec::OBJECT_COUNTER, object.counter.into(), count);
        }
    }

    /// The elements that those of a run come after: one of `actor`, none for the head, then their own.
    #[inline]
    fn insert_keys(
        &mut self,
        actor: Option<u32>,
        counter: u32,
        start: u32,
        count: u32,
    ) -> Option<()> {
        let (counter, start) = (i64::from(counter), i64::from(start));
        if count == 1 {
            if let Some(actor) = actor {
                self.repeat(spec::KEY_ACTOR, actor.into(), 1);
            }
            self.column(spec::KEY_COUNTER, |data| data.runs(&[(counter, 1)]));
            return Some(());
        }
        // Beyond it, a number is written otherwise than a difference.
        if actor.is_some_and(|actor| actor >= 0x40) {
            return None;
        }
        self.column(spec::KEY_ACTOR, |data| match actor {
            Some(actor) => data.runs(&[(actor.into(), 1), (0, count - 1)]),
            None => {
                // A run of one null.
                data.push(0);
                data.push(1);
                data.runs(&[(0, count - 1)]);
            }
        });
        let differences = [(counter, 1), (start - counter, 1), (1, count - 2)];
        self.column(spec::KEY_COUNTER, |data| data.runs(&differences));
        Some(())
    }

    /// A column of one value, `count` times.
    #[inline]
    fn repeat(&mut self, spec: ColumnSpec, mut value: u64, count: u32) {
        self.column(spec, |data| {
            data.count(count);
            while value >= 0x80 {
                data.push(value as u8 | 0x80);
                value >>= 7;
            }
            data.push(value as u8);
        });
    }

    #[inline]
    fn flags(&mut self, spec: ColumnSpec, flag: bool, count: u32) {
        self.column(spec, |data| {
            // Booleans are counts of false and true in turn.
            if flag {
                data.push(0);
            }
            let mut count = count;
            while count >= 0x80 {
                data.push(count as u8 | 0x80);
                count >>= 7;
            }
            data.push(count as u8);
        });
    }

    #[inline]
    fn bytes(&mut self, spec: ColumnSpec, bytes: &[u8]) {
        self.column(spec, |data| {
            data.data[data.len..data.len + bytes.len()].copy_from_slice(bytes);
            data.len += bytes.len();
        });
    }

    /// Values with how often each comes, as run-length encoding has them: single values together as a
    /// literal, the others as runs.
    #[inline]
    fn runs(&mut self, values: &[(i64, u32)]) {
        let mut merged = [(0, 0); 3];
        let mut len = 0;
        for &(value, count) in values.iter().filter(|(_, count)| *count > 0) {
            if len > 0 && merged[len - 1].0 == value {
                merged[len - 1].1 += count;
            } else {
                merged[len] = (value, count);
                len += 1;
            }
        }
        let mut rest = &merged[..len];
        while let [(value, count), others @ ..] = rest {
            if *count > 1 {
                self.signed(i64::from(*count));
                self.signed(*value);
                rest = others;
            } else {
                let singles = rest.iter().take_while(|(_, count)| *count == 1).count();
                self.signed(-(singles as i64));
                rest[..singles].iter().for_each(|(value, _)| self.signed(*value));
                rest = &rest[singles..];
            }
        }
    }

    /// The header of a run of equal values, or of a literal of one.
    #[inline]
    fn count(&mut self, count: u32) {
        if count == 1 { self.push(LITERAL) } else { self.signed(count.into()) }
    }

    #[inline]
    fn signed(&mut self, mut value: i64) {
        while !(-0x40..0x40).contains(&value) {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8 & 0x7f);
    }

    #[inline]
    fn push(&mut self, byte: u8) {
        self.data[self.len] = byte;
        self.len += 1;
    }

    #[inline]
    fn column(&mut self, spec: ColumnSpec, write: impl FnOnce(&mut Self)) {
        let start = self.len;
        write(self);
        self.list[2 * self.columns] = spec.as_u32() as u8;
        self.list[2 * self.columns + 1] = (self.len - start) as u8;
        self.columns += 1;
    }
}

/// Reads the list of columns and their data, `bytes`, as those of a change with one run.
///
/// `None` for everything that is more, or not canonical, or wrong, or rare: the column codecs then say
/// which. `actors` is how many actors the change has, author included, and `start` the counter of the
/// first operation.
#[inline]
pub(super) fn read(bytes: &[u8], actors: u32, start: u32) -> Option<OpRun<'_>> {
    let mut row = Row::default();
    match columns(bytes, |spec, column| row.column(spec, column)) {
        Some(()) => row.run(actors, start),
        None => read_several(bytes, actors, start),
    }
}

/// Gives out the columns; `None` when they are not canonical or `give` says so.
#[inline]
fn columns<'a>(
    bytes: &'a [u8],
    mut give: impl FnMut(ColumnSpec, &'a [u8]) -> Option<()>,
) -> Option<()> {
    let columns = usize::from(*bytes.first()?);
    let list = bytes.get(1..1 + 2 * columns)?;
    let mut data = &bytes[1 + 2 * columns..];
    let mut previous = 0;
    for pair in list.chunks_exact(2) {
        // Greater specifications and lengths have more bytes, which no longer fit the list.
        if pair[0] <= previous || pair[0] >= 0x80 || pair[1] >= 0x80 {
            return None;
        }
        previous = pair[0];
        let column;
        (column, data) = data.split_at_checked(usize::from(pair[1]))?;
        give(ColumnSpec::from_u32(u32::from(previous)), column)?;
    }
    data.is_empty().then_some(())
}

/// Reads a run of several operations: what its first says is written again and must be the same.
fn read_several(bytes: &[u8], actors: u32, start: u32) -> Option<OpRun<'_>> {
    let mut object = (None, None);
    let mut key = (None, None);
    let mut step = -1;
    let mut flags: &[u8] = &[];
    let mut text: &[u8] = &[];
    columns(bytes, |spec, column| {
        match spec {
            spec::OBJECT_ACTOR => object.0 = first(column, Reader::u32)?,
            spec::OBJECT_COUNTER => object.1 = first(column, Reader::u32)?,
            spec::KEY_ACTOR => key.0 = first(column, Reader::u32)?,
            spec::KEY_COUNTER => {
                key.1 = first(column, Reader::i64)?.and_then(|value| u32::try_from(value).ok());
                // Should it be something else, it will not be the same.
                step = if column.last() == Some(&1) { 1 } else { -1 };
            }
            spec::INSERT => flags = column,
            spec::VALUE => text = column,
            _ => {}
        }
        Some(())
    })?;
    let id = |actor: Option<u32>, counter: Option<u32>| match (actor, counter) {
        (Some(actor), Some(counter)) if actor < actors && (1..start).contains(&counter) => {
            Some(OpId::new(counter, actor))
        }
        _ => None,
    };
    let object = id(object.0, object.1)?;
    let mut reader = Reader::new(flags);
    let mut count = reader.u32().ok()?;
    let run = if count == 0 {
        count = reader.u32().ok()?;
        let after = if key == (None, Some(0)) { OpId::ZERO } else { id(key.0, key.1)? };
        let text = std::str::from_utf8(text).ok()?;
        if text.len() > MAX_TEXT || text.chars().count() != count as usize {
            return None;
        }
        OpRun::Insert { object, after, text, count }
    } else {
        let target = id(key.0, key.1)?;
        if step < 0 && target.counter < count {
            return None;
        }
        OpRun::Delete { object, target, step, count }
    };
    if count < 2 || start.checked_add(count).is_none() {
        return None;
    }
    let again = Writer::of(&run, start, |actor| actor)?;
    let (list, data) = bytes[1..].split_at(again.list().len().min(bytes.len() - 1));
    let is_same =
        usize::from(bytes[0]) == again.columns && list == again.list() && data == again.data();
    is_same.then_some(run)
}

/// The first value of a run-length encoded column; `Some(None)` for a null.
fn first<'a, V>(
    column: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<V, DecodeError>,
) -> Option<Option<V>> {
    let mut reader = Reader::new(column);
    match reader.i64().ok()? {
        0 => Some(None),
        _ => read(&mut reader).ok().map(Some),
    }
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

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rejoin_columnar::{ColumnLayout, Columns};

    use super::*;
    use crate::change::{OpDecoder, encoder::OpEncoder};

    const ACTORS: u32 = 70;

    fn encoded(run: &OpRun<'_>, start: u32) -> Vec<u8> {
        let mut encoder = OpEncoder::default();
        encoder.append(run, OpId::new(start, 0), |actor| actor);
        let mut bytes = Vec::new();
        encoder.finish_into(&mut bytes);
        bytes
    }

    /// What the column codecs make of it: the first run, if the whole is canonical.
    fn decoded(bytes: &[u8], start: u32) -> Option<OpRun<'_>> {
        let mut reader = Reader::new(bytes);
        let columns = Columns::parse(&mut reader, ColumnLayout::Change).ok()?;
        let mut decoder =
            OpDecoder::new(&columns, reader.rest(), start, ACTORS as usize, usize::MAX).ok()?;
        let run = decoder.next_run().ok()??;
        let is_last = decoder.next_run().ok()?.is_none();
        (is_last && encoded(&run, start) == bytes).then_some(run)
    }

    fn run<'a>(random: &mut ChaCha8Rng, text: &'a mut String, start: u32) -> OpRun<'a> {
        let count = [1, 2, 3, random.random_range(1..90)][random.random_range(0..4)];
        let mut id = |least: u32| {
            let near = start.saturating_sub(random.random_range(1..4));
            let any = random.random_range(least..start.max(least + 1));
            let counter = if random.random() { near.max(least) } else { any };
            let actor = [0, 1, random.random_range(0..ACTORS)][random.random_range(0..3)];
            OpId::new(counter, actor)
        };
        let (object, element) = (id(1), id(1));
        if random.random() {
            let alphabet: &[char] =
                [&['a', 'b'][..], &['\u{e9}', '\u{fc}'], &['\u{20ac}'], &['a', '\u{1f600}']]
                    [random.random_range(0..4)];
            *text = (0..count).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect();
            let after = if random.random_range(0..4) == 0 { OpId::ZERO } else { element };
            OpRun::Insert { object, after, text, count }
        } else {
            let falls = count > 1 && element.counter >= count && random.random();
            OpRun::Delete { object, target: element, step: if falls { -1 } else { 1 }, count }
        }
    }

    #[test]
    fn it_writes_and_reads_what_the_column_codecs_do() {
        let (mut written, mut read_back, mut damaged) = (0, 0, 0);
        for seed in 0..20_000 {
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let start = [2, 100, 70_000, u32::MAX - 100][random.random_range(0..4)];
            let mut text = String::new();
            let run = run(&mut random, &mut text, start);
            let expected = encoded(&run, start);
            let mut bytes = Vec::new();
            if write(&run, start, |actor| actor, &mut bytes) {
                written += 1;
                assert_eq!(bytes, expected, "seed {seed}: {run:?}");
            }
            if let Some(read) = read(&expected, ACTORS, start) {
                read_back += 1;
                assert_eq!(read, run, "seed {seed}");
            }
            let at = random.random_range(0..expected.len());
            let mut bytes = expected;
            bytes[at] = [bytes[at].wrapping_add(1), random.random()][random.random_range(0..2)];
            if let Some(read) = read(&bytes, ACTORS, start) {
                damaged += 1;
                assert_eq!(Some(read), decoded(&bytes, start), "seed {seed}: {bytes:02x?}");
            }
        }
        println!("{written} written, {read_back} read, {damaged} damaged and still good");
        assert!(written > 12_000 && read_back > 12_000 && damaged > 1_000);
    }
}
