//! A session bus of the test's own, on which the starts of an app hear of each other as on a desktop.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::process::Running;

/// The running bus; it ends when this is dropped.
pub struct Bus {
    _daemon: Running,
    address: String,
}

impl Bus {
    /// Starts a bus and waits until it says where it is.
    ///
    /// # Errors
    ///
    /// When `dbus-daemon` cannot be started or ends at once.
    pub fn start() -> Result<Self> {
        let arguments = ["--session", "--nofork", "--print-address"];
        let mut daemon =
            Running::start(Command::new("dbus-daemon").args(arguments).stdout(Stdio::piped()))?;
        let output = daemon.output().context("the bus has no output")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        ensure!(!address.trim().is_empty(), "the bus named no address");
        Ok(Self { _daemon: daemon, address: address.trim().to_owned() })
    }

    /// The value of `DBUS_SESSION_BUS_ADDRESS` for programs that are to be on it.
    pub fn address(&self) -> &str {
        &self.address
    }
}
