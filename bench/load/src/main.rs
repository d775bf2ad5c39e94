//! Sync servers under load: the same clients type into ours, the npm one and samod's.
//!
//! `cargo xtask bench-load` builds what it needs, runs all of it and keeps the table. Without
//! `REJOIN_DATA` the note with the long history is left out.

mod client;
mod history;
mod plan;
mod report;
mod room;
mod run;
mod server;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Parser;

use plan::IDLE_CONNECTIONS;
use report::Report;
use server::Kind;

/// Type into sync servers and measure
#[derive(Debug, Parser)]
struct Arguments {
    /// Only these servers
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// Only these cases: k1, k4, k19, paper1, ..., people200, ..., pairs64, ..., idle, k1-reports
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// The server of this project
    #[arg(long, value_name = "PROGRAM")]
    rejoin: Option<PathBuf>,
    /// How long each run types, in place of its usual time
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Where to write the page
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A run that takes longer has hung, or its server is many times too slow: with time to begin, to
/// type and to wait for what is late, others need less than half of it.
const LONGEST: Duration = Duration::from_secs(75);

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let ours = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/rejoin-server");
    let rejoin = arguments.rejoin.clone().unwrap_or_else(|| ours.into());
    let is_chosen =
        |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let kinds = match arguments.servers.is_empty() {
        true => Kind::ALL.to_vec(),
        false => arguments.servers.clone(),
    };
    let paper = history::paper()?;
    let mut report = Report::begin();
    let mut cases = plan::cases();
    cases.push(plan::with_reports());
    for case in cases.iter().filter(|case| is_chosen(case.name)) {
        if case.scenario.paper && paper.is_none() {
            continue;
        }
        let mut scenario = case.scenario;
        scenario.seconds = arguments.seconds.unwrap_or(scenario.seconds);
        for &kind in &kinds {
            if scenario.hears_of_disks && kind != Kind::Rejoin {
                continue;
            }
            let running = run::run(kind, &rejoin, scenario, paper.as_ref());
            let result = match tokio::time::timeout(LONGEST, running).await {
                Ok(result) => result.map_err(|error| in_words(&error)),
                Err(_) => Err(format!("gave up after {} seconds", LONGEST.as_secs())),
            };
            report.add(case, kind, &result);
        }
    }
    if is_chosen("idle") {
        for &kind in &kinds {
            let result = run::idle(kind, &rejoin, IDLE_CONNECTIONS).await;
            report.add_idle(kind, &result.map_err(|error| in_words(&error)));
        }
    }
    let page = report.finish();
    if let Some(path) = arguments.output {
        std::fs::write(&path, page).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// An error with its causes, but for those that it names itself.
fn in_words(error: &anyhow::Error) -> String {
    let mut words = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !words.contains(&cause) {
            words += if words.is_empty() { "" } else { ": " };
            words += &cause;
        }
    }
    words
}
