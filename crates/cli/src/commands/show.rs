//! `rejoin show`: what is in a document.

use crate::heads::{Heads, view_at};
use crate::path::Path;
use crate::{document_file, json, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{ObjType, Value};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print a document, or a part of it, as JSON; a text alone as it is
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The document
    file: PathBuf,
    /// As it was at these heads
    #[arg(long, value_name = "HEADS")]
    at: Option<Heads>,
    /// Only what is at this place
    #[arg(long, value_name = "PATH", default_value = "")]
    path: Path,
    /// Print a text as JSON too
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let view = view_at(&document, self.at.as_ref())?;
        match self.path.value(&view)? {
            Value::Object(ObjType::Text, text) if !self.json => output::text(&view.text(text)?)?,
            value => output::json(&json::value(&view, &value)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
