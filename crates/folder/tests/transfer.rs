//! Imports and exports of whole folders.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rejoin_document::{Document, LoadOptions};
use rejoin_folder::disk::{Folder, FolderError};
use rejoin_folder::export::{ExportError, ExportFormat, ExportOptions, ExportReport, export};
use rejoin_folder::import::{ImportError, ImportOptions, ImportReport, import};
use rejoin_notes::folder;
use rejoin_notes::note::Note;
use rejoin_notes::tree::EntryKind;
use rejoin_repo::{AutomergeUrl, DocumentHandle, Repo};
use rejoin_storage::{Batch, ChunkStore, KeyPrefix, MemoryStore, StorageKey, StoreError};

struct Scene {
    repo: Repo,
    home: DocumentHandle,
    scratch: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let repo = Repo::builder(Box::new(MemoryStore::new())).build().unwrap();
        let home = repo.create();
        home.change(None, |tx| folder::create(tx, "Home")).unwrap().unwrap();
        Self { repo, home, scratch: tempfile::tempdir().unwrap() }
    }

    fn save(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.scratch.path().join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    async fn import(&self) -> ImportReport {
        import_into(&self.repo, &self.home, &self.scratch.path().join("in")).await
    }

    async fn export(&self, name: &str, format: ExportFormat) -> Result<ExportReport, ExportError> {
        let options = ExportOptions {
            repo: self.repo.clone(),
            folder: self.home.id().clone(),
            trash: None,
            directory: self.scratch.path().join(name),
            format,
        };
        let mut last = None;
        let report = export(options, |progress| last = Some(progress)).await;
        if let Ok(report) = &report {
            assert_eq!(last.unwrap().done, report.notes + report.missing.len());
        }
        report
    }

    fn text(&self, report: &ImportReport, title: &str) -> String {
        let texts = report.notes.iter().map(|id| {
            self.repo
                .open(id)
                .read(|document| Note::find(&document.view()).unwrap().text(&document.view()))
                .unwrap()
        });
        let mut found = texts.filter(|text| text.contains(title));
        found.next().unwrap_or_else(|| panic!("no note says {title}"))
    }
}

async fn import_into(repo: &Repo, home: &DocumentHandle, directory: &Path) -> ImportReport {
    let options = ImportOptions {
        repo: repo.clone(),
        folder: home.id().clone(),
        directory: directory.to_owned(),
    };
    let done = tokio::task::spawn_blocking(move || import(&options, |_| ()));
    done.await.unwrap().unwrap()
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[tokio::test]
async fn what_is_imported_reads_as_before_and_its_links_lead_to_notes() {
    let scene = Scene::new();
    let plan = "---\ntags: [x]\n---\n# The plan\n[trip](../Trip.md#day) and [[Trip]], [[Nobody]]\n\
        [web](https://a.md) ![p](p.png) [gone](gone.md) `[[Trip]]`\n";
    scene.save("Work/Plan.md", plan);
    scene.save("Trip.md", "# Journey\n[[Plan|the plan]] [p](Work/Plan.md)\n");
    scene.save("plain.md", "no heading, [[plain]]\n");
    scene.save("p.png", [0xff, 0xd8]);
    scene.save("odd.md", [0xff, 0xfe]);
    scene.save(".hidden.md", "x");
    let report = scene.import().await;
    assert_eq!((report.notes.len(), report.folders, report.others), (3, 1, 1));
    assert_eq!(report.left_alone.len(), 1);
    assert_eq!(report.links, 4);
    assert_eq!(report.broken.len(), 1, "{:?}", report.broken);
    assert_eq!(report.broken[0].1, "gone.md");
    let text = scene.text(&report, "# The plan");
    assert!(text.starts_with("---\ntags: [x]\n---\n# The plan\n[trip](automerge:"), "{text}");
    assert!(text.contains("#day) and [[Journey|Trip]], [[Nobody]]\n"), "{text}");
    assert!(text.ends_with("![p](p.png) [gone](gone.md) `[[Trip]]`\n"), "{text}");
    let link = text.split("](").nth(1).unwrap().split('#').next().unwrap();
    let link: AutomergeUrl = link.parse().unwrap();
    assert!(report.notes.contains(&link.document));
    assert!(scene.text(&report, "# Journey").contains("[[The plan|the plan]] [p](automerge:"));
    assert_eq!(scene.text(&report, "no heading"), "no heading, [[plain]]\n");
}

#[tokio::test]
async fn what_is_exported_can_be_followed_from_file_to_file_and_comes_back_the_same() {
    let scene = Scene::new();
    scene.save("Work/My plan.md", "# My plan\n[trip](../Trip.md#day) [[Trip]]\n");
    scene.save("Trip.md", "# Trip\n[[My plan]] [p](Work/My%20plan.md)\n");
    scene.save("Work/Trip.md", "# Trip\nanother\n");
    scene.import().await;
    let report = scene.export("out", ExportFormat::Markdown).await.unwrap();
    assert_eq!((report.notes, report.folders, report.missing.len()), (3, 1, 0));
    let out = scene.scratch.path().join("out");
    assert_eq!(read(&out, "Trip.md"), "# Trip\n[[My plan]] [p](Work/My%20plan.md)\n");
    let plan = read(&out, "Work/My plan.md");
    // Two notes are called so, therefore it was made a link to one of them.
    assert_eq!(plan, "# My plan\n[trip](../Trip.md#day) [Trip](../Trip.md)\n");
    assert_eq!(read(&out, "Work/Trip.md"), "# Trip\nanother\n");
    let again = scene.export("out", ExportFormat::Markdown).await;
    assert!(matches!(again, Err(ExportError::NotEmpty(_))), "{again:?}");
}

#[tokio::test]
async fn files_come_back_byte_by_byte() {
    let scene = Scene::new();
    let files: [(&str, &[u8]); 7] = [
        ("CRLF.md", b"---\r\ntags: [x]\r\n---\r\n# CRLF\r\n[p](Work/Plan.md) [[Plan]]\r\n"),
        ("BOM.md", b"\xef\xbb\xbf# BOM\n[[CRLF|there]]\n"),
        ("Both.md", b"\xef\xbb\xbf# Both\r\nno end"),
        ("Work/Plan.md", b"# Plan\n\n[back](../CRLF.md#x) ![](p.png)\n\n"),
        ("Empty.md", b""),
        ("Caf\u{e9} \u{1f980}.md", "# Caf\u{e9} \u{1f980}\n[[Plan]]\n".as_bytes()),
        ("Returns.md", b"a\rb\n"),
    ];
    for (name, bytes) in files {
        scene.save(name, bytes);
    }
    scene.import().await;
    scene.export("out", ExportFormat::Markdown).await.unwrap();
    for (name, bytes) in files {
        let found = fs::read(scene.scratch.path().join("out").join(name)).unwrap();
        assert_eq!(String::from_utf8(found), String::from_utf8(bytes.to_vec()), "{name}");
    }
    // It is the same when the notes were made before.
    assert_eq!(scene.import().await.known, files.len());
}

#[tokio::test]
async fn documents_are_exported_with_their_history() {
    let scene = Scene::new();
    scene.save("Trip.md", "# Trip\n");
    let note = scene.repo.open(&scene.import().await.notes[0]);
    note.change(Some("more"), |tx| {
        let content = Note::find(&tx.view()).unwrap().content;
        tx.splice_text(content, 7, 0, "pack\n", rejoin_document::TextUnit::Utf16)
    })
    .unwrap()
    .unwrap();
    let report = scene.export("out", ExportFormat::Automerge).await.unwrap();
    assert_eq!(report.notes, 1);
    let bytes = fs::read(scene.scratch.path().join("out/Trip.automerge")).unwrap();
    let document = Document::load(&bytes, LoadOptions::default()).unwrap();
    let expected = note.read(|document| document.heads().to_vec()).unwrap();
    assert_eq!(document.heads(), expected);
    assert_eq!(document.change_count(), 2);
}

#[tokio::test]
async fn only_a_folder_is_exported() {
    let scene = Scene::new();
    let note = scene.repo.create();
    note.change(None, |tx| Note::create(tx, "x").map(drop)).unwrap().unwrap();
    let scene = Scene { home: note, ..scene };
    let refused = scene.export("out", ExportFormat::Markdown).await;
    assert!(matches!(refused, Err(ExportError::NotAFolder)), "{refused:?}");
}

/// A store that keeps every batch, so that a test can say how the disk was after each.
#[derive(Clone, Default)]
struct Recorded {
    held: Arc<Mutex<MemoryStore>>,
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl ChunkStore for Recorded {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.held.lock().unwrap().load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        self.held.lock().unwrap().load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        self.held.lock().unwrap().keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        self.held.lock().unwrap().size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.batches.lock().unwrap().push(batch.clone());
        self.held.lock().unwrap().apply(batch)
    }
}

/// The names of all notes that a folder and those in it list, and of all that are stored.
async fn listed_and_stored(repo: &Repo, home: &DocumentHandle) -> (Vec<String>, usize) {
    let (mut names, mut folders, mut at) = (Vec::new(), vec![home.clone()], 0);
    while let Some(handle) = folders.get(at).cloned() {
        at += 1;
        let listed = handle.read(|document| folder::read(&document.view())).unwrap().unwrap();
        for entry in listed.entries {
            let id = entry.url.parse::<AutomergeUrl>().unwrap().document;
            // What is listed is there.
            let handle = repo.find(&id).await.unwrap();
            match entry.kind {
                EntryKind::Folder => folders.push(handle),
                _ => names.push(format!("{} in {}", entry.name, listed.title)),
            }
        }
    }
    let stored = repo.list().await.unwrap().len();
    names.sort();
    (names, stored - folders.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_ends_anywhere_has_listed_what_it_made_and_the_next_one_goes_on() {
    const FILES: usize = 1300;
    let scratch = tempfile::tempdir().unwrap();
    for number in 0..FILES {
        let directory = scratch.path().join(format!("dir {}/deep", number % 3));
        fs::create_dir_all(&directory).unwrap();
        // They all lead to a note that comes late.
        let text = format!("# N{number}\n[last](../../dir%202/deep/N{}.md)\n", FILES - 1);
        fs::write(directory.join(format!("N{number}.md")), text).unwrap();
    }
    let store = Recorded::default();
    let repo = Repo::builder(Box::new(store.clone())).build().unwrap();
    let home = repo.create();
    home.change(None, |tx| folder::create(tx, "Home")).unwrap().unwrap();
    home.saved().await.unwrap();
    let before = store.batches.lock().unwrap().len();
    assert_eq!(import_into(&repo, &home, scratch.path()).await.notes.len(), FILES);
    let whole = listed_and_stored(&repo, &home).await;
    assert_eq!((whole.0.len(), whole.1), (FILES, FILES));
    let id = home.id().clone();
    let batches = store.batches.lock().unwrap().clone();
    assert!(batches.len() > before + 2, "it is written in groups");
    drop((home, repo));
    for end in before..=batches.len() {
        let mut disk = MemoryStore::new();
        batches[..end].iter().for_each(|batch| disk.apply(batch).unwrap());
        let repo = Repo::builder(Box::new(disk)).build().unwrap();
        let home = repo.find(&id).await.unwrap();
        let (names, stored) = listed_and_stored(&repo, &home).await;
        assert_eq!(names.len(), stored, "every note is listed after {end} batches");
        let report = import_into(&repo, &home, scratch.path()).await;
        assert_eq!((report.notes.len(), report.known), (FILES, stored));
        assert_eq!(listed_and_stored(&repo, &home).await, whole, "after {end} batches");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_deleted_for_good_is_imported_anew_and_what_was_thrown_away_comes_back() {
    let scene = Scene::new();
    scene.save("Trip.md", "# Trip\n");
    scene.save("Plan.md", "# Plan\n");
    let first = scene.import().await.notes;
    assert_eq!(scene.import().await.known, 2);
    for id in &first {
        let url = id.url().to_string();
        scene.home.change(None, |tx| folder::remove(tx, &url, i64::MAX)).unwrap().unwrap();
    }
    scene.repo.delete(&first[0]);
    scene.repo.open(&first[1]).saved().await.unwrap();
    scene.home.saved().await.unwrap();
    let again = scene.import().await;
    assert_eq!((again.notes.len(), again.known), (2, 0));
    assert_ne!(again.notes[0], first[0], "what was deleted stays deleted");
    assert_eq!(again.notes[1], first[1]);
    let (names, _) = listed_and_stored(&scene.repo, &scene.home).await;
    assert_eq!(names, ["Plan in Home", "Trip in Home"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_being_mirrored_is_not_imported() {
    let scene = Scene::new();
    scene.save("Trip.md", "# Trip\n");
    let directory = scene.scratch.path().join("in");
    let _folder = Folder::begin(&directory).unwrap();
    let (repo, folder) = (scene.repo.clone(), scene.home.id().clone());
    let options = ImportOptions { repo, folder, directory };
    let refused = tokio::task::spawn_blocking(move || import(&options, |_| ())).await.unwrap();
    assert!(matches!(refused, Err(ImportError::Folder(FolderError::InUse(_)))), "{refused:?}");
}
