//! Our side of a program: the same calls and the same readings, on `Document`.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Cursor, CursorSide, Document, Expand, LoadOptions, ObjId,
    ObjType, Prop, ScalarValue, Span, TextUnit, Transaction, Value, View,
};

use crate::lockstep::{At, Call};
use crate::program::{Kind, Scalar, Unit};
use crate::reference::show_mark;
use crate::tree::{Node, TextNode};

pub fn hash(theirs: automerge::ChangeHash) -> ChangeHash {
    ChangeHash(theirs.0)
}

/// Automerge's heads as ours, sorted as ours are.
pub fn hashes(theirs: &[automerge::ChangeHash]) -> Vec<ChangeHash> {
    let mut hashes: Vec<ChangeHash> = theirs.iter().map(|theirs| hash(*theirs)).collect();
    hashes.sort();
    hashes
}

pub fn unit(unit: Unit) -> TextUnit {
    match unit {
        Unit::Utf8 => TextUnit::Utf8,
        Unit::Utf16 => TextUnit::Utf16,
        Unit::CodePoint => TextUnit::CodePoint,
    }
}

pub fn scalar(value: &Scalar) -> ScalarValue {
    match value.clone() {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(value) => ScalarValue::Bool(value),
        Scalar::Int(value) => ScalarValue::Int(value),
        Scalar::Uint(value) => ScalarValue::Uint(value),
        Scalar::F64(value) => ScalarValue::F64(value),
        Scalar::Str(value) => ScalarValue::Str(value),
        Scalar::Bytes(value) => ScalarValue::Bytes(value),
        Scalar::Counter(value) => ScalarValue::Counter(value),
        Scalar::Timestamp(value) => ScalarValue::Timestamp(value),
        Scalar::Unknown(code, bytes) => ScalarValue::Unknown { code, bytes },
    }
}

pub fn neutral(value: &ScalarValue) -> Scalar {
    match value.clone() {
        ScalarValue::Null => Scalar::Null,
        ScalarValue::Bool(value) => Scalar::Bool(value),
        ScalarValue::Int(value) => Scalar::Int(value),
        ScalarValue::Uint(value) => Scalar::Uint(value),
        ScalarValue::F64(value) => Scalar::F64(value),
        ScalarValue::Str(value) => Scalar::Str(value),
        ScalarValue::Bytes(value) => Scalar::Bytes(value),
        ScalarValue::Counter(value) => Scalar::Counter(value),
        ScalarValue::Timestamp(value) => Scalar::Timestamp(value),
        ScalarValue::Unknown { code, bytes } => Scalar::Unknown(code, bytes),
    }
}

fn object_type(kind: Kind) -> ObjType {
    match kind {
        Kind::Map => ObjType::Map,
        Kind::List => ObjType::List,
        Kind::Text => ObjType::Text,
    }
}

fn expand(code: u8) -> Expand {
    match code {
        0 => Expand::None,
        1 => Expand::Before,
        2 => Expand::After,
        _ => Expand::Both,
    }
}

fn prop(at: &At, text_unit: TextUnit) -> Prop<'_> {
    match at {
        At::Key(key) => Prop::Key(key),
        At::Index(index) => Prop::At(*index, text_unit),
    }
}

/// The handle of an object, which may have been made in this very transaction.
pub fn object(
    transaction: &Transaction<'_>,
    pending: &[(String, ObjId)],
    id: &str,
) -> Option<ObjId> {
    if id == "_root" {
        return Some(ObjId::ROOT);
    }
    let made = pending.iter().find(|(made, _)| made == id).map(|(_, handle)| *handle);
    made.or_else(|| transaction.view().parse_object(id))
}

pub fn view<'a>(transaction: &'a Transaction<'_>) -> View<'a> {
    transaction.view()
}

pub fn commit(
    transaction: Transaction<'_>,
    message: Option<String>,
    time: i64,
) -> Option<ChangeHash> {
    transaction.commit(CommitOptions { message, time, ..CommitOptions::default() })
}

pub fn commit_empty(
    document: &mut Document,
    actor: &ActorId,
    message: Option<String>,
    time: i64,
) -> ChangeHash {
    document.commit_empty(actor, CommitOptions { message, time, ..CommitOptions::default() })
}

pub fn load(bytes: &[u8]) -> Result<Document, rejoin_document::LoadError> {
    Document::load(bytes, LoadOptions::default())
}

/// Updates a text in a change of its own.
pub fn update_text(
    document: &mut Document,
    actor: &ActorId,
    obj: &str,
    text: &str,
) -> Result<(), String> {
    let mut transaction = document.transaction(actor);
    let id = object(&transaction, &[], obj).ok_or("unknown object")?;
    transaction.update_text(id, text).map_err(|error| error.to_string())?;
    commit(transaction, None, 0);
    Ok(())
}

/// Runs one call; gives the object that it made.
pub fn run(
    transaction: &mut Transaction<'_>,
    obj: ObjId,
    call: &Call,
    text_unit: Unit,
) -> Result<Option<ObjId>, String> {
    let text_unit = unit(text_unit);
    let done = match call {
        Call::Put(at, value) => {
            transaction.put(obj, prop(at, text_unit), scalar(value)).map(|()| None)
        }
        Call::PutObject(at, kind) => {
            transaction.put_object(obj, prop(at, text_unit), object_type(*kind)).map(Some)
        }
        Call::Delete(at) => transaction.delete(obj, prop(at, text_unit)).map(|()| None),
        Call::Increment(at, by) => {
            transaction.increment(obj, prop(at, text_unit), *by).map(|()| None)
        }
        Call::Insert(index, value) => {
            transaction.insert(obj, (*index, text_unit), scalar(value)).map(|()| None)
        }
        Call::InsertObject(index, kind) => {
            transaction.insert_object(obj, (*index, text_unit), object_type(*kind)).map(Some)
        }
        Call::Splice(index, delete, values) => {
            transaction.splice(obj, *index, *delete, values.iter().map(scalar)).map(|()| None)
        }
        Call::SpliceText(pos, delete, text) => {
            transaction.splice_text(obj, *pos, *delete, text, text_unit).map(|()| None)
        }
        Call::Mark { start, end, name, value, expand: code } => transaction
            .mark(obj, *start..*end, name, scalar(value), expand(*code), text_unit)
            .map(|()| None),
        Call::Unmark { start, end, name, expand: code } => {
            transaction.unmark(obj, *start..*end, name, expand(*code), text_unit).map(|()| None)
        }
        Call::SplitBlock(pos) => transaction.split_block(obj, *pos, text_unit).map(Some),
        Call::JoinBlock(pos) => transaction.join_block(obj, *pos, text_unit).map(|()| None),
        Call::ReplaceBlock(pos) => transaction.replace_block(obj, *pos, text_unit).map(Some),
    };
    done.map_err(|error| error.to_string())
}

/// The whole value of a view. `deep` reads every element of a text singly.
pub fn tree(view: &View<'_>, text_unit: Unit, deep: bool) -> Node {
    node(view, ObjId::ROOT, ObjType::Map, text_unit, deep)
}

fn node(view: &View<'_>, obj: ObjId, kind: ObjType, text_unit: Unit, deep: bool) -> Node {
    let id = view.object_text(obj).expect("an object of this document");
    let nodes = |values: Vec<Value>| {
        let nodes = values.into_iter().map(|value| match value {
            Value::Object(kind, id) => node(view, id, kind, text_unit, deep),
            Value::Scalar(value) => Node::Leaf(neutral(&value).show()),
        });
        nodes.collect::<Vec<_>>()
    };
    match kind {
        ObjType::Map | ObjType::Table => {
            let entries: BTreeMap<_, _> = view
                .keys(obj)
                .unwrap()
                .into_iter()
                .map(|key| {
                    let values = nodes(view.get_all(obj, key.as_str()).unwrap());
                    (key, values)
                })
                .collect();
            Node::Map { id, entries }
        }
        ObjType::List => {
            let length = view.length(obj, unit(text_unit)).unwrap();
            let items = (0..length).map(|index| nodes(view.get_all(obj, index).unwrap())).collect();
            Node::List { id, items }
        }
        ObjType::Text => {
            let text = view.text(obj).unwrap();
            let items = if deep { elements(view, obj, &text, text_unit, nodes) } else { vec![] };
            for (other, length) in [
                (TextUnit::Utf8, text.len()),
                (TextUnit::Utf16, text.encode_utf16().count()),
                (TextUnit::CodePoint, text.chars().count()),
            ] {
                assert_eq!(view.length(obj, other), Ok(length), "the length of {text:?}");
            }
            Node::Text(TextNode {
                id,
                length: view.length(obj, unit(text_unit)).unwrap(),
                items,
                marks: marks(view, obj, text_unit),
                spans: spans(view, obj),
                text,
            })
        }
    }
}

fn elements(
    view: &View<'_>,
    obj: ObjId,
    text: &str,
    text_unit: Unit,
    nodes: impl Fn(Vec<Value>) -> Vec<Node>,
) -> Vec<(usize, Vec<Node>)> {
    let mut at = 0;
    let mut items = Vec::new();
    for character in text.chars() {
        let values = nodes(view.get_all(obj, (at, unit(text_unit))).unwrap());
        let plain = matches!(
            &values[..],
            [Node::Leaf(text)] if text.starts_with("str ") && text.chars().count() == 7
        );
        if !plain {
            items.push((at, values));
        }
        at += match text_unit {
            Unit::Utf8 => character.len_utf8(),
            Unit::Utf16 => character.len_utf16(),
            Unit::CodePoint => 1,
        };
    }
    items
}

fn marks(view: &View<'_>, obj: ObjId, text_unit: Unit) -> Vec<String> {
    let mut marks: Vec<String> = view
        .marks(obj, unit(text_unit))
        .unwrap()
        .into_iter()
        .map(|mark| show_mark(mark.range.start, mark.range.end, &mark.name, &neutral(&mark.value)))
        .collect();
    marks.sort();
    marks
}

fn spans(view: &View<'_>, obj: ObjId) -> Vec<String> {
    view.spans(obj)
        .unwrap()
        .into_iter()
        .map(|span| match span {
            Span::Text { text, marks } => {
                let marks: BTreeMap<String, String> = marks
                    .iter()
                    .map(|(name, value)| (name.to_string(), neutral(value).show()))
                    .collect();
                format!("{text:?} {marks:?}")
            }
            Span::Block(block) => {
                let keys: BTreeSet<String> = view.keys(block).unwrap().into_iter().collect();
                format!("block {keys:?}")
            }
        })
        .collect()
}

/// Whether a text has elements that are not one character.
pub fn has_wide_elements(view: &View<'_>, obj: &str) -> bool {
    let values = view.parse_object(obj).map(|obj| view.list_values(obj).unwrap());
    values.into_iter().flatten().any(
        |value| matches!(value, Value::Scalar(ScalarValue::Str(text)) if text.chars().count() != 1),
    )
}

/// A cursor in its text and byte forms.
pub fn cursor(
    view: &View<'_>,
    obj: &str,
    index: usize,
    text_unit: Unit,
    before: bool,
) -> Result<(String, Vec<u8>), String> {
    let obj = view.parse_object(obj).ok_or("unknown object")?;
    let side = if before { CursorSide::Before } else { CursorSide::After };
    let cursor =
        view.cursor(obj, index, unit(text_unit), side).map_err(|error| error.to_string())?;
    Ok((cursor.to_string(), cursor.to_bytes()))
}

/// Where a cursor in its text form points.
pub fn cursor_position(
    view: &View<'_>,
    obj: &str,
    cursor: &str,
    text_unit: Unit,
) -> Result<usize, String> {
    let obj = view.parse_object(obj).ok_or("unknown object")?;
    let cursor: Cursor = cursor.parse().map_err(|error| format!("{error}"))?;
    view.cursor_position(obj, &cursor, unit(text_unit)).map_err(|error| error.to_string())
}
