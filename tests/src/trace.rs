//! Recorded typing: the JSON traces, sequential and concurrent.

use std::io::Read;

use serde::Deserialize;

/// A recording; positions and lengths are code points.
#[derive(Debug, Deserialize)]
pub struct Trace {
    #[serde(rename = "startContent", default)]
    pub start_content: String,
    #[serde(rename = "endContent")]
    pub end_content: String,
    #[serde(rename = "numAgents", default)]
    pub agents: usize,
    pub txns: Vec<Txn>,
}

/// What one person did at once. In a concurrent recording `parents` names earlier transactions by
/// their place in the list; in a sequential one each follows the one before.
#[derive(Debug, Deserialize)]
pub struct Txn {
    #[serde(default)]
    pub parents: Vec<usize>,
    #[serde(default)]
    pub agent: usize,
    pub patches: Vec<Patch>,
}

/// Position, number of deleted code points, inserted text.
#[derive(Debug, Deserialize)]
pub struct Patch(pub usize, pub usize, pub String);

/// The recording `name` under `REJOIN_DATA`, or nothing when the variable is unset.
pub fn read(name: &str) -> Option<Trace> {
    let packed = crate::data::read(&format!("traces/{name}.json.gz"))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    Some(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}")))
}
