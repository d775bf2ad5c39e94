//! Columns of numbers that mostly go up in equal steps: differences, run-length encoded.
//!
//! Each value is stored as its difference to the last value before it that is not null (0 at the
//! start), and the differences are an [`rle`](crate::rle) column of signed integers. So `5, 6, 7, 8` is
//! two runs, and any arithmetic progression is at most that.

use crate::error::{DecodeError, DecodeErrorKind, Strictness};
use crate::rle::{RleDecoder, RleEncoder};

/// Which values a delta column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeltaRange {
    /// `0..=u32::MAX`: counters and indexes. Anything else is an error.
    U32,
    /// Any `i64`: times. Differences wrap around, so that any two values can be neighbours.
    I64,
}

/// An arithmetic progression, or nulls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeltaRun {
    /// The first value; `None` for a run of nulls.
    pub first: Option<i64>,
    /// From one value to the next; 0 for nulls, anything if there is only one value.
    pub step: i64,
    /// How many values, at least one.
    pub count: usize,
}

impl DeltaRun {
    /// The value at an index below `count`.
    #[inline]
    pub fn get(&self, index: usize) -> Option<i64> {
        let first = self.first?;
        Some(first.wrapping_add(self.step.wrapping_mul(index as i64)))
    }
}

/// Writes a delta column in its canonical form. Reusable, like [`RleEncoder`].
#[derive(Debug, Clone, Default)]
pub struct DeltaEncoder {
    differences: RleEncoder<i64>,
    last: i64,
}

impl DeltaEncoder {
    /// An empty column.
    #[inline]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends one value or null.
    #[inline]
    pub fn append(&mut self, value: Option<i64>) {
        match value {
            Some(value) => {
                self.differences.append(Some(value.wrapping_sub(self.last)));
                self.last = value;
            }
            None => self.differences.append(None),
        }
    }

    /// Appends `first`, `first + step`, ... : `count` values, in constant time.
    #[inline]
    pub fn append_run(&mut self, first: i64, step: i64, count: usize) {
        if count == 0 {
            return;
        }
        self.differences.append(Some(first.wrapping_sub(self.last)));
        self.differences.append_run(Some(step), count - 1);
        self.last = first.wrapping_add(step.wrapping_mul((count - 1) as i64));
    }

    /// Appends `count` nulls.
    #[inline]
    pub fn append_nulls(&mut self, count: usize) {
        self.differences.append_run(None, count);
    }

    /// Whether the column will be empty: nothing but nulls was appended, if anything.
    #[inline]
    pub fn is_null(&self) -> bool {
        self.differences.is_null()
    }

    /// The encoded column; empty when there are nothing but nulls.
    pub fn finish(self) -> Vec<u8> {
        self.differences.finish()
    }

    /// Appends the encoded column to `out`, and empties this encoder.
    #[inline]
    pub fn finish_into(&mut self, out: &mut Vec<u8>) {
        self.differences.finish_into(out);
        self.last = 0;
    }

    /// Forgets everything appended; keeps the buffer.
    #[inline]
    pub fn clear(&mut self) {
        self.differences.clear();
        self.last = 0;
    }
}

/// Reads a delta column as arithmetic progressions.
#[derive(Debug, Clone)]
pub struct DeltaDecoder<'a> {
    differences: RleDecoder<'a, i64>,
    range: DeltaRange,
    /// The last value of what was read from `differences`, beyond the current run.
    last: i64,
    run: DeltaRun,
}

impl<'a> DeltaDecoder<'a> {
    /// Reads the whole of `bytes` as one column.
    #[inline]
    pub fn new(bytes: &'a [u8], strictness: Strictness, range: DeltaRange) -> Self {
        Self {
            differences: RleDecoder::new(bytes, strictness),
            range,
            last: 0,
            run: DeltaRun { first: None, step: 0, count: 0 },
        }
    }

    /// The longest progression known to follow; `None` at the end of the column.
    ///
    /// A lone difference and the run after it come as one, so `5, 6, 7, 8` is one run. The count is the
    /// claim of the input and may be enormous.
    ///
    /// # Errors
    /// For malformed bytes, for what the [`Strictness`] refuses, and when a value of the run is out of
    /// range.
    #[inline]
    pub fn peek(&mut self) -> Result<Option<DeltaRun>, DecodeError> {
        if self.run.count == 0 && !self.refill()? {
            return Ok(None);
        }
        Ok(Some(self.run))
    }

    /// Steps over `count` values, at most as many as [`peek`](Self::peek) said.
    #[inline]
    pub fn advance(&mut self, count: usize) {
        debug_assert!(count <= self.run.count, "advanced past the peeked run");
        self.run.first = self.run.get(count);
        self.run.count = self.run.count.saturating_sub(count);
    }

    /// Takes the whole current run.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    #[inline]
    pub fn next_run(&mut self) -> Result<Option<DeltaRun>, DecodeError> {
        let run = self.peek()?;
        self.run.count = 0;
        Ok(run)
    }

    /// Takes one value; `None` at the end, `Some(None)` for a null.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    #[inline]
    pub fn next_value(&mut self) -> Result<Option<Option<i64>>, DecodeError> {
        if self.run.count == 0 && !self.refill()? {
            return Ok(None);
        }
        let value = self.run.first;
        self.advance(1);
        Ok(Some(value))
    }

    /// Steps over up to `count` values, run by run, and returns how many there were.
    ///
    /// # Errors
    /// As for [`peek`](Self::peek).
    pub fn skip(&mut self, count: usize) -> Result<usize, DecodeError> {
        let mut left = count;
        while left > 0 {
            if self.run.count == 0 && !self.refill()? {
                break;
            }
            let step = left.min(self.run.count);
            self.advance(step);
            left -= step;
        }
        Ok(count - left)
    }

    /// Whether every byte has been read and every value taken.
    ///
    /// A lenient column may end in empty runs: then this is false although no value is left.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.run.count == 0 && self.differences.is_done()
    }

    fn refill(&mut self) -> Result<bool, DecodeError> {
        let offset = self.differences.offset();
        let Some(run) = self.differences.next_run()? else {
            return Ok(false);
        };
        let Some(step) = run.value else {
            self.run = DeltaRun { first: None, step: 0, count: run.count };
            return Ok(true);
        };
        let first = self.add(step, 1, offset)?;
        self.run = DeltaRun { first: Some(first), step, count: 1 };
        if run.count > 1 {
            self.add(step, run.count - 1, offset)?;
            self.run.count = run.count;
        } else if let Some(next) = self.differences.peek()?
            && let Some(step) = next.value
            && next.count > 1
            // Should that run go out of range, the error comes when it is reached.
            && self.add(step, next.count, offset).is_ok()
        {
            self.differences.advance(next.count);
            self.run.step = step;
            self.run.count = next.count + 1;
        }
        Ok(true)
    }

    /// Moves `last` by `count` steps.
    #[inline]
    fn add(&mut self, step: i64, count: usize, offset: usize) -> Result<i64, DecodeError> {
        self.last = match self.range {
            DeltaRange::I64 => self.last.wrapping_add(step.wrapping_mul(count as i64)),
            DeltaRange::U32 => i64::try_from(count)
                .ok()
                .and_then(|count| step.checked_mul(count))
                .and_then(|sum| self.last.checked_add(sum))
                .filter(|value| (0..=i64::from(u32::MAX)).contains(value))
                .ok_or(DecodeError { offset, kind: DecodeErrorKind::DeltaOutOfRange })?,
        };
        Ok(self.last)
    }
}

#[cfg(test)]
mod tests;
