//! Values with all that is in them: written in one call, read in one.

use std::collections::BTreeMap;

use crate::{
    object::{ObjId, ObjType},
    sequence::TextUnit,
    transaction::{Transaction, WriteError},
    value::{Prop, ScalarValue, Value},
    view::{ReadError, View},
};

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
    /// When the object does not exist.
    pub fn nested(&self, object: ObjId) -> Result<NestedValue, ReadError> {
        Ok(match self.object_type(object)? {
            ObjType::Text => NestedValue::Text(self.text(object)?),
            ObjType::List => {
                let values = self.list_values(object)?;
                let nested = values.into_iter().map(|value| self.nested_value(value));
                NestedValue::List(nested.collect::<Result<_, _>>()?)
            }
            ObjType::Map | ObjType::Table => {
                let entries = self.entries(object)?;
                let nested =
                    entries.into_iter().map(|(key, value)| Ok((key, self.nested_value(value)?)));
                NestedValue::Map(nested.collect::<Result<_, _>>()?)
            }
        })
    }

    fn nested_value(&self, value: Value) -> Result<NestedValue, ReadError> {
        match value {
            Value::Scalar(value) => Ok(NestedValue::Scalar(value)),
            Value::Object(_, object) => self.nested(object),
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
