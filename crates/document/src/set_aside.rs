//! Changes that came and are no part of the document: they wait for others, or were refused. Anyone
//! can make such changes without end, so that a document holds only so many of what others sent.

use crate::{change_hash::ChangeHash, document::Document};

/// Whether a change that is set aside may be dropped for want of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// Never: it lies in our own store, or a program has handed it in.
    Always,
    /// It came with [`LoadOptions::max_set_aside`](crate::LoadOptions::max_set_aside): the sender
    /// can be asked for it again.
    WithinLimit,
}

/// What a change takes of memory beside its bytes, with what is needed to find it.
const OVERHEAD: usize = 512;

/// Of what may be set aside, refused changes take at most this part: few are ever honest.
const PART_OF_REFUSED: usize = 16;

/// What a change that is set aside takes of memory.
pub(crate) fn cost(bytes: &[u8]) -> usize {
    bytes.len() + OVERHEAD
}

impl Document {
    /// What the changes that wait for others or were refused take of memory, in bytes; those that
    /// wait without ever being dropped are not counted.
    pub fn set_aside_bytes(&self) -> usize {
        self.queue.droppable_bytes() + self.refused.bytes()
    }

    /// How many changes were dropped so far because they took more memory than
    /// [`LoadOptions::max_set_aside`](crate::LoadOptions::max_set_aside) allows. A fork has the same
    /// count.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Drops what was set aside beyond so many bytes, the oldest first.
    pub(crate) fn drop_set_aside_beyond(&mut self, max: usize) {
        self.dropped += self.queue.drop_beyond(max);
        self.dropped += self.refused.drop_beyond(max / PART_OF_REFUSED);
    }

    /// Whether the change was refused. Of those that were dropped since and would never fit, only
    /// the last 4,096 are known.
    pub fn is_refused(&self, hash: &ChangeHash) -> bool {
        self.refused.contains(hash)
    }
}
