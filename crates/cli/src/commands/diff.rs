//! `rejoin diff`: what changed between two states.

use crate::heads::{Heads, unknown};
use crate::{document_file, json, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{ObjType, Patch, PatchAction, PathKey, TextUnit, Value as DocumentValue};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::ExitCode;

/// Print what changed in a document between two states
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The document
    file: PathBuf,
    /// The heads before; an empty text stands for the empty document
    #[arg(long, value_name = "HEADS")]
    from: Heads,
    /// The heads after, instead of how it is now
    #[arg(long, value_name = "HEADS")]
    to: Option<Heads>,
    /// Print a JSON list of patches; positions in texts count characters
    #[arg(long)]
    json: bool,
}

impl Diff {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let document = document_file::read(&self.file)?;
        let after = self.to.as_ref().map_or(document.heads(), Heads::hashes);
        let patches = document
            .diff(self.from.hashes(), after, TextUnit::CodePoint)
            .map_err(|error| unknown(&error))?;
        if self.json {
            let patches: Vec<Value> = patches.iter().map(as_json).collect();
            output::json(&Value::Array(patches))?;
            return Ok(ExitCode::SUCCESS);
        }
        for patch in &patches {
            output::line(as_text(patch))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A value as it came: objects are empty, and the patches that follow fill them.
fn value_json(value: &DocumentValue) -> Value {
    match value {
        DocumentValue::Scalar(scalar) => json::scalar(scalar),
        DocumentValue::Object(ObjType::Text, _) => json!(""),
        DocumentValue::Object(ObjType::List, _) => json!([]),
        DocumentValue::Object(ObjType::Map | ObjType::Table, _) => json!({}),
    }
}

fn path(patch: &Patch) -> Vec<Value> {
    let steps = patch.path.iter().flatten();
    steps
        .map(|(_, key)| match key {
            PathKey::Key(key) => json!(key),
            PathKey::Index(index) => json!(index),
        })
        .collect()
}

fn as_json(patch: &Patch) -> Value {
    let mut patch_json = match &patch.action {
        PatchAction::SpliceText { index, value, .. } => {
            json!({"action": "splice", "index": index, "value": value})
        }
        PatchAction::DeleteSeq { index, length } => {
            json!({"action": "del", "index": index, "length": length})
        }
        PatchAction::Insert { index, values, .. } => {
            let values: Vec<Value> = values.iter().map(|(value, _)| value_json(value)).collect();
            json!({"action": "insert", "index": index, "values": values})
        }
        PatchAction::PutMap { key, value, conflict } => {
            json!({"action": "put", "key": key, "value": value_json(value), "conflict": conflict})
        }
        PatchAction::PutSeq { index, value, conflict } => {
            json!({"action": "put", "index": index, "value": value_json(value), "conflict": conflict})
        }
        PatchAction::DeleteMap { key } => json!({"action": "del", "key": key}),
        PatchAction::Increment { key, by } => match key {
            PathKey::Key(key) => json!({"action": "inc", "key": key, "value": by}),
            PathKey::Index(index) => json!({"action": "inc", "index": index, "value": by}),
        },
        PatchAction::Mark { name, ranges } => {
            let ranges = ranges.iter().map(|(range, value)| {
                json!({"start": range.start, "end": range.end, "value": json::scalar(value)})
            });
            json!({"action": "mark", "name": name, "ranges": ranges.collect::<Vec<_>>()})
        }
    };
    patch_json["path"] = Value::Array(path(patch));
    patch_json
}

fn as_text(patch: &Patch) -> String {
    let steps: Vec<String> = path(patch)
        .iter()
        .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
        .collect();
    let at = |step: &dyn ToString| {
        let mut all = steps.clone();
        all.push(step.to_string());
        all.join("/")
    };
    match &patch.action {
        PatchAction::SpliceText { index, value, .. } => format!("+ {}  {value:?}", at(index)),
        PatchAction::DeleteSeq { index, length } => format!("- {}  {length}", at(index)),
        PatchAction::Insert { index, values, .. } => {
            let values: Vec<String> =
                values.iter().map(|(value, _)| value_json(value).to_string()).collect();
            format!("+ {}  {}", at(index), values.join(", "))
        }
        PatchAction::PutMap { key, value, .. } => {
            format!("= {}  {}", at(key), value_json(value))
        }
        PatchAction::PutSeq { index, value, .. } => {
            format!("= {}  {}", at(index), value_json(value))
        }
        PatchAction::DeleteMap { key } => format!("- {}", at(key)),
        PatchAction::Increment { key: PathKey::Key(key), by } => format!("= {}  {by:+}", at(key)),
        PatchAction::Increment { key: PathKey::Index(index), by } => {
            format!("= {}  {by:+}", at(index))
        }
        PatchAction::Mark { name, ranges } => {
            let ranges: Vec<String> = ranges
                .iter()
                .map(|(r, value)| format!("{}..{} {}", r.start, r.end, json::scalar(value)))
                .collect();
            format!("~ {}  {name}: {}", steps.join("/"), ranges.join(", "))
        }
    }
}
