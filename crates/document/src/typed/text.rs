//! Values whose changes add up instead of replacing each other: texts and counters.

use super::{Hydrate, HydrateError, Place, Reconcile, ReconcileError, expect_object};
use crate::{
    object::ObjType,
    value::{ScalarValue, Value},
    view::View,
};

/// A string that people edit at the same time: a text object.
///
/// Reading it, changing the string and writing it back writes only the difference. When the document's
/// text was changed in between, that is an error rather than the loss of what others wrote.
#[derive(Debug, Clone, Default)]
pub struct Text {
    read: Option<String>,
    now: String,
}

impl Text {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.now
    }

    /// Makes it another text.
    pub fn set(&mut self, text: impl Into<String>) {
        self.now = text.into();
    }
}

impl<T: Into<String>> From<T> for Text {
    fn from(text: T) -> Self {
        Self { read: None, now: text.into() }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.now == other.now
    }
}

impl Eq for Text {}

impl Reconcile for Text {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        let (tx, object) = place.text()?;
        let there = tx.view().text(object)?;
        if there == self.now || self.read.as_ref() == Some(&self.now) {
            return Ok(());
        }
        if self.read.as_ref().is_some_and(|read| *read != there) {
            return Err(ReconcileError::Stale);
        }
        Ok(tx.update_text(object, &self.now)?)
    }
}

impl Hydrate for Text {
    fn hydrate(view: &View<'_>, value: &Value) -> Result<Self, HydrateError> {
        let text = view.text(expect_object(value, ObjType::Text, "a text")?)?;
        Ok(Self { read: Some(text.clone()), now: text })
    }
}

/// A number to which what everyone adds adds up.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counter {
    read: Option<i64>,
    now: i64,
}

impl Counter {
    /// The value.
    pub fn value(&self) -> i64 {
        self.now
    }

    /// Adds to it.
    pub fn increment(&mut self, by: i64) {
        self.now = self.now.wrapping_add(by);
    }
}

impl From<i64> for Counter {
    fn from(value: i64) -> Self {
        Self { read: None, now: value }
    }
}

impl PartialEq for Counter {
    fn eq(&self, other: &Self) -> bool {
        self.now == other.now
    }
}

impl Eq for Counter {}

impl Reconcile for Counter {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        match (self.read, place.found()) {
            (Some(read), Some(Value::Scalar(ScalarValue::Counter(_)))) => {
                match self.now.wrapping_sub(read) {
                    0 => Ok(()),
                    by => place.increment(by),
                }
            }
            _ => place.scalar(ScalarValue::Counter(self.now)),
        }
    }
}

impl Hydrate for Counter {
    fn hydrate(_view: &View<'_>, value: &Value) -> Result<Self, HydrateError> {
        match value {
            Value::Scalar(ScalarValue::Counter(value)) => {
                Ok(Self { read: Some(*value), now: *value })
            }
            other => Err(HydrateError::unexpected("a counter", other)),
        }
    }
}
