//! Finds notes by their words.
//!
//! The index holds only what can be derived again from the notes, in a file of its own: where it is
//! missing or damaged it begins anew, empty, and the caller fills it. To know what to fill, each
//! entry carries a stamp, opaque bytes that say which state of the note was indexed.
//!
//! SQLite's FTS5 takes words apart by Unicode rules and without accents. It sees a run of Chinese,
//! Japanese or Korean as one word, so those characters are indexed one by one.

mod query;
mod segment;

use crate::sqlite::make_parent;
use crate::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OptionalExtension};
use segment::{join, split};
use std::fs;
use std::path::{Path, PathBuf};

const APPLICATION_ID: i32 = 0x526a_6e54;

/// An index of another version is thrown away and filled anew.
const SCHEMA_VERSION: i32 = 1;

/// The weight of a word found in the title; one found in the body counts 1.
const SCHEMA: &str = "
    CREATE TABLE note (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        stamp BLOB NOT NULL
    ) STRICT;
    CREATE VIRTUAL TABLE words USING fts5 (
        title, body,
        tokenize = 'unicode61 remove_diacritics 2',
        prefix = '1 2 3'
    );
    INSERT INTO words (words, rank) VALUES ('rank', 'bm25(8.0, 1.0)');
";

/// Stand around a found word in what SQLite returns; both are removed from what is indexed.
const HIT_BEGIN: char = '\u{2}';
const HIT_END: char = '\u{3}';

/// What is left in memory of a body above this many bytes is worth getting rid of.
const LONG_BODY: usize = 1_000_000;

/// The number of words in a snippet.
const SNIPPET_WORDS: i64 = 24;

/// An index of the words of notes, in a file of its own.
#[derive(Debug)]
pub struct TextIndex {
    connection: Connection,
    path: PathBuf,
}

/// What is indexed of one note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextEntry<'a> {
    /// The name under which the note is found again.
    pub id: &'a str,
    /// Words here count more than words in the body.
    pub title: &'a str,
    /// The text of the note.
    pub body: &'a str,
    /// Says which state of the note this is; [`TextIndex::stamps`] gives it back.
    pub stamp: &'a [u8],
}

/// A note that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The note's name.
    pub id: String,
    /// The title in pieces, the found words apart from the others. Together they are the title.
    pub title: Vec<Piece>,
    /// The passage of the body with the most found words, in pieces like the title.
    pub snippet: Vec<Piece>,
}

/// A piece of a title or a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether this is a word that was searched for.
    pub found: bool,
}

impl TextIndex {
    /// Opens the index at `path`. Where there is none, or what is there is damaged or an index of
    /// another version, an empty one takes its place.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InUse`] while another process has it open, and
    /// [`StoreErrorKind::Unwritable`] or [`StoreErrorKind::Full`] when it cannot be made, also
    /// because a database of another program lies there.
    pub fn open(path: &Path) -> Result<TextIndex, StoreError> {
        make_parent(path)?;
        match open_existing(path) {
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                remove(path)?;
                open_existing(path)
            }
            opened => opened,
        }
        .map(|connection| TextIndex { connection, path: path.to_path_buf() })
    }

    /// Makes an index in memory, for tests.
    ///
    /// # Errors
    ///
    /// When SQLite cannot begin.
    pub fn in_memory() -> Result<TextIndex, StoreError> {
        let path = PathBuf::from(":memory:");
        open_existing(&path).map(|connection| TextIndex { connection, path })
    }

    /// Indexes these notes, each in place of what was indexed of it before, all or none.
    ///
    /// # Errors
    ///
    /// As [`TextIndex::search`], and when there is no room.
    pub fn put(&mut self, entries: &[TextEntry<'_>]) -> Result<(), StoreError> {
        let result = self.write(|transaction| {
            for entry in entries {
                put_entry(transaction, entry)?;
            }
            if entries.iter().any(|entry| entry.body.len() > LONG_BODY) {
                // FTS5 holds a copy of the last row that it wrote until it writes another.
                transaction
                    .execute("INSERT INTO words (rowid, title, body) VALUES (-1, '', '')", [])?;
                transaction.execute("DELETE FROM words WHERE rowid = -1", [])?;
            }
            Ok(())
        });
        self.heal(result)
    }

    /// Removes these notes from the index; names that are not in it are ignored.
    ///
    /// # Errors
    ///
    /// As [`TextIndex::put`].
    pub fn remove(&mut self, ids: &[&str]) -> Result<(), StoreError> {
        let result = self.write(|transaction| {
            for id in ids {
                let row: Option<i64> = transaction
                    .prepare_cached("DELETE FROM note WHERE name = ?1 RETURNING id")?
                    .query_row([id], |row| row.get(0))
                    .optional()?;
                if let Some(row) = row {
                    transaction
                        .prepare_cached("DELETE FROM words WHERE rowid = ?1")?
                        .execute([row])?;
                }
            }
            Ok(())
        });
        self.heal(result)
    }

    /// The stamps of all indexed notes, by name. What is missing here, or has an old stamp, is to
    /// be put again.
    ///
    /// # Errors
    ///
    /// As [`TextIndex::search`].
    pub fn stamps(&mut self) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let read = || {
            let mut statement =
                self.connection.prepare_cached("SELECT name, stamp FROM note ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        let result = read();
        self.heal(result)
    }

    /// The notes that contain every word of `typed`, at most `limit`, best first.
    ///
    /// The last word also stands for every longer one, as long as no space follows it, so that a
    /// search may run at each key. Upper and lower case and accents make no difference. Whatever
    /// was typed is a valid query; without a single word in it nothing is found.
    ///
    /// # Errors
    ///
    /// When the file cannot be read. If it turns out to be damaged, the error is
    /// [`StoreErrorKind::Corrupt`], the index is empty from then on, and is to be filled anew.
    pub fn search(&mut self, typed: &str, limit: usize) -> Result<Vec<Hit>, StoreError> {
        let Some(query) = query::parse(typed) else { return Ok(Vec::new()) };
        let read = || {
            let sql = "SELECT (SELECT name FROM note WHERE note.id = words.rowid), \
                       highlight(words, 0, char(2), char(3)), \
                       snippet(words, 1, char(2), char(3), '…', ?2) \
                       FROM words WHERE words MATCH ?1 ORDER BY rank LIMIT ?3";
            let mut statement = self.connection.prepare_cached(sql)?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map((&query, SNIPPET_WORDS, limit), |row| {
                let (title, snippet): (String, String) = (row.get(1)?, row.get(2)?);
                Ok(Hit { id: row.get(0)?, title: pieces(&title), snippet: pieces(&snippet) })
            })?;
            rows.collect()
        };
        let result = read();
        self.heal(result)
    }

    fn write(
        &mut self,
        write: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<()>,
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        write(&transaction)?;
        transaction.commit()
    }

    /// Puts an empty index in the place of a damaged one; the error still reaches the caller.
    fn heal<T>(&mut self, result: rusqlite::Result<T>) -> Result<T, StoreError> {
        let what = format!("the search index {}", self.path.display());
        let error = match result {
            Ok(value) => return Ok(value),
            Err(error) => StoreError::from_sqlite(&what, &error),
        };
        if error.kind() == StoreErrorKind::Corrupt {
            // The damaged file has to be closed before another takes its place.
            self.connection =
                Connection::open_in_memory().map_err(|e| StoreError::from_sqlite(&what, &e))?;
            remove(&self.path)?;
            self.connection = open_existing(&self.path)?;
        }
        Err(error)
    }
}

fn put_entry(
    transaction: &rusqlite::Transaction<'_>,
    entry: &TextEntry<'_>,
) -> rusqlite::Result<()> {
    let row: i64 = transaction
        .prepare_cached(
            "INSERT INTO note (name, stamp) VALUES (?1, ?2) \
             ON CONFLICT (name) DO UPDATE SET stamp = excluded.stamp RETURNING id",
        )?
        .query_row((entry.id, entry.stamp), |row| row.get(0))?;
    transaction.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([row])?;
    transaction
        .prepare_cached("INSERT INTO words (rowid, title, body) VALUES (?1, ?2, ?3)")?
        .execute((row, split(entry.title).as_ref(), split(entry.body).as_ref()))?;
    Ok(())
}

/// Opens the file, makes the tables in an empty one, and says `Corrupt` of anything that is not an
/// index of this version.
fn open_existing(path: &Path) -> Result<Connection, StoreError> {
    let what = format!("opening the search index {}", path.display());
    let failed = |error: rusqlite::Error| StoreError::from_sqlite(&what, &error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::ZERO).map_err(failed)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE").map_err(failed)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(failed)?;
    // A power cut may cost the newest entries; their stamps then say so.
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
    let transaction = connection.transaction().map_err(failed)?;
    let pragma = |name: &str| -> Result<i32, StoreError> {
        transaction.pragma_query_value(None, name, |row| row.get(0)).map_err(failed)
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 = transaction
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if tables == 0 {
        transaction
            .execute_batch(SCHEMA)
            .and_then(|()| transaction.pragma_update(None, "application_id", APPLICATION_ID))
            .and_then(|()| transaction.pragma_update(None, "user_version", SCHEMA_VERSION))
            .map_err(failed)?;
    } else if application != APPLICATION_ID {
        let detail = format!("{what}: it is a database of another program");
        return Err(StoreError::new(StoreErrorKind::Unwritable, detail));
    } else if version != SCHEMA_VERSION {
        let detail = format!("{what}: it is an index of version {version}");
        return Err(StoreError::new(StoreErrorKind::Corrupt, detail));
    }
    transaction.commit().map_err(failed)?;
    Ok(connection)
}

/// Removes the index and the files that SQLite keeps beside it.
fn remove(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                let what = format!("removing the search index {}", path.display());
                return Err(StoreError::from_io(&what, &error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Takes the marks around found words out of a text.
fn pieces(marked: &str) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for (i, part) in marked.split(HIT_BEGIN).enumerate() {
        let (found, rest) = match part.split_once(HIT_END) {
            Some((found, rest)) if i > 0 => (found, rest),
            _ => ("", part),
        };
        for (text, found) in [(found, true), (rest, false)] {
            let text = join(text);
            match pieces.last_mut() {
                _ if text.is_empty() => {}
                Some(last) if last.found == found => last.text.push_str(&text),
                _ => pieces.push(Piece { text, found }),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests;
