//! A document for those who read and write it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use rejoin_document::{ActorId, Document, Transaction};
use rejoin_sync::{
    AutomergeUrl, Availability, DocumentEvent, DocumentId, DocumentStatus, EditError, PeerId,
    PublishMode, Traffic, TrafficSecond, wire::Cbor,
};
use tokio::sync::{mpsc, oneshot};

use crate::{FindError, SaveError, Subscription, core::Core, storage_thread::StorageRequest};

/// One document of a [`Repo`](crate::Repo). Clones name the same document, which stays in memory
/// while there is a handle.
#[derive(Clone)]
pub struct DocumentHandle(Arc<Inner>);

struct Inner {
    core: Arc<Core>,
    document: DocumentId,
}

impl DocumentHandle {
    /// Opens the document, and tells how far it is.
    pub(crate) fn open(core: &Arc<Core>, document: &DocumentId) -> (Self, Availability) {
        let availability = core.with(|state, now| state.hub.open(document, now));
        (Self(Arc::new(Inner { core: core.clone(), document: document.clone() })), availability)
    }

    /// The name of the document.
    pub fn id(&self) -> &DocumentId {
        &self.0.document
    }

    /// The link to the document.
    pub fn url(&self) -> AutomergeUrl {
        self.0.document.url()
    }

    /// How far the document is.
    pub fn availability(&self) -> Availability {
        self.0.core.look(|state| state.hub.availability(self.id()))
    }

    /// Waits until the document can be read.
    ///
    /// # Errors
    ///
    /// When nobody who was asked has it, it was deleted, or the disk cannot be read. It may still
    /// come later: a [`Subscription`] tells.
    pub async fn ready(&self) -> Result<(), FindError> {
        let mut events = self.subscribe();
        let document = self.id().clone();
        match self.availability() {
            Availability::Ready if self.read(|_| ()).is_ok() => return Ok(()),
            Availability::Unavailable => return Err(FindError::Unavailable(document)),
            Availability::Deleted => return Err(FindError::Deleted(document)),
            _ => {}
        }
        while let Some(event) = events.next().await {
            match event {
                DocumentEvent::Ready => return Ok(()),
                DocumentEvent::Unavailable => return Err(FindError::Unavailable(document)),
                DocumentEvent::Deleted => return Err(FindError::Deleted(document)),
                DocumentEvent::LoadFailed(reason) => {
                    return Err(FindError::Unreadable { document, reason });
                }
                _ => {}
            }
        }
        Err(FindError::ShutDown)
    }

    /// Reads the document.
    ///
    /// # Errors
    ///
    /// When it is not in memory; the closure is not called then.
    pub fn read<R>(&self, read: impl FnOnce(&Document) -> R) -> Result<R, EditError> {
        self.0.core.look(|state| match state.hub.document(self.id()) {
            Some(document) => Ok(read(document)),
            None => Err(EditError::NotReady(self.id().clone())),
        })
    }

    /// Changes the document in any way: transactions, drafts, undo. What is committed is saved
    /// within 100 ms, and published as the mode says. Listeners hear of commits without patches, and
    /// have to look at the document; [`DocumentHandle::change`] tells them more.
    ///
    /// # Errors
    ///
    /// When it is not in memory; the closure is not called then.
    pub fn edit<R>(&self, edit: impl FnOnce(&mut Document) -> R) -> Result<R, EditError> {
        self.0.core.with(|state, now| state.hub.edit(self.id(), now, |document, _| edit(document)))
    }

    /// Writes one change with this process's actor, at the present time. When the closure gives an
    /// error, what it wrote is taken back.
    ///
    /// # Errors
    ///
    /// The outer error says that the document is not in memory; the inner one is the closure's.
    pub fn change<R, E>(
        &self,
        message: Option<&str>,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<Result<R, E>, EditError> {
        let options = &self.0.core.options;
        self.0.core.with(|state, now| state.change(self.id(), options, now, message, write))
    }

    /// The actor under which this process writes to the document: random, and never used before.
    pub fn actor(&self) -> ActorId {
        self.0.core.with(|state, _| state.actor(self.id()))
    }

    /// Hears what happens to the document from now on.
    pub fn subscribe(&self) -> Subscription {
        let (sender, events) = mpsc::unbounded_channel();
        self.0.core.with(|state, _| {
            state.listeners.entry(self.id().clone()).or_default().push(sender);
        });
        Subscription { events, _document: self.clone() }
    }

    /// Where the document is now.
    pub fn status(&self) -> Option<DocumentStatus> {
        self.0.core.look(|state| state.hub.status(self.id()))
    }

    /// Waits until everything that is in memory now is on disk; what is written meanwhile is not
    /// waited for.
    ///
    /// # Errors
    ///
    /// When the disk reports an error, which does not end the attempts, or the document is gone.
    pub async fn saved(&self) -> Result<(), SaveError> {
        let mut events = self.subscribe();
        let extent = self.0.core.look(|state| state.hub.extent(self.id()));
        let extent = extent.ok_or(SaveError::Gone)?;
        loop {
            let status = self.status().ok_or(SaveError::Gone)?;
            if self.0.core.look(|state| state.hub.is_on_disk(self.id(), extent)) {
                return Ok(());
            }
            if let Some(error) = status.disk.error {
                return Err(SaveError::Disk(error));
            }
            match events.next().await {
                None | Some(DocumentEvent::Deleted) => return Err(SaveError::Gone),
                Some(_) => {}
            }
        }
    }

    /// The sync messages of the document, with all peers, since it was first used here.
    pub fn traffic(&self) -> Traffic {
        self.0.core.look(|state| state.hub.traffic(self.id())).unwrap_or_default()
    }

    /// The sync messages of the last sixty whole seconds, one by one, the newest last.
    pub fn last_minute(&self) -> Vec<TrafficSecond> {
        let now = self.0.core.now();
        self.0.core.look(|state| state.hub.last_minute(self.id(), now))
    }

    /// How many bytes the store holds of the document: its history, what is known of peers, and a
    /// draft.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read; the reason is in words.
    pub async fn stored_bytes(&self) -> Result<u64, String> {
        let (answer, measured) = oneshot::channel();
        let document = self.id().clone();
        let request = StorageRequest::Measure { document, answer };
        let gone = "the storage thread has ended";
        self.0.core.look(|state| state.storage.send(request)).map_err(|_| gone.to_owned())?;
        measured.await.map_err(|_| gone.to_owned())?
    }

    /// How eagerly edits are published.
    pub fn mode(&self) -> PublishMode {
        self.0.core.look(|state| state.hub.mode(self.id()))
    }

    /// Changes how eagerly edits are published.
    pub fn set_mode(&self, mode: PublishMode) {
        self.0.core.with(|state, now| state.hub.set_mode(self.id(), mode, now));
    }

    /// Publishes what the mode holds back.
    pub fn publish(&self) {
        self.0.core.with(|state, _| state.hub.publish(self.id()));
    }

    /// Sends a message that nobody keeps to everybody who syncs the document.
    pub fn broadcast(&self, message: &Cbor) {
        let data = message.encode();
        self.0.core.with(|state, _| state.hub.broadcast(self.id(), data));
    }

    /// Shows a value to everybody who syncs the document, on one channel, until the last handle is
    /// dropped.
    pub fn set_presence(&self, channel: &str, value: Cbor) {
        self.0.core.with(|state, now| state.hub.set_presence(self.id(), channel, value, now));
    }

    /// Stops showing anything.
    pub fn leave_presence(&self) {
        self.0.core.with(|state, _| state.hub.leave_presence(self.id()));
    }

    /// What others show now.
    pub fn presence(&self) -> BTreeMap<PeerId, BTreeMap<String, Cbor>> {
        self.0.core.look(|state| state.hub.presence(self.id()))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.core.with(|state, now| state.hub.close_document(&self.document, now));
    }
}

impl fmt::Debug for DocumentHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentHandle({})", self.id())
    }
}
