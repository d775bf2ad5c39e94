//! The project's own commands: set-up, run, demo, dev, test, bench-ui, tidy, bindings and everything that CI checks.
//!
//! Each command first sets up what it needs and is missing, so that a fresh machine needs only the
//! Rust toolchain, Node.js and this repository. Nothing is installed unasked, except where the
//! variable `CI` is set.

mod bench_folder;
mod bench_load;
mod bench_ui;
mod bindings;
mod ci;
mod dev;
mod display;
mod run;
mod setup;
mod soak;
mod step;
mod test;
mod tidy;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set-up, run, test and checks of Rejoin")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets up what is missing, builds the app and opens it.
    Run {
        /// Whose notes to open.
        #[arg(long)]
        profile: Option<String>,
    },
    /// Opens two windows of two people with a server between them.
    Demo,
    /// Opens the app with the page's development server, and follows changes of the code.
    Dev,
    /// Sets up what is missing and runs every test.
    Test {
        /// Only these: `ui`, `rust`, `window`. All when none is named.
        only: Vec<test::Part>,
    },
    /// Measures the app in its real window, and writes the table to `bench/WINDOW.md`.
    BenchUi,
    /// Checks dependency direction, file heads, sizes and names.
    Tidy,
    /// Writes the TypeScript types of the UI's port from the Rust types.
    Bindings {
        /// Writes nothing, and fails when the file differs.
        #[arg(long)]
        check: bool,
    },
    /// Measures the folder of files and writes the table to `bench/FOLDER.md`.
    BenchFolder,
    /// Types into sync servers, ours and others, and writes the table to `bench/LOAD.md`.
    BenchLoad,
    /// What takes too long for every day: kills, and stories of networks in trouble.
    Soak {
        /// Only these: `kills`, `stories`. Both when none is named.
        only: Vec<soak::Part>,
    },
    /// Everything that must be green: formatting, tidy, tests, lints and documentation.
    Ci,
}

fn main() -> ExitCode {
    match execute(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    std::env::set_current_dir(step::root())?;
    match command {
        Command::Run { profile } => run::run(profile.as_deref()),
        Command::Demo => run::demo(),
        Command::Dev => dev::dev(),
        Command::Test { only } => test::test(&only),
        Command::BenchUi => bench_ui::bench_ui(),
        Command::Tidy => step::step("tidy", tidy::tidy),
        Command::Bindings { check } => bindings::bindings(check),
        Command::BenchFolder => bench_folder::bench_folder(),
        Command::BenchLoad => bench_load::bench_load(),
        Command::Soak { only } => soak::soak(&only),
        Command::Ci => ci::ci(),
    }
}
