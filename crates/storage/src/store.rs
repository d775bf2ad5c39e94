//! The port behind which everything durable lies.

use crate::{KeyPrefix, StorageKey, StoreError};

/// A sorted map from keys to bytes that survives the program.
///
/// Calls block until the disk answers, so a program gives the store a thread of its own. Every call
/// may fail; a failed call has changed nothing, and the store goes on to answer. In particular a
/// batch that did not fit may be given again once there is room.
pub trait ChunkStore: Send {
    /// The value under `key`, if there is one.
    ///
    /// # Errors
    ///
    /// When the disk does not answer or what lies there cannot be read.
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError>;

    /// All keys that begin with `prefix`, with their values, in the order of keys.
    ///
    /// # Errors
    ///
    /// As [`ChunkStore::load`].
    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError>;

    /// All keys that begin with `prefix`, in order, without reading the values.
    ///
    /// # Errors
    ///
    /// As [`ChunkStore::load`].
    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError>;

    /// The sum of the lengths, in bytes, of all values whose keys begin with `prefix`.
    ///
    /// # Errors
    ///
    /// As [`ChunkStore::load`].
    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError>;

    /// Performs all writes of `batch` in their order, or none of them.
    ///
    /// When this returns `Ok` the batch survives a power cut: it was synced to the disk. When it
    /// returns an error nothing of it will be seen, now or after a restart, with two exceptions:
    /// after a crash in mid-call, or when the file was moved away in mid-call, the batch may be
    /// there, as a whole.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Full`](crate::StoreErrorKind::Full) when there is no room,
    /// [`StoreErrorKind::Unwritable`](crate::StoreErrorKind::Unwritable) when writing is not
    /// allowed, and others as they come.
    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError>;
}

impl<S: ChunkStore + ?Sized> ChunkStore for Box<S> {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        (**self).load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        (**self).load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        (**self).keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        (**self).size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        (**self).apply(batch)
    }
}

/// Writes that happen together or not at all.
///
/// Within a batch a later write to a key wins over an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    writes: Vec<Write>,
}

/// One write of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// The key has this value from now on, whether it had one before or not.
    Put(StorageKey, Vec<u8>),
    /// The key has no value from now on; a key that has none is left alone.
    Delete(StorageKey),
}

impl Batch {
    /// An empty batch. Applying it does nothing.
    pub fn new() -> Batch {
        Batch::default()
    }

    /// Adds a write of `value` under `key`.
    pub fn put(&mut self, key: StorageKey, value: Vec<u8>) -> &mut Batch {
        self.writes.push(Write::Put(key, value));
        self
    }

    /// Adds the removal of `key`.
    pub fn delete(&mut self, key: StorageKey) -> &mut Batch {
        self.writes.push(Write::Delete(key));
        self
    }

    /// Adds all writes of `later` behind those of this batch, so that one sync serves both.
    pub fn append(&mut self, later: Batch) -> &mut Batch {
        self.writes.extend(later.writes);
        self
    }

    /// The writes in the order in which they happen.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// The number of writes.
    pub fn len(&self) -> usize {
        self.writes.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}
