//! The bytes that the cases read, written once per run by each library itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::engine::Engine;
use crate::engines::automerge::Automerge;
use crate::engines::diamond::Diamond;
use crate::engines::loro::Loro;
use crate::engines::rejoin::Rejoin;
use crate::engines::yrs::Yrs;
use crate::trace;

/// How many notes there are, and how long each is.
pub const NOTES: usize = 10_000;
const NOTE_LENGTH: usize = 1_000;

/// The traces whose documents are loaded.
const LOADED: [&str; 3] = ["automerge-paper", "rustcode", "friendsforever_flat"];

/// Has the library write its files, in a process of its own, unless they are there.
pub fn ensure_prepared(engine: &str, files: &Path) -> Result<()> {
    if !files.join(format!("{engine}.done")).exists() {
        eprintln!("  preparing the files of {engine}");
        let done =
            Command::new(std::env::current_exe()?).args(["prepare", engine]).arg(files).status()?;
        ensure!(done.success(), "preparing the files of {engine} failed");
    }
    Ok(())
}

/// Writes the files of one library.
pub fn prepare(engine: &str, files: &Path) -> Result<()> {
    match engine {
        "automerge" => {
            let mut paper = prepare_with::<Automerge>(engine, files)?;
            let changes = paper.since(&Vec::new());
            std::fs::write(path(engine, files, "automerge-paper", "changes"), changes)?;
        }
        "loro" => drop(prepare_with::<Loro>(engine, files)?),
        "diamond-types" => drop(prepare_with::<Diamond>(engine, files)?),
        "yrs" => drop(prepare_with::<Yrs>(engine, files)?),
        "rejoin" => drop(prepare_with::<Rejoin>(engine, files)?),
        other => anyhow::bail!("unknown library {other}"),
    }
    std::fs::write(files.join(format!("{engine}.done")), [])?;
    Ok(())
}

fn prepare_with<E: Engine>(engine: &str, files: &Path) -> Result<E> {
    let mut paper = None;
    for name in LOADED {
        let trace = trace::read(name)?;
        let mut document = E::create(1);
        document.replay(&trace.patches, true);
        ensure!(document.text() == trace.end, "{engine} {name}: another text");
        std::fs::write(path(engine, files, name, "commits"), document.save())?;
        std::fs::write(path("trace", files, name, "end"), &trace.end)?;
        paper = paper.or(Some(document));
        // yrs takes minutes for one transaction over a whole trace.
        if name == "automerge-paper" && engine != "yrs" {
            let mut document = E::create(1);
            document.replay(&trace.patches, false);
            std::fs::write(path(engine, files, name, "one"), document.save())?;
        }
    }
    let mut notes = Vec::new();
    for note in 0..NOTES {
        let mut document = E::create(1);
        document.replay(&[(0, 0, note_text(note))], true);
        let saved = document.save();
        notes.extend((saved.len() as u32).to_le_bytes());
        notes.extend(saved);
    }
    std::fs::write(path(engine, files, "notes", "all"), notes)?;
    paper.ok_or_else(|| anyhow::anyhow!("no trace"))
}

/// The text of the n-th note.
pub fn note_text(note: usize) -> String {
    let words = ["garden", "letter", "meeting", "of", "the", "and", "to", "monday", "list", "idea"];
    let mut text = format!("# Note {note}\n\n");
    let mut state = note as u32 + 1;
    while text.len() < NOTE_LENGTH {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(words[(state >> 16) as usize % words.len()]);
        text.push(if state >> 28 == 0 { '\n' } else { ' ' });
    }
    text.truncate(NOTE_LENGTH);
    text
}

/// The text at the end of a trace whose documents are loaded.
pub fn end_text(files: &Path, name: &str) -> Result<String> {
    Ok(std::fs::read_to_string(path("trace", files, name, "end"))?)
}

/// Where a library's document lies.
pub fn path(engine: &str, files: &Path, name: &str, form: &str) -> PathBuf {
    files.join(format!("{engine}.{name}.{form}"))
}

/// The documents of a file in which each is preceded by its length.
pub fn packed(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (document, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        rest = after;
        Some(document)
    })
}

/// The chunks of a concatenation: a header of four, four and one bytes, a length, a body.
pub fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let mut length = 0usize;
        let mut at = 9;
        loop {
            let byte = *rest.get(at)?;
            length |= usize::from(byte & 0x7f) << ((at - 9) * 7);
            at += 1;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (chunk, after) = rest.split_at_checked(at + length)?;
        rest = after;
        Some(chunk)
    })
}
