//! What somebody changed in a file, as a change of the note's text as it is now.

use rejoin_notes::change_set::{ChangeSet, Order, Section, utf16_len};

use crate::memory::{HeldText, Remembered};

/// An edit of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileEdit {
    /// The change of the note's text.
    pub(crate) changes: ChangeSet,
    /// Whether it was made on another text than the newest that the file held.
    pub(crate) is_stale: bool,
}

/// The edit that made `read` of a text that the file held, carried over to the note's text `now`.
///
/// The change is one of the text that is nearest to it; what came into the note after that text is
/// not part of the change, so nothing of it is removed. An editor that saves an old buffer erases
/// nobody's words.
pub(crate) fn of_file(read: &str, remembered: &Remembered, now: &str) -> FileEdit {
    let Some((base, is_newest)) = base(read, remembered) else {
        return FileEdit { changes: without_base(read, now), is_stale: true };
    };
    let made = ChangeSet::between(&base.text, read);
    if made.is_identity() {
        return FileEdit { changes: ChangeSet::identity(utf16_len(now)), is_stale: false };
    }
    let since = ChangeSet::between(&base.text, now);
    let changes = made.map(&since, Order::After).expect("invariant: both were made for the base");
    FileEdit { changes, is_stale: !is_newest }
}

/// What is in a file and not in the note, when nothing is known of what the file held: it is
/// added, and nothing is removed.
pub(crate) fn without_base(read: &str, now: &str) -> ChangeSet {
    let mut sections = Vec::new();
    for section in ChangeSet::between_lines(now, read).sections() {
        match section {
            Section::Keep(length) => sections.push(Section::Keep(*length)),
            Section::Replace { deleted, inserted } => {
                sections.push(Section::Keep(*deleted));
                sections.push(Section::Replace { deleted: 0, inserted: inserted.clone() });
            }
        }
    }
    ChangeSet::from_sections(sections)
}

/// The remembered text that `read` was most likely made of, and whether the file held it last.
fn base<'a>(read: &str, remembered: &'a Remembered) -> Option<(&'a HeldText, bool)> {
    let newest = remembered.newest()?;
    // Who writes a file piece by piece is seen with a piece. The rest is not an edit of the text
    // before the piece. What only adds to the newest text removes nothing in any case. An empty file
    // is one that was cut off.
    let adds = read.starts_with(&newest.text) && (newest.by_others || !newest.text.is_empty());
    if adds || read.is_empty() {
        return Some((newest, true));
    }
    let last = remembered.texts.len() - 1;
    // A deletion counts double. Else an old buffer with a new line is as near to a text in which
    // somebody else wrote a line at the same place, which would then be replaced.
    let distance = |held: &HeldText| -> usize {
        let made = ChangeSet::between(&held.text, read);
        made.splices().map(|splice| 2 * splice.deleted + utf16_len(splice.inserted)).sum()
    };
    // A text after which only other programs wrote is an unlikely base: it is the last of them that
    // writes on. It must be clearly nearer than the newest, and when it is there again, somebody
    // went back to it.
    let ours = remembered.texts.iter().rposition(|held| !held.by_others);
    let cost = |at: usize, held: &HeldText| {
        let distance = distance(held);
        let is_likely = at == last || ours.is_some_and(|ours| at < ours);
        match distance {
            _ if is_likely => distance,
            0 => usize::MAX,
            _ => 2 * distance,
        }
    };
    // Of several that are as near, the older one counts: less is taken for a deletion.
    let texts = remembered.texts.iter().enumerate();
    let nearest = texts.min_by_key(|(at, held)| cost(*at, held));
    nearest.map(|(at, held)| (held, at == last))
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::file_path::FilePath;
    use crate::file_text::Form;

    fn remembered(texts: &[&str]) -> Remembered {
        let mut remembered = Remembered {
            path: FilePath::new("a.md").unwrap(),
            folders: Vec::new(),
            is_trashed: false,
            title: String::new(),
            form: Form::default(),
            texts: VecDeque::new(),
            is_deleted: false,
        };
        for text in texts {
            remembered.hold(text, false);
        }
        remembered
    }

    #[track_caller]
    fn check(held: &[&str], now: &str, read: &str, expected: &str) -> bool {
        let edit = of_file(read, &remembered(held), now);
        assert_eq!(edit.changes.apply(now).unwrap(), expected);
        edit.is_stale
    }

    #[test]
    fn an_edit_joins_what_others_wrote_meanwhile() {
        let stale = check(
            &["milk\nbread\n"],
            "oat milk\nbread\n",
            "milk\nbread, two\n",
            "oat milk\nbread, two\n",
        );
        assert!(!stale);
    }

    #[test]
    fn an_old_buffer_erases_nobodys_words() {
        let held = ["one\ntwo\n", "one\ntwo\nthree, by Ben\n"];
        let stale = check(&held, held[1], "one\ntwo!\n", "one\ntwo!\nthree, by Ben\n");
        assert!(stale);
        let stale = check(&held, held[1], "one\ntwo\n", held[1]);
        assert!(!stale, "an old buffer without an edit is no edit");
    }

    #[test]
    fn a_program_that_goes_on_writing_changes_its_own_words() {
        let mut remembered = remembered(&["one\n"]);
        remembered.hold("one\ngo\n", true);
        let edit = of_file("one\nleave\n", &remembered, "one\ngo\n");
        assert_eq!(edit.changes.apply("one\ngo\n").unwrap(), "one\nleave\n");
        assert!(!edit.is_stale);
        let edit = of_file("one\n", &remembered, "one\ngo\n");
        assert_eq!(edit.changes.apply("one\ngo\n").unwrap(), "one\n", "it went back");
    }

    #[test]
    fn a_file_written_in_pieces_ends_whole() {
        let mut remembered = remembered(&["one\ntwo\nthree\n"]);
        remembered.hold("one\n", true);
        let edit = of_file("one\ntwo\nthree\n", &remembered, "one\nand Ben\n");
        assert!(!edit.is_stale);
        let text = edit.changes.apply("one\nand Ben\n").unwrap();
        assert!(text.contains("two\nthree\n") && text.contains("and Ben\n"), "{text}");
    }

    #[test]
    fn without_a_base_both_texts_are_kept() {
        let changes = without_base("one\nthree\n", "one\ntwo\n");
        let text = changes.apply("one\ntwo\n").unwrap();
        assert!(text.contains("two") && text.contains("three"), "{text}");
    }
}
