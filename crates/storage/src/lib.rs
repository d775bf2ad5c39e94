//! Durable chunks, sync states and the search index.
//!
//! This crate knows bytes and keys; it knows neither documents nor protocols. What is kept lies
//! behind one port, [`ChunkStore`]: a sorted map from [`StorageKey`] to bytes that changes only by
//! atomic [`Batch`]es, and in which every call may fail.
//!
//! | store | for |
//! |---|---|
//! | [`SqliteStore`] | programs: one file, synced before [`ChunkStore::apply`] returns |
//! | [`MemoryStore`] | tests, and people who want nothing on disk |
//! | [`FaultyStore`] | tests: fails, fills up and crashes when it is told to |
//! | [`SharedStore`] | tests: a faulty store that the test holds while a program owns it |
//!
//! [`TextIndex`] is apart from them, because it holds only what can be derived again: it finds
//! notes by their words. [`repo_layout`] reads and writes the directory in which automerge-repo
//! keeps its chunks.
//!
//! ```
//! use rejoin_storage::{Batch, ChunkStore, KeyPrefix, MemoryStore, StorageKey};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut store = MemoryStore::new();
//! let key = StorageKey::new(["4NMNnkMhL8jXrdJ9jamS58PAVdXu", "snapshot", "f00d"])?;
//! let mut batch = Batch::new();
//! batch.put(key.clone(), b"bytes".to_vec());
//! store.apply(&batch)?;
//!
//! let document = KeyPrefix::new(["4NMNnkMhL8jXrdJ9jamS58PAVdXu"])?;
//! assert_eq!(store.load_range(&document)?, vec![(key, b"bytes".to_vec())]);
//! # Ok(())
//! # }
//! ```

mod error;
pub mod faulty;
mod key;
mod memory;
pub mod repo_layout;
mod shared;
mod sqlite;
mod store;
pub mod text_index;

pub use error::{StoreError, StoreErrorKind};
pub use faulty::FaultyStore;
pub use key::{InvalidKey, KeyPrefix, StorageKey};
pub use memory::MemoryStore;
pub use shared::SharedStore;
pub use sqlite::{SqliteOptions, SqliteStore};
pub use store::{Batch, ChunkStore, Write};
pub use text_index::TextIndex;
