//! What others did in a note while this person was not looking.
//!
//! A note that is open is looked at as long as it is in touch with somebody. When the last connection
//! goes, what is there then counts as seen; what others did meanwhile comes on return, and is told.

use std::collections::{BTreeSet, HashSet};
use std::time::{Duration, Instant};

use rejoin_document::{ChangeHash, Document};
use rejoin_notes::profile;

use super::open_note::OpenNote;
use super::shelf::url;
use super::{Desk, State};
use crate::port::{AwaySummary, BackendError, ItemId, NoteEvent};

/// A connection that comes back sooner than this was hardly gone: the words of others that come with
/// it are taken as typed now. It is another matter when the person chose to work offline.
const HARDLY_GONE: Duration = Duration::from_secs(20);

/// A note in the window that is in touch with nobody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apart {
    /// None: it has not been in touch since it was opened.
    since: Option<Instant>,
    is_chosen: bool,
}

impl Apart {
    /// As a note is when it was just opened.
    pub(super) const FROM_THE_START: Self = Self { since: None, is_chosen: false };

    fn is_worth_a_word(self) -> bool {
        self.is_chosen || self.since.is_none_or(|since| since.elapsed() >= HARDLY_GONE)
    }
}

impl Desk {
    /// What others did since this person last looked.
    pub(super) fn away(
        &self,
        state: &State,
        id: &ItemId,
        document: &Document,
    ) -> Option<AwaySummary> {
        let seen = state.seen.get(&url(id))?;
        if seen.as_slice() == document.heads() {
            return None;
        }
        let since = document.hashes_since(seen);
        let metas: Vec<_> = since.iter().filter_map(|hash| document.change_meta(hash)).collect();
        let others = metas.iter().filter(|change| change.author.as_ref() != Some(&self.author));
        let mut authors = Vec::new();
        for change in others {
            let author = super::looking_back::author(change, &state.local.people);
            if !authors.contains(&author) {
                authors.push(author);
            }
        }
        if authors.is_empty() {
            return None;
        }
        let known = known(document, seen, &self.author);
        let changes = rejoin_notes::history::difference(document, &known, document.heads()).ok()?;
        let (inserted, deleted) = super::looking_back::size(&changes);
        let at = seen.iter().filter_map(|head| document.change_meta(head)).map(|c| c.time).max();
        Some(AwaySummary { since: at.unwrap_or_default() * 1000, authors, inserted, deleted })
    }

    /// The heads of what the person knows of a note without having looked again.
    pub(super) fn known_heads(
        &self,
        state: &State,
        id: &ItemId,
        document: &Document,
    ) -> Vec<ChangeHash> {
        let seen = state.seen.get(&url(id)).map(Vec::as_slice).unwrap_or_default();
        known(document, seen, &self.author)
    }

    /// Notes that the person has seen a note as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(super) fn saw(&self, state: &mut State, id: &ItemId) -> Result<(), BackendError> {
        let heads = state.handle(id)?.read(|document| document.heads().to_vec())?;
        if state.seen.get(&url(id)) != Some(&heads) {
            state.profile.change(None, |tx| profile::set_seen(tx, &url(id), &heads))??;
            state.seen.insert(url(id), heads);
        }
        Ok(())
    }

    /// As [`saw`](Self::saw), unless the window still offers to show what others did.
    pub(super) fn saw_unless_told(&self, state: &mut State, id: &ItemId) {
        let open = state.open.get(id);
        if open.is_none_or(|open| open.edited.is_none() || open.away.is_some()) {
            return;
        }
        if let Err(error) = self.saw(state, id) {
            tracing::warn!(item = id.0, message = error.message, "what was seen was not noted");
        }
    }

    /// The first look at a note is where the next one begins.
    pub(super) fn looks_first(&self, state: &mut State, id: &ItemId) {
        if !state.seen.contains_key(&url(id)) {
            self.saw_unless_told(state, id);
        }
    }

    /// Notes when an open note loses touch, and tells the window on return what others did.
    pub(super) fn mind_absence(&self, state: &mut State, id: &ItemId) {
        let is_chosen = state.local.offline;
        let Some(open) = state.open.get_mut(id) else { return };
        let Some(status) = open.handle.status() else { return };
        let has_heard = |open: &OpenNote| {
            open.edited.is_some()
                && status.peers.iter().any(|peer| peer.at.is_some() && !peer.is_ahead)
        };
        match open.apart {
            None if status.peers.is_empty() => {
                open.apart = Some(Apart { since: Some(Instant::now()), is_chosen });
                self.saw_unless_told(state, id);
            }
            Some(apart) if has_heard(open) => {
                open.apart = None;
                let handle = open.handle.clone();
                let Ok(away) = handle.read(|document| self.away(state, id, document)) else {
                    return;
                };
                let Some(open) = state.open.get_mut(id) else { return };
                let is_new = away.is_some() && away != open.away;
                if is_new && (apart.is_worth_a_word() || open.away.is_some()) {
                    open.away.clone_from(&away);
                    (open.sink)(NoteEvent::Away { away });
                }
            }
            _ => {}
        }
    }
}

/// The version that somebody knows who saw `seen` and wrote on from there, without the changes of
/// others and without what was written on top of those.
fn known(document: &Document, seen: &[ChangeHash], own: &[u8]) -> Vec<ChangeHash> {
    let mut heads: BTreeSet<ChangeHash> = seen.iter().copied().collect();
    let mut unknown: HashSet<ChangeHash> = HashSet::new();
    for hash in document.hashes_since(seen) {
        let Some(change) = document.change_meta(&hash) else { continue };
        let is_own = change.author.as_deref() == Some(own);
        if !is_own || change.deps.iter().any(|dep| unknown.contains(dep)) {
            unknown.insert(hash);
            continue;
        }
        for dep in &change.deps {
            heads.remove(dep);
        }
        heads.insert(hash);
    }
    heads.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use rejoin_document::{ActorId, CommitOptions, LoadOptions, PatchLog, TextUnit};
    use rejoin_notes::note::Note;

    use super::*;

    fn write(document: &mut Document, author: &[u8], at: usize, text: &str) {
        let note = Note::find(&document.view()).unwrap();
        let mut tx = document.transaction(&ActorId::new(author));
        tx.splice_text(note.content, at, 0, text, TextUnit::Utf16).unwrap();
        tx.commit(CommitOptions { time: 1, message: None, author: Some(author.to_vec()) });
    }

    fn text(document: &Document, heads: &[ChangeHash]) -> String {
        Note::text_at(document, heads).unwrap()
    }

    #[test]
    fn what_one_wrote_oneself_is_known_and_what_others_wrote_is_not() {
        let mut mine = Document::new();
        let mut tx = mine.transaction(&ActorId::new(b"me"));
        Note::create(&mut tx, "shared").unwrap();
        tx.commit(CommitOptions { time: 1, message: None, author: Some(b"me".to_vec()) });
        let seen = mine.heads().to_vec();
        let mut theirs = Document::load(&mine.save(), LoadOptions::default()).unwrap();
        write(&mut theirs, b"other", 0, "theirs ");
        write(&mut mine, b"me", 6, " mine");
        mine.apply(theirs.changes_since(&seen), &mut PatchLog::default()).unwrap();
        assert_eq!(text(&mine, &known(&mine, &seen, b"me")), "shared mine");
        // What was written with the others' words in sight stands on them.
        write(&mut mine, b"me", 0, "later ");
        assert_eq!(text(&mine, &known(&mine, &seen, b"me")), "shared mine");
        let now = mine.heads().to_vec();
        assert_eq!(known(&mine, &now, b"me"), now);
    }
}
