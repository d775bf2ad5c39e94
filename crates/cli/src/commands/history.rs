//! `rejoin history`: the changes of a document.

use crate::heads::{short, words};
use crate::{document_file, json, output};
use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use rejoin_document::ChangeMeta;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// List the changes of a document, each after those that it follows
#[derive(Debug, Args)]
pub(crate) struct History {
    /// The document
    file: PathBuf,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

impl History {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        if self.json {
            let changes: Vec<Value> = document.metadata().map(|meta| as_json(&meta)).collect();
            output::json(&Value::Array(changes))?;
            return Ok(ExitCode::SUCCESS);
        }
        for change in document.metadata() {
            output::line(as_text(&change))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn operations(change: &ChangeMeta) -> u64 {
    (change.max_op + 1).saturating_sub(change.start_op)
}

fn as_json(change: &ChangeMeta) -> Value {
    json!({
        "hash": change.hash.to_string(),
        "actor": change.actor.to_string(),
        "seq": change.seq,
        "startOp": change.start_op,
        "operations": operations(change),
        "time": time(change),
        "message": change.message,
        "deps": words(&change.deps),
        "author": change.author.as_ref().map(|author| STANDARD.encode(author)),
    })
}

fn as_text(change: &ChangeMeta) -> String {
    let time = time(change).unwrap_or_else(|| "-".repeat(20));
    let (hash, actor) = (short(change.hash), short(&change.actor));
    let count = operations(change);
    let operations = if count == 1 { "operation" } else { "operations" };
    let merge = if change.deps.len() > 1 { ", joins" } else { "" };
    let message = change.message.as_deref().map(|text| format!("  {text}")).unwrap_or_default();
    format!("{hash}  {time}  {actor}/{}  {count} {operations}{merge}{message}", change.seq)
}

/// When, to the second, as the format counts.
fn time(change: &ChangeMeta) -> Option<String> {
    let milliseconds = change.time.checked_mul(1000).filter(|time| *time != 0)?;
    let written = json::timestamp(milliseconds);
    Some(written.replace(".000Z", "Z"))
}
