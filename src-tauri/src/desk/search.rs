//! Finding notes: by their words and by the links between them.

use std::collections::BTreeMap;
use std::path::Path;

use rejoin_notes::change_set::utf16_len;
use rejoin_notes::links::LinkIndex;
use rejoin_notes::title;
use rejoin_storage::text_index::{Hit, Piece, TextEntry};
use rejoin_storage::{StoreError, TextIndex};

use crate::port::{ItemId, SearchHit, TextRange, units};

/// The indexes of a profile's notes. What they hold can be made again from the notes.
pub(crate) struct Search {
    words: TextIndex,
    links: LinkIndex,
    stamps: BTreeMap<String, Vec<u8>>,
}

impl Search {
    /// Opens the indexes in a profile's folder.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened or made.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut words = TextIndex::open(&folder.join("search.sqlite"))?;
        let stamps = words.stamps()?.into_iter().collect();
        Ok(Self { words, links: LinkIndex::default(), stamps })
    }

    /// Takes in what notes say now. Each stamp tells this state of the note from others: what is
    /// indexed with the same stamp is not written again.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub(crate) fn put<'a>(
        &mut self,
        notes: impl IntoIterator<Item = (&'a ItemId, &'a str, Vec<u8>)>,
    ) -> Result<(), StoreError> {
        let mut changed = Vec::new();
        for (note, text, stamp) in notes {
            self.links.update(&note.0, text);
            if self.stamps.get(&note.0) != Some(&stamp) {
                changed.push((&note.0, title::title(text).unwrap_or_default(), text, stamp));
            }
        }
        let entries = changed.iter().map(|(id, title, body, stamp)| TextEntry {
            id: id.as_str(),
            title,
            body,
            stamp,
        });
        let entries: Vec<TextEntry<'_>> = entries.collect();
        if !entries.is_empty() {
            self.words.put(&entries)?;
        }
        let stamps = changed.into_iter().map(|(id, _, _, stamp)| (id.to_owned(), stamp));
        self.stamps.extend(stamps);
        Ok(())
    }

    /// Forgets a note.
    ///
    /// # Errors
    ///
    /// When the index cannot be written.
    pub(crate) fn remove(&mut self, note: &ItemId) -> Result<(), StoreError> {
        self.links.remove(&note.0);
        self.stamps.remove(&note.0);
        self.words.remove(&[&note.0])
    }

    /// Notes with these words, best first.
    ///
    /// # Errors
    ///
    /// When the index cannot be read.
    pub(crate) fn text(&mut self, typed: &str, limit: usize) -> Result<Vec<SearchHit>, StoreError> {
        Ok(self.words.search(typed, limit)?.into_iter().map(shown).collect())
    }

    /// Notes that link to a title.
    pub(crate) fn linking_to(&self, title: &str) -> Vec<ItemId> {
        self.links.backlinks(title).map(|id| ItemId(id.to_owned())).collect()
    }
}

fn shown(hit: Hit) -> SearchHit {
    let title = hit.title.iter().map(|piece| piece.text.as_str()).collect();
    let (excerpt, marks) = excerpt(&hit.snippet);
    SearchHit { note: ItemId(hit.id), title, excerpt, marks }
}

/// Pieces as one line, with the ranges of what was found.
fn excerpt(pieces: &[Piece]) -> (String, Vec<TextRange>) {
    let mut line = String::new();
    let mut marks = Vec::new();
    for piece in pieces {
        let from = units(utf16_len(&line));
        line.extend(piece.text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
        if piece.found {
            marks.push(TextRange { from, to: units(utf16_len(&line)) });
        }
    }
    (line, marks)
}

/// The line of a text around a link to a title.
pub(crate) fn line_with_link(text: &str, title: &str) -> (String, Vec<TextRange>) {
    let wanted = format!("[[{}", title.to_lowercase());
    let line = text.lines().find(|line| line.to_lowercase().contains(&wanted)).unwrap_or_default();
    let marks = line.to_lowercase().find(&wanted).filter(|at| line.is_char_boundary(*at));
    let mark = marks.map(|at| {
        let from = utf16_len(&line[..at]);
        TextRange { from: units(from), to: units(from + utf16_len(&wanted)) }
    });
    (line.trim_end().to_owned(), mark.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ItemId {
        ItemId(name.to_owned())
    }

    #[test]
    fn finds_words_and_links() {
        let folder = tempfile::tempdir().unwrap();
        let mut search = Search::open(folder.path()).unwrap();
        let (a, b) = (id("a"), id("b"));
        let groceries = "# Groceries\nmilk and bread, see [[Trip]]";
        search.put([(&a, groceries, vec![1]), (&b, "# Trip\nby train", vec![1])]).unwrap();
        let hits = search.text("brea", 10).unwrap();
        assert_eq!((hits.len(), hits[0].title.as_str()), (1, "Groceries"));
        let mark = hits[0].marks[0];
        let units: Vec<u16> = hits[0].excerpt.encode_utf16().collect();
        let marked = String::from_utf16(&units[mark.from as usize..mark.to as usize]).unwrap();
        assert!(marked.starts_with("brea"), "{marked}");
        assert_eq!(search.linking_to("Trip"), [id("a")]);
        search.remove(&id("a")).unwrap();
        assert!(search.text("milk", 10).unwrap().is_empty());
        assert!(search.linking_to("Trip").is_empty());
    }

    #[test]
    fn shows_the_line_of_a_link() {
        let (line, marks) = line_with_link("one\nsee [[Trip]] now\n", "trip");
        assert_eq!(line, "see [[Trip]] now");
        assert_eq!(marks, [TextRange { from: 4, to: 10 }]);
    }
}
