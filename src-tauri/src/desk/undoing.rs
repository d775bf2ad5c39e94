//! Undo and redo of this person's edits of a note, kept over a restart.

use std::path::{Path, PathBuf};

use rejoin_document::{
    ChangeHash, Document, PatchLog, TextUnit, UndoGrouping, UndoHistory, UndoInto,
};
use rejoin_notes::change_set::{ChangeSet, Section, utf16_len};
use rejoin_notes::editing::{Selection, Version};

use super::edited::Writing;
use super::editing::opened;
use super::open_note::{WINDOW, shown};
use super::{Desk, State, now};
use crate::port::{
    BackendError, ChangeSetJson, ItemId, RemoteOrigin, UndoDirection, UndoReply, UndoRequest,
};
use crate::whole_file;

/// What is undone together: what was typed without a pause, but no more than a few words. Who types for
/// minutes does not lose all of it at once.
const TOGETHER: UndoGrouping = UndoGrouping { pause: 700, lasting: 10_000, operations: 200 };

/// Where a document stood before an edit.
pub(super) struct Before {
    heads: Vec<ChangeHash>,
    draft: usize,
}

impl Before {
    /// Where it stands now.
    pub(super) fn of(document: &Document) -> Self {
        Self { heads: document.heads().to_vec(), draft: document.draft_len() }
    }

    /// Records in a history what this person has written since, which was `changes`. A line that was
    /// ended is not undone with what is written on the next.
    pub(super) fn record(
        &self,
        history: &mut UndoHistory,
        document: &Document,
        changes: &ChangeSet,
    ) {
        let at = now().max(0).unsigned_abs();
        if document.draft_len() > self.draft {
            history.record_draft(self.draft..document.draft_len(), at, TOGETHER);
        } else if document.heads() != self.heads
            && let [change] = document.heads()
        {
            history.record(document, change, at, TOGETHER);
        }
        if ends_line(changes) {
            history.close_step();
        }
    }
}

fn ends_line(changes: &ChangeSet) -> bool {
    changes.sections().iter().any(
        |section| matches!(section, Section::Replace { inserted, .. } if inserted.contains('\n')),
    )
}

impl Desk {
    /// Takes the last own edit back, or makes it again.
    ///
    /// # Errors
    ///
    /// When the note is not open, or the document refuses.
    pub(crate) fn undo(
        &self,
        id: &ItemId,
        request: &UndoRequest,
    ) -> Result<UndoReply, BackendError> {
        let mut state = self.lock();
        if let Some(edited) = &mut opened(&mut state, id)?.edited
            && let Some(version) = request.confirms
        {
            edited.session().confirm(WINDOW, Version(version.into()));
        }
        // Whatever the window lacks goes first. It asks again when it has that.
        self.pump(&mut state, id);
        let version = opened(&mut state, id)?.version();
        if version != request.version {
            return Ok(UndoReply::Stale { version });
        }
        let writing = self.writing(&mut state, id)?;
        let is_draft = matches!(writing, Writing::Draft);
        let mut history = self.take_history(&mut state, id);
        let open = opened(&mut state, id)?;
        open.origin = (RemoteOrigin::Restore, None);
        let done = open.handle.clone().edit(|document| {
            open.drain(document);
            let edited = open.edited.as_mut().ok_or_else(|| BackendError::not_found("text"))?;
            let log = PatchLog::active(TextUnit::Utf16);
            let into = match &writing {
                Writing::Commit { actor, options } => UndoInto::Change(actor, options.clone()),
                Writing::Draft => UndoInto::Draft,
            };
            let undone = match request.direction {
                UndoDirection::Undo => history.undo(document, into, log)?,
                UndoDirection::Redo => history.redo(document, into, log)?,
            };
            let Some(undone) = undone else { return Ok(None) };
            let length = edited.session().length();
            let effect = edited.note().changes(&undone.patches, length);
            let effect = effect.unwrap_or_else(|_| ChangeSet::identity(length));
            let selection = caret_after(&effect);
            edited.answer(document, Some(WINDOW), &effect, selection);
            let batch = edited.flush(WINDOW, now());
            if let Some(batch) = &batch {
                // The answer is this batch; that the window has it need not be said again.
                edited.session().confirm(WINDOW, batch.version);
            }
            Ok::<_, BackendError>(batch)
        });
        state.histories.insert(id.clone(), history);
        let Some(batch) = done?? else { return Ok(UndoReply::Nothing) };
        self.edited_here(&mut state, id, is_draft);
        self.pump(&mut state, id);
        Ok(UndoReply::Accepted {
            version: shown(batch.version),
            changes: ChangeSetJson::from(&batch.changes),
            selection: batch.selection.map(Into::into),
        })
    }

    /// The history of a note, to be put back: as it is in memory, as it was kept, or a new one.
    pub(super) fn take_history(&self, state: &mut State, id: &ItemId) -> UndoHistory {
        if let Some(history) = state.histories.remove(id) {
            return history;
        }
        let kept = whole_file::read(&self.history_file(id)).ok().flatten();
        let handle = state.handle(id).ok();
        let read = kept.zip(handle).and_then(|(bytes, handle)| {
            handle.read(|document| UndoHistory::from_bytes(document, &bytes).ok()).ok()?
        });
        read.unwrap_or_default()
    }

    /// Keeps the history of a note on the disk. It is a convenience: its loss is only logged.
    pub(super) fn keep_history(&self, state: &State, id: &ItemId) {
        let (Some(history), Ok(handle)) = (state.histories.get(id), state.handle(id)) else {
            return;
        };
        if let Ok(bytes) = handle.read(|document| history.to_bytes(document))
            && let Err(error) = whole_file::replace(&self.history_file(id), &bytes)
        {
            tracing::warn!(%error, "an undo history could not be kept");
        }
    }

    fn history_file(&self, id: &ItemId) -> PathBuf {
        history_file(self.profile_folder(), id)
    }
}

fn history_file(folder: &Path, id: &ItemId) -> PathBuf {
    folder.join("undo").join(&id.0)
}

/// Behind the last thing that changed.
fn caret_after(changes: &ChangeSet) -> Option<Selection> {
    let mut at = 0;
    let mut caret = None;
    for section in changes.sections() {
        match section {
            Section::Keep(length) => at += length,
            Section::Replace { inserted, .. } => {
                at += utf16_len(inserted);
                caret = Some(Selection { anchor: at, head: at });
            }
        }
    }
    caret
}
