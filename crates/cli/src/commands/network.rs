//! What the subcommands that talk to a server share.

use crate::document_file;
use crate::exit::Failure;
use crate::progress::Progress;
use anyhow::{Context, Result};
use clap::Args;
use rejoin_repo::{
    ConnectionPhase, Destination, DocumentEvent, DocumentHandle, DocumentId, PeerId, Repo,
    RepoOptions,
};
use rejoin_storage::MemoryStore;
use rejoin_sync::AutomergeUrl;
use rejoin_websocket::ClientTls;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

/// How long, after everything has arrived, a server may take to say that it is on its disk.
const UNTIL_DURABLE: Duration = Duration::from_secs(1);

/// How to talk to a server.
#[derive(Debug, Args)]
pub(crate) struct ServerArguments {
    /// File whose first line is the token to show to the server
    #[arg(long, env = "REJOIN_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Certificates (PEM) to believe at wss, instead of the system's
    #[arg(long, value_name = "FILE")]
    tls_roots: Option<PathBuf>,
    /// How long to wait for the server
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub(crate) timeout: u64,
}

/// A repo that keeps nothing itself, and the one server that it talks to.
pub(crate) struct Server {
    pub(crate) repo: Repo,
    url: String,
    timeout: Duration,
}

/// Where a document has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// In the server's memory, at least.
    Received,
    /// On the server's disk.
    Saved,
}

/// Runs what needs a network.
pub(crate) fn run<R>(work: impl Future<Output = Result<R>>) -> Result<R> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(work)
}

/// A document named on the command line: a link or the bare name.
pub(crate) fn document_id(text: &str) -> Result<DocumentId, String> {
    if let Ok(url) = text.parse::<AutomergeUrl>() {
        return Ok(url.document);
    }
    text.parse().map_err(|error: rejoin_sync::InvalidDocumentId| error.to_string())
}

/// The address of a server on the command line.
pub(crate) fn server_url(text: &str) -> Result<String, String> {
    let is_one = text.starts_with("ws://") || text.starts_with("wss://");
    is_one.then(|| text.to_owned()).ok_or_else(|| "it begins with ws:// or wss://".to_owned())
}

impl Server {
    /// Connects; fails if that does not succeed at once.
    pub(crate) async fn connect(url: &str, arguments: &ServerArguments) -> Result<Server> {
        let _progress = Progress::begin(format!("connecting to {url}"));
        let peer = format!("rejoin-cli-{}", uuid::Uuid::new_v4());
        let options = RepoOptions {
            tls: arguments.tls()?,
            peer: Some(PeerId::new(&peer)?),
            ..RepoOptions::default()
        };
        let repo = Repo::builder(Box::new(MemoryStore::new())).options(options).build()?;
        let timeout = Duration::from_secs(arguments.timeout);
        let server = Server { repo, url: url.to_owned(), timeout };
        server.repo.dial(url, arguments.token()?);
        server.in_time(connected(&server.repo)).await??;
        Ok(server)
    }

    /// Keeps the document in sync with the server from now on.
    pub(crate) fn share(&self, id: &DocumentId) {
        self.repo.share(id, [Destination::Server(self.url.clone())].into());
    }

    /// Waits until the server has everything that is here, and we have everything that it has.
    pub(crate) async fn in_sync(&self, document: &DocumentHandle) -> Result<Arrived> {
        let _progress = Progress::begin("syncing");
        self.in_time(arrived(document)).await??;
        match tokio::time::timeout(UNTIL_DURABLE, saved(document)).await {
            Ok(()) if is_saved(document) => Ok(Arrived::Saved),
            _ => Ok(Arrived::Received),
        }
    }

    /// Waits, but not longer than the person wants to.
    pub(crate) async fn in_time<R>(&self, work: impl Future<Output = R>) -> Result<R> {
        let late = || Failure::Unreachable.error(format!("{} took too long", self.url));
        tokio::time::timeout(self.timeout, work).await.map_err(|_| late())
    }
}

impl ServerArguments {
    /// Which servers to believe at wss, if not those of the system.
    pub(crate) fn tls(&self) -> Result<Option<ClientTls>> {
        Ok(self.tls_roots.as_deref().map(ClientTls::from_file).transpose()?)
    }

    /// The token to show, if there is one.
    pub(crate) fn token(&self) -> Result<Option<String>> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let bytes = document_file::read_bytes(path)?;
        let text = String::from_utf8(bytes).ok();
        let line = text.as_deref().and_then(|text| text.lines().next()).map(str::trim);
        let none = || Failure::Usage.error(format!("{}: there is no token in it", path.display()));
        Ok(Some(line.filter(|line| !line.is_empty()).ok_or_else(none)?.to_owned()))
    }
}

/// Waits until the server that was dialled answers; fails if it does not do so at once.
pub(crate) async fn connected(repo: &Repo) -> Result<()> {
    let mut connections = repo.watch_connections();
    loop {
        for connection in connections.borrow_and_update().iter() {
            if connection.phase == ConnectionPhase::Connected {
                return Ok(());
            }
            if let Some(reason) = &connection.last_error {
                return Err(Failure::Unreachable.error(reason));
            }
        }
        connections.changed().await?;
    }
}

/// Waits until a server has everything that is here, and we have everything that it has.
pub(crate) async fn arrived(document: &DocumentHandle) -> Result<()> {
    let mut events = document.subscribe();
    while !has_arrived(document)? {
        let gone = || Failure::Unreachable.error("the repo has ended");
        if let DocumentEvent::Deleted = events.next().await.ok_or_else(gone)? {
            return Err(gone());
        }
    }
    Ok(())
}

/// Waits until a server says that it has everything on its disk; for ever, if none says so.
pub(crate) async fn saved(document: &DocumentHandle) {
    let mut events = document.subscribe();
    while !is_saved(document) {
        if events.next().await.is_none() {
            return;
        }
    }
}

fn has_arrived(document: &DocumentHandle) -> Result<bool> {
    let Some(status) = document.status() else { return Ok(false) };
    if let Some(problem) = status.peers.iter().find_map(|peer| peer.problem.as_ref()) {
        return Err(Failure::Refused.error(problem));
    }
    let is_same = status.peers.iter().any(|peer| peer.has_all && !peer.is_ahead);
    Ok(is_same && status.queued == 0)
}

fn is_saved(document: &DocumentHandle) -> bool {
    document.status().is_some_and(|status| status.servers.iter().any(|server| server.has_all))
}
