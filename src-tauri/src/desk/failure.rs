//! Failures of documents and disks, in sentences for the person.

use rejoin_document::WriteError;
use rejoin_notes::change_set::LengthMismatch;
use rejoin_notes::editing::PushError;
use rejoin_notes::note::{EditError, NotANote};
use rejoin_storage::StoreError;

use crate::local::LocalError;
use crate::port::{BackendError, ErrorCode, TooLong};

impl From<rejoin_repo::EditError> for BackendError {
    fn from(_: rejoin_repo::EditError) -> Self {
        Self::new(ErrorCode::Unavailable, "This is not on this computer yet.")
    }
}

impl From<WriteError> for BackendError {
    fn from(error: WriteError) -> Self {
        Self::new(ErrorCode::Refused, format!("The note could not be changed: {error}."))
    }
}

impl From<EditError> for BackendError {
    fn from(error: EditError) -> Self {
        Self::new(ErrorCode::Refused, format!("The note could not be changed: {error}."))
    }
}

impl From<PushError<EditError>> for BackendError {
    fn from(error: PushError<EditError>) -> Self {
        match error {
            PushError::UnknownWindow => Self::not_found("open note"),
            PushError::Misfit(error) => Self::invalid(format!("The edit does not fit: {error}.")),
            PushError::Write(error) => error.into(),
        }
    }
}

impl From<LengthMismatch> for BackendError {
    fn from(error: LengthMismatch) -> Self {
        Self::invalid(format!("The edit does not fit: {error}."))
    }
}

impl From<TooLong> for BackendError {
    fn from(_: TooLong) -> Self {
        Self::invalid("The edit is longer than any note.")
    }
}

impl From<NotANote> for BackendError {
    fn from(error: NotANote) -> Self {
        Self::new(ErrorCode::ReadOnly, format!("This cannot be shown as a note: {error}."))
    }
}

impl From<LocalError> for BackendError {
    fn from(error: LocalError) -> Self {
        Self::new(ErrorCode::Storage, format!("The settings could not be kept: {error}."))
    }
}

impl From<StoreError> for BackendError {
    fn from(error: StoreError) -> Self {
        Self::new(ErrorCode::Storage, format!("The disk failed: {error}."))
    }
}
