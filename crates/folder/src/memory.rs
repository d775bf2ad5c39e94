//! What is remembered of each note's file: where it was, and the last texts that it held.

use std::collections::{BTreeMap, VecDeque};

use crate::file_path::FilePath;
use crate::file_text::{FileText, Form};
use crate::planner::{Action, NoteNow};

/// How many texts of a file are remembered.
pub const REMEMBERED_TEXTS: usize = 8;

/// A note, by its document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoteId(pub String);

/// What is remembered of all files; it belongs to one profile and one folder.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// By note.
    pub notes: BTreeMap<NoteId, Remembered>,
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
    /// Whether somebody deleted the file of a note that was in the trash; it is not written again.
    pub is_deleted: bool,
}

/// A text that a file held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldText {
    /// The text.
    pub text: String,
    /// Whether another program wrote it.
    pub by_others: bool,
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
                    remembered.hold(&read.text, true);
                    remembered.form = read.form;
                    remembered.is_deleted = false;
                }
            }
            Action::Write { path, text, expected, .. } => {
                let remembered = self.at(note, path, now);
                if expected.is_none() {
                    remembered.place(path, now);
                }
                remembered.is_deleted = false;
                remembered.form = text.form;
                remembered.hold(&text.text, false);
            }
            Action::Create { path, read } | Action::Adopt { path, read, .. } => {
                let FileText { text, form } = read;
                let remembered = self.at(note, path, now);
                remembered.place(path, now);
                remembered.form = *form;
                remembered.hold(text, true);
            }
            Action::Rename { to: path, .. } | Action::Place { path, .. } => {
                self.at(note, path, now).place(path, now);
            }
            Action::Trash { .. } => {
                self.notes.remove(note);
            }
            Action::Forget { .. } => {
                if let Some(remembered) = self.notes.get_mut(note) {
                    remembered.is_deleted = true;
                }
            }
        }
    }

    fn at(&mut self, note: &NoteId, path: &FilePath, now: &NoteNow) -> &mut Remembered {
        self.notes.entry(note.clone()).or_insert_with(|| Remembered {
            path: path.clone(),
            folders: now.folders.clone(),
            is_trashed: now.is_trashed,
            title: now.title.clone(),
            form: Form::default(),
            texts: VecDeque::new(),
            is_deleted: false,
        })
    }
}

impl Remembered {
    fn place(&mut self, path: &FilePath, now: &NoteNow) {
        self.is_deleted = false;
        self.path = path.clone();
        self.folders.clone_from(&now.folders);
        self.is_trashed = now.is_trashed;
        self.title.clone_from(&now.title);
    }

    /// Notes that the file holds this text now.
    pub fn hold(&mut self, text: &str, by_others: bool) {
        let known = self.texts.iter().position(|held| held.text == text);
        if let Some(at) = known {
            self.texts.remove(at);
        }
        self.texts.push_back(HeldText { text: text.to_owned(), by_others });
        while self.texts.len() > REMEMBERED_TEXTS {
            self.texts.pop_front();
        }
    }

    /// The text that the file holds, as far as is known.
    pub fn newest(&self) -> Option<&HeldText> {
        self.texts.back()
    }
}
