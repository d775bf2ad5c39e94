//! Finding notes: by their words and by the links between them.

use std::collections::BTreeMap;
use std::path::Path;

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

/// Pieces as one line of plain words, with the ranges of what was found.
fn excerpt(pieces: &[Piece]) -> (String, Vec<TextRange>) {
    let text: Vec<(char, bool)> =
        pieces.iter().flat_map(|piece| piece.text.chars().map(|c| (c, piece.found))).collect();
    let (mut line, mut units_so_far) = (String::new(), 0);
    let mut marks: Vec<TextRange> = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let before = at.checked_sub(1).map_or('\n', |before| text[before].0);
        let markup = markup_at(&text[at..], before);
        if markup > 0 {
            at += markup;
            continue;
        }
        let (letter, found) = text[at];
        at += 1;
        let letter = if letter.is_whitespace() { ' ' } else { letter };
        if letter == ' ' && (line.is_empty() || line.ends_with(' ')) {
            continue;
        }
        line.push(letter);
        let from = units_so_far;
        units_so_far += letter.len_utf16();
        match marks.last_mut() {
            Some(last) if found && last.to == units(from) => last.to = units(units_so_far),
            _ if found => marks.push(TextRange { from: units(from), to: units(units_so_far) }),
            _ => {}
        }
    }
    (line, marks)
}

/// How many characters of markup a text begins with that say nothing in a line of plain words.
/// `before` is what stands before it.
fn markup_at(text: &[(char, bool)], before: char) -> usize {
    let begins_line = before == '\n';
    let letter = |at: usize| text.get(at).map_or(' ', |(letter, _)| *letter);
    let run = |of: char| text.iter().take_while(|(letter, _)| *letter == of).count();
    match letter(0) {
        '#' if begins_line && letter(run('#')) == ' ' => run('#') + 1,
        '-' | '*' | '+' | '>' if begins_line && letter(1) == ' ' => {
            let is_task = letter(2) == '[' && letter(4) == ']' && letter(5) == ' ';
            if is_task { 6 } else { 2 }
        }
        // A star between spaces multiplies.
        '*' | '`' if !before.is_whitespace() || !letter(run(letter(0))).is_whitespace() => {
            run(letter(0))
        }
        '[' | ']' if run(letter(0)) >= 2 => 2,
        _ => 0,
    }
}

/// The line of a text around a link to a title, as plain words with the title marked.
pub(crate) fn line_with_link(text: &str, title: &str) -> (String, Vec<TextRange>) {
    let wanted = format!("[[{}", title.to_lowercase());
    let line = text.lines().find(|line| line.to_lowercase().contains(&wanted)).unwrap_or_default();
    let piece = |text: &str, found| Piece { text: text.to_owned(), found };
    let link = line.to_lowercase().find(&wanted).map(|at| (at + 2, at + wanted.len()));
    // Small letters may be longer than the great ones, and then there is no saying where the title stands.
    let cut =
        link.and_then(|(from, to)| Some((line.get(..from)?, line.get(from..to)?, line.get(to..)?)));
    let (line, marks) = match cut {
        Some((before, title, after)) => {
            excerpt(&[piece(before, false), piece(title, true), piece(after, false)])
        }
        None => excerpt(&[piece(line, false)]),
    };
    (line.trim_end().to_owned(), marks)
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
    fn shows_what_was_found_without_its_markup() {
        let piece = |text: &str, found| Piece { text: text.to_owned(), found };
        let pieces = [
            piece("# Trip\n\nby *", false),
            piece("train", true),
            piece("* to `a`, [[W]]\n- [ ] 2 * 3", false),
        ];
        let (line, marks) = excerpt(&pieces);
        assert_eq!(line, "Trip by train to a, W 2 * 3");
        assert_eq!(marks, [TextRange { from: 8, to: 13 }]);
        assert_eq!(excerpt(&[piece("C# and a-b, #tag", false)]).0, "C# and a-b, #tag");
    }

    #[test]
    fn shows_the_line_of_a_link() {
        let (line, marks) = line_with_link("one\nsee [[Trip]] now\n", "trip");
        assert_eq!(line, "see Trip now");
        assert_eq!(marks, [TextRange { from: 4, to: 8 }]);
        let (line, marks) = line_with_link("- [[Trip#by train|there]], then [[Home]]", "Trip");
        assert_eq!(line, "Trip#by train|there, then Home");
        assert_eq!(marks, [TextRange { from: 0, to: 4 }]);
    }
}
