//! Scalars, and what reading a place in a document gives.

use std::ops::RangeInclusive;

use rejoin_columnar::leb128;

use crate::{
    object::{ObjId, ObjType},
    op::RawValue,
    sequence::TextUnit,
};

/// A value that is not an object.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarValue {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A signed whole number; what JavaScript writes for whole numbers.
    Int(i64),
    /// An unsigned whole number.
    Uint(u64),
    /// A floating point number.
    F64(f64),
    /// A string that is replaced as a whole. JavaScript's ordinary strings are text objects.
    Str(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A number to which concurrent increments add up.
    Counter(i64),
    /// Milliseconds since 1970, UTC.
    Timestamp(i64),
    /// A value of a type that this version does not know, kept as it came.
    Unknown {
        /// The type code, 10 to 15.
        code: u8,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// What stands at a place in a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A scalar.
    Scalar(ScalarValue),
    /// An object.
    Object(ObjType, ObjId),
}

impl Value {
    /// The string of a scalar string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Scalar(ScalarValue::Str(text)) => Some(text),
            _ => None,
        }
    }

    /// The id of an object.
    pub fn as_object(&self) -> Option<ObjId> {
        match self {
            Self::Object(_, id) => Some(*id),
            Self::Scalar(_) => None,
        }
    }
}

impl From<ScalarValue> for Value {
    fn from(value: ScalarValue) -> Self {
        Self::Scalar(value)
    }
}

/// Where in an object: a key of a map or an index in a sequence.
///
/// An index in a text is in UTF-16 code units, as JavaScript counts, unless it names a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prop<'a> {
    /// A key of a map.
    Key(&'a str),
    /// An index in a sequence, in a text in UTF-16 code units.
    Index(usize),
    /// An index in a sequence, in a text in this unit.
    At(usize, TextUnit),
}

impl Prop<'_> {
    /// The index and its unit, when it is an index.
    pub(crate) fn position(self) -> Option<(usize, TextUnit)> {
        match self {
            Self::Key(_) => None,
            Self::Index(index) => Some((index, TextUnit::Utf16)),
            Self::At(index, unit) => Some((index, unit)),
        }
    }
}

impl From<(usize, TextUnit)> for Prop<'_> {
    fn from((index, unit): (usize, TextUnit)) -> Self {
        Self::At(index, unit)
    }
}

impl<'a> From<&'a str> for Prop<'a> {
    fn from(key: &'a str) -> Self {
        Self::Key(key)
    }
}

impl<'a> From<&'a String> for Prop<'a> {
    fn from(key: &'a String) -> Self {
        Self::Key(key)
    }
}

impl From<usize> for Prop<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

macro_rules! scalar_from {
    ($($from:ty => |$value:ident| $to:expr),* $(,)?) => {$(
        impl From<$from> for ScalarValue {
            fn from($value: $from) -> Self {
                $to
            }
        }
    )*};
}

scalar_from! {
    () => |_value| Self::Null,
    bool => |value| Self::Bool(value),
    i64 => |value| Self::Int(value),
    i32 => |value| Self::Int(value.into()),
    u64 => |value| Self::Uint(value),
    u32 => |value| Self::Uint(value.into()),
    f64 => |value| Self::F64(value),
    &str => |value| Self::Str(value.into()),
    String => |value| Self::Str(value),
    Vec<u8> => |value| Self::Bytes(value),
    &[u8] => |value| Self::Bytes(value.into()),
}

impl ScalarValue {
    /// The type codes that the format leaves to types to come.
    pub(crate) const UNKNOWN_CODES: RangeInclusive<u8> = 10..=15;

    /// Writes the value's bytes as the value column holds them and gives its type code.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(false) => 1,
            Self::Bool(true) => 2,
            Self::Uint(value) => {
                leb128::write_u64(out, *value);
                3
            }
            Self::Int(value) => {
                leb128::write_i64(out, *value);
                4
            }
            Self::F64(value) => {
                out.extend_from_slice(&value.to_le_bytes());
                5
            }
            Self::Str(value) => {
                out.extend_from_slice(value.as_bytes());
                6
            }
            Self::Bytes(value) => {
                out.extend_from_slice(value);
                7
            }
            Self::Counter(value) => {
                leb128::write_i64(out, *value);
                8
            }
            Self::Timestamp(value) => {
                leb128::write_i64(out, *value);
                9
            }
            Self::Unknown { code, bytes } => {
                out.extend_from_slice(bytes);
                *code
            }
        }
    }

    /// Reads a value whose bytes were checked when they were taken in.
    pub(crate) fn decode(raw: RawValue<'_>) -> Self {
        let mut reader = leb128::Reader::new(raw.bytes);
        match raw.code {
            0 => Self::Null,
            1 => Self::Bool(false),
            2 => Self::Bool(true),
            3 => Self::Uint(reader.u64().unwrap_or_default()),
            4 => Self::Int(reader.i64().unwrap_or_default()),
            5 => Self::F64(f64::from_le_bytes(raw.bytes.try_into().unwrap_or_default())),
            6 => Self::Str(String::from_utf8_lossy(raw.bytes).into_owned()),
            7 => Self::Bytes(raw.bytes.to_vec()),
            8 => Self::Counter(reader.i64().unwrap_or_default()),
            9 => Self::Timestamp(reader.i64().unwrap_or_default()),
            code => Self::Unknown { code, bytes: raw.bytes.to_vec() },
        }
    }
}
