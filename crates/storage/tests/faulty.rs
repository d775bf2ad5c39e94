//! The faulty store keeps its own promises: planned faults come, crashes keep what was synced.

use rejoin_storage::faulty::{Fault, FaultKind};
use rejoin_storage::{Batch, ChunkStore, FaultyStore, KeyPrefix, StorageKey, StoreErrorKind};
use std::collections::BTreeSet;

fn batch(name: &str) -> Batch {
    let mut batch = Batch::new();
    for half in ["left", "right"] {
        batch.put(StorageKey::new([half, name]).expect("a key"), name.as_bytes().to_vec());
    }
    batch
}

fn names(store: &FaultyStore) -> Vec<String> {
    let names = |half: &str| -> Vec<String> {
        let prefix = KeyPrefix::new([half]).expect("a prefix");
        let keys = store.durable().keys(&prefix).expect("memory does not fail");
        keys.iter().map(|key| key.segments()[1].clone()).collect()
    };
    assert_eq!(names("left"), names("right"), "a batch was torn");
    names("left")
}

#[test]
fn a_planned_error_comes_once_and_changes_nothing() {
    let mut store = FaultyStore::new(1);
    store.inject(Fault { after_calls: 1, kind: FaultKind::Error(StoreErrorKind::Full) });
    store.apply(&batch("a")).unwrap();
    assert_eq!(store.apply(&batch("b")).unwrap_err().kind(), StoreErrorKind::Full);
    assert_eq!(names(&store), ["a"]);
    store.apply(&batch("b")).unwrap();
    assert_eq!(names(&store), ["a", "b"]);
}

#[test]
fn reads_fail_as_planned_too() {
    let mut store = FaultyStore::new(1);
    store.inject(Fault { after_calls: 0, kind: FaultKind::Error(StoreErrorKind::Io) });
    assert_eq!(store.keys(&KeyPrefix::all()).unwrap_err().kind(), StoreErrorKind::Io);
    assert_eq!(store.keys(&KeyPrefix::all()).unwrap(), []);
}

#[test]
fn a_crash_keeps_what_was_synced_and_some_of_the_rest_in_order() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..64 {
        let mut store = FaultyStore::new(seed);
        store.apply(&batch("a")).unwrap();
        store.write(&batch("b")).unwrap();
        store.write(&batch("c")).unwrap();
        store.crash();
        assert!(store.write(&batch("d")).is_err());
        assert!(store.keys(&KeyPrefix::all()).is_err());
        store.restart();
        outcomes.insert(names(&store).concat());
    }
    let expected = ["a", "ab", "abc"].map(String::from);
    assert_eq!(outcomes, BTreeSet::from(expected));
}

#[test]
fn a_batch_under_way_at_the_crash_is_there_as_a_whole_or_not_at_all() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..64 {
        let mut store = FaultyStore::new(seed);
        store.inject(Fault { after_calls: 1, kind: FaultKind::Crash });
        store.apply(&batch("a")).unwrap();
        assert!(store.apply(&batch("b")).is_err());
        assert!(store.is_crashed());
        assert!(store.apply(&batch("c")).is_err());
        store.restart();
        outcomes.insert(names(&store).concat());
        store.apply(&batch("d")).unwrap();
    }
    assert_eq!(outcomes, BTreeSet::from(["a", "ab"].map(String::from)));
}

#[test]
fn the_same_seed_gives_the_same_crash() {
    let run = |seed| {
        let mut store = FaultyStore::new(seed);
        for i in 0..10 {
            store.write(&batch(&i.to_string())).unwrap();
        }
        store.crash();
        names(&store)
    };
    for seed in 0..8 {
        assert_eq!(run(seed), run(seed));
    }
}

#[test]
fn a_limited_disk_is_full_until_there_is_room() {
    let mut store = FaultyStore::new(1);
    store.limit(Some(4));
    store.apply(&batch("a")).unwrap();
    assert_eq!(store.apply(&batch("bcd")).unwrap_err().kind(), StoreErrorKind::Full);
    store.limit(None);
    store.apply(&batch("bcd")).unwrap();
    assert_eq!(names(&store), ["a", "bcd"]);
}

#[test]
fn a_store_that_tears_leaves_the_beginning_of_a_batch_behind_and_what_it_replaces() {
    let key = |name: &str| StorageKey::new([name]).expect("a key");
    let mut outcomes = BTreeSet::new();
    for seed in 0..256 {
        let mut store = FaultyStore::new(seed);
        store.tear();
        let mut first = Batch::new();
        first.put(key("old"), b"old".to_vec()).put(key("replaced"), b"whole".to_vec());
        store.apply(&first).unwrap();
        let mut second = Batch::new();
        second.put(key("new"), b"12".to_vec()).put(key("replaced"), b"other".to_vec());
        second.delete(key("old"));
        store.write(&second).unwrap();
        store.crash();
        store.restart();
        let value = |name: &str| {
            let bytes = store.durable().load(&key(name)).expect("memory does not fail");
            bytes.map_or("none".to_owned(), |bytes| String::from_utf8(bytes).expect("text"))
        };
        outcomes.insert([value("new"), value("replaced"), value("old")].join(" "));
    }
    let expected = [
        "none whole old",
        " whole old",
        "1 whole old",
        "12 whole old",
        "12 other old",
        "12 other none",
    ];
    assert_eq!(outcomes, BTreeSet::from(expected.map(String::from)));
}
