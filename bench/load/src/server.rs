//! The servers: how each is started, and what its process uses.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// `rejoin-server`
    Rejoin,
    /// automerge-repo-sync-server as published, on automerge-repo 1.2
    #[value(name = "npm-1.2")]
    Npm12,
    /// The same on automerge-repo 2.5
    #[value(name = "npm-2.5")]
    Npm25,
    /// samod with its file-system storage
    Samod,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Rejoin, Kind::Npm12, Kind::Npm25, Kind::Samod];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Rejoin => "Rejoin",
            Kind::Npm12 => "npm 1.2",
            Kind::Npm25 => "npm 2.5",
            Kind::Samod => "samod",
        }
    }
}

/// A running server with an empty store; ends when it is dropped.
pub struct Server {
    child: Child,
    address: SocketAddr,
    data: TempDir,
}

impl Server {
    /// Starts a server and waits until it accepts connections.
    pub async fn start(kind: Kind, rejoin: &Path) -> Result<Server> {
        let data = tempfile::tempdir()?;
        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = command(kind, rejoin, free, data.path())?;
        let log = File::create(data.path().join("server.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{} does not start", kind.name()))?;
        let begun = Instant::now();
        while TcpStream::connect(free).await.is_err() {
            ensure!(begun.elapsed() < Duration::from_secs(20), "{} does not listen", kind.name());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Server { child, address: free, data })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Seconds of processor time that the server has used.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn processor(&self) -> Result<f64> {
        processor(self.pid()? as libc::pid_t)
    }

    /// The end of what the server has written to its log.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.data.path().join("server.log")).unwrap_or_default();
        let mut lines: Vec<_> = log.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.drain(..lines.len().saturating_sub(12));
        lines.join(" / ")
    }

    /// MiB of memory: now, and the most so far.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn memory(&self) -> Result<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let mebibytes = |name: &str| -> Result<f64> {
            let line =
                status.lines().find_map(|line| line.strip_prefix(name)).context("no such")?;
            Ok(line.trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
        };
        Ok((mebibytes("VmRSS:")?, mebibytes("VmHWM:")?))
    }

    fn pid(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }
}

/// Seconds of processor time that this process has used.
pub fn own_processor() -> Result<f64> {
    processor(0)
}

fn command(kind: Kind, rejoin: &Path, listen: SocketAddr, data: &Path) -> Result<Command> {
    let store = data.join("store");
    Ok(match kind {
        Kind::Rejoin => {
            let help = "build it first: cargo build --release --package rejoin-server";
            ensure!(rejoin.exists(), "{} is missing; {help}", rejoin.display());
            let mut command = Command::new(rejoin);
            command.arg("--listen").arg(listen.to_string()).arg("--data").arg(store);
            command
        }
        Kind::Samod => {
            let beside = std::env::current_exe()?.with_file_name("samod-server");
            ensure!(beside.exists(), "{} is missing; cargo build --release", beside.display());
            let mut command = Command::new(beside);
            command.arg(listen.to_string()).arg(store);
            command
        }
        Kind::Npm12 => npm("npm-1.2", listen, &store)?,
        Kind::Npm25 => npm("npm-2.5", listen, &store)?,
    })
}

/// Installs the server from its lock file where that was not done yet.
fn npm(folder: &str, listen: SocketAddr, store: &Path) -> Result<Command> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers").join(folder);
    let script = folder.join("node_modules/@automerge/automerge-repo-sync-server/src/index.js");
    if !script.exists() {
        let installed = std::process::Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .stdout(Stdio::null())
            .status()
            .context("npm is not there")?;
        ensure!(installed.success(), "npm ci failed in {}", folder.display());
    }
    let mut command = Command::new("node");
    command.arg(script).env("PORT", listen.port().to_string()).env("DATA_DIR", store);
    Ok(command)
}

fn processor(pid: libc::pid_t) -> Result<f64> {
    let mut clock = 0;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: both calls write one plain value each, behind valid pointers.
    let answers = unsafe {
        (libc::clock_getcpuclockid(pid, &mut clock), libc::clock_gettime(clock, &mut time))
    };
    ensure!(answers == (0, 0), "the processor time of {pid} cannot be read");
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}
