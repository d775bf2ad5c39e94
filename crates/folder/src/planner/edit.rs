//! What somebody changed in a file, as a change of the note's text as it is now.

use std::borrow::Cow;

use rejoin_notes::change_set::{ChangeSet, Order, Section, Splice, utf16_len};

use super::{History, Made, NoteNow, twins};
use crate::memory::{HeldText, NoteId, Remembered, Version};

/// An edit of a file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FileEdit {
    /// The change of the note's text.
    pub(crate) changes: ChangeSet,
    /// Whether it was made on another text than the newest that the file held.
    pub(crate) is_stale: bool,
    /// The same edit where it was made; none when that is not known, or it changes nothing.
    pub(crate) made: Option<Made>,
}

/// The edit that made `read` of a text that the file held, carried over to the note's text now.
///
/// The change is one of the text that is nearest to it; what came into the note after that text is
/// not part of the change, so nothing of it is removed. An editor that saves an old buffer erases
/// nobody's words. What the note already says, as a file-sync tool brought what came the notes' own
/// way too, is not taken in again.
pub(crate) fn of_file(
    note: &NoteId,
    read: &str,
    remembered: &Remembered,
    now: &NoteNow,
    history: &dyn History,
) -> FileEdit {
    let nothing = || {
        let changes = ChangeSet::identity(utf16_len(&now.text));
        FileEdit { changes, is_stale: false, made: None }
    };
    if read == now.text {
        return nothing();
    }
    let before = before(note, read, remembered, history);
    if before == Before::Old {
        return nothing();
    }
    let lately = || history.lately(note);
    let Some(base) = base(read, before, remembered, lately) else {
        return FileEdit { changes: without_base(read, &now.text), is_stale: true, made: None };
    };
    let Base { held, is_newest, .. } = &base;
    // A word is not made of another one: if they are of two writers, each may go alone.
    let mut made = ChangeSet::between_words(&held.text, read);
    if !*is_newest {
        // A program that takes out more than it puts in looks like one with an old text. What it knew of
        // that came since is not to be there twice.
        made = without_known_lines(&held.text, read, &now.text).unwrap_or(made);
    }
    if held.is_expected {
        // The other machine takes out one of two that are the same, as this one did.
        made = ChangeSet::additions(&held.text, read);
    }
    // It may have been taken in just before a crash.
    let is_taken = || remembered.is_recalled && history.is_taken(note, held, &made);
    if made.is_identity() || is_taken() {
        return nothing();
    }
    let mut made_upon = None;
    let (made, since) = match since(note, held, now, history) {
        Some(Since { changes, is_exact }) => {
            let base = held.version.heads.clone();
            made_upon = is_exact.then(|| Made { base, changes: made.clone() });
            (made, changes)
        }
        // Only the texts can tell what is on both sides.
        None => {
            let since = ChangeSet::between(&held.text, &now.text);
            (twins::without(&made, &since, &held.text), since)
        }
    };
    let changes = made.map(&since, Order::After).expect("invariant: both were made for the base");
    FileEdit { changes, is_stale: !*is_newest || base.goes_back, made: made_upon }
}

/// Whether what a file says was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// It was not, as far as is known.
    Never,
    /// It was, and who wrote it there only had it from then.
    Old,
    /// It was, and somebody took out what came since.
    Again,
}

fn before(note: &NoteId, read: &str, remembered: &Remembered, history: &dyn History) -> Before {
    if remembered.only_others_since(read) {
        return Before::Again;
    }
    if remembered.held(read).is_some() {
        return Before::Old;
    }
    if !history.said(note, read) {
        return Before::Never;
    }
    // A file-sync tool brings what this file never held; but not over what has been there for long. An
    // editor may have it open for as long as it likes, and has read it here.
    let is_chosen = remembered.has_rested && !remembered.has_held(read);
    if is_chosen { Before::Again } else { Before::Old }
}

/// What came into the note after a text that its file held.
struct Since {
    changes: ChangeSet,
    /// Whether the note said just that text.
    is_exact: bool,
}

fn since(note: &NoteId, held: &HeldText, now: &NoteNow, history: &dyn History) -> Option<Since> {
    let (text, since) = history.since(note, &held.version)?;
    let changes = ChangeSet::between(&held.text, &text).compose(&since).ok()?;
    let leads_here = changes.apply(&held.text).is_ok_and(|text| text == now.text);
    leads_here.then(|| Since { changes, is_exact: text == held.text })
}

/// What is in a file and not in the note, when nothing is known of what the file held: it is
/// added, and nothing is removed.
pub(crate) fn without_base(read: &str, now: &str) -> ChangeSet {
    without_deletions(&ChangeSet::between_lines(now, read))
}

/// The change from one text to another by whole lines, without new ones that `now` has as often as
/// `read` does; none when there are no such.
fn without_known_lines(held: &str, read: &str, now: &str) -> Option<ChangeSet> {
    let count =
        |text: &str, line: &str| text.split_inclusive('\n').filter(|it| *it == line).count();
    let is_known = |line: &&str| !line.trim().is_empty() && count(now, line) >= count(read, line);
    let changes = ChangeSet::between_lines(held, read);
    let (mut found, mut sections) = (false, Vec::new());
    for section in changes.sections() {
        match section {
            Section::Replace { deleted, inserted } => {
                let lines = inserted.split_inclusive('\n').filter(|line| !is_known(line));
                let new: String = lines.collect();
                let is_new = new == *inserted;
                found |= !is_new;
                // What stands there instead of other lines may be made of them.
                let (kept, deleted) = if is_new { (0, *deleted) } else { (*deleted, 0) };
                sections.push(Section::Keep(kept));
                sections.push(Section::Replace { deleted, inserted: new });
            }
            keep => sections.push(keep.clone()),
        }
    }
    found.then(|| ChangeSet::from_sections(sections))
}

/// What a change adds; nothing goes.
pub(crate) fn without_deletions(changes: &ChangeSet) -> ChangeSet {
    let mut sections = Vec::new();
    for section in changes.sections() {
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

/// The text that an edit was most likely made of.
struct Base<'a> {
    held: Cow<'a, HeldText>,
    is_newest: bool,
    /// The file says again what it said before other programs wrote, and nobody else.
    goes_back: bool,
}

/// How far a text is from one that a file held.
///
/// A deletion counts double. Else an old buffer with a new line is as near to a text in which somebody
/// else wrote a line at the same place, which would then be replaced. For the same reason a word that
/// stands instead of another one is not near to it because both have some letters; only when most of it
/// stays, and it is no number, it is the same word, corrected.
fn distance(held: &str, read: &str) -> usize {
    let units: Vec<u16> = held.encode_utf16().collect();
    let changes = ChangeSet::between_words(held, read);
    let steps = changes.replacements().map(|Splice { at, deleted, inserted, .. }| {
        let new: Vec<u16> = inserted.encode_utf16().collect();
        let old = &units[at..at + deleted];
        let same = |(one, other): &(&u16, &u16)| one == other;
        let start = old.iter().zip(&new).take_while(same).count();
        let rest = old[start..].iter().rev().zip(new[start..].iter().rev());
        let kept = start + rest.take_while(same).count();
        let is_number = inserted.contains(char::is_numeric);
        let is_same = 2 * kept > old.len().max(new.len()) && !is_number;
        let kept = if is_same { kept } else { 0 };
        2 * (old.len() - kept) + new.len() - kept
    });
    steps.sum()
}

/// Fewer letters and digits than these may be put into one place by two people by chance.
const TELLING: usize = 4;

/// Whether what a file says has words, or whole lines, that came into it after one of its texts, and where
/// they came: who knew that text alone could not write them.
fn knows_more(read: &str, held: &str, newest: &str) -> bool {
    let [made, since] = [read, newest].map(|text| ChangeSet::between_words(held, text));
    let is_telling =
        |text: &str| text.chars().filter(|char| char.is_alphanumeric()).count() >= TELLING;
    let is_same = |made: Splice<'_>, since: Splice<'_>| {
        let mut lines = made.inserted.lines();
        let came = |line: &str| since.inserted.lines().any(|it| it.trim() == line.trim());
        made.at == since.at
            && is_telling(made.inserted)
            && is_telling(since.inserted)
            && (made.inserted.contains(since.inserted) || lines.all(came))
    };
    made.replacements().any(|made| since.replacements().any(|since| is_same(made, since)))
}

/// Whether something of a text is not in the one that was made of it.
fn takes_out(text: &str, read: &str) -> bool {
    ChangeSet::between_words(text, read).replacements().any(|it| it.deleted > 0)
}

/// The remembered text that is nearest to `read`; of several that are as near, the oldest, as less is
/// taken for a deletion then.
fn base<'a>(
    read: &str,
    before: Before,
    remembered: &'a Remembered,
    lately: impl Fn() -> Vec<(String, Version)>,
) -> Option<Base<'a>> {
    let newest = remembered.newest()?;
    let newest_base = |goes_back| Base { held: Cow::Borrowed(newest), is_newest: true, goes_back };
    let is_newest = |goes_back| Some(newest_base(goes_back));
    // Who writes a file piece by piece is seen with a piece. The rest is not an edit of the text
    // before the piece. What only adds to the newest text removes nothing in any case. An empty file
    // is one that was cut off.
    let adds = read.starts_with(&newest.text) && (newest.by_others || !newest.text.is_empty());
    if adds || read.is_empty() {
        return is_newest(false);
    }
    if before == Before::Again {
        return is_newest(true);
    }
    let last = remembered.texts.len() - 1;
    let texts = remembered.texts.iter().enumerate();
    let mut near: Vec<(usize, usize, &HeldText)> =
        texts.map(|(at, held)| (distance(&held.text, read), at, held)).collect();
    near.sort_unstable_by_key(|(distance, at, _)| (*distance, *at));
    // A file-sync tool brings words that have come the other way, too, but not over what has been there
    // for long. Then they are a sign of what the writer has read.
    let is_told = |at: usize, held: &HeldText| {
        remembered.has_rested && at != last && knows_more(read, &held.text, &newest.text)
    };
    let (far, at, held) = *near.iter().find(|(_, at, held)| !is_told(*at, held))?;
    // A file-sync tool may have copied over what was written here a moment ago: then nothing was taken out
    // of what another machine's file said.
    if !remembered.has_rested && !newest.by_others && takes_out(&held.text, read) {
        let others = lately().into_iter().filter(|(text, _)| !takes_out(text, read));
        let others = others.map(|(text, version)| (distance(&text, read), text, version));
        let nearest = others.min_by_key(|(other_far, ..)| *other_far);
        if let Some((_, text, version)) = nearest.filter(|(other_far, ..)| *other_far < far) {
            let held = HeldText { text, by_others: false, is_expected: false, version };
            return Some(Base { held: Cow::Owned(held), is_newest: false, goes_back: false });
        }
    }
    if at == last {
        return is_newest(near[0].1 != last);
    }
    if held.is_expected {
        return Some(Base { held: Cow::Borrowed(held), is_newest: true, goes_back: false });
    }
    // When only other programs wrote after a text, it is most often the same one that writes on:
    // it changes its own last words, or takes them back. That it did not know of them, as they are
    // another program's, is believed when it wrote at another place.
    if remembered.texts.iter().skip(at + 1).all(|held| held.by_others) {
        let made = ChangeSet::between(&held.text, read);
        if twins::touch(&made, &ChangeSet::between(&held.text, &newest.text)) {
            return is_newest(false);
        }
    }
    Some(Base { held: Cow::Borrowed(held), is_newest: false, goes_back: false })
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::file_path::FilePath;
    use crate::file_text::Form;
    use crate::memory::Version;
    use crate::planner::Said;

    fn remembered(texts: &[&str]) -> Remembered {
        let mut remembered = Remembered {
            path: FilePath::new("a.md").unwrap(),
            folders: Vec::new(),
            is_trashed: false,
            title: String::new(),
            form: Form::default(),
            texts: VecDeque::new(),
            former: VecDeque::new(),
            has_rested: false,
            is_deleted: false,
            is_awaited: false,
            is_recalled: false,
            left: VecDeque::new(),
            review: None,
        };
        for text in texts {
            remembered.hold(text, false, &Version::default());
        }
        remembered
    }

    fn now(text: &str) -> NoteNow {
        NoteNow {
            text: text.into(),
            title: String::new(),
            folders: Vec::new(),
            is_trashed: false,
            version: Version::default(),
        }
    }

    fn edit(read: &str, remembered: &Remembered, now: &str) -> FileEdit {
        of_file(&NoteId("note".into()), read, remembered, &self::now(now), &Said::NOTHING)
    }

    #[track_caller]
    fn check(held: &[&str], now: &str, read: &str, expected: &str) -> bool {
        let edit = edit(read, &remembered(held), now);
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
    fn an_old_buffer_erases_no_word_that_its_own_resembles() {
        let held = ["one\ntwo\n", "one\nitem 271\ntwo\n"];
        let stale = check(&held, held[1], "one\nitem 35\ntwo\n", "one\nitem 271\nitem 35\ntwo\n");
        assert!(stale);
        let held = ["we\nend\n", "we recieve\nend\n"];
        let stale = check(&held, held[1], "we receive\nend\n", "we receive\nend\n");
        assert!(!stale, "a corrected word is the same word");
    }

    #[test]
    fn two_writers_words_do_not_become_one() {
        // While one line was in another's place, both were changed.
        let now = "w27x, by Ben\n";
        check(&["w27x\n"], now, "w35x\n", "w35x, by Ben\n");
        let mut remembered = remembered(&["one\n"]);
        remembered.hold("one\nw27x w27x\n", false, &Version::default());
        remembered.may_hold("one\nw27x\n", &Version::default());
        let now = "one\nw27x\n";
        let edit = edit("one\nw35x\n", &remembered, now);
        let text = edit.changes.apply(now).unwrap();
        assert!(
            text.split_whitespace().all(|word| ["one", "w27x", "w35x"].contains(&word)),
            "{text}"
        );
    }

    #[test]
    fn what_was_typed_a_minute_ago_can_be_taken_out() {
        let held: Vec<String> =
            (0..8).map(|at| format!("one\ntwo {at}{at}\nlong line\n")).collect();
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        check(&held, held[7], "one\ntwo 77\n", "one\ntwo 77\n");
    }

    #[test]
    fn a_program_that_goes_on_writing_changes_its_own_words() {
        let mut remembered = remembered(&["one\n"]);
        remembered.hold("one\ngo\n", true, &Version::default());
        let edit = edit("one\nleave\n", &remembered, "one\ngo\n");
        assert_eq!(edit.changes.apply("one\ngo\n").unwrap(), "one\nleave\n");
        assert!(!edit.is_stale);
        let longer = "one\nleave for good\n";
        remembered.hold(longer, true, &Version::default());
        let shorter = self::edit("one\ngo!\n", &remembered, longer);
        assert_eq!(shorter.changes.apply(longer).unwrap(), "one\ngo!\n");
        assert!(!shorter.is_stale);
        let back = self::edit("one\n", &remembered, longer);
        assert_eq!(back.changes.apply(longer).unwrap(), "one\n", "it went back");
        assert!(back.is_stale, "which a person may look at");
    }

    #[test]
    fn a_program_with_an_old_buffer_erases_no_other_programs_words() {
        let mut remembered = remembered(&["one\ntwo\n"]);
        let other = "one, by a script\ntwo\n";
        remembered.hold(other, true, &Version::default());
        let edit = edit("one\ntwo\nthree\n", &remembered, other);
        assert_eq!(edit.changes.apply(other).unwrap(), "one, by a script\ntwo\nthree\n");
        assert!(edit.is_stale);
    }

    #[test]
    fn what_a_program_knew_of_is_not_there_twice_when_it_takes_out_more_than_that() {
        let newest = "one\na long line that goes\ntwo\n";
        check(&["one\n", newest], newest, "one\ntwo\n", newest);
        let newest = "a\nlong line\nb\nc\n";
        check(&["a\nlong line\nc\n", newest], newest, "a\nb\nc\n", newest);
    }

    #[test]
    fn what_has_words_from_elsewhere_is_no_edit_of_an_older_text() {
        let mut remembered = remembered(&["one\ntwo\n"]);
        remembered.hold("one\ntwo\ntrains and boats\n", true, &Version::default());
        let newest = "one\ncall Ben\ntwo\ntrains and boats\n";
        remembered.hold(newest, false, &Version::default());
        let read = "one\ncall Ben\ntwo\n";
        let edit = |remembered: &_| {
            let edit = self::edit(read, remembered, newest);
            (edit.changes.apply(newest).unwrap(), edit.is_stale)
        };
        // A file-sync tool may have compared before Ben's words came into the file.
        assert_eq!(edit(&remembered).0, newest);
        remembered.has_rested = true;
        assert_eq!(edit(&remembered), (read.to_owned(), true), "a person may look at it");
        // They may stand side by side.
        let side_by_side = "one\ntwo\ntrains and boats\ncall Ben\n";
        remembered.hold(side_by_side, false, &Version::default());
        remembered.has_rested = true;
        let beside = self::edit("one\ntwo\ncall Ben\n", &remembered, side_by_side);
        assert_eq!(beside.changes.apply(side_by_side).unwrap(), "one\ntwo\ncall Ben\n");
        // Who has an old text open does not say what came since.
        let old = self::edit("one\nmore\ntwo\n", &remembered, side_by_side);
        let text = old.changes.apply(side_by_side).unwrap();
        assert!(text.contains("call Ben") && text.contains("trains and boats"), "{text}");
    }

    #[test]
    fn what_the_note_said_and_the_file_did_not_is_chosen_when_the_file_had_rested() {
        let (newest, read) = ("one, by Ben\nmine\n", "one, by Ben\n");
        let mut remembered = remembered(&["one\n", newest]);
        let after = |remembered: &Remembered| {
            let now = now(newest);
            let edit = of_file(&NoteId("note".into()), read, remembered, &now, &Said(read));
            edit.changes.apply(newest).unwrap()
        };
        assert_eq!(after(&remembered), newest, "a file-sync tool may have brought it");
        remembered.has_rested = true;
        assert_eq!(after(&remembered), read);
        // An editor may have it open from long ago.
        remembered.hold(read, false, &Version::default());
        for number in 0..20 {
            remembered.hold(&format!("{number}"), false, &Version::default());
        }
        assert!(remembered.held(read).is_none());
        remembered.hold(newest, false, &Version::default());
        remembered.has_rested = true;
        assert_eq!(after(&remembered), newest);
    }

    #[test]
    fn what_another_machines_file_did_not_say_is_not_taken_out() {
        let newest = "one\ntrains and boats\nmine\n";
        let mut remembered = remembered(&["one\n", newest]);
        // A file-sync tool copied what the other machine had, and a program wrote on.
        let (theirs, read) = ("one\ntrains and boats\n", "one\ntrains and boats\nyour\n");
        let after = |remembered: &Remembered| {
            let now = now(newest);
            let edit = of_file(&NoteId("note".into()), read, remembered, &now, &Said(theirs));
            (edit.changes.apply(newest).unwrap(), edit.is_stale)
        };
        let (text, is_stale) = after(&remembered);
        assert!(text.contains("mine") && text.contains("your") && is_stale, "{text}");
        remembered.has_rested = true;
        assert_eq!(after(&remembered).0, read, "somebody wrote another word");
    }

    #[test]
    fn a_program_goes_back_over_any_number_of_its_own_texts() {
        let mut remembered = remembered(&["one\n"]);
        let texts: Vec<String> = (0..30).map(|number| format!("one\nand {number}\n")).collect();
        for text in &texts {
            remembered.hold(text, true, &Version::default());
        }
        let back = edit("one\n", &remembered, &texts[29]);
        assert_eq!(back.changes.apply(&texts[29]).unwrap(), "one\n");
        assert!(back.is_stale, "which a person may look at");
    }

    #[test]
    fn what_the_note_says_already_is_not_taken_in_again() {
        let same = check(&["one\n"], "one\ntwo\n", "one\ntwo\n", "one\ntwo\n");
        assert!(!same);
        // The note has moved on since.
        check(&["one\n"], "one\ntwo\nthree\n", "one\ntwo\n", "one\ntwo\nthree\n");
        // The file has.
        check(&["one\n"], "one\ntwo\n", "one\ntwo\nthree\n", "one\ntwo\nthree\n");
        check(&["a\nb\n"], "a\nx\nb, Ben\n", "a\nx\nb\n", "a\nx\nb, Ben\n");
    }

    #[test]
    fn a_file_written_in_pieces_ends_whole() {
        let mut remembered = remembered(&["one\ntwo\nthree\n"]);
        remembered.hold("one\n", true, &Version::default());
        let edit = edit("one\ntwo\nthree\n", &remembered, "one\nand Ben\n");
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
