//! Earlier versions of a note, and what this person has seen of it.

use rejoin_document::{Document, TextUnit};
use rejoin_notes::change_set::ChangeSet;
use rejoin_notes::note::Note;

use super::Desk;
use super::looking_back::{self, difference, heads_at, text_at, version_view};
use super::open_note::OpenNote;
use crate::port::{
    Attribution, Author, AuthorSpan, BackendError, History, ItemId, NoteEvent, RemoteOrigin,
    VersionRef, VersionView, units,
};

impl Desk {
    /// A note's history, in sessions.
    ///
    /// # Errors
    ///
    /// When the note is not here.
    pub(crate) fn history(&self, id: &ItemId) -> Result<History, BackendError> {
        let state = self.lock();
        let read = state.handle(id)?;
        Ok(read.read(|document| looking_back::history(document, &state.local.people))?)
    }

    /// A version of a note, and the way from it to now.
    ///
    /// # Errors
    ///
    /// When there is no such version here.
    pub(crate) fn version_at(
        &self,
        id: &ItemId,
        version: VersionRef,
    ) -> Result<VersionView, BackendError> {
        let state = self.lock();
        state.handle(id)?.read(|document| {
            let (heads, now) = match version {
                VersionRef::Position { position } => {
                    (heads_at(document, position)?, present(document)?)
                }
                VersionRef::Session { first, last } => {
                    let before = heads_at(document, first.saturating_sub(1))?;
                    let heads = heads_at(document, last)?;
                    let after = text_at(document, &heads)?;
                    let before = text_at(document, &before)?;
                    let view = version_view(document, &heads, &after, &state.local.people)?;
                    return Ok(VersionView { difference: difference(before, &after), ..view });
                }
                // One's own draft is not what others did.
                VersionRef::Seen => {
                    (self.known_heads(&state, id, document), text_at(document, document.heads())?)
                }
            };
            version_view(document, &heads, &now, &state.local.people)
        })?
    }

    /// Makes a note's text that of an earlier version again, as a new change.
    ///
    /// # Errors
    ///
    /// When there is no such version.
    pub(crate) fn restore_version(&self, id: &ItemId, position: u32) -> Result<(), BackendError> {
        let mut state = self.lock();
        let then = state
            .handle(id)?
            .read(|document| text_at(document, &heads_at(document, position)?))??;
        if let Some(open) = state.open.get_mut(id) {
            open.origin = (RemoteOrigin::Restore, None);
        }
        self.change_text(&mut state, id, |text| ChangeSet::between(text, &then))
    }

    /// Who wrote which part of a note's text, as the window has it.
    ///
    /// # Errors
    ///
    /// When the note is not open, or not here.
    pub(crate) fn attribution(&self, id: &ItemId) -> Result<Attribution, BackendError> {
        let state = self.lock();
        let version = state.open.get(id).map_or(0, OpenNote::version);
        state.handle(id)?.read(|document| {
            let note = Note::find(&document.view())?;
            let written = document.attribution(note.content, TextUnit::Utf16);
            let written = written.map_err(|error| BackendError::invalid(format!("{error}.")))?;
            let mut authors: Vec<Author> = Vec::new();
            let mut spans: Vec<AuthorSpan> = Vec::new();
            for part in written {
                let change = part.change.and_then(|hash| document.change_meta(&hash));
                let author = match change {
                    Some(change) => looking_back::author(&change, &state.local.people),
                    // Nobody but this person writes into the draft.
                    None => looking_back::person(&self.author, &state.local.people),
                };
                let known = authors.iter().position(|known| *known == author);
                let number = known.unwrap_or_else(|| {
                    authors.push(author);
                    authors.len() - 1
                });
                let (from, to) = (units(part.range.start), units(part.range.end));
                match spans.last_mut() {
                    Some(last) if last.to == from && last.author == units(number) => last.to = to,
                    _ => spans.push(AuthorSpan { from, to, author: units(number) }),
                }
            }
            Ok(Attribution { version, authors, spans })
        })?
    }

    /// Notes that this person has seen everything up to now.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn mark_seen(&self, id: &ItemId) -> Result<(), BackendError> {
        let mut state = self.lock();
        self.saw(&mut state, id)?;
        self.make_stale(&mut state, id);
        if let Some(open) = state.open.get_mut(id) {
            open.away = None;
            (open.sink)(NoteEvent::Away { away: None });
        }
        Ok(())
    }
}

/// The text as the person sees it: with the draft.
fn present(document: &Document) -> Result<String, BackendError> {
    Ok(Note::find(&document.view())?.text(&document.view()))
}
