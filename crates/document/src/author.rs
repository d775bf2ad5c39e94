//! The author footer: who uses an actor, in the extra bytes of the actor's first change.
//!
//! Automerge 0.12 writes `1`, the length and the author's bytes, and keeps what follows.

use rejoin_columnar::leb128;

/// The kind of footer that names an author.
const AUTHOR: u64 = 1;

/// The author that extra bytes name.
pub(crate) fn read(extra: &[u8]) -> Option<&[u8]> {
    let mut reader = leb128::Reader::new(extra);
    if reader.u64().ok()? != AUTHOR {
        return None;
    }
    reader.prefixed().ok()
}

/// The extra bytes that name an author.
pub(crate) fn write(author: &[u8]) -> Vec<u8> {
    let mut extra = Vec::with_capacity(author.len() + 2);
    leb128::write_u64(&mut extra, AUTHOR);
    leb128::write_u64(&mut extra, author.len() as u64);
    extra.extend_from_slice(author);
    extra
}
