//! `rejoin set`: writes a value.

use crate::exit::{Failure, NOTHING};
use crate::path::Path;
use crate::{document_file, json};
use anyhow::Result;
use clap::Args;
use rejoin_document::ObjId;
use serde_json::Value;
use std::path::PathBuf;
use std::process::ExitCode;

/// Set a place in a document to a JSON value; in a list, the index after the last one, or `-`,
/// appends
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The document, which is changed
    file: PathBuf,
    /// The place; an empty one sets keys of the root
    path: Path,
    /// The value; texts that are there already are changed only where they differ
    json: String,
    /// What the change is about
    #[arg(short, long)]
    message: Option<String>,
}

impl Set {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let value: Value = serde_json::from_str(&self.json).map_err(|error| {
            let hint = "the value is not JSON; a string needs quotes: '\"text\"'";
            Failure::Usage.error(format!("{hint}: {error}"))
        })?;
        let mut document = document_file::read(&self.file)?;
        let written = document_file::change(&mut document, self.message.as_deref(), |tx| {
            if self.path.is_root() {
                return json::put_all(tx, ObjId::ROOT, &value);
            }
            let place = self.path.place(&tx.view())?;
            json::put(tx, &place, &value)
        })?;
        if !written {
            return Ok(ExitCode::from(NOTHING));
        }
        document_file::write(&self.file, &document)?;
        Ok(ExitCode::SUCCESS)
    }
}
