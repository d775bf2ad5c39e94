//! Files that were replaced, and are looked at again: a program that had one open at that moment wrote
//! on into it, and its words must not go.

use std::time::{Duration, Instant};

use rejoin_notes::change_set::ChangeSet;

use crate::disk::{Folder, Replaced};
use crate::memory::{HeldText, Memory, NoteId, Remembered, Version};
use crate::planner::{History, NoteNow, edit_of_file, without_deletions};

/// When a file that was replaced is looked at once more. A program that writes in steps has most often
/// done so at the first time.
const LOOKS: [Duration; 3] =
    [Duration::from_millis(150), Duration::from_secs(1), Duration::from_secs(6)];
/// More are not kept; the oldest goes early then.
const MOST: usize = 2000;

/// The files that were replaced a moment ago.
#[derive(Debug, Default)]
pub(super) struct LookingBack(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    note: NoteId,
    file: Replaced,
    /// What it said when it was looked at last; not known at the start.
    held: Option<HeldText>,
    since: Instant,
    looks: usize,
    has_changed: bool,
}

/// What was written into a file after that was replaced.
#[derive(Debug)]
pub(super) struct Late {
    pub(super) note: NoteId,
    at: usize,
    text: String,
    /// The texts that this may be an edit of.
    bases: Remembered,
}

impl LookingBack {
    /// What a process left that ended too early to look.
    pub(super) fn at_the_start(folder: &Folder) -> Self {
        let since = Instant::now();
        let kept = folder.left_replaced().into_iter().map(|(note, file)| Kept {
            note,
            file,
            held: None,
            since,
            looks: 0,
            has_changed: true,
        });
        Self(kept.collect())
    }

    /// A file was replaced that held this.
    pub(super) fn keep(&mut self, note: &NoteId, file: Replaced, held: &HeldText) {
        if self.0.len() >= MOST {
            self.0.remove(0);
        }
        let (note, held, since) = (note.clone(), Some(held.clone()), Instant::now());
        self.0.push(Kept { note, file, held, since, looks: 0, has_changed: false });
    }

    /// When to look next.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|kept| kept.since + LOOKS[kept.looks]).min()
    }

    /// Looks at those that are due; `true` when any of them says something else now.
    pub(super) fn look(&mut self, now: Instant) -> bool {
        for kept in &mut self.0 {
            if kept.since + LOOKS[kept.looks] > now {
                continue;
            }
            let held = kept.held.as_ref().map(|held| held.text.as_str());
            // A file that is empty was cut off, and what it is to say comes yet.
            let read = kept.file.read().filter(|read| !read.text.is_empty());
            kept.has_changed |= read.is_some_and(|read| Some(read.text.as_str()) != held);
            kept.looks += 1;
        }
        self.0.retain(|kept| kept.looks < LOOKS.len() || kept.has_changed);
        self.0.iter_mut().for_each(|kept| kept.looks = kept.looks.min(LOOKS.len() - 1));
        self.0.iter().any(|kept| kept.has_changed)
    }

    /// What was written late. Each is to be given back with [`LookingBack::taken`].
    pub(super) fn written_late(&mut self, memory: &Memory) -> Vec<Late> {
        let mut found = Vec::new();
        for (at, kept) in self.0.iter_mut().enumerate() {
            if !std::mem::take(&mut kept.has_changed) {
                continue;
            }
            let remembered = memory.notes.get(&kept.note);
            let (Some(mut bases), Some(read)) = (remembered.cloned(), kept.file.read()) else {
                continue;
            };
            match &kept.held {
                Some(held) if held.text == read.text => continue,
                Some(held) => {
                    bases.texts = [held.clone()].into();
                    bases.has_rested = false;
                }
                None if bases.held(&read.text).is_some() => continue,
                None if read.text.is_empty() => continue,
                None => {}
            }
            found.push(Late { note: kept.note.clone(), at, text: read.text, bases });
        }
        found
    }

    /// What was written late is in the note now, at this version.
    pub(super) fn taken(&mut self, late: Late, version: Version) {
        if let Some(kept) = self.0.get_mut(late.at) {
            let text = late.text;
            kept.held = Some(HeldText { text, by_others: true, is_expected: false, version });
        }
    }
}

impl Late {
    /// What it changes in the note as it is now; it removes nothing when it is not known of which text
    /// it is an edit.
    pub(super) fn edit(&self, now: &NoteNow, history: &dyn History) -> ChangeSet {
        let edit = edit_of_file(&self.note, &self.text, &self.bases, now, history);
        match self.bases.texts.len() {
            1 => edit.changes,
            _ => without_deletions(&edit.changes),
        }
    }
}
