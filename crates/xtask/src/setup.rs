//! What a machine needs before the app builds and the tests run: looked for, and installed when missing.

use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use anyhow::{Context as _, Result, bail};

use crate::step::{has_program, npm, output, program, step};

/// How one requirement is looked for.
enum Check {
    Program(&'static str),
    Library(&'static str),
}

/// One thing that the platform's package manager can bring.
struct Requirement {
    check: Check,
    apt: &'static str,
    dnf: &'static str,
    pacman: &'static str,
}

/// What the app needs to be built on Linux.
const BUILD: &[Requirement] = &[
    Requirement {
        check: Check::Program("cc"),
        apt: "build-essential",
        dnf: "gcc",
        pacman: "base-devel",
    },
    Requirement {
        check: Check::Program("pkg-config"),
        apt: "pkg-config",
        dnf: "pkgconf-pkg-config",
        pacman: "pkgconf",
    },
    Requirement {
        check: Check::Library("gtk+-3.0"),
        apt: "libgtk-3-dev",
        dnf: "gtk3-devel",
        pacman: "gtk3",
    },
    Requirement {
        check: Check::Library("webkit2gtk-4.1"),
        apt: "libwebkit2gtk-4.1-dev",
        dnf: "webkit2gtk4.1-devel",
        pacman: "webkit2gtk-4.1",
    },
    Requirement {
        check: Check::Library("librsvg-2.0"),
        apt: "librsvg2-dev",
        dnf: "librsvg2-devel",
        pacman: "librsvg",
    },
];

/// What the tests need besides: those of the real window, and those with programs that edit files.
const TESTS: &[Requirement] = &[
    Requirement { check: Check::Program("vim"), apt: "vim", dnf: "vim-enhanced", pacman: "vim" },
    Requirement {
        check: Check::Program("Xvfb"),
        apt: "xvfb",
        dnf: "xorg-x11-server-Xvfb",
        pacman: "xorg-server-xvfb",
    },
    Requirement {
        check: Check::Program("WebKitWebDriver"),
        apt: "webkit2gtk-driver",
        dnf: "webkit2gtk4.1",
        pacman: "webkitgtk-6.0",
    },
    Requirement {
        check: Check::Program("dbus-daemon"),
        apt: "dbus-daemon",
        dnf: "dbus-daemon",
        pacman: "dbus",
    },
];

/// The oldest Node.js that the UI's tools run on.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// What is going to be done with the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Building and opening the app.
    Run,
    /// Running every test, those of the real window included.
    Test,
}

/// Sets up the system and the npm packages of the UI and the tests.
///
/// # Errors
///
/// When something is missing and could not, or may not, be installed.
pub(crate) fn setup(purpose: Purpose) -> Result<()> {
    step("set-up: system packages", || system_packages(purpose))?;
    step("set-up: npm packages", || {
        check_node()?;
        for folder in npm_folders(purpose)? {
            install_npm_packages(&folder)?;
        }
        Ok(())
    })
}

fn system_packages(purpose: Purpose) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let wanted = match purpose {
        Purpose::Run => BUILD.iter().chain(&[]),
        Purpose::Test => BUILD.iter().chain(TESTS),
    };
    let missing: Vec<&Requirement> = wanted.filter(|requirement| !is_met(requirement)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = |name: fn(&Requirement) -> &'static str| -> Vec<&'static str> {
        missing.iter().map(|requirement| name(requirement)).collect()
    };
    let root = has_program("id") && output(Command::new("id").arg("-u"))?.trim() == "0";
    if has_program("apt-get") {
        let install = [
            "apt-get",
            "install",
            "--yes",
            "--no-install-recommends",
            "--option",
            "Acquire::Retries=3",
        ];
        ask_and_run(&["apt-get", "update"], &install, &names(|r| r.apt), root)?;
    } else if has_program("dnf") {
        ask_and_run(&[], &["dnf", "install", "--assumeyes"], &names(|r| r.dnf), root)?;
    } else if has_program("pacman") {
        ask_and_run(&[], &["pacman", "-S", "--noconfirm"], &names(|r| r.pacman), root)?;
    } else {
        bail!(
            "no known package manager; install what Debian calls: {}",
            names(|r| r.apt).join(" ")
        );
    }
    let still: Vec<_> = missing.iter().filter(|r| !is_met(r)).map(|r| r.apt).collect();
    if !still.is_empty() {
        bail!("still missing after the installation (Debian's names): {}", still.join(" "));
    }
    Ok(())
}

fn is_met(requirement: &Requirement) -> bool {
    match requirement.check {
        Check::Program(name) => has_program(name),
        Check::Library(name) => Command::new("pkg-config")
            .args(["--exists", name])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success()),
    }
}

/// Shows what would be installed, asks unless `CI` is set, and installs it.
fn ask_and_run(prepare: &[&str], install: &[&str], packages: &[&str], root: bool) -> Result<()> {
    let line = [install, packages].concat();
    let prefix = if root { "" } else { "sudo " };
    eprintln!("These system packages are missing: {}", packages.join(" "));
    eprintln!("They are installed with:\n    {prefix}{}", line.join(" "));
    if env::var_os("CI").is_none() && !agreed()? {
        bail!("not installed; run the command above and start again");
    }
    if !prepare.is_empty() {
        program(&mut with_rights(prepare, root))?;
    }
    program(with_rights(&line, root).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn with_rights(words: &[&str], root: bool) -> Command {
    let words = if root { words.to_vec() } else { [&["sudo"], words].concat() };
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    command
}

fn agreed() -> Result<bool> {
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    eprint!("Install them now? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn check_node() -> Result<()> {
    let (major, minor) = OLDEST_NODE;
    let hint = if cfg!(target_os = "macos") {
        "`brew install node`"
    } else {
        "https://nodejs.org/en/download, or a version manager"
    };
    if !has_program("node") {
        bail!("Node.js {major}.{minor} or newer is needed for the UI: {hint}");
    }
    let version = output(Command::new("node").arg("--version"))?;
    let mut numbers = version.trim().trim_start_matches('v').split('.').map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(found)), Some(Ok(found_minor))) if (found, found_minor) >= OLDEST_NODE => Ok(()),
        _ => {
            bail!("Node.js {major}.{minor} or newer is needed, this is {}: {hint}", version.trim())
        }
    }
}

/// The folders with a package lock: the UI's, and for tests those of the tests.
fn npm_folders(purpose: Purpose) -> Result<Vec<PathBuf>> {
    let mut folders = vec![PathBuf::from("ui")];
    if purpose == Purpose::Test {
        let tests = Path::new("tests");
        for entry in fs::read_dir(tests)? {
            folders.push(entry?.path());
        }
        folders.push(tests.to_path_buf());
        folders.push(PathBuf::from("crates/server/tests/js"));
        folders.retain(|folder| folder.join("package-lock.json").is_file());
    }
    folders.sort();
    Ok(folders)
}

/// Runs `npm ci` when the lock differs from the one that was installed last.
fn install_npm_packages(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("{} has no package-lock.json", folder.display()))?;
    let stamp = folder.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    program(&mut npm(folder, &["ci", "--no-audit", "--no-fund"]))?;
    fs::write(&stamp, lock).with_context(|| format!("cannot write {}", stamp.display()))
}
