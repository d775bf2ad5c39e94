//! A folder: a document that lists notes and other folders by their urls, in Patchwork's shape.
//!
//! ```json
//! { "@patchwork": { "type": "folder" }, "title": "Home",
//!   "docs": [{ "name": "Groceries", "type": "markdown", "url": "automerge:..." }] }
//! ```
//!
//! Rejoin adds two keys to an entry: `added`, the time at which it was put there, in milliseconds,
//! and `movedFrom`, the folder that it came from into the trash. Keys that are not known here stay.
//!
//! Moving is two steps in two documents: first [`add`] to the target, then [`remove`] from the
//! source. When the second step does not happen, the note is listed twice, and is shown at its newest
//! place; the other order could lose it.

use rejoin_document::{ObjId, ObjType, TextUnit, Transaction, View, WriteError};

use crate::schema::{DocumentKind, integer, maps_in, object, object_or_new, set_string, string};
use crate::tree::{Entry, EntryKind, Folder};

const DOCS_KEY: &str = "docs";
const TITLE_KEY: &str = "title";

/// Writes a folder with nothing in it into an empty document.
///
/// # Errors
///
/// When the document refuses, as when it has reached its greatest size.
pub fn create(tx: &mut Transaction<'_>, title: &str) -> Result<(), WriteError> {
    DocumentKind::Folder.write(tx)?;
    set_string(tx, ObjId::ROOT, TITLE_KEY, title)?;
    tx.put_object(ObjId::ROOT, DOCS_KEY, ObjType::List)?;
    Ok(())
}

/// Reads a folder; nothing when the document is something else or has not arrived.
pub fn read(view: &View<'_>) -> Option<Folder> {
    if DocumentKind::of(view)? != DocumentKind::Folder {
        return None;
    }
    let docs = object(view, ObjId::ROOT, DOCS_KEY, ObjType::List);
    let entries = docs.map(|docs| maps_in(view, docs)).unwrap_or_default();
    Some(Folder {
        title: string(view, ObjId::ROOT, TITLE_KEY).unwrap_or_default(),
        entries: entries.into_iter().filter_map(|(_, map)| read_entry(view, map)).collect(),
    })
}

/// Gives the folder a title.
///
/// # Errors
///
/// When the document refuses.
pub fn set_title(tx: &mut Transaction<'_>, title: &str) -> Result<(), WriteError> {
    set_string(tx, ObjId::ROOT, TITLE_KEY, title)
}

/// Lists something at a position among the entries, at the end when that is too large.
///
/// # Errors
///
/// When the document refuses.
pub fn add(tx: &mut Transaction<'_>, entry: &Entry, position: usize) -> Result<(), WriteError> {
    let docs = object_or_new(tx, ObjId::ROOT, DOCS_KEY, ObjType::List)?;
    let end = tx.view().length(docs, TextUnit::Utf16)?;
    // At the end, as most are, it does not cost reading all others.
    let index = if position >= end {
        end
    } else {
        entries(&tx.view(), docs).get(position).map_or(end, |(index, _, _)| *index)
    };
    let map = tx.insert_object(docs, index, ObjType::Map)?;
    set_string(tx, map, "name", &entry.name)?;
    set_string(tx, map, "type", kind_name(&entry.kind))?;
    set_string(tx, map, "url", &entry.url)?;
    tx.put(map, "added", entry.added)?;
    if let Some(from) = &entry.from {
        set_string(tx, map, "movedFrom", from)?;
    }
    Ok(())
}

/// Takes every entry of a url out of the folder that was not put there later than `until`
/// (milliseconds), and says how many there were. A later one is someone's newer decision.
///
/// # Errors
///
/// When the document refuses.
pub fn remove(tx: &mut Transaction<'_>, url: &str, until: i64) -> Result<usize, WriteError> {
    let Some(docs) = object(&tx.view(), ObjId::ROOT, DOCS_KEY, ObjType::List) else {
        return Ok(0);
    };
    let found = entries(&tx.view(), docs);
    let mut removed = 0;
    for (index, _, entry) in found.into_iter().rev() {
        if entry.url == url && entry.added <= until {
            tx.delete(docs, index)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Puts an entry at another position among the entries of the same folder.
///
/// # Errors
///
/// When the document refuses.
pub fn reorder(
    tx: &mut Transaction<'_>,
    url: &str,
    position: usize,
    now: i64,
) -> Result<(), WriteError> {
    let Some(folder) = read(&tx.view()) else { return Ok(()) };
    let Some(at) = folder.entries.iter().position(|entry| entry.url == url) else {
        return Ok(());
    };
    if at == position {
        return Ok(());
    }
    let newest = folder.entries.iter().map(|entry| entry.added).max().unwrap_or(0);
    let entry = Entry { added: now.max(newest + 1), ..folder.entries[at].clone() };
    let until = entry.added - 1;
    add(tx, &entry, if at < position { position + 1 } else { position })?;
    remove(tx, url, until)?;
    Ok(())
}

/// Writes the name that something is now known by into its entries.
///
/// # Errors
///
/// When the document refuses.
pub fn rename(tx: &mut Transaction<'_>, url: &str, name: &str) -> Result<(), WriteError> {
    let Some(docs) = object(&tx.view(), ObjId::ROOT, DOCS_KEY, ObjType::List) else {
        return Ok(());
    };
    for (_, map, entry) in entries(&tx.view(), docs) {
        if entry.url == url && entry.name != name {
            set_string(tx, map, "name", name)?;
        }
    }
    Ok(())
}

fn entries(view: &View<'_>, docs: ObjId) -> Vec<(usize, ObjId, Entry)> {
    let maps = maps_in(view, docs).into_iter();
    maps.filter_map(|(index, map)| Some((index, map, read_entry(view, map)?))).collect()
}

fn read_entry(view: &View<'_>, map: ObjId) -> Option<Entry> {
    Some(Entry {
        url: string(view, map, "url")?,
        name: string(view, map, "name").unwrap_or_default(),
        kind: match DocumentKind::from_name(&string(view, map, "type").unwrap_or_default()) {
            DocumentKind::Note | DocumentKind::Essay => EntryKind::Note,
            DocumentKind::Folder => EntryKind::Folder,
            other => EntryKind::Other(other.name().to_owned()),
        },
        added: integer(view, map, "added").unwrap_or(0),
        from: string(view, map, "movedFrom"),
    })
}

fn kind_name(kind: &EntryKind) -> &str {
    match kind {
        EntryKind::Note => "markdown",
        EntryKind::Folder => "folder",
        EntryKind::Other(name) => name,
    }
}
