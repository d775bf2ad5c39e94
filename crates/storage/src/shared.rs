//! A store for tests that is held from two sides.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::{Batch, ChunkStore, FaultyStore, KeyPrefix, StorageKey, StoreError};

/// A [`FaultyStore`] that a test goes on to hold while a program owns it: to plan faults, to limit
/// its room, to look at what is there. Clones are the same store.
#[derive(Clone, Debug)]
pub struct SharedStore(Arc<Mutex<FaultyStore>>);

impl SharedStore {
    /// An empty store, as [`FaultyStore::new`] makes it.
    pub fn new(seed: u64) -> SharedStore {
        SharedStore(Arc::new(Mutex::new(FaultyStore::new(seed))))
    }

    /// The store, for as long as the result is held; the program waits meanwhile.
    pub fn lock(&self) -> MutexGuard<'_, FaultyStore> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl ChunkStore for SharedStore {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.lock().load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        self.lock().load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        self.lock().keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        self.lock().size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.lock().apply(batch)
    }
}
