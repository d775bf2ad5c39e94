//! `rejoin merge`: documents into one.

use crate::exit::Failure;
use crate::{document_file, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::PatchLog;
use std::path::PathBuf;
use std::process::ExitCode;

/// Merge documents into one that has the changes of all
#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// The documents, at least two
    #[arg(required = true, num_args = 2..)]
    files: Vec<PathBuf>,
    /// Where to write the result
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

impl Merge {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut files = self.files.iter();
        let mut merged = match files.next() {
            Some(first) => document_file::read(first)?,
            None => return Ok(ExitCode::SUCCESS),
        };
        for file in files {
            let other = document_file::read(file)?;
            let new = merged
                .merge(&other, &mut PatchLog::inactive())
                .map_err(|error| Failure::Refused.error(format!("{}: {error}", file.display())))?;
            let new = output::count(new.len(), "change", "changes");
            output::note(format!("{}: {new}", file.display()));
        }
        document_file::write(&self.output, &merged)?;
        Ok(ExitCode::SUCCESS)
    }
}
