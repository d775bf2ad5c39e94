//! Steps and the programs they run: each step says what it is and how long it took.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

/// The root folder of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("invariant: this crate lies two folders below the root")
        .to_path_buf()
}

/// Runs one step between a header line and a line with its duration.
///
/// # Errors
///
/// What the step fails with, naming the step.
pub(crate) fn step<T>(title: &str, body: impl FnOnce() -> Result<T>) -> Result<T> {
    eprintln!("\n=== {title}");
    let started = Instant::now();
    let result = body();
    let outcome = if result.is_ok() { "done" } else { "FAILED" };
    eprintln!("=== {title}: {outcome} after {:.1} s", started.elapsed().as_secs_f64());
    result.with_context(|| format!("step `{title}` failed"))
}

/// A step that is one program.
///
/// # Errors
///
/// When the program cannot be started or fails.
pub(crate) fn program_step(title: &str, command: &mut Command) -> Result<()> {
    step(title, || program(command))
}

/// Runs a program to its end, showing its output.
///
/// # Errors
///
/// When the program cannot be started or fails.
pub(crate) fn program(command: &mut Command) -> Result<()> {
    eprintln!("$ {}", shown(command));
    let status =
        command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a program and returns what it printed.
///
/// # Errors
///
/// When the program cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} printed bytes", shown(command)))
}

/// The cargo that runs us, with arguments.
pub(crate) fn cargo<I: AsRef<OsStr>>(arguments: impl IntoIterator<Item = I>) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    as_from_a_shell(&mut command).args(arguments);
    command
}

/// Takes away what cargo told us about our own package. Build scripts of some crates look at it, which
/// would be built again each time that cargo is run from here after it was run from a shell.
fn as_from_a_shell(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        }) {
            command.env_remove(name);
        }
    }
    command
}

/// `npm` in a folder of the repository.
pub(crate) fn npm(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    command.args(arguments).current_dir(folder);
    command
}

/// A program that the packages of a folder brought, to be run in the root folder.
pub(crate) fn npm_program(folder: &Path, name: &str) -> Command {
    let name = if cfg!(windows) { format!("{name}.cmd") } else { name.to_owned() };
    let mut command = Command::new(root().join(folder).join("node_modules/.bin").join(name));
    as_from_a_shell(&mut command);
    command
}

/// Whether a program of this name is on the path.
pub(crate) fn has_program(name: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths)
        .any(|folder| folder.join(name).is_file() || folder.join(format!("{name}.exe")).is_file())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|word| word.to_string_lossy().into_owned()));
    words.join(" ")
}
