//! Recorded typing, from the folder that `REJOIN_DATA` names.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

/// One edit: position, deleted length and inserted text, in code points.
pub type Patch = (usize, usize, String);

#[derive(Deserialize)]
struct Recording {
    #[serde(rename = "endContent")]
    end_content: String,
    txns: Vec<Txn>,
}

#[derive(Deserialize)]
struct Txn {
    patches: Vec<Patch>,
}

/// A sequential recording.
pub struct Trace {
    pub patches: Vec<Patch>,
    pub end: String,
}

/// The path of `name` in the data folder.
pub fn data(name: &str) -> Result<PathBuf> {
    let root = std::env::var_os("REJOIN_DATA").context("REJOIN_DATA must name the data folder")?;
    let path = PathBuf::from(root).join(name);
    anyhow::ensure!(path.exists(), "{} is missing", path.display());
    Ok(path)
}

/// Reads the recording `name`.
pub fn read(name: &str) -> Result<Trace> {
    let packed = std::fs::read(data(&format!("traces/{name}.json.gz"))?)?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text)?;
    let recording: Recording = serde_json::from_str(&text)?;
    let patches = recording.txns.into_iter().flat_map(|txn| txn.patches).collect();
    Ok(Trace { patches, end: recording.end_content })
}
