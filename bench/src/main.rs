//! Rejoin beside automerge, loro, yrs and diamond-types: the same work, measured in one run.
//!
//! Each measurement is a fresh process (this program runs itself with `measure`), reports processor
//! time where nothing else is said, and checks its result; the table shows medians.
//!
//! ```text
//! REJOIN_DATA=DIR cargo run --release -- [--only WORD] [--runs N] [--files DIR] [--output FILE]
//! ```

mod cases;
mod engine;
mod engines;
mod files;
mod meter;
mod sync;
mod table;
mod trace;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};

/// What the command line says.
struct Arguments {
    only: Option<String>,
    runs: usize,
    files: Option<PathBuf>,
    output: Option<PathBuf>,
}

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["measure", engine, case, files] => {
            let sample = cases::measure(engine, case, files.as_ref())?;
            println!("{}", serde_json::to_string(&sample)?);
            Ok(())
        }
        ["prepare", engine, files] => files::prepare(engine, files.as_ref()),
        _ => run(arguments(&words)?),
    }
}

fn arguments(words: &[String]) -> Result<Arguments> {
    let mut found = Arguments { only: None, runs: 5, files: None, output: None };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().context("an option without its value").cloned();
        match word.as_str() {
            "--only" => found.only = Some(value()?),
            "--runs" => found.runs = value()?.parse()?,
            "--files" => found.files = Some(value()?.into()),
            "--output" => found.output = Some(value()?.into()),
            other => bail!("unknown option {other}"),
        }
    }
    Ok(found)
}

fn run(arguments: Arguments) -> Result<()> {
    let temporary = tempfile::tempdir()?;
    let files = arguments.files.clone().unwrap_or_else(|| temporary.path().to_path_buf());
    std::fs::create_dir_all(&files)?;
    let rows: Vec<_> = cases::rows()
        .into_iter()
        .filter(|row| arguments.only.as_ref().is_none_or(|word| row.case.contains(word.as_str())))
        .collect();
    let mut table = table::Table::new();
    for row in rows {
        let measured = cases::run_row(&row, &files, arguments.runs)?;
        table.add(&row, measured);
    }
    let text = table.finish();
    println!("\n{text}");
    if let Some(path) = arguments.output {
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}
