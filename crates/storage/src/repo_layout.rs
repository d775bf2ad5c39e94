//! The directory in which automerge-repo keeps its chunks: a way in and a way out.
//!
//! A key `[first, second, ...]` lies in the file `base/fi/rst/second/...`: the first two characters
//! of the first segment are a directory of their own.

use crate::sqlite::make_parent;
use crate::{Batch, ChunkStore, KeyPrefix, StorageKey, StoreError};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

/// The name, beside the two-character directories, under which files are written before they get
/// their place. Readers look only into the directory of a document, so they never see it.
const UNFINISHED: &str = ".unfinished";

/// While importing, values are stored in batches of about this many bytes.
const BATCH_BYTES: usize = 8 << 20;

/// Files larger than this, in bytes, are not chunks and are reported as skipped.
const MAX_FILE: u64 = 1 << 30;

/// What an [`import`] or an [`export`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The keys that were written, in the order in which they were met.
    pub keys: Vec<StorageKey>,
    /// The sum of the lengths of their values in bytes.
    pub bytes: u64,
    /// What was left out, each with the reason.
    pub skipped: Vec<Skipped>,
}

/// Something that an import or an export left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The file, or the place where it would have been.
    pub path: PathBuf,
    /// Why, in lower case.
    pub reason: String,
}

/// Reads all chunks below `base` into `store`.
///
/// `wanted` chooses among the keys; a foreign `["storage-adapter-id"]`, for example, is seldom
/// wanted. Values that the store already has under the same key are kept, and a different one in
/// the directory is reported as skipped. Files that are no chunks (in the wrong place, too large,
/// links) are reported as skipped too; nothing below `base` is changed.
///
/// # Errors
///
/// When a directory or file cannot be read, or the store fails. What was imported so far stays, and
/// importing again goes on from there.
pub fn import(
    base: &Path,
    store: &mut dyn ChunkStore,
    wanted: &dyn Fn(&StorageKey) -> bool,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut batch = Batch::new();
    let mut pending_bytes = 0;
    let mut directories = vec![base.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let mut below = Vec::new();
        for (path, file_type) in sorted_entries(&directory)? {
            if path == base.join(UNFINISHED) {
                continue;
            }
            if file_type.is_dir() {
                below.push(path);
                continue;
            }
            let key = match importable(base, &path, file_type) {
                Ok(key) => key,
                Err(reason) => {
                    report.skipped.push(Skipped { path, reason: reason.into() });
                    continue;
                }
            };
            if !wanted(&key) {
                continue;
            }
            let value = fs::read(&path).map_err(|e| at_path("reading", &path, &e))?;
            match store.load(&key)? {
                Some(existing) if existing == value => continue,
                Some(_) => {
                    let reason = "the store has another value under this key".into();
                    report.skipped.push(Skipped { path, reason });
                    continue;
                }
                None => {}
            }
            pending_bytes += value.len();
            report.bytes += value.len() as u64;
            report.keys.push(key.clone());
            batch.put(key, value);
            if pending_bytes >= BATCH_BYTES {
                store.apply(&std::mem::take(&mut batch))?;
                pending_bytes = 0;
            }
        }
        // In the order of their names: sync states come after the chunks that they speak of, also
        // when not all of it gets in.
        directories.extend(below.into_iter().rev());
    }
    store.apply(&batch)?;
    Ok(report)
}

/// Writes every value whose key begins with `prefix` below `base`, each file as a whole: written
/// apart, synced, and moved to its place.
///
/// Files that are there already are overwritten, others are left alone. Keys that cannot be paths
/// are reported as skipped.
///
/// # Errors
///
/// When the store cannot be read or a file cannot be written. Files written so far stay.
pub fn export(
    store: &dyn ChunkStore,
    prefix: &KeyPrefix,
    base: &Path,
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let unfinished = base.join(UNFINISHED);
    for key in store.keys(prefix)? {
        let Some(relative) = path_of(&key) else {
            let path = PathBuf::from(key.to_string());
            report.skipped.push(Skipped { path, reason: "the key cannot be a path".into() });
            continue;
        };
        // A compaction by someone else may have removed it in between.
        let Some(value) = store.load(&key)? else { continue };
        let path = base.join(relative);
        make_parent(&path)?;
        write_whole(&unfinished, &path, &value).map_err(|e| at_path("writing", &path, &e))?;
        report.bytes += value.len() as u64;
        report.keys.push(key);
    }
    Ok(report)
}

/// Where the value of `key` lies below the base directory; `None` if a segment cannot be the name
/// of a file or directory there, or the first has fewer than three characters.
pub fn path_of(key: &StorageKey) -> Option<PathBuf> {
    let (first, rest) = key.segments().split_first()?;
    let (split, _) = first.char_indices().nth(2)?;
    let (directory, name) = first.split_at(split);
    let mut path = PathBuf::new();
    for part in [directory, name].into_iter().chain(rest.iter().map(String::as_str)) {
        let mut components = Path::new(part).components();
        let ordinary = matches!(components.next(), Some(Component::Normal(name)) if name == part);
        if !ordinary || components.next().is_some() || part.contains(['/', '\\', ':']) {
            return None;
        }
        path.push(part);
    }
    Some(path)
}

/// The key whose value lies at `relative` below the base directory, if that can be one.
pub fn key_of(relative: &Path) -> Option<StorageKey> {
    let mut parts = Vec::new();
    for component in relative.components() {
        match component {
            Component::Normal(name) => parts.push(name.to_str()?),
            _ => return None,
        }
    }
    let [directory, name, rest @ ..] = parts.as_slice() else { return None };
    if directory.chars().count() != 2 {
        return None;
    }
    let first = format!("{directory}{name}");
    StorageKey::new(std::iter::once(first.as_str()).chain(rest.iter().copied())).ok()
}

fn importable(
    base: &Path,
    path: &Path,
    file_type: fs::FileType,
) -> Result<StorageKey, &'static str> {
    if !file_type.is_file() {
        return Err("not a regular file");
    }
    let key = path.strip_prefix(base).ok().and_then(key_of).ok_or("not in the place of a chunk")?;
    match fs::metadata(path) {
        Ok(metadata) if metadata.len() > MAX_FILE => Err("too large for a chunk"),
        _ => Ok(key),
    }
}

fn sorted_entries(directory: &Path) -> Result<Vec<(PathBuf, fs::FileType)>, StoreError> {
    let read = || -> io::Result<Vec<(PathBuf, fs::FileType)>> {
        let mut entries = fs::read_dir(directory)?
            .map(|entry| entry.and_then(|entry| Ok((entry.path(), entry.file_type()?))))
            .collect::<Result<Vec<_>, _>>()?;
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    };
    read().map_err(|e| at_path("reading", directory, &e))
}

fn write_whole(unfinished: &Path, path: &Path, value: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(unfinished)?;
    file.write_all(value)?;
    file.sync_all()?;
    fs::rename(unfinished, path)?;
    match path.parent() {
        Some(parent) if cfg!(unix) => fs::File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

fn at_path(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::from_io(&format!("{what} {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FaultyStore, MemoryStore};

    fn key(segments: &[&str]) -> StorageKey {
        StorageKey::new(segments.iter().copied()).unwrap()
    }

    #[test]
    fn keys_lie_where_automerge_repo_puts_them() {
        let snapshot = key(&["4NMNnkMhL8jXrdJ9jamS58PAVdXu", "snapshot", "ab12"]);
        let path = path_of(&snapshot).unwrap();
        assert_eq!(path, Path::new("4N/MNnkMhL8jXrdJ9jamS58PAVdXu/snapshot/ab12"));
        assert_eq!(key_of(&path), Some(snapshot));
        let adapter = key(&["storage-adapter-id"]);
        assert_eq!(path_of(&adapter).unwrap(), Path::new("st/orage-adapter-id"));
        assert_eq!(key_of(Path::new("st/orage-adapter-id")), Some(adapter));
    }

    #[test]
    fn keys_never_lead_out_of_the_directory() {
        for segments in [
            &["ab"][..],
            &["a/b/c"],
            &["abc", ".."],
            &["abc", "/etc"],
            &["abc", "."],
            &["abc", "c:\\x"],
            &["../x", "y"],
            &["..x", "y"],
        ] {
            assert_eq!(path_of(&key(segments)), None, "{segments:?}");
        }
        assert_eq!(key_of(Path::new("../ab/cd")), None);
        assert_eq!(key_of(Path::new("abc/de")), None);
        assert_eq!(key_of(Path::new("ab")), None);
    }

    #[test]
    fn what_is_exported_can_be_imported() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = MemoryStore::new();
        let mut batch = Batch::new();
        batch.put(key(&["storage-adapter-id"]), b"id".to_vec());
        batch.put(key(&["docdoc", "snapshot", "1"]), vec![1; 1000]);
        batch.put(key(&["docdoc", "incremental", "2"]), vec![]);
        batch.put(key(&["..", "escape"]), vec![9]);
        store.apply(&batch).unwrap();

        let report = export(&store, &KeyPrefix::all(), directory.path()).unwrap();
        assert_eq!(report.keys.len(), 3);
        assert_eq!(report.bytes, 1002);
        assert_eq!(report.skipped.len(), 1);

        fs::write(directory.path().join("README"), "not a chunk").unwrap();
        let mut copy = MemoryStore::new();
        let chunks = |key: &StorageKey| key.segments().len() > 1;
        let report = import(directory.path(), &mut copy, &chunks).unwrap();
        assert_eq!(report.keys.len(), 2);
        assert_eq!(report.skipped.len(), 1);
        let document = KeyPrefix::new(["docdoc"]).unwrap();
        assert_eq!(copy.load_range(&document).unwrap(), store.load_range(&document).unwrap());
        assert_eq!(copy.load(&key(&["storage-adapter-id"])).unwrap(), None);
    }

    #[test]
    fn an_import_that_breaks_off_has_no_sync_state_without_its_chunks() {
        let directory = tempfile::tempdir().unwrap();
        let mut source = MemoryStore::new();
        let mut batch = Batch::new();
        let keys =
            ["incremental", "snapshot", "sync-state"].map(|kind| key(&["docdoc", kind, "1"]));
        for key in &keys {
            batch.put(key.clone(), vec![1; BATCH_BYTES]);
        }
        source.apply(&batch).unwrap();
        export(&source, &KeyPrefix::all(), directory.path()).unwrap();

        let mut store = FaultyStore::new(1);
        store.limit(Some(3 * BATCH_BYTES as u64 - 1));
        assert!(import(directory.path(), &mut store, &|_| true).is_err());
        assert_eq!(store.keys(&KeyPrefix::all()).unwrap(), keys[..2]);
        store.limit(None);
        assert_eq!(import(directory.path(), &mut store, &|_| true).unwrap().keys, keys[2..]);
    }

    #[test]
    fn importing_keeps_what_the_store_has() {
        let directory = tempfile::tempdir().unwrap();
        let mut source = MemoryStore::new();
        let (same, other) = (key(&["docdoc", "snapshot", "1"]), key(&["docdoc", "snapshot", "2"]));
        let mut batch = Batch::new();
        batch.put(same.clone(), vec![1]).put(other.clone(), vec![2]);
        source.apply(&batch).unwrap();
        export(&source, &KeyPrefix::all(), directory.path()).unwrap();

        let mut store = MemoryStore::new();
        let mut batch = Batch::new();
        batch.put(same.clone(), vec![1]).put(other.clone(), vec![7]);
        store.apply(&batch).unwrap();
        let report = import(directory.path(), &mut store, &|_| true).unwrap();
        assert_eq!(report.keys, vec![]);
        assert_eq!(report.skipped.len(), 1);
        assert_eq!(store.load(&other).unwrap(), Some(vec![7]));
    }
}
