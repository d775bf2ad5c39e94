//! Child processes that end with the test, and the programs that were built for it.

use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use anyhow::{Context as _, Result, bail};

/// A process that is killed when this is dropped.
pub(crate) struct Running(Child);

impl Running {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the program is not there.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        Ok(Self(child.with_context(|| format!("cannot start {:?}", command.get_program()))?))
    }

    /// What it prints, when its standard output was piped; once.
    pub(crate) fn output(&mut self) -> Option<ChildStdout> {
        self.0.stdout.take()
    }

    /// How it ended by itself, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().ok().flatten()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }

    /// Kills it as a power cut would, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When it cannot be killed.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("a process could not be ended: {error}");
        }
    }
}

/// The root folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_path_buf)
        .unwrap_or_default()
}

/// A program of this workspace: in the folder that `REJOIN_PROGRAMS` names, or beside the test that asks.
///
/// # Errors
///
/// When it was not built.
pub fn program(name: &str) -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("REJOIN_PROGRAMS") {
        return Ok(PathBuf::from(folder).join(name));
    }
    let own = std::env::current_exe()?;
    // A test lies in target/debug/deps, a program beside the others.
    let mut folders = own.ancestors().skip(1).take(2).map(|folder| folder.join(name));
    let Some(path) = folders.find(|path| path.is_file()) else {
        bail!("{name} is missing: `cargo build --workspace --bins --tests`");
    };
    Ok(path)
}

/// A port of this computer that nobody listens on.
///
/// # Errors
///
/// When there is none.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The folder in which cargo built the test that asks.
///
/// # Errors
///
/// When that is not known.
pub(crate) fn target_folder() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own.ancestors().nth(3).map(Path::to_path_buf);
    folder.context("a test lies in target/debug/deps")
}

/// The processes with `variable=value` among their environment: those that run `program`, or all.
///
/// # Errors
///
/// When the list of processes cannot be read.
pub(crate) fn processes_of(
    program: Option<&Path>,
    variable: &str,
    value: &OsStr,
) -> Result<Vec<u32>> {
    let wanted = [variable.as_bytes(), b"=", value.as_encoded_bytes()].concat();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let folder = entry?.path();
        let Some(id) = folder.file_name().and_then(OsStr::to_str).and_then(|n| n.parse().ok())
        else {
            continue;
        };
        // A process may end while it is looked at.
        let runs = fs::read_link(folder.join("exe"));
        if runs.is_ok_and(|path| program.is_none_or(|program| path == program)) {
            let mut environment = Vec::new();
            let read = fs::File::open(folder.join("environ"))
                .and_then(|mut file| file.read_to_end(&mut environment));
            if read.is_ok() && environment.split(|byte| *byte == 0).any(|entry| entry == wanted) {
                found.push(id);
            }
        }
    }
    Ok(found)
}
