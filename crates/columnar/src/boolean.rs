//! Columns of booleans: the lengths of alternating runs, starting with `false`.
//!
//! Only the first length may be 0, for a column that starts with `true`.

use crate::error::{DecodeError, DecodeErrorKind, Strictness};
use crate::leb128::{self, Reader};
use crate::rle::add_counts;

/// Writes a boolean column in its canonical form. Reusable, like [`RleEncoder`](crate::RleEncoder).
#[derive(Debug, Clone, Default)]
pub struct BooleanEncoder {
    out: Vec<u8>,
    value: bool,
    count: usize,
    any: bool,
}

impl BooleanEncoder {
    /// An empty column.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one value.
    #[inline]
    pub fn append(&mut self, value: bool) {
        self.append_run(value, 1);
    }

    /// Appends a value `count` times, in constant time.
    #[inline]
    pub fn append_run(&mut self, value: bool, count: usize) {
        if count == 0 {
            return;
        }
        if value != self.value {
            leb128::write_u64(&mut self.out, self.count as u64);
            self.value = value;
            self.count = 0;
        }
        self.any |= value;
        self.count = add_counts(self.count, count);
    }

    /// Whether no `true` was appended. Some columns are left out then.
    #[inline]
    pub fn is_all_false(&self) -> bool {
        !self.any
    }

    /// The encoded column; empty when nothing was appended.
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
        self.value = false;
        self.count = 0;
        self.any = false;
    }

    #[inline]
    fn close(&mut self) {
        if self.count > 0 {
            leb128::write_u64(&mut self.out, self.count as u64);
        }
    }
}

/// Reads a boolean column.
#[derive(Debug, Clone)]
pub struct BooleanDecoder<'a> {
    reader: Reader<'a>,
    /// The value of the current run; before the first one, what precedes `false`.
    value: bool,
    remaining: usize,
    canonical: bool,
}

impl<'a> BooleanDecoder<'a> {
    /// Reads the whole of `bytes` as one column.
    #[inline]
    pub fn new(bytes: &'a [u8], strictness: Strictness) -> Self {
        Self {
            reader: Reader::new(bytes),
            value: true,
            remaining: 0,
            canonical: strictness == Strictness::Canonical,
        }
    }

    /// The current value and how many of it follow at least; `None` at the end of the column.
    ///
    /// The count is the claim of the input and may be enormous.
    ///
    /// # Errors
    /// For malformed bytes, and for empty runs that the [`Strictness`] refuses.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<(bool, usize)>, DecodeError> {
        if self.remaining == 0 && !self.refill()? {
            return Ok(None);
        }
        Ok(Some((self.value, self.remaining)))
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
    pub fn next_run(&mut self) -> Result<Option<(bool, usize)>, DecodeError> {
        let run = self.peek()?;
        self.remaining = 0;
        Ok(run)
    }

    /// Takes one value; `None` at the end.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<bool>, DecodeError> {
        if self.remaining == 0 && !self.refill()? {
            return Ok(None);
        }
        self.remaining -= 1;
        Ok(Some(self.value))
    }

    /// Whether every byte has been read and every value taken.
    ///
    /// A lenient column may end in empty runs: then this is false although no value is left.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.remaining == 0 && self.reader.is_empty()
    }

    fn refill(&mut self) -> Result<bool, DecodeError> {
        while !self.reader.is_empty() {
            let offset = self.reader.offset();
            let fail = |kind| Err(DecodeError { offset, kind });
            let length = self.reader.u64()?;
            self.value = !self.value;
            // An empty first run is there to be followed by another.
            if self.canonical && length == 0 && (offset > 0 || self.reader.is_empty()) {
                return fail(DecodeErrorKind::EmptyRun);
            }
            match isize::try_from(length) {
                Ok(0) => {}
                Ok(count) => {
                    self.remaining = count.unsigned_abs();
                    return Ok(true);
                }
                Err(_) => return fail(DecodeErrorKind::RunTooLong),
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
