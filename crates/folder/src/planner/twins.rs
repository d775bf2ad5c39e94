//! The same edit on two ways: through a file that a file-sync tool copies, and through the notes.
//!
//! Whoever comes second must not be taken for another edit, or the words are there twice. When nothing is
//! known of versions, the file's edit is found in what came since by its text ([`without`]).

use rejoin_notes::change_set::{ChangeSet, Section, Splice};

/// An insertion can be told in several ways when the text repeats around it; so far is looked.
const SLIDES: usize = 200;

/// One replacement of a change, in the units of the text before it.
#[derive(Debug, Clone)]
struct Replaced {
    from: usize,
    to: usize,
    inserted: Vec<u16>,
}

fn replacements(changes: &ChangeSet) -> Vec<Replaced> {
    let replaced = changes.replacements().map(|Splice { at, deleted, inserted, .. }| {
        let inserted = inserted.encode_utf16().collect();
        Replaced { from: at, to: at + deleted, inserted }
    });
    replaced.collect()
}

/// Whether two changes of one text change it at the same place anywhere.
pub(super) fn touch(one: &ChangeSet, other: &ChangeSet) -> bool {
    let others = replacements(other);
    replacements(one)
        .iter()
        .any(|it| others.iter().any(|other| it.from <= other.to && other.from <= it.to))
}

/// What `made` does beyond what `since` did at the same places of `base`.
pub(super) fn without(made: &ChangeSet, since: &ChangeSet, base: &str) -> ChangeSet {
    let arrived = replacements(since);
    let text: Vec<u16> = base.encode_utf16().collect();
    let (mut sections, mut at) = (Vec::new(), 0);
    for mut replaced in replacements(made) {
        if let Some(rest) = rest_of(&replaced, &arrived, &text) {
            replaced.inserted = rest;
        }
        sections.push(Section::Keep(replaced.from - at));
        sections.push(Section::Replace {
            deleted: replaced.to - replaced.from,
            inserted: String::from_utf16_lossy(&replaced.inserted),
        });
        at = replaced.to;
    }
    sections.push(Section::Keep(text.len() - at));
    ChangeSet::from_sections(sections)
}

/// What of an insertion is not there yet, when another has begun with it or went on from it.
fn rest_of(replaced: &Replaced, arrived: &[Replaced], text: &[u16]) -> Option<Vec<u16>> {
    if replaced.inserted.is_empty() {
        return None;
    }
    if replaced.from < replaced.to {
        let same = |other: &&Replaced| other.from <= replaced.to && replaced.from <= other.to;
        let other = arrived.iter().find(same)?;
        return rest(&replaced.inserted, &other.inserted);
    }
    slides(text, replaced.from, &replaced.inserted).find_map(|(at, inserted)| {
        let other = arrived.iter().find(|it| it.from <= at && at <= it.to)?;
        let rest = rest(&inserted, &other.inserted)?;
        // What is left of an insertion that was told otherwise stands elsewhere.
        (rest.is_empty() || at == replaced.from).then_some(rest)
    })
}

fn rest(inserted: &[u16], other: &[u16]) -> Option<Vec<u16>> {
    if other.starts_with(inserted) {
        return Some(Vec::new());
    }
    let rest = inserted.strip_prefix(other).filter(|_| !other.is_empty())?;
    Some(rest.to_vec())
}

/// The ways in which one insertion into a text can be told: at which place, and what.
fn slides(
    text: &[u16],
    at: usize,
    inserted: &[u16],
) -> impl Iterator<Item = (usize, Vec<u16>)> + use<> {
    let mut found = vec![(at, inserted.to_vec())];
    let (mut place, mut what) = (at, inserted.to_vec());
    while place > 0 && what.last() == text.get(place - 1) && found.len() < SLIDES {
        what.rotate_right(1);
        place -= 1;
        found.push((place, what.clone()));
    }
    (place, what) = (at, inserted.to_vec());
    while place < text.len() && what.first() == text.get(place) && found.len() < 2 * SLIDES {
        what.rotate_left(1);
        place += 1;
        found.push((place, what.clone()));
    }
    found.into_iter()
}
