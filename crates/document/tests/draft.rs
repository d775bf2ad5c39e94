//! A draft survives merging, can be journaled and restored, and commits as one change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_document::{
    ActorId, CommitOptions, Document, LoadOptions, NestedValue, ObjId, ObjType, PatchLog, TextUnit,
    Transaction, WriteError,
};
use rejoin_seeds::seeds;

const UNIT: TextUnit = TextUnit::CodePoint;

fn with_text(content: &str) -> (Document, ObjId) {
    let mut doc = Document::new();
    let mut transaction = doc.transaction(&ActorId::new(&[0]));
    let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text).unwrap();
    transaction.splice_text(text, 0, 0, content, UNIT).unwrap();
    transaction.commit(CommitOptions::default()).unwrap();
    (doc, text)
}

fn draft(doc: &mut Document, text: ObjId, at: usize, delete: usize, insert: &str) {
    let mut draft = doc.draft_transaction();
    draft.splice_text(text, at, delete, insert, UNIT).unwrap();
    draft.keep();
}

fn commit(doc: &mut Document, actor: u8, text: ObjId, at: usize, delete: usize, insert: &str) {
    let mut transaction = doc.transaction(&ActorId::new(&[actor]));
    transaction.splice_text(text, at, delete, insert, UNIT).unwrap();
    transaction.commit(CommitOptions::default()).unwrap();
}

fn text_of(doc: &Document, text: ObjId) -> String {
    doc.view().text(text).unwrap()
}

#[test]
fn nobody_sees_a_draft_before_it_is_committed() {
    let (mut doc, text) = with_text("hello");
    let before = (doc.heads().to_vec(), doc.save());
    draft(&mut doc, text, 5, 0, " world");
    draft(&mut doc, text, 0, 1, "J");
    assert_eq!(text_of(&doc, text), "Jello world");
    assert_eq!((doc.heads().to_vec(), doc.save()), before);
    assert_eq!(doc.at(doc.heads()).unwrap().text(text).unwrap(), "hello");
    assert_eq!(text_of(&doc.fork(), text), "hello");
    assert!(doc.changes_since(&before.0).is_empty());
}

#[test]
fn a_draft_keeps_its_order_through_merges_and_commits_as_one_change() {
    let (mut doc, text) = with_text("hello");
    let mut other = doc.fork();
    draft(&mut doc, text, 2, 0, "AAA");
    for round in 0..5 {
        commit(&mut other, 200, text, 2, 0, &format!("<{round}>"));
        commit(&mut other, 1, text, 2, 1, "");
        doc.merge(&other, &mut PatchLog::inactive()).unwrap();
        draft(&mut doc, text, 3, 1, "b");
    }
    let seen = text_of(&doc, text);
    let changes = doc.change_count();
    let hash = doc.commit_draft(&ActorId::new(&[7]), CommitOptions::default()).unwrap();
    assert_eq!(text_of(&doc, text), seen);
    assert_eq!(doc.change_count(), changes + 1);
    assert_eq!(doc.heads(), [hash]);
    other.merge(&doc, &mut PatchLog::inactive()).unwrap();
    assert_eq!(text_of(&other, text), seen);
    assert_eq!(doc.draft_len(), 0);
}

#[test]
fn a_journal_restores_the_draft_also_on_a_document_that_went_on() {
    let (mut doc, text) = with_text("hello");
    let saved = doc.fork();
    draft(&mut doc, text, 0, 1, "J");
    let mut new = doc.draft_transaction();
    let list = new.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
    new.insert(list, 0, 42i64).unwrap();
    new.put(ObjId::ROOT, "title", "draft").unwrap();
    new.keep();
    let journal = doc.draft_journal().unwrap();
    let mut again = saved.fork();
    commit(&mut again, 3, text, 5, 0, "!");
    again.restore_draft(&journal).unwrap();
    assert_eq!(text_of(&again, text), "Jello!");
    assert_eq!(again.draft_len(), doc.draft_len());
    assert!(again.restore_draft(&journal).is_err(), "there is one already");
    again.commit_draft(&ActorId::new(&[4]), CommitOptions::default()).unwrap();
    let view = again.view();
    let list = view.get(ObjId::ROOT, "list").unwrap().unwrap().as_object().unwrap();
    assert_eq!(view.length(list, UNIT).unwrap(), 1);
    assert!(Document::new().restore_draft(&journal).is_err(), "the base is missing");
    assert!(again.restore_draft(&journal[..20]).is_err());
}

#[test]
fn throwing_a_draft_away_leaves_the_document_as_it_was() {
    let (mut doc, text) = with_text("hello");
    draft(&mut doc, text, 1, 3, "xyz");
    draft(&mut doc, text, 2, 1, "");
    doc.discard_draft();
    assert_eq!(text_of(&doc, text), "hello");
    assert_eq!(doc.draft_len(), 0);
    assert!(doc.draft_journal().is_none());
}

#[test]
fn a_change_cannot_be_built_upon_a_draft() {
    let (mut doc, text) = with_text("hello");
    draft(&mut doc, text, 5, 0, " draft");
    let mut transaction = doc.transaction(&ActorId::new(&[5]));
    let refused = transaction.splice_text(text, 8, 0, "x", UNIT);
    assert_eq!(refused, Err(WriteError::InDraft));
    transaction.splice_text(text, 5, 0, "!", UNIT).unwrap();
    transaction.commit(CommitOptions::default()).unwrap();
    let committed = doc.at(doc.heads()).unwrap().text(text).unwrap();
    assert_eq!(committed, "hello!");
}

/// What a reader of the saved document sees.
fn saved(doc: &Document) -> NestedValue {
    let options = LoadOptions::default();
    Document::load(&doc.save(), options).unwrap().view().nested(ObjId::ROOT).unwrap()
}

/// Writes something anywhere, objects within objects too.
fn write_anything(random: &mut ChaCha8Rng, transaction: &mut Transaction<'_>) {
    let mut object = ObjId::ROOT;
    for _ in 0..random.random_range(1..4) {
        let key = ["a", "b", "c"][random.random_range(0..3)];
        let found =
            transaction.view().get(object, key).unwrap().and_then(|value| value.as_object());
        match (found, random.random_range(0..6)) {
            (Some(inner), 0..4)
                if transaction.view().object_type(inner).unwrap() == ObjType::Map =>
            {
                object = inner;
            }
            (Some(inner), 0..4) => {
                let length = transaction.view().length(inner, UNIT).unwrap();
                let at = random.random_range(0..=length);
                let delete = random.random_range(0..=(length - at).min(2));
                // What a draft has written cannot be built upon by a change.
                let _ = transaction.splice_text(inner, at, delete, "xy", UNIT);
                return;
            }
            (_, 4) => {
                let _ = transaction.put(object, key, random.random_range(0..9i64));
            }
            (_, 5) => {
                let _ = transaction.delete(object, key);
            }
            (_, kind) => {
                let kind = if kind % 2 == 0 { ObjType::Map } else { ObjType::Text };
                let Ok(made) = transaction.put_object(object, key, kind) else { return };
                if kind == ObjType::Text {
                    transaction.splice_text(made, 0, 0, "abc", UNIT).unwrap();
                    return;
                }
                object = made;
            }
        }
    }
}

#[test]
fn whatever_is_made_meanwhile_a_draft_is_taken_back_whole() {
    for seed in seeds(400) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut doc = Document::new();
        let mut other = doc.fork();
        for _ in 0..40 {
            match random.random_range(0..10) {
                0..4 => {
                    let mut draft = doc.draft_transaction();
                    write_anything(&mut random, &mut draft);
                    if random.random_range(0..8) > 0 {
                        draft.keep();
                    }
                }
                4 | 5 => {
                    let mut transaction = other.transaction(&ActorId::new(b"other"));
                    write_anything(&mut random, &mut transaction);
                    transaction.commit(CommitOptions::default());
                }
                6 => {
                    let mut transaction = doc.transaction(&ActorId::new(b"mirror"));
                    write_anything(&mut random, &mut transaction);
                    transaction.commit(CommitOptions::default());
                }
                7 => {
                    doc.merge(&other, &mut PatchLog::inactive()).unwrap();
                    other.merge(&doc, &mut PatchLog::inactive()).unwrap();
                }
                8 => {
                    let seen = doc.view().nested(ObjId::ROOT).unwrap();
                    match random.random_range(0..3) {
                        0 => {
                            doc.commit_draft(&ActorId::new(b"me"), CommitOptions::default());
                            assert_eq!(doc.view().nested(ObjId::ROOT).unwrap(), seen);
                            assert_eq!(saved(&doc), seen);
                        }
                        1 => {
                            if let Some(journal) = doc.draft_journal() {
                                doc.discard_draft();
                                doc.restore_draft(&journal).unwrap();
                                assert_eq!(doc.view().nested(ObjId::ROOT).unwrap(), seen);
                            }
                        }
                        _ => {
                            doc.discard_draft();
                            assert_eq!(doc.view().nested(ObjId::ROOT).unwrap(), saved(&doc));
                        }
                    }
                }
                _ => {
                    let fork = doc.fork();
                    assert_eq!(fork.view().nested(ObjId::ROOT).unwrap(), saved(&doc));
                }
            }
        }
    }
}
