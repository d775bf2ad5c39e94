//! Undo against models: a person alone walks over states that were written down; of two people
//! each takes back only what is theirs.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::collections::BTreeMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{
    ActorId, CommitOptions, Document, Expand, ObjId, ObjType, PatchLog, ScalarValue, TextUnit,
    Transaction, UndoGrouping, UndoHistory, UndoInto, Value, View,
};
use rejoin_seeds::seeds;

const UNIT: TextUnit = TextUnit::Utf16;

/// Edits with no longer pause between them, however many they are.
fn within(pause: u64) -> UndoGrouping {
    UndoGrouping { pause, lasting: u64::MAX, operations: u64::MAX }
}

struct Person {
    actor: ActorId,
    history: UndoHistory,
    now: u64,
}

impl Person {
    fn new(name: u8) -> Self {
        Self { actor: ActorId::new(&[name]), history: UndoHistory::new(), now: 0 }
    }

    /// One step of undo: everything that `edit` writes. Whether it wrote anything.
    fn edit(&mut self, doc: &mut Document, edit: impl FnOnce(&mut Transaction<'_>)) -> bool {
        let mut transaction = doc.transaction(&self.actor);
        edit(&mut transaction);
        let Some(change) = transaction.commit(CommitOptions::default()) else { return false };
        self.now += 1000;
        self.history.record(doc, &change, self.now, within(500));
        true
    }

    fn undo(&mut self, doc: &mut Document) -> bool {
        let into = UndoInto::Change(&self.actor, CommitOptions::default());
        self.history.undo(doc, into, PatchLog::inactive()).unwrap().is_some()
    }

    fn redo(&mut self, doc: &mut Document) -> bool {
        let into = UndoInto::Change(&self.actor, CommitOptions::default());
        self.history.redo(doc, into, PatchLog::inactive()).unwrap().is_some()
    }
}

/// Everything that can be seen, without ids: an object that comes back has another one.
fn visible(view: &View<'_>, object: ObjId) -> String {
    let value = |value: &Value| match value {
        Value::Object(_, id) => visible(view, *id),
        Value::Scalar(scalar) => format!("{scalar:?}"),
    };
    match view.object_type(object).unwrap() {
        ObjType::Map | ObjType::Table => {
            let entries = view.entries(object).unwrap();
            let parts = entries.iter().map(|(key, entry)| format!("{key}: {}", value(entry)));
            format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
        }
        ObjType::List => {
            let values = view.list_values(object).unwrap();
            format!("[{}]", values.iter().map(value).collect::<Vec<_>>().join(", "))
        }
        ObjType::Text => {
            let blocks = view.list_values(object).unwrap();
            let blocks = blocks.iter().filter(|block| matches!(block, Value::Object(..)));
            format!(
                "{:?} {:?} {}",
                view.text(object).unwrap(),
                view.marks(object, UNIT).unwrap(),
                blocks.map(value).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn object_at(view: &View<'_>, key: &str) -> ObjId {
    match view.get(ObjId::ROOT, key).unwrap() {
        Some(Value::Object(_, id)) => id,
        other => panic!("{key} is {other:?}"),
    }
}

fn with_everything() -> Document {
    let mut doc = Document::new();
    let mut transaction = doc.transaction(&ActorId::new(&[0]));
    let text = transaction.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    transaction.splice_text(text, 0, 0, "one two 🦊 three", UNIT).unwrap();
    transaction.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
    transaction.put_object(ObjId::ROOT, "map", ObjType::Map).unwrap();
    transaction.put(ObjId::ROOT, "count", ScalarValue::Counter(5)).unwrap();
    transaction.commit(CommitOptions::default()).unwrap();
    doc
}

/// The places between characters, in UTF-16 code units.
fn boundaries(text: &str) -> Vec<usize> {
    let widths = text.chars().map(char::len_utf16);
    std::iter::once(0)
        .chain(widths.scan(0, |at, width| {
            *at += width;
            Some(*at)
        }))
        .collect()
}

/// Writes something anywhere. A refusal, as of a block that is not there, writes nothing.
fn write_anything(transaction: &mut Transaction<'_>, marks: bool, random: &mut ChaCha8Rng) {
    let [text, list, map] = ["text", "list", "map"].map(|key| object_at(&transaction.view(), key));
    let ends = boundaries(&transaction.view().text(text).unwrap());
    let first = random.random_range(0..ends.len());
    let last = random.random_range(first..ends.len().min(first + 6));
    let (from, to) = (ends[first], ends[last]);
    let items = transaction.view().length(list, UNIT).unwrap();
    let item = random.random_range(0..=items);
    let name = ["strong", "link"][random.random_range(0..2)];
    let expand = [Expand::Before, Expand::After, Expand::Both, Expand::None];
    let expand = expand[random.random_range(0..4)];
    let key = ["a", "b"][random.random_range(0..2)];
    let number = random.random_range(0..100i64);
    match random.random_range(0..16) {
        0..=3 => {
            let words = ["x", "yes", "é", "🦉", ""][random.random_range(0..5)];
            let words = if marks { "" } else { words };
            let _ = transaction.splice_text(text, from, to - from, words, UNIT);
        }
        // A mark over nothing shows nothing that could be undone.
        4..=6 if from == to || !marks => {}
        4 | 5 => drop(transaction.mark(text, from..to, name, number, expand, UNIT)),
        6 => drop(transaction.unmark(text, from..to, name, expand, UNIT)),
        7 if !marks => {
            if let Ok(block) = transaction.split_block(text, from, UNIT) {
                transaction.put(block, "kind", number).unwrap();
            }
        }
        8 => drop(transaction.join_block(text, from, UNIT)),
        9 => transaction.insert(list, item, number).unwrap(),
        10 if items > 0 => transaction.delete(list, item.min(items - 1)).unwrap(),
        11 if items > 0 => transaction.put(list, item.min(items - 1), number).unwrap(),
        12..=14 => match random.random_range(0..5) {
            0 => transaction.put(map, key, number).unwrap(),
            1 => {
                let inner = transaction.put_object(map, key, ObjType::Map).unwrap();
                transaction.put(inner, "deep", number).unwrap();
            }
            2 => {
                let inner = transaction.put_object(map, key, ObjType::Text).unwrap();
                transaction.splice_text(inner, 0, 0, "within", UNIT).unwrap();
                if marks {
                    transaction.mark(inner, 1..4, "strong", number, expand, UNIT).unwrap();
                }
            }
            3 => match transaction.view().get(map, key).unwrap() {
                // What is deleted at the end of a mark while its text is away may come back within.
                Some(Value::Object(ObjType::Text, inner)) if !marks => {
                    let length = transaction.view().length(inner, UNIT).unwrap();
                    let at = random.random_range(0..=length);
                    let delete = (length - at).min(2);
                    transaction.splice_text(inner, at, delete, "new", UNIT).unwrap();
                }
                Some(Value::Object(ObjType::Map, inner)) => {
                    transaction.put(inner, "deep", number).unwrap();
                }
                _ => {}
            },
            _ => drop(transaction.delete(map, key)),
        },
        _ => transaction.increment(ObjId::ROOT, "count", number).unwrap(),
    }
}

#[test]
fn a_person_alone_walks_back_and_forth_over_what_was() {
    for seed in seeds(200) {
        println!("SEED={seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut doc = with_everything();
        // New text within a mark that was taken back may join it where parts of what covers it
        // meet, so that a seed either marks or types.
        let marks = random.random_bool(0.5);
        let mut ana = Person::new(1);
        let mut states = vec![visible(&doc.view(), ObjId::ROOT)];
        let mut now = 0;
        for _ in 0..60 {
            match random.random_range(0..5) {
                0 | 1 => {
                    let wrote = ana.edit(&mut doc, |transaction| {
                        for _ in 0..random.random_range(1..4) {
                            write_anything(transaction, marks, &mut random);
                        }
                    });
                    if wrote {
                        now += 1;
                        states.truncate(now);
                        states.push(visible(&doc.view(), ObjId::ROOT));
                    }
                }
                2 | 3 => {
                    let undone = ana.undo(&mut doc);
                    assert_eq!(undone, now > 0, "whether there was something to undo");
                    now = now.saturating_sub(1);
                }
                _ => {
                    let redone = ana.redo(&mut doc);
                    assert_eq!(
                        redone,
                        now + 1 < states.len(),
                        "whether there was something to redo"
                    );
                    now = (now + 1).min(states.len() - 1);
                }
            }
            assert_eq!(visible(&doc.view(), ObjId::ROOT), states[now]);
            if random.random_range(0..10) == 0 {
                let stored = ana.history.to_bytes(&doc);
                doc = Document::load(&doc.save(), Default::default()).unwrap();
                ana.history = UndoHistory::from_bytes(&doc, &stored).unwrap();
            }
        }
    }
}

/// A character as the model of two people knows it: it stays in its place for ever.
#[derive(Debug, Clone)]
struct Cell {
    character: char,
    /// By whom and in which step it was deleted.
    deleted: Option<(usize, usize)>,
}

/// What a step did.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Wrote(usize),
    Deleted(usize),
}

/// A text of two people with the steps that each can undo and redo.
#[derive(Default)]
struct Model {
    /// Never removed; `order` says where each stands.
    cells: Vec<Cell>,
    order: Vec<usize>,
    steps: usize,
    undo: [Vec<(usize, Vec<Deed>)>; 2],
    redo: [Vec<(usize, Vec<Deed>)>; 2],
    /// Steps that are undos or redos.
    reversals: Vec<usize>,
    /// By person and deleted character, the one that they brought back in its place. Others do not
    /// know that it is the same.
    renewed: [BTreeMap<usize, usize>; 2],
}

impl Model {
    fn text(&self) -> String {
        let cells = self.order.iter().map(|at| &self.cells[*at]);
        cells.filter(|cell| cell.deleted.is_none()).map(|cell| cell.character).collect()
    }

    fn write(&mut self, place: usize, character: char) -> Deed {
        self.cells.push(Cell { character, deleted: None });
        self.order.insert(place, self.cells.len() - 1);
        Deed::Wrote(self.cells.len() - 1)
    }

    fn splice(&mut self, person: usize, at: usize, delete: usize, insert: &str) {
        self.steps += 1;
        let visible: Vec<usize> = (0..self.order.len())
            .filter(|place| self.cells[self.order[*place]].deleted.is_none())
            .collect();
        let mut deeds = Vec::new();
        for place in &visible[at..at + delete] {
            let cell = self.order[*place];
            self.cells[cell].deleted = Some((person, self.steps));
            deeds.push(Deed::Deleted(cell));
        }
        let first = if at == 0 { 0 } else { visible[at - 1] + 1 };
        for (offset, character) in insert.chars().enumerate() {
            deeds.push(self.write(first + offset, character));
        }
        self.redo[person].clear();
        self.undo[person].push((self.steps, deeds));
    }

    /// Takes the last step back that still shows anywhere. Whether there was one.
    fn take_back(&mut self, person: usize, redo: bool) -> bool {
        let steps = if redo { &mut self.redo } else { &mut self.undo };
        let Some((step, deeds)) = steps[person].pop() else { return false };
        self.steps += 1;
        let mut reversal = Vec::new();
        for deed in deeds.into_iter().rev() {
            let now = |mut cell: usize| {
                while let Some(new) = self.renewed[person].get(&cell) {
                    cell = *new;
                }
                cell
            };
            let deed = match deed {
                Deed::Wrote(cell) => Deed::Wrote(now(cell)),
                Deed::Deleted(cell) => Deed::Deleted(now(cell)),
            };
            match deed {
                Deed::Wrote(cell) if self.cells[cell].deleted.is_none() => {
                    self.cells[cell].deleted = Some((person, self.steps));
                    reversal.push(Deed::Deleted(cell));
                }
                // Only what nobody else deleted comes back.
                Deed::Deleted(cell) => match self.cells[cell].deleted {
                    Some((by, when))
                        if by == person && (when == step || self.reversals.contains(&when)) =>
                    {
                        let place = self.order.iter().position(|at| *at == cell).unwrap();
                        let character = self.cells[cell].character;
                        reversal.push(self.write(place + 1, character));
                        self.renewed[person].insert(cell, self.cells.len() - 1);
                    }
                    _ => {}
                },
                Deed::Wrote(_) => {}
            }
        }
        if reversal.is_empty() {
            return self.take_back(person, redo);
        }
        self.reversals.push(self.steps);
        let steps = if redo { &mut self.undo } else { &mut self.redo };
        steps[person].push((self.steps, reversal));
        true
    }
}

#[test]
fn of_two_people_each_takes_back_what_is_theirs() {
    for seed in seeds(300) {
        println!("SEED={seed}");
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut doc = Document::new();
        let mut transaction = doc.transaction(&ActorId::new(&[0]));
        let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text).unwrap();
        transaction.splice_text(text, 0, 0, "0123456789", UNIT).unwrap();
        transaction.commit(CommitOptions::default()).unwrap();
        let mut model = Model::default();
        for (at, character) in "0123456789".chars().enumerate() {
            model.write(at, character);
        }
        let mut people = [Person::new(1), Person::new(2)];
        let mut letters = ('a'..='z').cycle();
        for _ in 0..60 {
            let person = random.random_range(0..2);
            match random.random_range(0..5) {
                0 | 1 => {
                    let length = doc.view().length(text, UNIT).unwrap();
                    let at = random.random_range(0..=length);
                    let delete = random.random_range(0..=(length - at).min(4));
                    let insert: String = letters.by_ref().take(random.random_range(0..4)).collect();
                    let wrote = people[person].edit(&mut doc, |transaction| {
                        transaction.splice_text(text, at, delete, &insert, UNIT).unwrap();
                    });
                    if wrote {
                        model.splice(person, at, delete, &insert);
                    }
                }
                2 | 3 => {
                    let undone = people[person].undo(&mut doc);
                    assert_eq!(undone, model.take_back(person, false));
                }
                _ => {
                    let redone = people[person].redo(&mut doc);
                    assert_eq!(redone, model.take_back(person, true));
                }
            }
            assert_eq!(doc.view().text(text).unwrap(), model.text());
        }
    }
}
