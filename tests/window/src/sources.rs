//! A copy of the sources as somebody else would get them: what git tracks, and nothing that was built or installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::process::{root, target_folder};

/// A clean copy, beside what was built here.
///
/// Crates from elsewhere that were built here are not built again: what cargo keeps between builds is shared,
/// and only the programs that come out at the end go to a folder of the copy's own. Its files are as old as
/// the originals, so that a second copy finds the first one's work, too.
pub struct Sources(PathBuf);

impl Sources {
    /// Makes the copy anew.
    ///
    /// # Errors
    ///
    /// When git does not know the files, or they cannot be copied.
    pub fn copy() -> Result<Self> {
        let folder = target_folder()?.join("clean-copy");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        for file in tracked_files()? {
            copy_with_time(&root().join(&file), &folder.join(&file))?;
        }
        Ok(Self(folder))
    }

    /// Has a program, and those that it starts, work in the copy.
    pub(crate) fn prepare<'a>(&self, command: &'a mut Command) -> Result<&'a mut Command> {
        // What cargo told this test about its own package is nothing for others: some are built again for it.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| {
                name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
            }) {
                command.env_remove(name);
            }
        }
        Ok(command
            .current_dir(&self.0)
            .env("CARGO_TARGET_DIR", self.0.join("target"))
            .env("CARGO_BUILD_BUILD_DIR", target_folder()?))
    }

    /// A program that was built in the copy.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("target/debug").join(name)
    }
}

fn tracked_files() -> Result<Vec<PathBuf>> {
    // The folder may belong to somebody else where the tests run in a container.
    let listed = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(root())
        .output()
        .context("git is needed to know which files belong to the sources")?;
    ensure!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let names = String::from_utf8(listed.stdout)?;
    let files = names.split('\0').filter(|name| !name.is_empty()).map(PathBuf::from);
    // A file that was deleted but not yet taken out of the index is none.
    Ok(files.filter(|file| root().join(file).is_file()).collect())
}

fn copy_with_time(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    let time = fs::metadata(from)?.modified()?;
    fs::File::options().write(true).open(to)?.set_modified(time)?;
    Ok(())
}
