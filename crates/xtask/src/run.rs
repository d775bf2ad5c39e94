//! Opening the app: one window, or two people with a server between them.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::setup::{Purpose, setup};
use crate::step::{cargo, output, program_step};
use crate::test::build_ui;

/// Builds the app and opens it for a profile; returns when the window is closed.
///
/// # Errors
///
/// When the set-up, the build or the app fails.
pub(crate) fn run(profile: Option<&str>) -> Result<()> {
    setup(Purpose::Run)?;
    build_ui()?;
    program_step("app: build", &mut cargo(["build", "--package", "rejoin-desktop"]))?;
    let mut app = Command::new(program_path("rejoin-desktop")?);
    if let Some(profile) = profile {
        app.args(["--profile", profile]);
    }
    program_step("app", &mut app)
}

/// Opens the windows of two people, Ana and Ben, and a server on this computer between them.
/// Ends when the first window is closed.
///
/// # Errors
///
/// When the set-up, the build or one of the programs fails.
pub(crate) fn demo() -> Result<()> {
    setup(Purpose::Run)?;
    build_ui()?;
    let packages = ["build", "--package", "rejoin-desktop", "--package", "rejoin-server"];
    program_step("app: build", &mut cargo(packages))?;
    Ok(())
}

fn program_path(name: &str) -> Result<PathBuf> {
    Ok(target_folder()?.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

fn target_folder() -> Result<PathBuf> {
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(PathBuf::from(folder))
}
