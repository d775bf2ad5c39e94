//! The journal of a draft: what a batched note holds back, kept through a crash.
//!
//! A draft is going to be committed by an actor of its own, which the journal names beforehand. A
//! journal whose actor already has a change in the document is one that a crash left behind after
//! the commit, and is not taken up again: so a draft comes back once or not at all.

use std::io;
use std::path::{Path, PathBuf};

use rejoin_document::{ActorId, Document, RestoreDraftError};
use serde::{Deserialize, Serialize};

use crate::port::ItemId;
use crate::whole_file;

/// What is known of a draft besides its operations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Who commits it.
    pub(crate) actor: ActorId,
    /// How many edits it holds.
    pub(crate) edits: u32,
    /// When the first of them was made, in milliseconds since 1970.
    pub(crate) since: i64,
}

/// Why a draft could not be kept or taken up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    /// The disk did not let us.
    #[error("the draft could not be kept: {0}")]
    Io(#[from] io::Error),
    /// It is not what was written.
    #[error("the journal of the draft is damaged")]
    Damaged,
    /// It does not fit the document.
    #[error(transparent)]
    Restore(#[from] RestoreDraftError),
}

/// The file with the journal of one note's draft.
#[derive(Clone, Debug)]
pub(crate) struct Journal(PathBuf);

#[derive(Serialize, Deserialize)]
struct Written {
    actor: String,
    edits: u32,
    since: i64,
    operations: Vec<u8>,
}

impl Journal {
    /// The journal of a note, in a profile's folder.
    pub(crate) fn of(folder: &Path, note: &ItemId) -> Self {
        Self(folder.join("drafts").join(format!("{}.json", note.0)))
    }

    /// Whether there is a journal.
    pub(crate) fn exists(&self) -> bool {
        self.0.is_file()
    }

    /// What is to be written of a draft; nothing when there is none.
    pub(crate) fn bytes(document: &Document, draft: &Draft) -> Option<Vec<u8>> {
        let operations = document.draft_journal()?;
        let Draft { actor, edits, since } = draft;
        let written =
            Written { actor: actor.to_string(), edits: *edits, since: *since, operations };
        serde_json::to_vec(&written).ok()
    }

    /// Writes it. It is on the disk when this returns.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the journal is as it was before.
    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), JournalError> {
        Ok(whole_file::replace(&self.0, bytes)?)
    }

    /// Removes it, after the draft was committed and that is on the disk, or was thrown away.
    ///
    /// # Errors
    ///
    /// When it cannot be removed.
    pub(crate) fn remove(&self) -> Result<(), JournalError> {
        Ok(whole_file::remove(&self.0)?)
    }

    /// Takes the draft up again, if there is one that was not committed.
    ///
    /// # Errors
    ///
    /// When the journal cannot be read, or does not fit. It stays where it is then.
    pub(crate) fn restore(&self, document: &mut Document) -> Result<Option<Draft>, JournalError> {
        let Some(bytes) = whole_file::read(&self.0)? else { return Ok(None) };
        let written: Written = serde_json::from_slice(&bytes).map_err(|_| JournalError::Damaged)?;
        let actor = ActorId::from_hex(&written.actor).map_err(|_| JournalError::Damaged)?;
        if document.metadata().any(|change| change.actor == actor) {
            self.remove()?;
            return Ok(None);
        }
        document.restore_draft(&written.operations)?;
        Ok(Some(Draft { actor, edits: written.edits, since: written.since }))
    }
}

#[cfg(test)]
mod tests {
    use rejoin_document::{CommitOptions, TextUnit};
    use rejoin_notes::note::Note;

    use super::*;

    fn drafted() -> (Document, Draft) {
        let mut document = Document::new();
        let mut tx = document.transaction(&ActorId::new(b"first"));
        let note = Note::create(&mut tx, "hello").unwrap();
        tx.commit(CommitOptions::default());
        let mut tx = document.draft_transaction();
        tx.splice_text(note.content, 5, 0, "!", TextUnit::Utf16).unwrap();
        tx.keep();
        (document, Draft { actor: ActorId::new(b"second"), edits: 1, since: 7 })
    }

    fn text(document: &Document) -> String {
        Note::find(&document.view()).unwrap().text(&document.view())
    }

    /// The document as it is on the disk: without the draft.
    fn stored(document: &Document) -> Document {
        document.fork_at(document.heads()).unwrap()
    }

    #[test]
    fn a_draft_survives_a_crash_once() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::of(folder.path(), &ItemId("note".to_owned()));
        let (mut document, draft) = drafted();
        journal.write(&Journal::bytes(&document, &draft).unwrap()).unwrap();

        let mut after_crash = stored(&document);
        assert_eq!(text(&after_crash), "hello");
        assert_eq!(journal.restore(&mut after_crash).unwrap(), Some(draft.clone()));
        assert_eq!(text(&after_crash), "hello!");

        document.commit_draft(&draft.actor, CommitOptions::default());
        let mut after_second_crash = stored(&document);
        assert_eq!(journal.restore(&mut after_second_crash).unwrap(), None);
        assert_eq!(text(&after_second_crash), "hello!");
        assert_eq!(journal.restore(&mut document).unwrap(), None);
    }

    #[test]
    fn a_damaged_journal_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::of(folder.path(), &ItemId("note".to_owned()));
        let (document, draft) = drafted();
        journal.write(&Journal::bytes(&document, &draft).unwrap()).unwrap();
        std::fs::write(&journal.0, "{").unwrap();
        let mut after = stored(&document);
        assert!(matches!(journal.restore(&mut after), Err(JournalError::Damaged)));
        assert!(journal.0.is_file());
    }
}
