//! Runs the hub: performs its effects and hands out document handles.
//!
//! A [`Repo`] holds documents, keeps them on disk and syncs them with peers over WebSockets. All
//! decisions are made by [`rejoin_sync::Hub`], which does no I/O; this crate has the sockets, the
//! thread that writes to the disk, and the clock.
//!
//! ```no_run
//! use rejoin_repo::{Destination, Repo};
//! use rejoin_storage::{SqliteOptions, SqliteStore};
//! use rejoin_document::{ObjId, ObjType};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = SqliteStore::open("notes.db".as_ref(), &SqliteOptions::default())?;
//! let repo = Repo::builder(Box::new(store)).build()?;
//! repo.dial("ws://127.0.0.1:3030", None);
//! let note = repo.create();
//! note.change(None, |tx| tx.put_object(ObjId::ROOT, "content", ObjType::Text).map(|_| ()))??;
//! repo.share(note.id(), [Destination::Server("ws://127.0.0.1:3030".into())].into());
//! note.saved().await?;
//! repo.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Closures that are given a document run while all documents wait: they should be short, and must
//! not call back into the repo.

mod builder;
mod core;
mod document_handle;
mod effects;
mod error;
mod listening;
mod repo;
mod sockets;
mod storage_thread;
mod subscription;
mod together;

pub use builder::{RepoBuilder, RepoOptions};
pub use document_handle::DocumentHandle;
pub use error::{BuildError, FindError, ImportError, SaveError};
pub use listening::Listening;
pub use rejoin_sync::{
    AutomergeUrl, Availability, ChosenDestinations, ConnectionError, ConnectionPhase,
    ConnectionStatus, Destination, DialerId, DocumentEvent, DocumentId, DocumentStatus, EditError,
    Flow, Origin, PeerId, PresenceEvent, PublishMode, ServeOnRequest, ShareAll, SharePolicy,
    StorageId, Traffic, TrafficSecond,
};
pub use repo::Repo;
pub use subscription::Subscription;
pub use together::Together;
