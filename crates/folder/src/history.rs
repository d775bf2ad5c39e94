//! How a note's document came to say what it says, as the planner asks it.

mod doubles;

use std::collections::BTreeSet;

use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, PatchLog, TextUnit};
use rejoin_notes::change_set::{ChangeSet, Order, utf16_len};
use rejoin_notes::editing::EditedText;
use rejoin_notes::note::{Note, NoteWriter};

use crate::memory::{HeldText, NoteId, Version};
use crate::planner::{Made, SameFile};

/// What a change says that was taken from a file.
pub const FROM_FILE: &str = "Edited as a file";

/// How many changes are looked back for a text that the note said once.
const LOOK_BACK: usize = 256;

/// Two notes that were made within so many seconds may be of the same file.
const AT_ONCE: u64 = 600;

/// How many of the last changes are also looked at in twos, as a machine that has just heard of
/// another's changes has made none upon them yet.
const IN_TWOS: usize = 24;

/// The version that a document has now.
pub(crate) fn version_of(document: &Document) -> Version {
    Version { heads: document.heads().to_vec(), draft: document.draft_len() }
}

/// As [`History::since`](crate::planner::History::since).
pub(crate) fn since(document: &Document, version: &Version) -> Option<(String, ChangeSet)> {
    let text = text_at(document, version)?;
    let changes = changes(document, version, &version_of(document), &text)?;
    Some((text, changes))
}

/// As [`History::between`](crate::planner::History::between).
pub(crate) fn between(document: &Document, from: &Version, to: &Version) -> Option<ChangeSet> {
    let text = text_at(document, from)?;
    changes(document, from, to, &text)
}

/// As [`History::said`](crate::planner::History::said).
pub(crate) fn said(document: &Document, text: &str) -> bool {
    // Every note said nothing once, before it was written. A file that is empty was emptied.
    !text.is_empty() && versions(document).any(|heads| says(document, &heads, text))
}

/// As [`History::lately`](crate::planner::History::lately).
pub(crate) fn lately(document: &Document) -> Vec<(String, Version)> {
    let texts = versions(document).take(IN_TWOS).filter_map(|heads| {
        // Every note said nothing once.
        let text = Note::text_at(document, &heads).ok().filter(|text| !text.is_empty())?;
        Some((text, Version { heads, draft: 0 }))
    });
    texts.collect()
}

/// As [`History::is_taken`](crate::planner::History::is_taken).
pub(crate) fn is_taken(document: &Document, held: &HeldText, made: &ChangeSet) -> bool {
    let Some(text) = text_at(document, &held.version) else { return false };
    let held_to_text = ChangeSet::between(&held.text, &text);
    let is_this = |hash: ChangeHash| {
        let deps = document.deps(&hash)?;
        if !held.version.heads.iter().all(|head| is_among(document, head, &deps)) {
            return None;
        }
        let (before, after) = (Version { heads: deps, draft: 0 }, vec![hash]);
        let since = changes(document, &held.version, &before, &text)?;
        let since = held_to_text.compose(&since).ok()?;
        let made = made.map(&since, Order::After).ok()?;
        let made = made.apply(&text_at(document, &before)?).ok()?;
        Some(says(document, &after, &made))
    };
    let count = document.change_count();
    let last = (count.saturating_sub(LOOK_BACK)..count).rev();
    last.filter_map(|at| document.hash_at(at))
        .filter(|hash| is_from_file(document, hash))
        .any(|hash| is_this(hash).unwrap_or(false))
}

/// As [`History::doubles`](crate::planner::History::doubles).
pub(crate) use doubles::{Known, doubles};

/// Writes an edit of a file as a change of the version that the file was of, which is not the newest.
///
/// What it says there is what the file says, and what it follows is what the file's writer knew: that
/// is how the same edit is known again when it comes from elsewhere. The actor must be a new one.
/// Nothing is written when the version is not here, or it is no longer a note. What it does to the
/// newest text goes to `log`.
pub(crate) fn write_upon(
    document: &mut Document,
    made: &Made,
    actor: &ActorId,
    options: CommitOptions,
    log: &mut PatchLog,
) -> Option<ChangeHash> {
    let mut older = document.fork_at(&made.base).ok()?;
    let note = Note::find(&older.view()).ok()?;
    let mut tx = older.transaction(actor);
    NoteWriter::new(&mut tx, note).apply(&made.changes).ok()?;
    let hash = tx.commit(options)?;
    let change = older.change(&hash)?;
    document.apply([change], log).ok()?;
    Some(hash)
}

/// The version that an edit made by [`write_upon`] since `from` is, and what it changed.
pub(crate) fn found_upon(
    document: &Document,
    from: &Version,
    made: &Made,
) -> Option<(Version, ChangeSet)> {
    let text = text_at(document, from)?;
    let changes = changes(document, from, &version_of(document), &text)?;
    let said = made.changes.apply(&Note::text_at(document, &made.base).ok()?).ok()?;
    let mut new = document.hashes_since(&from.heads).into_iter();
    let change = new.find(|hash| {
        document.deps(hash).as_ref() == Some(&made.base) && says(document, &[*hash], &said)
    })?;
    Some((Version { heads: vec![change], draft: 0 }, changes))
}

/// A new actor for [`write_upon`]. It stands beside the machine's own in the order of actors.
pub(crate) fn actor_beside(actor: &ActorId, random: [u8; 16]) -> ActorId {
    ActorId::new(&[actor.as_bytes(), &random[..]].concat())
}

/// As [`History::same_file`](crate::planner::History::same_file).
pub(crate) fn same_file(
    (mine, my_document): (&NoteId, &Document),
    (other, other_document): (&NoteId, &Document),
) -> Option<SameFile> {
    let (my_text, my_time) = made_of_file(my_document)?;
    let (other_text, other_time) = made_of_file(other_document)?;
    // Later, or with nothing in them, they are more likely two files.
    if my_text.trim().is_empty() || my_time.abs_diff(other_time) > AT_ONCE {
        return None;
    }
    let base = match said(other_document, &my_text) {
        true => my_text,
        false => Some(other_text).filter(|text| said(my_document, text))?,
    };
    Some(SameFile { mine_goes: (my_time, mine) > (other_time, other), base })
}

/// What a note said, and when, when it was made of a file.
fn made_of_file(document: &Document) -> Option<(String, i64)> {
    // An empty change comes before.
    let mut first = (0..2).filter_map(|at| document.hash_at(at));
    let made = first.find(|hash| is_from_file(document, hash))?;
    let time = document.change_meta(&made)?.time;
    Some((Note::text_at(document, &[made]).ok()?, time))
}

fn is_from_file(document: &Document, hash: &ChangeHash) -> bool {
    document.change_meta(hash).is_some_and(|meta| meta.message.as_deref() == Some(FROM_FILE))
}

/// Whether a change is one of `heads` or came before them.
fn is_among(document: &Document, hash: &ChangeHash, heads: &[ChangeHash]) -> bool {
    let Some(position) = document.position(hash) else { return false };
    let mut waiting = heads.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(next) = waiting.pop() {
        if next == *hash {
            return true;
        }
        // What stands before it in the log cannot follow it.
        let is_behind = document.position(&next).is_some_and(|it| it > position);
        if is_behind && seen.insert(next) {
            waiting.extend(document.deps(&next).unwrap_or_default());
        }
    }
    false
}

/// Versions in which machines may have written the note to a file, the newest first: after each of
/// the last changes, and after two of them that do not know of each other.
fn versions(document: &Document) -> impl Iterator<Item = Vec<ChangeHash>> + '_ {
    let count = document.change_count();
    let first = count.saturating_sub(LOOK_BACK);
    let last: Vec<ChangeHash> =
        (first..count).rev().filter_map(|at| document.hash_at(at)).collect();
    let some = last[..last.len().min(IN_TWOS)].to_vec();
    let twos = (0..some.len()).flat_map(move |at| {
        let some = some.clone();
        (at + 1..some.len()).filter_map(move |other| {
            let (newer, older) = (some[at], some[other]);
            (!is_among(document, &older, &[newer])).then(|| vec![newer, older])
        })
    });
    let now = std::iter::once(document.heads().to_vec());
    let before = last.clone().into_iter().filter_map(|hash| document.deps(&hash));
    let before = before.filter(|deps| deps.len() > 1);
    now.chain(last.into_iter().map(|hash| vec![hash])).chain(before).chain(twos)
}

fn says(document: &Document, heads: &[ChangeHash], text: &str) -> bool {
    Note::text_at(document, heads).is_ok_and(|said| said == text)
}

/// The text at a version that is known and had no draft.
fn text_at(document: &Document, version: &Version) -> Option<String> {
    let is_known = version.draft == 0 && !version.heads.is_empty();
    is_known.then(|| Note::text_at(document, &version.heads).ok()).flatten()
}

/// The change from one version to another; `text` is that of the first.
fn changes(document: &Document, from: &Version, to: &Version, text: &str) -> Option<ChangeSet> {
    if to.draft > 0 {
        return None;
    }
    let patches = document.diff(&from.heads, &to.heads, TextUnit::Utf16).ok()?;
    let note = Note::find(&document.view()).ok()?;
    note.changes(&patches, utf16_len(text)).ok()
}
