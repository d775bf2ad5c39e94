//! Names of those who take part: the peer of a connection and the store behind it.

use std::{fmt, sync::Arc};

/// Names one running process among its peers; a restart may take another.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(Arc<str>);

/// Names one store of documents; it stays the same over restarts.
///
/// Sync states are kept per storage id, and durable heads are reported under it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageId(Arc<str>);

/// Text that is empty or too long to be a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 256 bytes, not {0}")]
pub struct InvalidName(pub usize);

fn checked(text: &str) -> Result<Arc<str>, InvalidName> {
    match text.len() {
        1..=256 => Ok(text.into()),
        other => Err(InvalidName(other)),
    }
}

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// Takes any text of 1 to 256 bytes.
            ///
            /// # Errors
            ///
            /// When the text is empty or longer.
            pub fn new(text: &str) -> Result<Self, InvalidName> {
                checked(text).map(Self)
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    };
}

name!(PeerId);
name!(StorageId);

impl StorageId {
    /// Makes a name of 16 random bytes, in the form of a version 4 UUID as other programs do.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        Self(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_storage_id_reads_as_a_uuid() {
        let id = StorageId::from_random([0xab; 16]);
        assert_eq!(id.as_str(), "abababab-abab-4bab-abab-abababababab");
    }

    #[test]
    fn refuses_empty_and_endless_names() {
        assert_eq!(PeerId::new(""), Err(InvalidName(0)));
        assert!(PeerId::new(&"x".repeat(257)).is_err());
    }
}
