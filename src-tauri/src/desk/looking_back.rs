//! A note's history for the page: sessions of changes, the text after each, and the way to now.
//!
//! Changes are numbered from 1 in the order in which the document has them; each follows what it
//! builds on, so the first `n` changes are a version of the note.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_document::{ChangeHash, ChangeMeta, Document};
use rejoin_notes::change_set::{ChangeSet, Section, utf16_len};
use rejoin_notes::history::SESSION_GAP;
use rejoin_notes::note::Note;
use serde::{Deserialize, Serialize};

use crate::port::{
    Author, BackendError, ChangeSetJson, Difference, ErrorCode, History, HistorySession,
    VersionView, units,
};

/// How many of the latest sessions say how much was written, at most and at least. That of older ones is
/// not worked out: an earlier text is read through all operations of the note.
const MEASURED: std::ops::RangeInclusive<u64> = 3..=100;

/// So many operations are read for it, or about.
const READ_TO_MEASURE: u64 = 400_000;

/// So many changes may have written no text at the beginning of a note.
const MOST_WITHOUT_TEXT: u64 = 8;

/// What others said of themselves, by their author id in hexadecimal.
pub(crate) type People = BTreeMap<String, Person>;

/// A person as they were last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Their name.
    pub(crate) name: String,
    /// One of the eight presence hues.
    pub(crate) colour: u8,
}

/// The author of a change, as the page shows one.
pub(crate) fn author(change: &ChangeMeta, people: &People) -> Author {
    match &change.author {
        Some(author) => person(author, people),
        None => named(change.actor.to_string(), people),
    }
}

/// A person by their author id.
pub(crate) fn person(author: &[u8], people: &People) -> Author {
    named(hexadecimal(author), people)
}

fn named(id: String, people: &People) -> Author {
    match people.get(&id) {
        Some(person) => Author { name: person.name.clone(), colour: person.colour, id },
        None => Author { name: String::new(), colour: hue(&id), id },
    }
}

/// The hue of somebody who named none.
pub(crate) fn hue(id: &str) -> u8 {
    (id.bytes().fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())) % 8) as u8
}

/// The history in sessions, oldest first.
pub(crate) fn history(document: &Document, people: &People) -> History {
    let mut sessions: Vec<HistorySession> = Vec::new();
    let mut boundaries: Vec<Vec<ChangeHash>> = vec![Vec::new()];
    let mut frontier = BTreeSet::new();
    let (mut length, mut operations) = (0, 1);
    for change in document.metadata() {
        length += 1;
        operations = operations.max(change.max_op);
        let at = change.time * 1000;
        let goes_on = sessions.last().is_some_and(|session| {
            session.message.is_none() && (0..=SESSION_GAP * 1000).contains(&(at - session.ended))
        });
        if !goes_on {
            if !sessions.is_empty() {
                boundaries.push(frontier.iter().copied().collect());
            }
            sessions.push(empty_session(length, at));
        }
        advance(&mut frontier, &change);
        if let Some(session) = sessions.last_mut() {
            let author = author(&change, people);
            session.last = length;
            session.ended = at;
            if !session.authors.contains(&author) {
                session.authors.push(author);
            }
            session.message = change.message.clone();
        }
    }
    boundaries.push(document.heads().to_vec());
    let measured = (READ_TO_MEASURE / operations).clamp(*MEASURED.start(), *MEASURED.end());
    let unmeasured = sessions.len().saturating_sub(measured as usize);
    let text = |heads: &[ChangeHash]| Note::text_at(document, heads).unwrap_or_default();
    let mut before = text(&boundaries[unmeasured]);
    for (number, session) in sessions.iter_mut().enumerate().skip(unmeasured) {
        let after = text(&boundaries[number + 1]);
        (session.inserted, session.deleted) = size(&ChangeSet::between(&before, &after));
        before = after;
    }
    let first = first_with_text(document, length, READ_TO_MEASURE / operations);
    // Nobody wrote anything in those; where that is all, the history is empty.
    sessions.retain(|session| session.last >= first);
    History { length, first, sessions }
}

/// The first version with a text, as far as that is found by reading a few: after `length` when there is
/// none. Making a note takes a change or two.
fn first_with_text(document: &Document, length: u32, most: u64) -> u32 {
    let mut frontier = BTreeSet::new();
    let most = most.clamp(1, MOST_WITHOUT_TEXT);
    for (position, change) in (1..).zip(document.metadata().take(most as usize)) {
        advance(&mut frontier, &change);
        let heads: Vec<ChangeHash> = frontier.iter().copied().collect();
        if Note::text_at(document, &heads).is_ok_and(|text| !text.is_empty()) {
            return position;
        }
    }
    units(most as usize + 1).min(length + 1)
}

fn empty_session(first: u32, at: i64) -> HistorySession {
    HistorySession {
        first,
        last: first,
        started: at,
        ended: at,
        authors: Vec::new(),
        message: None,
        inserted: 0,
        deleted: 0,
    }
}

fn advance(frontier: &mut BTreeSet<ChangeHash>, change: &ChangeMeta) {
    for dep in &change.deps {
        frontier.remove(dep);
    }
    frontier.insert(change.hash);
}

/// The heads after so many changes.
///
/// # Errors
///
/// When there are not so many.
pub(crate) fn heads_at(
    document: &Document,
    position: u32,
) -> Result<Vec<ChangeHash>, BackendError> {
    if position as usize > document.change_count() {
        return Err(BackendError::not_found("version"));
    }
    let mut frontier = BTreeSet::new();
    for change in document.metadata().take(position as usize) {
        advance(&mut frontier, &change);
    }
    Ok(frontier.into_iter().collect())
}

/// The position of a version that is known by its heads: that of its last change.
pub(crate) fn position_of(document: &Document, heads: &[ChangeHash]) -> u32 {
    let last = heads.iter().filter_map(|head| document.position(head)).max();
    last.map_or(0, |position| units(position + 1))
}

/// The note's text at some heads.
///
/// # Errors
///
/// When the document does not have them.
pub(crate) fn text_at(document: &Document, heads: &[ChangeHash]) -> Result<String, BackendError> {
    Note::text_at(document, heads).map_err(|_| {
        BackendError::new(ErrorCode::NotFound, "This version is not on this computer.")
    })
}

/// A version and the way from it to the text as it is now.
///
/// # Errors
///
/// When the document does not have these heads.
pub(crate) fn version_view(
    document: &Document,
    heads: &[ChangeHash],
    now: &str,
    people: &People,
) -> Result<VersionView, BackendError> {
    let position = position_of(document, heads);
    let last = position.checked_sub(1).and_then(|last| document.hash_at(last as usize));
    let last = last.and_then(|hash| document.change_meta(&hash));
    Ok(VersionView {
        position,
        at: last.as_ref().map(|change| change.time * 1000),
        author: last.map(|change| author(&change, people)),
        difference: difference(text_at(document, heads)?, now),
    })
}

/// Two texts, as the first and what leads on to the second.
pub(crate) fn difference(before: String, after: &str) -> Difference {
    let changes = ChangeSetJson::from(&ChangeSet::between(&before, after));
    Difference { text: before, changes }
}

/// How many UTF-16 units came in and went.
pub(crate) fn size(changes: &ChangeSet) -> (u32, u32) {
    let sizes = changes.sections().iter().map(|section| match section {
        Section::Keep(_) => (0, 0),
        Section::Replace { deleted, inserted } => (utf16_len(inserted), *deleted),
    });
    let (inserted, deleted) = sizes.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    (units(inserted), units(deleted))
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use rejoin_document::{ActorId, CommitOptions, TextUnit};

    use super::*;

    /// A note whose text grows by a letter at each of these times, in seconds.
    fn written(times: &[i64]) -> Document {
        written_since(times[0], times)
    }

    fn written_since(made: i64, times: &[i64]) -> Document {
        let mut document = Document::new();
        let actor = ActorId::new(b"actor");
        let options = |time| CommitOptions { time, message: None, author: Some(vec![0xab]) };
        let mut tx = document.transaction(&actor);
        let note = Note::create(&mut tx, "").unwrap();
        tx.commit(options(made));
        for (count, time) in times.iter().enumerate() {
            let mut tx = document.transaction(&actor);
            tx.splice_text(note.content, count, 0, "x", TextUnit::Utf16).unwrap();
            tx.commit(options(*time));
        }
        document
    }

    #[test]
    fn pauses_divide_sessions_and_each_says_how_much_was_written() {
        let document = written(&[10, 11, 12, 5000, 5001]);
        let history = history(&document, &People::new());
        assert_eq!(history.length, 6);
        let told: Vec<_> = history.sessions.iter().map(|s| (s.first, s.last, s.inserted)).collect();
        assert_eq!(told, [(1, 4, 3), (5, 6, 2)]);
        assert_eq!(history.sessions[0].authors[0].id, "ab");
    }

    #[test]
    fn begins_where_there_is_something_to_see() {
        let late = history(&written(&[10, 11]), &People::new());
        assert_eq!((late.length, late.first, late.sessions[0].first), (3, 2, 1));
        let empty = history(&written_since(10, &[]), &People::new());
        assert_eq!((empty.length, empty.first, empty.sessions.len()), (1, 2, 0));
        // Made, and written an hour later: the making is no session of its own.
        let later = history(&written_since(10, &[4000, 4001]), &People::new());
        let told: Vec<_> = later.sessions.iter().map(|s| (s.first, s.last, s.inserted)).collect();
        assert_eq!((later.first, told), (2, vec![(2, 3, 2)]));
    }

    #[test]
    fn of_a_long_history_only_the_latest_sessions_are_measured() {
        let times: Vec<i64> = (0..300).flat_map(|s| (0..40).map(move |c| s * 1000 + c)).collect();
        let history = history(&written(&times), &People::new());
        assert_eq!(history.sessions.len(), 300);
        let told = history.sessions.iter().filter(|session| session.inserted == 40).count();
        assert_eq!(told, 33, "{READ_TO_MEASURE} operations by 12,000");
        assert!(history.sessions.iter().rev().take(told).all(|session| session.inserted == 40));
    }

    #[test]
    fn a_version_is_the_text_after_so_many_changes() {
        let document = written(&[10, 11, 12]);
        let heads = heads_at(&document, 2).unwrap();
        let view = version_view(&document, &heads, "xxx", &People::new()).unwrap();
        assert_eq!((view.position, view.difference.text.as_str()), (2, "x"));
        let changes = ChangeSet::try_from(view.difference.changes).unwrap();
        assert_eq!(changes.apply("x").unwrap(), "xxx");
        assert!(heads_at(&document, 5).is_err());
    }

    #[test]
    fn names_come_from_what_people_said_of_themselves() {
        let document = written(&[10]);
        let ana = Person { name: "Ana".to_owned(), colour: 3 };
        let people = People::from([("ab".to_owned(), ana)]);
        let history = history(&document, &people);
        assert_eq!(history.sessions[0].authors[0].name, "Ana");
    }
}
