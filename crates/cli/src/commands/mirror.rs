//! `rejoin mirror`: a directory whose Markdown files are the notes of a folder.

use super::network::{self, ServerArguments, document_id};
use crate::output;
use anyhow::{Context, Result, bail};
use clap::Args;
use rejoin_folder::mirror::{MirrorOptions, MirrorStatus, Paused};
use rejoin_notes::folder;
use rejoin_repo::{Destination, DocumentHandle, DocumentId, Repo, RepoOptions};
use rejoin_storage::{SqliteOptions, SqliteStore};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Keep a directory of Markdown files and a folder of notes the same, in both directions
///
/// Goes on until interrupted. Without --folder a new folder of notes is made, and its link is
/// printed, by which others open it. What is known of the notes lies in the data directory; the
/// directory itself holds the files, and ids in `.rejoin`.
#[derive(Debug, Args)]
pub(crate) struct Mirror {
    /// The directory; it is made when it is not there
    directory: PathBuf,
    /// The folder of notes
    #[arg(long, value_parser = document_id, value_name = "automerge:URL")]
    folder: Option<DocumentId>,
    /// Where the notes go: ws://host:port or wss://host
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Where to keep the documents
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    arguments: ServerArguments,
}

impl Mirror {
    pub(crate) fn run(self) -> Result<ExitCode> {
        network::run(self.mirror())
    }

    async fn mirror(self) -> Result<ExitCode> {
        let data = match &self.data {
            Some(data) => data.clone(),
            None => usual_data(&self.directory)?,
        };
        std::fs::create_dir_all(&data).with_context(|| data.display().to_string())?;
        let store = |name| SqliteStore::open(&data.join(name), &SqliteOptions::default());
        let options = RepoOptions { tls: self.arguments.tls()?, ..RepoOptions::default() };
        let repo = Repo::builder(Box::new(store("documents.sqlite")?)).options(options).build()?;
        if let Some(server) = &self.server {
            repo.dial(server, self.arguments.token()?);
        }
        let handle = self.find_folder(&repo, &data.join("folder")).await?;
        output::line(handle.url().to_string())?;
        let mirror = rejoin_folder::mirror::Mirror::start(MirrorOptions {
            repo: repo.clone(),
            folder: handle.id().clone(),
            trash: None,
            directory: self.directory.clone(),
            store: Box::new(store("mirror.sqlite")?),
        })?;
        output::note("mirroring; press Ctrl+C to stop");
        let mut status = mirror.status();
        let stop = tokio::signal::ctrl_c();
        tokio::pin!(stop);
        let mut told = String::new();
        loop {
            let now = in_words(&status.borrow_and_update());
            if now != told && !now.is_empty() {
                output::note(&now);
            }
            told = now;
            tokio::select! {
                stopped = &mut stop => {
                    stopped?;
                    break;
                }
                changed = status.changed() => changed.context("the mirror has ended")?,
            }
        }
        mirror.stop().await;
        repo.shutdown().await;
        Ok(ExitCode::SUCCESS)
    }

    /// The folder that was named, or the one of the last time, or a new one.
    async fn find_folder(&self, repo: &Repo, remembered: &Path) -> Result<DocumentHandle> {
        let last = std::fs::read_to_string(remembered).ok();
        let last =
            last.map(|text| document_id(text.trim())).transpose().map_err(anyhow::Error::msg)?;
        if let (Some(named), Some(last)) = (&self.folder, &last)
            && named != last
        {
            bail!("{} already mirrors {}", self.directory.display(), last.url());
        }
        let share = |id: &DocumentId| {
            let destination = self.server.iter().cloned().map(Destination::Server);
            repo.share(id, destination.collect());
        };
        let handle = match self.folder.as_ref().or(last.as_ref()) {
            Some(id) => {
                share(id);
                repo.find(id).await?
            }
            None => {
                let handle = repo.create();
                let name = self.directory.file_name().and_then(|name| name.to_str());
                handle.change(None, |tx| folder::create(tx, name.unwrap_or("Notes")))??;
                share(handle.id());
                handle
            }
        };
        std::fs::write(remembered, handle.url().to_string())?;
        Ok(handle)
    }
}

/// A place of its own for each directory, below the platform's data directory.
fn usual_data(directory: &Path) -> Result<PathBuf> {
    let dirs = directories::ProjectDirs::from("", "", "rejoin").context("no home directory")?;
    let path = std::path::absolute(directory)?;
    let name: String = path
        .to_string_lossy()
        .chars()
        .map(|char| if char.is_alphanumeric() || matches!(char, '-' | '.') { char } else { '_' })
        .collect();
    Ok(dirs.data_dir().join("mirrors").join(name))
}

fn in_words(status: &MirrorStatus) -> String {
    let mut words = Vec::new();
    match &status.paused {
        Some(Paused::Vanished) => words.push("the directory is not there; waiting for it".to_owned()),
        Some(Paused::ManyGone(count)) => words.push(format!(
            "{count} files are gone at once; nothing is deleted. Put them back, or delete fewer at a time"
        )),
        Some(Paused::Waiting) => words.push("waiting for the folder to arrive".to_owned()),
        None => {}
    }
    words.extend(status.problem.clone());
    let alone = status.left_alone.iter();
    words.extend(alone.map(|(path, reason)| format!("{path} is left alone: {reason}")));
    words.join("\n")
}
