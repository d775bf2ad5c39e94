//! Whether a directory may be mirrored: not twice at the same time, and not inside of another one
//! that is.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::FolderError;
use crate::file_path::MARKER;

/// A mirrored directory is this process's, until this is dropped. File systems that know no locks do
/// without.
#[derive(Debug)]
pub(super) struct Claim(#[expect(dead_code, reason = "it is held")] Option<File>);

impl Claim {
    /// No claim at all.
    pub(super) fn none() -> Self {
        Self(None)
    }

    /// Claims a directory that is marked.
    pub(super) fn take(root: &Path) -> Result<Self, FolderError> {
        let Ok(file) = lock_file(&root.join(MARKER)) else { return Ok(Self(None)) };
        match file.try_lock() {
            Ok(()) => Ok(Self(Some(file))),
            Err(TryLockError::WouldBlock) => Err(FolderError::InUse(root.to_owned())),
            Err(TryLockError::Error(_)) => Ok(Self(None)),
        }
    }
}

/// The marker itself, so that no file of ours lies in a folder that a file-sync tool copies.
#[cfg(unix)]
fn lock_file(marker: &Path) -> std::io::Result<File> {
    File::open(marker)
}

/// Directories cannot be locked here.
#[cfg(not(unix))]
fn lock_file(marker: &Path) -> std::io::Result<File> {
    File::create(marker.join(".in-use"))
}

/// Whether a directory that was not mirrored before can be; it need not be there yet. Nothing is
/// changed.
///
/// # Errors
///
/// When it is a file, or lies in a mirrored directory, or one lies in it, or it is mirrored now.
pub fn check_new(root: &Path) -> Result<(), FolderError> {
    let failed = |error| FolderError::Io { path: root.to_owned(), error };
    let root = std::path::absolute(root).map_err(failed)?;
    let there = root.ancestors().find(|path| path.exists()).unwrap_or(&root);
    if !there.is_dir() {
        return Err(FolderError::NotADirectory(there.to_owned()));
    }
    let real = there.canonicalize().map_err(failed)?;
    let above = real.ancestors().skip(usize::from(there == root));
    if let Some(outer) = { above }.find(|path| is_marked(path)) {
        return Err(FolderError::Nested { inner: root, outer: outer.to_owned() });
    }
    if there == root {
        if let Some(inner) = marked_inside(&real) {
            return Err(FolderError::Nested { inner, outer: root });
        }
        if is_marked(&real) {
            Claim::take(&real)?;
        }
    }
    Ok(())
}

/// Makes a directory that is to be mirrored, when it is not there, and tries whether it can be written
/// and all of it be read.
///
/// # Errors
///
/// When it cannot.
pub fn make(root: &Path) -> Result<(), FolderError> {
    let failed = |error| FolderError::Io { path: root.to_owned(), error };
    fs::create_dir_all(root).map_err(failed)?;
    tempfile::tempfile_in(root).map_err(failed)?;
    super::walk(root).map(drop)
}

/// Whether a directory can be read as a whole: nobody mirrors it now.
///
/// # Errors
///
/// When somebody does.
pub(crate) fn check_idle(root: &Path) -> Result<(), FolderError> {
    match is_marked(root) {
        true => Claim::take(root).map(drop),
        false => Ok(()),
    }
}

/// Whether a directory is mirrored, by whomever.
pub(super) fn is_marked(directory: &Path) -> bool {
    // Not by a link: what is written there must stay in the folder.
    directory.join(MARKER).symlink_metadata().is_ok_and(|marker| marker.is_dir())
}

/// A mirrored directory below this one; hidden ones are not looked at.
fn marked_inside(root: &Path) -> Option<PathBuf> {
    let mut waiting = vec![root.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            if is_hidden || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if is_marked(&entry.path()) {
                return Some(entry.path());
            }
            waiting.push(entry.path());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Folder;

    #[test]
    fn a_directory_is_mirrored_once_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::begin(directory.path()).unwrap();
        assert!(matches!(Folder::open(directory.path()), Err(FolderError::InUse(_))));
        assert!(matches!(check_new(directory.path()), Err(FolderError::InUse(_))));
        drop(folder);
        assert!(Folder::open(directory.path()).is_ok());
    }

    #[test]
    fn mirrored_directories_do_not_lie_in_one_another() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        drop(Folder::begin(&root.join("Notes")).unwrap());
        for other in ["Notes/Work", "Notes/Work/Deep", "."] {
            let begun = Folder::begin(&root.join(other));
            assert!(matches!(begun, Err(FolderError::Nested { .. })), "{other}");
        }
        assert!(!root.join("Notes/Work").exists() && !root.join(MARKER).exists());
        assert!(Folder::begin(&root.join("Other")).is_ok());
        fs::write(root.join("file"), "").unwrap();
        let begun = Folder::begin(&root.join("file/Notes"));
        assert!(matches!(begun, Err(FolderError::NotADirectory(_))));
    }
}
