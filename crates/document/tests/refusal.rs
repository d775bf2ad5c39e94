//! Changes that no program should have made: refused, kept, and the document as before.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{
    ActorId, Change, CommitOptions, Document, LoadOptions, ObjId, PatchLog, RefusedReason,
    ScalarValue,
};

fn put(doc: &mut Document, actor: u8, key: &str, value: i64) -> Change {
    let mut transaction = doc.transaction(&ActorId::new(&[actor]));
    transaction.put(ObjId::ROOT, key, value).unwrap();
    let hash = transaction.commit(CommitOptions::default()).unwrap();
    doc.change(&hash).unwrap()
}

fn refusal(doc: &mut Document, change: &Change) -> RefusedReason {
    let before = (doc.heads().to_vec(), doc.save(), doc.view().nested(ObjId::ROOT));
    let mut log = PatchLog::active(rejoin_document::TextUnit::Utf16);
    let error = doc.apply([change.clone()], &mut log).unwrap_err();
    assert_eq!(error.hash, change.hash());
    assert_eq!((doc.heads().to_vec(), doc.save(), doc.view().nested(ObjId::ROOT)), before);
    assert!(log.take().is_empty());
    assert!(doc.refused().iter().any(|refused| refused.change == *change));
    // Asked again it is passed over, as it is known to be refused.
    doc.apply([change.clone()], &mut PatchLog::inactive()).unwrap();
    error.reason
}

#[test]
fn an_actor_that_two_programs_continued() {
    let mut doc = Document::new();
    put(&mut doc, 1, "a", 1);
    let mut copied_profile = doc.fork();
    put(&mut doc, 1, "b", 2);
    let reused = put(&mut copied_profile, 1, "b", 3);
    assert_eq!(refusal(&mut doc, &reused), RefusedReason::ReusedSeq { seq: 2 });
    // What follows it waits, and everything else goes on.
    let next = put(&mut copied_profile, 2, "c", 4);
    doc.apply([next], &mut PatchLog::inactive()).unwrap();
    assert_eq!(doc.queued(), 1);
    put(&mut doc, 3, "d", 5);
    assert_eq!(doc.view().get(ObjId::ROOT, "b").unwrap(), Some(ScalarValue::Int(2).into()));
}

/// Three people who each wrote 100 kB of the same letter: 300 kB, deflated to next to nothing.
fn three_long_changes() -> Document {
    let mut document = Document::new();
    for name in [b"a", b"b", b"c"] {
        let mut other = Document::new();
        let mut transaction = other.transaction(&ActorId::new(name));
        transaction.put(ObjId::ROOT, "text", "x".repeat(100_000)).unwrap();
        transaction.commit(CommitOptions::default());
        document.merge(&other, &mut PatchLog::inactive()).unwrap();
    }
    document
}

#[test]
fn what_all_chunks_together_inflate_to_is_limited() {
    let long = three_long_changes();
    let deflated: Vec<u8> = long.changes().iter().flat_map(Change::compressed_bytes).collect();
    let hashes: Vec<_> = long.changes().iter().map(Change::hash).collect();
    for bytes in [deflated, long.save(), long.bundle(&hashes)] {
        assert!(bytes.len() < 2_000);
        let limited = LoadOptions::default().max_inflated(290_000);
        let error = Document::load(&bytes, limited).unwrap_err();
        assert!(error.cause.is_too_large(), "{error}");
        let mut document = Document::new();
        let mut log = PatchLog::inactive();
        let error = document.load_incremental_with(&bytes, limited, &mut log).unwrap_err();
        assert!(error.cause.is_too_large(), "{error}");
        let enough = LoadOptions::default().max_inflated(310_000);
        document.load_incremental_with(&bytes, enough, &mut log).unwrap();
        assert_eq!(document.heads(), long.heads());
    }
}
