//! `rejoin new`: a new document.

use crate::document_file::{self, commit_options, fresh_actor};
use crate::exit::Failure;
use crate::json;
use anyhow::{Result, bail};
use clap::Args;
use rejoin_document::{Document, ObjId};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Make a new document
#[derive(Debug, Args)]
pub(crate) struct New {
    /// Where to write it
    file: PathBuf,
    /// What is in it at first: a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "note")]
    json: Option<String>,
    /// Make it a note with this Markdown text
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Overwrite a file that is there already
    #[arg(long)]
    force: bool,
}

impl New {
    pub(crate) fn run(self) -> Result<ExitCode> {
        if !self.force && self.file.try_exists().is_ok_and(|exists| exists) {
            bail!("{} is there already; --force overwrites it", self.file.display());
        }
        let contents = match (&self.json, &self.note) {
            (Some(text), _) => serde_json::from_str(text)
                .map_err(|e| Failure::Usage.error(format!("--json: {e}")))?,
            (None, Some(text)) => json!({"@patchwork": {"type": "markdown"}, "content": text}),
            (None, None) => Value::Object(serde_json::Map::new()),
        };
        let mut document = Document::new();
        let written = document_file::change(&mut document, None, |tx| {
            json::put_all(tx, ObjId::ROOT, &contents)
        })?;
        if !written {
            // A document without a change cannot be found by others.
            document.commit_empty(&fresh_actor(), commit_options(None));
        }
        document_file::write(&self.file, &document)?;
        Ok(ExitCode::SUCCESS)
    }
}
