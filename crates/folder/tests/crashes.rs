//! The process ends between any two writes to the disk: of the notes, of what the mirror remembers,
//! and of files.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::{Scene, save_by_rename, text_of, type_into};
use rejoin_document::TextUnit;
use rejoin_notes::note::Note;
use rejoin_notes::tree::{EntryKind, Node, assemble};
use rejoin_repo::{DocumentHandle, DocumentId, Repo};
use rejoin_storage::{Batch, ChunkStore, KeyPrefix, MemoryStore, StorageKey, StoreError, Write};

/// What is on the disk.
#[derive(Clone, Default, PartialEq)]
struct Disk {
    notes: BTreeMap<StorageKey, Vec<u8>>,
    remembered: BTreeMap<StorageKey, Vec<u8>>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

/// The disk, and how it was before and after each write of either store.
#[derive(Default)]
struct Tape {
    now: Disk,
    directory: PathBuf,
    states: Vec<Disk>,
}

impl Tape {
    fn note(&mut self) {
        self.now.files = all_at_once(&self.directory);
        if self.states.last() != Some(&self.now) {
            self.states.push(self.now.clone());
        }
    }
}

/// The files as they were at one moment: a file that moves meanwhile would be seen at both places.
fn all_at_once(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = files_in(root);
    loop {
        let again = files_in(root);
        if again == files {
            return files;
        }
        files = again;
    }
}

fn files_in(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut waiting) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if let Ok(bytes) = fs::read(&path) {
                files.insert(path.strip_prefix(root).unwrap().to_owned(), bytes);
            }
        }
    }
    files
}

fn is_note(path: &Path) -> bool {
    path.extension().is_some_and(|kind| kind == "md") && !path.starts_with(".rejoin")
}

/// A store whose writes are taped.
struct Taped {
    tape: Arc<Mutex<Tape>>,
    store: MemoryStore,
    is_notes: bool,
}

impl ChunkStore for Taped {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.load(key)
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        self.store.load_range(prefix)
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        self.store.keys(prefix)
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        self.store.size(prefix)
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut tape = self.tape.lock().unwrap();
        tape.note();
        let held = match self.is_notes {
            true => &mut tape.now.notes,
            false => &mut tape.now.remembered,
        };
        for write in batch.writes() {
            match write {
                Write::Put(key, value) => drop(held.insert(key.clone(), value.clone())),
                Write::Delete(key) => drop(held.remove(key)),
            }
        }
        tape.note();
        self.store.apply(batch)
    }
}

fn stored(held: &BTreeMap<StorageKey, Vec<u8>>) -> MemoryStore {
    let (mut store, mut batch) = (MemoryStore::new(), Batch::new());
    for (key, value) in held {
        batch.put(key.clone(), value.clone());
    }
    store.apply(&batch).unwrap();
    store
}

/// The words of the test, each of which is written once: `w1`, `w2` and so on.
fn words(text: &str) -> Vec<String> {
    let is_one =
        |word: &&str| word.strip_prefix('w').is_some_and(|number| number.parse::<u32>().is_ok());
    let parts = text.split(|char: char| !char.is_alphanumeric());
    parts.filter(is_one).map(str::to_owned).collect()
}

/// Every text that lies in the folders of notes, trash and all, where the app shows it: a crash between
/// the two folders of a move leaves a note in both, and it is shown once.
fn all_notes(scene: &Scene) -> Vec<(String, String)> {
    let roots = [scene.home.url().to_string(), scene.trash.url().to_string()];
    let mut folders = BTreeMap::new();
    let mut waiting = vec![scene.home.clone(), scene.trash.clone()];
    while let Some(handle) = waiting.pop() {
        let folder = scene.listed(&handle);
        let inner = folder.entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
        waiting.extend(inner.map(|entry| scene.document(entry)));
        folders.insert(handle.url().to_string(), folder);
    }
    let tree = assemble(&roots.each_ref().map(String::as_str), &folders);
    let mut found = Vec::new();
    let mut shown: Vec<(String, Node)> = Vec::new();
    for (path, nodes) in ["", ".trash/"].into_iter().zip(tree.roots) {
        shown.extend(nodes.into_iter().map(|node| (path.to_owned(), node)));
    }
    while let Some((path, node)) = shown.pop() {
        let path = format!("{path}{}", node.entry.name);
        match node.entry.kind {
            EntryKind::Folder => {
                shown.extend(node.children.into_iter().map(|node| (format!("{path}/"), node)));
            }
            _ => found.push((path, text_of(&scene.document(&node.entry)))),
        }
    }
    found
}

/// Starts again from the disk, and checks what became of everything.
async fn goes_on(at: usize, disk: Disk, home: DocumentId, trash: DocumentId) {
    let repo = Repo::builder(Box::new(stored(&disk.notes))).build().unwrap();
    let mut before: BTreeSet<String> = BTreeSet::new();
    for id in repo.list().await.unwrap() {
        before.extend(words(&text_of(&repo.find(&id).await.unwrap())));
    }
    for (path, bytes) in &disk.files {
        if is_note(path) {
            before.extend(words(std::str::from_utf8(bytes).unwrap()));
        }
    }
    let (home, trash) = (repo.find(&home).await.unwrap(), repo.find(&trash).await.unwrap());
    let mut scene = Scene::over(repo, home, trash);
    fs::create_dir_all(scene.root().join(".rejoin")).unwrap();
    for (path, bytes) in &disk.files {
        let path = scene.root().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let place = scene.root();
    let name = scene.home.id().to_string();
    scene.store = Box::new(move || {
        let mut store = stored(&disk.remembered);
        // The directory is another one only for this test.
        let mut copy = Batch::new();
        let key = StorageKey::new(["mirror", &name, "word", "directory"]).unwrap();
        copy.put(key, place.to_string_lossy().into_owned().into_bytes());
        store.apply(&copy).unwrap();
        Box::new(store)
    });
    scene.start();
    scene.until_in_step().await;
    let notes = all_notes(&scene);
    let mut said: Vec<String> = notes.iter().flat_map(|(_, text)| words(text)).collect();
    said.sort();
    let expected: Vec<String> = {
        let mut expected: Vec<String> = before.into_iter().collect();
        expected.sort();
        expected
    };
    assert_eq!(said, expected, "after {at}: {notes:#?}");
    let files = files_in(&scene.root());
    let files = files.iter().filter(|(path, _)| is_note(path));
    let mut held: Vec<String> =
        files.map(|(_, bytes)| String::from_utf8(bytes.clone()).unwrap()).collect();
    held.sort();
    let mut texts: Vec<String> = notes.iter().map(|(_, text)| text.clone()).collect();
    texts.sort();
    assert_eq!(held, texts, "after {at}");
    let is_wrong = |(path, text): &&(String, String)| {
        path.starts_with(".trash/") && !text.contains("thrown away")
    };
    assert_eq!(notes.iter().find(is_wrong), None, "after {at}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_between_two_writes_has_lost_nothing() {
    ends_between_two_writes(type_into).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_ends_with_a_draft_has_lost_nothing() {
    ends_between_two_writes(draft_into).await;
}

/// Types into the draft of a note, which edits of its file join from then on.
fn draft_into(note: &DocumentHandle, at: usize, words: &str) {
    let typed = note.edit(|document| {
        let content = Note::find(&document.view()).unwrap().content;
        let mut draft = document.draft_transaction();
        draft.splice_text(content, at, 0, words, TextUnit::Utf16).unwrap();
        draft.keep();
    });
    typed.unwrap();
}

/// Writes to notes and files, and then goes on from every state of the disk on the way.
async fn ends_between_two_writes(types: fn(&DocumentHandle, usize, &str)) {
    let tape = Arc::new(Mutex::new(Tape::default()));
    let taped = |is_notes| {
        let tape = tape.clone();
        move || -> Box<dyn ChunkStore> {
            Box::new(Taped { tape: tape.clone(), store: MemoryStore::new(), is_notes })
        }
    };
    let repo = Repo::builder(taped(true)()).build().unwrap();
    let mut scene = Scene::over_new(repo);
    scene.store = Box::new(taped(false));
    let note = scene.add_note("Trip", "# Trip\nw1\n");
    for handle in [&scene.home, &scene.trash, &note] {
        handle.saved().await.unwrap();
    }
    tape.lock().unwrap().directory = scene.root();
    tape.lock().unwrap().states.clear();
    scene.start();
    let root = scene.root();
    let file = root.join("Trip.md");
    scene.until_file("Trip.md", "# Trip\nw1\n").await;
    let mut next = 2;
    let mut fresh = || {
        next += 1;
        format!("w{next}\n")
    };
    for round in 0..4 {
        let word = fresh();
        types(&note, 7, &word);
        let text = fs::read_to_string(&file).unwrap();
        let text = text + &fresh();
        {
            // The other program does not end in the middle of its writing.
            let _not_now = tape.lock().unwrap();
            match round % 2 {
                0 => fs::write(&file, &text).unwrap(),
                _ => save_by_rename(&file, &text),
            }
        }
        // Somebody types while the file is taken in.
        let last = text.lines().last().unwrap().to_owned();
        scene.until("the edit", |_| text_of(&note).contains(&last)).await;
        types(&note, 7, &fresh());
        types(&note, 7, &fresh());
        // Of a draft nobody tells but the app.
        scene.mirror.as_ref().unwrap().draft_changed(note.id());
        let text = text_of(&note);
        scene.until_file("Trip.md", &text).await;
    }
    fs::create_dir(root.join("Work")).unwrap();
    save_by_rename(&root.join("Work/Plan.md"), &format!("# Plan\n{}", fresh()));
    save_by_rename(&root.join("Old.md"), &format!("# Old\nthrown away {}", fresh()));
    scene.until("the new notes", |_| all_notes(&scene).len() == 3).await;
    scene.until_in_step().await;
    fs::rename(&file, root.join("Work/Trip.md")).unwrap();
    scene.until("the move", |_| all_notes(&scene).iter().any(|it| it.0 == "Work/Trip")).await;
    save_by_rename(&root.join("Work/Trip.md"), &(text_of(&note) + &fresh()));
    fs::remove_file(root.join("Old.md")).unwrap();
    scene.until_file(".trash/Old.md", &format!("# Old\nthrown away w{}\n", next - 1)).await;
    scene.until_in_step().await;
    scene.stop().await;
    let (home, trash) = (scene.home.id().clone(), scene.trash.id().clone());
    scene.repo.shutdown().await;
    let states = std::mem::take(&mut tape.lock().unwrap().states);
    assert!(states.len() > 20, "{} states", states.len());
    let all_go_on = async {
        let mut running = tokio::task::JoinSet::new();
        for (at, disk) in states.into_iter().enumerate() {
            running.spawn_local(goes_on(at, disk, home.clone(), trash.clone()));
            if running.len() >= 12 {
                running.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(done) = running.join_next().await {
            done.unwrap();
        }
    };
    tokio::task::LocalSet::new().run_until(all_go_on).await;
}
