//! A store that forgets everything when it is dropped.

use crate::{Batch, ChunkStore, KeyPrefix, StorageKey, StoreError, Write};
use std::collections::BTreeMap;

/// A [`ChunkStore`] in memory, which never fails and keeps nothing.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    values: BTreeMap<StorageKey, Vec<u8>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// All keys and values, in the order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&StorageKey, &[u8])> {
        self.values.iter().map(|(key, value)| (key, value.as_slice()))
    }

    fn range<'a>(
        &'a self,
        prefix: &'a KeyPrefix,
    ) -> impl Iterator<Item = (&'a StorageKey, &'a Vec<u8>)> {
        // The first key of the range is the prefix itself, where it is a key.
        let first = StorageKey::new(prefix.segments()).ok();
        let from = first.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Included);
        self.values
            .range((from, std::ops::Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
    }
}

impl ChunkStore for MemoryStore {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.values.get(key).cloned())
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        Ok(self.range(prefix).map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        Ok(self.range(prefix).map(|(key, _)| key.clone()).collect())
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        Ok(self.range(prefix).map(|(_, value)| value.len() as u64).sum())
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for write in batch.writes() {
            match write {
                Write::Put(key, value) => {
                    self.values.insert(key.clone(), value.clone());
                }
                Write::Delete(key) => {
                    self.values.remove(key);
                }
            }
        }
        Ok(())
    }
}
