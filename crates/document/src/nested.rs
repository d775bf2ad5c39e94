//! Values with all that is in them: written in one call, read in one.

use std::collections::BTreeMap;

use crate::{
    object::{ObjId, ObjType},
    sequence::TextUnit,
    transaction::{Transaction, WriteError},
    value::{Prop, ScalarValue, Value},
    view::{ReadError, View},
};

/// How many objects may lie inside each other to be read as one value.
const MAX_DEPTH: usize = 128;

/// A value with all that is in it.
#[derive(Debug, Clone, PartialEq)]
pub enum NestedValue {
    /// A scalar.
    Scalar(ScalarValue),
    /// A map; a legacy table reads as one.
    Map(BTreeMap<String, NestedValue>),
    /// A list.
    List(Vec<NestedValue>),
    /// A text. Marks are left out and block markers read as U+FFFC.
    Text(String),
}

impl<T: Into<ScalarValue>> From<T> for NestedValue {
    fn from(value: T) -> Self {
        Self::Scalar(value.into())
    }
}

impl View<'_> {
    /// An object with all that is in it; of concurrent values the winners.
    ///
    /// # Errors
    /// When the object does not exist, or more than 128 objects lie inside each other: others may
    /// have nested theirs without end, and whoever walks a [`NestedValue`] does so on the stack.
    pub fn nested(&self, object: ObjId) -> Result<NestedValue, ReadError> {
        self.nested_at(object, 1)
    }

    /// As `nested`, of an object at a depth, the outermost at 1.
    fn nested_at(&self, object: ObjId, depth: usize) -> Result<NestedValue, ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::TooDeep(MAX_DEPTH));
        }
        Ok(match self.object_type(object)? {
            ObjType::Text => NestedValue::Text(self.text(object)?),
            ObjType::List => {
                let values = self.list_values(object)?;
                let nested = values.into_iter().map(|value| self.nested_value(value, depth + 1));
                NestedValue::List(nested.collect::<Result<_, _>>()?)
            }
            ObjType::Map | ObjType::Table => {
                let entries = self.entries(object)?;
                let nested = |(key, value)| Ok((key, self.nested_value(value, depth + 1)?));
                NestedValue::Map(entries.into_iter().map(nested).collect::<Result<_, _>>()?)
            }
        })
    }

    fn nested_value(&self, value: Value, depth: usize) -> Result<NestedValue, ReadError> {
        match value {
            Value::Scalar(value) => Ok(NestedValue::Scalar(value)),
            Value::Object(_, object) => self.nested_at(object, depth),
        }
    }
}

impl Transaction<'_> {
    /// Sets a key of a map or an element of a list to a value with all that is in it.
    ///
    /// # Errors
    /// As [`Transaction::put`].
    pub fn put_nested<'p>(
        &mut self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
        value: &NestedValue,
    ) -> Result<(), WriteError> {
        match value.object_type() {
            Ok(kind) => {
                let made = self.put_object(object, prop, kind)?;
                self.fill(made, value)
            }
            Err(scalar) => self.put(object, prop, scalar.clone()),
        }
    }

    /// Inserts a value with all that is in it into a list.
    ///
    /// # Errors
    /// As [`Transaction::insert`].
    pub fn insert_nested<'p>(
        &mut self,
        object: ObjId,
        index: impl Into<Prop<'p>>,
        value: &NestedValue,
    ) -> Result<(), WriteError> {
        match value.object_type() {
            Ok(kind) => {
                let made = self.insert_object(object, index, kind)?;
                self.fill(made, value)
            }
            Err(scalar) => self.insert(object, index, scalar.clone()),
        }
    }

    fn fill(&mut self, object: ObjId, value: &NestedValue) -> Result<(), WriteError> {
        match value {
            NestedValue::Scalar(_) => Ok(()),
            NestedValue::Text(text) => self.splice_text(object, 0, 0, text, TextUnit::Utf8),
            NestedValue::Map(map) => {
                map.iter().try_for_each(|(key, value)| self.put_nested(object, key, value))
            }
            NestedValue::List(list) => list
                .iter()
                .enumerate()
                .try_for_each(|(at, value)| self.insert_nested(object, at, value)),
        }
    }
}

impl NestedValue {
    /// The kind of object that the value is, or the scalar.
    fn object_type(&self) -> Result<ObjType, &ScalarValue> {
        match self {
            Self::Scalar(value) => Err(value),
            Self::Map(_) => Ok(ObjType::Map),
            Self::List(_) => Ok(ObjType::List),
            Self::Text(_) => Ok(ObjType::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ActorId, CommitOptions, Document};

    #[test]
    fn what_is_nested_too_deep_is_not_read_as_one() {
        let mut doc = Document::new();
        let mut transaction = doc.transaction(&ActorId::new(&[1]));
        let mut objects = vec![ObjId::ROOT];
        for _ in 0..20_000 {
            let inner = transaction.put_object(objects[objects.len() - 1], "k", ObjType::Map);
            objects.push(inner.unwrap());
        }
        transaction.commit(CommitOptions::default());
        assert_eq!(doc.view().nested(ObjId::ROOT), Err(ReadError::TooDeep(128)));
        assert_eq!(doc.view().nested(objects[20_000 - 128]), Err(ReadError::TooDeep(128)));
        assert!(doc.view().nested(objects[20_001 - 128]).is_ok());
    }

    #[test]
    fn what_is_written_in_one_call_is_read_in_one() {
        let list = NestedValue::List(vec![
            1i64.into(),
            NestedValue::Text("h\u{e9}llo".into()),
            NestedValue::Map(BTreeMap::from([("deep".into(), NestedValue::List(vec![]))])),
            true.into(),
        ]);
        let value = NestedValue::Map(BTreeMap::from([
            ("list".into(), list),
            ("nothing".into(), ().into()),
            ("title".into(), "scalar".into()),
        ]));
        let mut doc = Document::new();
        let mut transaction = doc.transaction(&ActorId::new(&[1]));
        transaction.put_nested(ObjId::ROOT, "value", &value).unwrap();
        // Three maps and lists within, a text of five characters, and four scalars.
        assert_eq!(transaction.pending(), 1 + 1 + 1 + 5 + 2 + 4);
        transaction.commit(CommitOptions::default());
        let root = doc.view().nested(ObjId::ROOT).unwrap();
        assert_eq!(root, NestedValue::Map(BTreeMap::from([("value".into(), value)])));
    }
}
