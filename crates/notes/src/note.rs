//! A note: Markdown in one text object, in the shape that Patchwork gives its Markdown documents.
//!
//! ```json
//! { "@patchwork": { "type": "markdown" }, "content": "# Groceries\n" }
//! ```
//!
//! The older shape with the type `essay` has its text at the same place and is edited as it is.
//! Comments and keys that are not known here are left alone.

use rejoin_document::{
    ChangeHash, Document, ObjId, ObjType, Patch, PatchAction, ScalarValue, TextUnit, Transaction,
    UnknownHeads, Value, View, WriteError,
};

use crate::change_set::{ChangeSet, LengthMismatch, Steps};
use crate::editing::EditedText;
use crate::schema::{DocumentKind, object, string};

const CONTENT_KEY: &str = "content";

/// The key under which is kept how the file was written that the note was made of.
const FILE_KEY: &str = "file";

/// How a file of text is written, besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileForm {
    /// Whether it begins with a byte-order mark.
    pub byte_order_mark: bool,
    /// Whether its lines end with `\r\n`.
    pub carriage_returns: bool,
}

/// Where a note's text lies in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note {
    /// The text object.
    pub content: ObjId,
}

/// Why a document cannot be edited as a note.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotANote {
    /// It has no content yet; this is also what a document is that has not arrived.
    #[error("the document is empty")]
    Empty,
    /// It says that it is something else.
    #[error("the document is a {0}")]
    OtherKind(String),
    /// Its content is not a text that can be edited.
    #[error("the note's content is not a text")]
    NoText,
}

impl Note {
    /// Writes a note into an empty document.
    ///
    /// # Errors
    ///
    /// When the document refuses, as when it has reached its greatest size.
    pub fn create(tx: &mut Transaction<'_>, content: &str) -> Result<Self, WriteError> {
        DocumentKind::Note.write(tx)?;
        let id = tx.put_object(ObjId::ROOT, CONTENT_KEY, ObjType::Text)?;
        tx.splice_text(id, 0, 0, content, TextUnit::Utf16)?;
        Ok(Self { content: id })
    }

    /// Notes how the file is written that the note was made of, if it is not written as most are.
    ///
    /// # Errors
    ///
    /// When the document refuses.
    pub fn made_of(tx: &mut Transaction<'_>, form: FileForm) -> Result<(), WriteError> {
        if form == FileForm::default() {
            return Ok(());
        }
        let file = tx.put_object(ObjId::ROOT, FILE_KEY, ObjType::Map)?;
        tx.put(file, "byteOrderMark", form.byte_order_mark)?;
        tx.put(file, "carriageReturns", form.carriage_returns)
    }

    /// How the file was written that the note was made of.
    pub fn file_form(view: &View<'_>) -> FileForm {
        let file = object(view, ObjId::ROOT, FILE_KEY, ObjType::Map);
        let is_set = |key: &str| {
            let value = file.and_then(|file| view.get(file, key).ok().flatten());
            value == Some(Value::Scalar(ScalarValue::Bool(true)))
        };
        FileForm {
            byte_order_mark: is_set("byteOrderMark"),
            carriage_returns: is_set("carriageReturns"),
        }
    }

    /// Finds the note in a document.
    ///
    /// # Errors
    ///
    /// When the document is not a note. A document that does not say what it is counts as a note
    /// when it has a text as its content.
    pub fn find(view: &View<'_>) -> Result<Self, NotANote> {
        match DocumentKind::of(view) {
            Some(DocumentKind::Note | DocumentKind::Essay) | None => {}
            Some(kind) => return Err(NotANote::OtherKind(kind.name().to_owned())),
        }
        match object(view, ObjId::ROOT, CONTENT_KEY, ObjType::Text) {
            Some(content) => Ok(Self { content }),
            None if view.keys(ObjId::ROOT).is_ok_and(|keys| keys.is_empty()) => {
                Err(NotANote::Empty)
            }
            None => Err(NotANote::NoText),
        }
    }

    /// The note's text.
    pub fn text(&self, view: &View<'_>) -> String {
        view.text(self.content).unwrap_or_default()
    }

    /// The note's text as it was at `heads`; empty before it was written.
    ///
    /// # Errors
    ///
    /// When the document does not have these heads.
    pub fn text_at(document: &Document, heads: &[ChangeHash]) -> Result<String, UnknownHeads> {
        Ok(string(&document.at(heads)?, ObjId::ROOT, CONTENT_KEY).unwrap_or_default())
    }

    /// What patches did to the note's text, which had `length` UTF-16 units before.
    ///
    /// The patches must count in UTF-16 units. Those of other objects are passed over.
    ///
    /// # Errors
    ///
    /// When they do not fit a text of this length, or put another object into the note's place. Then
    /// the note is to be found and its text read again.
    pub fn changes(&self, patches: &[Patch], length: usize) -> Result<ChangeSet, OutOfStep> {
        let mut steps = Steps::new(length);
        for patch in patches {
            let replaced = patch.object == ObjId::ROOT
                && match &patch.action {
                    PatchAction::PutMap { key, value, .. } => {
                        key == CONTENT_KEY && value.as_object() != Some(self.content)
                    }
                    PatchAction::DeleteMap { key } => key == CONTENT_KEY,
                    _ => false,
                };
            if replaced {
                return Err(OutOfStep::Replaced);
            }
            if patch.object != self.content {
                continue;
            }
            match &patch.action {
                PatchAction::SpliceText { index, value, .. } => steps.replace(*index, 0, value)?,
                PatchAction::DeleteSeq { index, length } => steps.replace(*index, *length, "")?,
                PatchAction::Insert { index, values, .. } => {
                    let shown = "\u{fffc}".repeat(values.len());
                    steps.replace(*index, 0, &shown)?;
                }
                _ => {}
            }
        }
        Ok(steps.finish())
    }
}

/// Why patches could not be told as a change of a note's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfStep {
    /// The note's text is another object now.
    #[error("the note's text was replaced by another object")]
    Replaced,
    /// The patches are for a text of another length.
    #[error(transparent)]
    Length(#[from] LengthMismatch),
}

/// A note's text inside a transaction or a draft, to be edited by windows.
///
/// After an error the transaction holds a part of the edit and must be rolled back.
#[derive(Debug)]
pub struct NoteWriter<'t, 'd> {
    tx: &'t mut Transaction<'d>,
    note: Note,
}

/// Why an edit could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The document refused it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It had an effect that cannot be told as a change of the text.
    #[error(transparent)]
    OutOfStep(#[from] OutOfStep),
}

impl<'t, 'd> NoteWriter<'t, 'd> {
    /// Edits `note` in `tx`, whose patches from here on go to the writer.
    pub fn new(tx: &'t mut Transaction<'d>, note: Note) -> Self {
        Self { tx, note }
    }
}

impl EditedText for NoteWriter<'_, '_> {
    type Error = EditError;

    fn apply(&mut self, changes: &ChangeSet) -> Result<ChangeSet, EditError> {
        self.tx.set_log(rejoin_document::PatchLog::active(TextUnit::Utf16));
        let mut length = changes.len_before();
        let mut as_asked = true;
        let mut patches = Vec::new();
        for splice in changes.splices() {
            let (at, deleted, text) = (splice.at, splice.deleted, splice.inserted);
            self.tx.splice_text(self.note.content, at, deleted, text, TextUnit::Utf16)?;
            let step = self.tx.take_patches();
            let effect = self.note.changes(&step, length)?;
            as_asked &= ChangeSet::splice(length, at, deleted, text).is_ok_and(|it| it == effect);
            length = effect.len_after();
            patches.extend(step);
        }
        if as_asked {
            return Ok(changes.clone());
        }
        Ok(self.note.changes(&patches, changes.len_before())?)
    }

    fn text(&self) -> Result<String, EditError> {
        Ok(self.note.text(&self.tx.view()))
    }
}
