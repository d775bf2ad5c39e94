//! Recorded typing, replayed to its end: with a commit per edit, in one commit, by two people at
//! once; then saved, reloaded and read by Automerge.
//!
//! The recordings are found through `REJOIN_DATA`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::HashSet;

use automerge::{AutoCommit, ReadDoc};
use rejoin_document::{
    ActorId, Change, CommitOptions, Document, LoadOptions, ObjId, ObjType, PatchLog, TextUnit,
};
use rejoin_tests::subject;
use rejoin_tests::trace::{self, Trace};

const SEQUENTIAL: &[&str] =
    &["friendsforever_flat", "sveltecomponent", "rustcode", "seph-blog1", "automerge-paper"];

fn options() -> CommitOptions {
    CommitOptions::default()
}

/// A document with an empty text at `text`, made by an actor of its own.
fn with_text() -> (Document, ObjId) {
    let mut document = Document::new();
    let mut transaction = document.transaction(&ActorId::new(&[0; 16]));
    let text = transaction.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    transaction.commit(options()).unwrap();
    (document, text)
}

#[test]
fn a_commit_per_edit_reaches_the_recorded_end() {
    for name in SEQUENTIAL {
        let Some(trace) = trace::read(name) else { return };
        let (mut document, text) = with_text();
        let actor = ActorId::new(&[1; 16]);
        let mut edits = 1;
        for patch in trace.txns.iter().flat_map(|txn| &txn.patches) {
            let mut transaction = document.transaction(&actor);
            transaction.splice_text(text, patch.0, patch.1, &patch.2, TextUnit::CodePoint).unwrap();
            edits += usize::from(transaction.commit(options()).is_some());
        }
        check(name, &document, text, &trace);
        assert_eq!(document.change_count(), edits, "{name}: number of changes");
    }
}

#[test]
fn one_commit_reaches_the_recorded_end() {
    for name in SEQUENTIAL {
        let Some(trace) = trace::read(name) else { return };
        let (mut document, text) = with_text();
        let mut transaction = document.transaction(&ActorId::new(&[1; 16]));
        for patch in trace.txns.iter().flat_map(|txn| &txn.patches) {
            transaction.splice_text(text, patch.0, patch.1, &patch.2, TextUnit::CodePoint).unwrap();
        }
        transaction.commit(options()).unwrap();
        check(name, &document, text, &trace);
    }
}

#[test]
fn two_people_typing_at_once_reach_the_recorded_end() {
    let Some(trace) = trace::read("friendsforever") else { return };
    let (first, text) = with_text();
    let mut people: Vec<Person> = (0..trace.agents)
        .map(|agent| Person {
            document: first.fork(),
            actor: ActorId::new(&[agent as u8 + 1; 16]),
            has: HashSet::new(),
        })
        .collect();
    let mut made: Vec<Option<Change>> = Vec::new();
    for (index, txn) in trace.txns.iter().enumerate() {
        let person = &mut people[txn.agent];
        person.receive(&trace, &made, &txn.parents);
        let mut transaction = person.document.transaction(&person.actor);
        for patch in &txn.patches {
            transaction.splice_text(text, patch.0, patch.1, &patch.2, TextUnit::CodePoint).unwrap();
        }
        let hash = transaction.commit(options());
        made.push(hash.map(|hash| person.document.change(&hash).unwrap()));
        person.has.insert(index);
    }
    let ends: Vec<usize> = (0..trace.txns.len()).collect();
    for person in &mut people {
        person.receive(&trace, &made, &ends);
        check("friendsforever", &person.document, text, &trace);
    }
    assert_eq!(people[0].document.heads(), people[1].document.heads());
}

struct Person {
    document: Document,
    actor: ActorId,
    has: HashSet<usize>,
}

impl Person {
    /// Takes what this person lacks of the given transactions and of everything before them.
    fn receive(&mut self, trace: &Trace, made: &[Option<Change>], wanted: &[usize]) {
        let mut missing = Vec::new();
        let mut open: Vec<usize> = wanted.to_vec();
        while let Some(index) = open.pop() {
            if self.has.insert(index) {
                missing.push(index);
                open.extend(&trace.txns[index].parents);
            }
        }
        missing.sort_unstable();
        let changes: Vec<Change> =
            missing.into_iter().filter_map(|index| made[index].clone()).collect();
        self.document.apply(changes, &mut PatchLog::inactive()).unwrap();
    }
}

/// The text is right now, after a reload, and in Automerge.
fn check(name: &str, document: &Document, text: ObjId, trace: &Trace) {
    assert!(document.view().text(text).unwrap() == trace.end_content, "{name}: another text");
    let saved = document.save();
    let again = Document::load(&saved, LoadOptions::default()).unwrap();
    assert_eq!(again.heads(), document.heads(), "{name}: heads after a reload");
    let id = document.view().object_text(text).unwrap();
    let text = again.view().parse_object(&id).unwrap();
    assert!(again.view().text(text).unwrap() == trace.end_content, "{name}: text after a reload");
    let mut theirs = AutoCommit::load(&saved).unwrap();
    assert_eq!(subject::hashes(&theirs.get_heads()), document.heads(), "{name}: automerge's heads");
    let text = theirs.import_obj(&id).unwrap();
    assert!(theirs.text(&text).unwrap() == trace.end_content, "{name}: automerge's text");
    println!("{name}: {} changes, {} bytes", document.change_count(), saved.len());
}
