//! A running server.

use crate::health;
use rejoin_repo::{
    BuildError, ConnectionPhase, Listening, PeerId, Repo, RepoOptions, ServeOnRequest,
};
use rejoin_storage::{SqliteOptions, SqliteStore, StoreError};
use rejoin_websocket::{
    Admission, ClientTls, Limits, ListenError, ListenLimits, ListenOptions, Origins, ServerTls,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The name of the store in the data directory.
const STORE: &str = "rejoin.sqlite";

/// How often it is looked how the links to other servers are.
const LOOK_AT_LINKS: Duration = Duration::from_millis(500);

/// The size of a page of the store, in bytes.
const PAGE: u64 = 4096;

/// How to run a server.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The directory of the store; made where it is missing.
    pub data: PathBuf,
    /// The greatest size of the store in bytes; `None`: as much as the disk holds.
    pub max_data: Option<u64>,
    /// Address and port to listen on; port 0 takes a free one.
    pub listen: String,
    /// The certificate for `wss`; without one, connections are not encrypted.
    pub tls: Option<ServerTls>,
    /// Whom to let in. Everyone is only let in at an address of this machine itself, unless
    /// [`ServerOptions::open`] says otherwise.
    pub admission: Admission,
    /// Whether everyone may come in at an address that others can reach.
    pub open: bool,
    /// Which web pages to let in.
    pub origins: Origins,
    /// The limits of each connection.
    pub limits: Limits,
    /// The limits of all connections together.
    pub listen_limits: ListenLimits,
    /// Whether a proxy in front tells the addresses of clients.
    pub behind_proxy: bool,
    /// How many documents one connection may use at once.
    pub documents_per_connection: usize,
    /// How many bytes the deflated changes of one message may inflate to.
    pub max_inflated: usize,
    /// How many bytes a document may keep of changes that cannot be taken in.
    pub max_set_aside: usize,
    /// How long a document that nobody uses stays in memory.
    pub idle_after: Duration,
    /// The server's name among its peers; a random one when none is given.
    pub name: Option<String>,
    /// Other servers to stay in sync with.
    pub linked: Vec<Linked>,
    /// Which other servers to believe at `wss`; `None`: those that the system believes.
    pub linked_tls: Option<ClientTls>,
}

/// Another server to stay in sync with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Linked {
    /// Its address: `ws://` or `wss://`.
    pub url: String,
    /// What to show at its door. It is not for logs.
    pub token: Option<String>,
}

impl ServerOptions {
    /// A server for this machine only, on port 3030, with its store in `data`.
    pub fn new(data: impl Into<PathBuf>) -> ServerOptions {
        ServerOptions {
            data: data.into(),
            max_data: None,
            listen: "127.0.0.1:3030".into(),
            tls: None,
            admission: Admission::Everyone,
            open: false,
            origins: Origins::Local,
            limits: Limits::default(),
            listen_limits: ListenLimits::default(),
            behind_proxy: false,
            documents_per_connection: 10_000,
            max_inflated: 256 << 20,
            max_set_aside: 16 << 20,
            idle_after: Duration::from_secs(60),
            name: None,
            linked: Vec::new(),
            linked_tls: None,
        }
    }

    fn of_repo(&self) -> Result<RepoOptions, StartError> {
        let name = self.name.as_ref();
        let peer = name.map(|name| PeerId::new(name).map_err(|_| StartError::Name(name.clone())));
        Ok(RepoOptions {
            peer: peer.transpose()?,
            reports_durable_heads: true,
            idle_after: Some(self.idle_after),
            documents_per_connection: self.documents_per_connection,
            max_inflated: self.max_inflated,
            max_set_aside: self.max_set_aside,
            tls: self.linked_tls.clone(),
            ..RepoOptions::default()
        })
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error("the data directory cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The store was opened and cannot be worked with.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Others can reach the address, and nothing keeps them out.
    #[error("{0} can be reached by others: give tokens, or say that everyone may come in")]
    Unguarded(String),
    /// The name cannot be one.
    #[error("{0:?} cannot be the name of a server")]
    Name(String),
}

/// A server that runs until it is shut down or dropped.
#[derive(Debug)]
pub struct Server {
    repo: Repo,
    listening: Option<Listening>,
    address: SocketAddr,
    stopping: Arc<AtomicBool>,
    /// Where there are linked servers: one lists what lies on the disk at the start, one tells how
    /// the links are.
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens the store, begins to listen, and dials the linked servers. Must be called inside a
    /// tokio runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`]: when the data directory is in use, cannot be written or is damaged, when the
    /// address cannot be listened on, or when nothing would keep strangers out.
    pub async fn start(options: ServerOptions) -> Result<Server, StartError> {
        let guarded = options.open || matches!(options.admission, Admission::Tokens(_));
        if !guarded && !is_local(&options.listen).await {
            return Err(StartError::Unguarded(options.listen));
        }
        let store = open_store(&options).await?;
        let builder = Repo::builder(Box::new(store)).options(options.of_repo()?);
        let repo = builder.policy(ServeOnRequest).build()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let listen_options = ListenOptions {
            tls: options.tls,
            admission: options.admission,
            origins: options.origins,
            limits: options.limits,
            listen_limits: options.listen_limits,
            behind_proxy: options.behind_proxy,
            health: Some(health::answer_for(repo.clone(), stopping.clone())),
            greeting: "This is a Rejoin sync server. Connect to it by WebSocket.\n".into(),
            ..ListenOptions::new(options.listen)
        };
        let listening = repo.listen(listen_options).await?;
        let mut tasks = Vec::new();
        if !options.linked.is_empty() {
            tasks.push(tokio::spawn(offer_all(repo.clone())));
            tasks.push(tokio::spawn(tell_of_links(repo.clone())));
        }
        for linked in options.linked {
            repo.dial(&linked.url, linked.token);
        }
        let address = listening.address();
        Ok(Server { repo, listening: Some(listening), address, stopping, tasks })
    }

    /// The address listened on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The documents and connections of the server.
    pub fn repo(&self) -> &Repo {
        &self.repo
    }

    /// Lets nobody in any more, writes what is not on disk yet, and closes all connections. True
    /// when everything is on disk.
    pub async fn shutdown(mut self) -> bool {
        self.stopping.store(true, Ordering::Relaxed);
        self.tasks.iter().for_each(JoinHandle::abort);
        self.listening.take();
        self.repo.shutdown().await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Puts down in the log when a linked server is connected, and when and why it is not.
async fn tell_of_links(repo: Repo) {
    let mut told = HashMap::new();
    let mut clock = tokio::time::interval(LOOK_AT_LINKS);
    loop {
        clock.tick().await;
        for link in repo.dialed_connections() {
            // While it is being dialed for the first time there is nothing to tell.
            let trouble = match (link.phase, link.last_error) {
                (ConnectionPhase::Connected, _) => None,
                (_, Some(reason)) => Some(reason),
                (_, None) => continue,
            };
            if told.get(&link.dialer) == Some(&trouble) {
                continue;
            }
            // What follows a question mark may be a token.
            let address = link.address.split('?').next().unwrap_or_default();
            match &trouble {
                None => tracing::info!(address, "a linked server is connected"),
                Some(reason) => {
                    tracing::warn!(address, %reason, "a linked server cannot be reached");
                }
            }
            told.insert(link.dialer, trouble);
        }
    }
}

/// Linked servers are offered every stored document, now or when they can be reached, and what they
/// have that is newer comes here.
async fn offer_all(repo: Repo) {
    match repo.offer_stored().await {
        Ok(documents) => tracing::info!(documents, "offering documents to the linked servers"),
        Err(error) => tracing::error!(error, "the documents cannot be listed"),
    }
}

async fn open_store(options: &ServerOptions) -> Result<SqliteStore, StoreError> {
    let path = options.data.join(STORE);
    let sqlite_options = SqliteOptions {
        max_page_count: options
            .max_data
            .map(|bytes| u32::try_from((bytes / PAGE).max(16)).unwrap_or(u32::MAX)),
        // A server that is being replaced may still be writing.
        wait: Duration::from_secs(2),
    };
    let opening = tokio::task::spawn_blocking(move || SqliteStore::open(&path, &sqlite_options));
    opening.await.expect("invariant: opening a store does not panic")
}

/// Whether only this machine can reach the address.
async fn is_local(address: &str) -> bool {
    match tokio::net::lookup_host(address).await {
        Ok(mut addresses) => addresses.all(|address| address.ip().to_canonical().is_loopback()),
        // Listening will say what is wrong with it.
        Err(_) => true,
    }
}
