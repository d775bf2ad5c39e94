//! Values whose changes add up instead of replacing each other: texts and counters.

use super::{
    Held, Hydrate, HydrateError, Place, Reconcile, ReconcileError, expect_object, held::Identity,
};
use crate::{
    object::ObjType,
    value::{ScalarValue, Value},
    view::View,
};

/// A string that people edit at the same time: a text object.
///
/// Reading it, changing the string and writing it back writes only the difference. When the document's
/// text was changed in between, that is an error rather than the loss of what others wrote; when
/// only the document's text was changed, it stays as it is. Written anywhere but to the text that it
/// was read from, it makes what is there read as it does.
#[derive(Debug, Clone, Default)]
pub struct Text {
    read: Option<Read<String>>,
    now: String,
}

/// What a value was when it was read, and where.
#[derive(Debug, Clone)]
struct Read<T> {
    from: Identity,
    value: T,
}

impl<T> Read<T> {
    fn new(view: &View<'_>, held: &Held, value: T) -> Option<Self> {
        Some(Self { from: held.identity(view)?, value })
    }

    /// What it was, when it was read from what the place holds.
    fn value_if_at<'r>(read: Option<&'r Self>, place: &Place<'_, '_>) -> Option<&'r T> {
        read.filter(|read| place.holds(&read.from)).map(|read| &read.value)
    }
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
        let read = Read::value_if_at(self.read.as_ref(), &place);
        let (tx, object) = place.text()?;
        let there = tx.view().text(object)?;
        if there == self.now || read == Some(&self.now) {
            return Ok(());
        }
        if read.is_some_and(|read| *read != there) {
            return Err(ReconcileError::Stale);
        }
        Ok(tx.update_text(object, &self.now)?)
    }
}

impl Hydrate for Text {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        let now = view.text(expect_object(&held.value, ObjType::Text, "a text")?)?;
        Ok(Self { read: Read::new(view, held, now.clone()), now })
    }
}

/// A number to which what everyone adds adds up.
///
/// Writing it back to the counter that it was read from adds the difference, once for each time that
/// it is written: read it again before the next time. Anywhere else it becomes a counter of its own.
#[derive(Debug, Clone, Default)]
pub struct Counter {
    read: Option<Read<i64>>,
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
        match Read::value_if_at(self.read.as_ref(), &place) {
            Some(read) => match self.now.wrapping_sub(*read) {
                0 => Ok(()),
                by => place.increment(by),
            },
            None => place.scalar(ScalarValue::Counter(self.now)),
        }
    }
}

impl Hydrate for Counter {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        match &held.value {
            Value::Scalar(ScalarValue::Counter(now)) => {
                Ok(Self { read: Read::new(view, held, *now), now: *now })
            }
            other => Err(HydrateError::unexpected("a counter", other)),
        }
    }
}
