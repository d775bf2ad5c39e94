//! A mirror on a real directory.
#![allow(clippy::unwrap_used, clippy::panic)]
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rejoin_document::TextUnit;
use rejoin_folder::mirror::{Beginning, Mirror, MirrorError, MirrorOptions, MirrorStatus};
use rejoin_notes::folder;
use rejoin_notes::note::Note;
use rejoin_notes::tree::{Entry, EntryKind, Folder};
use rejoin_repo::{AutomergeUrl, DocumentHandle, Repo};
use rejoin_storage::{ChunkStore, MemoryStore, SqliteOptions, SqliteStore};

/// Longer than anything takes here; a test that waits so long has failed.
const LONG: Duration = Duration::from_secs(20);

/// A mirrored folder in a repo of its own.
pub(crate) struct Scene {
    pub(crate) repo: Repo,
    pub(crate) home: DocumentHandle,
    pub(crate) trash: DocumentHandle,
    pub(crate) mirror: Option<Mirror>,
    pub(crate) scratch: tempfile::TempDir,
    /// Opens what the mirror remembers, at each start.
    pub(crate) store: Box<dyn Fn() -> Box<dyn ChunkStore> + Send + Sync>,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let repo = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
        let mut scene = Self::over_new(repo);
        scene.start();
        scene
    }

    /// A scene in a repo that has none yet; its mirror is not started.
    pub(crate) fn over_new(repo: Repo) -> Self {
        let (home, trash) = (repo.create(), repo.create());
        home.change(None, |tx| folder::create(tx, "Home")).unwrap().unwrap();
        trash.change(None, |tx| folder::create(tx, "Trash")).unwrap().unwrap();
        Self::over(repo, home, trash)
    }

    /// A scene whose folders are there; its mirror is not started.
    pub(crate) fn over(repo: Repo, home: DocumentHandle, trash: DocumentHandle) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("memory.sqlite");
        let store = move || -> Box<dyn ChunkStore> {
            Box::new(SqliteStore::open(&path, &SqliteOptions::default()).unwrap())
        };
        Self { repo, home, trash, mirror: None, scratch, store: Box::new(store) }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.scratch.path().join("notes")
    }

    pub(crate) fn start(&mut self) {
        self.try_start(Beginning::default()).unwrap();
    }

    pub(crate) fn try_start(&mut self, beginning: Beginning) -> Result<(), MirrorError> {
        let options = MirrorOptions {
            repo: self.repo.clone(),
            folder: self.home.id().clone(),
            trash: Some(self.trash.id().clone()),
            directory: self.root(),
            store: (self.store)(),
            beginning,
            editor: None,
        };
        self.mirror = Some(Mirror::start(options)?);
        Ok(())
    }

    pub(crate) async fn stop(&mut self) {
        self.mirror.take().unwrap().stop().await;
    }

    pub(crate) fn add_note(&self, name: &str, text: &str) -> DocumentHandle {
        let handle = self.make_note(text);
        self.list(&self.home, &handle, name);
        handle
    }

    /// A note that is listed nowhere.
    pub(crate) fn make_note(&self, text: &str) -> DocumentHandle {
        let handle = self.repo.create();
        handle.change(None, |tx| Note::create(tx, text)).unwrap().unwrap();
        handle
    }

    pub(crate) fn list(&self, folder: &DocumentHandle, handle: &DocumentHandle, name: &str) {
        self.list_as(EntryKind::Note, folder, handle, name, 1);
    }

    fn list_as(
        &self,
        kind: EntryKind,
        folder: &DocumentHandle,
        handle: &DocumentHandle,
        name: &str,
        added: i64,
    ) {
        let (name, url) = (name.into(), handle.url().to_string());
        let entry = Entry { name, kind, url, added, from: None };
        folder.change(None, |tx| folder::add(tx, &entry, 99)).unwrap().unwrap();
    }

    /// A folder in the home folder.
    pub(crate) fn add_folder(&self, name: &str) -> DocumentHandle {
        let handle = self.repo.create();
        handle.change(None, |tx| folder::create(tx, name)).unwrap().unwrap();
        self.list_as(EntryKind::Folder, &self.home, &handle, name, 1);
        handle
    }

    /// Moves a note as the app does.
    pub(crate) fn move_note(
        &self,
        note: &DocumentHandle,
        from: &DocumentHandle,
        to: &DocumentHandle,
        name: &str,
    ) {
        self.list_as(EntryKind::Note, to, note, name, 2);
        let url = note.url().to_string();
        from.change(None, |tx| folder::remove(tx, &url, 1)).unwrap().unwrap();
    }

    pub(crate) fn listed(&self, folder: &DocumentHandle) -> Folder {
        folder.read(|document| folder::read(&document.view())).unwrap().unwrap()
    }

    /// The note that is listed under a name.
    pub(crate) fn note(&self, folder: &DocumentHandle, name: &str) -> Option<DocumentHandle> {
        let entries = self.listed(folder).entries;
        Some(self.document(entries.iter().find(|entry| entry.name == name)?))
    }

    /// What an entry of a folder leads to.
    pub(crate) fn document(&self, entry: &Entry) -> DocumentHandle {
        self.repo.open(&entry.url.parse::<AutomergeUrl>().unwrap().document)
    }

    /// Waits until the mirror is at rest and this holds.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&MirrorStatus) -> bool) {
        self.until_or(&|| what.to_owned(), holds).await;
    }

    async fn until_or(&self, what: &dyn Fn() -> String, holds: impl Fn(&MirrorStatus) -> bool) {
        let mut status = self.mirror.as_ref().unwrap().status();
        let wait = async {
            loop {
                if holds(&status.borrow_and_update()) {
                    return;
                }
                // Files change without a new status, too.
                let soon = Duration::from_millis(20);
                let _ = tokio::time::timeout(soon, status.changed()).await;
            }
        };
        if tokio::time::timeout(LONG, wait).await.is_err() {
            let status = self.mirror.as_ref().unwrap().status();
            panic!("not seen: {}; {:?}", what(), status.borrow());
        }
    }

    pub(crate) async fn until_file(&self, name: &str, text: &str) {
        let path = self.root().join(name);
        let held = || fs::read_to_string(&path).ok();
        let holds = |_: &MirrorStatus| held().as_deref() == Some(text);
        self.until_or(&|| format!("{name} with {text:?}; it says {:?}", held()), holds).await;
    }

    pub(crate) async fn until_note(&self, note: &DocumentHandle, text: &str) {
        let holds = |_: &MirrorStatus| text_of(note) == text;
        self.until_or(&|| format!("a note with {text:?}; it says {:?}", text_of(note)), holds)
            .await;
    }

    pub(crate) async fn until_in_step(&self) {
        self.until("agreement", |status| status.is_in_step).await;
    }
}

pub(crate) fn text_of(note: &DocumentHandle) -> String {
    let read = note.read(|document| {
        let note = Note::find(&document.view()).ok()?;
        Some(note.text(&document.view()))
    });
    read.ok().flatten().unwrap_or_default()
}

pub(crate) fn type_into(note: &DocumentHandle, at: usize, text: &str) {
    let typed = note.change(None, |tx| {
        let content = Note::find(&tx.view()).unwrap().content;
        tx.splice_text(content, at, 0, text, TextUnit::Utf16)
    });
    typed.unwrap().unwrap();
}

pub(crate) fn save_by_rename(path: &Path, text: &str) {
    let other = path.with_extension("tmp");
    fs::write(&other, text).unwrap();
    fs::rename(&other, path).unwrap();
}
