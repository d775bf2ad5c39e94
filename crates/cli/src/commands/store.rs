//! `rejoin store`: the documents of a server, to and from the directory of other programs.

use crate::exit::{Failure, NOTHING};
use crate::output::{self, count};
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use rejoin_repo::DocumentId;
use rejoin_storage::repo_layout::{self, Report};
use rejoin_storage::{
    ChunkStore, KeyPrefix, SqliteOptions, SqliteStore, StorageKey, StoreErrorKind,
};
use rejoin_sync::{StoredDocument, StoredKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What a server, the app, and this program call their databases of documents.
const NAMES: [&str; 3] = ["rejoin.sqlite", "notes.sqlite", "documents.sqlite"];

/// What is taken over in either direction. Drafts and deletions are known here only, and a store
/// keeps its own name.
const KINDS: [StoredKind; 3] =
    [StoredKind::Snapshot, StoredKind::Incremental, StoredKind::SyncState];

/// Move documents between a store and a directory of automerge-repo
///
/// STORE is the data directory of `rejoin-server`, of `rejoin mirror` or of a profile of the app, or
/// a database in it; no program may have it open. The directory is the one that automerge-repo's
/// servers and programs keep their documents in (`storage-nodefs`, also samod's).
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Take the documents of a directory into a store, which is made when it is not there
    ///
    /// The directory is only read. What is in the store stays; when it was interrupted, the same
    /// command goes on.
    Import {
        /// The directory of automerge-repo
        directory: PathBuf,
        /// The store
        store: PathBuf,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
    /// Write the documents of a store into a directory
    Export {
        /// The store, which is only read
        store: PathBuf,
        /// A directory that is not there yet, or is empty
        directory: PathBuf,
        /// Print a JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Store {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self.action {
            Action::Import { directory, store, json } => import(&directory, &store, json),
            Action::Export { store, directory, json } => export(&store, &directory, json),
        }
    }
}

fn import(directory: &Path, store: &Path, as_json: bool) -> Result<ExitCode> {
    if !directory.is_dir() {
        let none = format!("{} is not a directory", directory.display());
        return Err(Failure::NotFound.error(none));
    }
    let mut store = open(&database(store))?;
    let report = {
        let _progress = Progress::begin(format!("importing {}", directory.display()));
        repo_layout::import(directory, &mut store, &|key| document_of(key).is_some())?
    };
    let documents: BTreeSet<_> = report.keys.iter().filter_map(document_of).collect();
    let progress = Progress::begin("reading what was imported");
    let mut damaged = Vec::new();
    for document in &documents {
        let unread = unread(&store, document)?;
        if unread > 0 {
            damaged.push((document, unread));
        }
    }
    drop(progress);
    tell(&report, documents.len(), as_json, |told| {
        let damaged = damaged.iter();
        let damaged =
            damaged.map(|(id, unread)| json!({"document": id.as_str(), "unread": unread}));
        told["damaged"] = damaged.collect();
    })?;
    for (document, unread) in &damaged {
        let chunks = count(*unread, "chunk of it", "chunks of it");
        output::note(format!("{document}: {chunks} cannot be read"));
    }
    Ok(match (damaged.is_empty(), report.keys.is_empty()) {
        (false, _) => Failure::Damaged.code(),
        (true, true) => ExitCode::from(NOTHING),
        (true, false) => ExitCode::SUCCESS,
    })
}

fn export(store: &Path, directory: &Path, as_json: bool) -> Result<ExitCode> {
    let database = database(store);
    if !database.is_file() {
        return Err(Failure::NotFound.error(format!("there is no store in {}", store.display())));
    }
    match fs::read_dir(directory).map(|mut entries| entries.next()) {
        Ok(Some(_)) => bail!("{} is not empty", directory.display()),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| directory.display().to_string());
        }
        _ => {}
    }
    let store = open(&database)?;
    let keys = store.keys(&KeyPrefix::all())?;
    let documents: BTreeSet<_> = keys.iter().filter_map(document_of).collect();
    let mut report = Report::default();
    let progress = Progress::begin(format!("exporting to {}", directory.display()));
    for document in &documents {
        for kind in KINDS {
            let prefix = KeyPrefix::new([document.as_str(), kind.as_str()])?;
            let part = repo_layout::export(&store, &prefix, directory)?;
            report.keys.extend(part.keys);
            report.skipped.extend(part.skipped);
            report.bytes += part.bytes;
        }
    }
    drop(progress);
    tell(&report, documents.len(), as_json, |_| ())?;
    Ok(if documents.is_empty() { ExitCode::from(NOTHING) } else { ExitCode::SUCCESS })
}

/// The database that is meant.
fn database(store: &Path) -> PathBuf {
    if store.is_file() {
        return store.to_path_buf();
    }
    let existing = NAMES.iter().map(|name| store.join(name)).find(|path| path.is_file());
    existing.unwrap_or_else(|| store.join(NAMES[0]))
}

fn open(database: &Path) -> Result<SqliteStore> {
    // A server that was just stopped may still be writing.
    let options = SqliteOptions { wait: Duration::from_secs(2), ..SqliteOptions::default() };
    SqliteStore::open(database, &options).map_err(|error| match error.kind() {
        StoreErrorKind::Corrupt => Failure::Damaged.error(error),
        _ => error.into(),
    })
}

/// The document that a key belongs to, if what lies under it is taken over.
fn document_of(key: &StorageKey) -> Option<DocumentId> {
    let [document, kind, _] = key.segments() else { return None };
    StoredKind::parse(kind).filter(|kind| KINDS.contains(kind))?;
    document.parse().ok()
}

/// How many chunks of the document cannot be read.
fn unread(store: &SqliteStore, document: &DocumentId) -> Result<usize> {
    let entries = store.load_range(&KeyPrefix::new([document.as_str()])?)?;
    let entries = entries.into_iter().map(|(key, value)| (key.segments().to_vec(), value));
    Ok(StoredDocument::assemble(document, entries.collect()).unread())
}

fn tell(
    report: &Report,
    documents: usize,
    as_json: bool,
    add: impl FnOnce(&mut Value),
) -> Result<()> {
    if as_json {
        let skipped = report.skipped.iter();
        let skipped =
            skipped.map(|it| json!({"path": it.path.display().to_string(), "reason": it.reason}));
        let mut told = json!({
            "documents": documents,
            "chunks": report.keys.len(),
            "bytes": report.bytes,
            "leftOut": skipped.collect::<Vec<_>>(),
        });
        add(&mut told);
        return output::json(&told);
    }
    let documents = count(documents, "document", "documents");
    let chunks = count(report.keys.len(), "chunk", "chunks");
    output::line(format!("{documents}, {chunks}, {} bytes", report.bytes))?;
    for left_out in &report.skipped {
        output::note(format!("{}: left out, {}", left_out.path.display(), left_out.reason));
    }
    Ok(())
}
