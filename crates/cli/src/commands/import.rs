//! `rejoin import`: Markdown files become notes.

use super::network::{self, Arrived};
use super::notes::{NotesArguments, title_of};
use crate::exit::Failure;
use crate::output::{self, count};
use crate::progress::Counter;
use anyhow::{Result, bail};
use clap::Args;
use rejoin_folder::import::{ImportOptions, ImportReport, import};
use rejoin_repo::{DocumentHandle, DocumentId, Repo};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// The exit code of a program that was interrupted.
const INTERRUPTED: i32 = 130;

/// Make notes of a directory of Markdown files
///
/// Texts stay as they are, front matter included; links between the files become links between the
/// notes. Without --folder a new folder of notes is made. Its link is printed, by which others open
/// it. The notes go to a server, or into a data directory that `rejoin mirror` can go on with.
/// When it was interrupted, the same command, with that link as its --folder, goes on.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The directory with the files; it is only read
    directory: PathBuf,
    #[command(flatten)]
    notes: NotesArguments,
}

impl Import {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.notes.server.is_none() && self.notes.data.is_none() {
            return Err(Failure::Usage
                .error("where to? Name a server with --server, or a directory with --data"));
        }
        if !self.directory.is_dir() {
            return Err(
                Failure::NotFound.error(format!("{} is not a directory", self.directory.display()))
            );
        }
        network::run(self.import())
    }

    async fn import(self) -> Result<ExitCode> {
        // Looked at before anything is made anywhere.
        let files = rejoin_folder::import::count(&self.directory)?;
        if files == 0 {
            let none = format!("there are no Markdown files in {}", self.directory.display());
            return Err(Failure::NotFound.error(none));
        }
        let repo = self.notes.repo()?;
        self.notes.reach_server(&repo).await?;
        let folder = self.notes.find_or_make(&repo, &title_of(&self.directory)).await?;
        output::line(folder.url().to_string())?;
        let stop = tokio::signal::ctrl_c();
        tokio::select! {
            // What is under way ends with the process; what is on the disk is listed.
            stopped = stop => {
                stopped?;
                let folder = folder.url();
                output::note(format!("interrupted; with --folder {folder} it goes on from here"));
                std::process::exit(INTERRUPTED);
            }
            done = self.import_into(&repo, &folder) => done,
        }
    }

    async fn import_into(&self, repo: &Repo, folder: &DocumentHandle) -> Result<ExitCode> {
        let options = ImportOptions {
            repo: repo.clone(),
            folder: folder.id().clone(),
            directory: self.directory.clone(),
        };
        let report = tokio::task::spawn_blocking(move || {
            let mut counter = Counter::new("importing");
            import(&options, |progress| counter.show(progress.done, progress.total))
        });
        let report = report.await??;
        let arrived = match self.notes.server {
            Some(_) => Some(self.wait_for_server(repo, folder, &report.notes).await?),
            None => None,
        };
        if !repo.shutdown().await {
            bail!("not everything could be written to the disk");
        }
        tell(&report);
        match arrived {
            Some(Arrived::Saved) => output::note("saved on the server"),
            Some(Arrived::Received) => output::note("received by the server"),
            None => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Until the server has the notes and the folder.
    async fn wait_for_server(
        &self,
        repo: &Repo,
        folder: &DocumentHandle,
        notes: &[DocumentId],
    ) -> Result<Arrived> {
        let mut counter = Counter::new("sending");
        let handles = notes.iter().map(|id| repo.open(id)).chain([folder.clone()]);
        let handles: Vec<DocumentHandle> = handles.collect();
        for (done, handle) in handles.iter().enumerate() {
            counter.show(done, handles.len());
            // Each has its time, as the last of many comes late.
            let patience = Duration::from_secs(self.notes.arguments.timeout);
            let arrived = tokio::time::timeout(patience, network::arrived(handle));
            arrived.await.map_err(|_| Failure::Unreachable.error("the server took too long"))??;
        }
        counter.show(handles.len(), handles.len());
        let patience = Duration::from_secs(self.notes.arguments.timeout);
        let saved = async {
            for handle in &handles {
                network::saved(handle).await;
            }
        };
        let is_saved = tokio::time::timeout(patience, saved).await.is_ok();
        Ok(if is_saved { Arrived::Saved } else { Arrived::Received })
    }
}

fn tell(report: &ImportReport) {
    output::note(format!(
        "{} in {}, {} adapted",
        count(report.notes.len() - report.known, "note", "notes"),
        count(report.folders, "new folder", "new folders"),
        count(report.links, "link", "links")
    ));
    if report.known > 0 {
        let known = count(report.known, "note was", "notes were");
        output::note(format!("{known} there already, from an earlier import"));
    }
    if report.others > 0 {
        let others = count(report.others, "file that is", "files that are");
        output::note(format!("{others} not Markdown, not taken in"));
    }
    for (path, reason) in &report.left_alone {
        output::note(format!("{path} was not taken in: {reason}"));
    }
    for (path, address) in &report.broken {
        output::note(format!("{path} links to {address}, which is not there"));
    }
}
