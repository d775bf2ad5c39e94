//! The shapes of notes, folders and profiles in real documents.

#![allow(clippy::unwrap_used, clippy::panic)]

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Document, ObjId, ObjType, PatchLog, ScalarValue, TextUnit,
    Transaction, Value, WriteError,
};
use rejoin_notes::note::{NotANote, Note};
use rejoin_notes::profile::Profile;
use rejoin_notes::tree::{Entry, EntryKind, Folder};
use rejoin_notes::{DocumentKind, folder, profile};

fn edit<T>(
    document: &mut Document,
    actor: u8,
    write: impl FnOnce(&mut Transaction<'_>) -> Result<T, WriteError>,
) -> T {
    let mut tx = document.transaction(&ActorId::new(&[actor]));
    let result = write(&mut tx).unwrap();
    tx.commit(CommitOptions::default());
    result
}

fn merge(into: &mut Document, other: &Document) {
    into.merge(other, &mut PatchLog::inactive()).unwrap();
}

fn entry(name: &str, added: i64) -> Entry {
    Entry {
        name: name.into(),
        kind: EntryKind::Note,
        url: format!("automerge:{name}"),
        added,
        from: None,
    }
}

fn names(document: &Document) -> Vec<String> {
    let folder = folder::read(&document.view()).unwrap();
    folder.entries.into_iter().map(|entry| entry.name).collect()
}

#[test]
fn a_note_has_the_shape_of_a_patchwork_markdown_document() {
    let mut document = Document::new();
    let note = edit(&mut document, 1, |tx| Note::create(tx, "# Groceries\n"));
    let view = document.view();
    assert_eq!(view.keys(ObjId::ROOT).unwrap(), ["@patchwork", "content"]);
    let Some(Value::Object(ObjType::Map, about)) = view.get(ObjId::ROOT, "@patchwork").unwrap()
    else {
        panic!("@patchwork is a map");
    };
    let Some(Value::Object(ObjType::Text, kind)) = view.get(about, "type").unwrap() else {
        panic!("every string is a text object");
    };
    assert_eq!(view.text(kind).unwrap(), "markdown");
    assert_eq!(Note::find(&view), Ok(note));
    assert_eq!(note.text(&view), "# Groceries\n");
}

#[test]
fn an_essay_is_read_and_kept() {
    let mut document = Document::new();
    edit(&mut document, 1, |tx| {
        let about = tx.put_object(ObjId::ROOT, "@patchwork", ObjType::Map)?;
        let kind = tx.put_object(about, "type", ObjType::Text)?;
        tx.splice_text(kind, 0, 0, "essay", TextUnit::Utf16)?;
        let content = tx.put_object(ObjId::ROOT, "content", ObjType::Text)?;
        tx.splice_text(content, 0, 0, "words", TextUnit::Utf16)?;
        tx.put_object(ObjId::ROOT, "commentThreads", ObjType::Map)
    });
    assert_eq!(DocumentKind::of(&document.view()), Some(DocumentKind::Essay));
    let note = Note::find(&document.view()).unwrap();
    assert_eq!(note.text(&document.view()), "words");
    assert!(document.view().get(ObjId::ROOT, "commentThreads").unwrap().is_some());
}

#[test]
fn what_is_no_note_says_why() {
    let mut document = Document::new();
    assert_eq!(Note::find(&document.view()), Err(NotANote::Empty));
    edit(&mut document, 1, |tx| folder::create(tx, "Home"));
    assert_eq!(Note::find(&document.view()), Err(NotANote::OtherKind("folder".into())));
    let mut document = Document::new();
    edit(&mut document, 1, |tx| tx.put(ObjId::ROOT, "content", "a scalar string"));
    assert_eq!(Note::find(&document.view()), Err(NotANote::NoText));
}

#[test]
fn a_note_can_be_read_as_it_was() {
    let mut document = Document::new();
    let note = edit(&mut document, 1, |tx| Note::create(tx, "one"));
    let then = document.heads().to_vec();
    edit(&mut document, 1, |tx| tx.splice_text(note.content, 3, 0, " two", TextUnit::Utf16));
    assert_eq!(Note::text_at(&document, &then).unwrap(), "one");
    assert_eq!(Note::text_at(&document, &[]).unwrap(), "");
    assert!(Note::text_at(&document, &[ChangeHash([7; 32])]).is_err());
}

#[test]
fn entries_are_added_moved_renamed_and_removed() {
    let mut document = Document::new();
    edit(&mut document, 1, |tx| {
        folder::create(tx, "Home")?;
        folder::add(tx, &entry("a", 1), usize::MAX)?;
        folder::add(tx, &entry("b", 2), usize::MAX)?;
        folder::add(tx, &entry("c", 3), 0)
    });
    assert_eq!(names(&document), ["c", "a", "b"]);
    edit(&mut document, 1, |tx| folder::reorder(tx, "automerge:c", 2, 9));
    assert_eq!(names(&document), ["a", "b", "c"]);
    edit(&mut document, 1, |tx| folder::reorder(tx, "automerge:c", 1, 9));
    assert_eq!(names(&document), ["a", "c", "b"]);
    edit(&mut document, 1, |tx| folder::rename(tx, "automerge:c", "see"));
    assert_eq!(names(&document), ["a", "see", "b"]);
    assert_eq!(edit(&mut document, 1, |tx| folder::remove(tx, "automerge:a", 0)), 0);
    assert_eq!(edit(&mut document, 1, |tx| folder::remove(tx, "automerge:a", 1)), 1);
    assert_eq!(names(&document), ["see", "b"]);
    edit(&mut document, 1, |tx| folder::set_title(tx, "Haus"));
    assert_eq!(folder::read(&document.view()).unwrap().title, "Haus");
}

#[test]
fn two_people_who_move_a_note_leave_it_in_the_folder_once_on_screen() {
    let mut ana = Document::new();
    edit(&mut ana, 1, |tx| {
        folder::create(tx, "Home")?;
        for (at, name) in ["a", "b", "c"].into_iter().enumerate() {
            folder::add(tx, &entry(name, at as i64), usize::MAX)?;
        }
        Ok(())
    });
    let mut ben = ana.clone();
    edit(&mut ana, 2, |tx| folder::reorder(tx, "automerge:a", 2, 100));
    edit(&mut ben, 3, |tx| folder::reorder(tx, "automerge:a", 1, 200));
    merge(&mut ana, &ben);
    merge(&mut ben, &ana);
    assert_eq!(names(&ana), names(&ben));
    assert_eq!(names(&ana).iter().filter(|name| *name == "a").count(), 2);
    let home = folder::read(&ana.view()).unwrap();
    let folders = [("home".to_owned(), home)].into();
    let tree = rejoin_notes::tree::assemble(&["home"], &folders);
    let shown: Vec<_> = tree.roots[0].iter().map(|node| node.entry.name.as_str()).collect();
    assert_eq!(shown, ["b", "a", "c"]);
}

#[test]
fn keys_of_other_programs_stay() {
    let mut document = Document::new();
    edit(&mut document, 1, |tx| {
        folder::create(tx, "Home")?;
        folder::add(tx, &entry("a", 1), 0)?;
        tx.put(ObjId::ROOT, "theirs", 5_i64)?;
        let Some(Value::Object(_, docs)) = tx.view().get(ObjId::ROOT, "docs")? else {
            panic!("docs is a list");
        };
        tx.insert(docs, 0, "not a map")?;
        let Some(Value::Object(_, map)) = tx.view().get(docs, 1)? else {
            panic!("an entry is a map");
        };
        tx.put(map, "icon", "*")
    });
    edit(&mut document, 1, |tx| folder::rename(tx, "automerge:a", "b"));
    assert_eq!(names(&document), ["b"]);
    let view = document.view();
    let root = view.get(ObjId::ROOT, "theirs").unwrap();
    assert_eq!(root, Some(Value::Scalar(ScalarValue::Int(5))));
    let docs = view.get(ObjId::ROOT, "docs").unwrap().unwrap().as_object().unwrap();
    let map = view.get(docs, 1).unwrap().unwrap().as_object().unwrap();
    assert_eq!(view.get(map, "icon").unwrap().unwrap().as_str(), Some("*"));
}

#[test]
fn an_entry_of_another_program_is_read() {
    let mut document = Document::new();
    edit(&mut document, 1, |tx| {
        folder::create(tx, "Home")?;
        let docs = tx.view().get(ObjId::ROOT, "docs")?.unwrap().as_object().unwrap();
        let map = tx.insert_object(docs, 0, ObjType::Map)?;
        tx.put(map, "name", "Sketch")?;
        tx.put(map, "type", "tldraw")?;
        tx.put(map, "url", "automerge:x")
    });
    let expected = Entry {
        name: "Sketch".into(),
        kind: EntryKind::Other("tldraw".into()),
        url: "automerge:x".into(),
        added: 0,
        from: None,
    };
    let folder = folder::read(&document.view()).unwrap();
    assert_eq!(folder, Folder { title: "Home".into(), entries: vec![expected] });
}

#[test]
fn a_profile_is_written_and_read() {
    let mut document = Document::new();
    let head = ChangeHash([1; 32]);
    let written = Profile {
        name: "Ana".into(),
        colour: "teal".into(),
        home: Some("automerge:home".into()),
        trash: Some("automerge:trash".into()),
        pins: vec!["automerge:a".into(), "automerge:b".into()],
        seen: [("automerge:a".to_owned(), vec![head])].into(),
    };
    edit(&mut document, 1, |tx| profile::create(tx, &written));
    assert_eq!(profile::read(&document.view()), Some(written));
    edit(&mut document, 1, |tx| {
        profile::set_pinned(tx, "automerge:a", true)?;
        profile::set_pinned(tx, "automerge:b", false)?;
        profile::set_name(tx, "Anna")?;
        profile::set_seen(tx, "automerge:a", &[])
    });
    let profile = profile::read(&document.view()).unwrap();
    assert_eq!((profile.name.as_str(), profile.pins), ("Anna", vec!["automerge:a".to_owned()]));
    assert_eq!(profile.seen["automerge:a"], []);
    assert_eq!(profile::read(&Document::new().view()), None);
}

#[test]
fn two_devices_that_pin_the_same_note_show_it_once() {
    let mut one = Document::new();
    edit(&mut one, 1, |tx| profile::create(tx, &Profile::default()));
    let mut two = one.clone();
    edit(&mut one, 2, |tx| profile::set_pinned(tx, "automerge:a", true));
    edit(&mut two, 3, |tx| profile::set_pinned(tx, "automerge:a", true));
    merge(&mut one, &two);
    assert_eq!(profile::read(&one.view()).unwrap().pins, ["automerge:a"]);
    edit(&mut one, 2, |tx| profile::set_pinned(tx, "automerge:a", false));
    assert!(profile::read(&one.view()).unwrap().pins.is_empty());
}
