//! Changes that no program should have made: refused, kept, and the document as before; and what a
//! transaction refuses to write.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rejoin_document::{
    ActorId, Change, CommitOptions, Document, Expand, LoadOptions, ObjId, ObjType, PatchLog,
    ReadError, RefusedReason, ScalarValue, TextUnit, WriteError,
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
    assert!(doc.refused().iter().any(|refused| refused.bytes() == change.bytes()));
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

#[test]
fn a_value_of_no_unknown_type_is_not_written() {
    let mut doc = Document::new();
    let mut write = doc.transaction(&ActorId::new(&[1]));
    let text = write.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    let list = write.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
    write.splice_text(text, 0, 0, "abc", TextUnit::Utf16).unwrap();
    let pending = write.pending();
    for code in (0..10).chain([16, 31, 200, 255]) {
        let value = ScalarValue::Unknown { code, bytes: vec![0x80, 0x80] };
        let refused = Err(WriteError::TypeCode(code));
        assert_eq!(write.put(ObjId::ROOT, "key", value.clone()), refused);
        assert_eq!(write.put(text, 0, value.clone()), refused);
        assert_eq!(write.insert(list, 0, value.clone()), refused);
        assert_eq!(write.splice(list, 0, 0, [value.clone()]), refused);
        let marked = write.mark(text, 0..2, "name", value.clone(), Expand::Both, TextUnit::Utf16);
        assert_eq!(marked, refused);
        assert_eq!(write.put_nested(ObjId::ROOT, "key", &value.into()), refused);
    }
    assert_eq!(write.pending(), pending);
    for code in 10..=15 {
        let value = ScalarValue::Unknown { code, bytes: vec![0x80, 0x80] };
        write.insert(list, 0, value).unwrap();
    }
    write.commit(CommitOptions::default());
    let loaded = Document::load(&doc.save(), LoadOptions::default()).unwrap();
    assert_eq!(loaded.view().nested(ObjId::ROOT), doc.view().nested(ObjId::ROOT));
}

#[test]
fn deleting_beyond_the_end_of_a_text_writes_nothing() {
    let mut doc = Document::new();
    let mut write = doc.transaction(&ActorId::new(&[1]));
    let text = write.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    let list = write.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
    write.splice_text(text, 0, 0, "abc", TextUnit::Utf16).unwrap();
    write.insert(list, 0, 1_i64).unwrap();
    let pending = write.pending();
    assert_eq!(write.delete(text, 3), Ok(()));
    assert_eq!(write.splice_text(text, 99, 1, "", TextUnit::Utf16), Ok(()));
    assert_eq!(write.splice(list, 99, 1, []), Ok(()));
    let beyond = |index, length| Err(WriteError::OutOfBounds { index, length });
    assert_eq!(write.delete(list, 1), beyond(1, 1));
    assert_eq!(write.splice(list, 2, 1, [ScalarValue::Null]), beyond(2, 1));
    assert_eq!(write.pending(), pending);
}

#[test]
fn an_object_of_another_document_has_no_text_form() {
    let mut doc = Document::new();
    let mut write = doc.transaction(&ActorId::new(&[1]));
    let text = write.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    write.commit(CommitOptions::default());
    assert_eq!(doc.view().object_text(text), Ok("1@01".to_owned()));
    assert_eq!(Document::new().view().object_text(text), Err(ReadError::UnknownObject));
    assert_eq!(Document::new().view().object_text(ObjId::ROOT), Ok("_root".to_owned()));
}

/// Changes that each follow one that is nowhere.
fn orphans(count: u32) -> Vec<Change> {
    let orphan = |number: u32| {
        let mut other = Document::new();
        for value in 0..2 {
            let mut transaction = other.transaction(&ActorId::new(&number.to_be_bytes()));
            transaction.put(ObjId::ROOT, "x", value).unwrap();
            transaction.commit(CommitOptions::default()).unwrap();
        }
        other.change(&other.heads()[0]).unwrap()
    };
    (0..count).map(orphan).collect()
}

#[test]
fn of_what_others_send_only_so_much_waits_and_the_oldest_goes_first() {
    let limited = LoadOptions::default().max_set_aside(10_000);
    let log = &mut PatchLog::inactive();
    let orphans = orphans(100);
    let (own, others) = orphans.split_at(3);
    let mut doc = Document::new();
    doc.apply(own.to_vec(), log).unwrap();
    for change in others {
        doc.load_incremental_with(change.bytes(), limited, log).unwrap();
        assert!(doc.set_aside_bytes() <= 10_000);
    }
    assert!(own.iter().all(|change| doc.is_queued(&change.hash())), "these are never dropped");
    let waiting = others.iter().filter(|change| doc.is_queued(&change.hash())).count();
    assert!((5..50).contains(&waiting), "{waiting} wait");
    assert!(others[97 - waiting..].iter().all(|change| doc.is_queued(&change.hash())));
    assert_eq!((doc.queued(), doc.dropped()), (3 + waiting, 97 - waiting));
    // What is saved for good is what is never dropped.
    let mut kept = Document::new();
    let mut one = Document::new();
    put(&mut one, 1, "a", 1);
    doc.merge(&one, log).unwrap();
    kept.load_incremental(&doc.save_kept(), log).unwrap();
    assert_eq!((kept.heads(), kept.queued()), (doc.heads(), 3));
    // One that comes again by another way is dropped no more.
    let last = others.last().unwrap();
    doc.apply([last.clone()], log).unwrap();
    doc.load_incremental_with(&[], limited.max_set_aside(0), log).unwrap();
    assert_eq!(doc.queued(), 4);
    assert!(doc.is_queued(&last.hash()));
}

#[test]
fn a_change_that_waited_beside_others_that_were_dropped_is_taken_in_when_it_can_be() {
    let mut other = Document::new();
    let changes: Vec<_> = (0..30).map(|value| put(&mut other, 1, "x", value)).collect();
    let limited = LoadOptions::default().max_set_aside(10_000);
    let log = &mut PatchLog::inactive();
    let mut doc = Document::new();
    for change in changes[1..].iter().rev() {
        doc.load_incremental_with(change.bytes(), limited, log).unwrap();
    }
    // The last ones came first and are gone.
    let (waiting, dropped) = (doc.queued(), doc.dropped());
    assert_eq!(waiting + dropped, 29);
    assert!(waiting > 5 && dropped > 5, "{waiting} wait, {dropped} were dropped");
    assert_eq!(doc.missing_before(other.heads()), other.heads());
    doc.load_incremental_with(changes[0].bytes(), limited, log).unwrap();
    assert_eq!((doc.queued(), doc.change_count(), doc.set_aside_bytes()), (0, 1 + waiting, 0));
    for change in &changes {
        doc.load_incremental_with(change.bytes(), limited, log).unwrap();
    }
    assert_eq!(doc.heads(), other.heads());
}

#[test]
fn of_what_others_send_only_so_much_that_was_refused_is_kept_and_the_rest_is_known() {
    let mut doc = Document::new();
    put(&mut doc, 1, "a", 1);
    let refused = |value: i64| {
        let mut twin = Document::new();
        put(&mut twin, 1, "a", value)
    };
    let limited = LoadOptions::default().max_set_aside(16 * 10_000);
    let log = &mut PatchLog::inactive();
    let changes: Vec<_> = (2..102).map(refused).collect();
    for change in &changes {
        doc.load_incremental_with(change.bytes(), limited, log).unwrap_err();
        assert!(doc.set_aside_bytes() <= 10_000);
    }
    let kept = doc.refused().len();
    assert!((5..50).contains(&kept), "{kept} are kept");
    assert!(doc.refused().iter().zip(&changes[100 - kept..]).all(|(a, b)| a.hash == b.hash()));
    // Whoever brings one of them again is not heard.
    assert!(changes.iter().all(|change| doc.is_refused(&change.hash())));
    doc.load_incremental_with(changes[0].bytes(), limited, log).unwrap();
    assert_eq!(doc.refused().len(), kept);
}
