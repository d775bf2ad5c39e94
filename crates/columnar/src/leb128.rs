//! Variable-length integers (LEB128) and a cursor over bytes that reads them.
//!
//! Reading is strict: an integer that uses more bytes than it needs, or that does not fit 64 bits, is
//! an error, so every integer has exactly one encoding.

use crate::error::{DecodeError, DecodeErrorKind};

/// Appends `value` as unsigned LEB128.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends `value` as signed LEB128.
#[inline]
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    let mut value = value;
    while !(-64..64).contains(&value) {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8 & 0x7f);
}

/// The number of bytes that [`write_u64`] takes for `value`: 1 to 10.
#[inline]
pub const fn u64_len(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// The number of bytes that [`write_i64`] takes for `value`: 1 to 10.
#[inline]
pub const fn i64_len(value: i64) -> usize {
    // One more bit than the magnitude needs, for the sign.
    let bits = 65 - (value ^ (value >> 63)).leading_zeros() as usize;
    bits.div_ceil(7)
}

/// A cursor over a slice of bytes.
///
/// After an error the position is unspecified, and reading on gives further errors or wrong values,
/// but never a panic.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`.
    #[inline]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// How many bytes have been read.
    #[inline]
    pub const fn offset(&self) -> usize {
        self.position
    }

    /// Whether every byte has been read.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.position >= self.bytes.len()
    }

    /// How many bytes are left.
    #[inline]
    pub const fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// The bytes that are left, without reading them.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// An error of the given kind at the current position.
    #[inline]
    pub const fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError { offset: self.position, kind }
    }

    /// Reads one byte.
    ///
    /// # Errors
    /// At the end of the input.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        match self.bytes.get(self.position) {
            Some(&byte) => {
                self.position += 1;
                Ok(byte)
            }
            None => Err(self.error(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    /// Reads an unsigned LEB128 integer.
    ///
    /// # Errors
    /// At the end of the input, and for an integer that is over-long or above 64 bits.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                Ok(u64::from(byte))
            }
            _ => self.long_u64(),
        }
    }

    /// Reads an unsigned LEB128 integer of at most 32 bits.
    ///
    /// # Errors
    /// As for [`u64`](Self::u64), and for a greater integer.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        let offset = self.position;
        let value = self.u64()?;
        u32::try_from(value)
            .map_err(|_| DecodeError { offset, kind: DecodeErrorKind::IntegerTooLarge })
    }

    /// Reads an unsigned LEB128 integer that counts things in memory.
    ///
    /// # Errors
    /// As for [`u64`](Self::u64), and where the platform's `usize` is smaller.
    #[inline]
    pub fn length(&mut self) -> Result<usize, DecodeError> {
        let offset = self.position;
        let value = self.u64()?;
        usize::try_from(value)
            .map_err(|_| DecodeError { offset, kind: DecodeErrorKind::IntegerTooLarge })
    }

    /// Reads a signed LEB128 integer.
    ///
    /// # Errors
    /// At the end of the input, and for an integer that is over-long or above 64 bits.
    #[inline]
    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        match self.bytes.get(self.position) {
            Some(&byte) if byte < 0x80 => {
                self.position += 1;
                // Bit 6 is the sign.
                Ok(i64::from((byte << 1) as i8 >> 1))
            }
            _ => self.long_i64(),
        }
    }

    /// Reads `count` bytes.
    ///
    /// # Errors
    /// When fewer are left.
    #[inline]
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        match self.rest().get(..count) {
            Some(taken) => {
                self.position += count;
                Ok(taken)
            }
            None => Err(self.error(DecodeErrorKind::UnexpectedEnd)),
        }
    }

    /// Reads a length as unsigned LEB128, then that many bytes.
    ///
    /// # Errors
    /// When the length is malformed or more than what is left.
    #[inline]
    pub fn prefixed(&mut self) -> Result<&'a [u8], DecodeError> {
        let count = self.length()?;
        self.take(count)
    }

    /// Reads a string with its length in front, in bytes.
    ///
    /// # Errors
    /// As for [`prefixed`](Self::prefixed), and when the bytes are not UTF-8.
    #[inline]
    pub fn str(&mut self) -> Result<&'a str, DecodeError> {
        let offset = self.position;
        let bytes = self.prefixed()?;
        std::str::from_utf8(bytes)
            .map_err(|_| DecodeError { offset, kind: DecodeErrorKind::InvalidUtf8 })
    }

    fn long_u64(&mut self) -> Result<u64, DecodeError> {
        let start = self.position;
        let fail = |kind| Err(DecodeError { offset: start, kind });
        let mut value = 0u64;
        for index in 0..10 {
            let Some(&byte) = self.bytes.get(start + index) else {
                return fail(DecodeErrorKind::UnexpectedEnd);
            };
            // The tenth byte holds bit 63 and nothing else.
            if index == 9 && byte > 1 {
                return fail(DecodeErrorKind::IntegerTooLarge);
            }
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                if byte == 0 && index > 0 {
                    return fail(DecodeErrorKind::OverlongInteger);
                }
                self.position = start + index + 1;
                return Ok(value);
            }
        }
        fail(DecodeErrorKind::IntegerTooLarge)
    }

    fn long_i64(&mut self) -> Result<i64, DecodeError> {
        let start = self.position;
        let fail = |kind| Err(DecodeError { offset: start, kind });
        let mut value = 0i64;
        let mut previous = 0u8;
        for index in 0..10 {
            let Some(&byte) = self.bytes.get(start + index) else {
                return fail(DecodeErrorKind::UnexpectedEnd);
            };
            // The tenth byte holds bit 63 and copies of it.
            if index == 9 && byte != 0 && byte != 0x7f {
                return fail(DecodeErrorKind::IntegerTooLarge);
            }
            value |= i64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                // The last byte must say more than the sign of the byte before it did.
                let padding =
                    (byte == 0 && previous & 0x40 == 0) || (byte == 0x7f && previous & 0x40 != 0);
                if index > 0 && padding {
                    return fail(DecodeErrorKind::OverlongInteger);
                }
                if index < 9 && byte & 0x40 != 0 {
                    value |= -1 << (7 * (index + 1));
                }
                self.position = start + index + 1;
                return Ok(value);
            }
            previous = byte;
        }
        fail(DecodeErrorKind::IntegerTooLarge)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EDGES: [u64; 14] = [
        0,
        1,
        63,
        64,
        127,
        128,
        8191,
        8192,
        16383,
        16384,
        u32::MAX as u64,
        i64::MAX as u64,
        i64::MAX as u64 + 1,
        u64::MAX,
    ];

    fn kind<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> DecodeErrorKind {
        result.unwrap_err().kind
    }

    #[test]
    fn integers_round_trip_with_the_announced_length() {
        for value in EDGES {
            let mut out = Vec::new();
            write_u64(&mut out, value);
            assert_eq!(out.len(), u64_len(value), "{value}");
            let mut reader = Reader::new(&out);
            assert_eq!(reader.u64(), Ok(value));
            assert!(reader.is_empty());
            for signed in [value as i64, (value as i64).wrapping_neg(), !(value as i64)] {
                let mut out = Vec::new();
                write_i64(&mut out, signed);
                assert_eq!(out.len(), i64_len(signed), "{signed}");
                let mut reader = Reader::new(&out);
                assert_eq!(reader.i64(), Ok(signed), "{out:x?}");
                assert!(reader.is_empty());
            }
        }
    }

    #[test]
    fn over_long_integers_are_refused() {
        for bytes in [&[0x80, 0][..], &[0x81, 0], &[0xff, 0x80, 0]] {
            assert_eq!(kind(Reader::new(bytes).u64()), DecodeErrorKind::OverlongInteger);
        }
        for bytes in [&[0x80, 0][..], &[0x81, 0], &[0xff, 0x7f], &[0xc0, 0x7f], &[0x80, 0x80, 0]] {
            assert_eq!(kind(Reader::new(bytes).i64()), DecodeErrorKind::OverlongInteger);
        }
        // These look padded but carry the sign.
        assert_eq!(Reader::new(&[0xc0, 0]).i64(), Ok(64));
        assert_eq!(Reader::new(&[0xbf, 0x7f]).i64(), Ok(-65));
    }

    #[test]
    fn integers_above_64_bits_are_refused() {
        let mut bytes = [0xff; 10];
        bytes[9] = 2;
        assert_eq!(kind(Reader::new(&bytes).u64()), DecodeErrorKind::IntegerTooLarge);
        assert_eq!(kind(Reader::new(&bytes).i64()), DecodeErrorKind::IntegerTooLarge);
        assert_eq!(kind(Reader::new(&[0xff; 11]).u64()), DecodeErrorKind::IntegerTooLarge);
        assert_eq!(kind(Reader::new(&[0xff; 11]).i64()), DecodeErrorKind::IntegerTooLarge);
        assert_eq!(
            kind(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).u32()),
            DecodeErrorKind::IntegerTooLarge
        );
    }

    #[test]
    fn truncated_input_is_refused() {
        assert_eq!(kind(Reader::new(&[]).u8()), DecodeErrorKind::UnexpectedEnd);
        assert_eq!(kind(Reader::new(&[0x80]).u64()), DecodeErrorKind::UnexpectedEnd);
        assert_eq!(kind(Reader::new(&[0x80]).i64()), DecodeErrorKind::UnexpectedEnd);
        assert_eq!(kind(Reader::new(&[3, 1, 2]).prefixed()), DecodeErrorKind::UnexpectedEnd);
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        assert!(Reader::new(&huge).prefixed().is_err());
    }

    #[test]
    fn strings_must_be_utf8() {
        assert_eq!(Reader::new(b"\x02hi").str(), Ok("hi"));
        assert_eq!(kind(Reader::new(b"\x01\xff").str()), DecodeErrorKind::InvalidUtf8);
    }
}
