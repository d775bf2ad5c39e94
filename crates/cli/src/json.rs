//! Documents as JSON, and JSON into documents.

use crate::document_file::cannot_write;
use crate::exit::Failure;
use crate::path::{Place, Step};
use anyhow::{Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rejoin_document::{
    ObjId, ObjType, ScalarValue, TextUnit, Transaction, Value as DocumentValue, View,
};
use serde_json::{Map, Value, json};

/// Objects nested deeper than this are not written.
const MAX_DEPTH: usize = 100;

/// A value as JSON: texts as strings, timestamps as RFC 3339 with milliseconds, bytes as base64,
/// counters as numbers.
pub(crate) fn value(view: &View<'_>, value: &DocumentValue) -> Result<Value> {
    match value {
        DocumentValue::Scalar(scalar) => Ok(self::scalar(scalar)),
        DocumentValue::Object(kind, id) => object(view, *kind, *id),
    }
}

fn object(view: &View<'_>, kind: ObjType, id: ObjId) -> Result<Value> {
    Ok(match kind {
        ObjType::Text => Value::String(view.text(id)?),
        ObjType::List => {
            let values = view.list_values(id)?;
            let values = values.iter().map(|inner| value(view, inner));
            Value::Array(values.collect::<Result<_>>()?)
        }
        ObjType::Map | ObjType::Table => {
            let mut map = Map::new();
            for (key, inner) in view.entries(id)? {
                map.insert(key, value(view, &inner)?);
            }
            Value::Object(map)
        }
    })
}

/// A scalar as JSON.
pub(crate) fn scalar(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Null => Value::Null,
        ScalarValue::Bool(value) => json!(value),
        ScalarValue::Int(value) | ScalarValue::Counter(value) => json!(value),
        ScalarValue::Uint(value) => json!(value),
        ScalarValue::F64(value) => json!(value),
        ScalarValue::Str(value) => json!(value),
        ScalarValue::Timestamp(milliseconds) => json!(timestamp(*milliseconds)),
        ScalarValue::Bytes(bytes) | ScalarValue::Unknown { bytes, .. } => {
            json!(STANDARD.encode(bytes))
        }
    }
}

/// A point in time, in milliseconds since 1970, as RFC 3339 with milliseconds; as a number of
/// milliseconds where it lies outside of the years that can be written so.
pub(crate) fn timestamp(milliseconds: i64) -> String {
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => milliseconds.to_string(),
    }
}

/// Writes a JSON value at a place. Strings become texts, as JavaScript programs write them; a text
/// that is there already is changed only where it differs.
pub(crate) fn put(tx: &mut Transaction<'_>, place: &Place, value: &Value) -> Result<()> {
    let object = place.object;
    let existing = tx.view().get(object, place.step.prop())?;
    if let (Value::String(new), Some(DocumentValue::Object(ObjType::Text, text))) =
        (value, &existing)
    {
        return tx.update_text(*text, new).map_err(|error| cannot_write(&error));
    }
    let appends = match place.step {
        Step::Index(index) => index == tx.view().length(object, TextUnit::Utf16)?,
        Step::Key(_) => false,
    };
    write(tx, object, &place.step, appends, value, 0)
}

/// Writes the keys of a JSON object into a map.
pub(crate) fn put_all(tx: &mut Transaction<'_>, map: ObjId, value: &Value) -> Result<()> {
    let Value::Object(entries) = value else {
        return Err(Failure::Usage.error("the root can only be set to a JSON object"));
    };
    for (key, value) in entries {
        put(tx, &Place { object: map, step: Step::Key(key.clone()) }, value)?;
    }
    Ok(())
}

fn write(
    tx: &mut Transaction<'_>,
    object: ObjId,
    step: &Step,
    insert: bool,
    value: &Value,
    depth: usize,
) -> Result<()> {
    if depth > MAX_DEPTH {
        bail!("the JSON is nested too deeply");
    }
    let kind = match value {
        Value::String(_) => ObjType::Text,
        Value::Array(_) => ObjType::List,
        Value::Object(_) => ObjType::Map,
        simple => {
            let scalar = simple_scalar(simple)?;
            let written = match (insert, step) {
                (true, Step::Index(index)) => tx.insert(object, *index, scalar),
                _ => tx.put(object, step.prop(), scalar),
            };
            return written.map_err(|error| cannot_write(&error));
        }
    };
    let written = match (insert, step) {
        (true, Step::Index(index)) => tx.insert_object(object, *index, kind),
        _ => tx.put_object(object, step.prop(), kind),
    };
    let inner = written.map_err(|error| cannot_write(&error))?;
    match value {
        Value::String(text) => tx
            .splice_text(inner, 0, 0, text, TextUnit::Utf8)
            .map_err(|error| cannot_write(&error))?,
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                write(tx, inner, &Step::Index(index), true, value, depth + 1)?;
            }
        }
        Value::Object(entries) => {
            for (key, value) in entries {
                write(tx, inner, &Step::Key(key.clone()), false, value, depth + 1)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn simple_scalar(value: &Value) -> Result<ScalarValue> {
    Ok(match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(value) => ScalarValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => ScalarValue::Int(value),
            (_, Some(value), _) => ScalarValue::Uint(value),
            (_, _, Some(value)) => ScalarValue::F64(value),
            _ => bail!("{number} is no number that a document can hold"),
        },
        other => bail!("{other} is no single value"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rejoin_document::{ActorId, CommitOptions, Document};

    #[test]
    fn json_goes_into_a_document_and_comes_out_again() {
        let value = json!({
            "text": "héllo 👋", "list": [1, -2, 3.5, [], {"a": null}], "yes": true,
            "large": u64::MAX, "empty": {}, "": "empty key",
        });
        let mut document = Document::new();
        let actor = ActorId::new(&[1; 16]);
        let mut tx = document.transaction(&actor);
        put_all(&mut tx, ObjId::ROOT, &value).unwrap();
        tx.commit(CommitOptions::default());
        let root = DocumentValue::Object(ObjType::Map, ObjId::ROOT);
        assert_eq!(super::value(&document.view(), &root).unwrap(), value);
    }

    #[test]
    fn scalars_are_written_as_people_expect() {
        assert_eq!(scalar(&ScalarValue::Bytes(vec![1, 2, 255])), json!("AQL/"));
        assert_eq!(scalar(&ScalarValue::Counter(-3)), json!(-3));
        let at = |milliseconds| scalar(&ScalarValue::Timestamp(milliseconds));
        assert_eq!(at(1_700_000_000_120), json!("2023-11-14T22:13:20.120Z"));
        assert_eq!(at(0), json!("1970-01-01T00:00:00.000Z"));
        assert_eq!(at(i64::MAX), json!(i64::MAX.to_string()));
        assert_eq!(scalar(&ScalarValue::F64(f64::NAN)), Value::Null);
    }
}
