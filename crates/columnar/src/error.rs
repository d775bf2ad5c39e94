//! Why a column could not be decoded, and how strict decoding is.

/// A failure to decode bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct DecodeError {
    /// Where the offending item starts, in bytes from the start of the slice that was decoded.
    pub offset: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The bytes end inside an item.
    #[error("unexpected end of input")]
    UnexpectedEnd,
    /// A variable-length integer uses more bytes than it needs.
    #[error("over-long integer")]
    OverlongInteger,
    /// An integer does not fit the type it is read as.
    #[error("integer too large")]
    IntegerTooLarge,
    /// A string is not valid UTF-8.
    #[error("invalid utf-8")]
    InvalidUtf8,
    /// A run claims more values than can be counted.
    #[error("run too long")]
    RunTooLong,
    /// A delta column reaches a value outside of its range.
    #[error("delta value out of range")]
    DeltaOutOfRange,
    /// Canonical form: a literal run follows a literal run.
    #[error("two literal runs in a row")]
    AdjacentLiteralRuns,
    /// Canonical form: two neighbours inside a literal run are equal.
    #[error("equal neighbours in a literal run")]
    EqualLiteralNeighbours,
    /// Canonical form: neighbouring runs hold the same value and should have been one.
    #[error("neighbouring runs of the same value")]
    MergeableRuns,
    /// Canonical form: a repeat run of a single value, which should have been a literal.
    #[error("repeat run of length one")]
    ShortRepeatRun,
    /// Canonical form: a null run follows a null run.
    #[error("two null runs in a row")]
    AdjacentNullRuns,
    /// Canonical form: a null run, or a boolean run other than the first, of length zero.
    #[error("empty run")]
    EmptyRun,
}

/// Which encodings of a column a decoder accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strictness {
    /// Only the one encoding that the encoders of this crate produce. For document chunks.
    Canonical,
    /// Any sequence of runs, including empty, short and unmerged ones. For change chunks, whose
    /// canonical form is checked by encoding them anew.
    Lenient,
}
