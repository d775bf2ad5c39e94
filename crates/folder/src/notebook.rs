//! The notes side of a mirror: the notes under one folder document, and changes to them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rejoin_document::{ChangeHash, Document, WriteError};
use rejoin_notes::change_set::ChangeSet;
use rejoin_notes::editing::EditedText;
use rejoin_notes::note::{EditError, Note, NoteWriter};
use rejoin_notes::tree::{Entry, EntryKind, Folder, Node, assemble};
use rejoin_notes::{folder, title};
use rejoin_repo::{AutomergeUrl, DocumentEvent, DocumentHandle, DocumentId, Repo};
use tokio::sync::Notify;

use crate::file_path::safe_name;
use crate::memory::NoteId;
use crate::planner::NoteNow;

/// The notes in and under a folder.
pub(crate) struct Notebook {
    repo: Repo,
    root: DocumentId,
    trash: DocumentId,
    /// Rung when any of the documents changes.
    changed: Arc<Notify>,
    open: BTreeMap<DocumentId, Open>,
    /// Where each note is listed: the folder document, and its entry there.
    places: BTreeMap<NoteId, (DocumentId, Entry)>,
    /// The folder documents by their titles from the root down.
    folders: BTreeMap<Vec<String>, DocumentId>,
    /// New notes that are not listed in their folder yet.
    unlisted: BTreeMap<DocumentId, Vec<Entry>>,
}

struct Open {
    handle: DocumentHandle,
    /// The text of a note, with the state that it was read at.
    read: Option<(Vec<ChangeHash>, usize, String)>,
    listener: tokio::task::JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Why a note could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotebookError {
    /// A document is not in memory.
    #[error("{0}")]
    NotReady(#[from] rejoin_repo::EditError),
    /// A document refused.
    #[error("{0}")]
    Write(#[from] WriteError),
    /// A note refused.
    #[error("{0}")]
    Edit(#[from] EditError),
    /// The note is not what it was when this was planned.
    #[error("the note has changed meanwhile")]
    Changed,
}

impl Notebook {
    pub(crate) fn new(repo: Repo, root: DocumentId, trash: DocumentId) -> Self {
        Self {
            repo,
            root,
            trash,
            changed: Arc::default(),
            open: BTreeMap::new(),
            places: BTreeMap::new(),
            folders: BTreeMap::new(),
            unlisted: BTreeMap::new(),
        }
    }

    /// Whether the note was listed anywhere at the last [`Notebook::read`].
    pub(crate) fn lists(&self, note: &NoteId) -> bool {
        self.places.contains_key(note)
    }

    /// What is rung when any of the documents changes.
    pub(crate) fn changed(&self) -> Arc<Notify> {
        self.changed.clone()
    }

    /// The notes that are here now. Those that have not arrived yet are left out; `None` when a
    /// folder has not arrived, as then nothing can be said of what is missing.
    pub(crate) fn read(&mut self) -> Option<BTreeMap<NoteId, NoteNow>> {
        let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
        let (root, trash) = (self.root.url().to_string(), self.trash.url().to_string());
        let mut waiting = vec![root.clone(), trash.clone()];
        let mut used: BTreeSet<String> = BTreeSet::new();
        while let Some(url) = waiting.pop() {
            if folders.contains_key(&url) {
                continue;
            }
            let id = document_of(&url)?;
            used.insert(id.to_string());
            let read = self.open(&id).handle.read(|document| folder::read(&document.view()));
            let read = read.ok().flatten()?;
            let inner = read.entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
            waiting.extend(inner.map(|entry| entry.url.clone()));
            folders.insert(url, read);
        }
        let tree = assemble(&[&root, &trash], &folders);
        self.places.clear();
        self.folders.clear();
        self.folders.insert(Vec::new(), self.root.clone());
        let mut notes = BTreeMap::new();
        let (root, trash) = (self.root.clone(), self.trash.clone());
        for (nodes, folder, is_trashed) in
            [(&tree.roots[0], root, false), (&tree.roots[1], trash, true)]
        {
            self.read_nodes(nodes, &folder, &[], is_trashed, &mut notes, &mut used);
        }
        self.open.retain(|id, _| used.contains(id.as_str()));
        Some(notes)
    }

    fn read_nodes(
        &mut self,
        nodes: &[Node],
        folder: &DocumentId,
        path: &[String],
        is_trashed: bool,
        notes: &mut BTreeMap<NoteId, NoteNow>,
        used: &mut BTreeSet<String>,
    ) {
        for node in nodes {
            let Some(id) = document_of(&node.entry.url) else { continue };
            match node.entry.kind {
                EntryKind::Folder => {
                    let handle = self.open(&id).handle.clone();
                    let title = handle.read(|document| folder::read(&document.view()));
                    let title = title.ok().flatten().map_or(String::new(), |folder| folder.title);
                    let title = if title.is_empty() { node.entry.name.clone() } else { title };
                    let inner = [path, &[title]].concat();
                    if !is_trashed {
                        self.folders.entry(names(&inner)).or_insert_with(|| id.clone());
                    }
                    self.read_nodes(&node.children, &id, &inner, is_trashed, notes, used);
                }
                EntryKind::Note => {
                    used.insert(id.to_string());
                    let note = NoteId(id.to_string());
                    self.places.insert(note.clone(), (folder.clone(), node.entry.clone()));
                    if let Some(text) = self.text(&id) {
                        let title = title::title(&text).unwrap_or_else(|| node.entry.name.clone());
                        let folders = if is_trashed { Vec::new() } else { path.to_vec() };
                        notes.insert(note, NoteNow { text, title, folders, is_trashed });
                    }
                }
                EntryKind::Other(_) => {}
            }
        }
    }

    /// A note's text, a draft included; `None` while it is not here.
    fn text(&mut self, id: &DocumentId) -> Option<String> {
        let open = self.open(id);
        let known = &open.read;
        let read = open.handle.read(|document| {
            let (heads, draft) = (document.heads(), document.draft_len());
            match known {
                Some((at, length, text)) if at == heads && *length == draft => {
                    Some((heads.to_vec(), draft, text.clone()))
                }
                _ => {
                    let note = Note::find(&document.view()).ok()?;
                    Some((heads.to_vec(), draft, note.text(&document.view())))
                }
            }
        });
        open.read = read.ok().flatten();
        open.read.as_ref().map(|(_, _, text)| text.clone())
    }

    fn open(&mut self, id: &DocumentId) -> &mut Open {
        let (repo, root, changed) = (&self.repo, &self.root, &self.changed);
        self.open.entry(id.clone()).or_insert_with(|| {
            // What is in the folder goes where the folder goes, and is looked for there.
            if repo.shared_with(id).is_empty() {
                repo.share(id, repo.shared_with(root));
            }
            let handle = repo.open(id);
            let (mut events, changed) = (handle.subscribe(), changed.clone());
            let listener = tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if matches!(event, DocumentEvent::Ready | DocumentEvent::Changed { .. }) {
                        changed.notify_one();
                    }
                }
            });
            Open { handle, read: None, listener }
        })
    }

    /// Takes an edit that was planned with `before` into a note; into its draft when it has one.
    pub(crate) fn edit(
        &mut self,
        note: &NoteId,
        before: &str,
        changes: &ChangeSet,
    ) -> Result<(), NotebookError> {
        if changes.is_identity() {
            return Ok(());
        }
        let handle = self.handle(note)?;
        let has_draft = handle.read(|document| document.draft_len() > 0)?;
        if has_draft {
            handle.edit(|document: &mut Document| {
                let note = unchanged(document, before)?;
                let mut draft = document.draft_transaction();
                NoteWriter::new(&mut draft, note).apply(changes)?;
                draft.keep();
                Ok(())
            })?
        } else {
            handle.change(None, |tx| {
                let note = Note::find(&tx.view()).map_err(|_| NotebookError::Changed)?;
                if note.text(&tx.view()) != before {
                    return Err(NotebookError::Changed);
                }
                NoteWriter::new(tx, note).apply(changes)?;
                Ok(())
            })?
        }
    }

    /// Makes a note, to be listed under a name by [`Notebook::list_new`].
    pub(crate) fn create(
        &mut self,
        text: &str,
        name: &str,
        folders: &[String],
        is_trashed: bool,
    ) -> Result<NoteId, NotebookError> {
        let folder = if is_trashed { self.trash.clone() } else { self.folder(folders)? };
        let handle = self.repo.create();
        handle.change(None, |tx| Note::create(tx, text))??;
        let entry = entry(name, EntryKind::Note, &handle);
        self.unlisted.entry(folder.clone()).or_default().push(entry.clone());
        let note = NoteId(handle.id().to_string());
        self.open(handle.id());
        self.places.insert(note.clone(), (folder, entry));
        Ok(note)
    }

    /// Puts a note into other folders or the trash: it is listed there before it is taken out here.
    pub(crate) fn place(
        &mut self,
        note: &NoteId,
        folders: &[String],
        is_trashed: bool,
    ) -> Result<(), NotebookError> {
        let target = if is_trashed { self.trash.clone() } else { self.folder(folders)? };
        let Some((source, old)) = self.places.get(note).cloned() else { return Ok(()) };
        if target == source {
            return Ok(());
        }
        let from = is_trashed.then(|| source.url().to_string());
        let entry = Entry { added: now().max(old.added + 1), from, ..old.clone() };
        self.list(&target, &entry)?;
        let handle = self.open(&source).handle.clone();
        handle.change(None, |tx| folder::remove(tx, &old.url, old.added))??;
        self.places.insert(note.clone(), (target, entry));
        Ok(())
    }

    /// Lists the new notes in their folders, with one change for each folder.
    pub(crate) fn list_new(&mut self) -> Result<(), NotebookError> {
        for (folder, entries) in std::mem::take(&mut self.unlisted) {
            let handle = self.open(&folder).handle.clone();
            handle.change(None, |tx| {
                entries.iter().try_for_each(|entry| folder::add(tx, entry, usize::MAX))
            })??;
        }
        Ok(())
    }

    fn list(&mut self, folder: &DocumentId, entry: &Entry) -> Result<(), NotebookError> {
        let handle = self.open(folder).handle.clone();
        handle.change(None, |tx| folder::add(tx, entry, usize::MAX))??;
        Ok(())
    }

    /// The folder with these names from the root down, made where it is not there.
    fn folder(&mut self, folders: &[String]) -> Result<DocumentId, NotebookError> {
        let mut at = self.root.clone();
        for depth in 1..=folders.len() {
            let path = names(&folders[..depth]);
            if let Some(id) = self.folders.get(&path) {
                at = id.clone();
                continue;
            }
            let title = &folders[depth - 1];
            let handle = self.repo.create();
            handle.change(None, |tx| folder::create(tx, title))??;
            self.open(handle.id());
            self.list(&at, &entry(title, EntryKind::Folder, &handle))?;
            at = handle.id().clone();
            self.folders.insert(path, at.clone());
        }
        Ok(at)
    }

    fn handle(&mut self, note: &NoteId) -> Result<DocumentHandle, NotebookError> {
        let id = note.0.parse().map_err(|_| NotebookError::Changed)?;
        Ok(self.open(&id).handle.clone())
    }
}

/// The note of a document whose text is still `before`.
fn unchanged(document: &Document, before: &str) -> Result<Note, NotebookError> {
    let note = Note::find(&document.view()).map_err(|_| NotebookError::Changed)?;
    if note.text(&document.view()) == before { Ok(note) } else { Err(NotebookError::Changed) }
}

fn entry(name: &str, kind: EntryKind, handle: &DocumentHandle) -> Entry {
    Entry { name: name.to_owned(), kind, url: handle.url().to_string(), added: now(), from: None }
}

fn document_of(url: &str) -> Option<DocumentId> {
    url.parse::<AutomergeUrl>().ok().map(|url| url.document)
}

fn names(folders: &[String]) -> Vec<String> {
    folders.iter().map(|folder| safe_name(folder)).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
