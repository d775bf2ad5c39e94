//! Opening the app: one window, or two people with a server between them.

use std::path::PathBuf;
use std::process::{Child, Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::setup::{Purpose, setup};
use crate::step::{cargo, output, program_step, step};
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

/// Opens the windows of two people, with the profiles `demo-ana` and `demo-ben`, and a server on this
/// computer between them. Ends when both windows are closed.
///
/// # Errors
///
/// When the set-up, the build or one of the programs fails.
pub(crate) fn demo() -> Result<()> {
    const ADDRESS: &str = "127.0.0.1:3030";
    setup(Purpose::Run)?;
    build_ui()?;
    let packages = ["build", "--package", "rejoin-desktop", "--package", "rejoin-server"];
    program_step("app: build", &mut cargo(packages))?;
    step("demo", || {
        let mut server = Command::new(program_path("rejoin-server")?);
        server.args(["--listen", ADDRESS, "--data"]).arg(target_folder()?.join("demo-server"));
        let mut server = Running(server.spawn().context("starting rejoin-server")?);
        eprintln!("The server's address, to be given in both windows: ws://{ADDRESS}");
        let mut windows = Vec::new();
        for profile in ["demo-ana", "demo-ben"] {
            let mut app = Command::new(program_path("rejoin-desktop")?);
            app.args(["--profile", profile]);
            windows.push(Running(app.spawn().context("starting the app")?));
        }
        for window in &mut windows {
            let status = window.0.wait()?;
            ensure!(status.success(), "a window ended with {status}");
        }
        if let Some(status) = server.0.try_wait()? {
            bail!("the server ended with {status}; is another program at {ADDRESS}?");
        }
        Ok(())
    })
}

/// A program that does not outlive what it was started for.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself, which is as well.
        if self.0.kill().is_ok() {
            self.0.wait().ok();
        }
    }
}

fn program_path(name: &str) -> Result<PathBuf> {
    Ok(target_folder()?.join("debug").join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
}

/// Where cargo puts what it builds.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(PathBuf::from(folder))
}
