//! `rejoin verify`: whether a file is whole.

use crate::exit::Failure;
use crate::heads::words;
use crate::{document_file, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{Document, LoadOptions, Salvaged};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Check a document: what is readable, what is not, and every hash
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The document
    file: PathBuf,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let bytes = document_file::read_bytes(&self.file)?;
        let Salvaged { document, unread } = Document::salvage(&bytes);
        let saved = Document::load(&document.save(), LoadOptions::default());
        let survives = saved.is_ok_and(|again| again.heads() == document.heads());
        let (queued, refused) = (document.queued(), document.refused());
        let is_whole = unread.is_empty() && refused.is_empty() && queued == 0 && survives;
        if self.json {
            let unread: Vec<Value> = unread
                .iter()
                .map(|chunk| {
                    let reason = chunk.cause.to_string();
                    json!({"offset": chunk.offset, "length": chunk.len, "reason": reason})
                })
                .collect();
            let refused: Vec<Value> = refused
                .iter()
                .map(|refused| {
                    let hash = refused.hash.to_string();
                    json!({"hash": hash, "reason": refused.reason.to_string()})
                })
                .collect();
            output::json(&json!({
                "whole": is_whole,
                "bytes": bytes.len(),
                "changes": document.change_count(),
                "heads": words(document.heads()),
                "unread": unread,
                "refused": refused,
                "waiting": queued,
                "survivesSaving": survives,
            }))?;
        } else {
            let changes = output::count(document.change_count(), "change", "changes");
            output::line(format!("{} bytes, {changes}", bytes.len()))?;
            for head in words(document.heads()) {
                output::line(format!("head {head}"))?;
            }
            for chunk in &unread {
                let (from, to) = (chunk.offset, chunk.offset + chunk.len);
                output::line(format!("unreadable: bytes {from} to {to}: {}", chunk.cause))?;
            }
            for refused in refused {
                output::line(format!("refused: {}: {}", refused.hash, refused.reason))?;
            }
            if queued > 0 {
                output::line(format!("waiting for missing changes: {queued}"))?;
            }
            if !survives {
                output::line("saving it again would not give the same document")?;
            }
            output::line(if is_whole { "whole" } else { "not whole" })?;
        }
        Ok(if is_whole { ExitCode::SUCCESS } else { Failure::Damaged.code() })
    }
}
