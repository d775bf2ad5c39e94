//! A virtual screen for the tests of the real window.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};

/// An X server without a screen, on a display number of its own choice. It ends when this is dropped.
pub(crate) struct Display {
    server: Child,
    name: String,
}

impl Display {
    /// Starts the server and waits until it says which display it took.
    ///
    /// # Errors
    ///
    /// When `Xvfb` cannot be started or ends at once.
    pub(crate) fn start() -> Result<Self> {
        // Without `-noreset` the server starts anew when the last window closes, and whoever opens one
        // in that moment finds no screen.
        let screen = ["-screen", "0", "1280x800x24", "-noreset", "-nolisten", "tcp"];
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1"])
            .args(screen)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start Xvfb")?;
        let output = server.stdout.take().context("Xvfb has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let number: u32 = line.trim().parse().context("Xvfb named no display")?;
        Ok(Self { server, name: format!(":{number}") })
    }

    /// The value of `DISPLAY` for programs that are to open their windows here.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let ended = self.server.kill().and_then(|()| self.server.wait());
        if let Err(error) = ended {
            eprintln!("Xvfb could not be ended: {error}");
        }
    }
}
