//! Saves hold characters in rows that are taken many at a time; what only looks like them stands among them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, TextUnit,
};
use rejoin_seeds::seeds;

/// Single characters of each width, and strings of the same numbers of bytes.
const VALUES: [&str; 9] = ["a", "b", "é", "ab", "漢", "abc", "éa", "🙂", "abcd"];

fn edit(doc: &mut Document, actor: u8, object: ObjId, random: &mut ChaCha8Rng) {
    let mut transaction = doc.transaction(&ActorId::new(&[actor]));
    let (mut at, mut value) = (usize::MAX, 0);
    for _ in 0..random.random_range(0..40) {
        let len = transaction.view().length(object, TextUnit::Utf8).unwrap();
        at = at.min(random.random_range(0..=len));
        if random.random_range(0..6) == 0 && len > 0 {
            at = random.random_range(0..len);
            transaction.delete(object, at).unwrap();
            continue;
        }
        if random.random_range(0..5) == 0 {
            value = random.random_range(0..VALUES.len());
        }
        transaction.insert(object, at, VALUES[value]).unwrap();
        at += 1;
    }
    transaction.commit(CommitOptions::default());
}

#[test]
fn characters_and_what_looks_like_them_are_told_apart() {
    for seed in seeds(300) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut doc = Document::new();
        let mut transaction = doc.transaction(&ActorId::new(&[1]));
        let list = transaction.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
        transaction.commit(CommitOptions::default());
        let mut other = doc.fork();
        for _ in 0..random.random_range(1..8) {
            edit(&mut doc, 1, list, &mut random);
            edit(&mut other, 2, list, &mut random);
            if random.random() {
                other.merge(&doc, &mut PatchLog::inactive()).unwrap();
            }
        }
        doc.merge(&other, &mut PatchLog::inactive()).unwrap();
        let saved = doc.save();
        for options in [LoadOptions::default(), LoadOptions::trusted()] {
            let loaded = Document::load(&saved, options).unwrap();
            assert_eq!(loaded.heads(), doc.heads());
            assert_eq!(loaded.changes(), doc.changes());
            let values = |doc: &Document| doc.view().list_values(list).unwrap();
            assert_eq!(values(&loaded), values(&doc));
        }
    }
}
