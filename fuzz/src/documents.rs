//! The engine against chunks of anybody.

use std::collections::HashSet;

use rejoin_document::{
    ActorId, Change, CommitOptions, Document, Expand, LoadOptions, ObjId, ObjType, PatchLog, Prop,
    ScalarValue, TextUnit, Value, View,
};
use sha2::{Digest, Sha256};

/// Loads the bytes in every way there is: as they are, and as the body of a chunk of each type with the
/// right checksum, which mutation alone would never hit.
///
/// What is accepted must save to a file that loads again with the same heads.
pub fn load(bytes: &[u8]) {
    let Some((&kind, body)) = bytes.split_first() else { return };
    let bytes = match kind {
        0..4 => chunk(kind, body),
        _ => body.to_vec(),
    };
    if let Ok(document) = Document::load(&bytes, LoadOptions::default()) {
        check_document(&document);
    }
    check_document(&Document::salvage(&bytes).document);
    let mut document = example();
    let _ = document.load_incremental(&bytes, &mut PatchLog::active(TextUnit::Utf16));
    check_document(&document);
    // From our own store comes nothing that we did not write, but a broken disk must not break us.
    if let Ok(document) = Document::load(&bytes, LoadOptions::trusted()) {
        read_all(document.view());
    }
}

/// Applies changes, each given as the length of its chunk's body in two bytes and that body, to a
/// document with something of everything.
///
/// Whatever is refused must leave the document as it was, and what is accepted must survive saving.
pub fn apply_change(bytes: &[u8]) {
    let mut document = example();
    let mut rest = bytes;
    while let Some((len, behind)) = rest.split_first_chunk() {
        let len = usize::from(u16::from_le_bytes(*len)).min(behind.len());
        let (body, behind) = behind.split_at(len);
        rest = behind;
        let Ok(change) = Change::parse(&chunk(1, body)) else { continue };
        let before = (document.heads().to_vec(), document.change_count());
        let mut log = PatchLog::active(TextUnit::Utf16);
        if document.apply([change], &mut log).is_err() {
            assert_eq!(before, (document.heads().to_vec(), document.change_count()));
        }
    }
    check_document(&document);
}

/// A document in which two people wrote something of everything, always the same.
pub fn example() -> Document {
    let mut document = Document::new();
    let ada = ActorId::new(b"ada");
    let mut writer = document.transaction(&ada);
    let text = writer.put_object(ObjId::ROOT, "text", ObjType::Text).expect("a new key");
    let list = writer.put_object(ObjId::ROOT, "list", ObjType::List).expect("a new key");
    writer.splice_text(text, 0, 0, "héllo 😀 world", TextUnit::Utf16).expect("within bounds");
    writer.put(ObjId::ROOT, "count", ScalarValue::Counter(3)).expect("a new key");
    for (index, value) in [1i64, 2, 3].into_iter().enumerate() {
        writer.insert(list, index, value).expect("within bounds");
    }
    writer.commit(CommitOptions::default());

    let mut other = document.fork();
    let mut writer = other.transaction(&ActorId::new(b"bob"));
    writer.splice_text(text, 2, 4, "y", TextUnit::Utf16).expect("within bounds");
    writer.put(ObjId::ROOT, "title", "bob's").expect("a new key");
    writer.increment(ObjId::ROOT, "count", 2).expect("a counter");
    writer.delete(list, 1usize).expect("within bounds");
    writer.commit(CommitOptions::default());

    let mut writer = document.transaction(&ada);
    writer.mark(text, 1..5, "strong", true, Expand::After, TextUnit::Utf16).expect("within bounds");
    writer.put(ObjId::ROOT, "title", "ada's").expect("a new key");
    writer.commit(CommitOptions { time: 5, ..CommitOptions::default() });
    document.merge(&other, &mut PatchLog::inactive()).expect("both are valid");
    document
}

/// A chunk of this type with the right checksum. The checksum of a deflated change is that of what it
/// inflates to, so that type is given as it is.
pub fn chunk(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![kind];
    let mut len = body.len();
    while len >= 0x80 {
        hashed.push(len as u8 | 0x80);
        len >>= 7;
    }
    hashed.push(len as u8);
    hashed.extend_from_slice(body);
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83];
    chunk.extend_from_slice(&Sha256::digest(&hashed)[..4]);
    chunk.append(&mut hashed);
    chunk
}

/// Everything that must hold of a document, wherever it came from.
pub fn check_document(document: &Document) {
    let seen = read_all(document.view());
    for saved in [document.save(), document.save_uncompressed()] {
        let loaded = Document::load(&saved, LoadOptions::default()).expect("what was saved loads");
        assert_eq!(loaded.heads(), document.heads());
        assert_eq!(loaded.change_count(), document.change_count());
        assert_eq!(read_all(loaded.view()), seen);
    }
    for change in document.changes() {
        assert_eq!(Change::parse(change.bytes()).as_ref(), Ok(&change));
        assert!(document.has_change(&change.hash()));
    }
    let replayed = Document::load(&document.save_since(&[]), LoadOptions::default());
    if document.queued() == 0 {
        assert_eq!(read_all(replayed.expect("all changes are there").view()), seen);
    }
}

/// All objects that can be reached from the root.
pub fn objects(view: &View<'_>) -> Vec<(ObjId, ObjType)> {
    let mut met = HashSet::from([ObjId::ROOT]);
    let mut found = vec![(ObjId::ROOT, ObjType::Map)];
    let mut at = 0;
    while let Some(&(object, kind)) = found.get(at) {
        at += 1;
        for value in values(view, object, kind) {
            if let Value::Object(kind, id) = value
                && met.insert(id)
            {
                found.push((id, kind));
            }
        }
    }
    found
}

/// What an object holds, conflicting values included.
fn values(view: &View<'_>, object: ObjId, kind: ObjType) -> Vec<Value> {
    let all = |prop: Prop<'_>| view.get_all(object, prop).expect("a place of the document");
    match kind {
        ObjType::Map | ObjType::Table => {
            let keys = view.keys(object).expect("an object of the document");
            keys.iter().flat_map(|key| all(Prop::Key(key))).collect()
        }
        ObjType::List => {
            let length = view.length(object, TextUnit::CodePoint).expect("an object");
            (0..length).flat_map(|index| all(Prop::Index(index))).collect()
        }
        // Indexes in a text count UTF-16. Few bytes can inflate to much text, so not all of it.
        ObjType::Text => {
            let length = view.length(object, TextUnit::Utf16).expect("an object");
            (0..length.min(2000)).flat_map(|index| all(Prop::Index(index))).collect()
        }
    }
}

/// Reads everything that can be read, as text to compare.
pub fn read_all(view: View<'_>) -> Vec<String> {
    let mut seen = Vec::new();
    for (object, kind) in objects(&view) {
        seen.push(format!(
            "{kind:?} {}",
            view.object_text(object).expect("an object of this document")
        ));
        for unit in [TextUnit::Utf8, TextUnit::Utf16, TextUnit::CodePoint] {
            seen.push(format!("{:?}", view.length(object, unit)));
        }
        if kind == ObjType::Text {
            seen.push(format!("{:?}", view.text(object)));
            seen.push(format!("{:?}", view.marks(object, TextUnit::Utf16)));
            seen.push(format!("{}", view.spans(object).expect("a text").len()));
        } else {
            if kind != ObjType::List {
                seen.extend(view.keys(object).expect("a map"));
            }
            let values = values(&view, object, kind).into_iter();
            seen.extend(values.map(|value| match value {
                Value::Scalar(value) => format!("{value:?}"),
                Value::Object(kind, id) => format!(
                    "{kind:?} {}",
                    view.object_text(id).expect("an object of this document")
                ),
            }));
        }
    }
    seen
}
