//! The person's desk: the notes and folders of a profile, the notes that are open, and the network.
//!
//! A desk ties documents ([`rejoin_repo`]) to what they mean ([`rejoin_notes`]) and to the page, which
//! hears of everything through two kinds of sinks. It knows nothing of windows and web views.
//!
//! Everything that it remembers lies behind one lock, which is held while something is worked out
//! and never while anything waits. Inside it the lock of the repo may be taken, never the other way
//! round: closures that are given a document do not call back into the desk.

mod away;
mod drafting;
mod edited;
mod editing;
mod failure;
mod library;
mod looking_back;
mod mirror;
mod network;
mod open_note;
mod presence;
mod search;
mod shelf;
mod start;
mod status;
mod telling;
mod undoing;
mod versions;
mod watching;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rejoin_document::{ChangeHash, CommitOptions, UndoHistory};
use rejoin_repo::{Destination, DocumentHandle, Listening, Repo};

use crate::local::{Local, LocalFile};
use crate::port::{
    AppEvent, BackendError, ConnectionState, ErrorCode, ItemId, Notice, NoticeLevel, Session,
    Settings,
};
pub(crate) use looking_back::{People, hue};
use looking_back::{Person, hexadecimal};
use mirror::Mirroring;
use open_note::OpenNote;
use search::Search;
use shelf::Shelf;
use watching::Watched;

/// Where events for the page go.
pub(crate) type Sink<T> = Box<dyn Fn(T) + Send + Sync>;

/// The desk of one profile.
pub(crate) struct Desk {
    me: Weak<Desk>,
    repo: Repo,
    folder: PathBuf,
    file: LocalFile,
    /// Marks this person's changes.
    author: Vec<u8>,
    begun: Instant,
    runtime: tokio::runtime::Handle,
    /// Held while connections are made what they should be.
    connecting: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

/// What the lock guards.
struct State {
    local: Local,
    first_run: bool,
    profile: DocumentHandle,
    shelf: Shelf,
    /// Behind a lock of its own: writing the words of a long note takes a while.
    search: Option<Arc<Mutex<Search>>>,
    /// Long notes are not read again before these moments.
    resting: BTreeMap<ItemId, Instant>,
    watched: BTreeMap<ItemId, Watched>,
    open: BTreeMap<ItemId, OpenNote>,
    histories: BTreeMap<ItemId, UndoHistory>,
    /// The heads at which the person last looked at each note, by its address.
    seen: BTreeMap<String, Vec<ChangeHash>>,
    /// Notes of which title and words are to be read again.
    stale: BTreeSet<ItemId>,
    /// Notes whose title was changed here, so that it is on us to tell their folder.
    titled_here: BTreeSet<ItemId>,
    refresh_due: bool,
    shared: BTreeMap<ItemId, BTreeSet<Destination>>,
    dialers: BTreeMap<String, network::Dialed>,
    listening: Option<Listening>,
    since: BTreeMap<String, (ConnectionState, i64)>,
    /// What peers call themselves, by their peer id.
    names: BTreeMap<String, String>,
    commits: BTreeMap<ItemId, u32>,
    mirroring: Mirroring,
    events: Option<Sink<AppEvent>>,
    /// Notices from before there was a page.
    unheard: Vec<Notice>,
}

impl Desk {
    /// Begins a page: everything that it needs, and from now on every event.
    pub(crate) fn session(&self, events: Sink<AppEvent>) -> Session {
        let mut state = self.lock();
        let connections = self.connections(&mut state);
        let session = Session {
            library: state.shelf.library(),
            settings: state.local.settings(),
            network: network::told(&state),
            connections,
            mirror: mirror::shown(&state),
            data_folder: self.folder.display().to_string(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            first_run: state.first_run,
        };
        state.events = Some(events);
        for notice in std::mem::take(&mut state.unheard) {
            state.tell(AppEvent::Notice { notice });
        }
        session
    }

    /// Takes over settings. The name and the hue go into the profile as well.
    ///
    /// # Errors
    ///
    /// When they are out of range, or cannot be written.
    pub(crate) fn set_settings(&self, settings: Settings) -> Result<(), BackendError> {
        let in_range = (14..=22).contains(&settings.text_size)
            && settings.colour < 8
            && settings.name.chars().count() <= 60;
        if !in_range {
            return Err(BackendError::invalid("These settings are out of range."));
        }
        let mut state = self.lock();
        let before = state.local.settings();
        let is_other = (&before.name, before.colour) != (&settings.name, settings.colour);
        let written = state.profile.change(None, |tx| {
            rejoin_notes::profile::set_name(tx, &settings.name)?;
            rejoin_notes::profile::set_colour(tx, &settings.colour.to_string())
        });
        written??;
        let ourselves = Person { name: settings.name.clone(), colour: settings.colour };
        state.local.people.insert(hexadecimal(&self.author), ourselves);
        state.local.settings = Some(settings.clone());
        state.first_run = false;
        self.keep_local(&state)?;
        self.modes_changed(&mut state);
        if is_other {
            self.show_ourselves(&mut state);
        }
        state.tell(AppEvent::Settings { settings });
        Ok(())
    }

    /// Ends in good order: what is in memory goes to the disk. True when all of it did.
    pub(crate) async fn end(&self) -> bool {
        self.end_mirror().await;
        {
            let mut state = self.lock();
            let open: Vec<ItemId> = state.open.keys().cloned().collect();
            for id in &open {
                self.keep_history(&state, id);
                self.saw_unless_told(&mut state, id);
            }
        }
        let all_saved = self.repo.shutdown().await;
        // Nothing listens any more, so that the store is let go of with the last handle.
        let mut state = self.lock();
        state.listening = None;
        state.open.clear();
        state.watched.clear();
        all_saved
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What panicked with the lock held left a state in which each part is sound by itself.
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn keep_local(&self, state: &State) -> Result<(), BackendError> {
        self.file.write(&state.local)?;
        Ok(())
    }

    /// What a change of this person says of itself.
    fn commit_options(&self, message: Option<String>) -> CommitOptions {
        CommitOptions { message, time: now() / 1000, author: Some(self.author.clone()) }
    }

    fn profile_folder(&self) -> &Path {
        &self.folder
    }
}

impl State {
    fn tell(&self, event: AppEvent) {
        if let Some(events) = &self.events {
            events(event);
        }
    }

    /// Tells the page something, or the next page when there is none yet.
    fn notice(&mut self, level: NoticeLevel, message: String, note: Option<ItemId>) {
        let notice = Notice { level, message, at: now(), note };
        match &self.events {
            Some(events) => events(AppEvent::Notice { notice }),
            None => self.unheard.push(notice),
        }
    }

    /// Tells the page what became of the list of notes, if anything did.
    fn tell_library(&mut self) {
        if let Some(change) = self.shelf.take_change() {
            self.tell(AppEvent::Library { change });
        }
    }

    /// The handle of a document that is listed or open.
    fn handle(&self, item: &ItemId) -> Result<DocumentHandle, BackendError> {
        let watched = self.watched.get(item).map(|watched| watched.handle.clone());
        watched.ok_or_else(|| BackendError::not_found("note or folder"))
    }
}

/// The search index, once nobody else uses it. The desk's lock may be held, and need not be.
fn locked(search: &Mutex<Search>) -> MutexGuard<'_, Search> {
    // Whatever panicked with the lock held left at worst an index that lacks something.
    search.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The present, in milliseconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The document behind an item.
fn document_id(item: &ItemId) -> Result<rejoin_repo::DocumentId, BackendError> {
    item.0
        .parse()
        .map_err(|_| BackendError::new(ErrorCode::Invalid, "This is not the id of a note."))
}
