//! The links of files, as they must read in notes.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_notes::destinations::exchange;
use rejoin_notes::links::{Link, normal_title};

use super::Source;
use crate::file_path::{FilePath, folded};

/// Where links of files may lead.
pub(super) struct Targets<'s> {
    sources: &'s [Source],
    /// By path and by name, without case.
    paths: BTreeMap<String, usize>,
    stems: BTreeMap<String, Vec<usize>>,
    /// Titles that more than one note has.
    shared_titles: BTreeSet<String>,
}

impl<'s> Targets<'s> {
    pub(super) fn new(sources: &'s [Source]) -> Self {
        let (mut paths, mut stems) = (BTreeMap::new(), BTreeMap::<String, Vec<usize>>::new());
        let (mut titles, mut shared_titles) = (BTreeSet::new(), BTreeSet::new());
        for (at, source) in sources.iter().enumerate() {
            paths.insert(folded(source.path.as_str()), at);
            stems.entry(folded(source.path.stem())).or_default().push(at);
            let title = normal_title(&source.title);
            if !titles.insert(title.clone()) {
                shared_titles.insert(title);
            }
        }
        Self { sources, paths, stems, shared_titles }
    }

    /// The text of a source with its links leading to notes, and how many were written anew.
    pub(super) fn adapt(
        &self,
        source: &Source,
        broken: &mut Vec<(FilePath, String)>,
    ) -> (String, usize) {
        let folders = source.path.folders();
        exchange(
            &source.text,
            |address| {
                let (path, fragment) = local_path(&folders, address)?;
                match self.at_path(&path) {
                    Some(target) => Some(format!("{}{fragment}", target.id.url())),
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
        let path = folded(path);
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
            format!("[{shown}]({})", target.id.url())
        })
    }

    /// The file that a name means: by its path, or by its name alone, and then the nearest.
    fn named(&self, folders: &[String], name: &str) -> Option<&'s Source> {
        if let Some(target) = self.at_path(name.trim_start_matches('/')) {
            return Some(target);
        }
        let stem = folded(name.strip_suffix(".md").unwrap_or(name));
        let last = stem.rsplit('/').next()?;
        let of_that_name = self.stems.get(last)?.iter().map(|at| &self.sources[*at]);
        let ends_so = |source: &&Source| {
            let path = format!("/{}", folded(source.path.as_str()));
            path.ends_with(&format!("/{stem}.md"))
        };
        of_that_name.filter(ends_so).min_by_key(|source| {
            let held = source.path.folders();
            (held != folders, held.len())
        })
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
