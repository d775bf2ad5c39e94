//! The repo as programs hold it.

use std::{collections::BTreeSet, fmt, sync::Arc};

use rejoin_document::{ActorId, CommitOptions, Document, LoadOptions};
use rejoin_storage::ChunkStore;
use rejoin_sync::{
    ChosenDestinations, ConnectionStatus, Destination, DialerId, DocumentId, Event, PeerId,
    StorageId,
};
use rejoin_websocket::{ListenError, ListenOptions, Listener};
use tokio::sync::{oneshot, watch};

use crate::{
    DocumentHandle, FindError, ImportError, Listening, RepoBuilder,
    builder::SEND_QUEUE,
    core::Core,
    storage_thread::{Listed, StorageRequest},
    together::Together,
};

/// Documents, on disk and in sync. Clones are the same repo; it ends with the last of them and of
/// its handles. [`Repo::shutdown`] ends it in good order.
#[derive(Clone)]
pub struct Repo {
    core: Arc<Core>,
    peer: PeerId,
    storage_id: StorageId,
    chosen: ChosenDestinations,
}

impl Repo {
    /// Begins to make a repo over a store.
    pub fn builder(store: Box<dyn ChunkStore>) -> RepoBuilder {
        RepoBuilder::new(store)
    }

    pub(crate) fn new(
        core: Arc<Core>,
        peer: PeerId,
        storage_id: StorageId,
        chosen: ChosenDestinations,
    ) -> Self {
        Self { core, peer, storage_id, chosen }
    }

    /// The name of this process among its peers.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// The name of the store; it stays the same over restarts.
    pub fn storage_id(&self) -> &StorageId {
        &self.storage_id
    }

    /// Who writes here, as changes name their author.
    pub fn author(&self) -> Option<&[u8]> {
        self.core.options.author.as_deref()
    }

    /// Makes a new document with one empty change, so that others can find it.
    pub fn create(&self) -> DocumentHandle {
        let mut document = Document::new();
        let actor = ActorId::new(uuid::Uuid::new_v4().as_bytes());
        let time = (self.core.now().unix_ms / 1000) as i64;
        let author = self.core.options.author.clone();
        document.commit_empty(&actor, CommitOptions { message: None, time, author });
        let handle = self.adopt(&random_id(), document);
        self.core.with(|state, _| state.actors.insert(handle.id().clone(), actor));
        handle
    }

    /// Takes in a document that was made elsewhere, under a new name.
    ///
    /// # Errors
    ///
    /// When it holds no change.
    pub fn insert(&self, document: Document) -> Result<DocumentHandle, ImportError> {
        if document.heads().is_empty() {
            return Err(ImportError::Empty);
        }
        Ok(self.adopt(&random_id(), document))
    }

    /// Takes in the bytes of a saved document under a new name.
    ///
    /// # Errors
    ///
    /// When they are not a document, or hold no change.
    pub fn import(&self, bytes: &[u8]) -> Result<DocumentHandle, ImportError> {
        self.insert(Document::load(bytes, LoadOptions::default())?)
    }

    /// Takes in a document under a name that it has elsewhere; what is here already is merged.
    ///
    /// # Errors
    ///
    /// When it holds no change, or what is here already cannot be read.
    pub async fn insert_as(
        &self,
        id: &DocumentId,
        document: Document,
    ) -> Result<DocumentHandle, ImportError> {
        if document.heads().is_empty() {
            return Err(ImportError::Empty);
        }
        // The disk may hold more of it, and is asked first.
        let handle = DocumentHandle::open(&self.core, id).0;
        match handle.ready().await {
            Ok(()) | Err(FindError::Unavailable(_)) => {}
            Err(error) => return Err(ImportError::Unreadable(error)),
        }
        self.core.with(|state, now| state.hub.create(id, document, now));
        Ok(handle)
    }

    fn adopt(&self, id: &DocumentId, document: Document) -> DocumentHandle {
        self.core.with(|state, now| state.hub.create(id, document, now));
        DocumentHandle::open(&self.core, id).0
    }

    /// Finds a document: in memory, on disk, or with a peer that may be asked.
    ///
    /// # Errors
    ///
    /// When nobody who was asked has it, it was deleted here, or the disk cannot be read.
    pub async fn find(&self, id: &DocumentId) -> Result<DocumentHandle, FindError> {
        let handle = self.open(id);
        handle.ready().await?;
        Ok(handle)
    }

    /// Opens a document without waiting for it: a handle for those who want to know when it comes.
    pub fn open(&self, id: &DocumentId) -> DocumentHandle {
        DocumentHandle::open(&self.core, id).0
    }

    /// The documents that are stored or in memory here.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read; the reason is in words.
    pub async fn list(&self) -> Result<BTreeSet<DocumentId>, String> {
        let stored = self.listed().await?.stored;
        Ok(self.core.look(|state| {
            let known = state.hub.documents().filter(|id| state.hub.document(id).is_some());
            let deleted = |id: &&DocumentId| !state.hub.is_deleted(id);
            stored.iter().filter(deleted).chain(known).cloned().collect()
        }))
    }

    /// The documents that were deleted here, and not taken back.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read; the reason is in words.
    pub async fn list_deleted(&self) -> Result<BTreeSet<DocumentId>, String> {
        Ok(self.listed().await?.deleted)
    }

    /// Offers everything that is stored here to those to whom it goes, now and whenever they are
    /// connected again, so that they hear each other's news of it. Documents are read one by one, and
    /// only as far as it takes. Gives how many there are.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read; the reason is in words.
    pub async fn offer_stored(&self) -> Result<usize, String> {
        let stored = self.listed().await?.stored;
        self.core.with(|state, now| stored.iter().for_each(|id| state.hub.know(id, now)));
        Ok(stored.len())
    }

    async fn listed(&self) -> Result<Listed, String> {
        let (answer, listed) = oneshot::channel();
        let sent = self.core.look(|state| state.storage.send(StorageRequest::List { answer }));
        sent.map_err(|_| "the storage thread has ended".to_owned())?;
        listed.await.map_err(|_| "the storage thread has ended".to_owned())?
    }

    /// Writes several documents at one moment. What is written in here goes to the disk in one
    /// batch, so that it is there whole or not at all after a crash, up to 16 MB.
    ///
    /// The closure must not use the repo or its handles but through what it is given: it would wait
    /// for itself.
    pub fn together<R>(&self, write: impl FnOnce(&mut Together<'_>) -> R) -> R {
        let options = &self.core.options;
        self.core.with(|state, now| write(&mut Together { state, options, now }))
    }

    /// The number of documents that are in memory here.
    pub fn documents_in_memory(&self) -> usize {
        self.core.look(|state| state.hub.documents_in_memory())
    }

    /// Deletes a document here. Others keep theirs; it is not taken back from them.
    pub fn delete(&self, id: &DocumentId) {
        self.core.with(|state, now| {
            state.actors.remove(id);
            state.hub.delete(id, now);
        });
    }

    /// Takes back that a document was deleted here, so that it can be found again with those who
    /// have it. What was in it here stays lost.
    pub async fn undelete(&self, id: &DocumentId) {
        let handle = self.open(id);
        // Whether it was deleted may stand on the disk only.
        let _ = handle.ready().await;
        self.core.with(|state, now| state.hub.undelete(id, now));
    }

    /// Chooses where a document goes. Without effect under another policy than the usual one.
    pub fn share(&self, id: &DocumentId, destinations: BTreeSet<Destination>) {
        self.chosen.set(id.clone(), destinations);
        self.core.with(|state, now| state.hub.sharing_changed(id, now));
    }

    /// Where a document goes by [`Repo::share`].
    pub fn shared_with(&self, id: &DocumentId) -> BTreeSet<Destination> {
        self.chosen.get(id)
    }

    /// Keeps an address connected from now on; `token` is shown at the door.
    pub fn dial(&self, url: &str, token: Option<String>) -> DialerId {
        self.core.with(|state, _| state.hub.dial(url, token))
    }

    /// Lets an address go.
    pub fn hang_up(&self, dialer: DialerId) {
        self.core.with(|state, now| state.hub.hang_up(dialer, now));
    }

    /// Accepts connections until the result is dropped.
    ///
    /// # Errors
    ///
    /// When the address is in use, forbidden or not ours.
    pub async fn listen(&self, mut options: ListenOptions) -> Result<Listening, ListenError> {
        options.limits.send_queue = options.limits.send_queue.min(SEND_QUEUE);
        let listener = Listener::bind(options).await?;
        Ok(Listening::start(&self.core, listener))
    }

    /// Every address that is dialed and every connection that was accepted, as of now.
    pub fn connections(&self) -> Vec<ConnectionStatus> {
        self.core.look(|state| state.hub.connections())
    }

    /// Every address that is dialed, as of now.
    pub fn dialed_connections(&self) -> Vec<ConnectionStatus> {
        self.core.look(|state| state.hub.dialed_connections().collect())
    }

    /// The number of connections on which both sides know each other.
    pub fn connected_peers(&self) -> usize {
        self.core.look(|state| state.hub.connected_peers())
    }

    /// The list of [`Repo::connections`] whenever it has changed.
    pub fn watch_connections(&self) -> watch::Receiver<Vec<ConnectionStatus>> {
        self.core.watch_connections()
    }

    /// Goes offline, which closes all connections, or online again.
    pub fn set_offline(&self, offline: bool) {
        self.core.with(|state, now| state.hub.set_offline(offline, now));
    }

    /// Whether the person chose to be offline.
    pub fn is_offline(&self) -> bool {
        self.core.look(|state| state.hub.is_offline())
    }

    /// The computer has a network again, or another one: every address is dialed at once.
    pub fn network_returned(&self) {
        self.core.handle(Event::NetworkReturned);
    }

    /// Why the last write to the disk failed, while none has succeeded since, or else why there is
    /// a document that cannot be written.
    pub fn storage_error(&self) -> Option<String> {
        self.core.look(|state| state.hub.storage_error().map(str::to_owned))
    }

    /// Writes what is not on disk yet, publishes what waits for a pause, and closes all
    /// connections. True when everything is on disk; it gives up when the disk fails.
    pub async fn shutdown(&self) -> bool {
        self.core.with(|state, now| state.hub.flush_all(now));
        let saved = self.wait_for_disk().await;
        self.core.with(|state, now| {
            state.hub.set_offline(true, now);
            state.hub.flush_all(now);
        });
        saved && self.wait_for_disk().await
    }

    async fn wait_for_disk(&self) -> bool {
        loop {
            let (answer, passed) = oneshot::channel();
            let asked =
                self.core.look(|state| state.storage.send(StorageRequest::Barrier { answer }));
            if asked.is_err() || passed.await.is_err() {
                return false;
            }
            let (is_saved, has_given_up) =
                self.core.look(|state| (state.hub.is_saved(), state.hub.is_pausing_to_write()));
            if is_saved || has_given_up {
                return is_saved;
            }
            self.core.with(|state, now| state.hub.flush_all(now));
        }
    }
}

fn random_id() -> DocumentId {
    DocumentId::from_random(uuid::Uuid::new_v4().into_bytes())
}

impl fmt::Debug for Repo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Repo({})", self.peer)
    }
}
