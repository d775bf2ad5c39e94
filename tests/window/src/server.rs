//! A sync server of our own, on this computer.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use tempfile::TempDir;

use crate::http;
use crate::process::{Running, free_port, program};
use crate::wait::{Patience, until};

/// A running `rejoin-server` whose data outlives it.
pub struct Server {
    process: Option<Running>,
    port: u16,
    data: TempDir,
}

impl Server {
    /// Starts a server that lets everyone in, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start() -> Result<Self> {
        let mut server = Self { process: None, port: 0, data: TempDir::new()? };
        for _ in 0..5 {
            // Somebody else may take the port before the server does.
            server.port = free_port()?;
            server.start_again()?;
            if server.process.as_mut().is_some_and(Running::is_running) {
                return Ok(server);
            }
        }
        bail!("the server found no port of its own")
    }

    /// Starts it after a [`kill`](Self::kill), on the same port and with the same data.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        let program = program("rejoin-server")?;
        let process = Running::start(
            Command::new(program)
                .arg("--listen")
                .arg(format!("127.0.0.1:{}", self.port))
                .arg("--data")
                .arg(self.data())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        )?;
        self.process = Some(process);
        until("the server", Patience::default(), || {
            let answer = http::request(self.port, "GET", "/health", None);
            Ok(answer.is_ok().then_some(()))
        })
    }

    /// Kills it as a power cut would.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// The address for apps.
    pub fn address(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.data.path().join("data")
    }
}
