//! How notes are shared: modes, and in batched mode the draft that waits for its commit.

use std::time::Duration;

use rejoin_document::ActorId;
use rejoin_notes::note::Note;
use rejoin_repo::PublishMode;

use super::draft::{Draft, Journal};
use super::looking_back::{difference, size, text_at};
use super::{Desk, State, now};
use crate::port::{
    BackendError, Difference, DraftState, ErrorCode, ItemId, Mode, NoteEvent, NoticeLevel,
};
use rejoin_notes::change_set::ChangeSet;

/// A draft is journaled so soon after an edit; with the write itself it is on the disk within 100 ms.
const JOURNAL_AFTER: Duration = Duration::from_millis(40);

/// A draft, and how far its journal is.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) draft: Draft,
    /// Edits are in memory only.
    pub(super) unsaved: bool,
    /// Somebody is about to write the journal.
    writing: bool,
    told: Option<DraftState>,
}

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
        let held = state.drafts.get(id)?;
        let sizes = state.handle(id).ok()?.read(|document| {
            let note = Note::find(&document.view()).ok()?;
            let before = text_at(document, document.heads()).ok()?;
            Some(size(&ChangeSet::between(&before, &note.text(&document.view()))))
        });
        let (inserted, deleted) = sizes.ok()??;
        let Draft { edits, since, .. } = held.draft;
        Some(DraftState { edits, inserted, deleted, since })
    }

    /// Makes sure that a note has a draft.
    pub(super) fn begin_draft(&self, state: &mut State, id: &ItemId) {
        let actor = || ActorId::new(uuid::Uuid::new_v4().as_bytes());
        state.drafts.entry(id.clone()).or_insert_with(|| Held {
            draft: Draft { actor: actor(), edits: 0, since: now() },
            unsaved: false,
            writing: false,
            told: None,
        });
    }

    /// Notes an edit of the draft, and has it journaled.
    pub(super) fn draft_grew(&self, state: &mut State, id: &ItemId) {
        let Some(held) = state.drafts.get_mut(id) else { return };
        held.draft.edits += 1;
        held.unsaved = true;
        if !std::mem::replace(&mut held.writing, true) {
            let (me, id) = (self.me.clone(), id.clone());
            self.runtime.spawn(async move {
                loop {
                    tokio::time::sleep(JOURNAL_AFTER).await;
                    let Some(desk) = me.upgrade() else { return };
                    if !desk.keep_draft(&id).await {
                        return;
                    }
                }
            });
        }
        if held.draft.edits == 1 {
            self.tell_draft(state, id);
        }
    }

    /// Takes up the draft that a note had when the app last ended.
    pub(super) fn take_up_draft(&self, state: &mut State, id: &ItemId) {
        let journal = Journal::of(self.profile_folder(), id);
        if state.drafts.contains_key(id) || !journal.exists() {
            return;
        }
        let Ok(handle) = state.handle(id) else { return };
        match handle.edit(|document| {
            if document.draft_len() > 0 { Ok(None) } else { journal.restore(document) }
        }) {
            Ok(Ok(Some(draft))) => {
                let held = Held { draft, unsaved: false, writing: false, told: None };
                state.drafts.insert(id.clone(), held);
                // A draft belongs to a batched note, whatever the settings became meanwhile.
                state.local.modes.insert(id.clone(), Mode::Batched);
                self.modes_changed(state);
            }
            Ok(Err(error)) => {
                let message = format!("What you had not shared could not be taken up: {error}.");
                state.notice(NoticeLevel::Error, message, Some(id.clone()));
            }
            Ok(Ok(None)) | Err(_) => {}
        }
    }

    /// Writes the journal of a draft, after what the draft stands on. True when it is to be written
    /// again.
    async fn keep_draft(&self, id: &ItemId) -> bool {
        let Ok(handle) = self.lock().handle(id) else { return false };
        if handle.saved().await.is_err() {
            return true;
        }
        let journal = Journal::of(self.profile_folder(), id);
        let bytes = {
            let mut state = self.lock();
            let Some(held) = state.drafts.get_mut(id) else { return false };
            held.unsaved = false;
            let draft = held.draft.clone();
            match handle.read(|document| Journal::bytes(document, &draft)) {
                Ok(Some(bytes)) => bytes,
                _ => {
                    held.writing = false;
                    return false;
                }
            }
        };
        let written = tokio::task::spawn_blocking(move || journal.write(&bytes)).await;
        let mut state = self.lock();
        let failure = match written {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(message) = &failure {
            state.notice(NoticeLevel::Error, format!("{message}."), Some(id.clone()));
        }
        let Some(held) = state.drafts.get_mut(id) else { return false };
        held.unsaved |= failure.is_some();
        held.writing = held.unsaved;
        let again = held.writing;
        self.tell_status(&mut state, id);
        again
    }

    /// Journals everything that waits: for an orderly end.
    pub(super) async fn keep_all_drafts(&self) {
        let ids: Vec<ItemId> = self.lock().drafts.keys().cloned().collect();
        for id in ids {
            self.keep_draft(&id).await;
        }
    }

    /// Makes the draft a change. False when there is none.
    fn commit_draft(
        &self,
        state: &mut State,
        id: &ItemId,
        message: Option<String>,
    ) -> Result<bool, BackendError> {
        let Some(held) = state.drafts.get(id) else { return Ok(false) };
        let (handle, actor) = (state.handle(id)?, held.draft.actor.clone());
        let options = self.commit_options(message);
        let open = state.open.get_mut(id);
        let committed = handle.edit(|document| {
            let mut open = open;
            if let Some(open) = &mut open {
                open.drain(document);
            }
            let committed = document.commit_draft(&actor, options);
            if let Some(edited) = open.and_then(|open| open.edited.as_mut()) {
                edited.committed(document);
            }
            committed.is_some()
        })?;
        state.drafts.remove(id);
        *state.commits.entry(id.clone()).or_default() += u32::from(committed);
        let journal = Journal::of(self.profile_folder(), id);
        let (desk, id) = (self.arc(), id.clone());
        self.runtime.spawn(async move {
            // Only when the change is on the disk may the journal go; a newer draft keeps it.
            while handle.saved().await.is_err() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            let state = desk.lock();
            if !state.drafts.contains_key(&id)
                && let Err(error) = journal.remove()
            {
                tracing::warn!(%error, "the journal of a draft could not be removed");
            }
        });
        Ok(committed)
    }

    /// Tells the window what waits, when that has changed.
    pub(super) fn tell_draft(&self, state: &mut State, id: &ItemId) {
        if !state.open.contains_key(id) {
            return;
        }
        let draft = self.draft_state(state, id);
        let Some(held) = state.drafts.get_mut(id) else { return };
        if held.told != draft {
            held.told = draft;
            self.tell_mode(state, id);
        }
    }

    fn tell_mode(&self, state: &mut State, id: &ItemId) {
        let (mode, draft) = (state.local.mode(id), self.draft_state(state, id));
        if let Some(open) = state.open.get(id) {
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
