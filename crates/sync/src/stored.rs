//! How a document lies in storage: its keys, and putting it together from what was read.
//!
//! The layout is that of automerge-repo: snapshots named by their heads, incremental chunks named
//! by their bytes, one sync state per store of a peer. Bytes that cannot be read cost only
//! themselves, and what was not read is never deleted.

use std::collections::BTreeMap;

use rejoin_document::{ChangeHash, Document, LoadOptions, PatchLog};
use sha2::{Digest, Sha256};

use crate::{DocumentId, StorageId};

/// The name of one stored value of a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredKey {
    /// The document it belongs to.
    pub document: DocumentId,
    /// What it is.
    pub kind: StoredKind,
    /// A hash in hexadecimal form, or the storage id of a peer.
    pub name: String,
}

/// What a stored value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StoredKind {
    /// A whole document.
    Snapshot,
    /// Changes that came after a snapshot.
    Incremental,
    /// What is known to be shared with the store of a peer.
    SyncState,
    /// What a draft adds to the document, not committed yet.
    Draft,
    /// The document was deleted here and is not taken back from peers.
    Deleted,
}

impl StoredKey {
    /// The key as the segments under which the value lies.
    pub fn segments(&self) -> [String; 3] {
        [self.document.to_string(), self.kind.as_str().to_owned(), self.name.clone()]
    }

    pub(crate) fn snapshot(document: &DocumentId, heads: &[ChangeHash]) -> Self {
        let mut hasher = Sha256::new();
        heads.iter().for_each(|head| hasher.update(head.to_string()));
        Self::named(document, StoredKind::Snapshot, hex(&hasher.finalize()))
    }

    pub(crate) fn incremental(document: &DocumentId, chunk: &[u8]) -> Self {
        Self::named(document, StoredKind::Incremental, hex(&Sha256::digest(chunk)))
    }

    pub(crate) fn sync_state(document: &DocumentId, storage_id: &StorageId) -> Self {
        Self::named(document, StoredKind::SyncState, storage_id.to_string())
    }

    pub(crate) fn draft(document: &DocumentId) -> Self {
        Self::named(document, StoredKind::Draft, "journal".to_owned())
    }

    pub(crate) fn deleted(document: &DocumentId) -> Self {
        Self::named(document, StoredKind::Deleted, "1".to_owned())
    }

    fn named(document: &DocumentId, kind: StoredKind, name: String) -> Self {
        Self { document: document.clone(), kind, name }
    }
}

impl StoredKind {
    /// The segment of keys that stands for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::Incremental => "incremental",
            Self::SyncState => "sync-state",
            Self::Draft => "draft",
            Self::Deleted => "deleted",
        }
    }

    /// The kind that a segment of a key names, if it is one of these.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Snapshot, Self::Incremental, Self::SyncState, Self::Draft, Self::Deleted]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

fn hex(bytes: &[u8]) -> String {
    let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    halves.filter_map(|half| char::from_digit(half.into(), 16)).collect()
}

/// Everything that was read of one document.
#[derive(Debug)]
pub struct StoredDocument {
    pub(crate) document: Document,
    /// The chunks that were read without fault, with their lengths: compaction may replace these.
    pub(crate) chunks: BTreeMap<StoredKey, usize>,
    /// How many chunks could not be read, or not all of them. They stay where they are.
    pub(crate) unread: usize,
    pub(crate) sync_states: BTreeMap<StorageId, Vec<u8>>,
    pub(crate) deleted: bool,
}

impl StoredDocument {
    /// Puts a document together from all values under its name, in any order.
    ///
    /// `entries` are the segments of each key with the value. Takes time with the size of the
    /// document, so a program calls it on a thread where that does not matter.
    pub fn assemble(document: &DocumentId, entries: Vec<(Vec<String>, Vec<u8>)>) -> Self {
        let mut stored = Self {
            document: Document::new(),
            chunks: BTreeMap::new(),
            unread: 0,
            sync_states: BTreeMap::new(),
            deleted: false,
        };
        let (mut chunks, mut draft) = (Vec::new(), None);
        for (segments, bytes) in entries {
            let [_, kind, name] = segments.as_slice() else { continue };
            let Some(kind) = StoredKind::parse(kind) else { continue };
            match kind {
                StoredKind::Snapshot | StoredKind::Incremental => {
                    chunks.push((StoredKey::named(document, kind, name.clone()), bytes));
                }
                StoredKind::SyncState => {
                    if let Ok(storage_id) = StorageId::new(name) {
                        stored.sync_states.insert(storage_id, bytes);
                    }
                }
                StoredKind::Draft => draft = Some(bytes),
                StoredKind::Deleted => stored.deleted = true,
            }
        }
        // Snapshots sort before incremental chunks.
        chunks.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        stored.read(chunks);
        // A journal that does not fit is kept as it is, like any chunk that cannot be read.
        if let Some(journal) = draft
            && stored.document.restore_draft(&journal).is_err()
        {
            stored.unread += 1;
        }
        stored
    }

    /// The document as far as it could be read.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Whether there is a note that it was deleted here.
    pub fn is_deleted(&self) -> bool {
        self.deleted
    }

    /// How many chunks could not be read completely. They stay where they are.
    pub fn unread(&self) -> usize {
        self.unread
    }

    fn read(&mut self, chunks: Vec<(StoredKey, Vec<u8>)>) {
        let mut incremental = Vec::new();
        for (key, bytes) in chunks {
            if key.kind == StoredKind::Incremental {
                incremental.push((key, bytes));
            } else if self.document.heads().is_empty() {
                match Document::load(&bytes, LoadOptions::trusted()) {
                    Ok(document) => {
                        self.document = document;
                        self.chunks.insert(key, bytes.len());
                    }
                    Err(_) => self.salvage(&bytes),
                }
            } else {
                self.read_one(key, &bytes);
            }
        }
        // All at once costs less than one by one; only when that fails it matters which are bad.
        let all: Vec<u8> = incremental.iter().flat_map(|(_, bytes)| bytes).copied().collect();
        match self.document.load_incremental(&all, &mut PatchLog::inactive()) {
            Ok(_) => {
                let keys = incremental.into_iter().map(|(key, bytes)| (key, bytes.len()));
                self.chunks.extend(keys);
            }
            Err(_) => incremental.into_iter().for_each(|(key, bytes)| self.read_one(key, &bytes)),
        }
    }

    fn read_one(&mut self, key: StoredKey, bytes: &[u8]) {
        match self.document.load_incremental(bytes, &mut PatchLog::inactive()) {
            Ok(_) => {
                self.chunks.insert(key, bytes.len());
            }
            Err(_) => self.salvage(bytes),
        }
    }

    fn salvage(&mut self, bytes: &[u8]) {
        self.unread += 1;
        let salvaged = Document::salvage(bytes).document;
        // What cannot be merged is still in its chunk, which stays.
        let _ = self.document.merge(&salvaged, &mut PatchLog::inactive());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_automerge_repo() {
        let document = DocumentId::from_random([1; 16]);
        let key = StoredKey::snapshot(&document, &[ChangeHash([0; 32])]);
        // The hash of 64 zeros as text.
        assert_eq!(
            key.segments()[1..],
            ["snapshot", "60e05bd1b195af2f94112fa7197a5c88289058840ce7c6df9693756bc6250f55"]
        );
        let key = StoredKey::incremental(&document, b"");
        assert!(key.name.starts_with("e3b0c44298fc1c14"));
    }
}
