//! The difference between two texts: by lines, within changed lines by words, then by characters at
//! the ends of what is left.

use imara_diff::{Algorithm, Diff, Hunk, InternedInput, Interner};
use unicode_segmentation::UnicodeSegmentation;

use super::{ChangeSet, utf16_len};

/// See [`ChangeSet::between_lines`].
pub(super) fn between_lines(before: &str, after: &str) -> ChangeSet {
    let mut changes = ChangeSet::default();
    walk(&lines(before), &lines(after), &mut changes, |old, new, changes| {
        changes.insert(&new.concat());
        changes.delete(utf16_len(&old.concat()));
    });
    changes
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// See [`ChangeSet::between`].
pub(super) fn between(before: &str, after: &str) -> ChangeSet {
    let mut changes = ChangeSet::default();
    walk(&lines(before), &lines(after), &mut changes, |old, new, changes| {
        let old_words: Vec<&str> = old.iter().flat_map(|line| line.split_word_bounds()).collect();
        let new_words: Vec<&str> = new.iter().flat_map(|line| line.split_word_bounds()).collect();
        walk(&old_words, &new_words, changes, |old, new, changes| {
            replace(&old.concat(), &new.concat(), changes);
        });
    });
    changes
}

/// See [`ChangeSet::between_words`].
pub(super) fn between_words(before: &str, after: &str) -> ChangeSet {
    let mut changes = ChangeSet::default();
    walk(&lines(before), &lines(after), &mut changes, |old, new, changes| {
        // Spaces alone say nothing of what belongs together.
        walk(&spaced_words(old), &spaced_words(new), changes, |old, new, changes| {
            replace_words(&old.concat(), &new.concat(), changes);
        });
    });
    changes
}

/// Replaces words as a whole, if they do not only grow or shrink; the space behind them stays.
fn replace_words(old: &str, new: &str, changes: &mut ChangeSet) {
    let start = common_prefix(old, new);
    let end = common_suffix(&old[start..], &new[start..]);
    let differing = [&old[start..old.len() - end], &new[start..new.len() - end]];
    // Another number is never the same one.
    if differing.contains(&"") && !differing.concat().contains(char::is_numeric) {
        return replace(old, new, changes);
    }
    let space = |text: &str| text.len() - text.trim_end().len();
    let end = common_suffix(old, new).min(space(old)).min(space(new));
    changes.insert(&new[..new.len() - end]);
    changes.delete(utf16_len(&old[..old.len() - end]));
    changes.keep(utf16_len(&old[old.len() - end..]));
}

/// See [`ChangeSet::additions`].
pub(super) fn additions(before: &str, after: &str) -> ChangeSet {
    let mut changes = ChangeSet::default();
    walk(&lines(before), &lines(after), &mut changes, |old, new, changes| {
        walk(&spaced_words(old), &spaced_words(new), changes, |old, new, changes| {
            changes.insert(&new.concat());
            changes.keep(utf16_len(&old.concat()));
        });
    });
    changes
}

/// The words of some lines, each with the space that follows it.
fn spaced_words<'t>(lines: &[&'t str]) -> Vec<&'t str> {
    let mut words = Vec::new();
    for line in lines {
        let (mut start, mut was_space) = (0, false);
        for (at, char) in line.char_indices() {
            if was_space && !char.is_whitespace() {
                words.push(&line[start..at]);
                start = at;
            }
            was_space = char.is_whitespace();
        }
        words.push(&line[start..]);
    }
    words
}

/// The number of bytes that both begin with, not cutting through a character.
pub(super) fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(x, y)| x == y).map(|(x, _)| x.len_utf8()).sum()
}

/// The number of bytes that both end with, not cutting through a character.
pub(super) fn common_suffix(a: &str, b: &str) -> usize {
    a.chars()
        .rev()
        .zip(b.chars().rev())
        .take_while(|(x, y)| x == y)
        .map(|(x, _)| x.len_utf8())
        .sum()
}

/// Keeps what two lists of pieces share, and hands each pair of differing stretches to `differ`.
fn walk(
    old: &[&str],
    new: &[&str],
    changes: &mut ChangeSet,
    differ: impl Fn(&[&str], &[&str], &mut ChangeSet),
) {
    let mut input: InternedInput<&str> = InternedInput {
        before: Vec::new(),
        after: Vec::new(),
        interner: Interner::new(old.len() + new.len()),
    };
    input.update_before(old.iter().copied());
    input.update_after(new.iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_no_heuristic(&input);
    let mut at = 0;
    for Hunk { before, after } in diff.hunks() {
        let (start, end) = (before.start as usize, before.end as usize);
        keep_all(&old[at..start], changes);
        differ(&old[start..end], &new[after.start as usize..after.end as usize], changes);
        at = end;
    }
    keep_all(&old[at..], changes);
}

fn keep_all(pieces: &[&str], changes: &mut ChangeSet) {
    changes.keep(pieces.iter().map(|piece| utf16_len(piece)).sum());
}

fn replace(old: &str, new: &str, changes: &mut ChangeSet) {
    for section in ChangeSet::replacement(old, new).sections() {
        match section {
            super::Section::Keep(length) => changes.keep(*length),
            super::Section::Replace { deleted, inserted } => {
                changes.insert(inserted);
                changes.delete(*deleted);
            }
        }
    }
}
