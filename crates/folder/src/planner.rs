//! What is to be done so that files and notes say the same: a pure function of both and of what is
//! remembered.
//!
//! One plan does not always reach the goal: an edit taken from a file shows in the note first, and
//! the next plan writes the note back. When files and notes agree, the plan is empty.

mod edit;
mod matching;
mod returning;
mod same_file;
mod twins;

pub(crate) use edit::{of_file as edit_of_file, without_deletions};

use std::collections::{BTreeMap, BTreeSet};

use rejoin_document::ChangeHash;
use rejoin_notes::change_set::{ChangeSet, utf16_len};
use same_file::{Files, Found};

use crate::file_path::{FilePath, TRASH, folded, same_name};
use crate::file_text::{FileText, Form, LeftAlone};
use crate::memory::{HeldText, Memory, NoteId, Remembered, Version};

/// The folder's files, as scanned.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Disk {
    /// Every file that may be a note.
    pub files: BTreeMap<FilePath, Result<FileText, LeftAlone>>,
    /// The ids that the folder holds beside its files.
    pub ids: BTreeMap<FilePath, NoteId>,
    /// Directories into which is not looked, and why. Of what lies there nothing is known.
    pub closed: BTreeMap<String, LeftAlone>,
    /// What has a name like a file of a note and is none, as folded paths.
    pub occupied: BTreeSet<String>,
}

impl Disk {
    /// Whether a file lies in a directory into which is not looked.
    pub(crate) fn is_closed(&self, path: &FilePath) -> bool {
        let path = path.as_str();
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        !self.closed.is_empty() && above.into_iter().any(|path| self.closed.contains_key(path))
    }
}

/// A note, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteNow {
    /// Its text.
    pub text: String,
    /// What it is called.
    pub title: String,
    /// The titles of the folders it is in, from the mirrored folder down.
    pub folders: Vec<String>,
    /// Whether it is in the trash.
    pub is_trashed: bool,
    /// Which version this is.
    pub version: Version,
}

/// What is known of how notes came to say what they say. All of it may be unknown; then texts alone
/// are compared.
pub trait History {
    /// The text of a note at a version, and the change from it to what the note says now.
    fn since(&self, note: &NoteId, version: &Version) -> Option<(String, ChangeSet)>;

    /// The change of a note's text from one version to another.
    fn between(&self, note: &NoteId, from: &Version, to: &Version) -> Option<ChangeSet>;

    /// Whether the note said exactly this in one of its versions, here or elsewhere.
    fn said(&self, note: &NoteId, text: &str) -> bool;

    /// What the note said in its last versions, here and elsewhere.
    fn lately(&self, note: &NoteId) -> Vec<(String, Version)>;

    /// Whether an edit of a text that its file held is in the note already, as an edit of a file that was
    /// made after that text.
    fn is_taken(&self, note: &NoteId, held: &HeldText, made: &ChangeSet) -> bool;

    /// Whether two notes were made of the same file, `mine` here and `other` on another machine.
    fn same_file(&self, mine: &NoteId, other: &NoteId) -> Option<SameFile>;

    /// What to take out of the note so that no words are there twice which came on two ways.
    /// `held` are versions from which its file was written.
    fn doubles(&self, note: &NoteId, held: &[Version]) -> Option<ChangeSet>;
}

/// Two notes that two machines have made of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SameFile {
    /// Whether it is the note that was made here that goes. The other machine asks the same, and comes
    /// to the other answer.
    pub mine_goes: bool,
    /// What both said once.
    pub base: String,
}

/// An edit of a file, as a change of the version of the note that the file was of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The version's heads.
    pub base: Vec<ChangeHash>,
    /// The change of the text that the note said there.
    pub changes: ChangeSet,
}

/// The history of a note that said one text once.
#[cfg(test)]
struct Said(&'static str);

#[cfg(test)]
impl Said {
    /// That of which nothing is known.
    const NOTHING: Self = Self("");
}

#[cfg(test)]
impl History for Said {
    fn since(&self, _: &NoteId, _: &Version) -> Option<(String, ChangeSet)> {
        None
    }

    fn between(&self, _: &NoteId, _: &Version, _: &Version) -> Option<ChangeSet> {
        None
    }

    fn said(&self, _: &NoteId, text: &str) -> bool {
        !text.is_empty() && text == self.0
    }

    fn lately(&self, _: &NoteId) -> Vec<(String, Version)> {
        let texts = Some(self.0).filter(|text| !text.is_empty());
        texts.map(|text| (text.to_owned(), Version::default())).into_iter().collect()
    }

    fn is_taken(&self, _: &NoteId, _: &HeldText, _: &ChangeSet) -> bool {
        false
    }

    fn same_file(&self, _: &NoteId, _: &NoteId) -> Option<SameFile> {
        None
    }

    fn doubles(&self, _: &NoteId, _: &[Version]) -> Option<ChangeSet> {
        None
    }
}

impl NoteNow {
    /// What counts as the state of a note that is no longer in the folder: its file goes to the
    /// trash, where it stays.
    pub(crate) fn departed(remembered: &Remembered) -> Self {
        let title = remembered.title.clone();
        let version = Version::default();
        Self { text: String::new(), title, folders: Vec::new(), is_trashed: true, version }
    }
}

/// One thing to do. Those for a file name what it must hold; when it does not, a new plan is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Take an edit of the file into the note.
    Edit {
        /// The note.
        note: NoteId,
        /// The edit, for the note's text as it was planned with.
        changes: ChangeSet,
        /// What the file says.
        read: FileText,
        /// Whether the edit was made on an older text, so that a person should look at it.
        review: bool,
        /// The same edit where it was made, when that is known and the note had no draft.
        made: Option<Made>,
    },
    /// Take out of the note what is there twice, as it was taken in from a file and has come from
    /// elsewhere, too: a file-sync tool was faster with it than the notes' own way.
    Unite {
        /// The note.
        note: NoteId,
        /// What to take out, of the note's text as it was planned with.
        changes: ChangeSet,
        /// The version in which the note says it twice. Another machine may write that to its file.
        merged: Version,
        /// What the note says there.
        merged_text: String,
    },
    /// Remember that the note says in this version, too, what its file says; what was written since
    /// the one that was known is gone again.
    Anchor {
        /// The note.
        note: NoteId,
        /// What both say.
        text: String,
        /// The version.
        version: Version,
    },
    /// Write the note's text to its file.
    Write {
        /// The note.
        note: NoteId,
        /// The file.
        path: FilePath,
        /// What it is to say.
        text: FileText,
        /// What it says before; nothing when it must not be there.
        expected: Option<FileText>,
    },
    /// Give the note's file another name or place, which is free.
    Rename {
        /// The note.
        note: NoteId,
        /// Where the file is.
        from: FilePath,
        /// Where it is to be.
        to: FilePath,
    },
    /// Make a note of a file.
    Create {
        /// The file.
        path: FilePath,
        /// What it says.
        read: FileText,
    },
    /// Remember that this is the note's file; nothing else changes.
    Adopt {
        /// The note.
        note: NoteId,
        /// The file.
        path: FilePath,
        /// What it says.
        read: FileText,
    },
    /// Make a note's file that of another note, of which another machine made a note of its own, and put
    /// the first one into the trash.
    Join {
        /// The note that stays.
        note: NoteId,
        /// The note that was made here.
        mine: NoteId,
        /// The file.
        path: FilePath,
        /// What only the note that goes says, for the other's text as it was planned with.
        changes: ChangeSet,
    },
    /// Put the note where its file was moved to.
    Place {
        /// The note.
        note: NoteId,
        /// Where its file is.
        path: FilePath,
        /// The directories it is in, from the folder down; the trash is not among them.
        folders: Vec<String>,
        /// Whether that is in the trash.
        is_trashed: bool,
    },
    /// Take a file for that of a note whose own file we put elsewhere: a program that knew nothing of it
    /// has saved, or a person has put back what was deleted. Our own file goes.
    Return {
        /// The note.
        note: NoteId,
        /// Where its file is now.
        path: FilePath,
        /// The directories it is in, from the folder down; the trash is not among them.
        folders: Vec<String>,
        /// Our file, if there is one, and what it says.
        ours: Option<(FilePath, FileText)>,
    },
    /// Put the note whose file was deleted into the trash.
    Trash {
        /// The note.
        note: NoteId,
    },
    /// Remember that the file of a note in the trash was deleted.
    Forget {
        /// The note.
        note: NoteId,
    },
}

impl Action {
    /// The note that it is about; none when that is to be made.
    pub fn note(&self) -> Option<&NoteId> {
        match self {
            Self::Create { .. } => None,
            Self::Edit { note, .. }
            | Self::Unite { note, .. }
            | Self::Anchor { note, .. }
            | Self::Write { note, .. }
            | Self::Rename { note, .. }
            | Self::Adopt { note, .. }
            | Self::Join { note, .. }
            | Self::Place { note, .. }
            | Self::Return { note, .. }
            | Self::Trash { note }
            | Self::Forget { note } => Some(note),
        }
    }
}

/// What to do, in order, and what not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// What to do.
    pub actions: Vec<Action>,
    /// Those of them that are written for the first time, and may be the same as a file that is here: it
    /// is too early to say.
    pub doubtful: BTreeSet<NoteId>,
    /// Files that are no notes, and why.
    pub left_alone: BTreeMap<FilePath, LeftAlone>,
    /// How many files are gone, when these are too many to be believed; then nothing is done.
    pub too_many_gone: Option<usize>,
}

/// The notes, as they are now.
#[derive(Debug, Clone, Copy)]
pub struct Notes<'n> {
    /// Those that are here.
    pub now: &'n BTreeMap<NoteId, NoteNow>,
    /// Those that are no longer listed in the folder: somebody took them out of it.
    pub departed: &'n BTreeSet<NoteId>,
}

/// What a plan may assume beside files and notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanOptions {
    /// How many files went in the last minute before this plan.
    pub gone_lately: usize,
    /// The person said that files which are gone are meant to be gone.
    pub deletions_confirmed: bool,
}

/// More files than this, and more than a tenth of all, do not go within a minute by intention.
const MANY: usize = 20;

/// Compares files and notes with what is remembered.
pub fn plan(
    disk: &Disk,
    notes: Notes<'_>,
    memory: &Memory,
    history: &dyn History,
    options: PlanOptions,
) -> Plan {
    let Notes { now: notes, departed } = notes;
    let matched = matching::match_files(disk, notes, memory);
    let mut plan = Plan::default();
    for (path, file) in &disk.files {
        if let Err(reason) = file {
            plan.left_alone.insert(path.clone(), *reason);
        }
    }
    let known = memory.notes.values().filter(|remembered| !remembered.is_deleted).count();
    let gone = matched.gone.len() + options.gone_lately;
    if gone > MANY && gone * 10 > known && !options.deletions_confirmed {
        plan.too_many_gone = Some(gone);
        return plan;
    }
    let mut taken = disk.occupied.clone();
    taken.extend(disk.files.keys().map(|path| folded(path.as_str())));
    for note in &matched.gone {
        // One that was thrown away since its file was last seen elsewhere gets one in the trash.
        let trashed = notes.get(note).is_some_and(|note| note.is_trashed)
            && memory.notes.get(note).is_some_and(|remembered| remembered.is_trashed);
        let note = note.clone();
        plan.actions.push(if trashed { Action::Forget { note } } else { Action::Trash { note } });
    }
    let returning = returning::find(disk, notes, memory, &matched);
    for (note, path) in &matched.files {
        let (Some(now), Some(Ok(read))) = (notes.get(note), disk.files.get(path)) else { continue };
        if returning.contains_key(note) {
            continue;
        }
        let remembered = memory.notes.get(note);
        let pair = Pair { note, now, path, read, remembered };
        plan_file(disk, &pair, history, &mut taken, &mut plan.actions);
    }
    plan_departed(departed, memory, &matched, &mut taken, &mut plan.actions);
    let mut here = None;
    for (note, now) in notes {
        let wanted = match memory.notes.get(note) {
            None => true,
            // A note that was taken out of the trash has a file again.
            Some(remembered) => remembered.is_awaited || remembered.is_deleted && !now.is_trashed,
        };
        if wanted && !matched.files.contains_key(note) && !returning.contains_key(note) {
            if !now.is_trashed && !memory.notes.contains_key(note) {
                let here = here.get_or_insert_with(|| Files::new(disk, notes, memory, &matched));
                match here.find(note, now, history) {
                    Some(Found::Joins(action)) => {
                        plan.actions.push(action);
                        continue;
                    }
                    Some(Found::Waits) => drop(plan.doubtful.insert(note.clone())),
                    None => {}
                }
            }
            let path = free_path(now, &mut taken);
            if disk.is_closed(&path) {
                continue;
            }
            let form = memory.notes.get(note).map_or(Form::default(), |it| it.form);
            let text = FileText { text: now.text.clone(), form };
            plan.actions.push(Action::Write { note: note.clone(), path, text, expected: None });
        }
    }
    let returned: BTreeSet<FilePath> = returning.values().map(|it| it.path.clone()).collect();
    plan.actions.extend(returning.into_iter().map(|(note, found)| found.action(note)));
    for path in &matched.new {
        if let Some(Ok(read)) = disk.files.get(path).filter(|_| !returned.contains(path)) {
            plan.actions.push(Action::Create { path: path.clone(), read: read.clone() });
        }
    }
    plan
}

/// The files of notes that somebody took out of the folder go into the trash.
fn plan_departed(
    departed: &BTreeSet<NoteId>,
    memory: &Memory,
    matched: &matching::Matched,
    taken: &mut BTreeSet<String>,
    actions: &mut Vec<Action>,
) {
    for note in departed {
        let (Some(path), Some(remembered)) = (matched.files.get(note), memory.notes.get(note))
        else {
            continue;
        };
        if !path.is_trash() {
            let to = free_path(&NoteNow::departed(remembered), taken);
            let (note, from) = (note.clone(), path.clone());
            actions.push(Action::Rename { note, from, to });
        }
    }
}

/// What [`plan`] does for some notes, when their files are where they were and nothing else is to be
/// done than carrying text over; `None` when more has to be looked at.
///
/// It costs what these notes do, however many others there are.
pub fn plan_some(
    disk: &Disk,
    notes: &BTreeMap<NoteId, NoteNow>,
    memory: &Memory,
    history: &dyn History,
    some: &BTreeSet<NoteId>,
) -> Option<Vec<Action>> {
    let mut paths = BTreeSet::new();
    let (mut taken, mut actions) = (BTreeSet::new(), Vec::new());
    for note in some {
        let remembered = memory.notes.get(note).filter(|it| !it.is_deleted)?;
        let (now, path) = (notes.get(note)?, &remembered.path);
        let read = disk.files.get(path)?.as_ref().ok()?;
        paths.insert(path);
        let pair = Pair { note, now, path, read, remembered: Some(remembered) };
        plan_file(disk, &pair, history, &mut taken, &mut actions);
    }
    let is_text = |action: &Action| match action {
        // That a file is empty is not believed at once.
        Action::Edit { read, .. } => !read.text.is_empty(),
        Action::Unite { .. } | Action::Anchor { .. } => true,
        Action::Write { expected, .. } => expected.is_some(),
        _ => false,
    };
    // A file that was deleted, and another one in its place, are matched with all the others.
    let sharing = memory.notes.values().filter(|it| paths.contains(&it.path)).count();
    (actions.iter().all(is_text) && sharing == some.len()).then_some(actions)
}

/// A note with its file.
struct Pair<'p> {
    note: &'p NoteId,
    now: &'p NoteNow,
    path: &'p FilePath,
    read: &'p FileText,
    remembered: Option<&'p Remembered>,
}

/// Plans for a note that has a file.
fn plan_file(
    disk: &Disk,
    pair: &Pair<'_>,
    history: &dyn History,
    taken: &mut BTreeSet<String>,
    actions: &mut Vec<Action>,
) {
    let Pair { now, path, read, .. } = *pair;
    let note = pair.note.clone();
    let edit = |changes, review, made| Action::Edit {
        note: note.clone(),
        changes,
        read: read.clone(),
        review,
        made,
    };
    let Some(remembered) = pair.remembered else {
        // A file that says what the note said once is only old.
        if read.text != now.text && !history.said(pair.note, &read.text) {
            actions.push(edit(edit::without_base(&read.text, &now.text), true, None));
        }
        actions.push(Action::Adopt { note, path: path.clone(), read: read.clone() });
        return;
    };
    let held: Vec<Version> = remembered.texts.iter().map(|held| held.version.clone()).collect();
    let doubles = history.doubles(pair.note, &held);
    if let Some(changes) = doubles.filter(|it| it.len_before() == utf16_len(&now.text)) {
        let (merged, merged_text) = (now.version.clone(), now.text.clone());
        actions.push(Action::Unite { note, changes, merged, merged_text });
        return;
    }
    let planned = actions.len();
    let as_remembered = remembered.newest().is_some_and(|held| held.text == read.text);
    if !as_remembered || remembered.form != read.form {
        let made = edit::of_file(pair.note, &read.text, remembered, now, history);
        actions.push(edit(made.changes, made.is_stale, made.made));
    } else if read.text != now.text {
        let text = FileText { text: now.text.clone(), form: read.form };
        actions.push(Action::Write {
            note: note.clone(),
            path: path.clone(),
            text,
            expected: Some(read.clone()),
        });
    } else if remembered.newest().is_some_and(|held| held.version != now.version) {
        let (text, version) = (read.text.clone(), now.version.clone());
        actions.push(Action::Anchor { note: note.clone(), text, version });
    }
    let is_adopted = (remembered.is_deleted || remembered.is_awaited) && actions.len() == planned;
    // Where nothing can be seen nothing is put.
    let place = plan_place(pair, remembered, taken);
    let place = place.filter(|it| !matches!(it, Action::Rename { to, .. } if disk.is_closed(to)));
    if let Some(action) = place {
        actions.push(action);
    } else if is_adopted {
        // The file was put back, or was written before a crash.
        actions.push(Action::Adopt { note, path: path.clone(), read: read.clone() });
    }
}

/// What brings a note and its file to the same place and name.
fn plan_place(
    pair: &Pair<'_>,
    remembered: &Remembered,
    taken: &mut BTreeSet<String>,
) -> Option<Action> {
    let Pair { now, path, .. } = *pair;
    let note = pair.note.clone();
    let mut folders = path.folders();
    if path.is_trash() {
        folders.remove(0);
    }
    if *path != remembered.path {
        let is_trashed = path.is_trash();
        return Some(Action::Place { note, path: path.clone(), folders, is_trashed });
    }
    let to = if now.is_trashed != remembered.is_trashed || now.folders != remembered.folders {
        free_path(now, taken)
    } else if !same_name(&now.title, &remembered.title)
        && same_name(path.stem(), &remembered.title)
        && !same_name(path.stem(), &now.title)
    {
        // The file was named after the note and not by a person, so it follows the note's title.
        free_path(&NoteNow { folders, ..now.clone() }, taken)
    } else {
        return None;
    };
    Some(Action::Rename { note, from: path.clone(), to })
}

fn free_path(now: &NoteNow, taken: &mut BTreeSet<String>) -> FilePath {
    let path = if now.is_trashed {
        FilePath::in_trash(&now.title, |path| taken.contains(path))
    } else {
        FilePath::free(&now.folders, &now.title, |path| taken.contains(path))
    };
    debug_assert_eq!(path.is_trash(), now.is_trashed, "{TRASH} is for what is in the trash");
    taken.insert(folded(path.as_str()));
    path
}

#[cfg(test)]
mod machines;
#[cfg(test)]
mod modes;
#[cfg(test)]
mod tests;
