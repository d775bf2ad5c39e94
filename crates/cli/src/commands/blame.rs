//! `rejoin blame`: who wrote which part of a text.

use crate::exit::Failure;
use crate::heads::short;
use crate::path::Path;
use crate::{document_file, json, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{ObjType, TextUnit};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Tell which change wrote each part of a text
#[derive(Debug, Args)]
pub(crate) struct Blame {
    /// The document
    file: PathBuf,
    /// Where the text is
    path: Path,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

impl Blame {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let view = document.view();
        let (ObjType::Text, object) = self.path.object(&view)? else {
            return Err(Failure::NotFound.error(format!("{} is not a text", self.path)));
        };
        let text: Vec<char> = view.text(object)?.chars().collect();
        let mut parts = Vec::new();
        for part in document.attribution(object, TextUnit::CodePoint)? {
            let meta = part.change.and_then(|hash| document.change_meta(&hash));
            let time = meta.as_ref().map(|meta| meta.time).filter(|time| *time != 0);
            let time = time.and_then(|seconds| seconds.checked_mul(1000)).map(json::timestamp);
            let written: String = text.get(part.range.clone()).unwrap_or_default().iter().collect();
            if self.json {
                parts.push(json!({
                    "from": part.range.start,
                    "to": part.range.end,
                    "text": written,
                    "change": part.change.map(|hash| hash.to_string()),
                    "actor": part.actor.map(|actor| actor.to_string()),
                    "time": time,
                }));
                continue;
            }
            let change = part.change.map(short).unwrap_or_default();
            let actor = part.actor.map(short).unwrap_or_default();
            let time = time.map(|time| time.replace(".000Z", "Z")).unwrap_or_default();
            output::line(format!("{change:8}  {actor:8}  {time:20}  {written:?}"))?;
        }
        if self.json {
            output::json(&Value::Array(parts))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
