//! One message of a session, and its bytes.
//!
//! | part | bytes |
//! |---|---|
//! | version | `42` (changes one by one) or `43` (chunks of any kind) |
//! | heads, need | each: count, then 32 bytes per hash |
//! | have | count, then for each: hashes of the last sync, length and bytes of a [`BloomFilter`] |
//! | chunks | count, then length and bytes of each |
//! | flags (may be absent) | length, then bytes |
//!
//! Numbers are LEB128. Bytes behind the flags are ignored, as every implementation does.

use rejoin_document::ChangeHash;

use crate::bloom::{BloomError, BloomFilter};
use crate::reader::{MalformedBytes, Reader, write_hashes, write_number, write_prefixed};

const VERSION_1: u8 = 0x42;
const VERSION_2: u8 = 0x43;

/// The most `have` entries of a message that are read. One is usual, two are used between peers
/// far apart. Each makes the receiver look at every change.
const MAX_HAVE: usize = 8;

/// No chunk is shorter: four bytes of magic, four of checksum, a type and a length.
const SHORTEST_CHUNK: usize = 10;

/// What one peer tells the other about one document.
///
/// Whoever sends a message has every change up to its `heads`, asks for the changes in `need`,
/// and, when `have` is not empty, asks for everything that is not covered by it. `chunks` go to
/// [`Document::load_incremental`](rejoin_document::Document::load_incremental).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How the chunks are split.
    pub version: MessageVersion,
    /// The sender's heads, sorted.
    pub heads: Vec<ChangeHash>,
    /// Changes that the sender knows it lacks, sorted.
    pub need: Vec<ChangeHash>,
    /// What the sender has.
    pub have: Vec<Have>,
    /// Changes for the receiver: in version 1 one change chunk each, in version 2 any chunks,
    /// which may be split anywhere between chunks.
    pub chunks: Vec<Vec<u8>>,
    /// What the sender can and what it is doing. Absent from implementations of before 2023.
    pub flags: Option<MessageFlags>,
}

/// How the chunks of a message are split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageVersion {
    /// One change chunk per entry, not compressed.
    V1,
    /// Chunks of any kind; only for peers whose messages have flags.
    V2,
}

/// A summary of changes that the sender has: everything up to `last_sync`, and, with false
/// positives, the changes after it that are in `bloom`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Have {
    /// In a message's first entry, heads that the sender believes both have; in any further entry
    /// changes of its history, of which the receiver knows some.
    pub last_sync: Vec<ChangeHash>,
    /// Changes after `last_sync`.
    pub bloom: BloomFilter,
}

impl Have {
    /// Whether the entry says that the sender has nothing at all.
    pub fn is_empty(&self) -> bool {
        self.last_sync.is_empty() && self.bloom.is_empty()
    }
}

/// What the sender of a message can, and what it is doing.
///
/// On the wire they are bytes of which every reader takes those that it knows: `02` (reads
/// version 2), a byte from `80` with Automerge's bits, a byte from `40` to `7f` with
/// [`Extensions`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageFlags {
    bits: u8,
    /// What the sender can beyond Automerge's protocol.
    pub extensions: Extensions,
}

impl MessageFlags {
    /// The receiver shall forget what it has sent in this session.
    pub const SYNC_RESET: u8 = 1;
    /// The sender ignores changes.
    pub const READ_ONLY: u8 = 2;
    /// The sender understands [`SYNC_RESET`](Self::SYNC_RESET).
    pub const SUPPORTS_SYNC_RESET: u8 = 4;

    /// Flags with these of Automerge's bits.
    pub fn new(bits: u8, extensions: Extensions) -> Self {
        Self { bits: bits & 0x7f, extensions }
    }

    /// Whether all of these bits are set.
    pub fn contains(self, bits: u8) -> bool {
        self.bits & bits == bits
    }

    fn write(self, out: &mut Vec<u8>) {
        let extensions = self.extensions != Extensions::NONE;
        out.extend([2 + u8::from(extensions), 0x02, 0x80 | self.bits]);
        if extensions {
            out.push(0x40 | self.extensions.bits());
        }
    }

    fn parse(bytes: &[u8]) -> Self {
        let mut flags = Self::default();
        for &byte in bytes {
            match byte {
                0x80.. => flags.bits |= byte & 0x7f,
                0x40..0x80 => flags.extensions = flags.extensions.with(Extensions::from_bits(byte)),
                _ => {}
            }
        }
        flags
    }
}

/// What a peer can beyond Automerge's protocol. A peer says so in its metadata or in its first
/// message; without that, it is spoken to as to any Automerge peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Extensions(u8);

impl Extensions {
    /// An Automerge peer.
    pub const NONE: Self = Self(0);
    /// It reads bundle chunks.
    pub const PACKED: Self = Self(1);
    /// It takes `heads` as a summary of what the sender has, as well as `have`, so that `have` may
    /// be left out or leave out what the heads say.
    pub const HEADS_FIRST: Self = Self(2);
    /// What this implementation can.
    pub const OURS: Self = Self(Self::PACKED.0 | Self::HEADS_FIRST.0);

    /// The extensions that these bits stand for; bits without a meaning are dropped.
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & Self::OURS.0)
    }

    /// The number that stands for them in peer metadata.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether all of `other` are among them.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// These and those.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Bytes that are not a sync message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The bytes end early or hold a malformed number.
    #[error(transparent)]
    Malformed(#[from] MalformedBytes),
    /// The first byte belongs to no version of the protocol.
    #[error("a sync message starts with 42 or 43, not {found:02x}")]
    Version {
        /// The first byte.
        found: u8,
    },
    /// More `have` entries than any peer sends.
    #[error("{count} summaries in one sync message")]
    TooManyHaves {
        /// How many there are.
        count: usize,
    },
    /// A `have` entry without a usable Bloom filter.
    #[error("a sync message with a malformed Bloom filter")]
    Bloom(#[from] BloomError),
    /// An entry of the payload that is too short for a chunk.
    #[error("a chunk of {length} bytes at byte {offset} of a sync message")]
    ShortChunk {
        /// Where the entry starts.
        offset: usize,
        /// How long it is.
        length: usize,
    },
}

impl Message {
    /// The message as it travels.
    pub fn encode(&self) -> Vec<u8> {
        let payload: usize = self.chunks.iter().map(Vec::len).sum();
        let told = self.have.iter().map(|have| have.last_sync.len()).sum::<usize>();
        let hashes = self.heads.len() + self.need.len() + told;
        let mut out = Vec::with_capacity(payload + hashes * size_of::<ChangeHash>() + 64);
        out.push(match self.version {
            MessageVersion::V1 => VERSION_1,
            MessageVersion::V2 => VERSION_2,
        });
        write_hashes(&mut out, &self.heads);
        write_hashes(&mut out, &self.need);
        write_number(&mut out, self.have.len() as u64);
        for have in &self.have {
            write_hashes(&mut out, &have.last_sync);
            write_prefixed(&mut out, &have.bloom.to_bytes());
        }
        write_number(&mut out, self.chunks.len() as u64);
        for chunk in &self.chunks {
            write_prefixed(&mut out, chunk);
        }
        if let Some(flags) = self.flags {
            flags.write(&mut out);
        }
        out
    }

    /// Reads a message. What it allocates is bounded by the length of `bytes`.
    ///
    /// # Errors
    ///
    /// When the bytes are not a sync message of version 1 or 2.
    pub fn decode(bytes: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        let version = match reader.byte()? {
            VERSION_1 => MessageVersion::V1,
            VERSION_2 => MessageVersion::V2,
            found => return Err(MessageError::Version { found }),
        };
        let heads = reader.hashes()?;
        let need = reader.hashes()?;
        let have = decode_have(&mut reader)?;
        let chunks = decode_chunks(&mut reader)?;
        let flags = match reader.is_at_end() {
            true => None,
            false => Some(MessageFlags::parse(reader.prefixed()?)),
        };
        Ok(Self { version, heads, need, have, chunks, flags })
    }
}

fn decode_have(reader: &mut Reader<'_>) -> Result<Vec<Have>, MessageError> {
    let count = reader.count(2)?;
    if count > MAX_HAVE {
        return Err(MessageError::TooManyHaves { count });
    }
    (0..count)
        .map(|_| {
            let last_sync = reader.hashes()?;
            let bloom = BloomFilter::parse(reader.prefixed()?)?;
            Ok(Have { last_sync, bloom })
        })
        .collect()
}

/// Empty entries say nothing and are dropped.
fn decode_chunks(reader: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, MessageError> {
    let count = reader.count(1)?;
    let mut chunks = Vec::new();
    for _ in 0..count {
        let offset = reader.position();
        let chunk = reader.prefixed()?;
        match chunk.len() {
            0 => {}
            length if length < SHORTEST_CHUNK => {
                return Err(MessageError::ShortChunk { offset, length });
            }
            _ => chunks.push(chunk.to_vec()),
        }
    }
    Ok(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "5d536cf8f213a9ceaeab317db4af2206cc192bf05381d00fa7199369d1027a53";

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    fn message(version: MessageVersion) -> Message {
        Message { version, heads: vec![], need: vec![], have: vec![], chunks: vec![], flags: None }
    }

    fn automerge(bits: u8) -> Option<MessageFlags> {
        Some(MessageFlags::new(bits, Extensions::NONE))
    }

    /// Both directions between the bytes that Automerge 3.5 wrote and what they mean.
    fn check(hex: &str, expected: Message) {
        let bytes = bytes(hex);
        assert_eq!(expected.encode(), bytes);
        assert_eq!(Message::decode(&bytes), Ok(expected));
    }

    #[test]
    fn reads_and_writes_what_automerge_writes() {
        let head: ChangeHash = HEAD.parse().unwrap();
        let nothing = Have::default();
        check(
            "42 00 00 01 00 00 00 02 02 84",
            Message {
                have: vec![nothing.clone()],
                flags: automerge(4),
                ..message(MessageVersion::V1)
            },
        );
        check(
            "42 00 00 01 00 00 00 02 02 86",
            Message {
                have: vec![nothing.clone()],
                flags: automerge(6),
                ..message(MessageVersion::V1)
            },
        );
        let summary = Have { last_sync: vec![], bloom: BloomFilter::from_hashes([head].iter()) };
        check(
            &format!("42 01 {HEAD} 00 01 00 05 01 0a 07 08 aa 00 02 02 84"),
            Message {
                heads: vec![head],
                have: vec![summary],
                flags: automerge(4),
                ..message(MessageVersion::V1)
            },
        );
        check(
            &format!("43 00 01 {HEAD} 01 00 00 00 02 02 84"),
            Message {
                need: vec![head],
                have: vec![nothing],
                flags: automerge(4),
                ..message(MessageVersion::V2)
            },
        );
        check(
            &format!("43 01 {HEAD} 00 01 01 {HEAD} 00 00 02 02 84"),
            Message {
                heads: vec![head],
                have: vec![Have { last_sync: vec![head], bloom: BloomFilter::default() }],
                flags: automerge(4),
                ..message(MessageVersion::V2)
            },
        );
    }

    #[test]
    fn reads_every_generation_of_flags() {
        let flags =
            |tail: &str| Message::decode(&bytes(&format!("42 00 00 00 00 {tail}"))).unwrap().flags;
        assert_eq!(flags(""), None);
        assert_eq!(flags("00"), automerge(0));
        assert_eq!(flags("01 02"), automerge(0));
        assert_eq!(flags("02 01 02"), automerge(0));
        assert_eq!(flags("02 02 85"), automerge(5));
        assert_eq!(flags("02 02 84 ff ff"), automerge(4), "what follows the flags is ignored");
        assert_eq!(flags("03 02 84 43"), Some(MessageFlags::new(4, Extensions::OURS)));
        assert_eq!(flags("03 02 84 7c"), automerge(4), "extensions of a later version");
    }

    #[test]
    fn keeps_chunks_apart_and_in_order() {
        let chunks = vec![vec![1; 10], vec![2; 300], vec![3; 12]];
        let sent = Message { chunks, ..message(MessageVersion::V1) };
        assert_eq!(Message::decode(&sent.encode()), Ok(sent));
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_message() {
        let head: ChangeHash = HEAD.parse().unwrap();
        let whole = Message {
            version: MessageVersion::V2,
            heads: vec![head],
            need: vec![head],
            have: vec![Have {
                last_sync: vec![head],
                bloom: BloomFilter::from_hashes([head].iter()),
            }],
            chunks: vec![vec![7; 40]],
            flags: Some(MessageFlags::new(4, Extensions::OURS)),
        };
        let bytes = whole.encode();
        let without_flags = bytes.len() - 4;
        for length in 0..bytes.len() {
            let read = Message::decode(&bytes[..length]);
            if length == without_flags {
                assert_eq!(read.unwrap().flags, None);
            } else {
                assert!(read.is_err(), "{length} of {} bytes", bytes.len());
            }
        }
    }

    #[test]
    fn refuses_counts_beyond_the_input_and_tiny_chunks() {
        assert!(matches!(
            Message::decode(&bytes("44 00")),
            Err(MessageError::Version { found: 0x44 })
        ));
        assert!(Message::decode(&bytes("43 ff ff ff ff ff ff ff ff 7f")).is_err());
        let many = format!("43 00 00 09 {} 00", "00 00".repeat(9));
        assert_eq!(Message::decode(&bytes(&many)), Err(MessageError::TooManyHaves { count: 9 }));
        assert_eq!(
            Message::decode(&bytes("43 00 00 00 02 00 03 aa bb cc")),
            Err(MessageError::ShortChunk { offset: 6, length: 3 })
        );
        // A filter with which other implementations divide by zero.
        assert!(matches!(
            Message::decode(&bytes("42 00 00 01 00 03 01 00 07 00")),
            Err(MessageError::Bloom(_))
        ));
    }
}
