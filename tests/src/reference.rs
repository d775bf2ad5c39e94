//! Automerge's side of a program: the same calls and the same readings, on `AutoCommit`.

use std::collections::{BTreeMap, BTreeSet};

use automerge::iter::Span;
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{
    AutoCommit, ChangeHash, ObjId, ObjType, ReadDoc, ScalarValue, TextEncoding, Value,
};

use crate::lockstep::{At, Call};
use crate::program::{Kind, Scalar, Unit};
use crate::tree::{Node, TextNode};

pub fn encoding(unit: Unit) -> TextEncoding {
    match unit {
        Unit::Utf8 => TextEncoding::Utf8CodeUnit,
        Unit::Utf16 => TextEncoding::Utf16CodeUnit,
        Unit::CodePoint => TextEncoding::UnicodeCodePoint,
    }
}

pub fn scalar(value: &Scalar) -> ScalarValue {
    match value.clone() {
        Scalar::Null => ScalarValue::Null,
        Scalar::Bool(value) => ScalarValue::Boolean(value),
        Scalar::Int(value) => ScalarValue::Int(value),
        Scalar::Uint(value) => ScalarValue::Uint(value),
        Scalar::F64(value) => ScalarValue::F64(value),
        Scalar::Str(value) => ScalarValue::Str(value.into()),
        Scalar::Bytes(value) => ScalarValue::Bytes(value),
        Scalar::Counter(value) => ScalarValue::counter(value),
        Scalar::Timestamp(value) => ScalarValue::Timestamp(value),
        Scalar::Unknown(type_code, bytes) => ScalarValue::Unknown { type_code, bytes },
    }
}

pub fn neutral(value: &ScalarValue) -> Scalar {
    match value {
        ScalarValue::Null => Scalar::Null,
        ScalarValue::Boolean(value) => Scalar::Bool(*value),
        ScalarValue::Int(value) => Scalar::Int(*value),
        ScalarValue::Uint(value) => Scalar::Uint(*value),
        ScalarValue::F64(value) => Scalar::F64(*value),
        ScalarValue::Str(value) => Scalar::Str(value.to_string()),
        ScalarValue::Bytes(value) => Scalar::Bytes(value.clone()),
        ScalarValue::Counter(value) => Scalar::Counter(i64::from(value)),
        ScalarValue::Timestamp(value) => Scalar::Timestamp(*value),
        ScalarValue::Unknown { type_code, bytes } => Scalar::Unknown(*type_code, bytes.clone()),
    }
}

pub fn object_type(kind: Kind) -> ObjType {
    match kind {
        Kind::Map => ObjType::Map,
        Kind::List => ObjType::List,
        Kind::Text => ObjType::Text,
    }
}

fn expand(code: u8) -> ExpandMark {
    match code {
        0 => ExpandMark::None,
        1 => ExpandMark::Before,
        2 => ExpandMark::After,
        _ => ExpandMark::Both,
    }
}

fn prop(at: &At) -> automerge::Prop {
    match at {
        At::Key(key) => automerge::Prop::Map(key.clone()),
        At::Index(index) => automerge::Prop::Seq(*index),
    }
}

/// Runs one call; gives the object that it made.
pub fn run(doc: &mut AutoCommit, obj: &ObjId, call: &Call) -> Result<Option<ObjId>, String> {
    let done = match call {
        Call::Put(at, value) => doc.put(obj, prop(at), scalar(value)).map(|()| None),
        Call::PutObject(at, kind) => doc.put_object(obj, prop(at), object_type(*kind)).map(Some),
        Call::Delete(at) => doc.delete(obj, prop(at)).map(|()| None),
        Call::Increment(at, by) => doc.increment(obj, prop(at), *by).map(|()| None),
        Call::Insert(index, value) => doc.insert(obj, *index, scalar(value)).map(|()| None),
        Call::InsertObject(index, kind) => {
            doc.insert_object(obj, *index, object_type(*kind)).map(Some)
        }
        Call::Splice(index, delete, values) => {
            doc.splice(obj, *index, *delete as isize, values.iter().map(scalar)).map(|()| None)
        }
        Call::SpliceText(pos, delete, text) => {
            doc.splice_text(obj, *pos, *delete as isize, text).map(|()| None)
        }
        Call::Mark { start, end, name, value, expand: code } => doc
            .mark(obj, Mark::new(name.clone(), scalar(value), *start, *end), expand(*code))
            .map(|()| None),
        Call::Unmark { start, end, name, expand: code } => {
            doc.unmark(obj, name, *start, *end, expand(*code)).map(|()| None)
        }
        Call::SplitBlock(pos) => doc.split_block(obj, *pos).map(Some),
        Call::JoinBlock(pos) => doc.join_block(obj, *pos).map(|()| None),
        Call::ReplaceBlock(pos) => doc.replace_block(obj, *pos).map(Some),
    };
    done.map_err(|error| error.to_string())
}

/// The whole value, now or at older heads. `deep` reads every element of a text singly.
pub fn tree(doc: &AutoCommit, heads: Option<&[ChangeHash]>, deep: bool) -> Node {
    object(doc, &automerge::ROOT, ObjType::Map, heads, deep)
}

fn object(
    doc: &AutoCommit,
    obj: &ObjId,
    kind: ObjType,
    heads: Option<&[ChangeHash]>,
    deep: bool,
) -> Node {
    let id = obj.to_string();
    let values = |prop: automerge::Prop| {
        let found = match heads {
            Some(heads) => doc.get_all_at(obj, prop, heads),
            None => doc.get_all(obj, prop),
        };
        let nodes = found.unwrap().into_iter().map(|(value, id)| match value {
            Value::Object(kind) => object(doc, &id, kind, heads, deep),
            Value::Scalar(value) => Node::Leaf(neutral(&value).show()),
        });
        nodes.collect::<Vec<_>>()
    };
    let length = || match heads {
        Some(heads) => doc.length_at(obj, heads),
        None => doc.length(obj),
    };
    match kind {
        ObjType::Map | ObjType::Table => {
            let keys: Vec<String> = match heads {
                Some(heads) => doc.keys_at(obj, heads).collect(),
                None => doc.keys(obj).collect(),
            };
            let entries: BTreeMap<_, _> =
                keys.into_iter().map(|key| (key.clone(), values(key.into()))).collect();
            Node::Map { id, entries }
        }
        ObjType::List => {
            Node::List { id, items: (0..length()).map(|index| values(index.into())).collect() }
        }
        ObjType::Text => {
            let text = text(doc, obj, heads);
            let items = if deep {
                starts(&text, doc.text_encoding())
                    .map(|index| (index, values(index.into())))
                    .filter(|(_, values)| !plain(values))
                    .collect()
            } else {
                Vec::new()
            };
            Node::Text(TextNode {
                id,
                // At older heads Automerge counts each of several conflicting elements, although
                // its text shows one: there the text is what counts.
                length: match heads {
                    Some(_) => width(&text, doc.text_encoding()),
                    None => length(),
                },
                items,
                marks: marks(doc, obj, heads),
                spans: spans(doc, obj, heads),
                text,
            })
        }
    }
}

/// One element that is one character: the text itself says as much.
fn plain(values: &[Node]) -> bool {
    matches!(values, [Node::Leaf(text)] if text.starts_with("str ") && text.chars().count() == 7)
}

pub fn text(doc: &AutoCommit, obj: &ObjId, heads: Option<&[ChangeHash]>) -> String {
    match heads {
        Some(heads) => doc.text_at(obj, heads),
        None => doc.text(obj),
    }
    .unwrap()
}

fn width(text: &str, encoding: TextEncoding) -> usize {
    match encoding {
        TextEncoding::Utf8CodeUnit => text.len(),
        TextEncoding::Utf16CodeUnit => text.encode_utf16().count(),
        _ => text.chars().count(),
    }
}

fn starts(text: &str, encoding: TextEncoding) -> impl Iterator<Item = usize> {
    let mut at = 0;
    text.chars().map(move |character| {
        let start = at;
        at += match encoding {
            TextEncoding::Utf8CodeUnit => character.len_utf8(),
            TextEncoding::Utf16CodeUnit => character.len_utf16(),
            _ => 1,
        };
        start
    })
}

fn marks(doc: &AutoCommit, obj: &ObjId, heads: Option<&[ChangeHash]>) -> Vec<String> {
    let found = match heads {
        Some(heads) => doc.marks_at(obj, heads),
        None => doc.marks(obj),
    };
    let mut marks: Vec<String> = found
        .unwrap()
        .into_iter()
        .map(|mark| show_mark(mark.start, mark.end, &mark.name, &neutral(&mark.value)))
        .collect();
    marks.sort();
    marks
}

/// The form in which marks are compared.
pub fn show_mark(start: usize, end: usize, name: &str, value: &Scalar) -> String {
    format!("{start:05}..{end:05} {name} {}", value.show())
}

fn spans(doc: &AutoCommit, obj: &ObjId, heads: Option<&[ChangeHash]>) -> Vec<String> {
    let found = match heads {
        Some(heads) => doc.spans_at(obj, heads),
        None => doc.spans(obj),
    };
    let mut spans: Vec<(String, Option<String>)> = Vec::new();
    for span in found.unwrap() {
        match span {
            Span::Text { text, marks } => {
                let marks: BTreeMap<String, String> = marks
                    .iter()
                    .flat_map(|marks| marks.iter())
                    .map(|(name, value)| (name.to_string(), neutral(value).show()))
                    .collect();
                let marks = format!("{marks:?}");
                match spans.last_mut() {
                    // Automerge parts a text also where only a removed mark begins or ends.
                    Some((before, Some(same))) if *same == marks => before.push_str(&text),
                    _ => spans.push((text, Some(marks))),
                }
            }
            Span::Block(map) => {
                let keys: BTreeSet<&str> = map.iter().map(|(key, _)| key.as_str()).collect();
                spans.push((format!("block {keys:?}"), None));
            }
        }
    }
    spans
        .into_iter()
        .map(|(text, marks)| marks.map_or(text.clone(), |marks| format!("{text:?} {marks}")))
        .collect()
}
