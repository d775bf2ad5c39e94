//! Cursors of anybody, in documents of anybody.

use rejoin_document::{Cursor, CursorSide, Document, ObjId, ObjType, TextUnit, View};

use crate::{
    changes,
    documents::{example, objects},
};

/// Reads the bytes as a cursor in both forms, asks documents for its position, and takes a cursor at each
/// index of a document that the bytes are a script for.
pub fn check(bytes: &[u8]) {
    let mut cursors: Vec<Cursor> = Cursor::from_bytes(bytes).into_iter().collect();
    if let Ok(text) = std::str::from_utf8(bytes) {
        cursors.extend(text.parse::<Cursor>());
    }
    for cursor in &cursors {
        assert_eq!(Cursor::from_bytes(&cursor.to_bytes()).as_ref(), Ok(cursor));
        assert_eq!(cursor.to_string().parse::<Cursor>().as_ref(), Ok(cursor));
        positions(&example(), cursor);
    }
    let document = changes::run(bytes);
    for (object, kind) in objects(&document.view()) {
        if matches!(kind, ObjType::List | ObjType::Text) {
            every_index(&document, object);
        }
    }
}

/// A cursor has a position within every sequence, or none.
fn positions(document: &Document, cursor: &Cursor) {
    let first = document.hash_at(0).expect("the example has changes");
    let old = document.at(&[first]).expect("a change of the document");
    for view in [document.view(), old] {
        for (object, _) in objects(&view) {
            for unit in [TextUnit::Utf8, TextUnit::Utf16, TextUnit::CodePoint] {
                if let Ok(position) = view.cursor_position(object, cursor, unit) {
                    assert!(position <= length(&view, object, unit));
                }
            }
        }
    }
}

/// The cursor at an index is where it was taken, or at the start of the element that covers the index.
fn every_index(document: &Document, object: ObjId) {
    let view = document.view();
    for unit in [TextUnit::Utf8, TextUnit::Utf16, TextUnit::CodePoint] {
        for index in 0..length(&view, object, unit) {
            for side in [CursorSide::Before, CursorSide::After] {
                let cursor = view.cursor(object, index, unit, side).expect("within bounds");
                let at = view.cursor_position(object, &cursor, unit).expect("a cursor of the text");
                assert!(at <= index, "{cursor} of {index} is at {at}");
                let again = view.cursor(object, at, unit, side);
                assert_eq!(again.as_ref(), Ok(&cursor));
            }
        }
        assert!(view.cursor(object, length(&view, object, unit), unit, CursorSide::After).is_err());
    }
}

fn length(view: &View<'_>, object: ObjId, unit: TextUnit) -> usize {
    view.length(object, unit).expect("an object of the document")
}
