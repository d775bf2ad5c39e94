//! The notes side of a mirror: the notes under one folder document, and changes to them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, CursorSide, Document, PatchLog, TextUnit, WriteError,
};
use rejoin_notes::change_set::{ChangeSet, Splice, utf16_len};
use rejoin_notes::editing::EditedText;
use rejoin_notes::note::{EditError, Note, NoteWriter};
use rejoin_notes::tree::{Entry, EntryKind, Folder, Node, assemble};
use rejoin_notes::{folder, title};
use rejoin_repo::{AutomergeUrl, DocumentEvent, DocumentHandle, DocumentId, Repo};
use tokio::sync::Notify;
use uuid::Uuid;

use crate::file_path::safe_name;
use crate::history::{self, FROM_FILE, Known, version_of};
use crate::memory::{HeldText, NoteId, ReviewMark, Version};
use crate::planner::{History, Made, NoteNow, SameFile};

/// Who writes edits of files into notes that somebody else keeps open, as an app does: it knows of
/// drafts, windows and undo.
pub trait NoteEditor: Send + Sync {
    /// Takes an edit of the text `before` into a note, with [`FROM_FILE`] as its message when it
    /// is committed.
    ///
    /// # Errors
    ///
    /// When the note says something else by now, or refuses.
    fn edit(&self, note: &DocumentId, before: &str, edit: &FileEdit<'_>)
    -> Result<(), EditRefused>;
}

/// An edit of a file, for its note.
#[derive(Debug, Clone, Copy)]
pub struct FileEdit<'e> {
    /// The change of the note's text as it is now. A draft takes this.
    pub changes: &'e ChangeSet,
    /// The same edit where it was made, when that is known.
    made: Option<&'e Made>,
}

impl FileEdit<'_> {
    /// Commits the edit upon the version that the file was of, when that is not the newest; `false` when
    /// it is, or that cannot be done: then `changes` are to be written as any others are.
    ///
    /// `actor` is the one who writes to the document; `options` are as for a change of theirs. What it
    /// does to the newest text goes to `log`.
    pub fn commit_upon_older(
        &self,
        document: &mut Document,
        actor: &ActorId,
        options: CommitOptions,
        log: &mut PatchLog,
    ) -> bool {
        let is_older = |made: &&Made| made.base != document.heads();
        let Some(made) = self.made.filter(is_older).filter(|_| document.draft_len() == 0) else {
            return false;
        };
        let actor = history::actor_beside(actor, Uuid::new_v4().into_bytes());
        history::write_upon(document, made, &actor, options, log).is_some()
    }
}

/// What an edit did.
#[derive(Debug)]
pub(crate) struct Edited {
    /// The note's version that says what was taken in.
    pub(crate) version: Version,
    /// The change of the note's text.
    pub(crate) changes: ChangeSet,
}

/// Why an edit was not taken into a note.
#[derive(Debug, thiserror::Error)]
pub enum EditRefused {
    /// The note is not what it was when the edit was planned.
    #[error("the note has changed meanwhile")]
    Changed,
    /// It cannot be written now.
    #[error("{0}")]
    Other(String),
}

/// The notes in and under a folder.
pub(crate) struct Notebook {
    repo: Repo,
    root: DocumentId,
    trash: DocumentId,
    changed: Arc<ChangedDocuments>,
    open: BTreeMap<DocumentId, Open>,
    /// The notes that are here, as they were read last.
    notes: BTreeMap<NoteId, NoteNow>,
    /// Where each note is listed.
    places: BTreeMap<NoteId, Place>,
    /// All folders were here at the last reading.
    is_read: bool,
    /// The folder documents by their titles from the root down.
    folders: BTreeMap<Vec<String>, DocumentId>,
    /// What was written and may not be on the disk yet.
    written: BTreeMap<DocumentId, DocumentHandle>,
    /// New notes that are not listed in their folder yet.
    unlisted: BTreeMap<DocumentId, Vec<Entry>>,
    editor: Option<Arc<dyn NoteEditor>>,
    /// The documents behind urls.
    ids: HashMap<String, DocumentId>,
    /// Which notes say nothing twice.
    asked: RefCell<BTreeMap<NoteId, Asked>>,
}

/// The documents that changed since they were read.
#[derive(Debug, Default)]
pub(crate) struct ChangedDocuments {
    ids: Mutex<BTreeSet<DocumentId>>,
    rung: Notify,
}

impl ChangedDocuments {
    /// Tells of a change.
    pub(crate) fn tell(&self, id: DocumentId) {
        self.note(id);
        self.rung.notify_one();
    }

    /// Waits for the next change.
    pub(crate) async fn next(&self) {
        self.rung.notified().await;
    }

    /// Notes a change that somebody is looking for already.
    fn note(&self, id: DocumentId) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    fn take(&self) -> BTreeSet<DocumentId> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What was read again.
#[derive(Debug)]
pub(crate) enum Refreshed {
    /// All notes, as folders changed.
    All,
    /// These.
    Notes(BTreeSet<NoteId>),
}

/// Where a note is listed.
#[derive(Debug, Clone)]
struct Place {
    /// The folder document, and its entry there.
    folder: DocumentId,
    entry: Entry,
    /// The titles of the folders, from the root down.
    folders: Vec<String>,
    is_trashed: bool,
}

struct Open {
    handle: DocumentHandle,
    /// What a note says, with the version that it was read at.
    read: Option<(Version, Said)>,
    /// What a folder lists, with the heads that it was read at.
    folder: Option<(Vec<ChangeHash>, Folder)>,
    listener: tokio::task::JoinHandle<()>,
}

/// What is known of a note that was asked whether it says anything twice.
#[derive(Default)]
struct Asked {
    /// The version in which it does not.
    version: Version,
    known: Known,
}

/// What a note says.
#[derive(Clone)]
struct Said {
    text: String,
    title: Option<String>,
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
    /// Whoever edits for the mirror could not.
    #[error("{0}")]
    Other(String),
}

impl From<EditRefused> for NotebookError {
    fn from(refused: EditRefused) -> Self {
        match refused {
            EditRefused::Changed => Self::Changed,
            EditRefused::Other(reason) => Self::Other(reason),
        }
    }
}

impl Notebook {
    pub(crate) fn new(
        repo: Repo,
        root: DocumentId,
        trash: DocumentId,
        editor: Option<Arc<dyn NoteEditor>>,
    ) -> Self {
        Self {
            repo,
            root,
            trash,
            changed: Arc::default(),
            open: BTreeMap::new(),
            notes: BTreeMap::new(),
            places: BTreeMap::new(),
            is_read: false,
            folders: BTreeMap::new(),
            written: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            editor,
            ids: HashMap::new(),
            asked: RefCell::default(),
        }
    }

    /// What was written since this was last asked. Only when it is on the disk may the disk say that
    /// it was: else a crash leaves a mirror that believes to have taken in what nobody has any more.
    pub(crate) fn take_written(&mut self) -> Vec<DocumentHandle> {
        std::mem::take(&mut self.written).into_values().collect()
    }

    /// A note is about to be written to its file, which must not know more than the disk.
    pub(crate) fn rely_on(&mut self, note: &NoteId) {
        if let Ok(handle) = self.handle(note) {
            self.written.insert(handle.id().clone(), handle);
        }
    }

    /// Whether the note was listed anywhere when the folders were read last.
    pub(crate) fn lists(&self, note: &NoteId) -> bool {
        self.places.contains_key(note)
    }

    /// Whether notes are listed that have not arrived yet.
    pub(crate) fn is_arriving(&self) -> bool {
        self.notes.len() < self.places.len()
    }

    /// The documents that changed since they were read.
    pub(crate) fn changed(&self) -> Arc<ChangedDocuments> {
        self.changed.clone()
    }

    /// The notes that were here at the last [`Notebook::refresh`]. Those that had not arrived yet
    /// are left out.
    pub(crate) fn notes(&self) -> &BTreeMap<NoteId, NoteNow> {
        &self.notes
    }

    /// Reads what has changed; `None` when a folder has not arrived, as then nothing can be said of
    /// what is missing.
    pub(crate) fn refresh(&mut self) -> Option<Refreshed> {
        let changed = self.changed.take();
        let notes: BTreeSet<NoteId> = changed.iter().map(|id| NoteId(id.to_string())).collect();
        if self.is_read && notes.iter().all(|note| self.places.contains_key(note)) {
            changed.iter().for_each(|id| self.read_note(id));
            return Some(Refreshed::Notes(notes));
        }
        self.is_read = false;
        self.read_all()?;
        self.is_read = true;
        Some(Refreshed::All)
    }

    fn read_all(&mut self) -> Option<()> {
        let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
        let (root, trash) = (self.root.url().to_string(), self.trash.url().to_string());
        let mut waiting = vec![root.clone(), trash.clone()];
        let mut used: BTreeSet<String> = BTreeSet::new();
        while let Some(url) = waiting.pop() {
            if folders.contains_key(&url) {
                continue;
            }
            let id = self.document_of(&url)?;
            used.insert(id.to_string());
            let read = self.folder_now(&id)?;
            let inner = read.entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
            waiting.extend(inner.map(|entry| entry.url.clone()));
            folders.insert(url, read);
        }
        let tree = assemble(&[&root, &trash], &folders);
        self.places.clear();
        self.folders.clear();
        self.folders.insert(Vec::new(), self.root.clone());
        self.notes.clear();
        let (root, trash) = (self.root.clone(), self.trash.clone());
        for (nodes, folder, is_trashed) in
            [(&tree.roots[0], root, false), (&tree.roots[1], trash, true)]
        {
            let read = &folders;
            self.read_nodes(nodes, read, &folder, &[], is_trashed, &mut used);
        }
        self.open.retain(|id, _| used.contains(id.as_str()));
        Some(())
    }

    fn read_nodes(
        &mut self,
        nodes: &[Node],
        read: &BTreeMap<String, Folder>,
        folder: &DocumentId,
        path: &[String],
        is_trashed: bool,
        used: &mut BTreeSet<String>,
    ) {
        for node in nodes {
            let Some(id) = self.document_of(&node.entry.url) else { continue };
            match node.entry.kind {
                EntryKind::Folder => {
                    let title = read.get(&node.entry.url).map(|folder| folder.title.clone());
                    let title = title.filter(|title| !title.is_empty());
                    let title = title.unwrap_or_else(|| node.entry.name.clone());
                    let inner = [path, &[title]].concat();
                    if !is_trashed {
                        self.folders.entry(names(&inner)).or_insert_with(|| id.clone());
                    }
                    self.read_nodes(&node.children, read, &id, &inner, is_trashed, used);
                }
                EntryKind::Note => {
                    used.insert(id.to_string());
                    let folders = if is_trashed { Vec::new() } else { path.to_vec() };
                    let (folder, entry) = (folder.clone(), node.entry.clone());
                    let place = Place { folder, entry, folders, is_trashed };
                    self.places.insert(NoteId(id.to_string()), place);
                    self.read_note(&id);
                }
                EntryKind::Other(_) => {}
            }
        }
    }

    /// Reads a note that is listed; it is left out while it is not here.
    fn read_note(&mut self, id: &DocumentId) {
        let note = NoteId(id.to_string());
        let (Some(place), said) = (self.places.get(&note).cloned(), self.said_now(id)) else {
            return;
        };
        let Some((version, Said { text, title })) = said else {
            self.notes.remove(&note);
            return;
        };
        let title = title.unwrap_or(place.entry.name);
        let (folders, is_trashed) = (place.folders, place.is_trashed);
        self.notes.insert(note, NoteNow { text, title, folders, is_trashed, version });
    }

    /// A note's version and what it says, a draft included; `None` while it is not here.
    fn said_now(&mut self, id: &DocumentId) -> Option<(Version, Said)> {
        let open = self.open(id);
        let known = &open.read;
        let read = open.handle.read(|document| {
            let is_same = |version: &Version| {
                version.heads == document.heads() && version.draft == document.draft_len()
            };
            if known.as_ref().is_some_and(|(version, _)| is_same(version)) {
                return None;
            }
            let text = Note::find(&document.view()).ok()?.text(&document.view());
            let title = title::title(&text);
            Some((version_of(document), Said { text, title }))
        });
        match read {
            Ok(Some(read)) => open.read = Some(read),
            Ok(None) => {}
            Err(_) => open.read = None,
        }
        open.read.clone()
    }

    /// What a folder lists now; `None` while it is not here.
    fn folder_now(&mut self, id: &DocumentId) -> Option<Folder> {
        let open = self.open(id);
        let known = open.folder.as_ref();
        let read = open.handle.read(|document| {
            if known.is_some_and(|(heads, _)| heads == document.heads()) {
                return known.cloned();
            }
            Some((document.heads().to_vec(), folder::read(&document.view())?))
        });
        open.folder = read.ok().flatten();
        open.folder.as_ref().map(|(_, folder)| folder.clone())
    }

    /// The document behind a url; reading urls costs a checksum each.
    fn document_of(&mut self, url: &str) -> Option<DocumentId> {
        if let Some(id) = self.ids.get(url) {
            return Some(id.clone());
        }
        let id = url.parse::<AutomergeUrl>().ok().map(|url| url.document)?;
        self.ids.insert(url.to_owned(), id.clone());
        Some(id)
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
            let document = id.clone();
            let listener = tokio::spawn(async move {
                while let Some(event) = events.next().await {
                    if matches!(event, DocumentEvent::Ready | DocumentEvent::Changed { .. }) {
                        changed.tell(document.clone());
                    }
                }
            });
            Open { handle, read: None, folder: None, listener }
        })
    }

    /// Takes an edit that was planned with `before` into a note, into its draft when it has one. Where
    /// it was made is known, it is committed there.
    pub(crate) fn edit(
        &mut self,
        note: &NoteId,
        before: &str,
        changes: &ChangeSet,
        made: Option<&Made>,
    ) -> Result<Edited, NotebookError> {
        let handle = self.handle(note)?;
        // What is known of it is old, whether the edit is taken or refused.
        self.changed.note(handle.id().clone());
        let from = handle.read(version_of)?;
        if changes.is_identity() {
            return Ok(Edited { version: from, changes: changes.clone() });
        }
        self.written.insert(handle.id().clone(), handle.clone());
        let edit = FileEdit { changes, made };
        match &self.editor {
            Some(editor) => editor.edit(handle.id(), before, &edit)?,
            None => self.commit(&handle, before, &edit)?,
        }
        let base = made.filter(|made| from.draft == 0 && made.base != from.heads);
        let done = base.and_then(|made| {
            handle.read(|document| history::found_upon(document, &from, made)).ok().flatten()
        });
        if let Some((version, changes)) = done {
            return Ok(Edited { version, changes });
        }
        Ok(Edited { version: handle.read(version_of)?, changes: changes.clone() })
    }

    /// Takes an edit into a note that nobody else keeps open.
    fn commit(
        &self,
        handle: &DocumentHandle,
        before: &str,
        edit: &FileEdit<'_>,
    ) -> Result<(), NotebookError> {
        let actor = handle.actor();
        let options = CommitOptions {
            message: Some(FROM_FILE.to_owned()),
            time: now() / 1000,
            author: self.repo.author().map(<[u8]>::to_vec),
        };
        let is_done = handle.edit(|document: &mut Document| {
            let note = unchanged(document, before)?;
            if document.draft_len() > 0 {
                let mut draft = document.draft_transaction();
                NoteWriter::new(&mut draft, note).apply(edit.changes)?;
                draft.keep();
                return Ok(true);
            }
            let log = &mut PatchLog::inactive();
            Ok::<_, NotebookError>(edit.commit_upon_older(document, &actor, options, log))
        })??;
        if is_done {
            return Ok(());
        }
        handle.change(Some(FROM_FILE), |tx| {
            let note = Note::find(&tx.view()).map_err(|_| NotebookError::Changed)?;
            if note.text(&tx.view()) != before {
                return Err(NotebookError::Changed);
            }
            NoteWriter::new(tx, note).apply(edit.changes)?;
            Ok(())
        })??;
        Ok(())
    }

    /// A mark at the first words that an edit put into a note's text, which now has them.
    pub(crate) fn mark(&mut self, note: &NoteId, changes: &ChangeSet) -> Option<ReviewMark> {
        let says_something = |splice: &Splice<'_>| splice.inserted.contains(char::is_alphanumeric);
        let found = changes.replacements().find(says_something);
        let Splice { new_at: at, inserted: text, .. } =
            found.or_else(|| changes.replacements().last())?;
        let blank = utf16_len(text) - utf16_len(text.trim_start());
        let cursor = self.handle(note).ok()?.read(|document| {
            let view = document.view();
            let content = Note::find(&view).ok()?.content;
            view.cursor(content, at + blank, TextUnit::Utf16, CursorSide::After).ok()
        });
        let cursor = cursor.ok().flatten().map(|cursor| cursor.to_string());
        let line = text.trim().lines().next().unwrap_or_default();
        Some(ReviewMark { cursor, excerpt: line.chars().take(80).collect() })
    }

    /// The version of a note now.
    pub(crate) fn version(&mut self, note: &NoteId) -> Version {
        let handle = self.handle(note).ok();
        handle.and_then(|handle| handle.read(version_of).ok()).unwrap_or_default()
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
        handle.change(Some(FROM_FILE), |tx| Note::create(tx, text))??;
        self.written.insert(handle.id().clone(), handle.clone());
        let entry = entry(name, EntryKind::Note, &handle);
        self.unlisted.entry(folder.clone()).or_default().push(entry.clone());
        let note = NoteId(handle.id().to_string());
        self.open(handle.id());
        self.places
            .insert(note.clone(), Place { folder, entry, folders: folders.to_vec(), is_trashed });
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
        let Some(place) = self.places.get(note).cloned() else { return Ok(()) };
        let (source, old) = (place.folder, place.entry);
        if target == source {
            return Ok(());
        }
        let from = is_trashed.then(|| source.url().to_string());
        let entry = Entry { added: now().max(old.added + 1), from, ..old.clone() };
        self.list(&target, &entry)?;
        let handle = self.open(&source).handle.clone();
        self.changed.note(source);
        self.written.insert(handle.id().clone(), handle.clone());
        handle.change(None, |tx| folder::remove(tx, &old.url, old.added))??;
        let folders = folders.to_vec();
        self.places.insert(note.clone(), Place { folder: target, entry, folders, is_trashed });
        Ok(())
    }

    /// Lists the new notes in their folders, with one change for each folder.
    pub(crate) fn list_new(&mut self) -> Result<(), NotebookError> {
        for (folder, entries) in std::mem::take(&mut self.unlisted) {
            let handle = self.open(&folder).handle.clone();
            self.changed.note(folder.clone());
            self.written.insert(folder, handle.clone());
            handle.change(None, |tx| {
                entries.iter().try_for_each(|entry| folder::add(tx, entry, usize::MAX))
            })??;
        }
        Ok(())
    }

    fn list(&mut self, folder: &DocumentId, entry: &Entry) -> Result<(), NotebookError> {
        let handle = self.open(folder).handle.clone();
        self.changed.note(folder.clone());
        self.written.insert(folder.clone(), handle.clone());
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
            self.written.insert(handle.id().clone(), handle.clone());
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

impl History for Notebook {
    fn since(&self, note: &NoteId, version: &Version) -> Option<(String, ChangeSet)> {
        self.look(note, |document| history::since(document, version))
    }

    fn between(&self, note: &NoteId, from: &Version, to: &Version) -> Option<ChangeSet> {
        self.look(note, |document| history::between(document, from, to))
    }

    fn said(&self, note: &NoteId, text: &str) -> bool {
        self.look(note, |document| Some(history::said(document, text))).unwrap_or(false)
    }

    fn lately(&self, note: &NoteId) -> Vec<(String, Version)> {
        self.look(note, |document| Some(history::lately(document))).unwrap_or_default()
    }

    fn is_taken(&self, note: &NoteId, held: &HeldText, made: &ChangeSet) -> bool {
        self.look(note, |document| Some(history::is_taken(document, held, made))).unwrap_or(false)
    }

    fn same_file(&self, mine: &NoteId, other: &NoteId) -> Option<SameFile> {
        // One document at a time can be looked at.
        let other_document = self.look(other, |document| Some(document.clone()))?;
        self.look(mine, |document| history::same_file((mine, document), (other, &other_document)))
    }

    fn doubles(&self, note: &NoteId, held: &[Version]) -> Option<ChangeSet> {
        let version = self.look(note, |document| Some(version_of(document)))?;
        let mut asked = self.asked.borrow_mut();
        let asked = asked.entry(note.clone()).or_default();
        // As long as the note does not change, the answer does not.
        if asked.version == version {
            return None;
        }
        let found = self.look(note, |document| history::doubles(document, held, &mut asked.known));
        if found.is_none() {
            asked.version = version;
        }
        found
    }
}

impl Notebook {
    fn look<R>(&self, note: &NoteId, read: impl FnOnce(&Document) -> Option<R>) -> Option<R> {
        let id: DocumentId = note.0.parse().ok()?;
        self.open.get(&id)?.handle.read(read).ok().flatten()
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

fn names(folders: &[String]) -> Vec<String> {
    folders.iter().map(|folder| safe_name(folder)).collect()
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
