//! What one machine took from a file together with more, and another one by itself.
//!
//! A file-sync tool copies a file whenever it likes: one machine reads a word, and the other one that word
//! and the next one at once. If notes meet then, no version of the one says what a version of the
//! other does. But both put something into the same place of a version that both know, and what the
//! one put there is a part of what the other did.

use std::collections::HashMap;

use rejoin_document::{ChangeHash, Document};
use rejoin_notes::change_set::utf16_len;
use rejoin_notes::note::Note;

use super::{Compared, Copies, Places};
use crate::history::{changes, is_from_file};
use crate::memory::Version;

/// How many of the last changes are looked at; more than a `u64` has bits are not possible.
const LAST: usize = 64;

/// How many pairs of them.
const MOST: usize = 400;

/// Two changes that do not know of each other, one of them taken from a file, and the version that both
/// know.
pub(super) struct Apart {
    pub(super) one: ChangeHash,
    pub(super) other: ChangeHash,
    base: Vec<ChangeHash>,
}

/// Such changes among the last ones.
pub(super) fn apart(document: &Document) -> Vec<Apart> {
    let count = document.change_count();
    let first = count.saturating_sub(LAST);
    let hashes: Vec<ChangeHash> = (first..count).filter_map(|at| document.hash_at(at)).collect();
    let places: HashMap<ChangeHash, usize> =
        hashes.iter().enumerate().map(|(at, hash)| (*hash, at)).collect();
    // What each of them knows, as bits.
    let mut known: Vec<u64> = Vec::new();
    for hash in &hashes {
        let deps = document.deps(hash).unwrap_or_default();
        let deps = deps.iter().filter_map(|dep| places.get(dep));
        known.push(deps.fold(0, |known_here, dep| known_here | known[*dep] | 1 << dep));
    }
    let from_file: Vec<bool> = hashes.iter().map(|hash| is_from_file(document, hash)).collect();
    let mut found = Vec::new();
    for later in (0..hashes.len()).rev() {
        for earlier in (0..later).rev() {
            let is_one = from_file[later] || from_file[earlier];
            if !is_one || known[later] >> earlier & 1 == 1 {
                continue;
            }
            if found.len() == MOST {
                return found;
            }
            let both = known[later] & known[earlier];
            let is_head = |at: &usize| {
                let others = (0..hashes.len()).filter(|it| both >> it & 1 == 1);
                both >> at & 1 == 1 && others.into_iter().all(|it| known[it] >> at & 1 == 0)
            };
            let mut base: Vec<ChangeHash> =
                (0..hashes.len()).filter(is_head).map(|at| hashes[at]).collect();
            let (one, other) = (hashes[earlier], hashes[later]);
            if base.is_empty() {
                base = document.deps(&one).unwrap_or_default();
                if document.deps(&other).as_ref() != Some(&base) {
                    continue;
                }
            }
            found.push(Apart { one, other, base });
        }
    }
    found
}

/// Finds the copies in two such changes.
pub(super) fn look(compared: &Compared<'_>, apart: &Apart, copies: &mut Copies) -> Option<()> {
    let document = compared.document;
    let version = |heads: &[ChangeHash]| Version { heads: heads.to_vec(), draft: 0 };
    let text = Note::text_at(document, &apart.base).ok()?;
    let put = |tip: ChangeHash| {
        let changes = changes(document, &version(&apart.base), &version(&[tip]), &text)?;
        let said = changes.apply(&text).ok()?;
        Some((changes, Places::of(compared, &[tip], &said)?))
    };
    let (mine, mut my_places) = put(apart.one)?;
    let (theirs, mut their_places) = put(apart.other)?;
    let units: Vec<u16> = text.encode_utf16().collect();
    let is_word = |unit: Option<&u16>| {
        unit.and_then(|unit| char::from_u32((*unit).into())).is_some_and(char::is_alphanumeric)
    };
    for my in mine.replacements() {
        // What makes a word longer is no word.
        let (before, after) = units.split_at(my.at);
        let (first, last) = (my.inserted.chars().next(), my.inserted.chars().next_back());
        let is_glued = is_word(before.last()) && first.is_some_and(char::is_alphanumeric)
            || is_word(after.first()) && last.is_some_and(char::is_alphanumeric);
        for their in theirs.replacements().filter(|it| it.at == my.at) {
            let found = part(my.inserted, their.inserted);
            let found = found.filter(|_| !is_glued || my.inserted == their.inserted);
            let Some((my_at, their_at, length)) = found else { continue };
            for unit in 0..length {
                let my = my_places.written(my.new_at + my_at + unit);
                let their = their_places.written(their.new_at + their_at + unit);
                if let (Some(my), Some(their)) = (my, their) {
                    copies.join(my, their);
                }
            }
        }
    }
    Some(())
}

/// Where one text is in the other, in whole words, and how long that is.
fn part(mine: &str, theirs: &str) -> Option<(usize, usize, usize)> {
    if mine.len() > theirs.len() {
        return part(theirs, mine).map(|(their_at, my_at, length)| (my_at, their_at, length));
    }
    let is_word = |char: Option<char>| char.is_some_and(char::is_alphanumeric);
    let says_something = mine.contains(char::is_alphanumeric);
    let mut found = theirs.match_indices(mine).filter(|(at, _)| {
        let (before, after) = (&theirs[..*at], &theirs[at + mine.len()..]);
        let is_cut_before = is_word(before.chars().next_back()) && is_word(mine.chars().next());
        let is_cut_after = is_word(mine.chars().next_back()) && is_word(after.chars().next());
        !is_cut_before && !is_cut_after
    });
    let (at, _) = found.next().filter(|_| says_something)?;
    Some((0, utf16_len(&theirs[..at]), utf16_len(mine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_found_in_whole_words() {
        assert_eq!(part("w\n", "y\nw\n"), Some((0, 2, 2)));
        assert_eq!(part("y w\n", "w\n"), Some((2, 0, 2)));
        assert_eq!(part("art", "part of art"), Some((0, 8, 3)));
        assert_eq!(part("the cat", "the dog"), None);
        assert_eq!(part("\n", "y\n"), None);
    }
}
