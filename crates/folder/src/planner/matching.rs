//! Which file belongs to which note.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_notes::change_set::{ChangeSet, utf16_len};

use super::{Disk, NoteNow};
use crate::file_path::{FilePath, safe_name};
use crate::file_text::FileText;
use crate::memory::{Memory, NoteId, Remembered};

/// What belongs together, and what to nothing.
#[derive(Debug, Default)]
pub(super) struct Matched {
    /// The file of each note that has one.
    pub(super) files: BTreeMap<NoteId, FilePath>,
    /// Notes whose file is gone.
    pub(super) gone: BTreeSet<NoteId>,
    /// Files that belong to no note.
    pub(super) new: BTreeSet<FilePath>,
}

/// A file is a note's by its place, then by its id, then by its content (it was moved or renamed).
/// A copy is nobody's.
pub(super) fn match_files(
    disk: &Disk,
    notes: &BTreeMap<NoteId, NoteNow>,
    memory: &Memory,
) -> Matched {
    let mut matched = Matched::default();
    let mut free: BTreeSet<&FilePath> = disk.files.keys().collect();
    let mut missing: Vec<&NoteId> = Vec::new();
    for (note, remembered) in &memory.notes {
        if free.remove(&remembered.path) {
            matched.files.insert(note.clone(), remembered.path.clone());
        } else if !remembered.is_deleted
            && !remembered.is_awaited
            && !disk.is_closed(&remembered.path)
        {
            missing.push(note);
        }
    }
    let mut ids: BTreeMap<&NoteId, Vec<&FilePath>> = BTreeMap::new();
    for path in &free {
        if let Some(id) = disk.ids.get(*path) {
            ids.entry(id).or_default().push(path);
        }
    }
    let by_id = |free: &BTreeSet<&FilePath>, note: &NoteId| {
        ids.get(note)?.iter().find(|path| free.contains(**path)).map(|path| (*path).clone())
    };
    for note in missing {
        let path = by_id(&free, note).or_else(|| by_content(&free, disk, memory, note));
        match path {
            Some(path) => {
                free.remove(&path);
                matched.files.insert(note.clone(), path);
            }
            // A note that is not in the list now may only not have been read yet.
            None if notes.contains_key(note) => {
                matched.gone.insert(note.clone());
            }
            None => {}
        }
    }
    // A note whose file somebody deleted from the trash, and that came back; or that has moved before
    // it was known to be there.
    let without = |it: &Remembered| it.is_deleted || it.is_awaited;
    let deleted = memory.notes.iter().filter(|(_, it)| without(it)).map(|(note, _)| note);
    let unknown = notes.keys().filter(|note| !memory.notes.contains_key(note));
    for note in unknown.chain(deleted) {
        if matched.files.contains_key(note) {
            continue;
        }
        let path = by_id(&free, note).or_else(|| by_place(&free, disk, notes.get(note)?));
        if let Some(path) = path {
            free.remove(&path);
            matched.files.insert(note.clone(), path);
        }
    }
    let is_text = |path: &&FilePath| matches!(disk.files.get(path), Some(Ok(_)));
    matched.new = free.into_iter().filter(is_text).cloned().collect();
    matched
}

/// The free file that says what the note's file said last, one with the same name before others; else
/// the one with the same name that says most of it, which was moved and edited.
fn by_content(
    free: &BTreeSet<&FilePath>,
    disk: &Disk,
    memory: &Memory,
    note: &NoteId,
) -> Option<FilePath> {
    let remembered = memory.notes.get(note)?;
    let held = &remembered.newest()?.text;
    let says_it = |path: &&&FilePath| match disk.files.get(**path) {
        Some(Ok(read)) => read.text == *held,
        _ => false,
    };
    let mut found: Vec<&FilePath> = free.iter().filter(says_it).copied().collect();
    found.sort_by_key(|path| (path.stem() != remembered.path.stem(), *path));
    // Empty files all look alike; only the name tells them apart.
    let tells = |path: &&FilePath| !held.trim().is_empty() || path.stem() == remembered.path.stem();
    let moved = found.into_iter().find(tells);
    let was_edited = |path: &&&FilePath| {
        let is_anothers = disk.ids.get(**path).is_some_and(|id| id != note);
        let says_most =
            || matches!(disk.files.get(**path), Some(Ok(read)) if is_of(read, remembered));
        path.stem() == remembered.path.stem() && !is_anothers && says_most()
    };
    moved.or_else(|| free.iter().find(was_edited).copied()).cloned()
}

/// Whether a file says what the note's file said once, or most of it.
pub(super) fn is_of(read: &FileText, remembered: &Remembered) -> bool {
    remembered.texts.iter().any(|held| {
        let length = utf16_len(&held.text);
        let made = ChangeSet::between_words(&held.text, &read.text);
        let deleted: usize = made.splices().map(|splice| splice.deleted).sum();
        !held.text.trim().is_empty() && 2 * (length - deleted) >= length
    })
}

/// The free file where the note would be written, if it says what the note says.
fn by_place(free: &BTreeSet<&FilePath>, disk: &Disk, now: &NoteNow) -> Option<FilePath> {
    let names = |folders: &[String]| folders.iter().map(|it| safe_name(it)).collect::<Vec<_>>();
    let folders = names(&now.folders);
    let fits = |path: &&&FilePath| {
        let says_it = matches!(disk.files.get(**path), Some(Ok(read)) if read.text == now.text);
        says_it
            && path.is_trash() == now.is_trashed
            && (now.is_trashed || names(&path.folders()) == folders)
    };
    free.iter().find(fits).map(|path| (*path).clone())
}
