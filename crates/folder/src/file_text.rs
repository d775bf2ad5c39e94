//! What a file's bytes say, and the form in which they say it.

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
    /// Whether every line ends with `\r\n`.
    pub carriage_returns: bool,
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
    /// Its name cannot be written as text.
    #[error("its name is not text")]
    Name,
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
        let carriage_returns = breaks > 0 && written.matches("\r\n").count() == breaks;
        let text = if carriage_returns { written.replace("\r\n", "\n") } else { written.into() };
        Ok(Self { text, form: Form { byte_order_mark, carriage_returns } })
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
        check(b"a\r\nb\n", "a\r\nb\n");
        check(b"a\rb", "a\rb");
        check(b"\r\r\n", "\r\n");
        check(b"", "");
    }

    #[test]
    fn what_is_no_text_is_left_alone() {
        assert_eq!(FileText::decode(&[0xff]), Err(LeftAlone::NotUtf8));
        assert_eq!(FileText::decode(&vec![b'a'; MAX_BYTES + 1]), Err(LeftAlone::TooLarge));
    }
}
