//! Who wrote which part of a note, and what is new since someone last looked.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use rejoin_document::{ActorId, ChangeHash, Document, TextUnit};

use crate::history::Author;
use crate::note::Note;

/// A part of a note's text by one author.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Where, in UTF-16 units.
    pub range: Range<usize>,
    /// Who wrote it; nobody for a draft that is not committed.
    pub author: Option<Author>,
}

/// Who wrote each part of a note, from its start to its end.
pub fn authorship(document: &Document, note: Note) -> Vec<Part> {
    parts(document, note, |_| true)
}

/// What others than `me` wrote since the document was at the heads `seen`, as far as it is still
/// there. Heads that the document does not have are passed over.
pub fn news(document: &Document, note: Note, seen: &[ChangeHash], me: &Author) -> Vec<Part> {
    let new: HashSet<ChangeHash> = document.hashes_since(seen).into_iter().collect();
    let mut found = parts(document, note, |change| new.contains(change));
    found.retain(|part| part.author.as_ref().is_some_and(|author| author != me));
    found
}

/// The parts by changes that are wanted, those of one author next to each other as one.
fn parts(document: &Document, note: Note, wanted: impl Fn(&ChangeHash) -> bool) -> Vec<Part> {
    let mut authors: BTreeMap<ActorId, Author> = BTreeMap::new();
    let mut found: Vec<Part> = Vec::new();
    let written = document.attribution(note.content, TextUnit::Utf16).unwrap_or_default();
    for part in written {
        if part.change.as_ref().is_some_and(|change| !wanted(change)) {
            continue;
        }
        let author = part.actor.zip(part.change).map(|(actor, change)| {
            let author = authors.entry(actor.clone()).or_insert_with(|| {
                let named = document.change_meta(&change).and_then(|change| change.author);
                named.map_or(Author::Actor(actor), Author::Person)
            });
            author.clone()
        });
        match found.last_mut() {
            Some(last) if last.author == author && last.range.end == part.range.start => {
                last.range.end = part.range.end;
            }
            _ => found.push(Part { range: part.range, author }),
        }
    }
    found
}
