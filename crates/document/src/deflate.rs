//! Raw DEFLATE, with a limit on what comes out.

use std::cell::RefCell;

use crate::budget::Budget;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// The most bytes that what is read in one call may inflate to, unless the caller says otherwise:
/// 256 MiB.
///
/// There is no limit relative to the input beyond the format's own of about 1030 to 1, which ordinary
/// repetitive text reaches. Memory grows with what is really inflated, never with a claim.
pub(crate) const MAX_INFLATED: usize = 256 << 20;

/// The size from which columns are deflated, and above which chunks of changes are.
pub(crate) const DEFLATE_MIN_SIZE: usize = 256;

/// Why bytes could not be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InflateError {
    /// The bytes are no deflated data, or end early.
    #[error("malformed deflated data")]
    Malformed,
    /// More comes out than is taken in.
    #[error("inflates to more than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Inflates all of `bytes`, and takes what comes out from the budget.
///
/// # Errors
/// As for [`inflate`], with what is left as the limit.
pub(crate) fn inflate_within(bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, InflateError> {
    let inflated = inflate(bytes, budget.inflated)?;
    budget.inflated -= inflated.len();
    Ok(inflated)
}

/// Inflates all of `bytes`.
///
/// # Errors
/// When they are malformed, end early, or hold more than `limit` bytes.
pub(crate) fn inflate(bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
    INFLATER.with_borrow_mut(|inflater| inflater.inflate(bytes, limit))
}

thread_local! {
    // An inflater has tens of kilobytes: making one costs more than inflating a short column.
    static INFLATER: RefCell<Inflater> =
        RefCell::new(Inflater { state: Decompress::new(false), part: vec![0; PART] });
}

/// How much is inflated at a time.
const PART: usize = 128 << 10;

struct Inflater {
    state: Decompress,
    /// What comes out goes through here: how long it is is known afterwards, and memory that is set
    /// aside for more than it is would be touched in vain.
    part: Vec<u8>,
}

impl Inflater {
    fn inflate(&mut self, bytes: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        self.state.reset(false);
        let mut out = Vec::new();
        loop {
            let (read, written) = (self.state.total_in(), self.state.total_out());
            let rest = usize::try_from(read).ok().and_then(|read| bytes.get(read..));
            let status = self
                .state
                .decompress(rest.unwrap_or_default(), &mut self.part, FlushDecompress::Finish)
                .map_err(|_| InflateError::Malformed)?;
            let part = &self.part[..(self.state.total_out() - written) as usize];
            if part.len() > limit - out.len() {
                return Err(InflateError::TooLarge { limit });
            }
            out.extend_from_slice(part);
            if status == Status::StreamEnd {
                return Ok(out);
            }
            if part.len() < PART {
                // There was room left, so it is the input that is missing.
                return Err(InflateError::Malformed);
            }
        }
    }
}

/// Deflates `bytes` at the default level.
pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    DEFLATER.with_borrow_mut(|deflater| {
        deflater.reset();
        deflate_with(deflater, bytes)
    })
}

thread_local! {
    // A deflater has a quarter of a megabyte. When each call makes one, what is allocated meanwhile
    // lies in the room it leaves, and the memory of a program with many documents falls to pieces.
    static DEFLATER: RefCell<Compress> =
        RefCell::new(Compress::new(Compression::default(), false));
}

fn deflate_with(deflater: &mut Compress, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() / 2 + 64);
    loop {
        let read = (deflater.total_in() as usize).min(bytes.len());
        let status = deflater
            .compress_vec(&bytes[read..], &mut out, FlushCompress::Finish)
            .expect("invariant: deflating into memory cannot fail");
        if status == Status::StreamEnd {
            return out;
        }
        out.reserve(out.len().max(64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_before_does_not_show() {
        let long: Vec<u8> = (0..100_000_u32).flat_map(|n| (n % 1_000).to_le_bytes()).collect();
        let mut fresh = Compress::new(Compression::default(), false);
        let expected = deflate_with(&mut fresh, &long[..5_000]);
        deflate(&long);
        assert_eq!(deflate(&long[..5_000]), expected);
    }

    #[test]
    fn bytes_round_trip() {
        for len in [0usize, 1, 300, 100_000] {
            for noise in [1u32, 2_654_435_761] {
                let bytes: Vec<u8> =
                    (0..len as u32).map(|i| (i.wrapping_mul(noise) >> 13) as u8).collect();
                let deflated = deflate(&bytes);
                assert_eq!(inflate(&deflated, len), Ok(bytes));
                if len > 0 {
                    let limit = len - 1;
                    assert_eq!(inflate(&deflated, limit), Err(InflateError::TooLarge { limit }));
                }
            }
        }
    }

    #[test]
    fn malformed_and_cut_off_data_is_refused() {
        let deflated = deflate(&[7; 5000]);
        for len in 0..deflated.len() {
            assert_eq!(inflate(&deflated[..len], 1 << 20), Err(InflateError::Malformed));
        }
        assert_eq!(inflate(&[0xff; 20], 1 << 20), Err(InflateError::Malformed));
    }

    #[test]
    fn a_bomb_costs_no_more_than_the_limit() {
        let deflated = deflate(&vec![0; 20 << 20]);
        assert!(deflated.len() < 30_000);
        let limit = 1 << 20;
        assert_eq!(inflate(&deflated, limit), Err(InflateError::TooLarge { limit }));
    }
}
