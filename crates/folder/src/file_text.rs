//! What a file's bytes say, and the form in which they say it.

use rejoin_notes::change_set::{ChangeSet, Section};

/// The largest file that is taken as a note.
pub const MAX_BYTES: usize = 16 << 20;

/// The text of a file as a note has it: line breaks are `\n`, and there is no byte-order mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileText {
    /// The text.
    pub text: String,
    /// How the file writes it.
    pub form: Form,
}

/// What is kept of a file besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Form {
    /// Whether it begins with a byte-order mark.
    pub byte_order_mark: bool,
    /// Whether lines end with `\r\n`, or most of them do.
    pub carriage_returns: bool,
    /// Whether some lines end otherwise than most.
    pub is_mixed: bool,
}

/// Why a file is left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LeftAlone {
    /// Its bytes are not UTF-8.
    #[error("it is not UTF-8 text")]
    NotUtf8,
    /// It is larger than [`MAX_BYTES`].
    #[error("it is larger than 16 MB")]
    TooLarge,
    /// It is a link, whether it leads out of the folder or to another file in it.
    #[error("it is a link")]
    Link,
    /// It could not be read.
    #[error("it cannot be read")]
    Unreadable,
    /// It is a pipe, a device or a socket.
    #[error("it is no ordinary file")]
    NotAFile,
    /// Its name is not text, or has a backslash in it.
    #[error("its name cannot be that of a note")]
    Name,
    /// It is a directory with a mirror of its own.
    #[error("it is mirrored on its own")]
    Mirrored,
}

impl FileText {
    /// Reads a file's bytes.
    ///
    /// # Errors
    ///
    /// When they are too many or not UTF-8.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeftAlone> {
        if bytes.len() > MAX_BYTES {
            return Err(LeftAlone::TooLarge);
        }
        let written = std::str::from_utf8(bytes).map_err(|_| LeftAlone::NotUtf8)?;
        let (byte_order_mark, written) = match written.strip_prefix('\u{feff}') {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let breaks = written.matches('\n').count();
        let with_returns = written.matches("\r\n").count();
        let text = if with_returns > 0 { written.replace("\r\n", "\n") } else { written.into() };
        let form = Form {
            byte_order_mark,
            carriage_returns: with_returns * 2 > breaks,
            is_mixed: with_returns > 0 && with_returns < breaks,
        };
        Ok(Self { text, form })
    }

    /// Writes the bytes of a file that says `text` in this form.
    pub fn encode(text: &str, form: Form) -> Vec<u8> {
        let mut written = String::with_capacity(text.len() + 3);
        if form.byte_order_mark {
            written.push('\u{feff}');
        }
        if form.carriage_returns {
            written.push_str(&text.replace('\n', "\r\n"));
        } else {
            written.push_str(text);
        }
        written.into_bytes()
    }

    /// Writes the bytes of a file that is to say this and holds something else. Where its lines end
    /// in two ways, each line that stays ends as before, and new ones as most do.
    pub fn encode_over(&self, held: Option<&[u8]>) -> Vec<u8> {
        let held = held.filter(|_| self.form.is_mixed);
        match held.and_then(|held| Some((held, Self::decode(held).ok()?))) {
            Some((bytes, before)) if before.form == self.form => {
                self.encode_lines(bytes, &before.text)
            }
            _ => Self::encode(&self.text, self.form),
        }
    }

    fn encode_lines(&self, held: &[u8], before: &str) -> Vec<u8> {
        let breaks = held.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let mut endings =
            breaks.map(|(at, _)| if at > 0 && held[at - 1] == b'\r' { "\r\n" } else { "\n" });
        let usual = if self.form.carriage_returns { "\r\n" } else { "\n" };
        let mut written = String::with_capacity(held.len());
        if self.form.byte_order_mark {
            written.push('\u{feff}');
        }
        let mut rest = before.chars();
        for section in ChangeSet::between(before, &self.text).sections() {
            let (Section::Keep(units) | Section::Replace { deleted: units, .. }) = section;
            let mut left = *units;
            while left > 0
                && let Some(char) = rest.next()
            {
                left = left.saturating_sub(char.len_utf16());
                let ending = if char == '\n' { endings.next() } else { None };
                match ending {
                    _ if !matches!(section, Section::Keep(_)) => {}
                    Some(ending) => written.push_str(ending),
                    None => written.push(char),
                }
            }
            if let Section::Replace { inserted, .. } = section {
                written.push_str(&inserted.replace('\n', usual));
            }
        }
        written.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bytes: &[u8], text: &str) {
        let read = FileText::decode(bytes).unwrap();
        assert_eq!(read.text, text);
        assert_eq!(FileText::encode(&read.text, read.form), bytes);
    }

    #[test]
    fn a_file_keeps_its_form() {
        check(b"a\nb\n", "a\nb\n");
        check(b"a\r\nb", "a\nb");
        check("\u{feff}a\r\n".as_bytes(), "a\n");
        check(b"a\rb", "a\rb");
        check(b"\r\r\n", "\r\n");
        check(b"", "");
    }

    #[track_caller]
    fn check_over(held: &str, text: &str, expected: &str) {
        let read = FileText::decode(held.as_bytes()).unwrap();
        assert_eq!(read.encode_over(Some(held.as_bytes())), held.as_bytes());
        let written = FileText { text: text.into(), form: read.form };
        let written = written.encode_over(Some(held.as_bytes()));
        assert_eq!(String::from_utf8(written).unwrap(), expected);
    }

    #[test]
    fn lines_that_end_in_two_ways_end_as_before() {
        check_over("a\r\nb\r\nc\n", "a\nx\nb\nc\n", "a\r\nx\r\nb\r\nc\n");
        check_over("a\r\nb\nc\n", "b\nc\nd\n", "b\nc\nd\n");
        check_over("\u{feff}a\r\nb\nc\n", "a\nbb\nc\n", "\u{feff}a\r\nbb\nc\n");
        check_over("😀\r\nb\r\nc\nd", "😀\nb\nc\nd\ne", "😀\r\nb\r\nc\nd\r\ne");
        let read = FileText::decode(b"a\r\nb\r\nc\n").unwrap();
        assert_eq!(
            read.text, "a\nb\nc\n",
            "a line that a program adds in its own way changes no other"
        );
    }

    #[test]
    fn what_is_no_text_is_left_alone() {
        assert_eq!(FileText::decode(&[0xff]), Err(LeftAlone::NotUtf8));
        assert_eq!(FileText::decode(&vec![b'a'; MAX_BYTES + 1]), Err(LeftAlone::TooLarge));
    }
}
