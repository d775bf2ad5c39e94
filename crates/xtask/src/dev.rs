//! The app for those who work on it: the page comes from its development server, and what is changed shows at once.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use crate::setup::{Purpose, setup};
use crate::step::{npm_program, program_step};

/// Where `tauri.conf.json` and the page's own scripts expect the development server.
const USUAL_PORT: u16 = 5173;

/// Runs the Tauri command line tool's `dev`, as the version that the page's packages pin; ends with the app.
///
/// # Errors
///
/// When the set-up, the build or the app fails.
pub(crate) fn dev() -> Result<()> {
    setup(Purpose::Run)?;
    let mut tauri = npm_program(Path::new("ui"), "tauri");
    tauri.arg("dev");
    let port = free_port()?;
    if port != USUAL_PORT {
        // Only then, because the address becomes part of the app and has it built again.
        let config = json!({ "build": {
            "devUrl": format!("http://localhost:{port}"),
            "beforeDevCommand": { "script": format!("npm run dev -- --port {port}"), "cwd": "ui" },
        } });
        tauri.arg("--config").arg(config.to_string());
    }
    program_step("app in development", &mut tauri)
}

/// The usual port, or another when somebody listens there.
fn free_port() -> Result<u16> {
    let port = |wanted| Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, wanted))?.local_addr()?.port());
    port(USUAL_PORT)
        .or_else(|_: std::io::Error| port(0))
        .context("there is no free port for the page's development server")
}
