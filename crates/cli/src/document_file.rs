//! Documents in files.

use crate::exit::Failure;
use crate::progress::Progress;
use anyhow::{Context, Result};
use rejoin_document::{ActorId, CommitOptions, Document, LoadOptions, Transaction, WriteError};
use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::SystemTime;

/// Stands for standard input or output.
const DASH: &str = "-";

/// Reads a document; every change in it is verified.
pub(crate) fn read(path: &Path) -> Result<Document> {
    let bytes = read_bytes(path)?;
    let _progress = Progress::begin(format!("reading {}", path.display()));
    Document::load(&bytes, LoadOptions::default()).map_err(|error| {
        let hint = "`rejoin recover` may save what can be read";
        Failure::Damaged.error(format!("{}: {error} ({hint})", path.display()))
    })
}

/// Reads a file, or standard input.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    if path.as_os_str() == DASH {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("reading standard input")?;
        return Ok(bytes);
    }
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::NotFound.error(format!("{}: there is no such file", path.display())))
        }
        result => result.with_context(|| path.display().to_string()),
    }
}

/// Writes a document.
pub(crate) fn write(path: &Path, document: &Document) -> Result<()> {
    write_bytes(path, &document.save())
}

/// Writes a file as a whole: until the new bytes are on disk, the old ones are there. Links are
/// followed, and the rights of a file that is replaced are kept.
pub(crate) fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    if path.as_os_str() == DASH {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        return Ok(());
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let directory = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let replace = || -> io::Result<()> {
        // Devices and pipes are written into, not replaced.
        if fs::metadata(&target).is_ok_and(|metadata| !metadata.is_file()) {
            return fs::write(&target, bytes);
        }
        let mut file = tempfile::Builder::new().prefix(".rejoin-").tempfile_in(directory)?;
        file.write_all(bytes)?;
        if let Ok(metadata) = fs::metadata(&target) {
            file.as_file().set_permissions(metadata.permissions())?;
        } else {
            usual_rights(file.as_file())?;
        }
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        Ok(())
    };
    replace().with_context(|| format!("writing {}", path.display()))
}

/// Temporary files are private; a document is an ordinary file.
#[cfg(unix)]
fn usual_rights(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

/// Temporary files have ordinary rights here.
#[cfg(not(unix))]
fn usual_rights(_: &fs::File) -> io::Result<()> {
    Ok(())
}

/// Writes one change with a fresh actor. `false` when nothing was to be changed.
pub(crate) fn change(
    document: &mut Document,
    message: Option<&str>,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<()>,
) -> Result<bool> {
    let actor = fresh_actor();
    let mut transaction = document.transaction(&actor);
    write(&mut transaction)?;
    Ok(transaction.commit(commit_options(message)).is_some())
}

/// An actor that has never written before.
pub(crate) fn fresh_actor() -> ActorId {
    ActorId::new(uuid::Uuid::new_v4().as_bytes())
}

/// What is said of a change that is made now.
pub(crate) fn commit_options(message: Option<&str>) -> CommitOptions {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CommitOptions {
        message: message.map(str::to_owned),
        time: i64::try_from(since.as_secs()).unwrap_or(0),
        author: None,
    }
}

/// A write that does not fit the document.
pub(crate) fn cannot_write(error: &WriteError) -> anyhow::Error {
    Failure::NotFound.error(error)
}
