//! What a note is called: the `title` of its front matter, else its first heading.

use crate::change_set::{ChangeSet, utf16_len};
use crate::markdown::{Line, lines};

/// The note's title, or nothing when it has neither a front matter title nor a heading.
pub fn title(content: &str) -> Option<String> {
    find(content).map(|place| place.text)
}

/// The change that gives a note this title: in its front matter or first heading if it has one,
/// else as a new heading before everything but the front matter.
///
/// Line breaks in `title` become spaces. Nothing changes when the note is called so already.
pub fn rename(content: &str, title: &str) -> ChangeSet {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let length = utf16_len(content);
    let (at, deleted, inserted) = match find(content) {
        Some(place) if place.text == title => return ChangeSet::identity(length),
        Some(place) => {
            let written = if place.quoted { quote(&title) } else { title };
            (place.start, place.end - place.start, written)
        }
        None => {
            let at = lines(content)
                .find(|line| !matches!(line, Line::FrontMatter { .. }))
                .map_or(content.len(), |line| line.start());
            let text = if title.is_empty() { String::new() } else { format!("# {title}\n\n") };
            (at, 0, text)
        }
    };
    ChangeSet::splice(
        length,
        utf16_len(&content[..at]),
        utf16_len(&content[at..at + deleted]),
        &inserted,
    )
    .expect("invariant: the title lies inside the content")
}

/// Where the title stands, in bytes.
struct Place {
    start: usize,
    end: usize,
    /// Whether it is a front matter value, which is written in quotes.
    quoted: bool,
    text: String,
}

fn find(content: &str) -> Option<Place> {
    let mut heading = None;
    for line in lines(content) {
        match line {
            Line::FrontMatter { start, text } => {
                if let Some(value) = text.strip_prefix("title:")
                    && !value.trim().is_empty()
                {
                    return Some(trimmed(start + "title:".len(), value, true));
                }
            }
            Line::Text { start, text } => {
                if let Some((marker, text)) = heading_text(text)
                    && heading.is_none()
                {
                    let place = trimmed(start + marker, text, false);
                    if !place.text.is_empty() {
                        heading = Some(place);
                        break;
                    }
                }
            }
            Line::Code { .. } => {}
        }
    }
    heading
}

/// The length of a heading's marker, and its text without closing marks.
fn heading_text(line: &str) -> Option<(usize, &str)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let marks = line[indent..].len() - line[indent..].trim_start_matches('#').len();
    let rest = &line[indent + marks..];
    if indent > 3 || !(1..=6).contains(&marks) || !rest.starts_with([' ', '\t']) {
        return None;
    }
    let closed = rest.trim_end().trim_end_matches('#');
    let text = if closed.ends_with([' ', '\t']) { closed } else { rest };
    Some((indent + marks, text))
}

fn trimmed(start: usize, value: &str, front_matter: bool) -> Place {
    let text = value.trim();
    let start = start + (value.len() - value.trim_start().len());
    let mut place =
        Place { start, end: start + text.len(), quoted: front_matter, text: text.to_owned() };
    if front_matter {
        for mark in ['"', '\''] {
            if let Some(inner) = text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark)) {
                place.text = unquote(inner, mark);
            }
        }
    }
    place
}

fn quote(title: &str) -> String {
    format!("\"{}\"", title.replace('\\', "\\\\").replace('"', "\\\""))
}

fn unquote(inner: &str, mark: char) -> String {
    if mark == '"' {
        inner.replace("\\\"", "\"").replace("\\\\", "\\")
    } else {
        inner.replace("''", "'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &str, expected: Option<&str>) {
        assert_eq!(title(content).as_deref(), expected);
    }

    #[test]
    fn front_matter_comes_before_headings() {
        check("---\ntitle: \"Trip \\\"north\\\"\"\n---\n# Other\n", Some("Trip \"north\""));
        check("---\ntitle: Trip: north\nauthor: Ana\n---\n", Some("Trip: north"));
        check("---\nauthor: Ana\n---\n# Other\n", Some("Other"));
        check("---\ntitle:\n---\n# Other\n", Some("Other"));
    }

    #[test]
    fn the_first_heading_of_any_level_is_the_title() {
        check("words\n\n## Groceries ##\n# Later\n", Some("Groceries"));
        check("#hashtag\n#\n# \n", None);
        check("```sh\n# a comment\n```\n# After\n", Some("After"));
        check("", None);
        check("just words", None);
    }

    #[track_caller]
    fn check_rename(content: &str, title: &str, expected: &str) {
        assert_eq!(rename(content, title).apply(content).unwrap(), expected);
        if !title.is_empty() {
            assert_eq!(super::title(expected).as_deref(), Some(title));
        }
    }

    #[test]
    fn renaming_changes_only_the_title() {
        check_rename("# Old\n\ntext", "New", "# New\n\ntext");
        check_rename("ü\n## Old ##\n", "New ü", "ü\n## New ü ##\n");
        check_rename("---\ntitle: Old\n---\n", "A \"b\"", "---\ntitle: \"A \\\"b\\\"\"\n---\n");
        check_rename("text", "New", "# New\n\ntext");
        check_rename("---\na: b\n---\ntext", "New", "---\na: b\n---\n# New\n\ntext");
        check_rename("", "", "");
        assert!(rename("# Same", " Same ").is_identity());
    }
}
