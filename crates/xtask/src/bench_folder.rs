//! Measures the folder of files and keeps the table.

use std::fs;

use anyhow::{Context as _, Result};

use crate::step::{cargo, output, step};

/// Where the table is kept.
const TABLE: &str = "bench/FOLDER.md";

const HEAD: &str = "\
# The folder of files, measured

Written by `cargo xtask bench-folder`: 10,000 Markdown files of about a kilobyte, a release build, two
worker threads. Times of single edits are the middle of 21, on that same folder.

";

/// Runs the benchmark, prints its table and writes it to `bench/FOLDER.md`.
///
/// # Errors
///
/// When it cannot be built or fails.
pub(crate) fn bench_folder() -> Result<()> {
    step("bench: the folder of files", || {
        let table = output(&mut cargo(["bench", "--package=rejoin-folder", "--bench=folder"]))?;
        print(&table);
        fs::write(TABLE, format!("{HEAD}{table}")).with_context(|| format!("cannot write {TABLE}"))
    })
}

fn print(table: &str) {
    for line in table.lines() {
        eprintln!("{line}");
    }
}
