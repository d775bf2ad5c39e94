//! `rejoin message`: one message of the sync protocol, over any transport.

use crate::exit::{Failure, NOTHING};
use crate::{document_file, output};
use anyhow::{Context, Result};
use clap::Args;
use rejoin_document::PatchLog;
use rejoin_sync::{State, generate_sync_message, receive_sync_message};
use std::path::PathBuf;
use std::process::ExitCode;

/// Take in a sync message and write the answer: sync by mail, by stick, by anything
///
/// Run it on both sides in turn, carrying the message from one to the other, until one of them
/// exits with code 7: then both have the same.
#[derive(Debug, Args)]
pub(crate) struct Message {
    /// The document, which takes in what the message brings
    file: PathBuf,
    /// What is known of the other side; made at the first time
    #[arg(long, value_name = "FILE")]
    state: PathBuf,
    /// The message from the other side
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Where to write the message for the other side
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

impl Message {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let mut document = document_file::read(&self.file)?;
        let mut state = match self.state.try_exists()? {
            false => State::new(),
            true => State::decode(&document_file::read_bytes(&self.state)?)
                .map_err(|e| Failure::Damaged.error(format!("{}: {e}", self.state.display())))?,
        };
        if let Some(input) = &self.input {
            let damaged = |error: &dyn std::fmt::Display| {
                Failure::Damaged.error(format!("{}: {error}", input.display()))
            };
            let bytes = document_file::read_bytes(input)?;
            let message = rejoin_sync::Message::decode(&bytes).map_err(|error| damaged(&error))?;
            let received =
                receive_sync_message(&mut document, &mut state, message, &mut PatchLog::inactive())
                    .map_err(|error| damaged(&error))?;
            let changes = output::count(received.changes, "change", "changes");
            output::note(format!("{changes} received"));
            if received.changes > 0 || received.refused > 0 || document.queued() > 0 {
                document_file::write(&self.file, &document)?;
            }
        }
        // Whoever hears that the other has the same needs no further message; neither does the
        // other, which knew it when it wrote.
        let settled = self.input.is_some() && state.their_heads() == Some(document.heads());
        let message = generate_sync_message(&document, &mut state).filter(|_| !settled);
        // The state goes to disk after the document of which it speaks.
        document_file::write_bytes(&self.state, &state.encode()).context("the state")?;
        match message {
            None => Ok(ExitCode::from(NOTHING)),
            Some(message) => {
                document_file::write_bytes(&self.output, &message.encode())?;
                Ok(ExitCode::SUCCESS)
            }
        }
    }
}
