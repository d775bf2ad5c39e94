//! What a command answers when it cannot do what was asked.

use serde::Serialize;
use ts_rs::TS;

/// Why a command was rejected, for the page to act on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// There is no such note, folder or version.
    NotFound,
    /// No connected peer has had it yet.
    Unavailable,
    /// It cannot be changed.
    ReadOnly,
    /// The request itself is wrong.
    Invalid,
    /// It was understood and is not allowed.
    Refused,
    /// The disk failed.
    Storage,
    /// A fault of the program.
    Internal,
}

/// What a rejected command carries. `message` is fit to be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct BackendError {
    /// What kind of failure this is.
    pub code: ErrorCode,
    /// One sentence for the person.
    pub message: String,
}

impl BackendError {
    /// An error of this kind with a sentence to show.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: in_words(&message.into()) }
    }

    /// The answer for an id that names nothing.
    pub fn not_found(what: &str) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no such {what}."))
    }

    /// The answer for a request that cannot be read.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Invalid, message)
    }
}

/// A message without the number that the system has for it.
pub(crate) fn in_words(message: &str) -> String {
    match message.split_once(" (os error ") {
        Some((before, after)) => {
            let rest = after.split_once(')').map_or("", |(_, rest)| rest);
            format!("{before}{rest}")
        }
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_without_the_number_of_the_system() {
        let told = in_words("cannot reach home: Connection refused (os error 111), later");
        assert_eq!(told, "cannot reach home: Connection refused, later");
        assert_eq!(in_words("no such host"), "no such host");
        let told = BackendError::new(ErrorCode::Storage, "The disk: No space left (os error 28).");
        assert_eq!(told.message, "The disk: No space left.");
    }
}
