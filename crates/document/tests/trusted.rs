//! What our own store wrote opens without computing the hash of each change; whoever asks for one
//! gets the right one.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, ScalarValue, TextUnit,
};
use rejoin_seeds::Random;

const UNIT: TextUnit = TextUnit::CodePoint;

fn edit(doc: &mut Document, actor: u8, text: ObjId, random: &mut Random) {
    let len = doc.view().length(text, UNIT).unwrap();
    let mut transaction = doc.transaction(&ActorId::new(&[actor]));
    match random.below(6) {
        0 => transaction.put(ObjId::ROOT, "n", random.below(9) as i64).unwrap(),
        1 => transaction.put(ObjId::ROOT, "c", ScalarValue::Counter(1)).unwrap(),
        2 if len > 2 => transaction.splice_text(text, random.below(len), 2, "", UNIT).unwrap(),
        _ => transaction.splice_text(text, random.below(len + 1), 0, "ab", UNIT).unwrap(),
    }
    let message = (random.below(9) == 0).then(|| "said".to_owned());
    let time = if random.below(5) == 0 { random.below(100) as i64 } else { 7 };
    let author = (random.below(2) == 0).then(|| vec![actor; 3]);
    transaction.commit(CommitOptions { message, time, author });
}

/// A document of several actors, rows of commits, branches and empty changes.
fn document(seed: u64) -> (Document, ObjId) {
    let mut random = Random::new(seed);
    let mut doc = Document::new();
    let mut transaction = doc.transaction(&ActorId::new(&[0]));
    let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text).unwrap();
    transaction.commit(CommitOptions::default());
    let mut other = doc.fork();
    for _ in 0..random.below(60) {
        match random.below(12) {
            0 => {
                doc.merge(&other, &mut PatchLog::inactive()).unwrap();
            }
            1 => {
                other.merge(&doc, &mut PatchLog::inactive()).unwrap();
            }
            2 => {
                doc.commit_empty(&ActorId::new(&[1]), CommitOptions::default());
            }
            3..=4 => edit(&mut other, 2, text, &mut random),
            _ => (0..1 + random.below(9)).for_each(|_| edit(&mut doc, 1, text, &mut random)),
        }
    }
    if random.below(2) == 0 {
        doc.merge(&other, &mut PatchLog::inactive()).unwrap();
    }
    (doc, text)
}

#[test]
fn a_trusted_load_is_the_verified_one() {
    for seed in 1..200 {
        println!("SEED={seed}");
        let (doc, _) = document(seed);
        let bytes = doc.save();
        let verified = Document::load(&bytes, LoadOptions::default()).unwrap();
        let trusted = Document::load(&bytes, LoadOptions::trusted()).unwrap();
        assert_eq!(trusted.heads(), doc.heads());
        assert_eq!(trusted.view().nested(ObjId::ROOT), doc.view().nested(ObjId::ROOT));
        assert_eq!(trusted.save(), verified.save());
        let hashes = |doc: &Document| doc.changes().iter().map(|c| c.hash()).collect::<Vec<_>>();
        assert_eq!(hashes(&trusted), hashes(&verified));
        assert!(trusted.metadata().eq(verified.metadata()));
        for change in verified.changes() {
            let fresh = Document::load(&bytes, LoadOptions::trusted()).unwrap();
            assert!(fresh.has_change(&change.hash()));
            assert_eq!(fresh.change(&change.hash()), Some(change.clone()));
        }
    }
}

#[test]
fn editing_and_merging_go_on_where_the_hashes_are_not_computed() {
    for seed in 1..200 {
        println!("SEED={seed}");
        let mut random = Random::new(seed);
        let (mut plain, text) = document(seed);
        let name = plain.view().object_text(text).unwrap();
        let bytes = plain.save();
        let mut trusted = Document::load(&bytes, LoadOptions::trusted()).unwrap();
        let there = trusted.view().parse_object(&name).unwrap();
        let mut remote = plain.fork();
        edit(&mut remote, 9, text, &mut random);
        // The actor of before goes on in both alike, for the test's sake.
        let actor = if random.below(2) == 0 { 1 } else { 8 };
        edit(&mut plain, actor, text, &mut Random::new(seed));
        edit(&mut trusted, actor, there, &mut Random::new(seed));
        assert_eq!(trusted.heads(), plain.heads());
        plain.merge(&remote, &mut PatchLog::inactive()).unwrap();
        trusted.merge(&remote, &mut PatchLog::inactive()).unwrap();
        assert_eq!(trusted.heads(), plain.heads());
        assert_eq!(trusted.save(), plain.save());
        let mut third = Document::new();
        third.merge(&trusted, &mut PatchLog::inactive()).unwrap();
        assert_eq!(third.heads(), plain.heads());
    }
}
