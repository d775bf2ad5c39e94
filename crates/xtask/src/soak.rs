//! The long runs of tests that every run of all tests contains in short.

use anyhow::Result;

use crate::step::{cargo, program_step};

/// What can be run for long.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// The server, and a client, killed at any moment while they work: 500 times each.
    Kills,
    /// 100,000 networks in trouble.
    Stories,
}

/// Runs the named parts, or both. `ITERATIONS` takes the place of the usual numbers.
///
/// # Errors
///
/// The first that fails ends the run; what it printed says with which seed it can be repeated.
pub(crate) fn soak(only: &[Part]) -> Result<()> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    let often = |number: &str| std::env::var("ITERATIONS").unwrap_or_else(|_| number.to_owned());
    if wanted(Part::Kills) {
        let tests =
            ["--package", "rejoin-server", "--test", "processes", "--test", "killed_client"];
        let kills = [["test"].as_slice(), &tests, &["--", "--nocapture", "killing_"]].concat();
        program_step("soak: kills", cargo(kills).env("ITERATIONS", often("500")))?;
    }
    if wanted(Part::Stories) {
        let stories =
            ["test", "--package", "rejoin-simulator", "--test", "stories", "--", "--nocapture"];
        program_step("soak: stories", cargo(stories).env("ITERATIONS", often("100000")))?;
    }
    Ok(())
}
