//! The folder on disk: scanning it, and changing it so that nothing is overwritten unseen.

mod claim;
mod ids;
mod replace;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use claim::Claim;
pub(crate) use claim::check_idle;
pub use claim::{check_new, make};
pub use replace::Replaced;

use crate::file_path::{FilePath, MARKER, TRASH, folded};
use crate::file_text::{FileText, LeftAlone, MAX_BYTES};
use crate::planner::Disk;

/// A file that changed so short ago is read again even if it looks the same: file systems tell
/// times coarsely.
const RECENT: Duration = Duration::from_secs(2);

/// A file that was written so short ago may still be in the middle of it.
const UNREST: Duration = Duration::from_millis(100);

/// A folder whose files are notes.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    disk: Disk,
    stamps: BTreeMap<FilePath, Stamp>,
    /// Files that may not be notes because of their names.
    misnamed: BTreeSet<String>,
    is_at_rest: bool,
    claim: Claim,
}

/// By what a file that has not changed is known.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    read_at: SystemTime,
}

/// Why the folder cannot be used now.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It, or what marks it, is not there: a disk that is not mounted, or a folder that moved.
    #[error("the folder {0} is not there, or is no longer the mirrored one")]
    Vanished(PathBuf),
    /// Somebody mirrors it at this moment.
    #[error("{0} is mirrored already, by another program or in another window")]
    InUse(PathBuf),
    /// Two mirrors would take the same files.
    #[error("{inner} lies in {outer}, and only one of them can be mirrored")]
    Nested {
        /// The directory that lies in the other one.
        inner: PathBuf,
        /// The other one.
        outer: PathBuf,
    },
    /// There is a file of this name.
    #[error("{0} is not a directory")]
    NotADirectory(PathBuf),
    /// What lies where a directory has to be is a file or a link.
    #[error("{0} is in the way of a directory of this name")]
    InTheWay(PathBuf),
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// What was read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scanned {
    /// Everything that may have changed.
    All,
    /// These files; others are as they were, and none came or went.
    Files(BTreeSet<FilePath>),
}

/// How a change of a file went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It was done.
    Done,
    /// The file was not as expected and was left as it is.
    NotAsExpected,
}

impl Folder {
    /// Marks a directory as mirrored, making it when it is not there, and opens it.
    ///
    /// # Errors
    ///
    /// When it cannot be made or written, or may not be mirrored (see [`check_new`]).
    pub fn begin(root: &Path) -> Result<Self, FolderError> {
        check_new(root)?;
        let marker = root.join(MARKER);
        fs::create_dir_all(&marker).map_err(|error| FolderError::Io { path: marker, error })?;
        Self::open(root)
    }

    /// Opens a directory that was marked before.
    ///
    /// # Errors
    ///
    /// When it is not there, or no longer marked, or mirrored already.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let root = root.canonicalize().map_err(|_| FolderError::Vanished(root.to_owned()))?;
        if !claim::is_marked(&root) {
            return Err(FolderError::Vanished(root));
        }
        let claim = Claim::take(&root)?;
        replace::clean(&root.join(MARKER));
        Ok(Self::new(root, claim))
    }

    /// A directory that was mirrored before and is away; [`Folder::reclaim`] tells when it is back.
    pub(crate) fn away(root: &Path) -> Self {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        Self::new(root, Claim::none())
    }

    fn new(root: PathBuf, claim: Claim) -> Self {
        let (disk, stamps) = (Disk::default(), BTreeMap::new());
        Self { root, disk, stamps, misnamed: BTreeSet::new(), is_at_rest: true, claim }
    }

    /// Claims the directory again after it was away.
    ///
    /// # Errors
    ///
    /// When it is not there, or somebody else mirrors it by now.
    pub fn reclaim(&mut self) -> Result<(), FolderError> {
        self.check_marker()?;
        // The old claim may be one on this very directory.
        self.claim = Claim::none();
        self.claim = Claim::take(&self.root)?;
        Ok(())
    }

    /// The directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether the folder is there.
    ///
    /// # Errors
    ///
    /// When it is not, or no longer marked.
    pub fn check_marker(&self) -> Result<(), FolderError> {
        if claim::is_marked(&self.root) {
            Ok(())
        } else {
            Err(FolderError::Vanished(self.root.clone()))
        }
    }

    /// Reads what has changed since the last scan.
    ///
    /// # Errors
    ///
    /// When the folder vanished or a directory of it cannot be read. Nothing is to be concluded
    /// from it then.
    pub fn scan(&mut self) -> Result<Scanned, FolderError> {
        self.check_marker()?;
        let Walked { notes: found, closed, occupied, misnamed, .. } = walk(&self.root)?;
        (self.disk.closed, self.disk.occupied, self.misnamed) = (closed, occupied, misnamed);
        let mut stamps = BTreeMap::new();
        let mut files = BTreeMap::new();
        let now = SystemTime::now();
        self.is_at_rest = true;
        for (path, metadata) in found {
            let stamp =
                Stamp { length: metadata.len(), modified: metadata.modified().ok(), read_at: now };
            let known = self.stamps.remove(&path);
            let is_other = known.as_ref().is_none_or(|known| known.modified != stamp.modified);
            self.is_at_rest &= !is_other || !stamp.is_fresh();
            let known = known.filter(|known| known.is_still(&stamp));
            let (stamp, read) = match (known, self.disk.files.remove(&path)) {
                (Some(known), Some(read)) => (known, read),
                _ => (stamp, read(&self.root.join(path.as_str()), &metadata)),
            };
            stamps.insert(path.clone(), stamp);
            files.insert(path, read);
        }
        self.stamps = stamps;
        self.disk.files = files;
        // What vanished while it was read is not there to be believed either.
        self.check_marker()?;
        Ok(Scanned::All)
    }

    /// Reads some paths again, of which it is known that they changed; what cannot be judged by itself
    /// makes it a whole [`Folder::scan`].
    ///
    /// # Errors
    ///
    /// As for a scan.
    pub fn scan_paths(&mut self, paths: &BTreeSet<PathBuf>) -> Result<Scanned, FolderError> {
        self.check_marker()?;
        let mut found = Vec::new();
        for path in paths {
            let Some(inside) = path.strip_prefix(&self.root).ok().and_then(Path::to_str) else {
                return self.scan();
            };
            if inside != MARKER && Path::new(inside).file_name().is_some_and(|it| it == MARKER) {
                // A directory in this one is mirrored on its own now, or no longer.
                return self.scan();
            }
            if is_hidden(inside) {
                continue;
            }
            let file = FilePath::new(inside).ok();
            let known = file.filter(|file| self.disk.files.contains_key(file));
            match (path.symlink_metadata(), known) {
                // What it says is what its other names say, of which nobody tells.
                (Ok(metadata), _) if has_other_names(&metadata) => return self.scan(),
                (Ok(metadata), Some(file)) if !metadata.is_dir() => found.push((file, metadata)),
                // Neither a note's file nor in the place of a directory that held some.
                (Ok(metadata), None) if metadata.is_file() && !self.matters(inside) => {}
                (Err(_), None) if !self.matters(inside) => {}
                // What came or went may have been moved: the rest tells from where, or where to.
                _ => return self.scan(),
            }
        }
        let now = SystemTime::now();
        self.is_at_rest = true;
        let mut files = BTreeSet::new();
        for (path, metadata) in found {
            let stamp =
                Stamp { length: metadata.len(), modified: metadata.modified().ok(), read_at: now };
            self.is_at_rest &= !stamp.is_fresh();
            let read = read(&self.root.join(path.as_str()), &metadata);
            self.stamps.insert(path.clone(), stamp);
            self.disk.files.insert(path.clone(), read);
            files.insert(path);
        }
        self.check_marker()?;
        Ok(Scanned::Files(files))
    }

    /// Whether what is or was in this place says something of notes.
    fn matters(&self, inside: &str) -> bool {
        inside.to_lowercase().ends_with(".md")
            || self.disk.closed.contains_key(inside)
            || self.holds_files(inside)
    }

    /// Whether files lay in this directory at the last scan, or it is the whole folder.
    fn holds_files(&self, directory: &str) -> bool {
        let inside = format!("{directory}/");
        directory.is_empty()
            || self.disk.files.keys().any(|path| path.as_str().starts_with(&inside))
    }

    /// What is no note because of its name, and directories into which is not looked, with the reasons.
    pub fn not_looked_at(&self) -> impl Iterator<Item = (&String, LeftAlone)> {
        let misnamed = self.misnamed.iter().map(|name| (name, LeftAlone::Name));
        misnamed.chain(self.disk.closed.iter().map(|(path, reason)| (path, *reason)))
    }

    /// What the last scan found.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }

    /// Whether the last scan met no file that was written a moment ago. What it met then may be
    /// half of a text.
    pub fn is_at_rest(&self) -> bool {
        self.is_at_rest
    }

    /// Gives a file another place, if nothing is there.
    ///
    /// # Errors
    ///
    /// When it cannot be moved.
    pub fn rename(&mut self, from: &FilePath, to: &FilePath) -> Result<Changed, FolderError> {
        self.check_marker()?;
        let source = self.root.join(from.as_str());
        let target = self.target(to)?;
        let failed = |error| FolderError::Io { path: target.clone(), error };
        match replace::rename(&source, &target) {
            Ok(()) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) =>
            {
                return Ok(Changed::NotAsExpected);
            }
            Err(error) => return Err(failed(error)),
        }
        sync_directory(&target);
        self.remove_empty(&source);
        self.forget_id(from);
        Ok(Changed::Done)
    }

    /// A directory that became empty goes; one that did not says so.
    fn remove_empty(&self, gone: &Path) {
        let mut left = gone.parent();
        while let Some(directory) = left.filter(|directory| *directory != self.root) {
            if fs::remove_dir(directory).is_err() {
                break;
            }
            left = directory.parent();
        }
    }

    /// The place of a file, with its directories made.
    fn target(&self, path: &FilePath) -> Result<PathBuf, FolderError> {
        let mut directory = self.root.clone();
        for part in path.folders() {
            directory.push(part);
            match directory.symlink_metadata() {
                Ok(metadata) if metadata.is_dir() => {}
                Ok(_) => return Err(FolderError::InTheWay(directory)),
                Err(_) => {
                    let path = directory.clone();
                    fs::create_dir(&directory).map_err(|error| FolderError::Io { path, error })?;
                }
            }
        }
        Ok(self.root.join(path.as_str()))
    }
}

impl Stamp {
    fn is_fresh(&self) -> bool {
        let age = self.modified.and_then(|modified| self.read_at.duration_since(modified).ok());
        age.is_some_and(|age| age < UNREST)
    }

    fn is_still(&self, now: &Self) -> bool {
        let is_old = now.modified.is_some_and(|modified| {
            self.read_at.duration_since(modified).is_ok_and(|age| age > RECENT)
        });
        is_old && self.length == now.length && self.modified == now.modified
    }
}

/// Whether a part of a path is hidden, the trash left out.
fn is_hidden(inside: &str) -> bool {
    let mut parts = inside.split('/').enumerate();
    parts.any(|(depth, part)| part.starts_with('.') && !(depth == 0 && part == TRASH))
}

/// The files of a directory and what lies in it, hidden ones left out.
#[derive(Debug, Default)]
pub(crate) struct Walked {
    /// Those that may be notes.
    pub(crate) notes: BTreeMap<FilePath, Metadata>,
    /// Directories into which is not looked, as paths from this one, and why.
    pub(crate) closed: BTreeMap<String, LeftAlone>,
    /// What has a name like a note's file and is none, as [`folded`] paths.
    pub(crate) occupied: BTreeSet<String>,
    /// Files that would be notes if they were called otherwise, as they can be shown.
    pub(crate) misnamed: BTreeSet<String>,
    /// How many other files there are.
    pub(crate) others: usize,
}

/// Looks for files in a directory and all that it holds.
pub(crate) fn walk(root: &Path) -> Result<Walked, FolderError> {
    let mut walked = Walked::default();
    let mut waiting = vec![(root.to_owned(), String::new())];
    while let Some((directory, inside)) = waiting.pop() {
        let failed = |error| FolderError::Io { path: directory.clone(), error };
        for entry in fs::read_dir(&directory).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let shown = format!("{inside}{}", name.to_string_lossy());
            let is_shown = !name.as_encoded_bytes().starts_with(b".") || shown == TRASH;
            if !is_shown {
                continue;
            }
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(FolderError::Io { path: entry.path(), error }),
            };
            let is_directory = metadata.is_dir();
            let is_open = walked.meets(&entry.path(), &shown, metadata, name.to_str().is_some());
            if is_directory && is_open {
                waiting.push((entry.path(), format!("{shown}/")));
            }
        }
    }
    Ok(walked)
}

impl Walked {
    /// Notes one thing that is not hidden; `true` when it is to be looked into, if it is a directory.
    fn meets(&mut self, at: &Path, path: &str, metadata: Metadata, is_text: bool) -> bool {
        let is_directory = metadata.is_dir();
        let leads_to_one = metadata.is_symlink() && at.is_dir();
        let has_ending = path.to_lowercase().ends_with(".md");
        if is_text
            && !is_directory
            && let Ok(path) = FilePath::new(path)
        {
            if leads_to_one {
                self.closed.insert(path.to_string(), LeftAlone::Link);
            }
            self.notes.insert(path, metadata);
            return false;
        }
        if has_ending {
            self.occupied.insert(folded(path));
        }
        let reason = match () {
            () if leads_to_one => LeftAlone::Link,
            () if is_directory && (!is_text || path.contains('\\')) => LeftAlone::Name,
            // What lies in another mirrored directory is that one's.
            () if is_directory && claim::is_marked(at) => LeftAlone::Mirrored,
            () => {
                self.others += usize::from(!is_directory);
                if has_ending && !is_directory {
                    self.misnamed.insert(path.to_owned());
                }
                return is_directory;
            }
        };
        self.closed.insert(path.to_owned(), reason);
        false
    }
}

/// Reads one file.
pub(crate) fn read(path: &Path, metadata: &Metadata) -> Result<FileText, LeftAlone> {
    if metadata.is_symlink() {
        return Err(LeftAlone::Link);
    }
    if !metadata.is_file() {
        return Err(LeftAlone::NotAFile);
    }
    if metadata.len() > MAX_BYTES as u64 {
        return Err(LeftAlone::TooLarge);
    }
    let bytes = fs::read(path).map_err(|_| LeftAlone::Unreadable)?;
    FileText::decode(&bytes)
}

#[cfg(unix)]
fn has_other_names(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file() && metadata.nlink() > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

/// Makes a new or renamed file's name durable; file systems that cannot do so do without.
fn sync_directory(target: &Path) {
    if let Some(directory) = target.parent().and_then(|parent| fs::File::open(parent).ok()) {
        let _ = directory.sync_all();
    }
}

/// Temporary files are private; a note's file is as readable as others the person makes.
#[cfg(unix)]
fn set_usual_permissions(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_usual_permissions(_: &fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_text::Form;
    use crate::memory::NoteId;

    fn path(text: &str) -> FilePath {
        FilePath::new(text).unwrap()
    }

    fn files_of(folder: &mut Folder) -> BTreeMap<FilePath, Result<FileText, LeftAlone>> {
        folder.scan().unwrap();
        folder.disk().files.clone()
    }

    fn note() -> NoteId {
        NoteId(rejoin_repo::DocumentId::from_random([1; 16]).to_string())
    }

    fn text(text: &str) -> FileText {
        FileText { text: text.into(), form: Form::default() }
    }

    #[test]
    fn a_file_is_only_overwritten_when_it_holds_what_is_expected() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        let file = path("Work/a.md");
        assert_eq!(folder.write(&file, &note(), &text("one"), None).unwrap().0, Changed::Done);
        assert_eq!(
            folder.write(&file, &note(), &text("two"), None).unwrap().0,
            Changed::NotAsExpected
        );
        let other = text("other");
        let refused = folder.write(&file, &note(), &text("two"), Some(&other)).unwrap().0;
        assert_eq!(refused, Changed::NotAsExpected);
        let one = text("one");
        assert_eq!(
            folder.write(&file, &note(), &text("two"), Some(&one)).unwrap().0,
            Changed::Done
        );
        assert_eq!(fs::read_to_string(directory.path().join("Work/a.md")).unwrap(), "two");
        assert_eq!(files_of(&mut folder)[&file], Ok(text("two")));
    }

    #[test]
    fn a_scan_sees_what_changed_and_passes_over_what_is_hidden() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let mut folder = Folder::begin(root).unwrap();
        for (name, content) in [("a.md", "1"), (".a.md.swp", "2"), ("a.md~", "3"), ("b.txt", "4")] {
            fs::write(root.join(name), content).unwrap();
        }
        fs::create_dir(root.join(".git")).unwrap();
        fs::write(root.join(".git/c.md"), "5").unwrap();
        fs::write(root.join("bad.md"), [0xff]).unwrap();
        let files = files_of(&mut folder);
        assert_eq!(files.len(), 2);
        assert_eq!(files[&path("bad.md")], Err(LeftAlone::NotUtf8));
        fs::write(root.join("a.md"), "6").unwrap();
        assert_eq!(files_of(&mut folder)[&path("a.md")], Ok(text("6")));
    }

    #[cfg(unix)]
    #[test]
    fn nothing_outside_is_read_or_written() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.md"), "secret").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let mut folder = Folder::begin(root).unwrap();
        std::os::unix::fs::symlink(outside.path(), root.join("Out")).unwrap();
        std::os::unix::fs::symlink(outside.path().join("secret.md"), root.join("in.md")).unwrap();
        let files = files_of(&mut folder);
        assert_eq!(files, [(path("in.md"), Err(LeftAlone::Link))].into());
        let refused = folder.write(&path("Out/new.md"), &note(), &text("x"), None);
        assert!(matches!(refused, Err(FolderError::InTheWay(_))), "{refused:?}");
        assert!(!outside.path().join("new.md").exists());
    }

    #[test]
    fn a_folder_without_its_marker_has_vanished() {
        let directory = tempfile::tempdir().unwrap();
        let mut folder = Folder::begin(directory.path()).unwrap();
        fs::remove_dir(directory.path().join(MARKER)).unwrap();
        assert!(matches!(folder.scan(), Err(FolderError::Vanished(_))));
        let written = folder.write(&path("a.md"), &note(), &text("x"), None);
        assert!(matches!(written, Err(FolderError::Vanished(_))));
    }

    #[test]
    fn ids_and_empty_directories_follow_a_rename() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let mut folder = Folder::begin(root).unwrap();
        folder.write(&path("Work/a.md"), &note(), &text("x"), None).unwrap();
        folder.write_id(&path("Work/a.md"), &note()).unwrap();
        let renamed = folder.rename(&path("Work/a.md"), &path("Home/b.md")).unwrap();
        assert_eq!(renamed, Changed::Done);
        folder.write_id(&path("Home/b.md"), &note()).unwrap();
        assert!(!root.join("Work").exists() && !root.join(".rejoin/Work/a.md").exists());
        drop(folder);
        let mut again = Folder::open(root).unwrap();
        again.read_ids();
        let ids = again.disk().ids.clone();
        assert_eq!(ids, [(path("Home/b.md"), note())].into());
    }
}
