//! What the subcommands for folders of notes share: where the notes are, and which folder is meant.

use super::network::{self, ServerArguments, document_id, server_url};
use crate::exit::Failure;
use anyhow::{Context, Result, bail};
use clap::Args;
use rejoin_notes::folder;
use rejoin_repo::{Destination, DocumentHandle, DocumentId, FindError, Repo, RepoOptions};
use rejoin_storage::{ChunkStore, MemoryStore, SqliteOptions, SqliteStore};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where notes are.
#[derive(Debug, Args)]
pub(crate) struct NotesArguments {
    /// The folder of notes
    #[arg(long, value_parser = document_id, value_name = "automerge:URL")]
    pub(crate) folder: Option<DocumentId>,
    /// The server that has the notes: ws://host:port or wss://host
    #[arg(long, value_name = "URL", value_parser = server_url)]
    pub(crate) server: Option<String>,
    /// The directory in which the documents are kept
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) arguments: ServerArguments,
}

impl NotesArguments {
    /// A repo with the documents of the data directory, if one is named, which talks to the server.
    pub(crate) fn repo(&self) -> Result<Repo> {
        let documents: Box<dyn ChunkStore> = match &self.data {
            Some(data) => Box::new(open_store(data, "documents.sqlite")?),
            None => Box::new(MemoryStore::new()),
        };
        let options = RepoOptions { tls: self.arguments.tls()?, ..RepoOptions::default() };
        let repo = Repo::builder(documents).options(options).build()?;
        if let Some(server) = &self.server {
            repo.dial(server, self.arguments.token()?);
        }
        Ok(repo)
    }

    /// Waits until the server answers, if one is named.
    pub(crate) async fn reach_server(&self, repo: &Repo) -> Result<()> {
        let Some(server) = &self.server else { return Ok(()) };
        let patience = Duration::from_secs(self.arguments.timeout);
        let late = || Failure::Unreachable.error(format!("{server} took too long"));
        tokio::time::timeout(patience, network::connected(repo)).await.map_err(|_| late())?
    }

    /// The folder that was named, or the one that the data directory was last used for, if any.
    pub(crate) async fn find_folder(&self, repo: &Repo) -> Result<Option<DocumentHandle>> {
        let last = self.data.as_ref().and_then(|data| {
            let text = std::fs::read_to_string(data.join("folder")).ok()?;
            Some(document_id(text.trim()))
        });
        let last = last.transpose().map_err(anyhow::Error::msg)?;
        if let (Some(named), Some(last)) = (&self.folder, &last)
            && named != last
            && let Some(data) = &self.data
        {
            bail!("{} already holds {}", data.display(), last.url());
        }
        let Some(id) = self.folder.as_ref().or(last.as_ref()) else { return Ok(None) };
        self.share(repo, id);
        let handle = match repo.find(id).await {
            Ok(handle) => handle,
            Err(error @ FindError::Unavailable(_)) => {
                let reasons = repo.connections().into_iter().find_map(|it| it.last_error);
                return Err(match reasons {
                    Some(reason) => Failure::Unreachable.error(reason),
                    None => Failure::NotFound.error(error),
                });
            }
            Err(error) => return Err(error.into()),
        };
        self.remember(&handle)?;
        Ok(Some(handle))
    }

    /// As [`NotesArguments::find_folder`]; when there is none, a new folder with this title.
    pub(crate) async fn find_or_make(&self, repo: &Repo, title: &str) -> Result<DocumentHandle> {
        if let Some(handle) = self.find_folder(repo).await? {
            return Ok(handle);
        }
        self.make_folder(repo, title)
    }

    /// A new folder with this title.
    pub(crate) fn make_folder(&self, repo: &Repo, title: &str) -> Result<DocumentHandle> {
        let handle = repo.create();
        handle.change(None, |tx| folder::create(tx, title))??;
        self.share(repo, handle.id());
        self.remember(&handle)?;
        Ok(handle)
    }

    fn share(&self, repo: &Repo, id: &DocumentId) {
        repo.share(id, self.server.iter().cloned().map(Destination::Server).collect());
    }

    fn remember(&self, handle: &DocumentHandle) -> Result<()> {
        if let Some(data) = &self.data {
            std::fs::write(data.join("folder"), handle.url().to_string())?;
        }
        Ok(())
    }
}

/// A database in the data directory, which is made when it is not there.
pub(crate) fn open_store(data: &Path, name: &str) -> Result<SqliteStore> {
    if data.exists() && !data.is_dir() {
        bail!("{} is not a directory", data.display());
    }
    std::fs::create_dir_all(data).with_context(|| data.display().to_string())?;
    Ok(SqliteStore::open(&data.join(name), &SqliteOptions::default())?)
}

/// What a folder that was made for a directory is called.
pub(crate) fn title_of(directory: &Path) -> String {
    let path = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
    path.file_name().and_then(|name| name.to_str()).unwrap_or("Notes").to_owned()
}
