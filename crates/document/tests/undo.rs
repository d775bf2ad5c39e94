//! Undo takes back one's own edits only, through others' edits, and survives a restart.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, ScalarValue, TextUnit,
    UndoGrouping, UndoHistory, UndoInto, Value,
};

const UNIT: TextUnit = TextUnit::CodePoint;

/// Edits with no longer pause between them, however many they are.
fn within(pause: u64) -> UndoGrouping {
    UndoGrouping { pause, lasting: u64::MAX, operations: u64::MAX }
}

struct Person {
    doc: Document,
    actor: ActorId,
    history: UndoHistory,
    now: u64,
}

impl Person {
    fn new(doc: &Document, name: u8) -> Self {
        let (doc, actor) = (doc.fork(), ActorId::new(&[name]));
        Self { doc, actor, history: UndoHistory::new(), now: 0 }
    }

    fn splice(&mut self, text: ObjId, at: usize, delete: usize, insert: &str) {
        let mut transaction = self.doc.transaction(&self.actor);
        transaction.splice_text(text, at, delete, insert, UNIT).unwrap();
        let change = transaction.commit(CommitOptions::default()).unwrap();
        self.now += 1000;
        self.history.record(&self.doc, &change, self.now, within(500));
    }

    fn undo(&mut self) -> bool {
        let into = UndoInto::Change(&self.actor, CommitOptions::default());
        self.history.undo(&mut self.doc, into, PatchLog::inactive()).unwrap().is_some()
    }

    fn redo(&mut self) -> bool {
        let into = UndoInto::Change(&self.actor, CommitOptions::default());
        self.history.redo(&mut self.doc, into, PatchLog::inactive()).unwrap().is_some()
    }

    fn take(&mut self, other: &Self) {
        self.doc.merge(&other.doc, &mut PatchLog::inactive()).unwrap();
    }

    fn text(&self, text: ObjId) -> String {
        self.doc.view().text(text).unwrap()
    }
}

fn with_text(content: &str) -> (Document, ObjId) {
    let mut doc = Document::new();
    let mut transaction = doc.transaction(&ActorId::new(&[0]));
    let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text).unwrap();
    transaction.splice_text(text, 0, 0, content, UNIT).unwrap();
    transaction.commit(CommitOptions::default()).unwrap();
    (doc, text)
}

#[test]
fn a_row_of_edits_is_undone_and_redone_one_by_one() {
    let (doc, text) = with_text("one two three");
    let mut ana = Person::new(&doc, 1);
    let mut states = vec![ana.text(text)];
    for (at, delete, insert) in [(3, 4, ""), (0, 3, "1"), (1, 0, " and a half"), (0, 2, "x")] {
        ana.splice(text, at, delete, insert);
        states.push(ana.text(text));
    }
    for _ in 0..3 {
        for state in states.iter().rev().skip(1) {
            assert!(ana.undo());
            assert_eq!(ana.text(text), *state);
        }
        assert!(!ana.undo());
        for state in states.iter().skip(1) {
            assert!(ana.redo());
            assert_eq!(ana.text(text), *state);
        }
        assert!(!ana.redo());
    }
}

#[test]
fn others_edits_stay() {
    let (doc, text) = with_text("hello world");
    let (mut ana, mut ben) = (Person::new(&doc, 1), Person::new(&doc, 2));
    ana.splice(text, 0, 5, "goodbye");
    ben.splice(text, 11, 0, "!");
    ben.splice(text, 2, 0, "XX");
    ana.take(&ben);
    assert_eq!(ana.text(text), "goodbyeXX world!");
    assert!(ana.undo());
    assert_eq!(ana.text(text), "heXXllo world!");
    assert!(ana.redo());
    assert_eq!(ana.text(text), "goodbyeXX world!");
    ben.take(&ana);
    assert_eq!(ben.text(text), ana.text(text));
    assert!(ben.undo());
    assert_eq!(ben.text(text), "goodbye world!");
}

#[test]
fn what_another_deleted_too_does_not_come_back() {
    let (doc, text) = with_text("abc");
    let (mut ana, mut ben) = (Person::new(&doc, 1), Person::new(&doc, 2));
    ana.splice(text, 0, 3, "");
    ben.splice(text, 1, 1, "");
    ana.take(&ben);
    assert!(ana.undo());
    assert_eq!(ana.text(text), "ac");
}

#[test]
fn values_of_maps_go_back_unless_another_set_them_since() {
    let (doc, _) = with_text("");
    let (mut ana, mut ben) = (Person::new(&doc, 1), Person::new(&doc, 2));
    let put = |person: &mut Person, value: i64| {
        let mut transaction = person.doc.transaction(&person.actor);
        transaction.put(ObjId::ROOT, "n", value).unwrap();
        let change = transaction.commit(CommitOptions::default()).unwrap();
        person.now += 1000;
        person.history.record(&person.doc, &change, person.now, within(500));
    };
    let get = |person: &Person| person.doc.view().get(ObjId::ROOT, "n").unwrap();
    put(&mut ana, 1);
    put(&mut ana, 2);
    assert!(ana.undo());
    assert_eq!(get(&ana), Some(Value::Scalar(ScalarValue::Int(1))));
    assert!(ana.redo());
    assert_eq!(get(&ana), Some(Value::Scalar(ScalarValue::Int(2))));
    ben.take(&ana);
    put(&mut ben, 7);
    ana.take(&ben);
    // Both of Ana's edits are covered by Ben's: nothing is left to take back.
    assert!(!ana.undo());
    assert_eq!(get(&ana), Some(Value::Scalar(ScalarValue::Int(7))));
}

#[test]
fn a_deleted_object_comes_back_with_what_it_held() {
    let (doc, text) = with_text("kept");
    let mut ana = Person::new(&doc, 1);
    ana.splice(text, 4, 0, "!");
    let mut transaction = ana.doc.transaction(&ana.actor);
    transaction.delete(ObjId::ROOT, "content").unwrap();
    let change = transaction.commit(CommitOptions::default()).unwrap();
    ana.history.record(&ana.doc, &change, 10_000, within(500));
    assert!(ana.undo());
    let Some(Value::Object(ObjType::Text, restored)) =
        ana.doc.view().get(ObjId::ROOT, "content").unwrap()
    else {
        panic!("the text is back");
    };
    assert_eq!(ana.text(restored), "kept!");
    // The edit before was made in the old object and is undone in the new one.
    assert!(ana.undo());
    assert_eq!(ana.text(restored), "kept");
}

#[test]
fn history_survives_a_restart() {
    let (doc, text) = with_text("hello world");
    let mut ana = Person::new(&doc, 1);
    ana.splice(text, 0, 5, "goodbye");
    ana.splice(text, 0, 1, "G");
    assert!(ana.undo());
    let (bytes, history) = (ana.doc.save(), ana.history.to_bytes(&ana.doc));
    ana.doc = Document::load(&bytes, LoadOptions::default()).unwrap();
    ana.history = UndoHistory::from_bytes(&ana.doc, &history).unwrap();
    ana.actor = ActorId::new(&[9]);
    let text = ana.doc.view().get(ObjId::ROOT, "content").unwrap().unwrap().as_object().unwrap();
    assert!(ana.redo());
    assert_eq!(ana.text(text), "Goodbye world");
    assert!(ana.undo() && ana.undo());
    assert_eq!(ana.text(text), "hello world");
    assert!(UndoHistory::from_bytes(&ana.doc, &history[..history.len() - 1]).is_err());
}

#[test]
fn edits_of_a_draft_are_undone_in_it_and_after_it_was_committed() {
    let (doc, text) = with_text("abc");
    let mut ana = Person::new(&doc, 1);
    let edit = |person: &mut Person, at, delete, insert: &str| {
        let before = person.doc.draft_len();
        let mut draft = person.doc.draft_transaction();
        draft.splice_text(text, at, delete, insert, UNIT).unwrap();
        draft.keep();
        person.now += 1000;
        person.history.record_draft(before..person.doc.draft_len(), person.now, within(500));
    };
    edit(&mut ana, 0, 1, "");
    edit(&mut ana, 2, 0, "d");
    assert_eq!(ana.text(text), "bcd");
    let undone = ana.history.undo(&mut ana.doc, UndoInto::Draft, PatchLog::inactive());
    assert!(undone.unwrap().is_some());
    assert_eq!(ana.text(text), "bc");
    let actor = ana.actor.clone();
    let change = ana.doc.commit_draft(&actor, CommitOptions::default()).unwrap();
    ana.history.draft_committed(&ana.doc, &change);
    assert_eq!(ana.text(text), "bc");
    assert!(ana.undo());
    assert_eq!(ana.text(text), "abc");
    assert!(ana.redo());
    assert!(ana.redo());
    assert_eq!(ana.text(text), "bcd");
}

#[test]
fn edits_close_in_time_are_one_step() {
    let (doc, text) = with_text("");
    let mut ana = Person::new(&doc, 1);
    for (at, c) in ["a", "b", "c"].into_iter().enumerate() {
        let mut transaction = ana.doc.transaction(&ana.actor);
        transaction.splice_text(text, at, 0, c, UNIT).unwrap();
        let change = transaction.commit(CommitOptions::default()).unwrap();
        ana.history.record(&ana.doc, &change, at as u64 * 100, within(300));
    }
    assert!(ana.undo());
    assert_eq!(ana.text(text), "");
    assert!(!ana.undo());
}

#[test]
fn who_types_without_a_pause_loses_no_more_than_a_step() {
    let (doc, text) = with_text("");
    let typed = |grouping: UndoGrouping, every: u64| {
        let mut ana = Person::new(&doc, 1);
        for at in 0..100 {
            let mut transaction = ana.doc.transaction(&ana.actor);
            transaction.splice_text(text, at, 0, "x", UNIT).unwrap();
            let change = transaction.commit(CommitOptions::default()).unwrap();
            ana.history.record(&ana.doc, &change, at as u64 * every, grouping);
        }
        let mut lengths = Vec::new();
        while ana.undo() {
            lengths.push(ana.text(text).len());
        }
        lengths
    };
    let many = UndoGrouping { operations: 30, ..within(300) };
    assert_eq!(typed(many, 100), [90, 60, 30, 0]);
    // Characters at 0, 100, ... and 4000 milliseconds are one step.
    let long = UndoGrouping { lasting: 4_000, ..within(300) };
    assert_eq!(typed(long, 100), [82, 41, 0]);
    assert_eq!(typed(within(300), 100), [0]);
    assert_eq!(typed(within(99), 100).len(), 100);
}

#[test]
fn what_is_pasted_is_a_step_of_its_own() {
    let (doc, text) = with_text("");
    let mut ana = Person::new(&doc, 1);
    let grouping = UndoGrouping { operations: 10, ..within(300) };
    for (at, words) in [(0, "a"), (1, "pasted from elsewhere"), (22, "b")] {
        let mut transaction = ana.doc.transaction(&ana.actor);
        transaction.splice_text(text, at, 0, words, UNIT).unwrap();
        let change = transaction.commit(CommitOptions::default()).unwrap();
        ana.history.record(&ana.doc, &change, 0, grouping);
    }
    for left in ["apasted from elsewhere", "a", ""] {
        assert!(ana.undo());
        assert_eq!(ana.text(text), left);
    }
}
