//! What every store promises, asked of every store.

use proptest::prelude::*;
use rejoin_storage::{
    Batch, ChunkStore, FaultyStore, KeyPrefix, MemoryStore, SqliteOptions, SqliteStore, StorageKey,
};
use std::collections::BTreeMap;
use tempfile::TempDir;

type Model = BTreeMap<StorageKey, Vec<u8>>;

fn key(segments: &[&str]) -> StorageKey {
    StorageKey::new(segments.iter().copied()).expect("a key")
}

fn prefix(segments: &[&str]) -> KeyPrefix {
    KeyPrefix::new(segments.iter().copied()).expect("a prefix")
}

fn sqlite(directory: &TempDir) -> SqliteStore {
    let path = directory.path().join("store.sqlite");
    SqliteStore::open(&path, &SqliteOptions::default()).expect("a store")
}

/// Runs `check` with each kind of store, empty.
fn with_each_store(check: impl Fn(&mut dyn ChunkStore)) {
    check(&mut MemoryStore::new());
    check(&mut FaultyStore::new(1));
    let directory = TempDir::new().expect("a directory");
    check(&mut sqlite(&directory));
    check(&mut (Box::new(MemoryStore::new()) as Box<dyn ChunkStore>));
}

#[test]
fn what_was_put_is_loaded_until_it_is_deleted() {
    with_each_store(|store| {
        let (a, b) = (key(&["doc", "snapshot", "a"]), key(&["doc", "incremental", "b"]));
        assert_eq!(store.load(&a).unwrap(), None);
        let mut batch = Batch::new();
        batch.put(a.clone(), vec![1, 2, 3]).put(b.clone(), vec![]);
        store.apply(&batch).unwrap();
        assert_eq!(store.load(&a).unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(store.load(&b).unwrap(), Some(vec![]));
        let mut batch = Batch::new();
        batch.delete(a.clone()).delete(key(&["never", "there"]));
        store.apply(&batch).unwrap();
        assert_eq!(store.load(&a).unwrap(), None);
        assert_eq!(store.keys(&KeyPrefix::all()).unwrap(), vec![b]);
    });
}

#[test]
fn later_writes_of_a_batch_win() {
    with_each_store(|store| {
        let (a, b) = (key(&["a"]), key(&["b"]));
        let mut batch = Batch::new();
        batch.put(a.clone(), vec![1]).put(a.clone(), vec![2]).delete(b.clone());
        batch.put(b.clone(), vec![3]).put(key(&["c"]), vec![4]).delete(key(&["c"]));
        store.apply(&batch).unwrap();
        let all = store.load_range(&KeyPrefix::all()).unwrap();
        assert_eq!(all, vec![(a, vec![2]), (b, vec![3])]);
    });
}

#[test]
fn a_range_holds_the_keys_below_its_prefix_in_order() {
    with_each_store(|store| {
        let keys = [
            key(&["doc"]),
            key(&["doc", "incremental", "1"]),
            key(&["doc", "snapshot", "0"]),
            key(&["doc-other", "snapshot", "0"]),
            key(&["doc\u{1}", "x"]),
            key(&["e"]),
        ];
        let mut batch = Batch::new();
        for (i, key) in keys.iter().enumerate().rev() {
            batch.put(key.clone(), vec![0; i]);
        }
        store.apply(&batch).unwrap();
        let mut sorted = keys.to_vec();
        sorted.sort();
        assert_eq!(store.keys(&KeyPrefix::all()).unwrap(), sorted);
        assert_eq!(store.keys(&prefix(&["doc"])).unwrap(), keys[..3]);
        assert_eq!(store.keys(&prefix(&["doc", "snapshot"])).unwrap(), keys[2..3]);
        assert_eq!(store.keys(&prefix(&["do"])).unwrap(), vec![]);
        assert_eq!(store.size(&prefix(&["doc"])).unwrap(), 3);
        assert_eq!(store.size(&KeyPrefix::all()).unwrap(), 15);
        assert_eq!(store.size(&prefix(&["none"])).unwrap(), 0);
    });
}

#[test]
fn large_values_come_back_whole() {
    with_each_store(|store| {
        let value: Vec<u8> = (0..5_000_000u32).map(|i| (i * 31 % 251) as u8).collect();
        let mut batch = Batch::new();
        batch.put(key(&["doc", "snapshot", "large"]), value.clone());
        store.apply(&batch).unwrap();
        assert_eq!(store.load(&key(&["doc", "snapshot", "large"])).unwrap(), Some(value));
        assert_eq!(store.size(&prefix(&["doc"])).unwrap(), 5_000_000);
    });
}

#[derive(Clone, Debug)]
enum Step {
    Apply(Vec<(StorageKey, Option<Vec<u8>>)>),
    Load(StorageKey),
    Range(KeyPrefix),
    Reopen,
}

fn keys() -> impl Strategy<Value = StorageKey> {
    prop::collection::vec("[ab\u{1}é]{1,2}", 1..4)
        .prop_map(|segments| StorageKey::new(segments).expect("a key"))
}

fn steps() -> impl Strategy<Value = Step> {
    let write = (keys(), prop::option::of(prop::collection::vec(any::<u8>(), 0..20)));
    prop_oneof![
        6 => prop::collection::vec(write, 0..8).prop_map(Step::Apply),
        2 => keys().prop_map(Step::Load),
        2 => keys().prop_map(|key| Step::Range(KeyPrefix::from(&key))),
        1 => Just(Step::Reopen),
    ]
}

fn batch_of(writes: &[(StorageKey, Option<Vec<u8>>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in writes {
        match value {
            Some(value) => batch.put(key.clone(), value.clone()),
            None => batch.delete(key.clone()),
        };
    }
    batch
}

fn apply_to_model(model: &mut Model, writes: &[(StorageKey, Option<Vec<u8>>)]) {
    for (key, value) in writes {
        match value {
            Some(value) => model.insert(key.clone(), value.clone()),
            None => model.remove(key),
        };
    }
}

fn range_of(model: &Model, prefix: &KeyPrefix) -> Vec<(StorageKey, Vec<u8>)> {
    let below = model.iter().filter(|(key, _)| key.starts_with(prefix));
    below.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn agrees(store: &dyn ChunkStore, model: &Model, prefix: &KeyPrefix) -> Result<(), TestCaseError> {
    let expected = range_of(model, prefix);
    prop_assert_eq!(&store.load_range(prefix).expect("a range"), &expected);
    let keys: Vec<StorageKey> = expected.iter().map(|(key, _)| key.clone()).collect();
    prop_assert_eq!(store.keys(prefix).expect("the keys"), keys);
    let size: usize = expected.iter().map(|(_, value)| value.len()).sum();
    prop_assert_eq!(store.size(prefix).expect("a size"), size as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn stores_do_what_a_sorted_map_does(steps in prop::collection::vec(steps(), 1..20)) {
        let directory = TempDir::new().unwrap();
        let mut model = Model::new();
        let mut on_disk = Some(sqlite(&directory));
        let mut others: Vec<Box<dyn ChunkStore>> =
            vec![Box::new(MemoryStore::new()), Box::new(FaultyStore::new(1))];
        for step in steps {
            if let Step::Reopen = step {
                drop(on_disk.take());
                on_disk = Some(sqlite(&directory));
            }
            let store = on_disk.as_mut().expect("the store is open");
            let all = others.iter_mut().map(|s| s.as_mut()).chain([store as &mut dyn ChunkStore]);
            for store in all {
                match &step {
                    Step::Apply(writes) => store.apply(&batch_of(writes)).unwrap(),
                    Step::Load(key) => {
                        prop_assert_eq!(store.load(key).unwrap(), model.get(key).cloned());
                    }
                    Step::Range(prefix) => agrees(store, &model, prefix)?,
                    Step::Reopen => agrees(store, &model, &KeyPrefix::all())?,
                }
            }
            if let Step::Apply(writes) = &step {
                apply_to_model(&mut model, writes);
            }
        }
        agrees(on_disk.as_ref().expect("the store is open"), &model, &KeyPrefix::all())?;
    }
}
