//! `rejoin recover`: what can be read of a damaged file.

use crate::exit::Failure;
use crate::{document_file, output};
use anyhow::Result;
use clap::Args;
use rejoin_document::{Document, Salvaged};
use std::path::PathBuf;
use std::process::ExitCode;

/// Save what can be read of a damaged document; the file itself is left as it is
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// The damaged document
    file: PathBuf,
    /// Where to write what can be read
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
}

impl Recover {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let bytes = document_file::read_bytes(&self.file)?;
        let Salvaged { document, unread } = Document::salvage(&bytes);
        for chunk in &unread {
            let (from, to) = (chunk.offset, chunk.offset + chunk.len);
            output::note(format!("lost: bytes {from} to {to}: {}", chunk.cause));
        }
        let changes = document.change_count();
        if changes == 0 {
            return Err(Failure::Damaged.error("nothing of it can be read"));
        }
        document_file::write(&self.output, &document)?;
        let changes = output::count(changes, "change", "changes");
        output::note(format!("{changes} recovered"));
        Ok(ExitCode::SUCCESS)
    }
}
