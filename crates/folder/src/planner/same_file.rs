//! One file of which two machines have made a note each: a file-sync tool brought it to both before
//! either knew of the other's note.

use std::collections::BTreeMap;

use rejoin_notes::change_set::{ChangeSet, Order};

use super::matching::Matched;
use super::{Action, Disk, History, NoteNow, SameFile, twins};
use crate::file_path::FilePath;
use crate::memory::{Memory, NoteId};

/// The notes that have a file here, by folder and title.
#[derive(Debug)]
pub(super) struct Files<'p> {
    disk: &'p Disk,
    notes: &'p BTreeMap<NoteId, NoteNow>,
    memory: &'p Memory,
    by_title: BTreeMap<(&'p [String], &'p str), (&'p NoteId, &'p FilePath)>,
}

/// What is to be done with a note that has no file here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The file here is its file, and the note that was made of it here goes.
    Joins(Action),
    /// The other machine is about to join it to the note here; until then it gets no file.
    Waits,
}

impl<'p> Files<'p> {
    pub(super) fn new(
        disk: &'p Disk,
        notes: &'p BTreeMap<NoteId, NoteNow>,
        memory: &'p Memory,
        matched: &'p Matched,
    ) -> Self {
        let files = matched.files.iter().filter(|(note, path)| {
            !path.is_trash() && memory.notes.get(*note).is_some_and(|it| it.path == **path)
        });
        let by_title = files.filter_map(|(note, path)| {
            let now = notes.get(note).filter(|now| !now.is_trashed)?;
            Some(((now.folders.as_slice(), now.title.as_str()), (note, path)))
        });
        Self { disk, notes, memory, by_title: by_title.collect() }
    }

    /// Looks for a file here of which a note was made that others have as `other`.
    pub(super) fn find(
        &self,
        other: &NoteId,
        now: &NoteNow,
        history: &dyn History,
    ) -> Option<Found> {
        let (mine, path) = *self.by_title.get(&(now.folders.as_slice(), now.title.as_str()))?;
        let SameFile { mine_goes, base } = history.same_file(mine, other)?;
        if !mine_goes {
            return Some(Found::Waits);
        }
        let Some(Ok(read)) = self.disk.files.get(path) else { return Some(Found::Waits) };
        // First the file and its note agree, so that nothing is on its way between them.
        let said = &self.notes.get(mine)?.text;
        let held = &self.memory.notes.get(mine)?.newest()?.text;
        if *said != read.text || *held != read.text {
            return Some(Found::Waits);
        }
        let since = ChangeSet::between(&base, &now.text);
        let made = twins::without(&ChangeSet::between(&base, said), &since, &base);
        let changes = made.map(&since, Order::After).ok()?;
        let (note, mine, path) = (other.clone(), mine.clone(), path.clone());
        Some(Found::Joins(Action::Join { note, mine, path, changes }))
    }
}
