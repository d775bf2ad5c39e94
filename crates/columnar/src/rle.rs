//! Run-length encoded columns of integers or strings, with nulls.
//!
//! A column is a row of runs, each with a signed header `n`: `n > 0` is one value, `n` times; `n < 0`
//! is `-n` different values one after the other; `n = 0` is followed by an unsigned count of nulls.
//! A column of nothing but nulls is empty.

use std::marker::PhantomData;

use crate::error::{DecodeError, DecodeErrorKind, Strictness};
use crate::leb128::{self, Reader};

/// A type of value that a run-length encoded column can hold: `u64`, `u32`, `i64`, `&str`.
///
/// Implemented here for all there is. [`Borrowed`](Self::Borrowed) lets an `RleEncoder<&'static str>`
/// that is kept for reuse take strings of any lifetime.
pub trait RleValue {
    /// The value, borrowed from a column for `'b`. Integers are just themselves.
    type Borrowed<'b>: Copy + PartialEq + std::fmt::Debug;
    /// What an encoder remembers of the value it wrote last.
    #[doc(hidden)]
    type Written: Copy + Default + std::fmt::Debug;

    /// Reads one value.
    #[doc(hidden)]
    fn read<'b>(reader: &mut Reader<'b>) -> Result<Self::Borrowed<'b>, DecodeError>;
    /// Writes one value.
    #[doc(hidden)]
    fn write(value: Self::Borrowed<'_>, out: &mut Vec<u8>) -> Self::Written;
    /// Whether `value` equals the one written as `bytes`.
    #[doc(hidden)]
    fn is(value: Self::Borrowed<'_>, written: Self::Written, bytes: &[u8]) -> bool;
}

/// A value and how many times it occurs in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<V> {
    /// The value.
    pub value: V,
    /// How many times, at least once.
    pub count: usize,
}

/// Writes a run-length encoded column in its canonical form.
///
/// It can be reused: [`finish_into`](Self::finish_into) and [`clear`](Self::clear) leave it empty and keep its buffer.
#[derive(Debug, Clone)]
pub struct RleEncoder<T: RleValue> {
    /// Everything written so far. Values are written at once, as if they were literals; when one
    /// turns out to repeat, its header is put in front of it.
    out: Vec<u8>,
    /// Where the one-byte space for the header of the open run is.
    header: usize,
    /// How many values the open literal run has, without the pending one.
    literals: usize,
    /// Where the pending value starts, how often it occurred (0: there is none), what it was.
    start: usize,
    count: usize,
    written: T::Written,
    /// Nulls that are not written yet; only if there is no pending value.
    nulls: usize,
}

impl<T: RleValue> RleEncoder<T> {
    /// An empty column.
    #[inline]
    pub fn new() -> Self {
        Self {
            out: Vec::new(),
            header: 0,
            literals: 0,
            start: 0,
            count: 0,
            written: T::Written::default(),
            nulls: 0,
        }
    }

    /// Appends one value or null.
    #[inline]
    pub fn append(&mut self, value: Option<T::Borrowed<'_>>) {
        self.append_run(value, 1);
    }

    /// Appends a value or null `count` times, in constant time.
    #[inline]
    pub fn append_run(&mut self, value: Option<T::Borrowed<'_>>, count: usize) {
        if count == 0 {
            return;
        }
        match value {
            Some(value) => {
                if self.count > 0 && T::is(value, self.written, &self.out[self.start..]) {
                    self.count = add_counts(self.count, count);
                } else {
                    self.start_value(value, count);
                }
            }
            None => {
                if self.nulls == 0 {
                    self.close_value();
                    self.close_literals();
                }
                self.nulls = add_counts(self.nulls, count);
            }
        }
    }

    /// Whether the column will be empty: nothing but nulls was appended, if anything.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.out.is_empty()
    }

    /// The encoded column; empty when there are nothing but nulls.
    pub fn finish(mut self) -> Vec<u8> {
        self.close();
        self.out
    }

    /// Appends the encoded column to `out`, and empties this encoder.
    #[inline]
    pub fn finish_into(&mut self, out: &mut Vec<u8>) {
        self.close();
        out.extend_from_slice(&self.out);
        self.clear();
    }

    /// Forgets everything appended; keeps the buffer.
    #[inline]
    pub fn clear(&mut self) {
        self.out.clear();
        self.literals = 0;
        self.count = 0;
        self.nulls = 0;
    }

    #[inline]
    fn start_value(&mut self, value: T::Borrowed<'_>, count: usize) {
        self.close_value();
        if self.nulls > 0 {
            self.out.push(0);
            leb128::write_u64(&mut self.out, self.nulls as u64);
            self.nulls = 0;
        }
        if self.literals == 0 {
            self.header = self.out.len();
            self.out.push(0);
        }
        self.start = self.out.len();
        self.written = T::write(value, &mut self.out);
        self.count = add_counts(count, 0);
    }

    /// Decides whether the pending value is a literal or a run of its own.
    #[inline]
    fn close_value(&mut self) {
        match self.count {
            0 => return,
            1 => self.literals += 1,
            count if self.literals == 0 => put_header(&mut self.out, self.header, count as i64),
            count => {
                let value_len = self.out.len() - self.start;
                self.close_literals();
                let start = self.out.len() - value_len;
                self.out.insert(start, 0);
                put_header(&mut self.out, start, count as i64);
            }
        }
        self.count = 0;
    }

    #[inline]
    fn close_literals(&mut self) {
        if self.literals > 0 {
            put_header(&mut self.out, self.header, -(self.literals as i64));
            self.literals = 0;
        }
    }

    fn close(&mut self) {
        self.close_value();
        self.close_literals();
        if self.nulls > 0 && !self.out.is_empty() {
            self.out.push(0);
            leb128::write_u64(&mut self.out, self.nulls as u64);
        }
        self.nulls = 0;
    }
}

impl<T: RleValue> Default for RleEncoder<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds run lengths. A header is signed, so a sum beyond that range stays at its end: nobody can hold
/// that many values, but a decoder's claims may get here.
#[inline]
pub(crate) fn add_counts(a: usize, b: usize) -> usize {
    a.saturating_add(b).min(isize::MAX.unsigned_abs())
}

/// Writes a header over the one byte kept free for it, moving what follows if it needs more.
#[inline]
fn put_header(out: &mut Vec<u8>, at: usize, header: i64) {
    if (-64..64).contains(&header) {
        out[at] = header as u8 & 0x7f;
    } else {
        let mut bytes = Vec::with_capacity(10);
        leb128::write_i64(&mut bytes, header);
        out.splice(at..=at, bytes);
    }
}

/// Reads a run-length encoded column.
#[derive(Debug, Clone)]
pub struct RleDecoder<'a, T: RleValue> {
    reader: Reader<'a>,
    /// The current value, or the one before if `remaining` is 0.
    value: Option<T::Borrowed<'a>>,
    remaining: usize,
    /// Values of the current literal run that are not read yet.
    literals: usize,
    previous: RunKind,
    canonical: bool,
    column: PhantomData<T>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RunKind {
    Start,
    Repeat,
    Literal,
    Null,
}

impl<'a, T: RleValue> RleDecoder<'a, T> {
    /// Reads the whole of `bytes` as one column.
    #[inline]
    pub fn new(bytes: &'a [u8], strictness: Strictness) -> Self {
        Self {
            reader: Reader::new(bytes),
            value: None,
            remaining: 0,
            literals: 0,
            previous: RunKind::Start,
            canonical: strictness == Strictness::Canonical,
            column: PhantomData,
        }
    }

    /// The current value and how many of it follow at least; `None` at the end of the column.
    ///
    /// Literals come one by one. The count is the claim of the input and may be enormous.
    ///
    /// # Errors
    /// For malformed bytes, and for what the [`Strictness`] refuses.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<Run<Option<T::Borrowed<'a>>>>, DecodeError> {
        if self.remaining == 0 && !self.refill()? {
            return Ok(None);
        }
        Ok(Some(Run { value: self.value, count: self.remaining }))
    }

    /// Steps over `count` values, at most as many as [`peek`](Self::peek) said.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.remaining, "advanced past the peeked run");
        self.remaining = self.remaining.saturating_sub(count);
    }

    /// Takes the whole current run.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    #[inline]
    pub fn next_run(&mut self) -> Result<Option<Run<Option<T::Borrowed<'a>>>>, DecodeError> {
        let run = self.peek()?;
        self.remaining = 0;
        Ok(run)
    }

    /// Takes one value; `None` at the end, `Some(None)` for a null.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<Option<T::Borrowed<'a>>>, DecodeError> {
        if self.remaining == 0 && !self.refill()? {
            return Ok(None);
        }
        self.remaining -= 1;
        Ok(Some(self.value))
    }

    /// Steps over up to `count` values, run by run, and returns how many there were.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    pub fn skip(&mut self, count: usize) -> Result<usize, DecodeError> {
        let mut left = count;
        while left > 0 {
            if self.remaining == 0 && !self.refill()? {
                break;
            }
            let step = left.min(self.remaining);
            self.remaining -= step;
            left -= step;
        }
        Ok(count - left)
    }

    /// Whether every byte has been read and every value taken.
    ///
    /// A lenient column may end in empty runs: then this is false although no value is left.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.remaining == 0 && self.literals == 0 && self.reader.is_empty()
    }

    /// Where in the column's bytes reading has got to.
    #[inline]
    pub fn offset(&self) -> usize {
        self.reader.offset()
    }

    #[inline]
    fn refill(&mut self) -> Result<bool, DecodeError> {
        if self.literals > 0 {
            return self.read_literal();
        }
        self.read_run()
    }

    #[inline]
    fn read_literal(&mut self) -> Result<bool, DecodeError> {
        let offset = self.reader.offset();
        let value = T::read(&mut self.reader)?;
        if self.canonical && self.value == Some(value) {
            let kind = match self.previous {
                RunKind::Literal => DecodeErrorKind::EqualLiteralNeighbours,
                _ => DecodeErrorKind::MergeableRuns,
            };
            return Err(DecodeError { offset, kind });
        }
        self.previous = RunKind::Literal;
        self.literals -= 1;
        self.value = Some(value);
        self.remaining = 1;
        Ok(true)
    }

    fn read_run(&mut self) -> Result<bool, DecodeError> {
        while !self.reader.is_empty() {
            let offset = self.reader.offset();
            let fail = |kind| Err(DecodeError { offset, kind });
            let header = self.reader.i64()?;
            if header < 0 {
                if self.canonical && self.previous == RunKind::Literal {
                    return fail(DecodeErrorKind::AdjacentLiteralRuns);
                }
                // Every value has at least one byte, so a greater claim cannot be true.
                match usize::try_from(header.unsigned_abs()) {
                    Ok(count) if count <= self.reader.remaining() => self.literals = count,
                    _ => return fail(DecodeErrorKind::UnexpectedEnd),
                }
                return self.read_literal();
            }
            if header > 0 {
                let value = T::read(&mut self.reader)?;
                if self.canonical && header == 1 {
                    return fail(DecodeErrorKind::ShortRepeatRun);
                }
                if self.canonical && self.value == Some(value) {
                    return fail(DecodeErrorKind::MergeableRuns);
                }
                let Ok(count) = usize::try_from(header) else {
                    return fail(DecodeErrorKind::RunTooLong);
                };
                self.previous = RunKind::Repeat;
                self.value = Some(value);
                self.remaining = count;
                return Ok(true);
            }
            let nulls = self.reader.u64()?;
            if self.canonical && self.previous == RunKind::Null {
                return fail(DecodeErrorKind::AdjacentNullRuns);
            }
            if self.canonical && nulls == 0 {
                return fail(DecodeErrorKind::EmptyRun);
            }
            let count = match isize::try_from(nulls) {
                Ok(count) => count.unsigned_abs(),
                Err(_) => return fail(DecodeErrorKind::RunTooLong),
            };
            self.previous = RunKind::Null;
            self.value = None;
            self.remaining = count;
            if count > 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

macro_rules! integer {
    ($type:ty, $read:ident, $write:ident, $wide:ty) => {
        impl RleValue for $type {
            type Borrowed<'b> = $type;
            type Written = $type;

            #[inline]
            fn read(reader: &mut Reader<'_>) -> Result<$type, DecodeError> {
                reader.$read()
            }

            #[inline]
            fn write(value: $type, out: &mut Vec<u8>) -> $type {
                leb128::$write(out, <$wide>::from(value));
                value
            }

            #[inline]
            fn is(value: $type, written: $type, _: &[u8]) -> bool {
                value == written
            }
        }
    };
}

integer!(u64, u64, write_u64, u64);
integer!(u32, u32, write_u64, u64);
integer!(i64, i64, write_i64, i64);

impl RleValue for &str {
    type Borrowed<'b> = &'b str;
    /// How many bytes the length in front takes.
    type Written = usize;

    #[inline]
    fn read<'b>(reader: &mut Reader<'b>) -> Result<&'b str, DecodeError> {
        reader.str()
    }

    #[inline]
    fn write(value: &str, out: &mut Vec<u8>) -> usize {
        leb128::write_u64(out, value.len() as u64);
        out.extend_from_slice(value.as_bytes());
        leb128::u64_len(value.len() as u64)
    }

    #[inline]
    fn is(value: &str, written: usize, bytes: &[u8]) -> bool {
        value.as_bytes() == &bytes[written..]
    }
}

#[cfg(test)]
mod tests;
