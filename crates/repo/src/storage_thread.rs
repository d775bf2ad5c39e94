//! The thread that owns the store: disks make callers wait, so nobody else calls it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Weak,
        mpsc::{self, RecvTimeoutError},
    },
};

use rejoin_storage::{Batch, ChunkStore, KeyPrefix, StorageKey, StoreError};
use rejoin_sync::{
    DocumentId, Event, LoadId, StoredDocument, StoredKey, StoredKind, WriteBatch, WriteId,
};
use tokio::sync::oneshot;

use crate::core::Core;

/// Something for the store to do.
#[derive(Debug)]
pub(crate) enum StorageRequest {
    Load {
        load: LoadId,
        document: DocumentId,
    },
    Write {
        write: WriteId,
        batch: WriteBatch,
    },
    List {
        answer: oneshot::Sender<Result<Listed, String>>,
    },
    /// How many bytes are stored of a document.
    Measure {
        document: DocumentId,
        answer: oneshot::Sender<Result<u64, String>>,
    },
    /// A write is due before the time at which the thread would have looked.
    WriteDue,
    /// Answered when everything before it is done.
    Barrier {
        answer: oneshot::Sender<()>,
    },
}

impl StorageRequest {
    /// The answer when nobody is there to perform it.
    pub(crate) fn failed(self, reason: &str) -> Option<Event> {
        match self {
            Self::Load { load, .. } => Some(Event::Loaded { load, result: Err(reason.into()) }),
            Self::Write { write, .. } => Some(Event::Written { write, result: Err(reason.into()) }),
            Self::List { .. } | Self::Measure { .. } | Self::Barrier { .. } | Self::WriteDue => {
                None
            }
        }
    }
}

/// What the store knows of documents.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Something of these is stored.
    pub(crate) stored: BTreeSet<DocumentId>,
    /// These were deleted here.
    pub(crate) deleted: BTreeSet<DocumentId>,
}

/// The segments of a key, and its value.
type Entry = (Vec<String>, Vec<u8>);

/// Owns the store until nobody can send requests any more.
pub(crate) struct StorageThread {
    store: Box<dyn ChunkStore>,
    core: Weak<Core>,
}

impl StorageThread {
    pub(crate) fn channel() -> (mpsc::Sender<StorageRequest>, mpsc::Receiver<StorageRequest>) {
        mpsc::channel()
    }

    pub(crate) fn start(
        store: Box<dyn ChunkStore>,
        requests: mpsc::Receiver<StorageRequest>,
        core: &Arc<Core>,
    ) -> std::io::Result<()> {
        let thread = Self { store, core: Arc::downgrade(core) };
        let builder = std::thread::Builder::new().name("storage".into());
        builder.spawn(move || thread.run(requests)).map(|_| ())
    }

    fn run(mut self, requests: mpsc::Receiver<StorageRequest>) {
        while let Some(request) = self.next(&requests) {
            match request {
                StorageRequest::WriteDue => {}
                StorageRequest::Load { load, document } => self.load(load, document),
                StorageRequest::Write { write, batch } => {
                    let result = self.write(&batch).map_err(|error| error.to_string());
                    if let Err(reason) = &result {
                        tracing::warn!(reason, "writing failed");
                    }
                    self.answer(Event::Written { write, result });
                }
                StorageRequest::List { answer } => {
                    let _ = answer.send(self.list().map_err(|error| error.to_string()));
                }
                StorageRequest::Measure { document, answer } => {
                    let size = self.store.size(&prefix(&document));
                    let _ = answer.send(size.map_err(|error| error.to_string()));
                }
                StorageRequest::Barrier { answer } => {
                    let _ = answer.send(());
                }
            }
        }
    }

    /// The next request; begins the writes that become due meanwhile. None when nobody can send
    /// any more.
    fn next(&self, requests: &mpsc::Receiver<StorageRequest>) -> Option<StorageRequest> {
        loop {
            let Some(wait) = self.core.upgrade().and_then(|core| core.until_next_write()) else {
                return requests.recv().ok();
            };
            // What is due goes before what came later, however much comes.
            if wait.is_zero() {
                self.answer(Event::Tick);
                continue;
            }
            match requests.recv_timeout(wait) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    fn answer(&self, event: Event) {
        if let Some(core) = self.core.upgrade() {
            core.handle_in_storage_thread(event);
        }
    }

    /// Reads here, and puts the document together where it does not keep others waiting.
    fn load(&self, load: LoadId, document: DocumentId) {
        let entries = match self.read(&document) {
            Ok(entries) => entries,
            Err(error) => {
                tracing::warn!(%document, %error, "reading failed");
                return self.answer(Event::Loaded { load, result: Err(error.to_string()) });
            }
        };
        if entries.is_empty() {
            let stored = Box::new(StoredDocument::assemble(&document, Vec::new()));
            return self.answer(Event::Loaded { load, result: Ok(stored) });
        }
        let Some(core) = self.core.upgrade() else { return };
        let weak = self.core.clone();
        core.runtime.spawn_blocking(move || {
            let stored = StoredDocument::assemble(&document, entries);
            if stored.unread() > 0 {
                tracing::warn!(%document, chunks = stored.unread(), "some chunks cannot be read");
            }
            if let Some(core) = weak.upgrade() {
                core.handle(Event::Loaded { load, result: Ok(Box::new(stored)) });
            }
        });
    }

    fn read(&self, document: &DocumentId) -> Result<Vec<Entry>, StoreError> {
        let entries = self.store.load_range(&prefix(document))?;
        Ok(entries.into_iter().map(|(key, bytes)| (key.segments().to_vec(), bytes)).collect())
    }

    fn write(&mut self, batch: &WriteBatch) -> Result<(), StoreError> {
        let mut writes = Batch::new();
        for document in &batch.erased {
            for key in self.store.keys(&prefix(document))? {
                writes.delete(key);
            }
        }
        for key in &batch.deletes {
            writes.delete(storage_key(key));
        }
        for (key, value) in &batch.puts {
            writes.put(storage_key(key), value.clone());
        }
        self.store.apply(&writes)
    }

    /// The documents of which something is stored and that were not deleted, and those that were.
    fn list(&self) -> Result<Listed, StoreError> {
        let mut listed = Listed::default();
        for key in self.store.keys(&KeyPrefix::all())? {
            let [document, kind, ..] = key.segments() else { continue };
            let (Ok(document), Some(kind)) =
                (document.parse::<DocumentId>(), StoredKind::parse(kind))
            else {
                continue;
            };
            match kind {
                StoredKind::Snapshot | StoredKind::Incremental => listed.stored.insert(document),
                StoredKind::Deleted => listed.deleted.insert(document),
                _ => false,
            };
        }
        listed.stored = &listed.stored - &listed.deleted;
        Ok(listed)
    }
}

fn prefix(document: &DocumentId) -> KeyPrefix {
    KeyPrefix::new([document.to_string()]).expect("invariant: base 58 text is a legal segment")
}

fn storage_key(key: &StoredKey) -> StorageKey {
    // A storage id may hold any text, even a nul character, which no key may.
    let segments = key.segments().map(|segment| segment.replace('\0', "\u{fffd}"));
    StorageKey::new(segments).expect("invariant: segments are not empty and hold no nul")
}
