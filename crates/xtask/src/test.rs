//! Every test: the UI's, the workspace's with its documentation, and those of the real window.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;

use crate::display::Display;
use crate::setup::{Purpose, setup};
use crate::step::{cargo, npm, program, program_step, step};

/// A part of the tests that can be run alone.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Type checks and unit tests of the UI.
    Ui,
    /// Unit, integration and documentation tests of the workspace.
    Rust,
    /// The app in a real window.
    Window,
}

/// Runs the named parts, or all.
///
/// # Errors
///
/// The first step that fails ends the run.
pub(crate) fn test(only: &[Part]) -> Result<()> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    setup(Purpose::Test)?;
    if wanted(Part::Ui) {
        ui()?;
    }
    if wanted(Part::Rust) || wanted(Part::Window) {
        build_ui()?;
        build()?;
    }
    if wanted(Part::Rust) {
        rust()?;
    }
    if wanted(Part::Window) {
        window()?;
    }
    Ok(())
}

/// Builds the bundle that the app embeds.
pub(crate) fn build_ui() -> Result<()> {
    program_step("ui: build", &mut npm(Path::new("ui"), &["run", "--silent", "build"]))
}

fn ui() -> Result<()> {
    program_step("ui: types", &mut npm(Path::new("ui"), &["run", "--silent", "check"]))?;
    program_step("ui: tests", &mut npm(Path::new("ui"), &["run", "--silent", "test"]))
}

/// Builds programs and tests in one go, so that all that follows shares one set of features.
fn build() -> Result<()> {
    program_step("rust: build", &mut cargo(["build", "--workspace", "--bins", "--tests"]))
}

fn rust() -> Result<()> {
    if has_nextest() {
        program_step(
            "rust: tests",
            &mut cargo(["nextest", "run", "--workspace", "--no-fail-fast"]),
        )?;
    } else {
        let arguments = ["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"];
        program_step("rust: tests", &mut cargo(arguments))?;
    }
    program_step("rust: documentation tests", &mut cargo(["test", "--workspace", "--doc"]))
}

fn has_nextest() -> bool {
    cargo(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The window tests open windows, so they run one at a time and on a screen of their own.
fn window() -> Result<()> {
    if !cfg!(target_os = "linux") {
        eprintln!("The tests of the real window run on Linux only and are left out here.");
        return Ok(());
    }
    step("window: tests", || {
        let display = Display::start()?;
        let arguments: &[&str] = if has_nextest() {
            &["nextest", "run", "--workspace", "--test=window", "--test-threads=1"]
        } else {
            &["test", "--workspace", "--test", "window", "--", "--test-threads=1", "--nocapture"]
        };
        program(on_display(&mut cargo(arguments), &display))
    })
}

/// Has a program open its windows on a virtual screen.
pub(crate) fn on_display<'a>(command: &'a mut Command, display: &Display) -> &'a mut Command {
    command
        .env("REJOIN_WINDOW", "1")
        .env("DISPLAY", display.name())
        .env("GDK_BACKEND", "x11")
        .env_remove("WAYLAND_DISPLAY")
}
