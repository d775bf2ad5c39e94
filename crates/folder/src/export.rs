//! Writes the notes of a folder to a new directory, once: as Markdown, or as documents with all of
//! their history.
//!
//! Links between notes become links between files, so that other programs can follow them.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rejoin_document::Document;
use rejoin_notes::destinations::exchange;
use rejoin_notes::links::{Link, normal_title};
use rejoin_notes::note::{FileForm, Note};
use rejoin_notes::tree::{EntryKind, Folder, Node, assemble};
use rejoin_notes::{folder, title};
use rejoin_repo::{AutomergeUrl, DocumentHandle, DocumentId, FindError, Repo};

use crate::file_path::{FilePath, folded, safe_name};
use crate::file_text::{FileText, Form};
use crate::progress::Progress;

/// What to write, and where to.
#[derive(Debug, Clone)]
pub struct ExportOptions {
    /// Where the documents are.
    pub repo: Repo,
    /// The folder whose notes are written.
    pub folder: DocumentId,
    /// The folder of what was thrown away. What it lists newer is left out.
    pub trash: Option<DocumentId>,
    /// A directory that is not there yet, or is empty.
    pub directory: PathBuf,
    /// As what the notes are written.
    pub format: ExportFormat,
}

/// As what a note is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExportFormat {
    /// A Markdown file with the text.
    #[default]
    Markdown,
    /// A document with all of its history, for every program that reads Automerge's files.
    Automerge,
}

/// What became of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExportReport {
    /// How many notes were written.
    pub notes: usize,
    /// How many directories were made for folders.
    pub folders: usize,
    /// How many links lead to files now that led to notes.
    pub links: usize,
    /// What could not be had, by the name under which it is listed.
    pub missing: Vec<String>,
}

/// Why an export ended early. What was written before stays.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The folder cannot be had.
    #[error("the folder cannot be read: {0}")]
    Folder(#[from] FindError),
    /// The document is something else.
    #[error("this is not a folder of notes")]
    NotAFolder,
    /// Something is in the directory.
    #[error("{0} is not empty")]
    NotEmpty(PathBuf),
    /// A file cannot be written.
    #[error("{path}: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// A note with the file that it becomes.
struct Target {
    handle: DocumentHandle,
    title: String,
    path: FilePath,
}

/// Writes all notes in and under a folder. Waits for those that are on their way.
///
/// # Errors
///
/// When the folder cannot be had, the directory is not empty, or a file cannot be written.
pub async fn export(
    options: ExportOptions,
    mut progress: impl FnMut(Progress),
) -> Result<ExportReport, ExportError> {
    prepare(&options.directory)?;
    let mut report = ExportReport::default();
    let nodes = tree(&options, &mut report).await?;
    let mut listed = Vec::new();
    flatten(&nodes, &[], &mut listed, &mut report.folders);
    let total = listed.len();
    progress(Progress { done: 0, total });
    let targets = find(&options.repo, listed, &mut report).await;
    let links = Links::new(&targets);
    for (done, target) in targets.iter().enumerate() {
        let bytes = target.handle.read(|document| match options.format {
            ExportFormat::Markdown => {
                let (text, count) = links.adapt(target, &text(document)?);
                Some((FileText::encode(&text, form(document)), count))
            }
            ExportFormat::Automerge => Some((document.save(), 0)),
        });
        let Some((bytes, count)) = bytes.ok().flatten() else {
            report.missing.push(target.title.clone());
            continue;
        };
        let mut path = options.directory.join(target.path.as_str());
        if options.format == ExportFormat::Automerge {
            path.set_extension("automerge");
        }
        write(path, bytes).await?;
        report.links += count;
        report.notes += 1;
        progress(Progress { done: done + 1, total });
    }
    progress(Progress { done: total, total });
    Ok(report)
}

/// Makes the directory; one that holds something is not written to.
fn prepare(directory: &Path) -> Result<(), ExportError> {
    let failed = |error| ExportError::Io { path: directory.to_owned(), error };
    fs::create_dir_all(directory).map_err(failed)?;
    match fs::read_dir(directory).map_err(failed)?.next() {
        None => Ok(()),
        Some(_) => Err(ExportError::NotEmpty(directory.to_owned())),
    }
}

/// What the folder shows.
async fn tree(
    options: &ExportOptions,
    report: &mut ExportReport,
) -> Result<Vec<Node>, ExportError> {
    let root = options.folder.url().to_string();
    let trash = options.trash.as_ref().map(|trash| trash.url().to_string());
    let mut folders: BTreeMap<String, Folder> = BTreeMap::new();
    let mut waiting: Vec<(String, String)> = vec![(root.clone(), String::new())];
    waiting.extend(trash.iter().map(|trash| (trash.clone(), String::new())));
    while let Some((url, name)) = waiting.pop() {
        let Ok(link) = url.parse::<AutomergeUrl>() else { continue };
        if folders.contains_key(&url) {
            continue;
        }
        let handle = match options.repo.find(&link.document).await {
            Ok(handle) => handle,
            Err(error) if url == root => return Err(error.into()),
            Err(_) => {
                report.missing.push(name);
                continue;
            }
        };
        let read = handle.read(|document| folder::read(&document.view())).ok().flatten();
        let Some(read) = read else {
            if url == root {
                return Err(ExportError::NotAFolder);
            }
            continue;
        };
        let inner = read.entries.iter().filter(|entry| entry.kind == EntryKind::Folder);
        waiting.extend(inner.map(|entry| (entry.url.clone(), entry.name.clone())));
        folders.insert(url, read);
    }
    let roots: Vec<&str> = [Some(root.as_str()), trash.as_deref()].into_iter().flatten().collect();
    let mut tree = assemble(&roots, &folders);
    let mut nodes = tree.roots.swap_remove(0);
    name_folders(&mut nodes, &folders);
    Ok(nodes)
}

/// A folder's own title is newer than the name under which it is listed.
fn name_folders(nodes: &mut [Node], folders: &BTreeMap<String, Folder>) {
    for node in nodes {
        if let Some(folder) = folders.get(&node.entry.url).filter(|it| !it.title.is_empty()) {
            node.entry.name.clone_from(&folder.title);
        }
        name_folders(&mut node.children, folders);
    }
}

/// The notes with the folders that they lie in.
fn flatten(
    nodes: &[Node],
    folders: &[String],
    listed: &mut Vec<(Vec<String>, String, String)>,
    count: &mut usize,
) {
    for node in nodes {
        match node.entry.kind {
            EntryKind::Folder => {
                *count += 1;
                let inner = [folders, &[safe_name(&node.entry.name)]].concat();
                flatten(&node.children, &inner, listed, count);
            }
            EntryKind::Note => {
                listed.push((folders.to_vec(), node.entry.name.clone(), node.entry.url.clone()));
            }
            EntryKind::Other(_) => {}
        }
    }
}

/// Opens the notes, and gives each a file of its own.
async fn find(
    repo: &Repo,
    listed: Vec<(Vec<String>, String, String)>,
    report: &mut ExportReport,
) -> Vec<Target> {
    let mut taken = std::collections::BTreeSet::new();
    let mut targets = Vec::new();
    for (folders, name, url) in listed {
        let handle = match url.parse::<AutomergeUrl>() {
            Ok(link) => repo.find(&link.document).await.ok(),
            Err(_) => None,
        };
        let Some(handle) = handle else {
            report.missing.push(name);
            continue;
        };
        let read = handle.read(text).ok().flatten();
        let title = read.and_then(|text| title::title(&text)).unwrap_or(name);
        let path = FilePath::free(&folders, &title, |path| taken.contains(path));
        taken.insert(folded(path.as_str()));
        targets.push(Target { handle, title, path });
    }
    targets
}

fn text(document: &Document) -> Option<String> {
    let view = document.view();
    Some(Note::find(&view).ok()?.text(&view))
}

/// How the file was written that a note was imported from.
fn form(document: &Document) -> Form {
    let FileForm { byte_order_mark, carriage_returns } = Note::file_form(&document.view());
    Form { byte_order_mark, carriage_returns, is_mixed: false }
}

async fn write(path: PathBuf, bytes: Vec<u8>) -> Result<(), ExportError> {
    let named = path.clone();
    let written = tokio::task::spawn_blocking(move || {
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory)?;
        }
        // Not over anything that somebody put there meanwhile.
        fs::File::create_new(&path)?.write_all(&bytes)
    });
    let written = written.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    written.map_err(|error| ExportError::Io { path: named, error })
}

/// Which files links lead to.
struct Links {
    by_url: BTreeMap<String, FilePath>,
    by_title: BTreeMap<String, FilePath>,
    stems: BTreeMap<String, usize>,
}

impl Links {
    fn new(targets: &[Target]) -> Self {
        let (mut by_url, mut by_title) = (BTreeMap::new(), BTreeMap::new());
        let mut stems: BTreeMap<String, usize> = BTreeMap::new();
        for target in targets {
            by_url.insert(target.handle.url().to_string(), target.path.clone());
            by_title.entry(normal_title(&target.title)).or_insert_with(|| target.path.clone());
            *stems.entry(folded(target.path.stem())).or_default() += 1;
        }
        Self { by_url, by_title, stems }
    }

    /// The text of a note with its links leading to files, and how many were written anew.
    fn adapt(&self, target: &Target, text: &str) -> (String, usize) {
        let folders = target.path.folders();
        exchange(
            text,
            |address| {
                let (url, fragment) = address.split_at(address.find('#').unwrap_or(address.len()));
                let path = self.by_url.get(url)?;
                Some(relative(&folders, path) + fragment)
            },
            |link| self.note_link(link),
        )
    }

    /// What stands for `[[title]]` so that it names a file, when that must be something else.
    fn note_link(&self, link: &Link) -> Option<String> {
        let path = self.by_title.get(&normal_title(&link.title))?;
        let is_unique = self.stems.get(&folded(path.stem())) == Some(&1);
        if is_unique && folded(path.stem()) == folded(&link.title) {
            return None;
        }
        let name = match is_unique {
            true => path.stem(),
            false => path.as_str().strip_suffix(".md").unwrap_or(path.as_str()),
        };
        let heading = link.heading.as_ref().map(|it| format!("#{it}")).unwrap_or_default();
        let shown = link.alias.as_deref().unwrap_or(&link.title);
        Some(format!("[[{name}{heading}|{shown}]]"))
    }
}

/// The address of a file as it is written in another that lies in `folders`.
fn relative(folders: &[String], path: &FilePath) -> String {
    let to = path.folders();
    let same = folders.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".to_owned(), folders.len() - same);
    let down = to[same..].iter().cloned();
    let name = path.as_str().rsplit('/').next().unwrap_or_default().to_owned();
    let parts: Vec<String> = up.chain(down).chain([name]).collect();
    percent_encoded(&parts.join("/"))
}

/// The text with what ends a destination of Markdown written as `%20`.
fn percent_encoded(text: &str) -> String {
    let mut written = String::new();
    for char in text.chars() {
        if char.is_ascii_whitespace() || char.is_ascii_control() || "%()<>#?\\\"".contains(char) {
            written.push_str(&format!("%{:02X}", u32::from(char)));
        } else {
            written.push(char);
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_from_file_to_file() {
        let path = |text: &str| FilePath::new(text).unwrap();
        let folders = ["Work".to_owned(), "North".to_owned()];
        assert_eq!(relative(&folders, &path("Work/A (b).md")), "../A%20%28b%29.md");
        assert_eq!(relative(&folders, &path("Work/North/c.md")), "c.md");
        assert_eq!(relative(&[], &path("Home/d.md")), "Home/d.md");
    }
}
