//! What may be made of bytes, which can say much in little.

use crate::deflate::MAX_INFLATED;

/// How many runs and predecessors there may be however few the bytes are: repeated values take none,
/// so a few bytes could claim billions.
const FREE_RUNS: usize = 1 << 18;

/// How many there may be beyond that for each byte.
const RUNS_PER_BYTE: usize = 16;

/// What is left of what the bytes of one call may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// Bytes that come out of deflated ones.
    pub(crate) inflated: usize,
    /// Runs and predecessors of operations in changes.
    pub(crate) runs: usize,
}

impl Budget {
    /// For so many bytes.
    pub(crate) fn for_bytes(len: usize) -> Self {
        let runs = RUNS_PER_BYTE.saturating_mul(len).saturating_add(FREE_RUNS);
        Self { inflated: MAX_INFLATED, runs }
    }

    /// For what was checked before.
    pub(crate) fn unlimited() -> Self {
        Self { inflated: usize::MAX, runs: usize::MAX }
    }
}
