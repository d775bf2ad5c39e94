//! The container of everything stored or sent: magic bytes, checksum, type, length, body.
//!
//! A file is any row of chunks. The hash of a chunk is SHA-256 over type byte, length and body; its
//! first four bytes are the checksum in front.

use rejoin_columnar::leb128::{self, Reader};
use sha2::{Digest, Sha256};

/// What every chunk starts with.
pub(crate) const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];

/// Where the hashed part of a chunk starts: behind magic bytes and checksum.
const HASHED: usize = 8;

/// The most bytes that a chunk has in front of its body.
const MAX_HEADER: usize = HASHED + 1 + 10;

/// What a chunk holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum ChunkKind {
    /// A whole document.
    Document,
    /// One change.
    Change,
    /// One change, its body deflated. The checksum is that of the change chunk without compression.
    Deflated,
    /// Several changes in columns.
    Bundle,
}

impl ChunkKind {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Document => 0,
            Self::Change => 1,
            Self::Deflated => 2,
            Self::Bundle => 3,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Document,
            1 => Self::Change,
            2 => Self::Deflated,
            3 => Self::Bundle,
            _ => return None,
        })
    }
}

/// A chunk whose header was read. Its checksum is not verified yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Chunk<'a> {
    /// Where the chunk starts in the bytes that were read.
    pub(crate) offset: usize,
    pub(crate) kind: ChunkKind,
    pub(crate) checksum: [u8; 4],
    pub(crate) body: &'a [u8],
    /// The whole chunk, header included.
    pub(crate) bytes: &'a [u8],
}

/// Why bytes are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes do not start as a chunk does.
    #[error("not a chunk")]
    Magic,
    /// The type byte says nothing known.
    #[error("unknown chunk type {0}")]
    UnknownType(u8),
    /// The bytes end inside the header, or there are fewer than the header says.
    #[error("chunk is cut off after {available} bytes")]
    Truncated {
        /// How many bytes there are, from the start of the chunk.
        available: usize,
    },
    /// The length is malformed.
    #[error("malformed chunk length")]
    Length,
    /// The checksum is not that of the contents.
    #[error("wrong checksum")]
    Checksum,
}

impl<'a> Chunk<'a> {
    /// Reads the chunk that starts at `offset`.
    ///
    /// # Errors
    /// When there is none, or its end is missing.
    pub(crate) fn read(bytes: &'a [u8], offset: usize) -> Result<Self, ChunkError> {
        let rest = bytes.get(offset..).unwrap_or_default();
        let truncated = ChunkError::Truncated { available: rest.len() };
        if rest.len() < MAGIC.len() && MAGIC.starts_with(rest) {
            return Err(truncated);
        }
        if !rest.starts_with(&MAGIC) {
            return Err(ChunkError::Magic);
        }
        let (Some(&[a, b, c, d]), Some(&code)) =
            (rest.get(4..8).and_then(|bytes| bytes.first_chunk()), rest.get(8))
        else {
            return Err(truncated);
        };
        let kind = ChunkKind::from_code(code).ok_or(ChunkError::UnknownType(code))?;
        let mut reader = Reader::new(&rest[9..]);
        let len = match reader.length() {
            Ok(len) => len,
            Err(_) if rest.len() < MAX_HEADER => return Err(truncated),
            Err(_) => return Err(ChunkError::Length),
        };
        let body = reader.take(len).map_err(|_| truncated)?;
        let bytes = &rest[..9 + reader.offset()];
        Ok(Self { offset, kind, checksum: [a, b, c, d], body, bytes })
    }

    /// The hash of the chunk as it is stored. For a deflated change this is not the change's hash.
    pub(crate) fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes[HASHED..]).into()
    }

    /// Whether the checksum is right; not for deflated changes, see [`hash`](Self::hash).
    pub(crate) fn checksum_is_right(&self) -> bool {
        self.hash()[..4] == self.checksum
    }
}

/// Reads chunks one after the other.
///
/// The first error ends it, unless [`resync`](Self::resync) is called.
#[derive(Debug, Clone)]
pub(crate) struct Chunks<'a> {
    bytes: &'a [u8],
    offset: usize,
    failed: bool,
}

impl<'a> Chunks<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, failed: false }
    }

    /// Where the next chunk starts, or the one that could not be read.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// After an error, goes on at the next place that starts as a chunk does, and returns it: the bytes
    /// from the old offset up to there were no chunk. Without such a place, that is the end.
    pub(crate) fn resync(&mut self) -> usize {
        let from = (self.offset + 1).min(self.bytes.len());
        let found = self.bytes[from..].windows(MAGIC.len()).position(|window| window == MAGIC);
        self.offset = found.map_or(self.bytes.len(), |at| from + at);
        self.failed = false;
        self.offset
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Result<Chunk<'a>, ChunkError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.offset >= self.bytes.len() {
            return None;
        }
        let chunk = Chunk::read(self.bytes, self.offset);
        match &chunk {
            Ok(chunk) => self.offset += chunk.bytes.len(),
            Err(_) => self.failed = true,
        }
        Some(chunk)
    }
}

/// A buffer in which a chunk is built: the body first, then what goes in front of it.
#[derive(Debug, Clone)]
pub(crate) struct ChunkBuffer {
    /// Space for the longest header, then the body.
    bytes: Vec<u8>,
    /// Where the finished chunk starts.
    start: usize,
}

impl Default for ChunkBuffer {
    fn default() -> Self {
        Self { bytes: vec![0; MAX_HEADER], start: 0 }
    }
}

impl ChunkBuffer {
    /// Empties the buffer and gives it out to append the body to.
    #[inline]
    pub(crate) fn start(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(MAX_HEADER);
        &mut self.bytes
    }

    /// Puts the header in front of the body and returns the hash.
    #[inline]
    pub(crate) fn finish(&mut self, kind: ChunkKind) -> [u8; 32] {
        let mut len = (self.bytes.len() - MAX_HEADER) as u64;
        let len_at = MAX_HEADER - leb128::u64_len(len);
        for byte in &mut self.bytes[len_at..MAX_HEADER] {
            *byte = len as u8 & 0x7f | 0x80;
            len >>= 7;
        }
        self.bytes[MAX_HEADER - 1] &= 0x7f;
        self.bytes[len_at - 1] = kind.code();
        let hash: [u8; 32] = Sha256::digest(&self.bytes[len_at - 1..]).into();
        self.start = len_at - 1 - HASHED;
        self.set_checksum([hash[0], hash[1], hash[2], hash[3]]);
        hash
    }

    /// Replaces the checksum: that of a deflated change is the one of its contents.
    #[inline]
    pub(crate) fn set_checksum(&mut self, checksum: [u8; 4]) {
        let header = &mut self.bytes[self.start..self.start + HASHED];
        header[..4].copy_from_slice(&MAGIC);
        header[4..].copy_from_slice(&checksum);
    }

    /// The whole chunk. Only after [`finish`](Self::finish).
    #[inline]
    pub(crate) fn chunk(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY_DOCUMENT: [u8; 14] =
        [0x85, 0x6f, 0x4a, 0x83, 0xb8, 0x1a, 0x95, 0x44, 0, 4, 0, 0, 0, 0];

    #[test]
    fn the_empty_document_has_its_known_bytes() {
        let chunk = Chunk::read(&EMPTY_DOCUMENT, 0).unwrap();
        assert_eq!((chunk.kind, chunk.body), (ChunkKind::Document, &[0, 0, 0, 0][..]));
        assert!(chunk.checksum_is_right());
        let mut buffer = ChunkBuffer::default();
        buffer.start().extend_from_slice(&[0; 4]);
        assert_eq!(buffer.finish(ChunkKind::Document), chunk.hash());
        assert_eq!(buffer.chunk(), EMPTY_DOCUMENT);
    }

    #[test]
    fn chunks_of_any_length_are_read_as_they_were_built() {
        let mut buffer = ChunkBuffer::default();
        for len in [0, 1, 127, 128, 16383, 16384, 70_000] {
            buffer.start().resize(MAX_HEADER + len, 7);
            let hash = buffer.finish(ChunkKind::Bundle);
            let chunk = Chunk::read(buffer.chunk(), 0).unwrap();
            assert_eq!((chunk.body.len(), chunk.hash()), (len, hash));
            assert_eq!(chunk.bytes, buffer.chunk());
            assert!(chunk.checksum_is_right());
        }
    }

    #[test]
    fn every_cut_is_told_from_garbage() {
        for len in 1..EMPTY_DOCUMENT.len() {
            let error = Chunk::read(&EMPTY_DOCUMENT[..len], 0).unwrap_err();
            assert_eq!(error, ChunkError::Truncated { available: len });
        }
        assert_eq!(Chunk::read(b"nonsense", 0), Err(ChunkError::Magic));
        let mut unknown = EMPTY_DOCUMENT;
        unknown[8] = 4;
        assert_eq!(Chunk::read(&unknown, 0), Err(ChunkError::UnknownType(4)));
        let mut overlong = EMPTY_DOCUMENT[..9].to_vec();
        overlong.extend_from_slice(&[0x84, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(Chunk::read(&overlong, 0), Err(ChunkError::Length));
    }

    #[test]
    fn reading_goes_on_behind_damage() {
        let mut bytes = EMPTY_DOCUMENT.to_vec();
        bytes.extend_from_slice(b"junk");
        bytes.extend_from_slice(&EMPTY_DOCUMENT);
        bytes.extend_from_slice(&EMPTY_DOCUMENT[..10]);
        let mut chunks = Chunks::new(&bytes);
        assert_eq!(chunks.next().unwrap().unwrap().offset, 0);
        assert_eq!(chunks.next(), Some(Err(ChunkError::Magic)));
        assert_eq!(chunks.next(), None);
        assert_eq!(chunks.offset(), 14);
        assert_eq!(chunks.resync(), 18);
        assert_eq!(chunks.next().unwrap().unwrap().offset, 18);
        assert!(matches!(chunks.next(), Some(Err(ChunkError::Truncated { .. }))));
        assert_eq!(chunks.resync(), bytes.len());
        assert_eq!(chunks.next(), None);
    }
}
