//! The SQLite store on disks that are full, forbidden, damaged or in use, and in processes that are
//! killed.

use rejoin_storage::{
    Batch, ChunkStore, KeyPrefix, SqliteOptions, SqliteStore, StorageKey, StoreError,
    StoreErrorKind,
};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::{env, fs};
use tempfile::TempDir;

/// Set for the processes that these tests start: the store to open.
const CHILD_STORE: &str = "REJOIN_STORAGE_CHILD";

/// Set for them too where they are to end on their own: the number of batches to write.
const CHILD_BATCHES: &str = "REJOIN_STORAGE_CHILD_BATCHES";

fn key(segments: &[&str]) -> StorageKey {
    StorageKey::new(segments.iter().copied()).expect("a key")
}

fn open(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, &SqliteOptions::default())
}

fn put(key: StorageKey, value: Vec<u8>) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

#[test]
fn a_second_opening_is_told_that_the_store_is_in_use() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    let mut first = open(&path).unwrap();
    assert_eq!(open(&path).unwrap_err().kind(), StoreErrorKind::InUse);
    first.apply(&put(key(&["a"]), vec![1])).unwrap();
    assert_eq!(open(&path).unwrap_err().kind(), StoreErrorKind::InUse);
    drop(first);
    assert_eq!(open(&path).unwrap().load(&key(&["a"])).unwrap(), Some(vec![1]));
}

/// Not a test of its own: what [`killing_a_writer_loses_nothing_it_reported`] runs in a process.
#[test]
fn child_that_writes_and_reports() {
    let Ok(path) = env::var(CHILD_STORE) else { return };
    let mut store = match open(Path::new(&path)) {
        Ok(store) => store,
        Err(error) => {
            println!("\nopen {:?}", error.kind());
            return;
        }
    };
    let begin = store.keys(&KeyPrefix::all()).unwrap().len() / 2;
    let batches = env::var(CHILD_BATCHES).ok().and_then(|n| n.parse().ok());
    println!("\nopen");
    for i in (begin..).take(batches.unwrap_or(usize::MAX)) {
        let number = format!("{i:08}");
        let mut batch = Batch::new();
        batch.put(key(&["left", &number]), vec![i as u8; 100 + i % 5000]);
        batch.put(key(&["right", &number]), vec![i as u8; 100]);
        store.apply(&batch).unwrap();
        println!("saved {i}");
        std::io::stdout().flush().unwrap();
    }
}

fn start_child(path: &Path) -> (std::process::Child, impl Iterator<Item = String>) {
    let mut child = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "child_that_writes_and_reports", "--nocapture"])
        .env(CHILD_STORE, path)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a child process");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (child, lines.map_while(Result::ok))
}

#[test]
fn a_second_process_is_told_that_the_store_is_in_use() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    let _first = open(&path).unwrap();
    let (mut child, lines) = start_child(&path);
    let said: Vec<String> = lines.filter(|line| line.starts_with("open")).collect();
    child.wait().unwrap();
    assert_eq!(said, ["open InUse"]);
}

#[test]
fn killing_a_writer_loses_nothing_it_reported() {
    let rounds: usize = env::var("ITERATIONS").ok().and_then(|n| n.parse().ok()).unwrap_or(10);
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    let mut saved = 0;
    for round in 0..rounds {
        let (mut child, mut lines) = start_child(&path);
        let stop_after = 3 + round * 7 % 40;
        let mut seen = 0;
        for line in lines.by_ref() {
            if let Some(number) = line.strip_prefix("saved ") {
                saved = number.parse::<usize>().unwrap() + 1;
                seen += 1;
            }
            if seen == stop_after {
                break;
            }
        }
        child.kill().unwrap();
        // What it reported between the decision and its end counts too.
        for line in lines {
            if let Some(number) = line.strip_prefix("saved ") {
                saved = number.parse::<usize>().unwrap_or(saved - 1) + 1;
            }
        }
        child.wait().unwrap();

        let store = open(&path).unwrap();
        store.check().unwrap();
        let left = store.keys(&KeyPrefix::new(["left"]).unwrap()).unwrap();
        let right = store.keys(&KeyPrefix::new(["right"]).unwrap()).unwrap();
        assert!(left.len() >= saved, "round {round}: {} there, {saved} reported", left.len());
        assert_eq!(left.len(), right.len(), "round {round}: a batch was torn");
        for (i, key) in left.iter().enumerate() {
            let value = store.load(key).unwrap().unwrap();
            assert_eq!(value, vec![i as u8; 100 + i % 5000], "round {round}");
        }
    }
    assert!(saved > rounds);
}

/// Each report of a saved batch comes after the sync of what was written for it, as the system
/// calls show. Without `strace` on the machine there is nothing to see.
#[test]
fn nothing_is_reported_before_it_was_synced() {
    if Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_err() {
        println!("skipped: no strace here");
        return;
    }
    let directory = TempDir::new().unwrap();
    let trace = directory.path().join("trace");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=write,pwrite64,fsync,fdatasync", "-o"])
        .arg(&trace)
        .arg(env::current_exe().unwrap())
        .args(["--exact", "child_that_writes_and_reports", "--nocapture"])
        .env(CHILD_STORE, directory.path().join("store.sqlite"))
        .env(CHILD_BATCHES, "50")
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let (mut written, mut synced, mut reported) = (false, false, 0);
    for line in fs::read_to_string(&trace).unwrap().lines() {
        if line.contains("\"saved ") {
            assert!(written && synced, "reported too early: {line}");
            (written, synced) = (false, false);
            reported += 1;
        } else if line.contains("pwrite64(") {
            (written, synced) = (true, false);
        } else if line.contains("fdatasync(") || line.contains("fsync(") {
            synced = true;
        }
    }
    assert_eq!(reported, 50);
}

#[test]
fn a_full_disk_is_an_error_and_the_store_goes_on() {
    let directory = TempDir::new().unwrap();
    let options = SqliteOptions { max_page_count: Some(64), ..SqliteOptions::default() };
    let mut store = SqliteStore::open(&directory.path().join("store.sqlite"), &options).unwrap();
    store.apply(&put(key(&["small"]), vec![1; 1000])).unwrap();
    let mut batch = put(key(&["first"]), vec![1; 1000]);
    batch.put(key(&["large"]), vec![2; 1_000_000]);
    for _ in 0..3 {
        assert_eq!(store.apply(&batch).unwrap_err().kind(), StoreErrorKind::Full);
        assert_eq!(store.keys(&KeyPrefix::all()).unwrap(), [key(&["small"])]);
    }
    store.apply(&put(key(&["small"]), vec![3; 2000])).unwrap();
    assert_eq!(store.load(&key(&["small"])).unwrap(), Some(vec![3; 2000]));
    store.check().unwrap();
}

#[test]
fn a_path_below_a_regular_file_is_unwritable() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = open(&file.join("data/store.sqlite")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unwritable, "{error}");
    let error = open(directory.path()).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unwritable, "{error}");
    assert_eq!(fs::read(&file).unwrap(), b"in the way");
}

#[test]
fn files_of_others_are_left_alone() {
    let directory = TempDir::new().unwrap();
    let text = directory.path().join("text");
    fs::write(&text, "this is a letter and not a database".repeat(100)).unwrap();
    assert_eq!(open(&text).unwrap_err().kind(), StoreErrorKind::Corrupt);
    assert!(fs::read_to_string(&text).unwrap().starts_with("this is a letter"));

    let other = directory.path().join("other.sqlite");
    let connection = rusqlite::Connection::open(&other).unwrap();
    connection.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(connection);
    assert_eq!(open(&other).unwrap_err().kind(), StoreErrorKind::Corrupt);
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    open(&path).unwrap();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    assert_eq!(open(&path).unwrap_err().kind(), StoreErrorKind::Newer);
}

#[test]
fn a_torn_log_costs_only_what_was_not_yet_reported() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("store.sqlite");
    let copy = directory.path().join("copy.sqlite");
    let log = |path: &Path| path.with_extension("sqlite-wal");
    let mut store = open(&path).unwrap();
    store.apply(&put(key(&["first"]), vec![1; 10_000])).unwrap();
    let complete = fs::metadata(log(&path)).unwrap().len();
    store.apply(&put(key(&["second"]), vec![2; 10_000])).unwrap();
    let written = fs::read(log(&path)).unwrap();
    assert!(written.len() as u64 > complete);
    for end in (complete as usize..written.len()).step_by(997) {
        fs::copy(&path, &copy).unwrap();
        fs::write(log(&copy), &written[..end]).unwrap();
        let survivor = open(&copy).unwrap();
        assert_eq!(survivor.load(&key(&["first"])).unwrap(), Some(vec![1; 10_000]));
        assert_eq!(survivor.load(&key(&["second"])).unwrap(), None);
    }
}

#[cfg(unix)]
#[test]
fn a_store_that_was_moved_away_while_it_is_open_calls_nothing_saved() {
    for name in ["store", "store-wal"] {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name);
        let mut store = open(&file("store")).unwrap();
        store.apply(&put(key(&["a"]), vec![1])).unwrap();
        let is_refused = |store: &mut SqliteStore| {
            let error = store.apply(&put(key(&["b"]), vec![2])).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unwritable, "{error}");
        };
        std::fs::rename(file(name), file("away")).unwrap();
        is_refused(&mut store);
        std::fs::write(file(name), "another").unwrap();
        is_refused(&mut store);
        assert_eq!(store.load(&key(&["a"])).unwrap(), Some(vec![1]), "it can still be read");
        std::fs::rename(file("away"), file(name)).unwrap();
        store.apply(&put(key(&["c"]), vec![3])).unwrap();
        drop(store);
        let store = open(&file("store")).unwrap();
        let keys = store.keys(&KeyPrefix::all()).unwrap();
        assert_eq!(keys, [key(&["a"]), key(&["c"])]);
    }
}
