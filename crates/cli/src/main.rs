//! The program `rejoin`: documents as files, on the command line.

mod commands;
mod document_file;
mod exit;
mod heads;
mod json;
mod output;
mod path;
mod progress;

use clap::Parser;
use commands::Command;
use std::io::Write;
use std::process::ExitCode;

/// Reads, writes, merges and syncs Automerge documents.
///
/// A FILE is a saved document; `-` stands for standard input or output. Places in a document are
/// written like `notes/0/title`. HEADS are the hashes that `rejoin heads` prints, with commas
/// between them.
///
/// Exit codes: 0 done, 1 something failed, 2 wrong arguments, 3 what was named is not there,
/// 4 the file is damaged or no document, 5 changes were refused, 6 a server cannot be reached,
/// 7 there was nothing to do.
#[derive(Debug, Parser)]
#[command(name = "rejoin", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    match Arguments::parse().command.run() {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "rejoin: {error:#}");
            exit::code_of(&error)
        }
    }
}

/// Whether someone like `head` has read enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
