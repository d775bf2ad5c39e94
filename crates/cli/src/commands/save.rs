//! `rejoin save`: the same document, written anew.

use crate::document_file;
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Write a document anew, as small as it gets
#[derive(Debug, Args)]
pub(crate) struct Save {
    /// The document
    file: PathBuf,
    /// Where to write it
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Do not compress columns
    #[arg(long)]
    uncompressed: bool,
}

impl Save {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let bytes = match self.uncompressed {
            true => document.save_uncompressed(),
            false => document.save(),
        };
        document_file::write_bytes(&self.output, &bytes)?;
        Ok(ExitCode::SUCCESS)
    }
}
