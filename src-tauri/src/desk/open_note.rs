//! A note that is open in the window.

use rejoin_document::Document;
use rejoin_notes::editing::{Version, WindowId};
use rejoin_repo::{DocumentEvent, DocumentHandle, Origin, Subscription};

use super::away::Apart;
use super::edited::EditedNote;
use super::telling::{Pace, Told};
use super::{Sink, now};
use crate::port::{
    AwaySummary, BackendError, ChangeSetJson, DraftState, NoteEvent, PresentPeer, RemoteOrigin,
    units,
};

/// The one window of the app. The protocol would take more.
pub(super) const WINDOW: WindowId = WindowId(0);

/// A note that is open.
pub(super) struct OpenNote {
    pub(super) handle: DocumentHandle,
    pub(super) events: Subscription,
    /// None while the note is not here.
    pub(super) edited: Option<EditedNote>,
    pub(super) sink: Sink<NoteEvent>,
    pub(super) title: String,
    /// None while it is being opened.
    pub(super) told: Option<Told>,
    pub(super) draft: Option<DraftState>,
    pub(super) peers: Vec<PresentPeer>,
    pub(super) presence_pace: Pace,
    /// The note is in touch with nobody.
    pub(super) apart: Option<Apart>,
    /// What the window was told that others did.
    pub(super) away: Option<AwaySummary>,
    /// Where the next remote batch comes from.
    pub(super) origin: (RemoteOrigin, Option<String>),
    /// What was told and not passed on yet.
    pub(super) news: News,
}

/// Edits a note where its window has it open, after all that was told so far; by itself when no window
/// has it.
pub(super) fn edit_where_open<T>(
    open: Option<&mut OpenNote>,
    document: &mut Document,
    edit: impl FnOnce(&mut EditedNote, &mut Document) -> Result<T, BackendError>,
) -> Result<T, BackendError> {
    if let Some(open) = open {
        open.drain(document);
        if let Some(edited) = &mut open.edited {
            return edit(edited, document);
        }
    }
    edit(&mut EditedNote::find(document)?, document)
}

/// What came of the events of a note, besides changes of its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    pub(super) status: bool,
    pub(super) presence: bool,
}

impl OpenNote {
    /// Takes in everything that was told so far, in its order. With the document at hand, so that
    /// nothing can happen to it in between.
    pub(super) fn drain(&mut self, document: &Document) {
        while let Some(event) = self.events.try_next() {
            match event {
                DocumentEvent::Changed { origin, patches, before, heads } => {
                    if let Some(edited) = &mut self.edited {
                        edited.follow(document, &before, &heads, patches.as_deref());
                    }
                    if let Origin::Remote(peer) = origin {
                        self.origin = (RemoteOrigin::Peer, Some(peer.as_str().to_owned()));
                    }
                }
                DocumentEvent::Status(_) => self.news.status = true,
                DocumentEvent::Presence(_) => self.news.presence = true,
                _ => {}
            }
        }
    }

    /// Sends the window what it lacks, if it is its turn to hear something.
    pub(super) fn flush(&mut self) {
        let batch = self.edited.as_mut().and_then(|edited| edited.flush(WINDOW, now()));
        if let Some(batch) = batch {
            let (origin, peer) = self.origin.clone();
            (self.sink)(NoteEvent::Remote {
                version: shown(batch.version),
                changes: ChangeSetJson::from(&batch.changes),
                origin,
                peer,
            });
        }
    }

    /// The window's version.
    pub(super) fn version(&self) -> u32 {
        self.edited.as_ref().and_then(|edited| edited.version(WINDOW)).map_or(0, shown)
    }
}

/// A version as the page counts it.
pub(super) fn shown(version: Version) -> u32 {
    units(usize::try_from(version.0).unwrap_or(usize::MAX))
}
