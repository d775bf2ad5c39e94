//! Just enough of Markdown to know front matter and code from text.

/// One line of a note, without its line break; `start` is its byte position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// A line of the front matter, its `---` included.
    FrontMatter { start: usize, text: &'a str },
    /// A line in a fenced code block, its fences included.
    Code { start: usize },
    /// Any other line.
    Text { start: usize, text: &'a str },
}

impl Line<'_> {
    pub(crate) fn start(&self) -> usize {
        match self {
            Line::FrontMatter { start, .. } | Line::Code { start } | Line::Text { start, .. } => {
                *start
            }
        }
    }
}

/// The lines of a note from its start.
pub(crate) fn lines(content: &str) -> impl Iterator<Item = Line<'_>> {
    let front_matter_end = front_matter_end(content);
    let mut at = 0;
    let mut fence: Option<(char, usize)> = None;
    content.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        let text = line.strip_suffix('\n').unwrap_or(line);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if start < front_matter_end {
            return Line::FrontMatter { start, text };
        }
        match (fence, fence_of(text)) {
            (None, Some((mark, length, _))) => {
                fence = Some((mark, length));
                Line::Code { start }
            }
            (Some((open, least)), Some((mark, length, info))) => {
                if mark == open && length >= least && info.is_empty() {
                    fence = None;
                }
                Line::Code { start }
            }
            (Some(_), None) => Line::Code { start },
            (None, None) => Line::Text { start, text },
        }
    })
}

/// Where the front matter ends, in bytes; 0 when there is none or it is not closed.
fn front_matter_end(content: &str) -> usize {
    let mut at = 0;
    for (number, line) in content.split_inclusive('\n').enumerate() {
        at += line.len();
        let is_rule = line.trim_end() == "---";
        match number {
            0 if !is_rule => return 0,
            0 => {}
            _ if is_rule => return at,
            _ => {}
        }
    }
    0
}

/// The fence that a line opens or closes: its mark, its length and what follows it.
fn fence_of(line: &str) -> Option<(char, usize, &str)> {
    let rest = line.trim_start_matches(' ');
    if line.len() - rest.len() > 3 {
        return None;
    }
    let mark = rest.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
    let info = rest.trim_start_matches(mark);
    let length = rest.len() - info.len();
    let info = info.trim();
    (length >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, length, info))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(content: &str) -> String {
        lines(content)
            .map(|line| match line {
                Line::FrontMatter { .. } => 'f',
                Line::Code { .. } => 'c',
                Line::Text { .. } => 't',
            })
            .collect()
    }

    #[test]
    fn front_matter_must_be_closed_and_come_first() {
        assert_eq!(kinds("---\na: b\n---\ntext\n---\n"), "ffftt");
        assert_eq!(kinds("---\na: b\n"), "tt");
        assert_eq!(kinds("\n---\n---\n"), "ttt");
    }

    #[test]
    fn a_fence_ends_with_its_own_mark() {
        assert_eq!(kinds("a\n```rust\n~~~\n``` not\n```\nb"), "tcccct");
        assert_eq!(kinds("~~~~\n~~~\n~~~~\nb"), "ccct");
        assert_eq!(kinds("```inline``` text\nb"), "tt");
        assert_eq!(kinds("```\nnever closed"), "cc");
    }
}
