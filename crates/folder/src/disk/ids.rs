//! The ids that lie beside the files, in the marker: which file is which note's.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use rejoin_repo::DocumentId;

use super::{Folder, FolderError};
use crate::file_path::{FilePath, MARKER};
use crate::memory::NoteId;

/// An id is shorter than this.
const LONGEST: u64 = 200;

impl Folder {
    /// Reads the ids that lie beside the files; once at the start, as only a folder that nothing is
    /// remembered of needs them.
    pub fn read_ids(&mut self) {
        let mut waiting = vec![(self.root().join(MARKER), String::new())];
        while let Some((directory, inside)) = waiting.pop() {
            let Ok(entries) = fs::read_dir(directory) else { continue };
            for entry in entries.flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let path = format!("{inside}{name}");
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    waiting.push((entry.path(), format!("{path}/")));
                } else if let Ok(path) = FilePath::new(&path)
                    && let Some(id) = read_id(&entry.path())
                {
                    self.disk.ids.insert(path, id);
                }
            }
        }
    }

    /// Reads the id beside a new file, which others may have put there; `true` when there is one
    /// that was not known.
    pub fn read_id(&mut self, path: &FilePath) -> bool {
        let Ok(beside) = self.beside(path) else { return false };
        let Some(id) = read_id(&beside) else { return false };
        self.disk.ids.insert(path.clone(), id.clone()) != Some(id)
    }

    /// Writes the id of a file's note beside it, in one step.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn write_id(&mut self, path: &FilePath, note: &NoteId) -> Result<(), FolderError> {
        if self.disk.ids.get(path) == Some(note) {
            return Ok(());
        }
        let target = self.beside(path)?;
        let failed = |error| FolderError::Io { path: target.clone(), error };
        // An id that is lost costs nothing while the notes are remembered, so the disk may take its
        // time; but half of one must not be there.
        let marker = self.root().join(MARKER);
        fs::create_dir_all(target.parent().unwrap_or(&marker)).map_err(failed)?;
        let mut file = super::replace::temporary(&marker).map_err(failed)?;
        writeln!(file, "{}", note.0).map_err(failed)?;
        super::set_usual_permissions(file.as_file()).map_err(failed)?;
        file.persist(&target).map_err(|error| failed(error.error))?;
        self.disk.ids.insert(path.clone(), note.clone());
        Ok(())
    }

    /// Forgets the id of a file that is gone.
    pub fn forget_id(&mut self, path: &FilePath) {
        self.disk.ids.remove(path);
        let Ok(beside) = self.beside(path) else { return };
        let _ = fs::remove_file(&beside);
        // A directory that became empty goes; one that did not says so.
        let marker = self.root().join(MARKER);
        let mut left = beside.parent();
        while let Some(directory) = left.filter(|directory| *directory != marker) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
            left = directory.parent();
        }
    }

    /// Where the id of a file lies. Not behind a link, as that would lead out of the folder.
    fn beside(&self, path: &FilePath) -> Result<PathBuf, FolderError> {
        let mut directory = self.root().join(MARKER);
        for part in path.folders() {
            directory.push(part);
            if directory.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
                return Err(FolderError::InTheWay(directory));
            }
        }
        Ok(self.root().join(MARKER).join(path.as_str()))
    }
}

/// What a file says, when that is an id and nothing else.
fn read_id(path: &Path) -> Option<NoteId> {
    if !path.symlink_metadata().is_ok_and(|found| found.is_file()) {
        return None;
    }
    let mut text = String::new();
    fs::File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    let id: DocumentId = text.trim().parse().ok()?;
    Some(NoteId(id.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> NoteId {
        NoteId(DocumentId::from_random([7; 16]).to_string())
    }

    fn path(text: &str) -> FilePath {
        FilePath::new(text).unwrap()
    }

    #[test]
    fn what_is_no_id_counts_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        let marker = directory.path().join(MARKER);
        let file = path("a.md");
        for bad in ["", "\n", "words", &note().0[..5], &"1".repeat(1000)] {
            fs::write(marker.join("a.md"), bad).unwrap();
            assert!(!folder.read_id(&file), "{bad:?}");
            folder.read_ids();
            assert!(folder.disk().ids.is_empty(), "{bad:?}");
        }
        folder.write_id(&file, &note()).unwrap();
        drop(folder);
        let mut again = Folder::open(directory.path()).unwrap();
        assert!(again.read_id(&file));
        assert_eq!(again.disk().ids[&file], note());
    }

    #[test]
    fn an_id_that_was_not_read_is_forgotten_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        folder.write_id(&path("Work/a.md"), &note()).unwrap();
        drop(folder);
        let mut again = Folder::open(directory.path()).unwrap();
        again.forget_id(&path("Work/a.md"));
        assert!(!directory.path().join(".rejoin/Work").exists());
        assert!(directory.path().join(MARKER).exists());
    }

    #[cfg(unix)]
    #[test]
    fn no_link_in_the_marker_leads_out_of_the_folder() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("a.md"), "secret").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        let marker = directory.path().join(MARKER);
        std::os::unix::fs::symlink(outside.path().join("a.md"), marker.join("a.md")).unwrap();
        std::os::unix::fs::symlink(outside.path(), marker.join("Work")).unwrap();
        assert!(!folder.read_id(&path("a.md")));
        folder.write_id(&path("a.md"), &note()).unwrap();
        assert!(folder.write_id(&path("Work/a.md"), &note()).is_err());
        folder.forget_id(&path("Work/a.md"));
        assert_eq!(fs::read_to_string(outside.path().join("a.md")).unwrap(), "secret");
        assert_eq!(fs::read_to_string(marker.join("a.md")).unwrap().trim(), note().0);
    }
}
