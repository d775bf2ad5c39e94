//! Where imported notes are listed, and how they get there: in groups, each of which the disk holds
//! whole or not at all.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rejoin_document::{CommitOptions, Document};
use rejoin_notes::folder;
use rejoin_notes::tree::{Entry, EntryKind};
use rejoin_repo::{AutomergeUrl, Destination, DocumentHandle, DocumentId, Repo};
use tokio::runtime::Handle;

use super::{ImportError, actor_of};
use crate::file_path::safe_name;

/// So many notes go to the disk at once, at most.
const GROUP: usize = 500;
/// And of so many bytes together, so that a group stays one batch of the store.
const GROUP_BYTES: usize = 4 << 20;
/// A folder that is listed and not here is waited for so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The folders under the one that is imported into, and what is to be written next.
pub(super) struct Listing<'r> {
    repo: &'r Repo,
    shared_with: BTreeSet<Destination>,
    /// By the names of their directories.
    folders: BTreeMap<Vec<String>, DocumentId>,
    /// Everything that any of them lists.
    listed: BTreeSet<DocumentId>,
    made: usize,
    group: Group,
    /// The documents of the group before, which may not be on the disk yet.
    writing: Vec<DocumentHandle>,
    /// Those of folders, which many groups change.
    kept: BTreeMap<DocumentId, DocumentHandle>,
}

/// What is written together.
#[derive(Default)]
struct Group {
    documents: Vec<(DocumentId, Document)>,
    entries: BTreeMap<DocumentId, Vec<Entry>>,
    notes: usize,
    bytes: usize,
}

impl<'r> Listing<'r> {
    /// Reads what the folder and those in it list. Waits for folders that are not in memory, so it
    /// is not for a thread where others wait.
    pub(super) fn read(repo: &'r Repo, root: &DocumentId) -> Result<Self, ImportError> {
        let mut listing = Self {
            repo,
            shared_with: repo.shared_with(root),
            folders: BTreeMap::from([(Vec::new(), root.clone())]),
            listed: BTreeSet::new(),
            made: 0,
            group: Group::default(),
            writing: Vec::new(),
            kept: BTreeMap::new(),
        };
        let mut waiting = vec![(Some(Vec::new()), repo.open(root))];
        let mut seen = BTreeSet::from([root.clone()]);
        while let Some((path, handle)) = waiting.pop() {
            let read = handle.read(|document| folder::read(&document.view()));
            let read =
                if path.as_ref().is_some_and(Vec::is_empty) { read? } else { read.ok().flatten() };
            for entry in read.map(|folder| folder.entries).unwrap_or_default() {
                let Ok(url) = entry.url.parse::<AutomergeUrl>() else { continue };
                let id = url.document;
                listing.listed.insert(id.clone());
                if entry.kind != EntryKind::Folder || !seen.insert(id.clone()) {
                    continue;
                }
                let inner = repo.open(&id);
                let _ = Handle::current()
                    .block_on(async { tokio::time::timeout(PATIENCE, inner.ready()).await });
                let title = inner.read(|document| folder::read(&document.view()));
                let title = title.ok().flatten().map(|folder| folder.title);
                let title = title.filter(|title| !title.is_empty()).unwrap_or(entry.name);
                // Of two folders of one name the first is meant.
                let path = path.as_ref().map(|path| names(&[path.as_slice(), &[title]].concat()));
                let path = path.filter(|path| !listing.folders.contains_key(path));
                if let Some(path) = &path {
                    listing.folders.insert(path.clone(), id);
                }
                waiting.push((path, inner));
            }
            listing.kept.insert(handle.id().clone(), handle);
        }
        Ok(listing)
    }

    /// Whether a note is listed anywhere.
    pub(super) fn lists(&self, note: &DocumentId) -> bool {
        self.listed.contains(note)
    }

    /// How many folders were made.
    pub(super) fn made(&self) -> usize {
        self.made
    }

    /// Puts a note into the group, which is written when it is large: its document when it has to be
    /// made, and its entry when it is not listed.
    pub(super) fn add(
        &mut self,
        note: &DocumentId,
        name: &str,
        directories: &[String],
        document: Option<(Document, usize)>,
    ) -> Result<(), ImportError> {
        let bytes = document.as_ref().map_or(0, |(_, bytes)| *bytes);
        if self.group.notes == GROUP || self.group.bytes + bytes > GROUP_BYTES {
            self.write()?;
        }
        if let Some((document, bytes)) = document {
            self.group.documents.push((note.clone(), document));
            self.group.bytes += bytes;
        }
        if self.listed.insert(note.clone()) {
            let folder = self.folder(directories)?;
            let entry = entry(name, EntryKind::Note, note);
            self.group.entries.entry(folder).or_default().push(entry);
        }
        self.group.notes += 1;
        Ok(())
    }

    /// The folder of a directory, made in the group where it is not there.
    fn folder(&mut self, directories: &[String]) -> Result<DocumentId, ImportError> {
        let mut outer = self.folders[&Vec::new()].clone();
        for depth in 1..=directories.len() {
            let path = names(&directories[..depth]);
            if let Some(id) = self.folders.get(&path) {
                outer = id.clone();
                continue;
            }
            let name = &directories[depth - 1];
            let id = DocumentId::from_random(*uuid::Uuid::new_v4().as_bytes());
            let mut document = Document::new();
            let mut tx = document.transaction(&actor_of(&id, name));
            folder::create(&mut tx, name)?;
            let author = self.repo.author().map(<[u8]>::to_vec);
            tx.commit(CommitOptions { message: None, time: now() / 1000, author });
            self.group.documents.push((id.clone(), document));
            let entry = entry(name, EntryKind::Folder, &id);
            self.group.entries.entry(outer).or_default().push(entry);
            self.folders.insert(path, id.clone());
            self.made += 1;
            outer = id;
        }
        Ok(outer)
    }

    /// Writes the group, when the one before is on the disk: so each is a batch of its own.
    pub(super) fn write(&mut self) -> Result<(), ImportError> {
        self.wait()?;
        let Group { documents, entries, .. } = std::mem::take(&mut self.group);
        let mut touched: BTreeSet<DocumentId> = entries.keys().cloned().collect();
        touched.extend(documents.iter().map(|(id, _)| id.clone()));
        if !self.shared_with.is_empty() {
            for (id, _) in &documents {
                self.repo.share(id, self.shared_with.clone());
            }
        }
        self.repo.together(|repo| {
            for (id, document) in documents {
                repo.create(&id, document);
            }
            for (folder, entries) in &entries {
                repo.change(folder, None, |tx| {
                    entries.iter().try_for_each(|entry| folder::add(tx, entry, usize::MAX))
                })??;
            }
            Ok::<_, ImportError>(())
        })?;
        self.writing = touched.iter().map(|id| self.repo.open(id)).collect();
        for id in entries.into_keys() {
            self.kept.entry(id).or_insert_with_key(|id| self.repo.open(id));
        }
        Ok(())
    }

    /// Waits until everything that was written is on the disk.
    pub(super) fn wait(&mut self) -> Result<(), ImportError> {
        for handle in std::mem::take(&mut self.writing) {
            Handle::current().block_on(handle.saved())?;
        }
        Ok(())
    }
}

fn names(folders: &[String]) -> Vec<String> {
    folders.iter().map(|folder| safe_name(folder)).collect()
}

fn entry(name: &str, kind: EntryKind, id: &DocumentId) -> Entry {
    Entry { name: name.to_owned(), kind, url: id.url().to_string(), added: now(), from: None }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
