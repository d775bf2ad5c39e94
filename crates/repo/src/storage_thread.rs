//! The thread that owns the store: disks make callers wait, so nobody else calls it.

use std::{
    any::Any,
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
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
pub(crate) type Entry = (Vec<String>, Vec<u8>);

/// Puts a document together from what was read of it.
pub(crate) type Assemble = fn(&DocumentId, Vec<Entry>) -> StoredDocument;

/// Owns the store until nobody can send requests any more.
pub(crate) struct StorageThread {
    store: Box<dyn ChunkStore>,
    assemble: Assemble,
    core: Weak<Core>,
}

impl StorageThread {
    pub(crate) fn channel() -> (mpsc::Sender<StorageRequest>, mpsc::Receiver<StorageRequest>) {
        mpsc::channel()
    }

    pub(crate) fn start(
        store: Box<dyn ChunkStore>,
        assemble: Assemble,
        requests: mpsc::Receiver<StorageRequest>,
        core: &Arc<Core>,
    ) -> std::io::Result<()> {
        let thread = Self { store, assemble, core: Arc::downgrade(core) };
        let builder = std::thread::Builder::new().name("storage".into());
        builder.spawn(move || thread.run(requests)).map(|_| ())
    }

    fn run(mut self, requests: mpsc::Receiver<StorageRequest>) {
        while let Some(request) = self.next(&requests) {
            match request {
                StorageRequest::WriteDue => {}
                StorageRequest::Load { load, document } => self.load(load, document),
                StorageRequest::Write { write, batch } => {
                    let result = in_words(|| self.write(&batch));
                    if let Err(reason) = &result {
                        tracing::warn!(reason, "writing failed");
                    }
                    self.answer(Event::Written { write, result });
                }
                StorageRequest::List { answer } => {
                    let _ = answer.send(in_words(|| self.list()));
                }
                StorageRequest::Measure { document, answer } => {
                    let _ = answer.send(in_words(|| self.store.size(&prefix(&document))));
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
        let entries = match in_words(|| self.read(&document)) {
            Ok(entries) => entries,
            Err(reason) => {
                tracing::warn!(%document, reason, "reading failed");
                return self.answer(Event::Loaded { load, result: Err(reason) });
            }
        };
        if entries.is_empty() {
            let stored = Box::new(StoredDocument::assemble(&document, Vec::new()));
            return self.answer(Event::Loaded { load, result: Ok(stored) });
        }
        let Some(core) = self.core.upgrade() else { return };
        let (weak, assemble) = (self.core.clone(), self.assemble);
        core.runtime.spawn_blocking(move || {
            let result = in_words(|| Ok(Box::new(assemble(&document, entries))));
            match &result {
                Ok(stored) if stored.unread() > 0 => {
                    let chunks = stored.unread();
                    tracing::warn!(%document, chunks, "some chunks cannot be read");
                }
                Ok(_) => {}
                Err(reason) => tracing::warn!(%document, reason, "reading failed"),
            }
            if let Some(core) = weak.upgrade() {
                core.handle(Event::Loaded { load, result });
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
        // What replaces something is there before that goes: a store that breaks its word and leaves
        // half a batch behind has lost nothing then.
        for (key, value) in &batch.puts {
            writes.put(storage_key(key), value.clone());
        }
        for key in &batch.deletes {
            writes.delete(storage_key(key));
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

/// What a step gives, or in words why it gives nothing.
///
/// A panic is such a reason: whoever asked waits for an answer, and the thread has others to serve.
/// What a store or a document was doing is dropped with it, and neither is used half made: a batch
/// that was not said to be written is written again, and a document is read anew.
fn in_words<R>(step: impl FnOnce() -> Result<R, StoreError>) -> Result<R, String> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(panic) => Err(format!("the program failed at it: {}", words_of(panic.as_ref()))),
    }
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason was given")
}

fn prefix(document: &DocumentId) -> KeyPrefix {
    KeyPrefix::new([document.to_string()]).expect("invariant: base 58 text is a legal segment")
}

fn storage_key(key: &StoredKey) -> StorageKey {
    // A storage id may hold any text, even a nul character, which no key may.
    let segments = key.segments().map(|segment| segment.replace('\0', "\u{fffd}"));
    StorageKey::new(segments).expect("invariant: segments are not empty and hold no nul")
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        time::Duration,
    };

    use rejoin_storage::SharedStore;
    use rejoin_sync::Availability;

    use super::*;
    use crate::{FindError, Repo};

    /// The first readings of a document with content end in a panic.
    fn breaking(document: &DocumentId, entries: Vec<Entry>) -> StoredDocument {
        static READINGS: AtomicUsize = AtomicUsize::new(0);
        let reading = READINGS.fetch_add(1, Ordering::SeqCst);
        assert!(reading >= 2, "reading {reading} broke off");
        StoredDocument::assemble(document, entries)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_document_whose_reading_panics_is_unreadable_with_the_reason_and_tried_again() {
        let store = SharedStore::new(1);
        let first = Repo::builder(Box::new(store.clone())).build().unwrap();
        let id = first.create().id().clone();
        assert!(first.shutdown().await);

        let mut builder = Repo::builder(Box::new(store));
        builder.assemble = breaking;
        let repo = builder.build().unwrap();
        let patience = Duration::from_secs(60);
        let found = tokio::time::timeout(patience, repo.find(&id)).await.unwrap();
        let Err(FindError::Unreadable { document, reason }) = found else {
            panic!("{:?}", found.map(|_| ()));
        };
        assert_eq!(document, id);
        assert!(reason.contains("reading 0 broke off"), "{reason}");
        // What others ask of the disk meanwhile is answered.
        assert!(repo.list().await.unwrap().contains(&id));
        let note = repo.open(&id);
        let waiting = async {
            let mut reasons = Vec::new();
            while let Err(error) = note.ready().await {
                reasons.push(error.to_string());
            }
            reasons
        };
        let reasons = tokio::time::timeout(patience, waiting).await.unwrap();
        assert!(reasons.iter().all(|reason| reason.contains("reading 1 broke off")), "{reasons:?}");
        assert_eq!(note.availability(), Availability::Ready);
    }
}
