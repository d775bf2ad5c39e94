//! How notes are shared: modes, and in batched mode the draft that waits for its commit.
//!
//! A draft lies in the note's document, and the repo keeps it on the disk like everything else.

use rejoin_document::{ChangeHash, Document};
use rejoin_notes::change_set::ChangeSet;
use rejoin_notes::note::Note;
use rejoin_repo::PublishMode;

use super::looking_back::{difference, size, text_at};
use super::{Desk, State, now};
use crate::port::{
    BackendError, Difference, DraftState, ErrorCode, ItemId, Mode, NoteEvent, units,
};

/// How the repo publishes the commits of a mode. A batched note has no commits but those that the
/// person made, and these go out at once.
pub(super) fn publishing(mode: Mode) -> PublishMode {
    match mode {
        Mode::Live | Mode::Batched => PublishMode::Live,
        Mode::Hybrid => PublishMode::Hybrid,
    }
}

impl Desk {
    /// Chooses how a note is shared. A draft that waits is committed when the note leaves batched mode.
    ///
    /// # Errors
    ///
    /// When the note is not here, or the choice cannot be kept.
    pub(crate) fn set_mode(&self, id: &ItemId, mode: Mode) -> Result<(), BackendError> {
        let mut state = self.lock();
        let handle = state.handle(id)?;
        if mode != Mode::Batched {
            self.commit_draft(&mut state, id, None)?;
        }
        state.local.modes.insert(id.clone(), mode);
        handle.set_mode(publishing(mode));
        self.keep_local(&state)?;
        self.modes_changed(&mut state);
        self.tell_mode(&mut state, id);
        Ok(())
    }

    /// Shares a batched note's draft as one change.
    ///
    /// # Errors
    ///
    /// When there is nothing to share.
    pub(crate) fn commit(&self, id: &ItemId, message: &str) -> Result<(), BackendError> {
        let mut state = self.lock();
        let message = Some(message.trim().to_owned()).filter(|message| !message.is_empty());
        if !self.commit_draft(&mut state, id, message)? {
            return Err(BackendError::new(ErrorCode::Invalid, "There is nothing to share."));
        }
        self.tell_mode(&mut state, id);
        self.pump(&mut state, id);
        Ok(())
    }

    /// From what others have to what the draft makes of it.
    ///
    /// # Errors
    ///
    /// When the note is not here.
    pub(crate) fn draft_preview(&self, id: &ItemId) -> Result<Difference, BackendError> {
        let state = self.lock();
        state.handle(id)?.read(|document| {
            let note = Note::find(&document.view())?;
            let before = text_at(document, document.heads())?;
            Ok(difference(before, &note.text(&document.view())))
        })?
    }

    /// What waits in a note.
    pub(super) fn draft_state(&self, state: &State, id: &ItemId) -> Option<DraftState> {
        let since = state.local.drafts.get(id).copied();
        let read = state.handle(id).ok()?.read(|document| {
            let edits = units(document.draft_len());
            let (inserted, deleted) = if edits == 0 { (0, 0) } else { draft_size(document)? };
            (edits > 0).then_some((edits, inserted, deleted))
        });
        let (edits, inserted, deleted) = read.ok()??;
        Some(DraftState { edits, inserted, deleted, since: since.unwrap_or_else(now) })
    }

    /// Notes an edit of the draft.
    pub(super) fn draft_grew(&self, state: &mut State, id: &ItemId) {
        if !state.local.drafts.contains_key(id) {
            state.local.drafts.insert(id.clone(), now());
            if let Err(error) = self.keep_local(state) {
                tracing::warn!(message = error.message, "the beginning of a draft was not noted");
            }
            self.tell_draft(state, id);
        }
    }

    /// Notes that a note came from the disk with a draft: it is a batched note then, whatever the
    /// settings became meanwhile.
    pub(super) fn take_up_draft(&self, state: &mut State, id: &ItemId) {
        let Ok(handle) = state.handle(id) else { return };
        let has_draft = handle.read(|document| document.draft_len() > 0).unwrap_or_default();
        if has_draft && state.local.mode(id) != Mode::Batched {
            state.local.modes.insert(id.clone(), Mode::Batched);
            self.modes_changed(state);
        }
    }

    /// Makes the draft a change. False when there is none.
    fn commit_draft(
        &self,
        state: &mut State,
        id: &ItemId,
        message: Option<String>,
    ) -> Result<bool, BackendError> {
        let handle = state.handle(id)?;
        let (actor, options) = (handle.actor(), self.commit_options(message));
        let mut history = self.take_history(state, id);
        let open = state.open.get_mut(id);
        let committed: Result<Option<ChangeHash>, _> = handle.edit(|document| {
            let mut open = open;
            if let Some(open) = &mut open {
                open.drain(document);
            }
            let committed = document.commit_draft(&actor, options)?;
            if let Some(edited) = open.and_then(|open| open.edited.as_mut()) {
                edited.committed(document);
            }
            history.draft_committed(document, &committed);
            Some(committed)
        });
        state.histories.insert(id.clone(), history);
        let committed = committed?.is_some();
        if state.local.drafts.remove(id).is_some() {
            self.keep_local(state)?;
        }
        *state.commits.entry(id.clone()).or_default() += u32::from(committed);
        Ok(committed)
    }

    /// Tells the window what waits, when that has changed.
    pub(super) fn tell_draft(&self, state: &mut State, id: &ItemId) {
        let draft = self.draft_state(state, id);
        if state.open.get(id).is_some_and(|open| open.draft != draft) {
            self.tell_mode(state, id);
        }
    }

    fn tell_mode(&self, state: &mut State, id: &ItemId) {
        let (mode, draft) = (state.local.mode(id), self.draft_state(state, id));
        if let Some(open) = state.open.get_mut(id) {
            open.draft.clone_from(&draft);
            (open.sink)(NoteEvent::Mode { mode, draft });
        }
    }

    /// Tells the list of notes how notes are shared.
    pub(super) fn modes_changed(&self, state: &mut State) {
        let (modes, default) = (state.local.modes.clone(), state.local.settings().default_mode);
        state.shelf.set_modes(modes, default);
        state.tell_library();
    }
}

/// How much a draft adds and takes away, in UTF-16 units.
fn draft_size(document: &Document) -> Option<(u32, u32)> {
    let note = Note::find(&document.view()).ok()?;
    let before = text_at(document, document.heads()).ok()?;
    Some(size(&ChangeSet::between(&before, &note.text(&document.view()))))
}
