//! Files that come to where a note's file was before we put it elsewhere.
//!
//! An editor that has a file open saves it under the name that it knows, whatever became of the note's
//! title and folder meanwhile; and a person takes back a deletion. Either means the note.

use std::collections::{BTreeMap, BTreeSet};

use super::matching::{Matched, is_of};
use super::{Action, Disk, NoteNow};
use crate::file_path::FilePath;
use crate::file_text::FileText;
use crate::memory::{Memory, NoteId, Remembered};

/// A file that is a note's again.
#[derive(Debug)]
pub(super) struct Returning {
    pub(super) path: FilePath,
    ours: Option<(FilePath, FileText)>,
}

impl Returning {
    pub(super) fn action(self, note: NoteId) -> Action {
        let Self { path, ours } = self;
        let mut folders = path.folders();
        if path.is_trash() {
            folders.clear();
        }
        Action::Return { note, path, folders, ours }
    }
}

/// The notes whose files are among the new ones.
pub(super) fn find(
    disk: &Disk,
    notes: &BTreeMap<NoteId, NoteNow>,
    memory: &Memory,
    matched: &Matched,
) -> BTreeMap<NoteId, Returning> {
    let (mut found, mut claimed) = (BTreeMap::new(), BTreeSet::new());
    if matched.new.is_empty() {
        return found;
    }
    let left = memory.notes.iter().flat_map(|(note, remembered)| {
        remembered.left.iter().map(move |path| (path, (note, remembered)))
    });
    for (path, (note, remembered)) in left {
        let (true, Some(Ok(read))) = (matched.new.contains(path), disk.files.get(path)) else {
            continue;
        };
        let Some(ours) = own_file(disk, note, remembered, matched) else { continue };
        let is_known = notes.get(note).is_some_and(|now| now.is_trashed == remembered.is_trashed);
        let is_free = !found.contains_key(note) && !claimed.contains(path);
        if is_known && is_free && !is_copy(read, remembered) && is_of(read, remembered) {
            claimed.insert(path);
            found.insert(note.clone(), Returning { path: path.clone(), ours });
        }
    }
    found
}

/// The file that the note has, which says what is remembered; `Some(None)` when a person deleted it
/// from the trash.
fn own_file(
    disk: &Disk,
    note: &NoteId,
    remembered: &Remembered,
    matched: &Matched,
) -> Option<Option<(FilePath, FileText)>> {
    if remembered.is_deleted {
        return Some(None);
    }
    let path = matched.files.get(note).filter(|path| **path == remembered.path)?;
    let read = disk.files.get(path)?.as_ref().ok()?;
    let is_ours = read.text == remembered.newest()?.text;
    is_ours.then(|| Some((path.clone(), read.clone())))
}

/// Whether a file says the same as the note's file says now, unless that lies in the trash.
fn is_copy(read: &FileText, remembered: &Remembered) -> bool {
    let says_it = || remembered.newest().is_some_and(|newest| newest.text == read.text);
    !remembered.is_trashed && says_it()
}
