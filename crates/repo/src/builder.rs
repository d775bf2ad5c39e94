//! How a repo is made.

use rejoin_document::TextUnit;
use rejoin_storage::{Batch, ChunkStore, StorageKey};
use rejoin_sync::{
    ChosenDestinations, Hub, HubOptions, PeerId, SharePolicy, StorageId, StoredDocument,
};
use rejoin_websocket::{ClientTls, Limits};
use std::time::Duration;

use crate::{
    BuildError, Repo,
    core::Core,
    storage_thread::{Assemble, StorageThread},
};

/// What a repo is told at its beginning beside its store.
#[derive(Debug, Clone)]
pub struct RepoOptions {
    /// The name of this process among its peers; a random one when none is given.
    pub peer: Option<PeerId>,
    /// In which unit patches count text.
    pub text_unit: TextUnit,
    /// Peers may hear what is durable here. For servers.
    pub reports_durable_heads: bool,
    /// Documents that nobody used for so long leave memory. For servers.
    pub idle_after: Option<Duration>,
    /// A peer that uses more documents at once is answered that others are unavailable.
    pub documents_per_connection: usize,
    /// How many bytes the deflated changes of one message may inflate to.
    pub max_inflated: usize,
    /// How many bytes a document may keep of changes of peers that wait for others, and a sixteenth
    /// of it of changes that were refused.
    pub max_set_aside: usize,
    /// Names the person in the first change of each actor.
    pub author: Option<Vec<u8>>,
    /// Which servers to believe at `wss`; none: those that the operating system believes.
    pub tls: Option<ClientTls>,
    /// The limits of connections that we dial.
    pub dial_limits: Limits,
}

impl Default for RepoOptions {
    fn default() -> Self {
        let mut dial_limits = rejoin_websocket::DialOptions::new("").limits;
        dial_limits.send_queue = SEND_QUEUE;
        Self {
            peer: None,
            text_unit: TextUnit::Utf16,
            reports_durable_heads: false,
            idle_after: None,
            documents_per_connection: 10_000,
            max_inflated: 256 << 20,
            max_set_aside: 16 << 20,
            author: None,
            tls: None,
            dial_limits,
        }
    }
}

/// So many bytes wait at a socket. What does not fit waits in the hub, where many changes become
/// one message.
pub(crate) const SEND_QUEUE: usize = 32 << 10;

/// Makes a [`Repo`].
pub struct RepoBuilder {
    store: Box<dyn ChunkStore>,
    options: RepoOptions,
    policy: Option<Box<dyn SharePolicy>>,
    pub(crate) assemble: Assemble,
}

impl RepoBuilder {
    pub(crate) fn new(store: Box<dyn ChunkStore>) -> Self {
        let assemble = StoredDocument::assemble;
        Self { store, options: RepoOptions::default(), policy: None, assemble }
    }

    /// Takes other options than the default ones.
    pub fn options(mut self, options: RepoOptions) -> Self {
        self.options = options;
        self
    }

    /// Names this process among its peers.
    pub fn peer(mut self, peer: PeerId) -> Self {
        self.options.peer = Some(peer);
        self
    }

    /// Decides who gets what; without it, documents go where [`Repo::share`] says.
    pub fn policy(mut self, policy: impl SharePolicy + 'static) -> Self {
        self.policy = Some(Box::new(policy));
        self
    }

    /// Begins. Must be called inside a tokio runtime, which then runs the connections; reads and
    /// perhaps writes the name of the store, and so blocks for a moment.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or there is no thread for it.
    pub fn build(mut self) -> Result<Repo, BuildError> {
        let storage_id = storage_id(self.store.as_mut())?;
        let random = || uuid::Uuid::new_v4().into_bytes();
        let peer = match &self.options.peer {
            Some(peer) => peer.clone(),
            None => PeerId::new(&format!("peer-{}", uuid::Uuid::new_v4()))
                .expect("invariant: a prefix and a uuid are a legal name"),
        };
        let hub_options = HubOptions {
            storage_id: Some(storage_id.clone()),
            session: uuid::Uuid::new_v4().to_string(),
            seed: u64::from_le_bytes(random()[..8].try_into().unwrap_or_default()),
            text_unit: self.options.text_unit,
            reports_durable_heads: self.options.reports_durable_heads,
            idle_after: self.options.idle_after,
            documents_per_connection: self.options.documents_per_connection,
            max_inflated: self.options.max_inflated,
            max_set_aside: self.options.max_set_aside,
            ..HubOptions::new(peer.clone())
        };
        let chosen = ChosenDestinations::default();
        let policy = self.policy.unwrap_or_else(|| Box::new(chosen.clone()));
        let hub = Hub::new(hub_options, policy);
        let (storage, requests) = StorageThread::channel();
        let core = Core::start(hub, storage, self.options);
        StorageThread::start(self.store, self.assemble, requests, &core)?;
        Ok(Repo::new(core, peer, storage_id, chosen))
    }
}

/// The name of the store; an unnamed store is given one.
fn storage_id(store: &mut dyn ChunkStore) -> Result<StorageId, BuildError> {
    let key = StorageKey::new(["storage-adapter-id"])
        .expect("invariant: a word without a nul character is a legal key");
    if let Some(bytes) = store.load(&key)? {
        let text = String::from_utf8(bytes).map_err(|_| BuildError::StorageId)?;
        return StorageId::new(text.trim()).map_err(|_| BuildError::StorageId);
    }
    let storage_id = StorageId::from_random(uuid::Uuid::new_v4().into_bytes());
    let mut batch = Batch::new();
    batch.put(key, storage_id.as_str().as_bytes().to_vec());
    store.apply(&batch)?;
    Ok(storage_id)
}
