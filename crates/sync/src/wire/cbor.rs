//! CBOR as the JavaScript library of the other side writes and reads it.
//!
//! The writer produces what that library produces: maps with a two-byte count, integers beyond 32
//! bits as floating point numbers. The reader takes every legal form and treats sizes as claims:
//! nothing is allocated that the input does not hold, nesting and the number of items are capped.

use std::{borrow::Cow, str};

/// One CBOR item of any shape, as ephemeral messages carry them.
#[derive(Debug, Clone, PartialEq)]
pub enum Cbor {
    /// JavaScript's `undefined`; simple values that are not known read as this too.
    Undefined,
    /// JavaScript's `null`.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A floating point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes, with or without the typed-array tag 64.
    Bytes(Vec<u8>),
    /// A list of items.
    Array(Vec<Cbor>),
    /// Pairs in the order in which they were written.
    Map(Vec<(Cbor, Cbor)>),
    /// An item with a tag other than 64.
    Tagged(u64, Box<Cbor>),
}

/// Why bytes are not one CBOR item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CborError {
    /// The input ended inside an item.
    #[error("the item ends after byte {0}")]
    Truncated(usize),
    /// A byte that begins no item, or a chunk of another type inside a string.
    #[error("no item begins at byte {0}")]
    Malformed(usize),
    /// Text that is not UTF-8.
    #[error("the text at byte {0} is not UTF-8")]
    NotText(usize),
    /// Items inside items beyond what is read.
    #[error("items are nested too deeply at byte {0}")]
    TooDeep(usize),
    /// More items than are read.
    #[error("too many items at byte {0}")]
    TooMany(usize),
    /// Bytes after the item.
    #[error("bytes follow the item at byte {0}")]
    Trailing(usize),
    /// An item of another type was needed here.
    #[error("an item of another type is needed at byte {0}")]
    OtherType(usize),
}

impl Cbor {
    /// Reads one item that fills `bytes`.
    ///
    /// # Errors
    ///
    /// When the bytes are not exactly one item, or exceed 64 levels or 65,536 items.
    pub fn decode(bytes: &[u8]) -> Result<Self, CborError> {
        let mut reader = Reader::new(bytes);
        let value = reader.value()?;
        reader.end()?;
        Ok(value)
    }

    /// Writes the item as the JavaScript library would.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.value(self);
        writer.into_bytes()
    }

    /// The value under a text key, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Cbor> {
        let Self::Map(pairs) = self else { return None };
        pairs.iter().rev().find(|(k, _)| k.as_text() == Some(key)).map(|(_, value)| value)
    }

    /// The text, when this is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A map with text keys.
    pub fn map(pairs: impl IntoIterator<Item = (&'static str, Cbor)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }
}

impl From<&str> for Cbor {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Cbor {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Cbor {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Cbor {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Appends items in the forms of the JavaScript library.
#[derive(Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The head of a map of at most 65,535 pairs, which the caller then writes.
    pub(super) fn map(&mut self, pairs: u16) {
        self.0.push(0xb9);
        self.0.extend(pairs.to_be_bytes());
    }

    pub(super) fn array(&mut self, items: usize) {
        self.head(4, items as u64);
    }

    pub(super) fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
        self.0.extend(bytes);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.0.push(if value { 0xf5 } else { 0xf4 });
    }

    pub(super) fn undefined(&mut self) {
        self.0.push(0xf7);
    }

    pub(super) fn float(&mut self, number: f64) {
        self.0.push(0xfb);
        self.0.extend(number.to_bits().to_be_bytes());
    }

    pub(super) fn integer(&mut self, number: i128) {
        // JavaScript numbers are exact up to here.
        const EXACT: u128 = 1 << 53;
        match number {
            0..=0xffff_ffff => self.head(0, number as u64),
            -0x1_0000_0000..0 => self.head(1, (-1 - number) as u64),
            _ if number.unsigned_abs() <= EXACT => self.float(number as f64),
            _ => match (u64::try_from(number), u64::try_from(-1 - number)) {
                (Ok(positive), _) => self.long_head(0, positive),
                (_, Ok(negative)) => self.long_head(1, negative),
                _ => self.float(number as f64),
            },
        }
    }

    pub(super) fn value(&mut self, value: &Cbor) {
        match value {
            Cbor::Undefined => self.undefined(),
            Cbor::Null => self.0.push(0xf6),
            Cbor::Bool(value) => self.bool(*value),
            Cbor::Integer(number) => self.integer(*number),
            Cbor::Float(number) => self.float(*number),
            Cbor::Text(text) => self.text(text),
            Cbor::Bytes(bytes) => self.bytes(bytes),
            Cbor::Array(items) => {
                self.array(items.len());
                items.iter().for_each(|item| self.value(item));
            }
            Cbor::Map(pairs) => {
                match u16::try_from(pairs.len()) {
                    Ok(count) => self.map(count),
                    Err(_) => self.head(5, pairs.len() as u64),
                }
                for (key, value) in pairs {
                    self.value(key);
                    self.value(value);
                }
            }
            Cbor::Tagged(tag, value) => {
                self.head(6, *tag);
                self.value(value);
            }
        }
    }

    fn head(&mut self, major: u8, argument: u64) {
        let major = major << 5;
        match argument {
            0..24 => self.0.push(major | argument as u8),
            24..0x100 => self.0.extend([major | 24, argument as u8]),
            0x100..0x1_0000 => {
                self.0.push(major | 25);
                self.0.extend((argument as u16).to_be_bytes());
            }
            0x1_0000..0x1_0000_0000 => {
                self.0.push(major | 26);
                self.0.extend((argument as u32).to_be_bytes());
            }
            _ => self.long_head(major >> 5, argument),
        }
    }

    fn long_head(&mut self, major: u8, argument: u64) {
        self.0.push(major << 5 | 27);
        self.0.extend(argument.to_be_bytes());
    }
}

/// Reads items one after another.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
    depth: usize,
    items: usize,
}

/// The head of one item: its major type, the argument, or none for indefinite length.
struct Head {
    at: usize,
    major: u8,
    info: u8,
    argument: Option<u64>,
}

impl<'a> Reader<'a> {
    const MAX_DEPTH: usize = 64;
    const MAX_ITEMS: usize = 65_536;

    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, depth: 0, items: 0 }
    }

    pub(super) fn end(&self) -> Result<(), CborError> {
        match self.position == self.bytes.len() {
            true => Ok(()),
            false => Err(CborError::Trailing(self.position)),
        }
    }

    /// Reads a map and calls `pair` with each text key; it must read or skip the value.
    pub(super) fn text_map(
        &mut self,
        mut pair: impl FnMut(&mut Self, &str) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        let head = self.untagged_head()?;
        self.expect_major(&head, 5)?;
        self.children(&head, |reader| {
            if reader.peek()? >> 5 != 3 {
                reader.skip()?;
                return reader.skip();
            }
            let key = reader.text()?;
            pair(reader, &key)
        })
    }

    /// Reads an array and calls `item` for each; it must read or skip it.
    pub(super) fn list(
        &mut self,
        item: impl FnMut(&mut Self) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        let head = self.untagged_head()?;
        self.expect_major(&head, 4)?;
        self.children(&head, item)
    }

    /// Whether the next item is `undefined` or `null`; it is consumed then.
    pub(super) fn absent(&mut self) -> Result<bool, CborError> {
        let absent = matches!(self.peek()?, 0xf6 | 0xf7);
        if absent {
            self.position += 1;
        }
        Ok(absent)
    }

    /// A text, copied only if it comes in pieces.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, CborError> {
        let head = self.untagged_head()?;
        self.expect_major(&head, 3)?;
        let not_text = CborError::NotText(head.at);
        match head.argument {
            Some(length) => {
                str::from_utf8(self.take(length)?).map(Cow::Borrowed).map_err(|_| not_text)
            }
            None => String::from_utf8(self.string(&head)?).map(Cow::Owned).map_err(|_| not_text),
        }
    }

    pub(super) fn byte_string(&mut self) -> Result<Vec<u8>, CborError> {
        let head = self.untagged_head()?;
        self.expect_major(&head, 2)?;
        self.string(&head)
    }

    pub(super) fn bool(&mut self) -> Result<bool, CborError> {
        let at = self.position;
        match self.value()? {
            Cbor::Bool(value) => Ok(value),
            _ => Err(CborError::OtherType(at)),
        }
    }

    /// A whole number that is not negative, written as an integer or as a float.
    pub(super) fn unsigned(&mut self) -> Result<u64, CborError> {
        let at = self.position;
        match self.value()? {
            Cbor::Integer(number) => u64::try_from(number).ok(),
            Cbor::Float(number) if number >= 0.0 && number <= u64::MAX as f64 => {
                Some(number as u64)
            }
            _ => None,
        }
        .ok_or(CborError::OtherType(at))
    }

    /// Steps over one item of any shape without keeping it.
    pub(super) fn skip(&mut self) -> Result<(), CborError> {
        let head = self.head()?;
        match head.major {
            2 | 3 => self.each_piece(&head, |_| ()),
            4 => self.children(&head, Self::skip),
            5 => self.children(&head, |reader| {
                reader.skip()?;
                reader.skip()
            }),
            6 => self.nested(head.at, Self::skip),
            _ => Ok(()),
        }
    }

    pub(super) fn value(&mut self) -> Result<Cbor, CborError> {
        self.items += 1;
        if self.items > Self::MAX_ITEMS {
            return Err(CborError::TooMany(self.position));
        }
        let head = self.head()?;
        let argument = head.argument.unwrap_or(0);
        Ok(match head.major {
            0 => Cbor::Integer(argument.into()),
            1 => Cbor::Integer(-1 - i128::from(argument)),
            2 => Cbor::Bytes(self.string(&head)?),
            3 => Cbor::Text(
                String::from_utf8(self.string(&head)?).map_err(|_| CborError::NotText(head.at))?,
            ),
            4 => {
                let mut items = Vec::new();
                self.children(&head, |reader| {
                    items.push(reader.value()?);
                    Ok(())
                })?;
                Cbor::Array(items)
            }
            5 => {
                let mut pairs = Vec::new();
                self.children(&head, |reader| {
                    pairs.push((reader.value()?, reader.value()?));
                    Ok(())
                })?;
                Cbor::Map(pairs)
            }
            6 => match (argument, self.nested(head.at, Self::value)?) {
                (64, Cbor::Bytes(bytes)) => Cbor::Bytes(bytes),
                (tag, value) => Cbor::Tagged(tag, Box::new(value)),
            },
            _ => Self::simple(&head, argument),
        })
    }

    fn simple(head: &Head, argument: u64) -> Cbor {
        match (head.info, argument) {
            (20, _) => Cbor::Bool(false),
            (21, _) => Cbor::Bool(true),
            (22, _) => Cbor::Null,
            (25, bits) => Cbor::Float(half_to_f64(bits as u16)),
            (26, bits) => Cbor::Float(f32::from_bits(bits as u32).into()),
            (27, bits) => Cbor::Float(f64::from_bits(bits)),
            _ => Cbor::Undefined,
        }
    }

    /// Calls `child` for each entry of an array or map head, with one level more of nesting.
    fn children(
        &mut self,
        head: &Head,
        mut child: impl FnMut(&mut Self) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        self.nested(head.at, |reader| {
            let mut left = head.argument;
            loop {
                match &mut left {
                    Some(0) => return Ok(()),
                    Some(count) => *count -= 1,
                    None if reader.peek()? == 0xff => {
                        reader.position += 1;
                        return Ok(());
                    }
                    None => {}
                }
                child(reader)?;
            }
        })
    }

    fn nested<T>(
        &mut self,
        at: usize,
        inside: impl FnOnce(&mut Self) -> Result<T, CborError>,
    ) -> Result<T, CborError> {
        if self.depth == Self::MAX_DEPTH {
            return Err(CborError::TooDeep(at));
        }
        self.depth += 1;
        let result = inside(self);
        self.depth -= 1;
        result
    }

    fn string(&mut self, head: &Head) -> Result<Vec<u8>, CborError> {
        let mut all = Vec::new();
        self.each_piece(head, |piece| all.extend_from_slice(piece))?;
        Ok(all)
    }

    fn each_piece(&mut self, head: &Head, mut piece: impl FnMut(&[u8])) -> Result<(), CborError> {
        if let Some(length) = head.argument {
            piece(self.take(length)?);
            return Ok(());
        }
        loop {
            if self.peek()? == 0xff {
                self.position += 1;
                return Ok(());
            }
            let chunk = self.head()?;
            match chunk.argument {
                Some(length) if chunk.major == head.major => piece(self.take(length)?),
                _ => return Err(CborError::Malformed(chunk.at)),
            }
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], CborError> {
        let rest = self.bytes.get(self.position..).unwrap_or_default();
        let piece = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(..length))
            .ok_or(CborError::Truncated(self.bytes.len()))?;
        self.position += piece.len();
        Ok(piece)
    }

    fn peek(&self) -> Result<u8, CborError> {
        self.bytes.get(self.position).copied().ok_or(CborError::Truncated(self.bytes.len()))
    }

    /// The next head that is not a tag.
    fn untagged_head(&mut self) -> Result<Head, CborError> {
        loop {
            let head = self.head()?;
            if head.major != 6 {
                return Ok(head);
            }
        }
    }

    fn expect_major(&self, head: &Head, major: u8) -> Result<(), CborError> {
        if head.major == major { Ok(()) } else { Err(CborError::OtherType(head.at)) }
    }

    fn head(&mut self) -> Result<Head, CborError> {
        let at = self.position;
        let first = self.peek()?;
        self.position += 1;
        let (major, info) = (first >> 5, first & 31);
        let argument = match info {
            0..24 => Some(info.into()),
            24..28 => {
                let piece = self.take(1 << (info - 24))?;
                Some(piece.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            31 if matches!(major, 2..=5) => None,
            _ => return Err(CborError::Malformed(at)),
        };
        Ok(Head { at, major, info, argument })
    }
}

fn half_to_f64(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let fraction = f64::from(bits & 0x3ff);
    sign * match exponent {
        0 => fraction * f64::from(2f32).powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (fraction + 1024.0) * f64::from(2f32).powi(exponent - 25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn writes_numbers_as_the_javascript_library_does() {
        for (number, bytes) in [
            (0, "00"),
            (24, "1818"),
            (65_536, "1a00010000"),
            (4_294_967_295, "1affffffff"),
            (4_294_967_296, "fb41f0000000000000"),
            (-1, "20"),
            (-257, "390100"),
            (-4_294_967_296, "3affffffff"),
            (1_700_000_000_000, "fb4278bcfe56800000"),
            (1 << 60, "1b1000000000000000"),
        ] {
            assert_eq!(Cbor::Integer(number).encode(), hex(bytes), "{number}");
        }
    }

    #[test]
    fn reads_every_legal_form() {
        for (bytes, value) in [
            ("5f41014102ff", Cbor::Bytes(vec![1, 2])),
            ("7f61616162ff", "ab".into()),
            ("d840420102", Cbor::Bytes(vec![1, 2])),
            ("c101", Cbor::Tagged(1, Box::new(1.into()))),
            ("f93c00", Cbor::Float(1.0)),
            ("fa3fc00000", Cbor::Float(1.5)),
            ("1800", 0.into()),
            ("f0", Cbor::Undefined),
        ] {
            assert_eq!(Cbor::decode(&hex(bytes)), Ok(value), "{bytes}");
        }
        assert_eq!(
            Cbor::decode(&hex("bf61619f0203ffff")),
            Ok(Cbor::map([("a", Cbor::Array(vec![2.into(), 3.into()]))]))
        );
    }

    #[test]
    fn refuses_hostile_sizes_and_depth() {
        assert!(matches!(Cbor::decode(&hex("5bffffffffffffffff")), Err(CborError::Truncated(_))));
        assert!(matches!(Cbor::decode(&hex("9bffffffffffffffff")), Err(CborError::Truncated(_))));
        assert!(matches!(Cbor::decode(&[0x81; 10_000]), Err(CborError::TooDeep(_))));
        assert!(matches!(Cbor::decode(&[0xc1; 10_000]), Err(CborError::TooDeep(_))));
        let mut many = hex("9a00100000");
        many.resize(1 << 20, 0);
        assert!(matches!(Cbor::decode(&many), Err(CborError::TooMany(_))));
        for short in ["", "18", "61", "bf", "ff", "fc", "7f01ff", "61ff"] {
            assert!(Cbor::decode(&hex(short)).is_err(), "{short:?}");
        }
    }
}
