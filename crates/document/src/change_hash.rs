//! The hash of a change, which names it.

use std::{fmt, str::FromStr};

use crate::actor::decode_hex;

/// The SHA-256 hash of a change chunk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash(pub [u8; 32]);

/// A text that is not the hexadecimal form of a change hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a change hash in hexadecimal form: {0:?}")]
pub struct InvalidChangeHash(String);

impl FromStr for ChangeHash {
    type Err = InvalidChangeHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode_hex(text)
            .and_then(|bytes| bytes.try_into().ok())
            .map(Self)
            .ok_or_else(|| InvalidChangeHash(text.into()))
    }
}

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeHash({self})")
    }
}
