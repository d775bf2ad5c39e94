//! Editing: opening a note in the window, its pushes and confirmations, and who is there.

use std::time::{Duration, Instant};

use rejoin_notes::change_set::ChangeSet;
use rejoin_notes::editing::{Pushed, Selection, Version};
use rejoin_repo::Availability;

use super::away::Apart;
use super::edited::{EditedNote, Writing};
use super::looking_back::Person;
use super::open_note::{News, OpenNote, WINDOW, shown};
use super::presence::{CHANNEL, Shown};
use super::status::note_status;
use super::telling::{Pace, Told, Turn};
use super::undoing::Before;
use super::watching::Watch;
use super::{Desk, Sink, State, now};
use crate::port::{
    AppEvent, BackendError, DiskState, ItemId, Mode, NoteEvent, NoteStatus, NoticeLevel,
    OpenedNote, PresenceUpdate, PresentPeer, PushReply, PushRequest, RemoteOrigin,
};

/// How long the opening of a note waits for the disk.
const LONGEST_LOAD: Duration = Duration::from_secs(3);

impl Desk {
    /// Opens a note in the window. What the window had of it before is over.
    ///
    /// # Errors
    ///
    /// When the id is none, or the document is not a note.
    pub(crate) async fn open_note(
        &self,
        id: &ItemId,
        sink: Sink<NoteEvent>,
    ) -> Result<OpenedNote, BackendError> {
        super::document_id(id)?;
        let handle = {
            let mut state = self.lock();
            self.watch(&mut state, id.clone(), Watch::Note);
            state.handle(id)?
        };
        if handle.availability() == Availability::Loading {
            // The disk is about to answer. What peers have may take longer, and is not waited for.
            let loaded = tokio::time::timeout(LONGEST_LOAD, handle.ready()).await;
            tracing::debug!(item = id.0, ?loaded, "waited for the disk");
        }
        self.open_now(id, sink)
    }

    fn open_now(&self, id: &ItemId, sink: Sink<NoteEvent>) -> Result<OpenedNote, BackendError> {
        let mut state = self.lock();
        let handle = state.handle(id)?;
        let fresh = || OpenNote {
            events: handle.subscribe(),
            handle: handle.clone(),
            edited: None,
            sink: Box::new(drop),
            title: String::new(),
            told: None,
            draft: None,
            peers: Vec::new(),
            presence_pace: Pace::of_presence(),
            apart: Some(Apart::FROM_THE_START),
            away: None,
            origin: (RemoteOrigin::Peer, None),
            news: News::default(),
        };
        let mut open = state.open.remove(id).unwrap_or_else(fresh);
        open.sink = sink;
        let (mut text, mut version, mut away) = (String::new(), 0, None);
        if handle.availability() == Availability::Ready {
            let opened = handle.read(|document| {
                open.drain(document);
                let mut edited = match open.edited.take() {
                    Some(edited) => edited,
                    None => EditedNote::find(document)?,
                };
                let (text, version) = edited.open(document, WINDOW);
                open.edited = Some(edited);
                Ok::<_, BackendError>((text, shown(version), self.away(&state, id, document)))
            });
            (text, version, away) = opened??;
        }
        open.title = rejoin_notes::title::title(&text).unwrap_or_default();
        let opened = OpenedNote {
            id: id.clone(),
            title: open.title.clone(),
            text,
            version,
            mode: state.local.mode(id),
            read_only: false,
            available: open.edited.is_some(),
            draft: self.draft_state(&state, id),
            status: self.status_of(&state, id),
            peers: Vec::new(),
            away,
        };
        open.told = Some(Told::new(opened.status.clone(), Instant::now()));
        open.draft.clone_from(&opened.draft);
        open.away.clone_from(&opened.away);
        state.open.insert(id.clone(), open);
        self.looks_first(&mut state, id);
        self.mind_absence(&mut state, id);
        handle.set_mode(super::drafting::publishing(state.local.mode(id)));
        self.show_in(&state, id, None);
        let peers = self.present(&mut state, id);
        self.make_stale(&mut state, id);
        Ok(OpenedNote { peers, ..opened })
    }

    /// Takes an edit of the window into the note.
    ///
    /// # Errors
    ///
    /// When the note is not open or not here, or the edit does not fit.
    pub(crate) fn push(
        &self,
        id: &ItemId,
        request: PushRequest,
    ) -> Result<PushReply, BackendError> {
        let changes = ChangeSet::try_from(request.changes)?;
        let mut state = self.lock();
        let writing = self.writing(&mut state, id)?;
        let is_draft = matches!(writing, Writing::Draft);
        let mut history = self.take_history(&mut state, id);
        let open = opened(&mut state, id)?;
        let handle = open.handle.clone();
        let pushed = handle.edit(|document| {
            open.drain(document);
            let before = Before::of(document);
            let edited = open.edited.as_mut().ok_or_else(|| BackendError::not_found("text"))?;
            if let Some(version) = request.confirms {
                edited.session().confirm(WINDOW, Version(version.into()));
            }
            let version = Version(request.version.into());
            let pushed = edited.push(document, writing, WINDOW, version, &changes)?;
            before.record(&mut history, document, &changes);
            Ok::<_, BackendError>(pushed)
        });
        state.histories.insert(id.clone(), history);
        let pushed = pushed??;
        let reply = match pushed {
            Pushed::Accepted { version } => {
                self.edited_here(&mut state, id, is_draft);
                PushReply::Accepted { version: shown(version), effective: None }
            }
            Pushed::Stale { version } => PushReply::Stale { version: shown(version) },
        };
        if let Some(selection) = request.selection
            && matches!(reply, PushReply::Accepted { .. })
        {
            self.show_in(&state, id, Some(selection.into()));
        }
        self.pump(&mut state, id);
        Ok(reply)
    }

    /// Notes that the window has taken in a batch.
    ///
    /// # Errors
    ///
    /// When the note is not open.
    pub(crate) fn confirm(&self, id: &ItemId, version: u32) -> Result<(), BackendError> {
        let mut state = self.lock();
        if let Some(edited) = &mut opened(&mut state, id)?.edited {
            edited.session().confirm(WINDOW, Version(version.into()));
        }
        self.pump(&mut state, id);
        Ok(())
    }

    /// Shows others where this person is.
    ///
    /// # Errors
    ///
    /// When the note is not open.
    pub(crate) fn set_presence(
        &self,
        id: &ItemId,
        update: PresenceUpdate,
    ) -> Result<(), BackendError> {
        let mut state = self.lock();
        let open = opened(&mut state, id)?;
        // A selection of another version would point somewhere else; the next one is on its way.
        if update.selection.is_none() || open.version() == update.version {
            self.show_in(&state, id, update.selection.map(Selection::from));
        }
        Ok(())
    }

    /// Closes a note. What others did up to now counts as seen.
    ///
    /// # Errors
    ///
    /// When it cannot be noted that it was seen.
    pub(crate) fn close_note(&self, id: &ItemId) -> Result<(), BackendError> {
        let mut state = self.lock();
        if let Some(open) = state.open.remove(id) {
            open.handle.leave_presence();
            drop(open);
            self.keep_history(&state, id);
            self.saw(&mut state, id)?;
            self.make_stale(&mut state, id);
        }
        Ok(())
    }

    /// Takes in what was told of an open note, and tells the window.
    pub(super) fn pump(&self, state: &mut State, id: &ItemId) {
        let Some(open) = state.open.get_mut(id) else { return };
        let (handle, was_here) = (open.handle.clone(), open.edited.is_some());
        let read = handle.read(|document| {
            open.drain(document);
            if open.edited.is_none()
                && let Ok(mut edited) = EditedNote::find(document)
            {
                // The first version is that of the empty text which the window has now.
                edited.open(document, WINDOW);
                let (text, version) = edited.open(document, WINDOW);
                open.edited = Some(edited);
                (open.sink)(NoteEvent::Reset { version: shown(version), text, read_only: false });
            }
        });
        if read.is_err() {
            return;
        }
        open.flush();
        let (news, is_here) = (std::mem::take(&mut open.news), open.edited.is_some());
        if is_here && !was_here {
            self.looks_first(state, id);
        }
        if news.status {
            self.tell_status(state, id);
            self.mind_absence(state, id);
        }
        if news.presence {
            self.tell_presence(state, id);
        }
    }

    /// Tells the window who is there and where, if it is its turn to hear of that. Fifty people who write
    /// move their carets some hundred times a second.
    fn tell_presence(&self, state: &mut State, id: &ItemId) {
        let Some(open) = state.open.get_mut(id) else { return };
        let now = Instant::now();
        if !open.presence_pace.is_turn(now) {
            if let Some(wait) = open.presence_pace.again(now) {
                self.later(wait, id, Self::tell_presence);
            }
            return;
        }
        let peers = self.present(state, id);
        if let Some(open) = state.open.get_mut(id)
            && open.peers != peers
        {
            open.presence_pace.spoke(now);
            let version = open.version();
            open.peers.clone_from(&peers);
            (open.sink)(NoteEvent::Presence { version, peers });
        }
    }

    /// Has something told of a note after a while.
    fn later(&self, wait: Duration, id: &ItemId, tell: fn(&Self, &mut State, &ItemId)) {
        let (me, id) = (self.me.clone(), id.clone());
        self.runtime.spawn(async move {
            tokio::time::sleep(wait).await;
            if let Some(desk) = me.upgrade() {
                tell(&desk, &mut desk.lock(), &id);
            }
        });
    }

    /// Tells the window where its note is, as far as it is its turn to hear of that.
    pub(super) fn tell_status(&self, state: &mut State, id: &ItemId) {
        let status = self.status_of(state, id);
        let Some(told) = state.open.get_mut(id).and_then(|open| open.told.as_mut()) else { return };
        let had_failed = failure(told.status()).is_some();
        let Turn { tell, again } = told.turn(status, Instant::now());
        if let Some(wait) = again {
            self.later(wait, id, Self::tell_status);
        }
        let Some(status) = tell else { return };
        let message = failure(&status).filter(|_| !had_failed).map(str::to_owned);
        if let Some(open) = state.open.get(id) {
            (open.sink)(NoteEvent::Status { status });
        }
        if let Some(message) = message {
            let message = format!("This note could not be saved: {message}. It is tried again.");
            state.notice(NoticeLevel::Error, message, Some(id.clone()));
        }
    }

    /// Where a note is.
    pub(super) fn status_of(&self, state: &State, id: &ItemId) -> NoteStatus {
        let status = state.watched.get(id).and_then(|watched| watched.handle.status());
        match status {
            Some(status) => note_status(&status, &state.local.servers, &state.names, now()),
            None => NoteStatus { disk: DiskState::Saving, places: Vec::new() },
        }
    }

    /// How an edit of this person enters a note.
    pub(super) fn writing(&self, state: &mut State, id: &ItemId) -> Result<Writing, BackendError> {
        if state.local.mode(id) == Mode::Batched {
            return Ok(Writing::Draft);
        }
        let actor = state.handle(id)?.actor();
        Ok(Writing::Commit { actor, options: self.commit_options(None) })
    }

    /// Notes that this person edited a note.
    pub(super) fn edited_here(&self, state: &mut State, id: &ItemId, is_draft: bool) {
        state.titled_here.insert(id.clone());
        if is_draft {
            self.draft_grew(state, id);
        } else {
            *state.commits.entry(id.clone()).or_default() += 1;
        }
        self.make_stale(state, id);
        if is_draft {
            state.mirroring.draft_changed(id);
        }
    }

    /// Shows others who we are and where in a note, in the terms of the window's text.
    fn show_in(&self, state: &State, id: &ItemId, selection: Option<Selection>) {
        let Some(open) = state.open.get(id) else { return };
        let placed = selection.and_then(|s| open.edited.as_ref()?.placed(WINDOW, s));
        let settings = state.local.settings();
        let ourselves = Shown {
            name: settings.name,
            colour: settings.colour,
            author: super::looking_back::hexadecimal(&self.author),
            selection: placed,
        };
        open.handle.set_presence(CHANNEL, ourselves.to_cbor());
    }

    /// Shows others a changed name or hue in all open notes.
    pub(super) fn show_ourselves(&self, state: &mut State) {
        let open: Vec<ItemId> = state.open.keys().cloned().collect();
        for id in open {
            self.show_in(state, &id, None);
        }
    }

    /// Who is in a note, and where in the window's text.
    fn present(&self, state: &mut State, id: &ItemId) -> Vec<PresentPeer> {
        let Some(open) = state.open.get_mut(id) else { return Vec::new() };
        let mut peers = Vec::new();
        let mut someone_new = false;
        for (peer, channels) in open.handle.presence() {
            let peer = peer.as_str().to_owned();
            let shown = channels.get(CHANNEL).map(Shown::from_cbor);
            let selection = shown.as_ref().and_then(|shown| shown.selection);
            let mut place = None;
            if let Some(edited) = &mut open.edited {
                edited.set_caret(&peer, selection);
                place = edited.caret(WINDOW, &peer);
            }
            if let Some(shown) = &shown {
                let person = Person { name: shown.name.clone(), colour: shown.colour };
                let former = state.names.insert(peer.clone(), shown.name.clone());
                someone_new |= former.as_ref() != Some(&shown.name);
                state.local.people.insert(shown.author.clone(), person);
            }
            peers.push(PresentPeer {
                name: shown.as_ref().map(|shown| shown.name.clone()).unwrap_or_default(),
                colour: shown.map_or_else(|| super::looking_back::hue(&peer), |shown| shown.colour),
                selection: place.map(Into::into),
                peer,
            });
        }
        if someone_new {
            let connections = self.connections(state);
            state.tell(AppEvent::Connections { connections });
        }
        peers
    }
}

/// Why the last write failed, if it did.
fn failure(status: &NoteStatus) -> Option<&str> {
    match &status.disk {
        DiskState::Failed { message, .. } => Some(message),
        _ => None,
    }
}

/// A note that is open.
pub(super) fn opened<'a>(
    state: &'a mut State,
    id: &ItemId,
) -> Result<&'a mut OpenNote, BackendError> {
    state.open.get_mut(id).ok_or_else(|| BackendError::not_found("open note"))
}
