//! Rust values written into documents and read back.
//!
//! [`Reconcile`] writes a value over what a document holds, changing only what differs, so that it
//! merges well with what others write. [`Hydrate`] reads a value. Both are usually derived (crate
//! `rejoin-derive`). The layout is that of the autosurgeon crate:
//!
//! | Rust | document |
//! |---|---|
//! | struct with names | map |
//! | tuple, tuple struct | list |
//! | struct of one unnamed field | what the field is |
//! | enum variant without content | its name as a scalar string |
//! | enum variant with content | map from its name to the content |
//! | `Option` | null, or what is inside |
//! | `Vec`, slice | list; items with a key keep their identity |
//! | `BTreeMap`, `HashMap` | map |
//! | `String` | scalar string; a text object is read as well |
//! | [`Text`] | text object |
//! | [`Counter`] | counter |
//!
//! Reading what was written gives an equal value, but for an option inside an option: both kinds of
//! nothing are null. A [`Text`] or [`Counter`] that was changed by others since it was read keeps
//! what they wrote.

mod held;
mod impls;
mod place;
mod text;

pub use held::Held;
pub use place::{ListPlace, MapPlace, Place};
pub use text::{Counter, Text};

use crate::{
    object::{ObjId, ObjType},
    transaction::{Transaction, WriteError},
    value::{ScalarValue, Value},
    view::{ReadError, View},
};

/// A value that can be written over what a document holds.
pub trait Reconcile {
    /// Makes the place hold this value, changing only what differs.
    ///
    /// # Errors
    /// When the document refuses, or the value was read from an older state of it.
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError>;

    /// What tells this value from others in a list, so that it is changed in place when it moved
    /// up or down, and replaced when another one takes its place.
    fn key(&self) -> Option<ScalarValue> {
        None
    }

    /// The [`Reconcile::key`] of the value that a document holds.
    fn key_of(_view: &View<'_>, _value: &Value) -> Option<ScalarValue>
    where
        Self: Sized,
    {
        None
    }
}

/// A value that can be read from a document.
pub trait Hydrate: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// When the document holds something else there.
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError>;

    /// The value that a missing key stands for, if any.
    fn missing() -> Option<Self> {
        None
    }
}

/// Why a value could not be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReconcileError {
    /// The document refused.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Only a value that is a map can be a whole document.
    #[error("a whole document can only be a map")]
    RootIsAMap,
    /// The text was changed in the document after it was read into the value that changed it too.
    #[error("the text was changed meanwhile")]
    Stale,
}

impl From<ReadError> for ReconcileError {
    fn from(error: ReadError) -> Self {
        Self::Write(error.into())
    }
}

/// Why a value could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HydrateError {
    /// The place cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// There is nothing, and the type has no value for nothing.
    #[error("there is nothing")]
    Missing,
    /// There is something of another type.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What would have fitted.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// Something inside could not be read.
    #[error("{at}: {error}")]
    Inside {
        /// The key or index.
        at: String,
        /// Why.
        error: Box<HydrateError>,
    },
}

impl HydrateError {
    /// The error that a value is not what was expected.
    pub fn unexpected(expected: &'static str, found: &Value) -> Self {
        let found = match found {
            Value::Object(kind, _) => format!("a {kind:?}"),
            Value::Scalar(value) => format!("{value:?}"),
        };
        Self::Unexpected { expected, found }
    }

    /// This error, inside the value at a key or index.
    #[must_use]
    pub fn inside(self, at: impl ToString) -> Self {
        Self::Inside { at: at.to_string(), error: Box::new(self) }
    }
}

/// Makes a document hold `value`, which must be a map, changing only what differs. Keys that the
/// type does not know stay.
///
/// # Errors
/// When the document refuses; what was written so far is then to be rolled back.
pub fn reconcile(tx: &mut Transaction<'_>, value: &impl Reconcile) -> Result<(), ReconcileError> {
    value.reconcile(Place::root(tx))
}

/// Reads a whole document as a value.
///
/// # Errors
/// When the document holds something else.
pub fn hydrate<T: Hydrate>(view: &View<'_>) -> Result<T, HydrateError> {
    T::hydrate(view, &Held::root())
}

/// Reads the value at a key of a map, which derived code calls for each field.
///
/// # Errors
/// When the document holds something else there, or nothing and the type has no value for that.
pub fn hydrate_key<T: Hydrate>(view: &View<'_>, map: ObjId, key: &str) -> Result<T, HydrateError> {
    let read = match Held::at(view, map, key)? {
        Some(held) => T::hydrate(view, &held),
        None => T::missing().ok_or(HydrateError::Missing),
    };
    read.map_err(|error| error.inside(key))
}

/// As [`hydrate_key`], with the type's default for a missing key.
///
/// # Errors
/// When the document holds something else there.
pub fn hydrate_key_or_default<T: Hydrate + Default>(
    view: &View<'_>,
    map: ObjId,
    key: &str,
) -> Result<T, HydrateError> {
    match Held::at(view, map, key)? {
        Some(held) => T::hydrate(view, &held).map_err(|error| error.inside(key)),
        None => Ok(T::default()),
    }
}

/// Reads the value at an index of a list, which derived code calls for each element of a tuple.
///
/// # Errors
/// As [`hydrate_key`].
pub fn hydrate_index<T: Hydrate>(
    view: &View<'_>,
    list: ObjId,
    index: usize,
) -> Result<T, HydrateError> {
    let read = match Held::at(view, list, index)? {
        Some(held) => T::hydrate(view, &held),
        None => T::missing().ok_or(HydrateError::Missing),
    };
    read.map_err(|error| error.inside(index))
}

/// The object that a value is, which derived code asks for before it reads fields.
///
/// # Errors
/// When it is something else.
pub fn expect_object(
    value: &Value,
    kind: ObjType,
    expected: &'static str,
) -> Result<ObjId, HydrateError> {
    match value {
        Value::Object(found, id) if *found == kind => Ok(*id),
        other => Err(HydrateError::unexpected(expected, other)),
    }
}

/// The key of the value in a field of a map, which derived code asks for the field that is the key.
pub fn key_in_field<T: Reconcile>(
    view: &View<'_>,
    value: &Value,
    field: &str,
) -> Option<ScalarValue> {
    let Value::Object(ObjType::Map, map) = value else { return None };
    T::key_of(view, &view.get(*map, field).ok()??)
}

/// The key of the value at an index of a list, as [`key_in_field`].
pub fn key_at_index<T: Reconcile>(
    view: &View<'_>,
    value: &Value,
    index: usize,
) -> Option<ScalarValue> {
    let Value::Object(ObjType::List, list) = value else { return None };
    T::key_of(view, &view.get(*list, index).ok()??)
}

/// What an enum in a document says: the name of its variant and, unless it has none, its content.
///
/// # Errors
/// When it is neither a string nor a map with one key.
pub fn variant(view: &View<'_>, held: &Held) -> Result<(String, Option<Held>), HydrateError> {
    let value = &held.value;
    if let Some(name) = impls::string(view, value) {
        return Ok((name, None));
    }
    let map = expect_object(value, ObjType::Map, "the name of a variant or a map with it")?;
    let mut entries = Held::entries(view, map)?;
    match (entries.pop(), entries.is_empty()) {
        (Some((name, content)), true) => Ok((name, Some(content))),
        _ => Err(HydrateError::unexpected("a map with the name of one variant", value)),
    }
}
