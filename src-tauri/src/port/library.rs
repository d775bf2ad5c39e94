//! Folders, notes, the trash and search.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::Mode;

/// The id of a note or folder: its document id in text form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, TS)]
pub struct ItemId(pub String);

/// All folders and notes, flat; `FolderEntry.items` holds the tree.
#[derive(Clone, Debug, Serialize, TS)]
pub struct Library {
    /// The folder that everything hangs on.
    pub home: ItemId,
    /// Every folder, home included.
    pub folders: Vec<FolderEntry>,
    /// Every note.
    pub notes: Vec<NoteEntry>,
    /// What was thrown away.
    pub trash: Vec<TrashEntry>,
}

/// One folder.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct FolderEntry {
    /// Its id.
    pub id: ItemId,
    /// Its name.
    pub title: String,
    /// The notes and folders in it, in the order of the folder.
    pub items: Vec<ItemId>,
    /// Addresses that this folder's notes go to; empty: this computer only.
    pub goes_to: Vec<String>,
    /// False while no connected peer has had it.
    pub available: bool,
}

/// One note.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct NoteEntry {
    /// Its id.
    pub id: ItemId,
    /// Its front matter title or first heading.
    pub title: String,
    /// When it was last changed.
    #[ts(type = "number")]
    pub updated: i64,
    /// Whether it stands at the top.
    pub pinned: bool,
    /// How it is shared.
    pub mode: Mode,
    /// Addresses that it goes to besides those of its folder: where it came from.
    pub goes_to: Vec<String>,
    /// Others changed it since this person last looked.
    pub unseen: bool,
    /// False while no connected peer has had it.
    pub available: bool,
}

/// Something that was thrown away.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct TrashEntry {
    /// Its id.
    pub id: ItemId,
    /// Its title.
    pub title: String,
    /// What it is.
    pub kind: ItemKind,
    /// When it was thrown away.
    #[ts(type = "number")]
    pub trashed: i64,
}

/// What is set of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ItemFlag {
    /// A note stands at the top.
    Pinned,
    /// An item lies in the trash.
    Trashed,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ItemKind {
    /// A text.
    Note,
    /// A list of items.
    Folder,
}

/// Entries that are new or changed replace those of the same id.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
pub struct LibraryChange {
    /// New or changed folders.
    pub folders: Vec<FolderEntry>,
    /// New or changed notes.
    pub notes: Vec<NoteEntry>,
    /// What is gone from folders and trash alike.
    pub removed: Vec<ItemId>,
    /// The whole trash when it changed.
    pub trash: Option<Vec<TrashEntry>>,
}

/// `title` of a new note becomes its first heading; `text` replaces that.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct NewItem {
    /// What to make.
    pub kind: ItemKind,
    /// The folder that it goes into.
    pub parent: ItemId,
    /// Its title.
    pub title: String,
    /// The text of a note.
    pub text: Option<String>,
}

/// What to look for.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum SearchRequest {
    /// Words in titles and texts.
    Text {
        /// What was typed.
        query: String,
        /// The most hits to return.
        limit: u32,
    },
    /// Notes that link to a note.
    LinksTo {
        /// The note that is linked to.
        note: ItemId,
        /// The most hits to return.
        limit: u32,
    },
}

/// A note that was found.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct SearchHit {
    /// The note.
    pub note: ItemId,
    /// Its title.
    pub title: String,
    /// One line around the match.
    pub excerpt: String,
    /// Ranges of the match within `excerpt`.
    pub marks: Vec<TextRange>,
}

/// A stretch of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct TextRange {
    /// Where it begins.
    pub from: u32,
    /// Where it ends, exclusive.
    pub to: u32,
}
