//! Where the inline links of Markdown lead: `[words](destination "title")` and `[name]: destination`.
//!
//! Only destinations are found, so that they can be exchanged; pictures are links here, too.

use std::ops::Range;

use crate::links::{closing_ticks, links};
use crate::markdown::{Line, lines};

/// Where one link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Where it stands, its angle brackets included, in bytes of the note's text.
    pub range: Range<usize>,
    /// Where the link leads, as it is written and without angle brackets.
    pub address: String,
}

/// The destinations of a note in order; what stands in code or front matter is none.
pub fn destinations(content: &str) -> Vec<Destination> {
    let mut found = Vec::new();
    for line in lines(content) {
        let Line::Text { start, text } = line else { continue };
        if let Some(at) = definition(text) {
            found.extend(read(text, at, start));
            continue;
        }
        for at in inline(text) {
            found.extend(read(text, at, start));
        }
    }
    found
}

/// The text with destinations and note links exchanged; what a closure has nothing for stays.
///
/// `destination` is given an address as it is written, `link` a [`links`] entry; each gives what is to
/// stand instead of the destination or of the whole link. The number says how many were exchanged.
pub fn exchange(
    content: &str,
    mut destination: impl FnMut(&str) -> Option<String>,
    mut link: impl FnMut(&crate::links::Link) -> Option<String>,
) -> (String, usize) {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for found in destinations(content) {
        if let Some(address) = destination(&found.address) {
            edits.push((found.range, address));
        }
    }
    let (mut bytes, mut units) = (0, 0);
    for found in links(content) {
        let start = advance(content, bytes, found.range.start - units);
        let end = advance(content, start, found.range.len());
        (bytes, units) = (end, found.range.end);
        if let Some(written) = link(&found) {
            edits.push((start..end, written));
        }
    }
    edits.sort_by_key(|(range, _)| range.start);
    let (mut text, mut at, mut count) = (String::with_capacity(content.len()), 0, 0);
    for (range, written) in edits {
        if range.start < at {
            continue;
        }
        text.push_str(&content[at..range.start]);
        text.push_str(&written);
        at = range.end;
        count += 1;
    }
    text.push_str(&content[at..]);
    (text, count)
}

/// The byte position so many UTF-16 units behind `at`.
fn advance(content: &str, at: usize, units: usize) -> usize {
    let mut left = units;
    let mut end = at;
    for char in content[at..].chars() {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(char.len_utf16());
        end += char.len_utf8();
    }
    end
}

/// Where the destination of a definition begins.
fn definition(line: &str) -> Option<usize> {
    let rest = line.trim_start_matches(' ');
    let indent = line.len() - rest.len();
    let label = rest.strip_prefix('[')?;
    let end = label.find("]:")?;
    // A footnote is text.
    if indent > 3 || end == 0 || label.starts_with('^') || label[..end].contains('[') {
        return None;
    }
    Some(indent + 1 + end + 2)
}

/// Where the destinations of inline links begin.
fn inline(line: &str) -> Vec<usize> {
    let (mut found, mut at, mut open) = (Vec::new(), 0, 0_usize);
    while let Some(next) = line[at..].find(['`', '[', ']', '\\']).map(|found| at + found) {
        let rest = &line[next..];
        if let Some(escaped) = rest.strip_prefix('\\') {
            at = next + 1 + escaped.chars().next().map_or(0, char::len_utf8);
        } else if rest.starts_with('`') {
            let ticks = rest.len() - rest.trim_start_matches('`').len();
            at = next + ticks + closing_ticks(&rest[ticks..], ticks).unwrap_or(0);
        } else {
            if rest.starts_with("](") && open > 0 {
                found.push(next + 2);
            }
            open = if rest.starts_with('[') { open + 1 } else { open.saturating_sub(1) };
            at = next + 1;
        }
    }
    found
}

/// Reads a destination at a position of a line, which begins at `start` of the text.
fn read(line: &str, at: usize, start: usize) -> Option<Destination> {
    let rest = &line[at..];
    let at = at + (rest.len() - rest.trim_start().len());
    let rest = &line[at..];
    let (length, address) = if let Some(inner) = rest.strip_prefix('<') {
        let end = inner.find('>')?;
        (end + 2, &inner[..end])
    } else {
        let mut depth = 0;
        let end = rest.find(|char: char| {
            match char {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            char.is_whitespace() || depth < 0
        });
        let end = end.unwrap_or(rest.len());
        (end, &rest[..end])
    };
    let range = start + at..start + at + length;
    (!address.is_empty()).then(|| Destination { range, address: address.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(content: &str) -> Vec<String> {
        destinations(content).into_iter().map(|found| found.address).collect()
    }

    #[test]
    fn links_pictures_and_definitions_lead_somewhere() {
        assert_eq!(
            addresses("[a](b.md) ![c](d.png \"e\") [f](<g h.md>)"),
            ["b.md", "d.png", "g h.md"]
        );
        assert_eq!(addresses("[a]: b.md 'c'\n[^1]: not this\n"), ["b.md"]);
        assert_eq!(addresses("[[a](b(c).md)]"), ["b(c).md"]);
    }

    #[test]
    fn code_and_escapes_lead_nowhere() {
        assert_eq!(addresses("`[a](b)` \\[a\\](b) ](c) [a]() [a] (b)"), Vec::<String>::new());
        assert_eq!(addresses("```\n[a](b)\n```\n---\n"), Vec::<String>::new());
    }

    #[test]
    fn what_is_exchanged_leaves_the_rest_alone() {
        let content = "😀 [a](b.md#c) [[Trip|x]] ![p](p.png) [[Other]]\n";
        let (text, count) = exchange(
            content,
            |address| (address == "b.md#c").then(|| "automerge:1".to_owned()),
            |link| (link.title == "Trip").then(|| format!("[[Journey|{}]]", link.title)),
        );
        assert_eq!(text, "😀 [a](automerge:1) [[Journey|Trip]] ![p](p.png) [[Other]]\n");
        assert_eq!(count, 2);
    }
}
