//! `rejoin sync`: a file with another file, or with a server.

use super::network::{self, Arrived, Server, ServerArguments, document_id};
use crate::exit::Failure;
use crate::{document_file, output};
use anyhow::{Context, Result};
use clap::Args;
use rejoin_document::{ChangeHash, Document, PatchLog};
use rejoin_repo::{DocumentHandle, DocumentId};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// How often a watched file is looked at for changes by others.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Bring a document and another one, or a server, to the same state
///
/// With a server, the document is named by --doc; without it a new name is made and printed, by
/// which others find the document there.
#[derive(Debug, Args)]
pub(crate) struct Sync {
    /// The document, which takes in what the other has
    file: PathBuf,
    /// Another document, which takes in what this one has; or a server: ws://host:port or wss://host
    other: String,
    /// The name of the document on the server
    #[arg(long, value_parser = document_id, value_name = "automerge:URL")]
    doc: Option<DocumentId>,
    /// Stop when both have the same (the default)
    #[arg(long, conflicts_with = "watch")]
    once: bool,
    /// Go on until interrupted, in both directions
    #[arg(long)]
    watch: bool,
    #[command(flatten)]
    arguments: ServerArguments,
}

impl Sync {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.other.starts_with("ws://") || self.other.starts_with("wss://") {
            return network::run(self.with_server());
        }
        if self.other.contains("://") {
            let wrong =
                format!("{}: the address of a server begins with ws:// or wss://", self.other);
            return Err(Failure::Usage.error(wrong));
        }
        if self.doc.is_some() || self.watch {
            return Err(Failure::Usage.error("--doc and --watch are for servers"));
        }
        self.with_file()
    }

    fn with_file(&self) -> Result<ExitCode> {
        let other = Path::new(&self.other);
        let (mut a, mut b) = (document_file::read(&self.file)?, document_file::read(other)?);
        let had = (a.change_count(), b.change_count());
        let rounds =
            rejoin_sync::sync(&mut a, &mut b).map_err(|error| Failure::Refused.error(error))?;
        for (path, document, had) in [(self.file.as_path(), &a, had.0), (other, &b, had.1)] {
            let new = document.change_count() - had;
            if new > 0 {
                document_file::write(path, document)?;
            }
            let new = output::count(new, "new change", "new changes");
            output::line(format!("{}: {new}", path.display()))?;
        }
        output::line(output::count(rounds, "round", "rounds"))?;
        Ok(ExitCode::SUCCESS)
    }

    async fn with_server(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let id = match &self.doc {
            Some(id) => id.clone(),
            None => DocumentId::from_random(uuid::Uuid::new_v4().into_bytes()),
        };
        let server = Server::connect(&self.other, &self.arguments).await?;
        server.share(&id);
        let handle = server.in_time(server.repo.insert_as(&id, document)).await??;
        let arrived = server.in_sync(&handle).await?;
        let mut file = WatchedFile::new(&self.file);
        file.write(&handle)?;
        output::line(handle.url().to_string())?;
        output::note(match arrived {
            Arrived::Saved => "saved on the server",
            Arrived::Received => "received by the server",
        });
        if self.watch {
            watch(&mut file, &handle).await?;
        }
        server.repo.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }
}

/// Passes changes on in both directions until the person interrupts.
async fn watch(file: &mut WatchedFile, handle: &DocumentHandle) -> Result<()> {
    output::note("watching; press Ctrl+C to stop");
    let mut events = handle.subscribe();
    let mut clock = tokio::time::interval(LOOK_EVERY);
    let stop = tokio::signal::ctrl_c();
    tokio::pin!(stop);
    let mut is_told = false;
    loop {
        let passed_on = tokio::select! {
            stopped = &mut stop => {
                stopped?;
                return file.write(handle);
            }
            event = events.next() => {
                event.context("the repo has ended")?;
                while events.try_next().is_some() {}
                file.write(handle)
            }
            _ = clock.tick() => match file.read(handle) {
                Ok(true) => file.write(handle),
                other => other.map(|_| ()),
            },
        };
        match passed_on {
            // Somebody may be in the middle of writing it; until it can be read it is left alone.
            Err(error) if Failure::Damaged.is_kind_of(&error) => {
                if !std::mem::replace(&mut is_told, true) {
                    output::note(format!("{error}; it is looked at again"));
                }
            }
            other => {
                other?;
                is_told = false;
            }
        }
    }
}

/// A file that others may write too.
struct WatchedFile {
    path: PathBuf,
    /// What it was when it was last read or written here.
    seen: Option<(SystemTime, u64)>,
    heads: Vec<ChangeHash>,
}

impl WatchedFile {
    fn new(path: &Path) -> WatchedFile {
        WatchedFile { path: path.to_path_buf(), seen: None, heads: Vec::new() }
    }

    fn look(&self) -> Option<(SystemTime, u64)> {
        let metadata = std::fs::metadata(&self.path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    }

    /// Takes in what others wrote into the file; whether there was anything.
    fn read(&mut self, handle: &DocumentHandle) -> Result<bool> {
        let now = self.look();
        if now.is_none() || now == self.seen {
            return Ok(false);
        }
        let written = document_file::read(&self.path)?;
        if written.heads().is_empty() && !self.heads.is_empty() {
            let begun = format!("{}: it is empty", self.path.display());
            return Err(Failure::Damaged.error(begun));
        }
        self.seen = now;
        let merged = handle.edit(|document| document.merge(&written, &mut PatchLog::inactive()))?;
        let new = merged.map_err(|error| Failure::Refused.error(error))?;
        self.heads = written.heads().to_vec();
        Ok(!new.is_empty())
    }

    /// Writes the document into the file if it has changed, without losing what others wrote.
    fn write(&mut self, handle: &DocumentHandle) -> Result<()> {
        self.read(handle)?;
        let document = handle.read(Document::fork)?;
        if document.heads() == self.heads {
            return Ok(());
        }
        document_file::write(&self.path, &document)?;
        self.heads = document.heads().to_vec();
        self.seen = self.look();
        Ok(())
    }
}
