//! The subcommands, one file each.

mod apply;
mod blame;
mod changes;
mod diff;
mod export;
mod fork;
mod get;
mod heads;
mod history;
mod import;
mod increment;
mod measure;
mod merge;
mod message;
mod mirror;
mod network;
mod new;
mod notes;
mod recover;
mod save;
mod set;
mod show;
mod store;
mod sync;
mod text;
mod verify;

use anyhow::Result;
use clap::Subcommand;
use std::process::ExitCode;

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    New(new::New),
    Show(show::Show),
    Heads(heads::Heads),
    Set(set::Set),
    Text(text::Text),
    Increment(increment::Increment),
    History(history::History),
    Blame(blame::Blame),
    Diff(diff::Diff),
    Merge(merge::Merge),
    Fork(fork::Fork),
    Changes(changes::Changes),
    Apply(apply::Apply),
    Verify(verify::Verify),
    Recover(recover::Recover),
    Save(save::Save),
    Sync(sync::Sync),
    Get(get::Get),
    Message(message::Message),
    Measure(measure::Measure),
    Mirror(mirror::Mirror),
    Import(import::Import),
    Export(export::Export),
    Store(store::Store),
}

impl Command {
    /// Does it; the exit code says how it went.
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Command::New(command) => command.run(),
            Command::Show(command) => command.run(),
            Command::Heads(command) => command.run(),
            Command::Set(command) => command.run(),
            Command::Text(command) => command.run(),
            Command::Increment(command) => command.run(),
            Command::History(command) => command.run(),
            Command::Blame(command) => command.run(),
            Command::Diff(command) => command.run(),
            Command::Merge(command) => command.run(),
            Command::Fork(command) => command.run(),
            Command::Changes(command) => command.run(),
            Command::Apply(command) => command.run(),
            Command::Verify(command) => command.run(),
            Command::Recover(command) => command.run(),
            Command::Save(command) => command.run(),
            Command::Sync(command) => command.run(),
            Command::Get(command) => command.run(),
            Command::Message(command) => command.run(),
            Command::Measure(command) => command.run(),
            Command::Mirror(command) => command.run(),
            Command::Import(command) => command.run(),
            Command::Export(command) => command.run(),
            Command::Store(command) => command.run(),
        }
    }
}
