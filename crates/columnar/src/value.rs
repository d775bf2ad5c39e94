//! Primitive values: a metadata column of (type code, byte length) beside a column of raw bytes.

use crate::error::DecodeErrorKind;
use crate::leb128::{self, Reader};

/// An entry of a value metadata column: the low four bits are the type code, the rest is the length of
/// the raw value in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueMeta(u64);

impl ValueMeta {
    /// Null, without raw bytes.
    pub const NULL: Self = Self(0);

    /// The metadata of a raw value of `len` bytes. Of `code`, the low four bits count.
    #[inline]
    pub const fn new(code: u8, len: usize) -> Self {
        Self((len as u64) << 4 | (code & 15) as u64)
    }

    /// The metadata stored as this integer. Every integer is valid.
    #[inline]
    pub const fn from_u64(stored: u64) -> Self {
        Self(stored)
    }

    /// The integer that is stored.
    #[inline]
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The type code, 0 to 15. See [`RawValue`].
    #[inline]
    pub const fn code(self) -> u8 {
        (self.0 & 15) as u8
    }

    /// The length of the raw value in bytes: a claim, to be checked against the raw column.
    #[inline]
    pub const fn len(self) -> u64 {
        self.0 >> 4
    }

    /// Whether the raw value has no bytes.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A primitive value, borrowed from the raw column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RawValue<'a> {
    /// Code 0.
    Null,
    /// Codes 1 (false) and 2 (true).
    Bool(bool),
    /// Code 3.
    Uint(u64),
    /// Code 4.
    Int(i64),
    /// Code 5.
    F64(f64),
    /// Code 6.
    Str(&'a str),
    /// Code 7.
    Bytes(&'a [u8]),
    /// Code 8: the value that a counter starts from.
    Counter(i64),
    /// Code 9: milliseconds since 1970.
    Timestamp(i64),
    /// Codes 10 to 15, whose meaning is not known; kept as they are.
    Unknown {
        /// The type code.
        code: u8,
        /// The raw bytes.
        bytes: &'a [u8],
    },
}

/// Why raw bytes are no value of their code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The value of this code cannot have this many bytes.
    #[error("value of type {code} cannot have {len} bytes")]
    Length {
        /// The type code.
        code: u8,
        /// How many bytes there are.
        len: usize,
    },
    /// The bytes of the value are malformed.
    #[error("value of type {code}: {kind}")]
    Malformed {
        /// The type code.
        code: u8,
        /// What is wrong with the bytes.
        kind: DecodeErrorKind,
    },
}

impl<'a> RawValue<'a> {
    /// Decodes all of `bytes` as a value of type `code`.
    ///
    /// # Errors
    /// When the length is wrong for the code, an integer is not minimal, or a string is not UTF-8.
    #[inline]
    pub fn decode(code: u8, bytes: &'a [u8]) -> Result<Self, ValueError> {
        match code {
            0 => empty(code, bytes).map(|()| Self::Null),
            1 => empty(code, bytes).map(|()| Self::Bool(false)),
            2 => empty(code, bytes).map(|()| Self::Bool(true)),
            3 => whole(code, bytes, Reader::u64).map(Self::Uint),
            4 => whole(code, bytes, Reader::i64).map(Self::Int),
            5 => match <[u8; 8]>::try_from(bytes) {
                Ok(bytes) => Ok(Self::F64(f64::from_le_bytes(bytes))),
                Err(_) => Err(ValueError::Length { code, len: bytes.len() }),
            },
            6 => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Self::Str(text)),
                Err(_) => Err(ValueError::Malformed { code, kind: DecodeErrorKind::InvalidUtf8 }),
            },
            7 => Ok(Self::Bytes(bytes)),
            8 => whole(code, bytes, Reader::i64).map(Self::Counter),
            9 => whole(code, bytes, Reader::i64).map(Self::Timestamp),
            _ => Ok(Self::Unknown { code, bytes }),
        }
    }

    /// The type code, 0 to 15.
    #[inline]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Uint(_) => 3,
            Self::Int(_) => 4,
            Self::F64(_) => 5,
            Self::Str(_) => 6,
            Self::Bytes(_) => 7,
            Self::Counter(_) => 8,
            Self::Timestamp(_) => 9,
            Self::Unknown { code, .. } => *code,
        }
    }

    /// The metadata that [`write`](Self::write) will return.
    #[inline]
    pub fn meta(&self) -> ValueMeta {
        let len = match self {
            Self::Null | Self::Bool(_) => 0,
            Self::Uint(value) => leb128::u64_len(*value),
            Self::Int(value) | Self::Counter(value) | Self::Timestamp(value) => {
                leb128::i64_len(*value)
            }
            Self::F64(_) => 8,
            Self::Str(text) => text.len(),
            Self::Bytes(bytes) | Self::Unknown { bytes, .. } => bytes.len(),
        };
        ValueMeta::new(self.code(), len)
    }

    /// Appends the raw bytes to a raw column and returns the entry for the metadata column.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) -> ValueMeta {
        let start = out.len();
        match self {
            Self::Null | Self::Bool(_) => {}
            Self::Uint(value) => leb128::write_u64(out, *value),
            Self::Int(value) | Self::Counter(value) | Self::Timestamp(value) => {
                leb128::write_i64(out, *value);
            }
            Self::F64(value) => out.extend_from_slice(&value.to_le_bytes()),
            Self::Str(text) => out.extend_from_slice(text.as_bytes()),
            Self::Bytes(bytes) | Self::Unknown { bytes, .. } => out.extend_from_slice(bytes),
        }
        ValueMeta::new(self.code(), out.len() - start)
    }
}

fn empty(code: u8, bytes: &[u8]) -> Result<(), ValueError> {
    if bytes.is_empty() { Ok(()) } else { Err(ValueError::Length { code, len: bytes.len() }) }
}

#[inline]
fn whole<'a, V>(
    code: u8,
    bytes: &'a [u8],
    read: impl FnOnce(&mut Reader<'a>) -> Result<V, crate::DecodeError>,
) -> Result<V, ValueError> {
    let mut reader = Reader::new(bytes);
    let value =
        read(&mut reader).map_err(|error| ValueError::Malformed { code, kind: error.kind })?;
    if reader.is_empty() { Ok(value) } else { Err(ValueError::Length { code, len: bytes.len() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        let values = [
            RawValue::Null,
            RawValue::Bool(false),
            RawValue::Bool(true),
            RawValue::Uint(u64::MAX),
            RawValue::Int(i64::MIN),
            RawValue::F64(-0.5),
            RawValue::Str("é"),
            RawValue::Bytes(&[0xff]),
            RawValue::Counter(-1),
            RawValue::Timestamp(1_700_000_000_000),
            RawValue::Unknown { code: 15, bytes: b"x" },
        ];
        for value in values {
            let mut out = vec![9];
            let meta = value.write(&mut out);
            assert_eq!(meta, value.meta());
            assert_eq!(meta.len() as usize, out.len() - 1);
            assert_eq!(RawValue::decode(meta.code(), &out[1..]), Ok(value));
            assert_eq!(ValueMeta::from_u64(meta.as_u64()), meta);
        }
    }

    #[test]
    fn values_of_a_wrong_length_are_refused() {
        for code in [0, 1, 2] {
            assert_eq!(RawValue::decode(code, &[0]), Err(ValueError::Length { code, len: 1 }));
        }
        assert_eq!(RawValue::decode(5, &[0; 7]), Err(ValueError::Length { code: 5, len: 7 }));
        for code in [3, 4, 8, 9] {
            assert_eq!(RawValue::decode(code, &[1, 1]), Err(ValueError::Length { code, len: 2 }));
            let kind = DecodeErrorKind::UnexpectedEnd;
            assert_eq!(RawValue::decode(code, &[]), Err(ValueError::Malformed { code, kind }));
        }
    }

    #[test]
    fn over_long_integers_and_invalid_strings_are_refused() {
        for code in [3, 4, 8, 9] {
            let kind = DecodeErrorKind::OverlongInteger;
            assert_eq!(
                RawValue::decode(code, &[0x81, 0]),
                Err(ValueError::Malformed { code, kind })
            );
        }
        let kind = DecodeErrorKind::InvalidUtf8;
        assert_eq!(RawValue::decode(6, &[0xff]), Err(ValueError::Malformed { code: 6, kind }));
    }
}
