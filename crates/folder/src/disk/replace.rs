//! Puts files in their places without losing what another program writes at the same moment.
//!
//! A file is compared with what it is expected to hold, and then replaced. Between the two another
//! program may save, and one that has the file open goes on writing to what was replaced. So what lay
//! there is exchanged for the new file in one step, and kept for a while under another name, for
//! somebody to look at it again.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::{Changed, Folder, FolderError, read, set_usual_permissions, sync_directory};
use crate::file_path::{FilePath, MARKER};
use crate::file_text::{FileText, MAX_BYTES};
use crate::memory::NoteId;

/// What files are called that are being written.
const WRITING: &str = ".writing-";
/// What those are called that were replaced; the note's id follows, and a hash of what they said then.
const REPLACED: &str = ".replaced-";
/// What a process that ended left half written goes after this.
const OLD: Duration = Duration::from_secs(3600);

/// A file that lay in the place of a note's file until that was written. It goes with this.
#[derive(Debug)]
pub struct Replaced(tempfile::TempPath);

impl Replaced {
    /// What it says now; none when that is no text any more.
    pub fn read(&self) -> Option<FileText> {
        let metadata = self.0.symlink_metadata().ok()?;
        read(&self.0, &metadata).ok()
    }
}

impl Folder {
    /// Makes a note's file hold `text`, in one step that is on disk when this returns, if it holds what
    /// is expected; `None` expects no file. What was replaced is put into `replaced`.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write(
        &mut self,
        path: &FilePath,
        note: &NoteId,
        text: &FileText,
        expected: Option<&FileText>,
    ) -> Result<(Changed, Option<Replaced>), FolderError> {
        self.check_marker()?;
        let target = self.target(path)?;
        let failed = |error| FolderError::Io { path: target.clone(), error };
        let found = target.symlink_metadata().ok();
        let is_small = |it: &&Metadata| it.is_file() && it.len() <= MAX_BYTES as u64;
        let held = found.as_ref().filter(is_small).and_then(|_| fs::read(&target).ok());
        if expected.is_some() && held.as_deref().map(FileText::decode) != expected.cloned().map(Ok)
        {
            return Ok((Changed::NotAsExpected, None));
        }
        let marker = self.root().join(MARKER);
        let mut file = temporary(&marker).map_err(failed)?;
        file.as_file_mut().write_all(&text.encode_over(held.as_deref())).map_err(failed)?;
        match &found {
            Some(found) => file.as_file().set_permissions(found.permissions()),
            None => set_usual_permissions(file.as_file()),
        }
        .map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        if expected.is_none() {
            return match file.persist_noclobber(&target) {
                Ok(_) => {
                    sync_directory(&target);
                    Ok((Changed::Done, None))
                }
                Err(error) if error.error.kind() == ErrorKind::AlreadyExists => {
                    Ok((Changed::NotAsExpected, None))
                }
                Err(error) => Err(failed(error.error)),
            };
        }
        // What a process leaves behind under this name is a whole file, old or new.
        let name = name_of(note, held.as_deref().unwrap_or_default());
        let kept = tempfile::Builder::new()
            .prefix(&name)
            .make_in(&marker, |path| fs::rename(file.path(), path))
            .map_err(failed)?;
        let _ = file.into_temp_path().keep();
        let kept = kept.into_temp_path();
        let replaced = match exchange(&kept, &target) {
            Ok(()) if kept.symlink_metadata().is_ok_and(|found| found.is_file()) => kept,
            // Something else has come there, and may stay.
            Ok(()) => {
                exchange(&kept, &target).map_err(failed)?;
                return Ok((Changed::NotAsExpected, None));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok((Changed::NotAsExpected, None));
            }
            Err(_) => match keep_and_replace(&marker, &name, kept, &target).map_err(failed)? {
                Some(kept) => kept,
                None => return Ok((Changed::Done, None)),
            },
        };
        sync_directory(&target);
        Ok((Changed::Done, Some(Replaced(replaced))))
    }

    /// Takes a file of ours away that another one has made needless, if it still holds what is expected.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub fn take_away(
        &mut self,
        path: &FilePath,
        note: &NoteId,
        expected: &FileText,
    ) -> Result<Changed, FolderError> {
        self.check_marker()?;
        let target = self.root().join(path.as_str());
        let failed = |error| FolderError::Io { path: target.clone(), error };
        let holds_it = |path: &Path| {
            let metadata = path.symlink_metadata().ok();
            metadata.and_then(|it| read(path, &it).ok()).as_ref() == Some(expected)
        };
        if !holds_it(&target) {
            return Ok(Changed::NotAsExpected);
        }
        let bytes = FileText::encode(&expected.text, expected.form);
        let kept = tempfile::Builder::new()
            .prefix(&name_of(note, &bytes))
            .make_in(self.root().join(MARKER), |path| fs::rename(&target, path))
            .map_err(failed)?
            .into_temp_path();
        if !holds_it(&kept) {
            // Somebody wrote it at this very moment.
            let path = kept.keep().map_err(|error| failed(error.error))?;
            rename(&path, &target).map_err(failed)?;
            return Ok(Changed::NotAsExpected);
        }
        self.remove_empty(&target);
        self.forget_id(path);
        Ok(Changed::Done)
    }

    /// What programs wrote into files that were replaced, when the process ended before it looked; with
    /// the notes.
    pub fn left_replaced(&self) -> Vec<(NoteId, Replaced)> {
        let entries = fs::read_dir(self.root().join(MARKER)).into_iter().flatten().flatten();
        let left = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let mut parts = name.strip_prefix(REPLACED)?.split('-');
            let (note, hash) = (parts.next()?.to_owned(), parts.next()?);
            let path = tempfile::TempPath::try_from_path(entry.path()).ok()?;
            let has_changed = fs::read(&path).is_ok_and(|bytes| hash_of(&bytes) != hash);
            has_changed.then(|| (NoteId(note), Replaced(path)))
        });
        left.collect()
    }
}

fn name_of(note: &NoteId, held: &[u8]) -> String {
    format!("{REPLACED}{}-{}-", note.0, hash_of(held))
}

fn hash_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A new file beside which nothing else has its name.
pub(super) fn temporary(marker: &Path) -> io::Result<tempfile::NamedTempFile> {
    // Its name means nothing to anybody.
    let named = |error: io::Error| error.kind().into();
    tempfile::Builder::new().prefix(WRITING).tempfile_in(marker).map_err(named)
}

/// Takes away what processes that ended left half written.
pub(super) fn clean(marker: &Path) {
    for entry in fs::read_dir(marker).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().as_encoded_bytes().starts_with(WRITING.as_bytes());
        let modified = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = modified.and_then(|modified| SystemTime::now().duration_since(modified).ok());
        if is_ours && age.is_some_and(|age| age > OLD) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Replaces a file where two cannot be exchanged; what lay there keeps another name, if it can have two.
fn keep_and_replace(
    marker: &Path,
    name: &str,
    new: tempfile::TempPath,
    target: &Path,
) -> io::Result<Option<tempfile::TempPath>> {
    let mut builder = tempfile::Builder::new();
    let kept = builder.prefix(name).make_in(marker, |path| fs::hard_link(target, path));
    new.persist(target).map_err(|error| error.error)?;
    sync_directory(target);
    Ok(kept.ok().map(tempfile::NamedTempFile::into_temp_path))
}

/// Exchanges two files in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Gives a file another name that nothing else has; one that differs by case only may be its own.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    if is_same_file(from, to) {
        return fs::rename(from, to);
    }
    match rename_to_free(from, to) {
        // The file system does not know how.
        Err(error) if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {
            from.symlink_metadata()?;
            match to.symlink_metadata() {
                Ok(_) => Err(ErrorKind::AlreadyExists.into()),
                Err(_) => fs::rename(from, to),
            }
        }
        done => done,
    }
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn rename_to_free(_: &Path, _: &Path) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Whether two names that differ lead to one entry of a directory.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let lower = |path: &Path| path.to_string_lossy().to_lowercase();
    lower(one) == lower(other) && same_entry(one, other)
}

#[cfg(unix)]
fn same_entry(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |path: &Path| path.symlink_metadata().ok().map(|found| (found.dev(), found.ino()));
    id(one).is_some() && id(one) == id(other)
}

#[cfg(not(unix))]
fn same_entry(one: &Path, other: &Path) -> bool {
    one.exists() && other.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_text::Form;

    fn text(text: &str) -> FileText {
        FileText { text: text.into(), form: Form::default() }
    }

    fn note() -> NoteId {
        NoteId("one".into())
    }

    fn path(text: &str) -> FilePath {
        FilePath::new(text).unwrap()
    }

    #[test]
    fn a_program_that_has_the_file_open_writes_into_what_was_kept() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        let file = path("a.md");
        folder.write(&file, &note(), &text("one\n"), None).unwrap();
        let at = directory.path().join("a.md");
        let mut open = fs::File::options().append(true).open(&at).unwrap();
        let (done, kept) =
            folder.write(&file, &note(), &text("one, by Ben\n"), Some(&text("one\n"))).unwrap();
        assert_eq!(done, Changed::Done);
        let kept = kept.unwrap();
        assert_eq!(kept.read(), Some(text("one\n")));
        open.write_all(b"late\n").unwrap();
        assert_eq!(kept.read(), Some(text("one\nlate\n")));
        assert_eq!(fs::read_to_string(&at).unwrap(), "one, by Ben\n");
        drop(kept);
        assert_eq!(folder.left_replaced().len(), 0);
    }

    #[test]
    fn what_was_replaced_is_found_again_by_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        let file = path("a.md");
        folder.write(&file, &note(), &text("one\n"), None).unwrap();
        let (_, kept) = folder.write(&file, &note(), &text("two\n"), Some(&text("one\n"))).unwrap();
        let path = kept.unwrap().0.keep().unwrap();
        fs::write(&path, "one\nlate\n").unwrap();
        let left = folder.left_replaced();
        assert_eq!(left.len(), 1);
        assert_eq!((&left[0].0, left[0].1.read()), (&note(), Some(text("one\nlate\n"))));
        left.into_iter().for_each(|(_, file)| fs::write(file.0.keep().unwrap(), "one\n").unwrap());
        assert!(folder.left_replaced().is_empty(), "nobody wrote into it");
        assert!(!path.exists());
    }

    #[test]
    fn a_file_is_not_renamed_over_another_one() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("a.md"), "one").unwrap();
        fs::write(at("A.md"), "two").unwrap();
        fs::write(at("b.md"), "three").unwrap();
        let refused = rename(&at("a.md"), &at("b.md")).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        if fs::read_to_string(at("a.md")).unwrap() == "one" {
            // Upper and lower case are two files here.
            let refused = rename(&at("a.md"), &at("A.md")).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
        }
        rename(&at("b.md"), &at("B.md")).unwrap();
        assert_eq!(fs::read_to_string(at("B.md")).unwrap(), "three");
        assert_eq!(rename(&at("c.md"), &at("d.md")).unwrap_err().kind(), ErrorKind::NotFound);
    }
}
