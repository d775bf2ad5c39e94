//! Looking back: sessions, versions, differences and who wrote what.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ChangeSetJson;

/// A person who wrote something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Author {
    /// Their author id, in hexadecimal.
    pub id: String,
    /// Their name, as far as it is known.
    pub name: String,
    /// One of the eight presence hues, 0 to 7.
    pub colour: u8,
}

/// A text and the changes that lead on from it, for showing the difference.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Difference {
    /// The text before.
    pub text: String,
    /// What leads on.
    pub changes: ChangeSetJson,
}

/// Changes are numbered from 1 in the order of the history; 0 is the empty note.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct History {
    /// How many changes there are.
    pub length: u32,
    /// The first position at which there is something to see: making a note writes no text.
    pub first: u32,
    /// Their groups, oldest first, less those before there was something to see.
    pub sessions: Vec<HistorySession>,
}

/// Changes `first` to `last` (both included) that lie close together in time.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct HistorySession {
    /// The first change.
    pub first: u32,
    /// The last change.
    pub last: u32,
    /// When the first was made.
    #[ts(type = "number")]
    pub started: i64,
    /// When the last was made.
    #[ts(type = "number")]
    pub ended: i64,
    /// Who made them.
    pub authors: Vec<Author>,
    /// What a commit said about itself.
    pub message: Option<String>,
    /// UTF-16 units that came in.
    pub inserted: u32,
    /// UTF-16 units that went.
    pub deleted: u32,
}

/// `seen`: what this person last looked at. `session`: the version after it, and in place of the way to
/// now what the session did.
#[derive(Clone, Copy, Debug, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum VersionRef {
    /// After so many changes.
    Position {
        /// How many.
        position: u32,
    },
    /// What a session did.
    Session {
        /// Its first change, from 1.
        first: u32,
        /// Its last change.
        last: u32,
    },
    /// When this person last looked.
    Seen,
}

/// The note after change `position`, and a difference to show with it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct VersionView {
    /// After how many changes.
    pub position: u32,
    /// When the last of them was made.
    #[ts(type = "number | null")]
    pub at: Option<i64>,
    /// Who made it.
    pub author: Option<Author>,
    /// The text then, and what leads to now; for a session the text before it, and what it did.
    pub difference: Difference,
}

/// Who wrote which part of the text.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Attribution {
    /// The version that the spans hold in.
    pub version: u32,
    /// Everybody who wrote something.
    pub authors: Vec<Author>,
    /// The text from end to end, less what nobody is known for.
    pub spans: Vec<AuthorSpan>,
}

/// `author` is an index into `Attribution.authors`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct AuthorSpan {
    /// Where it begins.
    pub from: u32,
    /// Where it ends, exclusive.
    pub to: u32,
    /// Who wrote it.
    pub author: u32,
}
