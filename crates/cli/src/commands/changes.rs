//! `rejoin changes`: changes as files.

use crate::exit::NOTHING;
use crate::heads::{Heads, unknown};
use crate::{document_file, output};
use anyhow::{Context, Result};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write the changes of a document as files, one each, and print their names
#[derive(Debug, Args)]
pub(crate) struct Changes {
    /// The document
    file: PathBuf,
    /// Only those that are new since these heads
    #[arg(long, value_name = "HEADS")]
    since: Option<Heads>,
    /// The directory for the files
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
}

impl Changes {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let since = self.since.as_ref().map_or(&[][..], Heads::hashes);
        document.at(since).map_err(|error| unknown(&error))?;
        std::fs::create_dir_all(&self.output).with_context(|| self.output.display().to_string())?;
        let changes = document.changes_since(since);
        for change in &changes {
            let path = self.output.join(format!("{}.change", change.hash()));
            document_file::write_bytes(&path, &change.compressed_bytes())?;
            output::line(path.display().to_string())?;
        }
        Ok(if changes.is_empty() { ExitCode::from(NOTHING) } else { ExitCode::SUCCESS })
    }
}
