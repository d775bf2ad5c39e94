//! What is remembered of each note's file: where it was, and the last texts that it held.

use std::collections::{BTreeMap, VecDeque};

use rejoin_document::ChangeHash;
use sha2::{Digest, Sha256};

use crate::file_path::FilePath;
use crate::file_text::{FileText, Form};
use crate::planner::{Action, NoteNow};

/// How many texts of a file are remembered.
pub const REMEMBERED_TEXTS: usize = 8;

/// Of how many texts before those is known that the file held them.
const FORMER_TEXTS: usize = 256;

/// A note, by its document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteId(pub String);

/// What is remembered of all files; it belongs to one profile and one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// By note.
    pub notes: BTreeMap<NoteId, Remembered>,
    /// Notes on their way to the trash, whose file there is not planned yet.
    leaving: BTreeMap<NoteId, Remembered>,
}

/// What is remembered of one note's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// Where it is.
    pub path: FilePath,
    /// The folders in which the note was when its file was put there.
    pub folders: Vec<String>,
    /// Whether the note was in the trash then.
    pub is_trashed: bool,
    /// The title that the note had then.
    pub title: String,
    /// How the file writes text.
    pub form: Form,
    /// The last texts that the file held, the newest last, each once.
    pub texts: VecDeque<HeldText>,
    /// What it held before, the newest last.
    pub former: VecDeque<FormerText>,
    /// Whether the newest text has been in the file for so long that who writes over it has read it, or
    /// has read none of the later ones: no tool that had compared before is still about to copy.
    pub has_rested: bool,
    /// Whether somebody deleted the file of a note that was in the trash; it is not written again.
    pub is_deleted: bool,
    /// Whether the file is only about to be written for the first time. When it is not there, the process
    /// ended before, and nobody deleted it.
    pub is_awaited: bool,
    /// Whether this is what the disk held at the start, and nothing was done since: a crash may have cut
    /// off the end.
    pub is_recalled: bool,
    /// Where the file was before we put it elsewhere, the newest last. A program that has it open, or
    /// a person who puts it back, knows it there.
    pub left: VecDeque<FilePath>,
    /// A spot that a person has not looked at yet.
    pub review: Option<ReviewMark>,
}

/// A text that a file held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldText {
    /// The text.
    pub text: String,
    /// Whether another program wrote it.
    pub by_others: bool,
    /// Whether the file did not hold it yet, but another machine may write it there.
    pub is_expected: bool,
    /// The note's version that it was written from, or that it was taken into.
    pub version: Version,
}

/// A text that a file held once, and that is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormerText {
    /// By what it is known again.
    pub digest: u64,
    /// Whether another program wrote it.
    pub by_others: bool,
}

impl From<(u64, bool)> for FormerText {
    fn from((digest, by_others): (u64, bool)) -> Self {
        Self { digest, by_others }
    }
}

impl FormerText {
    fn of(held: &HeldText) -> Self {
        Self { digest: digest(&held.text), by_others: held.by_others }
    }
}

fn digest(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// A version of a note: its heads, and how much of a draft lies above them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// The heads; none when the version is not known.
    pub heads: Vec<ChangeHash>,
    /// The draft's length, in operations.
    pub draft: usize,
}

/// A spot where an edit made on an old text was kept beside what came after, for a person to look
/// at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewMark {
    /// Where it is, as a cursor of the document's text; none in a draft.
    pub cursor: Option<String>,
    /// The first words of what was kept.
    pub excerpt: String,
}

impl Memory {
    /// Notes that an action was carried out, with the note as it is after it. For
    /// [`Action::Create`] the note is the new one.
    ///
    /// What a write leaves behind must be noted before it: if the process ends in between, the
    /// file holds a text that is remembered, whichever it is.
    pub fn record(&mut self, action: &Action, note: &NoteId, now: &NoteNow) {
        match action {
            Action::Edit { read, .. } => {
                if let Some(remembered) = self.notes.get_mut(note) {
                    remembered.hold(&read.text, true, &now.version);
                    remembered.form = read.form;
                    remembered.is_deleted = false;
                }
            }
            Action::Write { path, text, expected, .. } => {
                let remembered = self.at(note, path, now);
                if expected.is_none() {
                    remembered.place(path, now);
                    remembered.is_awaited = true;
                }
                remembered.is_deleted = false;
                remembered.form = text.form;
                remembered.hold(&text.text, false, &now.version);
            }
            Action::Create { path, read } | Action::Adopt { path, read, .. } => {
                let FileText { text, form } = read;
                let remembered = self.at(note, path, now);
                remembered.place(path, now);
                remembered.form = *form;
                remembered.hold(text, true, &now.version);
            }
            Action::Unite { merged, merged_text, .. } => {
                let Some(remembered) = self.notes.get_mut(note) else { return };
                remembered.may_hold(merged_text, merged);
            }
            Action::Anchor { text, version, .. } => {
                let remembered = self.notes.get_mut(note).and_then(|it| it.texts.back_mut());
                if let Some(held) = remembered.filter(|held| held.text == *text) {
                    held.version = version.clone();
                }
            }
            Action::Rename { from, to, .. } => {
                let remembered = self.at(note, to, now);
                remembered.leave(from);
                remembered.place(to, now);
            }
            Action::Place { path, .. } | Action::Return { path, .. } => {
                self.at(note, path, now).place(path, now);
            }
            Action::Join { mine, path, .. } => {
                if let Some(mut remembered) = self.notes.remove(mine) {
                    remembered.place(path, now);
                    for held in &mut remembered.texts {
                        // They were versions of the other note.
                        held.version = Version::default();
                    }
                    self.notes.insert(note.clone(), remembered);
                }
            }
            Action::Trash { .. } => {
                if let Some(mut remembered) = self.notes.remove(note) {
                    let path = remembered.path.clone();
                    remembered.leave(&path);
                    self.leaving.insert(note.clone(), remembered);
                }
            }
            Action::Forget { .. } => {
                if let Some(remembered) = self.notes.get_mut(note) {
                    remembered.is_deleted = true;
                }
            }
        }
        if let Some(remembered) = self.notes.get_mut(note) {
            remembered.is_recalled = false;
        }
    }

    /// Notes that a file is there that was to be written.
    pub fn written(&mut self, note: &NoteId) {
        if let Some(remembered) = self.notes.get_mut(note) {
            remembered.is_awaited = false;
        }
    }

    fn at(&mut self, note: &NoteId, path: &FilePath, now: &NoteNow) -> &mut Remembered {
        let leaving = self.leaving.remove(note);
        self.notes.entry(note.clone()).or_insert_with(|| {
            let known = leaving.map(|it| (it.form, it.texts, it.former, it.left));
            let (form, texts, former, left) = known.unwrap_or_default();
            Remembered {
                path: path.clone(),
                folders: now.folders.clone(),
                is_trashed: now.is_trashed,
                title: now.title.clone(),
                form,
                texts,
                former,
                has_rested: false,
                is_deleted: false,
                is_awaited: false,
                is_recalled: false,
                left,
                review: None,
            }
        })
    }
}

impl Remembered {
    fn place(&mut self, path: &FilePath, now: &NoteNow) {
        (self.is_deleted, self.is_awaited) = (false, false);
        self.left.retain(|left| left != path);
        self.path = path.clone();
        self.folders.clone_from(&now.folders);
        self.is_trashed = now.is_trashed;
        self.title.clone_from(&now.title);
    }

    fn leave(&mut self, path: &FilePath) {
        self.left.retain(|left| left != path);
        self.left.push_back(path.clone());
        while self.left.len() > REMEMBERED_TEXTS {
            self.left.pop_front();
        }
    }

    /// Notes that the file holds this text now, which belongs to a version of the note.
    pub fn hold(&mut self, text: &str, by_others: bool, version: &Version) {
        let known = self.texts.iter().position(|held| held.text == text);
        self.has_rested &= known.is_some_and(|at| at + 1 == self.texts.len());
        if let Some(at) = known {
            self.texts.remove(at);
        }
        let (text, version) = (text.to_owned(), version.clone());
        self.texts.push_back(HeldText { text, by_others, is_expected: false, version });
        self.forget();
    }

    fn forget(&mut self) {
        while self.texts.len() > REMEMBERED_TEXTS {
            let held = self.texts.pop_front().filter(|held| !held.is_expected);
            self.former.extend(held.as_ref().map(FormerText::of));
        }
        while self.former.len() > FORMER_TEXTS {
            self.former.pop_front();
        }
    }

    /// Notes that another machine may write this text to the file, which belongs to a version of the
    /// note.
    pub(crate) fn may_hold(&mut self, text: &str, version: &Version) {
        if self.texts.iter().any(|held| held.text == text) {
            return;
        }
        let (text, version) = (text.to_owned(), version.clone());
        let expected = HeldText { text, by_others: false, is_expected: true, version };
        self.texts.insert(self.texts.len().saturating_sub(1), expected);
        self.forget();
    }

    /// What is known of a text that the file held.
    pub fn held(&self, text: &str) -> Option<&HeldText> {
        self.texts.iter().find(|held| held.text == text)
    }

    /// Whether the file held this text once.
    pub fn has_held(&self, text: &str) -> bool {
        let digest = digest(text);
        let is_former = || self.former.iter().any(|former| former.digest == digest);
        self.held(text).is_some_and(|held| !held.is_expected) || is_former()
    }

    /// Whether the file held this text once, and since then only what other programs wrote.
    pub fn only_others_since(&self, text: &str) -> bool {
        let digest = digest(text);
        let held = self.texts.iter().filter(|held| !held.is_expected).map(FormerText::of);
        let all = self.former.iter().copied().chain(held).rev();
        self.has_held(text) && all.take_while(|it| it.digest != digest).all(|it| it.by_others)
    }

    /// The text that the file holds, as far as is known.
    pub fn newest(&self) -> Option<&HeldText> {
        self.texts.back()
    }
}
