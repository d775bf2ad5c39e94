//! Watching documents: what happens to a profile, a folder or a note, and what that means for the page.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rejoin_document::{ChangeHash, Document};
use rejoin_notes::tree::EntryKind;
use rejoin_notes::{folder, profile, title};
use rejoin_repo::{DocumentEvent, DocumentHandle, Subscription};
use tokio::task::AbortHandle;

use super::shelf::{NoteFacts, item, url};
use super::{Desk, State, document_id, locked};
use crate::port::{ItemId, NoteEvent};

/// Titles and words are read again after so long a time, not at every keystroke.
const REFRESH: Duration = Duration::from_millis(300);

/// So long a note rests after it was read, for each megabyte of it: reading one takes a while.
const REST_PER_MEGABYTE: Duration = Duration::from_secs(10);

/// So many notes are read before others get a chance.
const AT_ONCE: usize = 50;

/// What a watched document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Watch {
    /// The profile.
    Profile,
    /// A folder, the home and the trash included.
    Folder,
    /// A note.
    Note,
}

/// A document that is watched.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) handle: DocumentHandle,
    pub(super) kind: Watch,
    listener: AbortHandle,
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// What is read of a note besides its place.
struct Read {
    id: ItemId,
    text: String,
    heads: Vec<ChangeHash>,
    facts: NoteFacts,
}

impl Desk {
    /// Watches a document from now on, and takes in what it is now.
    pub(super) fn watch(&self, state: &mut State, id: ItemId, kind: Watch) {
        if state.watched.contains_key(&id) {
            return;
        }
        let Ok(document) = document_id(&id) else { return };
        let handle = self.repo.open(&document);
        let events = handle.subscribe();
        let listener =
            self.runtime.spawn(listen(self.me.clone(), id.clone(), events)).abort_handle();
        state.watched.insert(id.clone(), Watched { handle: handle.clone(), kind, listener });
        if handle.read(|_| ()).is_ok() {
            self.take_in(state, &id, kind);
        }
    }

    /// Stops watching a document that is gone.
    pub(super) fn forget(&self, state: &mut State, id: &ItemId) {
        state.watched.remove(id);
        state.open.remove(id);
        state.stale.remove(id);
        state.histories.remove(id);
    }

    fn happened(&self, id: &ItemId, event: &DocumentEvent) {
        let mut state = self.lock();
        let Some(kind) = state.watched.get(id).map(|watched| watched.kind) else { return };
        match event {
            DocumentEvent::Ready | DocumentEvent::Changed { .. } => {
                self.take_in(&mut state, id, kind);
                self.has_come(&mut state, id);
            }
            DocumentEvent::Unavailable => match kind {
                Watch::Folder => state.shelf.set_folder_unavailable(id),
                Watch::Note => {
                    let facts = NoteFacts { unavailable: true, ..NoteFacts::default() };
                    state.shelf.set_note(id, facts);
                }
                Watch::Profile => {}
            },
            DocumentEvent::LoadFailed(reason) => {
                tracing::warn!(item = id.0, reason, "a document could not be read");
            }
            _ => {}
        }
        if kind == Watch::Note {
            self.pump(&mut state, id);
        }
        state.tell_library();
    }

    /// Takes in what a document is now.
    pub(super) fn take_in(&self, state: &mut State, id: &ItemId, kind: Watch) {
        match kind {
            Watch::Profile => self.take_in_profile(state),
            Watch::Folder => self.take_in_folder(state, id),
            Watch::Note => {
                self.take_up_draft(state, id);
                self.make_stale(state, id);
            }
        }
    }

    fn take_in_profile(&self, state: &mut State) {
        let read = state.profile.read(|document| profile::read(&document.view()));
        let Ok(Some(content)) = read else { return };
        let pins: BTreeSet<ItemId> = content.pins.iter().filter_map(|pin| item(pin)).collect();
        state.shelf.set_pins(pins);
        let changed =
            content.seen.iter().filter(|(url, heads)| state.seen.get(*url) != Some(heads));
        let changed: Vec<ItemId> = changed.filter_map(|(url, _)| item(url)).collect();
        state.seen = content.seen;
        for id in changed {
            self.make_stale(state, &id);
        }
    }

    fn take_in_folder(&self, state: &mut State, id: &ItemId) {
        let Ok(handle) = state.handle(id) else { return };
        let Ok(Some(content)) = handle.read(|document| folder::read(&document.view())) else {
            return;
        };
        let entries = content.entries.clone();
        state.shelf.set_folder(id, content);
        for entry in entries {
            let kind = match entry.kind {
                EntryKind::Folder => Watch::Folder,
                EntryKind::Note => Watch::Note,
                EntryKind::Other(_) => continue,
            };
            if let Some(id) = item(&entry.url) {
                self.watch(state, id, kind);
            }
        }
        state.tell_library();
        self.share_again(state);
    }

    /// Has a note's title and words read again before long.
    pub(super) fn make_stale(&self, state: &mut State, id: &ItemId) {
        if state.watched.get(id).is_none_or(|watched| watched.kind != Watch::Note) {
            return;
        }
        state.stale.insert(id.clone());
        if !std::mem::replace(&mut state.refresh_due, true) {
            let me = self.me.clone();
            self.runtime.spawn(async move {
                let mut pause = Some(REFRESH);
                while let Some(time) = pause {
                    tokio::time::sleep(time).await;
                    pause = me.upgrade().and_then(|desk| desk.refresh());
                }
            });
        }
    }

    /// Reads some of the notes that are due. When others remain, gives how long they can wait.
    fn refresh(&self) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        state.resting.retain(|_, until| *until > now);
        let due = state.stale.iter().filter(|id| !state.resting.contains_key(*id));
        let due: Vec<ItemId> = due.take(AT_ONCE).cloned().collect();
        let is_full = due.len() == AT_ONCE;
        let mut all_read = Vec::new();
        for id in due {
            state.stale.remove(&id);
            if let Some(read) = self.read_note(&state, id) {
                let rest = REST_PER_MEGABYTE.mul_f64(read.text.len() as f64 / 1e6);
                if rest > REFRESH {
                    state.resting.insert(read.id.clone(), now + rest);
                }
                all_read.push(read);
            }
        }
        for read in &all_read {
            self.title_is(&mut state, &read.id, read.facts.title.clone());
            state.shelf.set_note(&read.id, read.facts.clone());
            self.tell_draft(&mut state, &read.id);
        }
        state.tell_library();
        let pause = match (state.stale.is_empty(), is_full) {
            (true, _) => None,
            (false, true) => Some(Duration::ZERO),
            (false, false) => Some(REFRESH),
        };
        state.refresh_due = pause.is_some();
        let search = state.search.clone();
        drop(state);
        if let Some(search) = search {
            let notes =
                all_read.iter().map(|read| (&read.id, read.text.as_str(), stamp(&read.heads)));
            if let Err(error) = locked(&search).put(notes) {
                tracing::warn!(%error, "the search index could not be written");
            }
        }
        pause
    }

    fn read_note(&self, state: &State, id: ItemId) -> Option<Read> {
        let handle = &state.watched.get(&id)?.handle;
        let seen = state.seen.get(&url(&id));
        let is_open = state.open.contains_key(&id);
        let read = handle.read(|document| {
            let note = rejoin_notes::note::Note::find(&document.view()).ok()?;
            let text = note.text(&document.view());
            let facts = NoteFacts {
                title: title::title(&text),
                updated: updated(document),
                unseen: !is_open && self.has_news(document, seen.map(Vec::as_slice)),
                unavailable: false,
            };
            Some((text, document.heads().to_vec(), facts))
        });
        let (text, heads, facts) = read.ok()??;
        Some(Read { id, text, heads, facts })
    }

    /// Whether others changed something since the person looked.
    fn has_news(&self, document: &Document, seen: Option<&[ChangeHash]>) -> bool {
        if seen.is_some_and(|seen| seen == document.heads()) {
            return false;
        }
        let since = document.hashes_since(seen.unwrap_or_default());
        let metas = since.iter().rev().filter_map(|hash| document.change_meta(hash));
        metas.into_iter().any(|change| change.author.as_ref() != Some(&self.author))
    }

    /// Tells the window and the folder what a note is called now.
    fn title_is(&self, state: &mut State, id: &ItemId, now: Option<String>) {
        let title = now.unwrap_or_default();
        if let Some(open) = state.open.get_mut(id)
            && open.title != title
        {
            open.title.clone_from(&title);
            (open.sink)(NoteEvent::Title { title: title.clone() });
        }
        if state.titled_here.remove(id)
            && let Some(parent) = state.shelf.parent(id)
            && let Ok(handle) = state.handle(&parent)
        {
            let listed = state.shelf.folder(&parent).into_iter().flat_map(|f| &f.entries);
            let address = url(id);
            if listed.into_iter().any(|entry| entry.url == address && entry.name != title) {
                let renamed = handle.change(None, |tx| folder::rename(tx, &address, &title));
                if !matches!(renamed, Ok(Ok(()))) {
                    tracing::warn!(item = id.0, "a folder could not be told of a title");
                }
            }
        }
    }
}

/// When a document was last changed, in milliseconds since 1970.
pub(super) fn updated(document: &Document) -> i64 {
    let times = document.heads().iter().filter_map(|head| document.change_meta(head));
    times.map(|change| change.time * 1000).max().unwrap_or_default()
}

fn stamp(heads: &[ChangeHash]) -> Vec<u8> {
    heads.iter().flat_map(|head| head.0).collect()
}

async fn listen(desk: std::sync::Weak<Desk>, id: ItemId, mut events: Subscription) {
    while let Some(event) = events.next().await {
        let Some(desk) = desk.upgrade() else { return };
        desk.happened(&id, &event);
        if matches!(event, DocumentEvent::Deleted) {
            return;
        }
    }
}
