//! How the types of Rust's library lie in documents.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, Hash},
};

use super::{
    Held, Hydrate, HydrateError, Place, Reconcile, ReconcileError, expect_object, hydrate_index,
};
use crate::{
    object::ObjType,
    sequence::TextUnit,
    value::{ScalarValue, Value},
    view::View,
};

/// A scalar string or a text as a string.
pub(super) fn string(view: &View<'_>, value: &Value) -> Option<String> {
    match value {
        Value::Scalar(ScalarValue::Str(text)) => Some(text.clone()),
        Value::Object(ObjType::Text, id) => view.text(*id).ok(),
        _ => None,
    }
}

macro_rules! scalars {
    ($($type:ty, $expected:literal: |$value:ident| $to:expr, $from:pat => $read:expr;)*) => {$(
        impl Reconcile for $type {
            fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
                place.scalar(self.scalar())
            }

            fn key(&self) -> Option<ScalarValue> {
                Some(self.scalar())
            }

            fn key_of(_view: &View<'_>, value: &Value) -> Option<ScalarValue> {
                Some(Self::from_value(value)?.scalar())
            }
        }

        impl Scalar for $type {
            fn scalar(&self) -> ScalarValue {
                let $value = self;
                $to
            }

            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $from => $read,
                    _ => None,
                }
            }
        }

        impl Hydrate for $type {
            fn hydrate(_view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
                let unexpected = || HydrateError::unexpected($expected, &held.value);
                Self::from_value(&held.value).ok_or_else(unexpected)
            }
        }
    )*};
}

/// A Rust value that is a scalar.
trait Scalar: Sized {
    fn scalar(&self) -> ScalarValue;
    fn from_value(value: &Value) -> Option<Self>;
}

scalars! {
    bool, "true or false": |value| ScalarValue::Bool(*value),
        Value::Scalar(ScalarValue::Bool(value)) => Some(*value);
    f64, "a number": |value| ScalarValue::F64(*value),
        Value::Scalar(value) => float(value);
    f32, "a number": |value| ScalarValue::F64(f64::from(*value)),
        Value::Scalar(value) => float(value).map(|value| value as f32);
}

macro_rules! integers {
    ($($type:ty => $variant:ident, $wide:ty;)*) => {
        scalars! {$(
            $type, "a whole number in range": |value| ScalarValue::$variant(*value as $wide),
                Value::Scalar(value) => integer(value).and_then(|value| value.try_into().ok());
        )*}
    };
}

integers! {
    i8 => Int, i64;
    i16 => Int, i64;
    i32 => Int, i64;
    i64 => Int, i64;
    isize => Int, i64;
    u8 => Uint, u64;
    u16 => Uint, u64;
    u32 => Uint, u64;
    u64 => Uint, u64;
    usize => Uint, u64;
}

fn integer(value: &ScalarValue) -> Option<i128> {
    match value {
        ScalarValue::Int(value) => Some((*value).into()),
        ScalarValue::Uint(value) => Some((*value).into()),
        _ => None,
    }
}

fn float(value: &ScalarValue) -> Option<f64> {
    match value {
        ScalarValue::F64(value) => Some(*value),
        ScalarValue::Int(value) => Some(*value as f64),
        ScalarValue::Uint(value) => Some(*value as f64),
        _ => None,
    }
}

impl Reconcile for String {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        // What another program wrote as a text and says the same stays a text.
        if let Some(value) = place.found()
            && string(&place.view(), value).as_ref() == Some(self)
            && matches!(value, Value::Object(..))
        {
            return Ok(());
        }
        place.scalar(self.as_str())
    }

    fn key(&self) -> Option<ScalarValue> {
        Some(ScalarValue::Str(self.clone()))
    }

    fn key_of(view: &View<'_>, value: &Value) -> Option<ScalarValue> {
        string(view, value).map(ScalarValue::Str)
    }
}

impl Hydrate for String {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        let unexpected = || HydrateError::unexpected("a string", &held.value);
        string(view, &held.value).ok_or_else(unexpected)
    }
}

impl Reconcile for () {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        place.scalar(ScalarValue::Null)
    }
}

impl Hydrate for () {
    fn hydrate(_view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        match &held.value {
            Value::Scalar(ScalarValue::Null) => Ok(()),
            other => Err(HydrateError::unexpected("null", other)),
        }
    }
}

impl<T: Reconcile> Reconcile for Option<T> {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        match self {
            Some(value) => value.reconcile(place),
            None => place.scalar(ScalarValue::Null),
        }
    }

    fn key(&self) -> Option<ScalarValue> {
        self.as_ref()?.key()
    }

    fn key_of(view: &View<'_>, value: &Value) -> Option<ScalarValue> {
        T::key_of(view, value)
    }
}

impl<T: Hydrate> Hydrate for Option<T> {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        match &held.value {
            Value::Scalar(ScalarValue::Null) => Ok(None),
            _ => T::hydrate(view, held).map(Some),
        }
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

impl<T: Reconcile> Reconcile for Box<T> {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        (**self).reconcile(place)
    }

    fn key(&self) -> Option<ScalarValue> {
        (**self).key()
    }

    fn key_of(view: &View<'_>, value: &Value) -> Option<ScalarValue> {
        T::key_of(view, value)
    }
}

impl<T: Hydrate> Hydrate for Box<T> {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        T::hydrate(view, held).map(Box::new)
    }

    fn missing() -> Option<Self> {
        T::missing().map(Box::new)
    }
}

impl<T: Reconcile> Reconcile for Vec<T> {
    fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
        place.list()?.write_all(self)
    }
}

impl<T: Hydrate> Hydrate for Vec<T> {
    fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
        let list = expect_object(&held.value, ObjType::List, "a list")?;
        let items = Held::items(view, list)?;
        let read = |(index, item)| T::hydrate(view, item).map_err(|error| error.inside(index));
        items.iter().enumerate().map(read).collect()
    }
}

macro_rules! maps {
    ($($map:ident<$key:ident: $($bound:path),+ $(; $hasher:ident: $($hash:path),+)?>;)*) => {$(
        impl<T: Reconcile, $key: AsRef<str> + $($bound +)+ $(, $hasher: $($hash +)+)?> Reconcile
            for $map<$key, T $(, $hasher)?>
        {
            fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
                let mut map = place.map()?;
                let entries: BTreeMap<&str, &T> =
                    self.iter().map(|(key, value)| (key.as_ref(), value)).collect();
                for (key, value) in &entries {
                    map.write(key, *value)?;
                }
                map.keep_only(|key| entries.contains_key(key))
            }
        }

        impl<T: Hydrate, $key: From<String> + $($bound +)+ $(, $hasher: $($hash +)+)?> Hydrate
            for $map<$key, T $(, $hasher)?>
        {
            fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
                let map = expect_object(&held.value, ObjType::Map, "a map")?;
                let read = |(key, held): (String, Held)| match T::hydrate(view, &held) {
                    Ok(value) => Ok((key.into(), value)),
                    Err(error) => Err(error.inside(key)),
                };
                Held::entries(view, map)?.into_iter().map(read).collect()
            }
        }
    )*};
}

maps! {
    BTreeMap<K: Ord>;
    HashMap<K: Eq, Hash; S: BuildHasher, Default>;
}

macro_rules! tuples {
    ($(($($name:ident $index:tt),+) $length:literal;)*) => {$(
        impl<$($name: Reconcile),+> Reconcile for ($($name,)+) {
            fn reconcile(&self, place: Place<'_, '_>) -> Result<(), ReconcileError> {
                let mut list = place.list()?;
                $(list.write($index, &self.$index)?;)+
                list.truncate($length)
            }
        }

        impl<$($name: Hydrate),+> Hydrate for ($($name,)+) {
            fn hydrate(view: &View<'_>, held: &Held) -> Result<Self, HydrateError> {
                let list = expect_object(&held.value, ObjType::List, "a list")?;
                if view.length(list, TextUnit::Utf16)? > $length {
                    return Err(HydrateError::unexpected("a shorter list", &held.value));
                }
                Ok(($(hydrate_index(view, list, $index)?,)+))
            }
        }
    )*};
}

tuples! {
    (A 0, B 1) 2;
    (A 0, B 1, C 2) 3;
    (A 0, B 1, C 2, D 3) 4;
}
