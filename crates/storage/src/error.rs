//! What can go wrong with a disk, in kinds that a program can put into words.

use std::fmt;
use std::io;

/// A failed call of a store.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {detail}")]
pub struct StoreError {
    kind: StoreErrorKind,
    detail: String,
}

/// The kinds of failure that call for different words or different actions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreErrorKind {
    /// The disk, or the size that the store was given, is used up. Writing again may succeed later.
    Full,
    /// Another process, or another part of this one, has the store open.
    InUse,
    /// The place cannot be written: it is read-only, forbidden, or cannot exist.
    Unwritable,
    /// What lies on the disk is not what a store wrote.
    Corrupt,
    /// A later version of the program wrote the store; this one leaves it alone.
    Newer,
    /// A value is larger than the store can hold.
    TooLarge,
    /// Anything else that the disk or the operating system reported.
    Io,
}

impl StoreError {
    /// An error of this kind; `detail` says what was tried and what was reported.
    pub fn new(kind: StoreErrorKind, detail: impl Into<String>) -> StoreError {
        StoreError { kind, detail: detail.into() }
    }

    /// The kind, to decide by.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// What was tried and what was reported, for a log.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// An error of the file system while doing `what`.
    pub(crate) fn from_io(what: &str, error: &io::Error) -> StoreError {
        use io::ErrorKind as K;
        let kind = match error.kind() {
            K::StorageFull | K::QuotaExceeded => StoreErrorKind::Full,
            K::PermissionDenied | K::ReadOnlyFilesystem | K::NotADirectory | K::IsADirectory => {
                StoreErrorKind::Unwritable
            }
            // A regular file stands where a directory should be made.
            K::AlreadyExists => StoreErrorKind::Unwritable,
            K::ResourceBusy => StoreErrorKind::InUse,
            K::FileTooLarge => StoreErrorKind::TooLarge,
            _ => StoreErrorKind::Io,
        };
        StoreError::new(kind, format!("{what}: {error}"))
    }

    /// An error of SQLite while doing `what`.
    pub(crate) fn from_sqlite(what: &str, error: &rusqlite::Error) -> StoreError {
        use rusqlite::ErrorCode as C;
        let kind = match error.sqlite_error_code() {
            Some(C::DiskFull) => StoreErrorKind::Full,
            Some(C::DatabaseBusy | C::DatabaseLocked) => StoreErrorKind::InUse,
            Some(C::CannotOpen | C::ReadOnly | C::PermissionDenied) => StoreErrorKind::Unwritable,
            Some(C::DatabaseCorrupt | C::NotADatabase) => StoreErrorKind::Corrupt,
            Some(C::TooBig) => StoreErrorKind::TooLarge,
            Some(_) => StoreErrorKind::Io,
            // Not from SQLite itself: a column of the wrong type or the like.
            None => StoreErrorKind::Corrupt,
        };
        StoreError::new(kind, format!("{what}: {error}"))
    }
}

impl fmt::Display for StoreErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreErrorKind::Full => "no room left",
            StoreErrorKind::InUse => "in use by another process",
            StoreErrorKind::Unwritable => "cannot be written",
            StoreErrorKind::Corrupt => "damaged",
            StoreErrorKind::Newer => "written by a later version",
            StoreErrorKind::TooLarge => "too large",
            StoreErrorKind::Io => "input or output failed",
        })
    }
}
