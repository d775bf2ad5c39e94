//! What can go wrong, one small error per operation.

use rejoin_document::LoadError;
use rejoin_storage::StoreError;
use rejoin_sync::DocumentId;

/// Why a repo cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The store does not answer.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The store holds something else where its name should be.
    #[error("the store has no readable name")]
    StorageId,
    /// There is no thread for the store to be had.
    #[error("no thread for the store: {0}")]
    Thread(#[from] std::io::Error),
}

/// Why a document was not found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// It is not here, and nobody who was asked has it.
    #[error("nobody who was asked has the document {0}")]
    Unavailable(DocumentId),
    /// It was deleted here.
    #[error("the document {0} was deleted here")]
    Deleted(DocumentId),
    /// The disk could not be read.
    #[error("the document {document} could not be read: {reason}")]
    Unreadable {
        /// The document.
        document: DocumentId,
        /// Why, in words.
        reason: String,
    },
    /// The repo was shut down meanwhile.
    #[error("the repo was shut down")]
    ShutDown,
}

/// Why bytes cannot become a document here.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The bytes are not a document.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The bytes hold nothing.
    #[error("there is no change in the document")]
    Empty,
    /// What is here already under this name cannot be read.
    #[error(transparent)]
    Unreadable(FindError),
}

/// Why something is not on disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    /// The disk reported an error; saving is tried again.
    #[error("not saved yet: {0}")]
    Disk(String),
    /// The document is not there any more, or the repo was shut down.
    #[error("the document is gone")]
    Gone,
}
