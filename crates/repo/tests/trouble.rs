//! Disks that fail, networks that go, clients that misbehave.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rejoin_document::ObjId;
use rejoin_repo::{
    ConnectionError, ConnectionPhase, DocumentEvent, DocumentHandle, DocumentId, DocumentStatus,
    PublishMode, Repo, ServeOnRequest, ShareAll,
};
use rejoin_storage::{
    Batch, ChunkStore, KeyPrefix, MemoryStore, SharedStore, StorageKey, StoreError,
};
use rejoin_websocket::{Admission, DialOptions, ListenOptions, TokenSet, dial};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

fn repo() -> Repo {
    Repo::builder(Box::new(MemoryStore::new())).policy(ShareAll).build().unwrap()
}

fn put(note: &DocumentHandle, key: &str, value: i64) {
    note.change(None, |tx| tx.put(ObjId::ROOT, key, value)).unwrap().unwrap();
}

/// Waits until the status of a note fulfils a condition.
async fn until(note: &DocumentHandle, what: &str, is: impl Fn(&DocumentStatus) -> bool) {
    let mut events = note.subscribe();
    let waiting = async {
        while !note.status().is_some_and(|status| is(&status)) {
            events.next().await.unwrap();
        }
    };
    let result = timeout(PATIENCE, waiting).await;
    assert!(result.is_ok(), "{what}: {:#?}", note.status());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_and_writing_goes_on_when_there_is_room() {
    let store = SharedStore::new(1);
    let repo = Repo::builder(Box::new(store.clone())).build().unwrap();
    let note = repo.create();
    note.saved().await.unwrap();
    let size = store.lock().size(&KeyPrefix::all()).unwrap();
    store.lock().limit(Some(size));

    put(&note, "a", 1);
    assert!(note.saved().await.is_err());
    assert!(repo.storage_error().is_some());
    assert_eq!(note.read(|doc| doc.view().keys(ObjId::ROOT).unwrap()).unwrap(), ["a"]);

    store.lock().limit(None);
    until(&note, "saved after all", |status| status.disk.is_all).await;
    assert!(repo.storage_error().is_none());
    assert!(repo.shutdown().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_does_not_fit_keeps_no_other_off_a_full_disk() {
    let store = SharedStore::new(1);
    let repo = Repo::builder(Box::new(store.clone())).build().unwrap();
    let notes: Vec<_> = (0..10).map(|_| repo.create()).collect();
    for note in &notes {
        note.saved().await.unwrap();
    }
    let size = store.lock().size(&KeyPrefix::all()).unwrap();
    store.lock().limit(Some(size + 4000));

    // However well this is compressed, it stays larger than the room that is left.
    let large: String = (0..500).map(|_| uuid::Uuid::new_v4().to_string()).collect();
    notes[3].change(None, |tx| tx.put(ObjId::ROOT, "large", large.as_str())).unwrap().unwrap();
    for note in &notes {
        put(note, "small", 1);
    }
    for (number, note) in notes.iter().enumerate().filter(|(number, _)| *number != 3) {
        until(note, "a small one is saved", |status| status.disk.is_all).await;
        assert_eq!(note.status().unwrap().disk.error, None, "{number}");
    }
    until(&notes[3], "the large one says so", |status| status.disk.error.is_some()).await;
    assert!(repo.storage_error().is_some());
    assert!(!repo.shutdown().await, "not everything is saved");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_called_saved_survives_the_end_of_the_machine() {
    let store = SharedStore::new(2);
    let first = Repo::builder(Box::new(store.clone())).build().unwrap();
    let note = first.create();
    let id = note.id().clone();
    for number in 0..20 {
        put(&note, "n", number);
        note.saved().await.unwrap();
    }
    store.lock().crash();
    drop((note, first));
    store.lock().restart();
    let second = Repo::builder(Box::new(store)).build().unwrap();
    let note = second.find(&id).await.unwrap();
    assert_eq!(note.read(rejoin_document::Document::change_count).unwrap(), 21);
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_edits_of_both_sides_meet_when_the_network_returns() {
    let server = Repo::builder(Box::new(MemoryStore::new())).policy(ServeOnRequest);
    let server = server.build().unwrap();
    let listening = server.listen(ListenOptions::new("127.0.0.1:0")).await.unwrap();
    let url = format!("ws://{}", listening.address());
    let (first, second) = (repo(), repo());
    for repo in [&first, &second] {
        repo.dial(&url, None);
    }
    let note = first.create();
    let copy = second.open(note.id());
    until(&copy, "found", |status| !status.heads.is_empty()).await;

    first.set_offline(true);
    second.set_offline(true);
    let phase = first.connections()[0].phase;
    assert_eq!(phase, ConnectionPhase::Offline);
    for (handle, key) in [(&note, "first"), (&copy, "second")] {
        handle.set_mode(PublishMode::Live);
        put(handle, key, 1);
    }
    first.set_offline(false);
    second.set_offline(false);
    let both = |handle: &DocumentHandle| {
        handle.read(|doc| doc.view().keys(ObjId::ROOT).unwrap()).unwrap() == ["first", "second"]
    };
    for handle in [&note, &copy] {
        let mut events = handle.subscribe();
        timeout(PATIENCE, async {
            while !both(handle) {
                events.next().await.unwrap();
            }
        })
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_not_there_is_named_in_words() {
    let repo = repo();
    let mut connections = repo.watch_connections();
    repo.dial("ws://127.0.0.1:1", None);
    let waiting = connections.wait_for(|all| all.iter().any(|one| one.last_error.is_some()));
    let error = timeout(PATIENCE, waiting).await.unwrap().unwrap()[0].last_error.clone().unwrap();
    let ConnectionError::Lost(words) = error else { panic!("{error:?}") };
    assert!(words.contains("127.0.0.1:1"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_another_token_has_refused() {
    let server = Repo::builder(Box::new(MemoryStore::new())).policy(ServeOnRequest);
    let server = server.build().unwrap();
    let mut options = ListenOptions::new("127.0.0.1:0");
    options.admission = Admission::Tokens(TokenSet::parse("a-good-secret\n").unwrap());
    let listening = server.listen(options).await.unwrap();
    let repo = repo();
    let mut connections = repo.watch_connections();
    repo.dial(&format!("ws://{}", listening.address()), Some("another-secret".into()));
    let waiting = connections.wait_for(|all| all.iter().any(|one| one.last_error.is_some()));
    let error = timeout(PATIENCE, waiting).await.unwrap().unwrap()[0].last_error.clone().unwrap();
    assert!(matches!(error, ConnectionError::Refused(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_sends_garbage_does_not_disturb_another() {
    let server = Repo::builder(Box::new(MemoryStore::new())).policy(ServeOnRequest);
    let server = server.build().unwrap();
    let listening = server.listen(ListenOptions::new("127.0.0.1:0")).await.unwrap();
    let url = format!("ws://{}", listening.address());
    let good = repo();
    good.dial(&url, None);
    let note = good.create();
    until(&note, "received", |status| status.peers.iter().any(|peer| peer.has_all)).await;

    let (sender, mut receiver) = dial(DialOptions::new(url)).await.unwrap().split();
    sender.send(b"garbage".to_vec()).await.unwrap();
    while let Some(Ok(_)) = timeout(PATIENCE, receiver.recv()).await.unwrap() {}

    note.set_mode(PublishMode::Live);
    put(&note, "still", 1);
    until(&note, "received", |status| status.peers.iter().any(|peer| peer.has_all)).await;
}

/// A store in which something is so wrong that its calls end in a panic.
struct Breaking {
    store: MemoryStore,
    breaks: Arc<AtomicBool>,
}

impl Breaking {
    fn check(&self) {
        assert!(!self.breaks.load(Ordering::SeqCst), "the store is in pieces");
    }
}

impl ChunkStore for Breaking {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.check();
        self.store.load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        self.check();
        self.store.load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        self.check();
        self.store.keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        self.check();
        self.store.size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.check();
        self.store.apply(batch)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_panics_is_one_that_fails_and_is_tried_again() {
    let breaks = Arc::new(AtomicBool::new(false));
    let store = Breaking { store: MemoryStore::new(), breaks: breaks.clone() };
    let repo = Repo::builder(Box::new(store)).build().unwrap();
    let note = repo.create();
    note.saved().await.unwrap();

    breaks.store(true, Ordering::SeqCst);
    put(&note, "a", 1);
    let error = note.saved().await.unwrap_err().to_string();
    assert!(error.contains("the store is in pieces"), "{error}");
    let other = repo.create().id().clone();
    repo.delete(&other);
    let unknown = DocumentId::from_random([7; 16]);
    let error = timeout(PATIENCE, repo.find(&unknown)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("the store is in pieces"), "{error}");
    assert!(repo.list().await.unwrap_err().contains("the store is in pieces"));

    breaks.store(false, Ordering::SeqCst);
    until(&note, "saved after all", |status| status.disk.is_all).await;
    assert!(repo.list().await.unwrap().contains(note.id()));
    assert!(repo.shutdown().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_document_is_gone_from_disk_and_list() {
    let store = SharedStore::new(3);
    let repo = Repo::builder(Box::new(store.clone())).build().unwrap();
    let (kept, gone) = (repo.create(), repo.create());
    for note in [&kept, &gone] {
        note.saved().await.unwrap();
    }
    let mut events = gone.subscribe();
    repo.delete(gone.id());
    assert_eq!(repo.list().await.unwrap(), [kept.id().clone()].into());
    while !matches!(events.next().await, Some(DocumentEvent::Deleted)) {}
    assert!(repo.shutdown().await);
    let prefix = KeyPrefix::new([gone.id().to_string()]).unwrap();
    assert_eq!(store.lock().keys(&prefix).unwrap().len(), 1, "the note of it");
    assert!(repo.find(gone.id()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_write_at_once_and_agree() {
    let server = Repo::builder(Box::new(MemoryStore::new())).policy(ServeOnRequest);
    let server = server.build().unwrap();
    let listening = server.listen(ListenOptions::new("127.0.0.1:0")).await.unwrap();
    let url = format!("ws://{}", listening.address());
    let repos: Vec<_> = (0..12).map(|_| repo()).collect();
    repos.iter().for_each(|repo| {
        repo.dial(&url, None);
    });
    let note = repos[0].create();
    let copies: Vec<_> = repos.iter().map(|repo| repo.open(note.id())).collect();
    for copy in &copies {
        until(copy, "found", |status| !status.heads.is_empty()).await;
        copy.set_mode(PublishMode::Live);
    }
    for round in 0..20 {
        for (number, copy) in copies.iter().enumerate() {
            put(copy, &format!("{number}"), round);
        }
    }
    let changes = 1 + 20 * copies.len();
    for copy in &copies {
        let mut events = copy.subscribe();
        let all = |copy: &DocumentHandle| {
            copy.read(rejoin_document::Document::change_count).unwrap() == changes
        };
        let waiting = async {
            while !all(copy) {
                events.next().await.unwrap();
            }
        };
        assert!(timeout(PATIENCE, waiting).await.is_ok(), "{:?}", copy.status());
    }
    let heads = |copy: &DocumentHandle| copy.read(|doc| doc.heads().to_vec()).unwrap();
    assert!(copies.iter().all(|copy| heads(copy) == heads(&note)));
}
