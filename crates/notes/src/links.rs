//! Note links: `[[title]]`, `[[title#heading]]` and `[[title|what is shown]]`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::change_set::{ChangeSet, Section, utf16_len};
use crate::markdown::{Line, lines};

/// A link to another note, by its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where the link stands, brackets included, in UTF-16 units of the note's text.
    pub range: Range<usize>,
    /// Where its title stands, in UTF-16 units of the note's text.
    pub title_range: Range<usize>,
    /// The title as it is written.
    pub title: String,
    /// The heading in that note, without its `#`.
    pub heading: Option<String>,
    /// What is shown instead of the title.
    pub alias: Option<String>,
}

/// The links of a note in order; what stands in code or front matter is no link.
pub fn links(content: &str) -> Vec<Link> {
    let mut found = Vec::new();
    let (mut bytes, mut units) = (0, 0);
    for line in lines(content) {
        let Line::Text { start, text } = line else { continue };
        for link in links_of_line(text) {
            let at = start + link.start;
            units += utf16_len(&content[bytes..at]);
            bytes = at;
            if let Some(link) = parse(&text[link], units) {
                found.push(link);
            }
        }
    }
    found
}

/// Titles as they are compared: without case, outer space and repeated spaces.
pub fn normal_title(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The change that lets all links to `old` point to `new`, or nothing when there are none.
pub fn retarget(content: &str, old: &str, new: &str) -> Option<ChangeSet> {
    let old = normal_title(old);
    let mut sections = Vec::new();
    let mut at = 0;
    for link in links(content) {
        if normal_title(&link.title) == old {
            sections.push(Section::Keep(link.title_range.start - at));
            sections.push(Section::Replace {
                deleted: link.title_range.len(),
                inserted: new.to_owned(),
            });
            at = link.title_range.end;
        }
    }
    if sections.is_empty() {
        return None;
    }
    sections.push(Section::Keep(utf16_len(content) - at));
    Some(ChangeSet::from_sections(sections))
}

/// Which notes link to which title.
#[derive(Debug, Clone, Default)]
pub struct LinkIndex {
    targets: BTreeMap<String, BTreeSet<String>>,
    sources: BTreeMap<String, BTreeSet<String>>,
}

impl LinkIndex {
    /// Takes in what a note contains now, instead of what it contained before.
    pub fn update(&mut self, note: &str, content: &str) {
        self.remove(note);
        let titles: BTreeSet<String> =
            links(content).iter().map(|link| normal_title(&link.title)).collect();
        for title in &titles {
            self.sources.entry(title.clone()).or_default().insert(note.to_owned());
        }
        if !titles.is_empty() {
            self.targets.insert(note.to_owned(), titles);
        }
    }

    /// Forgets a note.
    pub fn remove(&mut self, note: &str) {
        for title in self.targets.remove(note).unwrap_or_default() {
            if let Some(sources) = self.sources.get_mut(&title) {
                sources.remove(note);
                if sources.is_empty() {
                    self.sources.remove(&title);
                }
            }
        }
    }

    /// The notes that link to this title, in the order of their ids.
    pub fn backlinks(&self, title: &str) -> impl Iterator<Item = &str> {
        self.sources.get(&normal_title(title)).into_iter().flatten().map(String::as_str)
    }
}

/// The byte ranges of what looks like a link in one line, outside of inline code.
fn links_of_line(line: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(next) = line[at..].find(['`', '[', '\\']).map(|found| at + found) {
        let rest = &line[next..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            at = next + 1 + escaped.chars().next().map_or(0, char::len_utf8);
        } else if rest.starts_with('`') {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            at = next + ticks + closing_ticks(&rest[ticks..], ticks).unwrap_or(0);
        } else if rest.starts_with("[[") {
            match rest.find("]]") {
                Some(end) if !rest[2..end].contains('[') => {
                    ranges.push(next..next + end + 2);
                    at = next + end + 2;
                }
                _ => at = next + 1,
            }
        } else {
            at = next + 1;
        }
    }
    ranges
}

/// How far it is behind the run of exactly `ticks` backticks that closes inline code.
pub(crate) fn closing_ticks(text: &str, ticks: usize) -> Option<usize> {
    let mut at = 0;
    while let Some(next) = text[at..].find('`').map(|found| at + found) {
        let run = text[next..].len() - text[next..].trim_start_matches('`').len();
        at = next + run;
        if run == ticks {
            return Some(at);
        }
    }
    None
}

/// Reads `[[...]]`, which stands at `units`.
fn parse(written: &str, units: usize) -> Option<Link> {
    let inner = written.strip_prefix("[[")?.strip_suffix("]]")?;
    let (target, alias) = match inner.split_once('|') {
        Some((target, alias)) => (target, Some(alias.trim().to_owned())),
        None => (inner, None),
    };
    let (title, heading) = match target.split_once('#') {
        Some((title, heading)) => (title, Some(heading.trim().to_owned())),
        None => (target, None),
    };
    if title.trim().is_empty() {
        return None;
    }
    let lead = title.len() - title.trim_start().len();
    let start = units + 2 + utf16_len(&title[..lead]);
    let title = title.trim();
    Some(Link {
        range: units..units + utf16_len(written),
        title_range: start..start + utf16_len(title),
        title: title.to_owned(),
        heading,
        alias: alias.filter(|alias| !alias.is_empty()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(content: &str) -> Vec<String> {
        links(content).into_iter().map(|link| link.title).collect()
    }

    #[test]
    fn links_have_titles_headings_and_aliases() {
        let found = links("😀 [[ Trip #Day 1|the trip]] and [[Home]]");
        assert_eq!(found[0].title, "Trip");
        assert_eq!(found[0].heading.as_deref(), Some("Day 1"));
        assert_eq!(found[0].alias.as_deref(), Some("the trip"));
        assert_eq!(found[0].range, 3..28);
        assert_eq!(found[0].title_range, 6..10);
        assert_eq!(found[1].range, 33..41);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn code_and_broken_brackets_are_no_links() {
        assert_eq!(titles("`[[a]]` ``[[b]] ` `` [[c]]"), ["c"]);
        assert_eq!(titles("```\n[[a]]\n```\n[[b]]"), ["b"]);
        assert_eq!(titles("---\nx: [[a]]\n---\n[[b]]"), ["b"]);
        assert_eq!(titles("[[]] [[ ]] [[a [[b]] [[c\n]] \\[[d]]"), ["b"]);
        assert_eq!(titles("` [[a]] and no end"), ["a"]);
    }

    #[test]
    fn the_index_knows_who_links_here() {
        let mut index = LinkIndex::default();
        index.update("one", "[[Trip]] and [[home]]");
        index.update("two", "[[  trip ]]");
        assert_eq!(index.backlinks("Trip").collect::<Vec<_>>(), ["one", "two"]);
        index.update("one", "[[Home]]");
        assert_eq!(index.backlinks("TRIP").collect::<Vec<_>>(), ["two"]);
        index.remove("two");
        assert_eq!(index.backlinks("trip").count(), 0);
        assert_eq!(index.backlinks("home").collect::<Vec<_>>(), ["one"]);
    }

    #[test]
    fn links_follow_a_renamed_note() {
        let content = "[[Trip|x]] [[Other]] [[trip#Day]]";
        let changes = retarget(content, "Trip", "Journey").unwrap();
        assert_eq!(changes.apply(content).unwrap(), "[[Journey|x]] [[Other]] [[Journey#Day]]");
        assert!(retarget(content, "Nobody", "x").is_none());
    }
}
