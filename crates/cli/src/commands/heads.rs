//! `rejoin heads`: where a document is.

use crate::{document_file, heads, output};
use anyhow::Result;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Print the heads of a document: equal heads mean equal documents
#[derive(Debug, Args)]
pub(crate) struct Heads {
    /// The document
    file: PathBuf,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

impl Heads {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let words = heads::words(document.heads());
        if self.json {
            output::json(&json!(words))?;
        } else {
            words.iter().try_for_each(output::line)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
