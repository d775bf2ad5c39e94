//! How values lie in documents: the few ways of reading and writing that all shapes share.
//!
//! Every string is a text object, as JavaScript writes strings. A scalar string is read as well.
//! What cannot be read as expected counts as absent: other programs may write anything anywhere.

use rejoin_document::{
    ObjId, ObjType, ScalarValue, TextUnit, Transaction, Value, View, WriteError,
};

use crate::change_set::ChangeSet;

/// The key under which Patchwork keeps what a document is.
const KIND_KEY: &str = "@patchwork";

/// What a document is, as its `@patchwork.type` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DocumentKind {
    /// A note in Markdown.
    Note,
    /// A note of an older shape, which is read and kept.
    Essay,
    /// A folder.
    Folder,
    /// A person's profile.
    Profile,
    /// Something that other programs know.
    Other(String),
}

impl DocumentKind {
    /// The kind that a document says it has; nothing when it says none, as while it is not here.
    pub fn of(view: &View<'_>) -> Option<Self> {
        let about = object(view, ObjId::ROOT, KIND_KEY, ObjType::Map)?;
        string(view, about, "type").map(|name| Self::from_name(&name))
    }

    /// The kind with this name in documents.
    pub fn from_name(name: &str) -> Self {
        match name {
            "markdown" => Self::Note,
            "essay" => Self::Essay,
            "folder" => Self::Folder,
            "rejoin-profile" => Self::Profile,
            other => Self::Other(other.to_owned()),
        }
    }

    /// The name that the kind has in documents.
    pub fn name(&self) -> &str {
        match self {
            Self::Note => "markdown",
            Self::Essay => "essay",
            Self::Folder => "folder",
            Self::Profile => "rejoin-profile",
            Self::Other(name) => name,
        }
    }

    /// Writes into a new document what it is.
    pub(crate) fn write(&self, tx: &mut Transaction<'_>) -> Result<(), WriteError> {
        let about = tx.put_object(ObjId::ROOT, KIND_KEY, ObjType::Map)?;
        set_string(tx, about, "type", self.name())
    }
}

/// The object of this type at a key of a map.
pub(crate) fn object(view: &View<'_>, map: ObjId, key: &str, kind: ObjType) -> Option<ObjId> {
    match view.get(map, key).ok()?? {
        Value::Object(found, id) if found == kind => Some(id),
        _ => None,
    }
}

/// The string at a key of a map.
pub(crate) fn string(view: &View<'_>, map: ObjId, key: &str) -> Option<String> {
    text_of(view, &view.get(map, key).ok()??)
}

/// A value as a string.
pub(crate) fn text_of(view: &View<'_>, value: &Value) -> Option<String> {
    match value {
        Value::Object(ObjType::Text, id) => view.text(*id).ok(),
        Value::Scalar(ScalarValue::Str(text)) => Some(text.clone()),
        _ => None,
    }
}

/// The whole number at a key of a map; JavaScript writes large ones as floating point numbers.
pub(crate) fn integer(view: &View<'_>, map: ObjId, key: &str) -> Option<i64> {
    match view.get(map, key).ok()?? {
        Value::Scalar(ScalarValue::Int(number) | ScalarValue::Timestamp(number)) => Some(number),
        Value::Scalar(ScalarValue::Uint(number)) => i64::try_from(number).ok(),
        Value::Scalar(ScalarValue::F64(number)) if number.is_finite() => Some(number as i64),
        _ => None,
    }
}

/// The maps in the list at a key of a map, each with its index.
pub(crate) fn maps_in(view: &View<'_>, list: ObjId) -> Vec<(usize, ObjId)> {
    let values = view.list_values(list).unwrap_or_default();
    let maps = values.into_iter().enumerate().filter_map(|(index, value)| match value {
        Value::Object(ObjType::Map, id) => Some((index, id)),
        _ => None,
    });
    maps.collect()
}

/// Makes the string at a key of a map say `text`, by changing what differs.
pub(crate) fn set_string(
    tx: &mut Transaction<'_>,
    map: ObjId,
    key: &str,
    text: &str,
) -> Result<(), WriteError> {
    match object(&tx.view(), map, key, ObjType::Text) {
        Some(id) => {
            let now = tx.view().text(id)?;
            for splice in ChangeSet::between(&now, text).splices() {
                let (at, deleted) = (splice.at, splice.deleted);
                tx.splice_text(id, at, deleted, splice.inserted, TextUnit::Utf16)?;
            }
            Ok(())
        }
        None => {
            let id = tx.put_object(map, key, ObjType::Text)?;
            tx.splice_text(id, 0, 0, text, TextUnit::Utf16)
        }
    }
}

/// Appends a string to a list.
pub(crate) fn push_string(
    tx: &mut Transaction<'_>,
    list: ObjId,
    text: &str,
) -> Result<(), WriteError> {
    let end = tx.view().length(list, TextUnit::Utf16)?;
    let id = tx.insert_object(list, end, ObjType::Text)?;
    tx.splice_text(id, 0, 0, text, TextUnit::Utf16)
}

/// The object of this type at a key of a map, made when it is not there.
pub(crate) fn object_or_new(
    tx: &mut Transaction<'_>,
    map: ObjId,
    key: &str,
    kind: ObjType,
) -> Result<ObjId, WriteError> {
    match object(&tx.view(), map, key, kind) {
        Some(id) => Ok(id),
        None => tx.put_object(map, key, kind),
    }
}
