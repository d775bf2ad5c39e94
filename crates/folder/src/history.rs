//! How a note's document came to say what it says, as the planner asks it.

use std::collections::BTreeSet;

use rejoin_document::{ChangeHash, Document, TextUnit};
use rejoin_notes::change_set::{ChangeSet, Order, Section, utf16_len};
use rejoin_notes::note::Note;

use crate::memory::{HeldText, NoteId, Taken, Version};
use crate::planner::{SameFile, Twin};

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

/// As [`History::twin`](crate::planner::History::twin).
pub(crate) fn twin(document: &Document, held: &HeldText, taken: &Taken) -> Option<Twin> {
    // An edit that was committed upon everything that was here is the only head then.
    let [mine] = taken.into.heads[..] else { return None };
    if taken.from == taken.into || taken.into.draft > 0 || document.draft_len() > 0 {
        return None;
    }
    // What this one was made upon says the same when it was taken back, and did nothing twice.
    let is_before = |heads: &[ChangeHash]| heads.iter().all(|it| is_among(document, it, &[mine]));
    for heads in versions(document) {
        let is_other = !is_among(document, &mine, &heads)
            && !is_before(&heads)
            && says(document, &heads, &held.text);
        if !is_other {
            continue;
        }
        let Some(loser) = loser(document, mine, held, taken, &heads) else {
            // The other machine may take back its own, and has asked of these two alone. What other
            // versions tell must not make this one do the same with the other.
            if heads.len() == 1 && is_from_file(document, &heads[0]) {
                return None;
            }
            continue;
        };
        if let Some(changes) = take_back(document, held, taken, &loser) {
            return Some(Twin { changes, is_shared: loser.is_shared });
        }
    }
    None
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

/// One of two changes that did the same.
struct Loser {
    /// The one to take back.
    change: ChangeHash,
    /// A version that says the same without it.
    stays: Vec<ChangeHash>,
    /// Whether both were taken from files, so that both machines ask.
    is_shared: bool,
}

/// What takes out of the text now what one change put into it.
fn take_back(
    document: &Document,
    held: &HeldText,
    taken: &Taken,
    loser: &Loser,
) -> Option<ChangeSet> {
    let version = |heads| Version { heads, draft: 0 };
    let (before, after) = (version(document.deps(&loser.change)?), version(vec![loser.change]));
    let made = between(document, &before, &after)?;
    let (_, since) = since(document, &after)?;
    let sections = made.sections().iter().map(|section| match section {
        Section::Keep(length) => Section::Keep(*length),
        Section::Replace { inserted, .. } => {
            Section::Replace { deleted: utf16_len(inserted), inserted: String::new() }
        }
    });
    let out = ChangeSet::from_sections(sections).map(&since, Order::After).ok()?;
    // Only one of two goes: what the other one put there must still be there, however others wrote
    // into it.
    let did = match says(document, &after.heads, &held.text) {
        true => made,
        false => ChangeSet::between(&text_at(document, &taken.base)?, &held.text),
    };
    let (_, since) = self::since(document, &version(loser.stays.clone()))?;
    (!out.is_identity() && keeps(&since, &did)).then_some(out)
}

/// Whether a change keeps everything that one before it has inserted.
fn keeps(since: &ChangeSet, before: &ChangeSet) -> bool {
    let mut at = 0;
    let mut inserted = Vec::new();
    for section in before.sections() {
        match section {
            Section::Keep(length) => at += length,
            Section::Replace { inserted: text, .. } => {
                inserted.push(at..at + utf16_len(text));
                at += utf16_len(text);
            }
        }
    }
    let mut at = 0;
    since.sections().iter().all(|section| match section {
        Section::Keep(length) => {
            at += length;
            true
        }
        Section::Replace { deleted, .. } => {
            let gone = at..at + deleted;
            at += deleted;
            inserted
                .iter()
                .all(|it| it.end <= gone.start || gone.end <= it.start || gone.is_empty())
        }
    })
}

/// Which change to take back, of `mine` and a version that says the same without it. The other
/// machine asks the same, and comes to the same answer; so both take back the same words.
fn loser(
    document: &Document,
    mine: ChangeHash,
    held: &HeldText,
    taken: &Taken,
    heads: &[ChangeHash],
) -> Option<Loser> {
    let all_among = |hashes: &[ChangeHash], heads: &[ChangeHash]| {
        hashes.iter().all(|hash| is_among(document, hash, heads))
    };
    // All that an edit did is in another version when it began with a text that this one began with.
    let began_with = |base: &[ChangeHash], heads: &[ChangeHash]| {
        all_among(base, heads)
            || Note::text_at(document, base).is_ok_and(|base| {
                let mut before = versions(document).filter(|version| all_among(version, heads));
                before.any(|version| says(document, &version, &base))
            })
    };
    let i_lose = |is_shared| Loser { change: mine, stays: heads.to_vec(), is_shared };
    let theirs = match heads {
        [theirs] if is_from_file(document, theirs) => *theirs,
        _ => return began_with(&taken.base.heads, heads).then(|| i_lose(false)),
    };
    let deps = |hash: &ChangeHash| document.deps(hash).unwrap_or_default();
    let i_may = began_with(&deps(&mine), &[theirs]);
    let they_may = began_with(&deps(&theirs), &[mine]);
    match (i_may, they_may) {
        (true, true) if mine > theirs => Some(i_lose(true)),
        (true, false) => Some(i_lose(true)),
        (false, false) => None,
        // What says something else besides cannot stand for the other one.
        _ if !says(document, &[mine], &held.text) => None,
        _ => Some(Loser { change: theirs, stays: vec![mine], is_shared: true }),
    }
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
    now.chain(last.into_iter().map(|hash| vec![hash])).chain(twos)
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
