//! Keys of stored chunks: arrays of text, as automerge-repo writes them.

use std::fmt;

/// The name of one stored value: one or more non-empty text segments.
///
/// A chunk of a document is `[document id, "snapshot" | "incremental", hash]`, a sync state
/// `[document id, "sync-state", storage id]`. The order of keys is that of their segments, compared
/// bytewise one after the other, in every store.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey(Vec<String>);

impl StorageKey {
    /// Makes a key from its segments.
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if there is no segment, or if one is empty or contains U+0000.
    pub fn new<S: Into<String>>(
        segments: impl IntoIterator<Item = S>,
    ) -> Result<StorageKey, InvalidKey> {
        let segments: Vec<String> = segments.into_iter().map(Into::into).collect();
        if segments.is_empty() {
            return Err(InvalidKey::NoSegments);
        }
        check_segments(&segments)?;
        Ok(StorageKey(segments))
    }

    /// The segments, at least one.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// Whether the key begins with every segment of `prefix`.
    pub fn starts_with(&self, prefix: &KeyPrefix) -> bool {
        self.0.starts_with(&prefix.0)
    }

    /// The key as bytes whose bytewise order is the order of keys: each segment followed by U+0000.
    pub(crate) fn encode(&self) -> Vec<u8> {
        encode(&self.0)
    }

    /// Reads what [`StorageKey::encode`] wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<StorageKey> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\0')?;
        StorageKey::new(text.split('\0')).ok()
    }
}

impl fmt::Debug for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// The first segments of keys: names all keys that begin with them, including the key that is
/// equal to them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyPrefix(Vec<String>);

impl KeyPrefix {
    /// The prefix of every key.
    pub fn all() -> KeyPrefix {
        KeyPrefix(Vec::new())
    }

    /// Makes a prefix from its segments; none at all is [`KeyPrefix::all`].
    ///
    /// # Errors
    ///
    /// [`InvalidKey`] if a segment is empty or contains U+0000.
    pub fn new<S: Into<String>>(
        segments: impl IntoIterator<Item = S>,
    ) -> Result<KeyPrefix, InvalidKey> {
        let segments: Vec<String> = segments.into_iter().map(Into::into).collect();
        check_segments(&segments)?;
        Ok(KeyPrefix(segments))
    }

    /// The segments, possibly none.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The bounds of the encoded keys that begin with this prefix: from the first (inclusive) to
    /// the second (exclusive).
    pub(crate) fn encoded_range(&self) -> (Vec<u8>, Vec<u8>) {
        let from = encode(&self.0);
        let mut to = from.clone();
        match to.last_mut() {
            // The terminator is the smallest byte, so the next greater one ends the range.
            Some(terminator) => *terminator = 1,
            // Encoded keys are UTF-8, in which this byte does not occur.
            None => to.push(0xff),
        }
        (from, to)
    }
}

impl From<&StorageKey> for KeyPrefix {
    fn from(key: &StorageKey) -> KeyPrefix {
        KeyPrefix(key.0.clone())
    }
}

/// Why something is not a [`StorageKey`] or a [`KeyPrefix`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKey {
    /// A key has at least one segment.
    #[error("a storage key needs at least one segment")]
    NoSegments,
    /// A segment has at least one character.
    #[error("segment {0} of the storage key is empty")]
    EmptySegment(usize),
    /// The stores separate segments by U+0000.
    #[error("segment {0} of the storage key contains a nul character")]
    Nul(usize),
}

fn check_segments(segments: &[String]) -> Result<(), InvalidKey> {
    for (i, segment) in segments.iter().enumerate() {
        if segment.is_empty() {
            return Err(InvalidKey::EmptySegment(i));
        }
        if segment.contains('\0') {
            return Err(InvalidKey::Nul(i));
        }
    }
    Ok(())
}

fn encode(segments: &[String]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(segments.iter().map(|s| s.len() + 1).sum());
    for segment in segments {
        bytes.extend_from_slice(segment.as_bytes());
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn refuses_what_no_store_could_tell_apart() {
        assert_eq!(StorageKey::new(Vec::<String>::new()), Err(InvalidKey::NoSegments));
        assert_eq!(StorageKey::new(["a", ""]), Err(InvalidKey::EmptySegment(1)));
        assert_eq!(StorageKey::new(["a\0b"]), Err(InvalidKey::Nul(0)));
        assert_eq!(KeyPrefix::new(["a", "\0"]), Err(InvalidKey::Nul(1)));
    }

    #[test]
    fn a_prefix_ends_at_segments() {
        let prefix = KeyPrefix::new(["ab"]).unwrap();
        assert!(StorageKey::new(["ab"]).unwrap().starts_with(&prefix));
        assert!(StorageKey::new(["ab", "c"]).unwrap().starts_with(&prefix));
        assert!(!StorageKey::new(["abc"]).unwrap().starts_with(&prefix));
    }

    fn keys() -> impl Strategy<Value = StorageKey> {
        prop::collection::vec("[a-c\u{1}\u{ff}\u{10ffff}]{1,3}", 1..4)
            .prop_map(|segments| StorageKey::new(segments).unwrap())
    }

    proptest! {
        #[test]
        fn encoded_keys_keep_their_order_and_their_ranges(a in keys(), b in keys()) {
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
            prop_assert_eq!(StorageKey::decode(&a.encode()), Some(a.clone()));
            for prefix in [KeyPrefix::from(&b), KeyPrefix::new(&b.segments()[..1]).unwrap(), KeyPrefix::all()] {
                let (from, to) = prefix.encoded_range();
                let inside = from <= a.encode() && a.encode() < to;
                prop_assert_eq!(inside, a.starts_with(&prefix));
            }
        }
    }
}
