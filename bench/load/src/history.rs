//! A note with a long history: a paper as it was typed, one change per keystroke.

use std::io::Read;
use std::path::PathBuf;

use anyhow::{Context, Result};
use rejoin_document::{ActorId, CommitOptions, Document, ObjId, ObjType, TextUnit};
use serde::Deserialize;

/// Position, deleted length and inserted text, in code points.
type Patch = (usize, usize, String);

#[derive(Deserialize)]
struct Recording {
    txns: Vec<Txn>,
}

#[derive(Deserialize)]
struct Txn {
    patches: Vec<Patch>,
}

/// Types the paper. `None` when `REJOIN_DATA` does not name the recordings.
///
/// # Errors
///
/// When it names them and they cannot be read.
pub fn paper() -> Result<Option<Document>> {
    let Some(root) = std::env::var_os("REJOIN_DATA") else { return Ok(None) };
    let path = PathBuf::from(root).join("traces/automerge-paper.json.gz");
    let packed = std::fs::read(&path).with_context(|| path.display().to_string())?;
    let mut json = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut json)?;
    let recording: Recording = serde_json::from_str(&json)?;
    let actor = ActorId::new(b"who typed it");
    let mut document = Document::new();
    let mut transaction = document.transaction(&actor);
    let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text)?;
    transaction.commit(CommitOptions::default());
    for (position, deleted, inserted) in recording.txns.iter().flat_map(|txn| &txn.patches) {
        let mut transaction = document.transaction(&actor);
        transaction.splice_text(text, *position, *deleted, inserted, TextUnit::CodePoint)?;
        transaction.commit(CommitOptions::default());
    }
    Ok(Some(document))
}
