//! Sync servers under load: builds ours and the clients, and keeps the table.

use anyhow::Result;

use crate::step::{cargo, program_step};

/// Where the table is kept.
const TABLE: &str = "bench/LOAD.md";

/// Runs all loads with all servers, prints the table and writes it to `bench/LOAD.md`.
///
/// # Errors
///
/// When something cannot be built, or the clients cannot be run at all. A server that fails is a
/// line of the table.
pub(crate) fn bench_load() -> Result<()> {
    let server = ["build", "--release", "--package", "rejoin-server"];
    program_step("load: our server", &mut cargo(server))?;
    let package = ["--release", "--manifest-path", "bench/Cargo.toml", "--package", "rejoin-load"];
    let clients = [["build"].as_slice(), &package, &["--bins"]].concat();
    program_step("load: clients and the server of others", &mut cargo(clients))?;
    let run = [["run"].as_slice(), &package, &["--bin", "load", "--", "--output", TABLE]].concat();
    program_step("load: measurements", &mut cargo(run))
}
