//! Writes small seeds into `corpus/`, from which the fuzzer starts.

use std::{fs, io, path::Path};

use rejoin_document::{ActorId, Cursor, Document};
use rejoin_fuzz::documents::example;

fn main() -> io::Result<()> {
    let document = example();
    let body = |chunk: &[u8]| {
        // Magic bytes, checksum and type, then the length.
        let len =
            chunk[9..].iter().position(|byte| *byte < 0x80).expect("a chunk has a length") + 1;
        chunk[9 + len..].to_vec()
    };
    let typed = |kind: u8, body: &[u8]| [&[kind][..], body].concat();
    let whole = |chunk: &[u8]| typed(4, chunk);
    seed("load", "document", &typed(0, &body(&document.save())))?;
    seed("load", "document_empty", &typed(0, &body(&Document::new().save())))?;
    seed("load", "document_with_junk", &whole(&[&document.save()[..], b"junk"].concat()))?;
    seed("load", "changes", &whole(&document.save_since(&[])))?;
    for (index, change) in document.changes().iter().enumerate() {
        let body = body(change.bytes());
        seed("load", &format!("change_{index}"), &typed(1, &body))?;
        let len = u16::try_from(body.len()).expect("seeds are small").to_le_bytes();
        seed("apply_change", &format!("known_{index}"), &[&len[..], &body].concat())?;
    }
    let mut extended = example();
    let heads = extended.heads().to_vec();
    edit(&mut extended);
    let mut changes = Vec::new();
    for change in extended.changes_since(&heads) {
        let body = body(change.bytes());
        changes.extend_from_slice(&u16::try_from(body.len()).expect("small").to_le_bytes());
        changes.extend_from_slice(&body);
    }
    seed("apply_change", "new", &changes)?;
    for (name, cursor) in [("start", "s"), ("element", "4@616461"), ("before", "-5@626f62")] {
        seed("cursor", name, cursor.as_bytes())?;
        let cursor: Cursor = cursor.parse().expect("a cursor");
        seed("cursor", &format!("{name}_bytes"), &cursor.to_bytes())?;
    }
    let columns: [(&str, &[u8]); 6] = [
        ("repeat", &[5, 1]),
        ("literals", &[0x7d, 1, 2, 3]),
        ("nulls", &[0x7f, 1, 0, 2, 0x7e, 4, 5]),
        ("booleans", &[0, 3, 2, 1]),
        ("strings", &[2, 2, b'h', b'i', 0x7f, 1, b'x']),
        ("list", &[3, 1, 2, 0x56, 1, 0x57, 1, 9, 9, 9, 9]),
    ];
    columns.iter().try_for_each(|(name, bytes)| seed("columns", name, bytes))
}

/// Another person's edits to the example.
fn edit(document: &mut Document) {
    use rejoin_document::{CommitOptions, ObjId, TextUnit, Value};
    let text = match document.view().get(ObjId::ROOT, "text") {
        Ok(Some(Value::Object(_, id))) => id,
        other => unreachable!("the example has a text: {other:?}"),
    };
    let actor = ActorId::new(b"cy");
    for (at, delete, insert) in [(0, 0, "typed"), (3, 4, ""), (1, 2, "é😀")] {
        let mut writer = document.transaction(&actor);
        writer.splice_text(text, at, delete, insert, TextUnit::Utf16).expect("within bounds");
        writer.delete(ObjId::ROOT, "title").expect("a key of the example");
        writer.put(ObjId::ROOT, "title", "cy's").expect("a key of the example");
        writer.commit(CommitOptions::default());
    }
}

fn seed(target: &str, name: &str, bytes: &[u8]) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(name), bytes)
}
