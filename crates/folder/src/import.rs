//! Takes a directory of Markdown files in as new notes, once.
//!
//! Texts stay as they are, front matter included. Only links that a note could not follow are
//! written anew: `[words](Work/Trip.md)` leads to a file, and then to its note; `[[Trip]]` names a
//! file, and then the note's title.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use rejoin_document::WriteError;
use rejoin_notes::destinations::exchange;
use rejoin_notes::links::{Link, normal_title};
use rejoin_notes::note::Note;
use rejoin_notes::tree::{Entry, EntryKind};
use rejoin_notes::{folder, title};
use rejoin_repo::{AutomergeUrl, DocumentHandle, DocumentId, EditError, Repo};

use crate::disk::{FolderError, read, walk};
use crate::file_path::FilePath;
use crate::file_text::LeftAlone;
use crate::progress::Progress;

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
    /// The notes that were made.
    pub notes: Vec<DocumentId>,
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

/// Why an import ended early. What was taken in before stays.
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
}

/// A file with the note that it becomes.
struct Source {
    path: FilePath,
    text: String,
    title: String,
    handle: DocumentHandle,
}

/// Takes in all Markdown files below a directory. Must be called inside a tokio runtime, and takes
/// as long as the disk does.
///
/// # Errors
///
/// When the directory cannot be read, or a document refuses.
pub fn import(
    options: &ImportOptions,
    mut progress: impl FnMut(Progress),
) -> Result<ImportReport, ImportError> {
    let walked = walk(&options.directory)?;
    let mut report = ImportReport { others: walked.others, ..ImportReport::default() };
    let mut sources = Vec::new();
    let total = walked.notes.len();
    progress(Progress { done: 0, total });
    let shared_with = options.repo.shared_with(&options.folder);
    let make = || {
        let handle = options.repo.create();
        if !shared_with.is_empty() {
            options.repo.share(handle.id(), shared_with.clone());
        }
        handle
    };
    for (path, metadata) in walked.notes {
        if path.is_trash() {
            continue;
        }
        match read(&options.directory.join(path.as_str()), &metadata) {
            Ok(read) => {
                let title = title::title(&read.text).unwrap_or_else(|| path.stem().to_owned());
                sources.push(Source { path, text: read.text, title, handle: make() });
            }
            Err(reason) => {
                report.left_alone.insert(path, reason);
            }
        }
    }
    let targets = Targets::new(&sources);
    let mut entries: BTreeMap<Vec<String>, Vec<Entry>> = BTreeMap::new();
    for (done, source) in sources.iter().enumerate() {
        let (text, links) = targets.adapt(source, &mut report.broken);
        report.links += links;
        source.handle.change(None, |tx| Note::create(tx, &text).map(drop))??;
        let entry = entry(source.path.stem(), EntryKind::Note, &source.handle);
        entries.entry(source.path.folders()).or_default().push(entry);
        report.notes.push(source.handle.id().clone());
        progress(Progress { done: done + 1, total });
    }
    report.folders = list(options, entries, make)?;
    progress(Progress { done: total, total });
    Ok(report)
}

/// Makes the folders, the inner ones first, so that nothing is listed before it is whole.
fn list(
    options: &ImportOptions,
    mut entries: BTreeMap<Vec<String>, Vec<Entry>>,
    make: impl Fn() -> DocumentHandle,
) -> Result<usize, ImportError> {
    let paths: Vec<Vec<String>> = entries.keys().cloned().collect();
    for path in paths {
        for depth in 0..path.len() {
            entries.entry(path[..depth].to_vec()).or_default();
        }
    }
    let mut count = 0;
    let mut paths: Vec<Vec<String>> = entries.keys().cloned().collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.len()));
    for path in paths {
        let held = entries.remove(&path).unwrap_or_default();
        let Some((name, outer)) = path.split_last() else {
            let home = options.repo.open(&options.folder);
            home.change(None, |tx| add_all(tx, &held))??;
            continue;
        };
        let handle = make();
        handle.change(None, |tx| {
            folder::create(tx, name)?;
            add_all(tx, &held)
        })??;
        count += 1;
        let entry = entry(name, EntryKind::Folder, &handle);
        entries.entry(outer.to_vec()).or_default().push(entry);
    }
    Ok(count)
}

fn add_all(tx: &mut rejoin_document::Transaction<'_>, entries: &[Entry]) -> Result<(), WriteError> {
    entries.iter().try_for_each(|entry| folder::add(tx, entry, usize::MAX))
}

fn entry(name: &str, kind: EntryKind, handle: &DocumentHandle) -> Entry {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let added = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Entry { name: name.to_owned(), kind, url: handle.url().to_string(), added, from: None }
}

/// Where links of files may lead.
struct Targets<'s> {
    sources: &'s [Source],
    /// By path and by name, without case.
    paths: BTreeMap<String, usize>,
    stems: BTreeMap<String, Vec<usize>>,
    /// Titles that more than one note has.
    shared_titles: BTreeSet<String>,
}

impl<'s> Targets<'s> {
    fn new(sources: &'s [Source]) -> Self {
        let (mut paths, mut stems) = (BTreeMap::new(), BTreeMap::<String, Vec<usize>>::new());
        let (mut titles, mut shared_titles) = (BTreeSet::new(), BTreeSet::new());
        for (at, source) in sources.iter().enumerate() {
            paths.insert(source.path.as_str().to_lowercase(), at);
            stems.entry(source.path.stem().to_lowercase()).or_default().push(at);
            let title = normal_title(&source.title);
            if !titles.insert(title.clone()) {
                shared_titles.insert(title);
            }
        }
        Self { sources, paths, stems, shared_titles }
    }

    /// The text of a source with its links leading to notes, and how many were written anew.
    fn adapt(&self, source: &Source, broken: &mut Vec<(FilePath, String)>) -> (String, usize) {
        let folders = source.path.folders();
        exchange(
            &source.text,
            |address| {
                let (path, fragment) = local_path(&folders, address)?;
                match self.at_path(&path) {
                    Some(target) => Some(format!("{}{fragment}", target.url())),
                    None => {
                        if path.to_lowercase().ends_with(".md") {
                            broken.push((source.path.clone(), address.to_owned()));
                        }
                        None
                    }
                }
            },
            |link| self.note_link(&folders, link),
        )
    }

    fn at_path(&self, path: &str) -> Option<&'s Source> {
        let path = path.to_lowercase();
        let at = self.paths.get(&path).or_else(|| self.paths.get(&format!("{path}.md")))?;
        Some(&self.sources[*at])
    }

    /// What stands for `[[name]]`, when that must be something else.
    fn note_link(&self, folders: &[String], link: &Link) -> Option<String> {
        let target = self.named(folders, &link.title)?;
        let title = normal_title(&target.title);
        let is_unique = !self.shared_titles.contains(&title);
        if is_unique && title == normal_title(&link.title) {
            return None;
        }
        let shown = link.alias.clone().unwrap_or_else(|| link.title.clone());
        let heading = link.heading.as_ref().map(|it| format!("#{it}")).unwrap_or_default();
        let is_plain = !target.title.contains(['[', ']', '|', '#']);
        Some(if is_unique && is_plain {
            format!("[[{}{heading}|{shown}]]", target.title)
        } else {
            format!("[{shown}]({})", target.url())
        })
    }

    /// The file that a name means: by its path, or by its name alone, and then the nearest.
    fn named(&self, folders: &[String], name: &str) -> Option<&'s Source> {
        if let Some(target) = self.at_path(name.trim_start_matches('/')) {
            return Some(target);
        }
        let stem = name.strip_suffix(".md").unwrap_or(name).to_lowercase();
        let last = stem.rsplit('/').next()?;
        let of_that_name = self.stems.get(last)?.iter().map(|at| &self.sources[*at]);
        let ends_so = |source: &&Source| {
            let path = format!("/{}", source.path.as_str().to_lowercase());
            path.ends_with(&format!("/{stem}.md"))
        };
        of_that_name.filter(ends_so).min_by_key(|source| {
            let held = source.path.folders();
            (held != folders, held.len())
        })
    }
}

impl Source {
    fn url(&self) -> AutomergeUrl {
        self.handle.url()
    }
}

/// The path inside the directory that an address means when it stands in a file in `folders`, and
/// the `#fragment` behind it; nothing when it leads elsewhere.
fn local_path(folders: &[String], address: &str) -> Option<(String, String)> {
    let scheme = address.find(':').filter(|end| {
        let mut chars = address[..*end].chars();
        chars.next().is_some_and(|char| char.is_ascii_alphabetic())
            && chars.all(|char| char.is_ascii_alphanumeric() || "+.-".contains(char))
    });
    if scheme.is_some() || address.starts_with(['#', '?']) || address.starts_with("//") {
        return None;
    }
    let (path, fragment) = match address.split_once('#') {
        Some((path, fragment)) => (path, format!("#{fragment}")),
        None => (address, String::new()),
    };
    let path = percent_decoded(path.split('?').next().unwrap_or(path))?;
    let mut parts: Vec<&str> = Vec::new();
    if !path.starts_with('/') {
        parts.extend(folders.iter().map(String::as_str));
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    (!parts.is_empty()).then(|| (parts.join("/"), fragment))
}

/// The text with `%20` and its like read; nothing when that is no text.
fn percent_decoded(written: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_files_of_the_directory_or_elsewhere() {
        let folders = ["Work".to_owned()];
        let path = |address| local_path(&folders, address).map(|(path, rest)| path + "|" + &rest);
        assert_eq!(path("a.md").as_deref(), Some("Work/a.md|"));
        assert_eq!(path("../My%20trip.md#day-1").as_deref(), Some("My trip.md|#day-1"));
        assert_eq!(path("/a.md?x").as_deref(), Some("a.md|"));
        for elsewhere in ["https://a.md", "mailto:a", "#a", "../../a.md", "//host/a.md", "%ff"] {
            assert_eq!(path(elsewhere), None, "{elsewhere}");
        }
    }
}
