//! Takes a directory of Markdown files in as new notes, once.
//!
//! Texts stay as they are, front matter included. Only links that a note could not follow are
//! written anew: `[words](Work/Trip.md)` leads to a file, and then to its note; `[[Trip]]` names a
//! file, and then the note's title.
//!
//! It may end at any moment. What is on the disk by then is listed: a note and its entry are written
//! in one batch. The next import of the same files goes on from there, as a file's path, text and time
//! give the name of its note.

mod links;
mod listing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Metadata;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use rejoin_document::{ActorId, CommitOptions, Document, WriteError};
use rejoin_notes::note::{FileForm, Note};
use rejoin_notes::title;
use rejoin_repo::{DocumentId, EditError, Repo, SaveError};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;

use crate::disk::{FolderError, check_idle, read, walk};
use crate::file_path::FilePath;
use crate::file_text::LeftAlone;
use crate::progress::Progress;
use links::Targets;
use listing::Listing;

/// What to take in, and where to.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// Where the documents go.
    pub repo: Repo,
    /// The folder that lists what is taken in; it must have arrived.
    pub folder: DocumentId,
    /// The directory with the files.
    pub directory: PathBuf,
}

/// What became of an import.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImportReport {
    /// The notes of the files, made now or before.
    pub notes: Vec<DocumentId>,
    /// How many of them an earlier import of the same files had made.
    pub known: usize,
    /// How many folders were made.
    pub folders: usize,
    /// How many links lead to notes now that led to files.
    pub links: usize,
    /// Links to files that are not there, with the file that they stand in; they stay as they are.
    pub broken: Vec<(FilePath, String)>,
    /// Markdown files that are no notes, and why.
    pub left_alone: BTreeMap<FilePath, LeftAlone>,
    /// How many other files there are; they were not taken in.
    pub others: usize,
}

/// Why an import ended early. What was taken in before stays, and is listed.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The directory cannot be read.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The folder has not arrived.
    #[error(transparent)]
    NotReady(#[from] EditError),
    /// A document refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// What is here already cannot be read.
    #[error("the notes cannot be read: {0}")]
    Unreadable(String),
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] SaveError),
}

/// A file with the note that it becomes.
struct Source {
    path: FilePath,
    text: String,
    form: FileForm,
    title: String,
    /// When the file was written, in seconds since 1970; 0 when that is not known.
    time: i64,
    id: DocumentId,
}

/// Takes in all Markdown files below a directory. It waits for the disk, so it must be called on a
/// thread for that, inside a tokio runtime.
///
/// # Errors
///
/// When the directory cannot be read or is being mirrored, or a document or the disk refuses.
pub fn import(
    options: &ImportOptions,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    check_idle(&options.directory)?;
    let walked = walk(&options.directory)?;
    let mut report = ImportReport { others: walked.others, ..ImportReport::default() };
    let total = walked.notes.len();
    progress(Progress { done: 0, total });
    let (here, deleted) = Handle::current()
        .block_on(async { Ok((options.repo.list().await?, options.repo.list_deleted().await?)) })
        .map_err(ImportError::Unreadable)?;
    let mut sources = Vec::new();
    for (path, metadata) in walked.notes {
        if path.is_trash() {
            continue;
        }
        match read(&options.directory.join(path.as_str()), &metadata) {
            Ok(read) => {
                let time = seconds(&metadata);
                let id = name_of(options, &path, &read.text, time, &deleted);
                let title = title::title(&read.text).unwrap_or_else(|| path.stem().to_owned());
                let form = FileForm {
                    byte_order_mark: read.form.byte_order_mark,
                    carriage_returns: read.form.carriage_returns,
                };
                sources.push(Source { path, text: read.text, form, title, time, id });
            }
            Err(reason) => {
                report.left_alone.insert(path, reason);
            }
        }
    }
    let targets = Targets::new(&sources);
    let mut listing = Listing::read(&options.repo, &options.folder)?;
    for (done, source) in sources.iter().enumerate() {
        let (is_here, is_listed) = (here.contains(&source.id), listing.lists(&source.id));
        report.known += usize::from(is_listed);
        // What is listed and not here may be with a server, or may not; then it is made again.
        if !(is_here && is_listed) {
            let (text, links) = targets.adapt(source, &mut report.broken);
            report.links += links;
            let document =
                if is_here { None } else { Some(source.document(&options.repo, &text)?) };
            let document = document.map(|document| (document, text.len()));
            let directories = source.path.folders();
            listing.add(&source.id, source.path.stem(), &directories, document)?;
        }
        report.notes.push(source.id.clone());
        progress(Progress { done: done + 1, total });
    }
    listing.write()?;
    listing.wait()?;
    report.folders = listing.made();
    progress(Progress { done: total, total });
    Ok(report)
}

/// How many Markdown files an import of a directory would meet; nothing is changed.
///
/// # Errors
///
/// When the directory, or one in it, cannot be read, or is being mirrored.
pub fn count(directory: &Path) -> Result<usize, FolderError> {
    check_idle(directory)?;
    Ok(walk(directory)?.notes.len())
}

impl Source {
    /// The document of its note. It is a function of what the file says, so that one that was made
    /// before, and may be with a server, is the same.
    fn document(&self, repo: &Repo, text: &str) -> Result<Document, WriteError> {
        let mut document = Document::new();
        // Files that differ in their form alone make documents that differ.
        let form = if self.form == FileForm::default() {
            String::new()
        } else {
            format!("{:?}", self.form)
        };
        let mut tx = document.transaction(&actor_of(&self.id, &(text.to_owned() + &form)));
        Note::create(&mut tx, text)?;
        Note::made_of(&mut tx, self.form)?;
        let author = repo.author().map(<[u8]>::to_vec);
        tx.commit(CommitOptions { message: None, time: self.time, author });
        Ok(document)
    }
}

/// What the note of a file is called. A name of which the note was deleted is not used again.
fn name_of(
    options: &ImportOptions,
    path: &FilePath,
    text: &str,
    time: i64,
    deleted: &BTreeSet<DocumentId>,
) -> DocumentId {
    let author = options.repo.author().unwrap_or_default();
    let mut round: u64 = 0;
    loop {
        let id = DocumentId::from_random(digest([
            b"imported note",
            options.folder.as_bytes(),
            path.as_str().as_bytes(),
            text.as_bytes(),
            &time.to_le_bytes(),
            author,
            &round.to_le_bytes(),
        ]));
        if !deleted.contains(&id) {
            return id;
        }
        round += 1;
    }
}

/// Who writes the first change of a document. Two first changes that differ have different actors.
fn actor_of(id: &DocumentId, content: &str) -> ActorId {
    ActorId::new(&digest([b"first change", id.as_bytes(), content.as_bytes()]))
}

fn digest<const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; 16] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let digest = hash.finalize();
    std::array::from_fn(|at| digest[at])
}

fn seconds(metadata: &Metadata) -> i64 {
    let modified = metadata.modified().ok();
    let since = modified.and_then(|modified| modified.duration_since(UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_secs()).ok()).unwrap_or(0)
}
