//! Values written, merged and read back; the layout is compared with autosurgeon's, byte for byte.

#![allow(clippy::unwrap_used, clippy::panic, unreachable_pub)]

use std::collections::{BTreeMap, HashMap};

use rejoin_derive::{Hydrate, Reconcile};
use rejoin_document::typed::{self, Counter, HydrateError, ReconcileError, Text};
use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, ScalarValue, Value,
};

/// Declares the same types twice: for this crate and for autosurgeon.
macro_rules! both {
    ($($body:tt)*) => {
        mod ours {
            use super::*;
            $($body)*
        }

        mod theirs {
            use std::collections::BTreeMap;

            use autosurgeon::{Counter, Hydrate, Reconcile, Text};

            fn counter(value: i64) -> Counter {
                Counter::with_value(value)
            }

            $($body)*
        }
    };
}

both! {
    #[derive(Debug, Clone, Reconcile, Hydrate)]
    pub struct Everything {
        pub flag: bool,
        pub small: i32,
        pub large: u64,
        pub ratio: f64,
        pub name: String,
        pub nothing: Option<String>,
        pub something: Option<String>,
        pub text: Text,
        pub list: Vec<String>,
        pub map: BTreeMap<String, u64>,
        pub pair: Pair,
        pub inner: Inner,
        pub shapes: Vec<Shape>,
        pub visits: Counter,
    }

    #[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
    pub struct Pair(pub i64, pub String);

    #[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
    pub struct Inner(pub String);

    #[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
    pub enum Shape {
        Point,
        Circle(f64),
        Line(i64, i64),
        Label { text: String, size: u64 },
    }

    pub fn example() -> Everything {
        Everything {
            flag: true,
            small: -3,
            large: 7,
            ratio: 0.5,
            name: "Ana".to_owned(),
            nothing: None,
            something: Some("x".to_owned()),
            text: Text::from("words"),
            list: vec!["a".to_owned(), "b".to_owned()],
            map: [("one".to_owned(), 1), ("two".to_owned(), 2)].into(),
            pair: Pair(1, "p".to_owned()),
            inner: Inner("i".to_owned()),
            shapes: vec![
                Shape::Point,
                Shape::Circle(1.5),
                Shape::Line(1, 2),
                Shape::Label { text: "t".to_owned(), size: 3 },
            ],
            visits: counter(4),
        }
    }
}

fn counter(value: i64) -> Counter {
    Counter::from(value)
}

fn write(document: &mut Document, actor: u8, value: &impl typed::Reconcile) -> bool {
    let mut tx = document.transaction(&ActorId::new(&[actor]));
    typed::reconcile(&mut tx, value).unwrap();
    tx.commit(CommitOptions::default()).is_some()
}

fn read<T: typed::Hydrate>(document: &Document) -> T {
    typed::hydrate(&document.view()).unwrap()
}

fn merge(into: &mut Document, other: &Document) {
    into.merge(other, &mut PatchLog::inactive()).unwrap();
}

fn assert_same(one: &ours::Everything, other: &ours::Everything) {
    assert_eq!(format!("{:?}", plain(one)), format!("{:?}", plain(other)));
}

/// Without what the value remembers of where it was read.
fn plain(value: &ours::Everything) -> ours::Everything {
    let text = Text::from(value.text.as_str());
    ours::Everything { text, visits: counter(value.visits.value()), ..value.clone() }
}

#[test]
fn neither_changes_what_the_other_wrote() {
    let mut document = Document::new();
    write(&mut document, 1, &ours::example());
    let mut peer = automerge::AutoCommit::load(&document.save()).unwrap();
    let value: theirs::Everything = autosurgeon::hydrate(&peer).unwrap();
    autosurgeon::reconcile(&mut peer, &value).unwrap();
    peer.commit();
    // It adds 0 to every counter, and has nothing else to write: the layout is the same.
    let changes = peer.get_changes(&[]);
    assert_eq!(changes[1].decode().operations.len(), 1, "{:?}", changes[1].decode());

    let mut value: theirs::Everything = autosurgeon::hydrate(&peer).unwrap();
    value.visits.increment(1);
    value.text.splice(0, 0, "more ");
    value.list.push("c".to_owned());
    autosurgeon::reconcile(&mut peer, &value).unwrap();
    let mut document = Document::load(&peer.save(), LoadOptions::default()).unwrap();
    let mut expected = ours::example();
    expected.visits.increment(1);
    expected.text.set("more words");
    expected.list.push("c".to_owned());
    let same: ours::Everything = read(&document);
    assert_same(&same, &expected);
    assert!(!write(&mut document, 2, &same));
}

#[test]
fn each_reads_what_the_other_wrote() {
    let mut document = Document::new();
    write(&mut document, 1, &ours::example());
    let peer = automerge::AutoCommit::load(&document.save()).unwrap();
    assert_eq!(autosurgeon::hydrate::<_, theirs::Everything>(&peer).unwrap().name, "Ana");

    let mut peer = automerge::AutoCommit::new();
    autosurgeon::reconcile(&mut peer, theirs::example()).unwrap();
    let document = Document::load(&peer.save(), LoadOptions::default()).unwrap();
    assert_same(&read(&document), &ours::example());
}

#[test]
fn only_what_differs_is_written() {
    let mut document = Document::new();
    let mut value = ours::example();
    write(&mut document, 1, &value);
    let same: ours::Everything = read(&document);
    assert!(!write(&mut document, 1, &same));
    value.name = "Ben".into();
    value.list.insert(0, "new".into());
    assert!(write(&mut document, 1, &value));
    let change = document.changes().pop().unwrap();
    assert_eq!(change.op_count(), 2);
    assert_same(&read(&document), &value);
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
struct Product {
    #[key]
    id: u64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
struct Catalogue {
    products: Vec<Product>,
}

fn product(id: u64, name: &str) -> Product {
    Product { id, name: name.into() }
}

#[test]
fn items_with_a_key_keep_their_identity() {
    let mut ana = Document::new();
    let products = vec![product(1, "mower"), product(2, "strimmer")];
    write(&mut ana, 1, &Catalogue { products });
    let mut ben = ana.clone();

    let mut hers: Catalogue = read(&ana);
    hers.products.insert(0, product(3, "blower"));
    write(&mut ana, 2, &hers);
    let mut his: Catalogue = read(&ben);
    his.products.remove(0);
    his.products[0].name = "trimmer".into();
    write(&mut ben, 3, &his);

    merge(&mut ana, &ben);
    let merged: Catalogue = read(&ana);
    assert_eq!(merged.products, [product(3, "blower"), product(2, "trimmer")]);
}

#[test]
fn moving_an_item_keeps_all_others_in_place() {
    let mut document = Document::new();
    let names = ["a", "b", "c", "d"];
    let mut value =
        Catalogue { products: (1..).zip(names).map(|(id, name)| product(id, name)).collect() };
    write(&mut document, 1, &value);
    let last = value.products.pop().unwrap();
    value.products.insert(0, last);
    write(&mut document, 1, &value);
    // One element goes, and one map with two values comes.
    assert_eq!(document.changes().pop().unwrap().op_count(), 4);
    assert_eq!(read::<Catalogue>(&document), value);
}

#[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
struct Quote {
    text: Text,
    read_by: Counter,
}

#[test]
fn texts_and_counters_merge() {
    let mut ana = Document::new();
    write(&mut ana, 1, &Quote { text: "glimmers".into(), read_by: counter(0) });
    let mut ben = ana.clone();
    let mut hers: Quote = read(&ana);
    hers.text.set("glitters");
    hers.read_by.increment(2);
    write(&mut ana, 2, &hers);
    let mut his: Quote = read(&ben);
    his.text.set("All that glimmers is not gold");
    his.read_by.increment(3);
    write(&mut ben, 3, &his);
    merge(&mut ana, &ben);
    let merged: Quote = read(&ana);
    assert_eq!(merged.text.as_str(), "All that glitters is not gold");
    assert_eq!(merged.read_by.value(), 5);
}

#[test]
fn a_text_that_changed_meanwhile_is_not_overwritten() {
    let mut document = Document::new();
    write(&mut document, 1, &Quote { text: "one".into(), read_by: counter(0) });
    let mut late: Quote = read(&document);
    let unchanged: Quote = read(&document);
    let mut early: Quote = read(&document);
    early.text.set("one two");
    write(&mut document, 1, &early);
    assert!(!write(&mut document, 1, &unchanged));
    late.text.set("three");
    let mut tx = document.transaction(&ActorId::new(&[1]));
    assert_eq!(typed::reconcile(&mut tx, &late), Err(ReconcileError::Stale));
    tx.rollback();
    assert_eq!(read::<Quote>(&document).text.as_str(), "one two");
}

#[test]
fn two_variants_never_mix() {
    #[derive(Debug, Clone, PartialEq, Reconcile, Hydrate)]
    struct Drawing {
        shape: ours::Shape,
    }
    let mut ana = Document::new();
    write(&mut ana, 1, &Drawing { shape: ours::Shape::Circle(1.0) });
    let mut ben = ana.clone();
    write(&mut ana, 2, &Drawing { shape: ours::Shape::Line(1, 2) });
    let label = ours::Shape::Label { text: "x".into(), size: 1 };
    write(&mut ben, 3, &Drawing { shape: label.clone() });
    merge(&mut ana, &ben);
    merge(&mut ben, &ana);
    let (hers, his) = (read::<Drawing>(&ana), read::<Drawing>(&ben));
    assert_eq!(hers, his);
    assert!(hers.shape == label || hers.shape == ours::Shape::Line(1, 2));
}

#[derive(Debug, PartialEq, Reconcile, Hydrate)]
struct Generic<T> {
    #[document(rename = "value of")]
    value: T,
    #[document(default)]
    count: u64,
    by_name: HashMap<String, T>,
}

#[test]
fn fields_are_renamed_defaulted_and_generic() {
    let mut document = Document::new();
    let by_name: HashMap<_, _> = [("a".to_owned(), true), ("b".to_owned(), false)].into();
    let mut value = Generic { value: true, count: 3, by_name };
    write(&mut document, 1, &value);
    assert_eq!(read::<Generic<bool>>(&document), value);
    value.by_name.remove("a");
    write(&mut document, 1, &value);
    assert_eq!(read::<Generic<bool>>(&document), value);

    let mut tx = document.transaction(&ActorId::new(&[1]));
    tx.delete(ObjId::ROOT, "count").unwrap();
    tx.put(ObjId::ROOT, "unknown", 1_i64).unwrap();
    tx.commit(CommitOptions::default());
    assert_eq!(read::<Generic<bool>>(&document).count, 0);
    write(&mut document, 1, &value);
    let unknown = document.view().get(ObjId::ROOT, "unknown").unwrap();
    assert_eq!(unknown, Some(Value::Scalar(ScalarValue::Int(1))));
    assert!(document.view().get(ObjId::ROOT, "value of").unwrap().is_some());
}

#[test]
fn errors_say_where_they_are() {
    let mut document = Document::new();
    let mut tx = document.transaction(&ActorId::new(&[1]));
    let list = tx.put_object(ObjId::ROOT, "products", ObjType::List).unwrap();
    let map = tx.insert_object(list, 0, ObjType::Map).unwrap();
    tx.put(map, "id", -1_i64).unwrap();
    tx.commit(CommitOptions::default());
    let error = typed::hydrate::<Catalogue>(&document.view()).unwrap_err();
    let expected = "products: 0: id: expected a whole number in range, found Int(-1)";
    assert_eq!(error.to_string(), expected);
    let error = typed::hydrate::<Quote>(&document.view()).unwrap_err();
    assert_eq!(error, HydrateError::Missing.inside("text"));
}

#[test]
fn a_whole_document_is_a_map() {
    let mut document = Document::new();
    let mut tx = document.transaction(&ActorId::new(&[1]));
    assert_eq!(typed::reconcile(&mut tx, &5_i64), Err(ReconcileError::RootIsAMap));
    let pair = ours::Pair(1, "a".into());
    assert_eq!(typed::reconcile(&mut tx, &pair), Err(ReconcileError::RootIsAMap));
    let map: BTreeMap<String, i64> = [("a".to_owned(), 1)].into();
    typed::reconcile(&mut tx, &map).unwrap();
    tx.commit(CommitOptions::default());
    assert_eq!(read::<BTreeMap<String, i64>>(&document), map);
}
