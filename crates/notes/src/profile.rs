//! A person's profile: the document that makes several devices show the same notes.
//!
//! ```json
//! { "@patchwork": { "type": "rejoin-profile" }, "name": "Ana", "colour": "teal",
//!   "home": "automerge:...", "trash": "automerge:...", "pins": ["automerge:..."],
//!   "seen": { "automerge:...": ["<head>", "..."] } }
//! ```
//!
//! `home` and `trash` are folders. `seen` says at which heads the person last looked at a note.
//! Keys that are not known here stay.

use std::collections::BTreeMap;

use rejoin_document::{ChangeHash, ObjId, ObjType, TextUnit, Transaction, Value, View, WriteError};

use crate::schema::{
    DocumentKind, object, object_or_new, push_string, set_string, string, text_of,
};

/// A profile document, as read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Profile {
    /// What others see the person as.
    pub name: String,
    /// The name of the hue of the person's caret.
    pub colour: String,
    /// The url of the folder with everything in it.
    pub home: Option<String>,
    /// The url of the folder of what was thrown away.
    pub trash: Option<String>,
    /// The urls of pinned notes, in order, each once.
    pub pins: Vec<String>,
    /// The heads at which the person last looked at a note, by its url.
    pub seen: BTreeMap<String, Vec<ChangeHash>>,
}

/// Writes a profile into an empty document.
///
/// # Errors
///
/// When the document refuses, as when it has reached its greatest size.
pub fn create(tx: &mut Transaction<'_>, profile: &Profile) -> Result<(), WriteError> {
    DocumentKind::Profile.write(tx)?;
    set_name(tx, &profile.name)?;
    set_colour(tx, &profile.colour)?;
    if let Some(home) = &profile.home {
        set_home(tx, home)?;
    }
    if let Some(trash) = &profile.trash {
        set_trash(tx, trash)?;
    }
    tx.put_object(ObjId::ROOT, "pins", ObjType::List)?;
    tx.put_object(ObjId::ROOT, "seen", ObjType::Map)?;
    for pin in &profile.pins {
        set_pinned(tx, pin, true)?;
    }
    for (url, heads) in &profile.seen {
        set_seen(tx, url, heads)?;
    }
    Ok(())
}

/// Reads a profile; nothing when the document is something else or has not arrived.
pub fn read(view: &View<'_>) -> Option<Profile> {
    if DocumentKind::of(view)? != DocumentKind::Profile {
        return None;
    }
    let root = |key| string(view, ObjId::ROOT, key);
    let mut profile = Profile {
        name: root("name").unwrap_or_default(),
        colour: root("colour").unwrap_or_default(),
        home: root("home"),
        trash: root("trash"),
        ..Profile::default()
    };
    for (_, pin) in pins(view) {
        if !profile.pins.contains(&pin) {
            profile.pins.push(pin);
        }
    }
    if let Some(seen) = object(view, ObjId::ROOT, "seen", ObjType::Map) {
        for (url, value) in view.entries(seen).unwrap_or_default() {
            if let Value::Object(ObjType::List, list) = value {
                profile.seen.insert(url, read_heads(view, list));
            }
        }
    }
    Some(profile)
}

/// Sets the person's name.
///
/// # Errors
///
/// When the document refuses, as for all below.
pub fn set_name(tx: &mut Transaction<'_>, name: &str) -> Result<(), WriteError> {
    set_string(tx, ObjId::ROOT, "name", name)
}

/// Sets the name of the person's hue.
///
/// # Errors
///
/// When the document refuses.
pub fn set_colour(tx: &mut Transaction<'_>, colour: &str) -> Result<(), WriteError> {
    set_string(tx, ObjId::ROOT, "colour", colour)
}

/// Sets the url of the home folder. A url is replaced whole, never merged letter by letter.
///
/// # Errors
///
/// When the document refuses.
pub fn set_home(tx: &mut Transaction<'_>, url: &str) -> Result<(), WriteError> {
    replace_string(tx, "home", url)
}

/// Sets the url of the trash folder, as [`set_home`] does.
///
/// # Errors
///
/// When the document refuses.
pub fn set_trash(tx: &mut Transaction<'_>, url: &str) -> Result<(), WriteError> {
    replace_string(tx, "trash", url)
}

/// Pins a note, at the end, or unpins it.
///
/// # Errors
///
/// When the document refuses.
pub fn set_pinned(tx: &mut Transaction<'_>, url: &str, pinned: bool) -> Result<(), WriteError> {
    let list = object_or_new(tx, ObjId::ROOT, "pins", ObjType::List)?;
    let found: Vec<usize> = pins(&tx.view())
        .into_iter()
        .filter_map(|(index, pin)| (pin == url).then_some(index))
        .collect();
    if pinned && found.is_empty() {
        push_string(tx, list, url)?;
    }
    if !pinned {
        for index in found.into_iter().rev() {
            tx.delete(list, index)?;
        }
    }
    Ok(())
}

/// Notes that the person has seen a note at these heads.
///
/// # Errors
///
/// When the document refuses.
pub fn set_seen(
    tx: &mut Transaction<'_>,
    url: &str,
    heads: &[ChangeHash],
) -> Result<(), WriteError> {
    let seen = object_or_new(tx, ObjId::ROOT, "seen", ObjType::Map)?;
    if let Some(list) = object(&tx.view(), seen, url, ObjType::List)
        && read_heads(&tx.view(), list) == heads
    {
        return Ok(());
    }
    // The list is made anew, so that two devices never mix their heads.
    let list = tx.put_object(seen, url, ObjType::List)?;
    for head in heads {
        push_string(tx, list, &head.to_string())?;
    }
    Ok(())
}

fn replace_string(tx: &mut Transaction<'_>, key: &str, text: &str) -> Result<(), WriteError> {
    if string(&tx.view(), ObjId::ROOT, key).as_deref() == Some(text) {
        return Ok(());
    }
    let id = tx.put_object(ObjId::ROOT, key, ObjType::Text)?;
    tx.splice_text(id, 0, 0, text, TextUnit::Utf16)
}

fn pins(view: &View<'_>) -> Vec<(usize, String)> {
    let list = object(view, ObjId::ROOT, "pins", ObjType::List);
    let values = list.and_then(|list| view.list_values(list).ok()).unwrap_or_default();
    let pins = values.iter().enumerate();
    pins.filter_map(|(index, value)| Some((index, text_of(view, value)?))).collect()
}

fn read_heads(view: &View<'_>, list: ObjId) -> Vec<ChangeHash> {
    let values = view.list_values(list).unwrap_or_default();
    values.iter().filter_map(|value| text_of(view, value)?.parse().ok()).collect()
}
