//! `rejoin fork`: a document to go on with apart.

use crate::document_file;
use crate::heads::{Heads, unknown};
use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Copy a document, with its history up to some heads
#[derive(Debug, Args)]
pub(crate) struct Fork {
    /// The document
    file: PathBuf,
    /// Where to write the copy
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Up to these heads, instead of all of it
    #[arg(long, value_name = "HEADS")]
    at: Option<Heads>,
}

impl Fork {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let fork = match &self.at {
            None => document.fork(),
            Some(heads) => document.fork_at(heads.hashes()).map_err(|error| unknown(&error))?,
        };
        document_file::write(&self.output, &fork)?;
        Ok(ExitCode::SUCCESS)
    }
}
