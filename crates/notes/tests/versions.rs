//! Looking back at a note and bringing an old version back.

#![allow(clippy::unwrap_used, clippy::panic)]

use rejoin_document::{ActorId, CommitOptions, Document, TextUnit};
use rejoin_notes::authorship::{Part, authorship, news};
use rejoin_notes::history::{self, Author};
use rejoin_notes::note::Note;

fn write(document: &mut Document, actor: u8, author: &str, time: i64, at: usize, text: &str) {
    let note = Note::find(&document.view()).unwrap();
    let mut tx = document.transaction(&ActorId::new(&[actor]));
    tx.splice_text(note.content, at, 0, text, TextUnit::Utf16).unwrap();
    let author = Some(author.as_bytes().to_vec());
    tx.commit(CommitOptions { time, author, message: None });
}

#[test]
fn a_note_is_looked_back_at_and_restored() {
    let mut document = Document::new();
    let mut tx = document.transaction(&ActorId::new(&[1]));
    let note = Note::create(&mut tx, "").unwrap();
    let author = Some(b"ana".to_vec());
    tx.commit(CommitOptions { time: 100, author, message: None });
    write(&mut document, 1, "ana", 110, 0, "milk\n");
    write(&mut document, 2, "ben", 120, 5, "bread\n");
    write(&mut document, 1, "ana", 9_000, 0, "oat ");

    let sessions = history::sessions(history::events(&document));
    let told: Vec<_> = sessions
        .iter()
        .map(|session| {
            let Author::Person(name) = &session.author else { panic!("everyone has a name") };
            let text = Note::text_at(&document, &session.after).unwrap();
            (String::from_utf8(name.clone()).unwrap(), session.changes, text)
        })
        .collect();
    let expected =
        [("ana", 2, "milk\n"), ("ben", 1, "milk\nbread\n"), ("ana", 1, "oat milk\nbread\n")]
            .map(|(name, changes, text)| (name.to_owned(), changes, text.to_owned()));
    assert_eq!(told, expected);

    let now = document.heads().to_vec();
    let shown = history::difference(&document, &sessions[0].after, &now).unwrap();
    let steps: Vec<_> = shown.splices().map(|step| (step.at, step.inserted)).collect();
    assert_eq!(steps, [(5, "bread\n"), (0, "oat ")]);

    let then = Note::text_at(&document, &sessions[0].after).unwrap();
    let mut tx = document.transaction(&ActorId::new(&[3]));
    let effect = history::restore(&mut tx, note, &then).unwrap();
    tx.commit(CommitOptions::default());
    assert_eq!(note.text(&document.view()), "milk\n");
    assert_eq!(effect.apply("oat milk\nbread\n").unwrap(), "milk\n");
    assert_eq!(Note::text_at(&document, &now).unwrap(), "oat milk\nbread\n");
}

#[test]
fn what_others_wrote_meanwhile_is_told_apart() {
    let mut document = Document::new();
    let mut tx = document.transaction(&ActorId::new(&[1]));
    let note = Note::create(&mut tx, "").unwrap();
    let ana = Author::Person(b"ana".to_vec());
    tx.commit(CommitOptions { time: 0, author: Some(b"ana".to_vec()), message: None });
    write(&mut document, 1, "ana", 1, 0, "milk\n");
    let seen = document.heads().to_vec();
    write(&mut document, 2, "ben", 2, 0, "oat ");
    write(&mut document, 1, "ana", 3, 9, "bread\n");
    write(&mut document, 4, "ben", 4, 15, "eggs\n");
    let ben = Author::Person(b"ben".to_vec());
    let part = |range, author: &Author| Part { range, author: Some(author.clone()) };
    let expected = [part(0..4, &ben), part(4..15, &ana), part(15..20, &ben)];
    assert_eq!(authorship(&document, note), expected);
    assert_eq!(news(&document, note, &seen, &ana), [part(0..4, &ben), part(15..20, &ben)]);
    assert_eq!(news(&document, note, document.heads(), &ana), []);
    let mut draft = document.draft_transaction();
    draft.splice_text(note.content, 0, 0, "my ", TextUnit::Utf16).unwrap();
    draft.keep();
    assert_eq!(authorship(&document, note)[0], Part { range: 0..3, author: None });
    assert_eq!(news(&document, note, &seen, &ana).len(), 2);
}
