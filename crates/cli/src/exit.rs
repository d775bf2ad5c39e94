//! What the exit code says.

use std::fmt;
use std::process::ExitCode;

/// A kind of failure that scripts may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The arguments make no sense.
    Usage = 2,
    /// What was named is not there: a place, heads, a document.
    NotFound = 3,
    /// The file is damaged, or no document.
    Damaged = 4,
    /// Changes were refused.
    Refused = 5,
    /// A server cannot be reached.
    Unreachable = 6,
}

/// There was nothing to do.
pub(crate) const NOTHING: u8 = 7;

/// A message for people with its kind for scripts.
#[derive(Debug)]
struct Failed {
    failure: Failure,
    message: String,
}

impl Failure {
    /// An error of this kind.
    pub(crate) fn error(self, message: impl fmt::Display) -> anyhow::Error {
        anyhow::Error::new(Failed { failure: self, message: message.to_string() })
    }

    /// Whether an error is of this kind.
    pub(crate) fn is_kind_of(self, error: &anyhow::Error) -> bool {
        error.downcast_ref::<Failed>().is_some_and(|failed| failed.failure == self)
    }

    pub(crate) fn code(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failed {}

/// The exit code for an error.
pub(crate) fn code_of(error: &anyhow::Error) -> ExitCode {
    match error.downcast_ref::<Failed>() {
        Some(failed) => failed.failure.code(),
        None => ExitCode::FAILURE,
    }
}
