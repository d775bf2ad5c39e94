//! The store of programs: one SQLite file.
//!
//! Write-ahead logging with `synchronous = FULL`, so that a commit is one append and one sync, and
//! `locking_mode = EXCLUSIVE`, so that a second process is told at once and nothing is left behind
//! when this one is killed: the operating system drops the lock with the process.

use crate::{Batch, ChunkStore, KeyPrefix, StorageKey, StoreError, StoreErrorKind, Write};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Marks the file as ours, in the header field that SQLite keeps for this ("RjnS").
const APPLICATION_ID: i32 = 0x526a_6e53;

/// The version of the table below. A file with a greater one is left alone.
const SCHEMA_VERSION: i32 = 1;

const SCHEMA: &str = "
    CREATE TABLE chunk (
        id INTEGER PRIMARY KEY,
        key BLOB NOT NULL UNIQUE,
        value BLOB NOT NULL
    ) STRICT;
";

/// After a large commit the write-ahead log is cut back to this many bytes.
const LOG_KEPT: i64 = 16 << 20;

/// A [`ChunkStore`] in one SQLite file and its write-ahead log beside it.
///
/// The file belongs to the one store that has it open, in this process or another.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    /// The file and its log, as they were when they were opened.
    files: [(PathBuf, FileIdentity); 2],
}

/// How to open a [`SqliteStore`].
#[derive(Clone, Debug, Default)]
pub struct SqliteOptions {
    /// The greatest number of pages (of 4,096 bytes) that the file may have; beyond it writes fail
    /// with [`StoreErrorKind::Full`]. `None`: as many as the disk holds.
    pub max_page_count: Option<u32>,
    /// How long to wait for another process to close the store before saying
    /// [`StoreErrorKind::InUse`].
    pub wait: Duration,
}

impl SqliteStore {
    /// Opens the store at `path`, and makes it, with the directories above it, where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InUse`] while it is open elsewhere, [`StoreErrorKind::Unwritable`] when
    /// `path` cannot be made or written, [`StoreErrorKind::Corrupt`] when something else lies
    /// there, [`StoreErrorKind::Newer`] when a later version wrote it.
    pub fn open(path: &Path, options: &SqliteOptions) -> Result<SqliteStore, StoreError> {
        make_parent(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let what = format!("opening {}", path.display());
        let failed = |error: rusqlite::Error| StoreError::from_sqlite(&what, &error);
        let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
        connection.busy_timeout(options.wait).map_err(failed)?;
        // Exclusive locking comes before the log is opened: then the index of the log lies in
        // memory instead of a file that processes share.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
        connection.pragma_update(None, "trusted_schema", false).map_err(failed)?;
        let mode: String = connection
            .query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))
            .map_err(failed)?;
        if mode != "wal" {
            let detail = format!("{what}: the file system does not allow a write-ahead log");
            return Err(StoreError::new(StoreErrorKind::Unwritable, detail));
        }
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        // On macOS an ordinary sync stops at the drive's cache; elsewhere this changes nothing.
        connection.pragma_update(None, "fullfsync", true).map_err(failed)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true).map_err(failed)?;
        connection.pragma_update(None, "journal_size_limit", LOG_KEPT).map_err(failed)?;
        connection.pragma_update(None, "cell_size_check", true).map_err(failed)?;
        if let Some(pages) = options.max_page_count {
            connection.pragma_update(None, "max_page_count", pages).map_err(failed)?;
        }
        prepare_schema(&mut connection, &what)?;
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        // Another directory may become the current one.
        let files = [path.to_path_buf(), PathBuf::from(log)].map(|file| {
            let file = std::path::absolute(&file).unwrap_or(file);
            let identity = FileIdentity::of(&file);
            (file, identity)
        });
        Ok(SqliteStore { connection, path: path.to_path_buf(), files })
    }

    /// Where the store lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the whole file and compares its structures with each other.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Corrupt`] with the first thing that does not fit.
    pub fn check(&self) -> Result<(), StoreError> {
        let answer: String = self
            .connection
            .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
            .map_err(|error| self.failed("checking", &error))?;
        if answer == "ok" {
            return Ok(());
        }
        let detail = format!("checking {}: {answer}", self.path.display());
        Err(StoreError::new(StoreErrorKind::Corrupt, detail))
    }

    fn failed(&self, what: &str, error: &rusqlite::Error) -> StoreError {
        StoreError::from_sqlite(&format!("{what} {}", self.path.display()), error)
    }

    /// An open file that was deleted or moved takes writes as before, and after a restart they are
    /// gone: what goes there must not be called saved.
    fn check_place(&self) -> Result<(), StoreError> {
        let gone = self.files.iter().find(|(path, known)| FileIdentity::of(path) != *known);
        let Some((path, _)) = gone else { return Ok(()) };
        let detail = format!("{} was deleted, moved or replaced while it was open", path.display());
        Err(StoreError::new(StoreErrorKind::Unwritable, detail))
    }

    fn unreadable_key(&self) -> StoreError {
        let detail = format!("a key in {} is not one", self.path.display());
        StoreError::new(StoreErrorKind::Corrupt, detail)
    }
}

impl ChunkStore for SqliteStore {
    fn load(&self, key: &StorageKey) -> Result<Option<Vec<u8>>, StoreError> {
        let read = || {
            self.connection
                .prepare_cached("SELECT value FROM chunk WHERE key = ?1")?
                .query_row([key.encode()], |row| row.get(0))
                .optional()
        };
        read().map_err(|error| self.failed("reading", &error))
    }

    fn load_range(&self, prefix: &KeyPrefix) -> Result<Vec<(StorageKey, Vec<u8>)>, StoreError> {
        let (from, to) = prefix.encoded_range();
        let read = || {
            let sql = "SELECT key, value FROM chunk WHERE key >= ?1 AND key < ?2 ORDER BY key";
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([&from, &to], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<(Vec<u8>, Vec<u8>)>, _>>()
        };
        let rows = read().map_err(|error| self.failed("reading", &error))?;
        rows.into_iter()
            .map(|(key, value)| match StorageKey::decode(&key) {
                Some(key) => Ok((key, value)),
                None => Err(self.unreadable_key()),
            })
            .collect()
    }

    fn keys(&self, prefix: &KeyPrefix) -> Result<Vec<StorageKey>, StoreError> {
        let (from, to) = prefix.encoded_range();
        let read = || {
            let sql = "SELECT key FROM chunk WHERE key >= ?1 AND key < ?2 ORDER BY key";
            let mut statement = self.connection.prepare_cached(sql)?;
            let rows = statement.query_map([&from, &to], |row| row.get(0))?;
            rows.collect::<Result<Vec<Vec<u8>>, _>>()
        };
        let rows = read().map_err(|error| self.failed("reading", &error))?;
        rows.iter()
            .map(|key| StorageKey::decode(key).ok_or_else(|| self.unreadable_key()))
            .collect()
    }

    fn size(&self, prefix: &KeyPrefix) -> Result<u64, StoreError> {
        let (from, to) = prefix.encoded_range();
        let read = || {
            let sql = "SELECT coalesce(sum(length(value)), 0) FROM chunk \
                       WHERE key >= ?1 AND key < ?2";
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.query_row([&from, &to], |row| row.get::<_, i64>(0))
        };
        let size = read().map_err(|error| self.failed("reading", &error))?;
        Ok(size.unsigned_abs())
    }

    fn apply(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        // A transaction that is dropped before its commit rolls back.
        let write = |connection: &mut Connection| {
            let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
            for write in batch.writes() {
                perform(&transaction, write)?;
            }
            transaction.commit()
        };
        self.check_place()?;
        write(&mut self.connection).map_err(|error| self.failed("writing to", &error))?;
        self.check_place()
    }
}

/// Which file lies under a name, as far as the system tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> FileIdentity {
        use std::os::unix::fs::MetadataExt;
        let metadata = fs::metadata(path).ok();
        FileIdentity(metadata.map(|metadata| (metadata.dev(), metadata.ino())))
    }

    /// Elsewhere files that are open can neither be moved nor deleted.
    #[cfg(not(unix))]
    fn of(_: &Path) -> FileIdentity {
        FileIdentity(None)
    }
}

fn perform(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<usize> {
    match write {
        Write::Put(key, value) => transaction
            .prepare_cached(
                "INSERT INTO chunk (key, value) VALUES (?1, ?2) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?
            .execute((key.encode(), value)),
        Write::Delete(key) => {
            transaction.prepare_cached("DELETE FROM chunk WHERE key = ?1")?.execute([key.encode()])
        }
    }
}

/// Makes the table in a new file; in an old one checks that it is ours.
fn prepare_schema(connection: &mut Connection, what: &str) -> Result<(), StoreError> {
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(what, &error);
    // Beginning to write takes the lock, which exclusive locking then keeps.
    let transaction =
        Transaction::new(connection, TransactionBehavior::Immediate).map_err(failed)?;
    let pragma = |name: &str| -> Result<i32, StoreError> {
        transaction.pragma_query_value(None, name, |row| row.get(0)).map_err(failed)
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    match (application, version, tables) {
        (0, 0, 0) => {
            transaction.execute_batch(SCHEMA).map_err(failed)?;
            transaction
                .pragma_update(None, "application_id", APPLICATION_ID)
                .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
                .map_err(failed)?;
        }
        (APPLICATION_ID, SCHEMA_VERSION, _) => {}
        (APPLICATION_ID, version, _) if version > SCHEMA_VERSION => {
            let detail = format!("{what}: it has version {version}");
            return Err(StoreError::new(StoreErrorKind::Newer, detail));
        }
        _ => {
            let detail = format!("{what}: it is a database of another program");
            return Err(StoreError::new(StoreErrorKind::Corrupt, detail));
        }
    }
    transaction.commit().map_err(failed)
}

/// Makes the directories above `path` and syncs each into its parent, so that a new store is still
/// there after a power cut.
pub(crate) fn make_parent(path: &Path) -> Result<(), StoreError> {
    let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) else {
        return Ok(());
    };
    let missing: Vec<&Path> = parent.ancestors().take_while(|p| fs::metadata(p).is_err()).collect();
    let what = format!("making the directory {}", parent.display());
    fs::create_dir_all(parent).map_err(|error| StoreError::from_io(&what, &error))?;
    if cfg!(unix) {
        for directory in missing.iter().filter_map(|made| made.parent()) {
            let directory =
                if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
            fs::File::open(directory)
                .and_then(|directory| directory.sync_all())
                .map_err(|error| StoreError::from_io(&what, &error))?;
        }
    }
    Ok(())
}
