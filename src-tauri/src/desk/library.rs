//! Notes and folders: making, naming, moving, pinning, throwing away, finding and linking them.

use std::collections::BTreeSet;

use rejoin_notes::change_set::ChangeSet;
use rejoin_notes::note::Note;
use rejoin_notes::tree::{Entry, EntryKind};
use rejoin_notes::{DocumentKind, folder, profile, title};
use rejoin_repo::{AutomergeUrl, Availability, Destination, DocumentHandle, FindError};

use super::edited::Writing;
use super::open_note::edit_where_open;
use super::shelf::{item, url};
use super::undoing::Before;
use super::watching::Watch;
use super::{Desk, State, locked, now};
use crate::port::{
    BackendError, ErrorCode, ItemId, ItemKind, LinkKind, LinkTarget, NewItem, OpenLink, SearchHit,
    SearchRequest,
};

/// The longest title, in characters.
const LONGEST_TITLE: usize = 300;

/// The longest text of a new note, in bytes.
const LONGEST_TEXT: usize = 16 << 20;

/// The most hits of one search.
const MOST_HITS: u32 = 200;

impl Desk {
    /// Makes a note or folder.
    ///
    /// # Errors
    ///
    /// When the parent is no folder, or something is too long.
    pub(crate) fn create(&self, new: NewItem) -> Result<ItemId, BackendError> {
        check_title(&new.title)?;
        if new.text.as_ref().is_some_and(|text| text.len() > LONGEST_TEXT) {
            return Err(BackendError::invalid("This text is too long for a note."));
        }
        let mut state = self.lock();
        let parent = folder_of(&state, &new.parent)?;
        let handle = self.repo.create();
        let id = ItemId(handle.id().to_string());
        let kind = match new.kind {
            ItemKind::Note => {
                let heading = || match new.title.trim() {
                    "" => String::new(),
                    title => format!("# {title}\n\n"),
                };
                let text = new.text.unwrap_or_else(heading);
                handle.change(None, |tx| Note::create(tx, &text).map(drop))??;
                EntryKind::Note
            }
            ItemKind::Folder => {
                handle.change(None, |tx| folder::create(tx, new.title.trim()))??;
                EntryKind::Folder
            }
        };
        let name = new.title.trim().to_owned();
        let entry = Entry { name, kind, url: url(&id), added: now(), from: None };
        parent.change(None, |tx| folder::add(tx, &entry, usize::MAX))??;
        self.folder_changed(&mut state, &new.parent);
        Ok(id)
    }

    /// Calls an item something else.
    ///
    /// # Errors
    ///
    /// When it is not here.
    pub(crate) fn rename(&self, id: &ItemId, title: &str) -> Result<(), BackendError> {
        check_title(title)?;
        let mut state = self.lock();
        if state.shelf.kind(id) == Some(ItemKind::Folder) {
            let handle = state.handle(id)?;
            handle.change(None, |tx| folder::set_title(tx, title.trim()))??;
            if let Some(parent) = state.shelf.parent(id) {
                let (address, parent_handle) = (url(id), state.handle(&parent)?);
                parent_handle.change(None, |tx| folder::rename(tx, &address, title.trim()))??;
                self.folder_changed(&mut state, &parent);
            }
            self.folder_changed(&mut state, id);
            return Ok(());
        }
        self.change_text(&mut state, id, |text| title::rename(text, title.trim()))
    }

    /// Puts an item into a folder, before what stands at `index` without it. The target is written
    /// before the source: a crash in between lists the item twice, and shows it once.
    ///
    /// # Errors
    ///
    /// When the folder lies in the item, or either is not here.
    pub(crate) fn move_item(
        &self,
        id: &ItemId,
        target: &ItemId,
        index: usize,
    ) -> Result<(), BackendError> {
        let mut state = self.lock();
        let handle = folder_of(&state, target)?;
        if id == target || state.shelf.below(id).contains(target) {
            return Err(BackendError::invalid("A folder cannot be moved into itself."));
        }
        let source =
            state.shelf.parent(id).ok_or_else(|| BackendError::not_found("note or folder"))?;
        let position = self.position(&state, id, target, index);
        let address = url(id);
        if source == *target {
            handle.change(None, |tx| folder::reorder(tx, &address, position, now()))??;
        } else {
            self.move_between(&state, id, &source, target, position, None)?;
            self.folder_changed(&mut state, &source);
        }
        self.folder_changed(&mut state, target);
        Ok(())
    }

    /// Pins a note or takes the pin away.
    ///
    /// # Errors
    ///
    /// When there is no such note.
    pub(crate) fn set_pinned(&self, id: &ItemId, pinned: bool) -> Result<(), BackendError> {
        let mut state = self.lock();
        if state.shelf.kind(id) != Some(ItemKind::Note) {
            return Err(BackendError::not_found("note"));
        }
        state.profile.change(None, |tx| profile::set_pinned(tx, &url(id), pinned))??;
        let profile = ItemId(state.profile.id().to_string());
        self.take_in(&mut state, &profile, Watch::Profile);
        state.tell_library();
        Ok(())
    }

    /// Throws an item away, or puts it back where it came from.
    ///
    /// # Errors
    ///
    /// When it is not listed, or not in the trash.
    pub(crate) fn set_trashed(&self, id: &ItemId, trashed: bool) -> Result<(), BackendError> {
        let mut state = self.lock();
        let trash = state.shelf.trash().clone();
        let source =
            state.shelf.parent(id).ok_or_else(|| BackendError::not_found("note or folder"))?;
        if trashed == (source == trash) || *id == trash || id == state.shelf.home() {
            return Err(BackendError::invalid("This is there already."));
        }
        let target = if trashed {
            trash
        } else {
            let entries = state.shelf.folder(&trash).into_iter().flat_map(|f| &f.entries);
            let entry = entries.into_iter().find(|entry| entry.url == url(id));
            let from = entry.and_then(|entry| entry.from.as_deref()).and_then(item);
            let is_there = |from: &ItemId| state.shelf.kind(from) == Some(ItemKind::Folder);
            from.filter(is_there).unwrap_or_else(|| state.shelf.home().clone())
        };
        let from = trashed.then(|| url(&source));
        self.move_between(&state, id, &source, &target, usize::MAX, from)?;
        self.folder_changed(&mut state, &source);
        self.folder_changed(&mut state, &target);
        Ok(())
    }

    /// Deletes what is in the trash from this computer, with everything in it.
    ///
    /// # Errors
    ///
    /// When it is not in the trash.
    pub(crate) fn delete_forever(&self, id: &ItemId) -> Result<(), BackendError> {
        let mut state = self.lock();
        let trash = state.shelf.trash().clone();
        if state.shelf.parent(id).as_ref() != Some(&trash) {
            return Err(BackendError::new(
                ErrorCode::Refused,
                "Only what is in the trash is deleted.",
            ));
        }
        let mut gone = vec![id.clone()];
        let mut at = 0;
        while let Some(folder) = gone.get(at).and_then(|id| state.shelf.folder(id)) {
            let inside = folder.entries.iter().filter_map(|entry| item(&entry.url));
            let inside: Vec<_> = inside.filter(|id| !state.shelf.is_listed(id)).collect();
            gone.extend(inside.into_iter().filter(|id| !gone.contains(id)).collect::<Vec<_>>());
            at += 1;
        }
        state
            .handle(&trash)?
            .change(None, |tx| folder::remove(tx, &url(id), i64::MAX).map(drop))??;
        for id in gone {
            self.forget(&mut state, &id);
            if let Ok(document) = super::document_id(&id) {
                self.repo.delete(&document);
            }
            if let Some(search) = &state.search
                && let Err(error) = locked(search).remove(&id)
            {
                tracing::warn!(%error, "a deleted note could not be taken out of the search index");
            }
        }
        self.folder_changed(&mut state, &trash);
        Ok(())
    }

    /// Finds notes by words, or by a link to a note.
    ///
    /// # Errors
    ///
    /// When the index cannot be read.
    pub(crate) fn search(&self, request: &SearchRequest) -> Result<Vec<SearchHit>, BackendError> {
        let unavailable =
            || BackendError::new(ErrorCode::Storage, "The search index is not there.");
        let search = self.lock().search.clone().ok_or_else(unavailable)?;
        match request {
            SearchRequest::Text { query, limit } => {
                // Deleted notes and those in the trash are still indexed, and are left out here.
                let limit = (*limit).min(MOST_HITS) as usize;
                let mut hits = locked(&search).text(query, limit * 2)?;
                let state = self.lock();
                hits.retain(|hit| state.shelf.is_listed(&hit.note));
                hits.truncate(limit);
                Ok(hits)
            }
            SearchRequest::LinksTo { note, limit } => {
                let title = self.lock().shelf.title(note).unwrap_or_default().to_owned();
                let linking = locked(&search).linking_to(&title).into_iter();
                let state = self.lock();
                let linking = linking.filter(|id| state.shelf.is_listed(id) && id != note);
                let hits = linking.take((*limit).min(MOST_HITS) as usize);
                Ok(hits.filter_map(|id| linking_hit(&state, id, &title)).collect())
            }
        }
    }

    /// The link to an item, or to the profile.
    ///
    /// # Errors
    ///
    /// When there is no such item.
    pub(crate) fn link(&self, target: &LinkTarget) -> Result<String, BackendError> {
        let state = self.lock();
        Ok(match target {
            LinkTarget::Item { id } => state.handle(id)?.url().to_string(),
            LinkTarget::Profile => state.profile.url().to_string(),
        })
    }

    /// Puts the item behind a link into a folder, or takes on the profile behind it.
    ///
    /// # Errors
    ///
    /// When the link leads nowhere, or to something that cannot be shown.
    pub(crate) async fn open_link(&self, request: OpenLink) -> Result<ItemId, BackendError> {
        let link: AutomergeUrl = request.link.trim().parse().map_err(|_| {
            BackendError::invalid(
                "This link cannot be opened: a part of it is missing or wrong. Copy all of it and paste it again.",
            )
        })?;
        let handle = self.repo.open(&link.document);
        let arrived = match handle.ready().await {
            Ok(()) => true,
            Err(FindError::Unavailable(_)) => false,
            Err(error) => {
                return Err(BackendError::new(ErrorCode::NotFound, format!("{error}.")));
            }
        };
        match request.target {
            LinkKind::Profile if !arrived => Err(BackendError::new(
                ErrorCode::Unavailable,
                "No connected device has this profile. Add the server that it is on, and try again.",
            )),
            LinkKind::Profile => self.adopt(handle).await,
            LinkKind::Item => self.take_item(&handle, request.parent),
        }
    }

    /// Chooses where what lies in a folder goes.
    ///
    /// # Errors
    ///
    /// When the item is not listed, or the choice cannot be kept.
    pub(crate) fn set_sharing(
        &self,
        id: &ItemId,
        goes_to: Vec<String>,
    ) -> Result<(), BackendError> {
        let mut state = self.lock();
        if state.shelf.kind(id).is_none() {
            return Err(BackendError::not_found("folder"));
        }
        let known =
            |address: &String| state.local.servers.iter().any(|server| server.address == *address);
        if !goes_to.iter().all(known) {
            return Err(BackendError::invalid("One of these addresses is not in the settings."));
        }
        state.local.goes_to.insert(id.clone(), goes_to);
        self.keep_local(&state)?;
        self.goes_to_changed(&mut state);
        Ok(())
    }

    /// Changes a note's text as an edit of this person, whether it is open or not.
    pub(super) fn change_text(
        &self,
        state: &mut State,
        id: &ItemId,
        change: impl FnOnce(&str) -> ChangeSet,
    ) -> Result<(), BackendError> {
        let handle = state.handle(id)?;
        let writing = self.writing(state, id)?;
        let is_draft = matches!(writing, Writing::Draft);
        let mut history = self.take_history(state, id);
        let open = state.open.get_mut(id);
        let changed = handle.edit(|document| {
            let before = Before::of(document);
            edit_where_open(open, document, |edited, document| {
                let changes = change(&edited.note().text(&document.view()));
                edited.change(document, writing, None, &changes)?;
                before.record(&mut history, document, &changes);
                Ok(())
            })
        });
        state.histories.insert(id.clone(), history);
        changed??;
        self.edited_here(state, id, is_draft);
        self.pump(state, id);
        Ok(())
    }

    /// Takes in a folder that was just written, so that the page hears of it before the answer.
    fn folder_changed(&self, state: &mut State, id: &ItemId) {
        self.take_in(state, id, Watch::Folder);
        state.tell_library();
    }

    /// Where among a folder's entries an item goes that is to stand at `index` of what is shown.
    fn position(&self, state: &State, id: &ItemId, target: &ItemId, index: usize) -> usize {
        let Some(folder) = state.shelf.folder(target) else { return usize::MAX };
        let address = url(id);
        let others: Vec<&Entry> = folder.entries.iter().filter(|e| e.url != address).collect();
        let shown = others.iter().filter(|entry| {
            item(&entry.url).and_then(|id| state.shelf.parent(&id)).as_ref() == Some(target)
        });
        let before = shown.clone().nth(index).map(|entry| entry.url.clone());
        before.and_then(|url| others.iter().position(|e| e.url == url)).unwrap_or(others.len())
    }

    fn move_between(
        &self,
        state: &State,
        id: &ItemId,
        source: &ItemId,
        target: &ItemId,
        position: usize,
        from: Option<String>,
    ) -> Result<(), BackendError> {
        let address = url(id);
        let listed = state.shelf.folder(source).into_iter().flat_map(|folder| &folder.entries);
        let entry = listed.into_iter().find(|entry| entry.url == address);
        let entry = entry.ok_or_else(|| BackendError::not_found("note or folder"))?;
        let moment = now().max(entry.added + 1);
        let name = state.shelf.title(id).unwrap_or(&entry.name).to_owned();
        let moved = Entry { added: moment, from, name, ..entry.clone() };
        state.handle(target)?.change(None, |tx| folder::add(tx, &moved, position))??;
        state
            .handle(source)?
            .change(None, |tx| folder::remove(tx, &address, moment - 1).map(drop))??;
        Ok(())
    }

    /// Lists an item of somebody else in one of our folders. It goes where that folder goes and where
    /// it came from: to the servers that have it, or to those that are asked for it until it is here.
    fn take_item(
        &self,
        handle: &DocumentHandle,
        parent: Option<ItemId>,
    ) -> Result<ItemId, BackendError> {
        let mut state = self.lock();
        let id = ItemId(handle.id().to_string());
        if state.shelf.kind(&id).is_some() {
            return Ok(id);
        }
        let (kind, name) = described(handle)?;
        let parent = parent.unwrap_or_else(|| state.shelf.home().clone());
        let entry = Entry { name, kind, url: url(&id), added: now(), from: None };
        folder_of(&state, &parent)?.change(None, |tx| folder::add(tx, &entry, usize::MAX))??;
        let status = handle.status().filter(|_| handle.availability() == Availability::Ready);
        let has_it = |address: &String| {
            status.as_ref().is_none_or(|status| {
                let mut peers = status.peers.iter();
                peers.any(|peer| peer.has_all && peer.url.as_ref() == Some(address))
            })
        };
        let servers = state.local.servers.iter().map(|server| server.address.clone());
        let servers = servers.filter(has_it).collect();
        state.local.goes_to.insert(id.clone(), servers);
        if status.is_none() {
            state.local.awaited.insert(id.clone());
        }
        self.keep_local(&state)?;
        self.folder_changed(&mut state, &parent);
        self.goes_to_changed(&mut state);
        Ok(id)
    }

    /// What was opened by a link has come: from now on it goes where it came from, too, which may be a
    /// server that nobody knew of when it was opened.
    pub(super) fn has_come(&self, state: &mut State, id: &ItemId) {
        if !state.local.awaited.contains(id) {
            return;
        }
        let Some(status) = state.handle(id).ok().and_then(|handle| handle.status()) else { return };
        state.local.awaited.remove(id);
        let known = state.local.servers.iter().map(|server| &server.address);
        let came_from = known.filter(|address| {
            status.peers.iter().any(|peer| peer.has_all && peer.url.as_ref() == Some(address))
        });
        let came_from: Vec<String> = came_from.cloned().collect();
        let goes_to = state.local.goes_to.entry(id.clone()).or_default();
        goes_to.extend(came_from);
        goes_to.sort();
        goes_to.dedup();
        if let Err(error) = self.keep_local(state) {
            tracing::warn!(message = error.message, "where a note came from was not noted");
        }
        self.goes_to_changed(state);
    }

    fn goes_to_changed(&self, state: &mut State) {
        let goes_to = state.local.goes_to.clone();
        state.shelf.set_goes_to(goes_to);
        state.tell_library();
        self.share_again(state);
    }

    /// Tells the repo where each document goes. What hangs on a folder goes where the folder goes, and
    /// where the folders above it go; the profile and the trash go where home goes.
    pub(super) fn share_again(&self, state: &mut State) {
        let home = state.shelf.home().clone();
        let mut wanted: Vec<(ItemId, BTreeSet<Destination>)> = Vec::new();
        let mut waiting = vec![(home.clone(), BTreeSet::new())];
        while let Some((id, mut destinations)) = waiting.pop() {
            let own = state.local.goes_to.get(&id).into_iter().flatten();
            destinations.extend(own.map(|address| Destination::Server(address.clone())));
            for child in state.shelf.children(&id) {
                waiting.push((child.clone(), destinations.clone()));
            }
            if id == home {
                let profile = ItemId(state.profile.id().to_string());
                wanted.push((profile, destinations.clone()));
                waiting.push((state.shelf.trash().clone(), destinations.clone()));
            }
            wanted.push((id, destinations));
        }
        for (id, destinations) in wanted {
            if state.shared.get(&id) != Some(&destinations)
                && let Ok(document) = super::document_id(&id)
            {
                self.repo.share(&document, destinations.clone());
                state.shared.insert(id, destinations);
            }
        }
    }
}

fn check_title(title: &str) -> Result<(), BackendError> {
    if title.chars().count() > LONGEST_TITLE {
        return Err(BackendError::invalid("This title is too long."));
    }
    Ok(())
}

/// A folder that can be written.
fn folder_of(state: &State, id: &ItemId) -> Result<DocumentHandle, BackendError> {
    let watched = state.watched.get(id).filter(|watched| watched.kind == Watch::Folder);
    watched.map(|watched| watched.handle.clone()).ok_or_else(|| BackendError::not_found("folder"))
}

/// What a document is and what it is called. One that has not arrived counts as a note.
fn described(handle: &DocumentHandle) -> Result<(EntryKind, String), BackendError> {
    let read = handle.read(|document| {
        let view = document.view();
        match DocumentKind::of(&view) {
            Some(DocumentKind::Folder) => {
                let title = folder::read(&view).map(|folder| folder.title).unwrap_or_default();
                Ok((EntryKind::Folder, title))
            }
            Some(DocumentKind::Profile) => Err(BackendError::invalid(
                "This link leads to a profile. It can be taken on in the settings.",
            )),
            _ => {
                let text = Note::find(&view)?.text(&view);
                Ok((EntryKind::Note, title::title(&text).unwrap_or_default()))
            }
        }
    });
    read.unwrap_or_else(|_| Ok((EntryKind::Note, String::new())))
}

fn linking_hit(state: &State, id: ItemId, title: &str) -> Option<SearchHit> {
    let handle = state.handle(&id).ok()?;
    let text = handle.read(|document| {
        let note = Note::find(&document.view()).ok()?;
        Some(note.text(&document.view()))
    });
    let (excerpt, marks) = super::search::line_with_link(&text.ok()??, title);
    let title = state.shelf.title(&id).unwrap_or_default().to_owned();
    Some(SearchHit { note: id, title, excerpt, marks })
}
