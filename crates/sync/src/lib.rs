//! The sync protocol without I/O: sessions, wire messages, the hub.

mod document_id;
mod peer_id;
pub mod wire;

pub use document_id::{AutomergeUrl, DocumentId, InvalidAutomergeUrl, InvalidDocumentId};
pub use peer_id::{InvalidName, PeerId, StorageId};
