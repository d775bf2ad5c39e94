//! `rejoin export`: notes become files.

use super::network;
use super::notes::NotesArguments;
use crate::exit::Failure;
use crate::output::{self, count};
use crate::progress::Counter;
use anyhow::Result;
use clap::{Args, ValueEnum};
use rejoin_folder::export::{ExportFormat, ExportOptions, export};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Write the notes of a folder to files
///
/// As Markdown, links between notes become links between the files. As documents, each has its full
/// history, for every program that reads Automerge's files.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A directory that is not there yet, or is empty
    directory: PathBuf,
    /// As what the notes are written
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    notes: NotesArguments,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Format {
    #[default]
    Markdown,
    Automerge,
}

impl Export {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if self.notes.server.is_none() && self.notes.data.is_none() {
            return Err(Failure::Usage
                .error("where from? Name a server with --server, or a directory with --data"));
        }
        if let Some(data) = self.notes.data.as_ref().filter(|data| !data.is_dir()) {
            return Err(Failure::NotFound.error(format!("{} is not there", data.display())));
        }
        network::run(self.export())
    }

    async fn export(self) -> Result<ExitCode> {
        let repo = self.notes.repo()?;
        self.notes.reach_server(&repo).await?;
        let patience = Duration::from_secs(self.notes.arguments.timeout);
        let found = tokio::time::timeout(patience, self.notes.find_folder(&repo)).await;
        let found = found.map_err(|_| Failure::Unreachable.error("the server took too long"))?;
        let Some(folder) = found? else {
            return Err(Failure::Usage.error("which folder? Name it with --folder"));
        };
        let options = ExportOptions {
            repo: repo.clone(),
            folder: folder.id().clone(),
            trash: None,
            directory: self.directory.clone(),
            format: match self.format {
                Format::Markdown => ExportFormat::Markdown,
                Format::Automerge => ExportFormat::Automerge,
            },
        };
        let mut counter = Counter::new("exporting");
        let report =
            export(options, |progress| counter.show(progress.done, progress.total)).await?;
        drop(counter);
        repo.shutdown().await;
        output::note(format!(
            "{} in {}, {} adapted",
            count(report.notes, "note", "notes"),
            count(report.folders, "folder", "folders"),
            count(report.links, "link", "links")
        ));
        for name in &report.missing {
            output::note(format!("{name} could not be had"));
        }
        // A script is not to take a part for the whole.
        Ok(if report.missing.is_empty() { ExitCode::SUCCESS } else { Failure::NotFound.code() })
    }
}
