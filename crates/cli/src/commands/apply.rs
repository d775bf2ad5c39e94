//! `rejoin apply`: changes from files.

use crate::exit::Failure;
use crate::{document_file, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{LoadErrorCause, PatchLog};
use std::path::PathBuf;
use std::process::ExitCode;

/// Apply files of changes, in any order, to a document
#[derive(Debug, Args)]
pub(crate) struct Apply {
    /// The document
    file: PathBuf,
    /// Files of changes, or whole documents
    #[arg(required = true)]
    changes: Vec<PathBuf>,
    /// Where to write the result
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

impl Apply {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut document = document_file::read(&self.file)?;
        let mut new = 0;
        for file in &self.changes {
            let bytes = document_file::read_bytes(file)?;
            let loaded = document.load_incremental(&bytes, &mut PatchLog::inactive());
            new += loaded.map_err(|error| {
                let kind = match error.cause {
                    LoadErrorCause::Apply(_) => Failure::Refused,
                    _ => Failure::Damaged,
                };
                kind.error(format!("{}: {error}", file.display()))
            })?;
        }
        document_file::write(&self.output, &document)?;
        let waiting = document.queued();
        output::note(output::count(new, "new change", "new changes"));
        if waiting > 0 {
            let waiting = output::count(waiting, "change waits", "changes wait");
            output::note(format!("{waiting} for others that are missing"));
            return Ok(Failure::Refused.code());
        }
        Ok(ExitCode::SUCCESS)
    }
}
