//! Texts and counters read back as they were written, wherever they were moved to in between.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::collections::BTreeMap;

use rejoin_derive::{Hydrate, Reconcile};
use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, PatchLog,
    typed::{self, Counter, Text},
};

#[derive(Debug, Clone, PartialEq, Default, Reconcile, Hydrate)]
struct Board {
    keyed: Vec<Keyed>,
    plain: Vec<Plain>,
    texts: Vec<Text>,
    counters: Vec<Counter>,
    by_name: BTreeMap<String, Plain>,
    first: Option<Text>,
    second: Option<Text>,
    pair: (Counter, Text),
    other: (Counter, Text),
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
struct Keyed {
    #[key]
    id: u64,
    text: Text,
    count: Counter,
    note: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
struct Plain {
    text: Text,
    count: Counter,
    note: Option<Text>,
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
enum Shape {
    Nothing,
    Words(Text),
    Both { text: Text, count: Counter },
}

fn keyed(id: u64, text: &str, count: i64) -> Keyed {
    Keyed { id, text: text.into(), count: count.into(), note: None }
}

fn plain(text: &str, count: i64) -> Plain {
    Plain { text: text.into(), count: count.into(), note: None }
}

fn write(document: &mut Document, actor: u8, value: &impl typed::Reconcile) {
    let mut tx = document.transaction(&ActorId::new(&[actor]));
    typed::reconcile(&mut tx, value).unwrap();
    tx.commit(CommitOptions::default());
}

fn read<T: typed::Hydrate>(document: &Document) -> T {
    typed::hydrate(&document.view()).unwrap()
}

/// Writes a value, lets it be read and changed, and says that the change reads back as it was made.
#[track_caller]
fn check(before: Board, change: impl FnOnce(&mut Board)) {
    let mut document = Document::new();
    write(&mut document, 1, &before);
    let mut value: Board = read(&document);
    change(&mut value);
    write(&mut document, 1, &value);
    assert_eq!(read::<Board>(&document), value);
}

#[test]
fn swapped_items_with_a_key_keep_their_texts_and_counters() {
    let keyed = vec![keyed(1, "one", 1), keyed(2, "two", 2)];
    check(Board { keyed, ..Board::default() }, |board| board.keyed.swap(0, 1));
}

#[test]
fn items_without_a_key_keep_theirs_when_another_goes() {
    let plain = vec![plain("one", 1), plain("two", 2)];
    check(Board { plain, ..Board::default() }, |board| {
        board.plain.remove(0);
    });
}

#[test]
fn a_text_or_counter_moved_to_another_field_comes_whole() {
    let pair = (7.into(), "seven".into());
    let board = Board { first: Some("text".into()), pair, ..Board::default() };
    check(board, |board| {
        board.second = board.first.take();
        std::mem::swap(&mut board.pair, &mut board.other);
    });
}

#[test]
fn what_was_read_from_one_document_is_written_whole_into_another() {
    let mut from = Document::new();
    write(&mut from, 1, &Board { keyed: vec![keyed(1, "one", 1)], ..Board::default() });
    let value: Board = read(&from);
    // The new objects get the very ids of the old ones, of which the new document knows nothing.
    let mut fresh = Document::new();
    write(&mut fresh, 1, &value);
    assert_eq!(read::<Board>(&fresh), value);
    // Objects are there already, with ids that differ in their actor only.
    let mut other = Document::new();
    write(&mut other, 2, &Board { keyed: vec![keyed(1, "uno", 3)], ..Board::default() });
    write(&mut other, 2, &value);
    assert_eq!(read::<Board>(&other), value);
}

#[test]
fn what_others_add_meanwhile_stays_where_the_object_is_the_same() {
    let mut document = Document::new();
    let keyed = vec![keyed(1, "one", 1), keyed(2, "two", 2)];
    write(&mut document, 1, &Board { keyed, ..Board::default() });
    let mut copy = Document::load(&document.save(), LoadOptions::default()).unwrap();
    let mut value: Board = read(&copy);
    let mut others: Board = read(&document);
    others.keyed[0].text.set("one and a half");
    others.keyed[0].count.increment(10);
    write(&mut document, 2, &others);
    copy.merge(&document, &mut PatchLog::inactive()).unwrap();
    value.keyed[0].count.increment(5);
    value.keyed[1].text.set("two!");
    write(&mut copy, 3, &value);
    let merged: Board = read(&copy);
    assert_eq!(merged.keyed[0].text.as_str(), "one and a half");
    assert_eq!(merged.keyed[0].count.value(), 16);
    assert_eq!(merged.keyed[1].text.as_str(), "two!");
}

struct Random(rejoin_seeds::Random);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0.below(end)
    }

    fn text(&mut self) -> Text {
        const PARTS: [&str; 6] = ["", "a", "bc ", "é", "😀", "e\u{301}"];
        (0..self.below(4)).map(|_| PARTS[self.below(6)]).collect::<String>().into()
    }

    fn note(&mut self) -> Option<Text> {
        (self.below(2) == 0).then(|| self.text())
    }

    fn plain(&mut self) -> Plain {
        let count = (self.below(5) as i64).into();
        Plain { text: self.text(), count, note: self.note() }
    }

    fn shape(&mut self) -> Shape {
        match self.below(3) {
            0 => Shape::Nothing,
            1 => Shape::Words(self.text()),
            _ => Shape::Both { text: self.text(), count: Counter::from(3) },
        }
    }

    /// Moves, removes, swaps, copies or adds an item.
    fn shuffle<T: Clone>(&mut self, items: &mut Vec<T>, new: impl FnOnce(&mut Self) -> T) {
        let (one, other) = (self.below(items.len()), self.below(items.len()));
        match self.below(7) {
            0 | 1 => {
                let item = new(self);
                items.insert(other, item);
            }
            _ if items.is_empty() => {}
            2 => items.swap(one, other),
            3 => drop(items.remove(one)),
            4 => {
                let item = items.remove(one);
                let to = self.below(items.len() + 1);
                items.insert(to, item);
            }
            5 => items[one] = items[other].clone(),
            _ => items.insert(one, items[other].clone()),
        }
    }

    fn edit_text(&mut self, text: &mut Text) {
        let more = self.text();
        let from_start = self.below(2) == 0;
        let kept: String = text.as_str().chars().skip(usize::from(from_start)).collect();
        text.set(if from_start { kept + more.as_str() } else { more.as_str().to_owned() + &kept });
    }

    fn change(&mut self, board: &mut Board) {
        match self.below(14) {
            0 => self.shuffle(&mut board.keyed, |random| {
                let Plain { text, count, note } = random.plain();
                Keyed { id: random.below(4) as u64, text, count, note }
            }),
            1 => self.shuffle(&mut board.plain, Self::plain),
            2 => self.shuffle(&mut board.texts, Self::text),
            3 => self.shuffle(&mut board.counters, |random| (random.below(9) as i64).into()),
            4 => self.shuffle(&mut board.shapes, Self::shape),
            5 => std::mem::swap(&mut board.first, &mut board.second),
            6 => board.first = self.note(),
            7 => std::mem::swap(&mut board.pair, &mut board.other),
            8 => board.pair = (board.other.0.clone(), board.pair.1.clone()),
            9 => {
                let name = ["a", "b", "c"][self.below(3)].to_owned();
                match board.plain.pop() {
                    Some(item) => drop(board.by_name.insert(name, item)),
                    None => board.plain.extend(board.by_name.remove(&name)),
                }
            }
            10 => {
                if let (Some(keyed), Some(plain)) = (board.keyed.last_mut(), board.plain.first()) {
                    (keyed.text, keyed.note) = (plain.text.clone(), plain.note.clone());
                }
            }
            11 => {
                let at = self.below(board.keyed.len());
                if let Some(item) = board.keyed.get_mut(at) {
                    self.edit_text(&mut item.text);
                    item.count.increment(self.below(5) as i64 - 2);
                }
            }
            12 => {
                let at = self.below(board.plain.len());
                if let Some(item) = board.plain.get_mut(at) {
                    item.note.iter_mut().for_each(|note| self.edit_text(note));
                    item.count.increment(1);
                }
            }
            _ => self.edit_text(&mut board.pair.1),
        }
    }
}

#[test]
fn what_was_written_is_read_after_any_change() {
    for seed in rejoin_seeds::seeds(100) {
        let mut random = Random(rejoin_seeds::Random::new(seed));
        let mut documents = [Document::new(), Document::new()];
        for (actor, document) in (1..).zip(&mut documents) {
            write(document, actor, &Board::default());
        }
        for _ in 0..40 {
            let from = random.below(2);
            let mut value: Board = read(&documents[from]);
            for _ in 0..1 + random.below(4) {
                random.change(&mut value);
            }
            // Now and then it goes over what the other document holds.
            let to = if random.below(5) == 0 { 1 - from } else { from };
            write(&mut documents[to], to as u8 + 1, &value);
            assert_eq!(read::<Board>(&documents[to]), value);
        }
        let [document, _] = documents;
        let loaded = Document::load(&document.save(), LoadOptions::default()).unwrap();
        assert_eq!(read::<Board>(&loaded), read::<Board>(&document));
    }
}
