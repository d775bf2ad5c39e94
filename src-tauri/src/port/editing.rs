//! An open note: its text, pushes and their replies, and what happens to it.

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeSeq as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ts_rs::TS;

use super::{Author, ItemId, NoteStatus};

/// When a note's edits are committed and shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// Each frame.
    Live,
    /// As live while somebody else is here, otherwise at pauses.
    #[default]
    Hybrid,
    /// When the person says so.
    Batched,
}

/// CodeMirror's `ChangeSet.toJSON()`: a kept length, or `[deleted, ...insertedLines]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, TS)]
#[ts(type = "Array<number | [number, ...Array<string>]>")]
pub struct ChangeSetJson(pub Vec<SectionJson>);

/// One section of a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SectionJson {
    /// So many units stay.
    Keep(usize),
    /// So many units go, and these lines come in their place.
    Replace {
        /// How many units go.
        deleted: usize,
        /// The inserted text, cut at each line feed; empty for a plain deletion.
        lines: Vec<String>,
    },
}

impl Serialize for SectionJson {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Keep(length) => serializer.serialize_u64(*length as u64),
            Self::Replace { deleted, lines } => {
                let mut array = serializer.serialize_seq(Some(1 + lines.len()))?;
                array.serialize_element(deleted)?;
                for line in lines {
                    array.serialize_element(line)?;
                }
                array.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for SectionJson {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Section;
        impl<'de> Visitor<'de> for Section {
            type Value = SectionJson;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a kept length or an array of a deleted length and inserted lines")
            }

            fn visit_u64<E: serde::de::Error>(self, length: u64) -> Result<SectionJson, E> {
                usize::try_from(length).map(SectionJson::Keep).map_err(E::custom)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<SectionJson, A::Error> {
                let deleted = array.next_element()?.ok_or_else(|| A::Error::missing_field("0"))?;
                let mut lines = Vec::new();
                while let Some(line) = array.next_element()? {
                    lines.push(line);
                }
                Ok(SectionJson::Replace { deleted, lines })
            }
        }
        deserializer.deserialize_any(Section)
    }
}

/// A caret or a selection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
pub struct TextSelection {
    /// Where it began.
    pub anchor: u32,
    /// Where the caret is.
    pub head: u32,
}

/// A note as a window opens it.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct OpenedNote {
    /// The note.
    pub id: ItemId,
    /// Its title.
    pub title: String,
    /// Its text at `version`.
    pub text: String,
    /// The window's version of it.
    pub version: u32,
    /// How it is shared.
    pub mode: Mode,
    /// It can only be read.
    pub read_only: bool,
    /// False: no connected peer has had it yet; a `reset` event brings the text.
    pub available: bool,
    /// What waits for a commit.
    pub draft: Option<DraftState>,
    /// Where it is.
    pub status: NoteStatus,
    /// Who is here.
    pub peers: Vec<PresentPeer>,
    /// Others' changes since this person last looked.
    pub away: Option<AwaySummary>,
}

/// Edits of a batched note that wait for a commit.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct DraftState {
    /// How many edits wait.
    pub edits: u32,
    /// UTF-16 units that came in.
    pub inserted: u32,
    /// UTF-16 units that went.
    pub deleted: u32,
    /// When the first of them was made.
    #[ts(type = "number")]
    pub since: i64,
}

/// What others did since this person last looked.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct AwaySummary {
    /// When that was.
    #[ts(type = "number")]
    pub since: i64,
    /// Who changed something.
    pub authors: Vec<Author>,
    /// UTF-16 units that came in.
    pub inserted: u32,
    /// UTF-16 units that went.
    pub deleted: u32,
}

/// A person's edit, on its way to the document.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct PushRequest {
    /// The version that the changes are based on.
    pub version: u32,
    /// The version of the remote batch that the window has taken in, when this push is also its confirmation.
    pub confirms: Option<u32>,
    /// The edit.
    pub changes: ChangeSetJson,
    /// Holds after the changes.
    pub selection: Option<TextSelection>,
}

/// What became of a push.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum PushReply {
    /// It is in the document.
    Accepted {
        /// The version that it made.
        version: u32,
        /// There when the document's change differs from the pushed one: it starts at the same
        /// version and takes the place of the pushed changes.
        effective: Option<ChangeSetJson>,
    },
    /// It crossed a `remote` event.
    Stale {
        /// The current version.
        version: u32,
    },
}

/// Backwards or forwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum UndoDirection {
    /// Take the last own edit back.
    Undo,
    /// Make it again.
    Redo,
}

/// A wish to undo or redo the last own edit.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct UndoRequest {
    /// Which of the two.
    pub direction: UndoDirection,
    /// The window's version.
    pub version: u32,
    /// As in a push.
    pub confirms: Option<u32>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum UndoReply {
    /// It is done.
    Accepted {
        /// The version that it made.
        version: u32,
        /// Lead from the request's version to `version`.
        changes: ChangeSetJson,
        /// Where the caret goes.
        selection: Option<TextSelection>,
    },
    /// It crossed a `remote` event.
    Stale {
        /// The current version.
        version: u32,
    },
    /// There is nothing to undo or redo.
    Nothing,
}

/// Where a remote batch comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum RemoteOrigin {
    /// Another person or device.
    Peer,
    /// Another window of this app.
    Window,
    /// A file of the mirrored folder.
    Folder,
    /// An earlier version that was restored.
    Restore,
}

/// What happens to an open note.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum NoteEvent {
    /// Leads from `version - 1` to `version`. At most one is unconfirmed.
    Remote {
        /// The version that it makes.
        version: u32,
        /// The change.
        changes: ChangeSetJson,
        /// Where it comes from.
        origin: RemoteOrigin,
        /// Who, when one person is known.
        peer: Option<String>,
    },
    /// The window starts over from this text (the note arrived, or the window had lost step).
    Reset {
        /// The version from here on.
        version: u32,
        /// The text.
        text: String,
        /// It can only be read.
        read_only: bool,
    },
    /// All peers who are here; their selections hold in the text of `version`.
    Presence {
        /// The version that the selections hold in.
        version: u32,
        /// Who is here.
        peers: Vec<PresentPeer>,
    },
    /// The note is called something else now.
    Title {
        /// The new title.
        title: String,
    },
    /// Where the note is has changed.
    Status {
        /// Where it is now.
        status: NoteStatus,
    },
    /// How the note is shared, or what waits, has changed.
    Mode {
        /// How it is shared.
        mode: Mode,
        /// What waits.
        draft: Option<DraftState>,
    },
    /// The note became read-only, or writable.
    ReadOnly {
        /// It can only be read.
        read_only: bool,
    },
    /// What others did while this person was away has changed.
    Away {
        /// What they did.
        away: Option<AwaySummary>,
    },
}

/// Somebody who has the note open.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct PresentPeer {
    /// Their peer id.
    pub peer: String,
    /// Their name.
    pub name: String,
    /// One of the eight presence hues, 0 to 7.
    pub colour: u8,
    /// Where they are in the text.
    pub selection: Option<TextSelection>,
}

/// Where this person is in the text.
#[derive(Clone, Copy, Debug, Deserialize, TS)]
pub struct PresenceUpdate {
    /// The version that the selection holds in.
    pub version: u32,
    /// Nothing: this person looks elsewhere.
    pub selection: Option<TextSelection>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes_change_sets_as_the_editor_does() {
        let text = r#"[3,[1],[0,"a","b"],2]"#;
        let changes: ChangeSetJson = serde_json::from_str(text).unwrap();
        assert_eq!(changes.0[1], SectionJson::Replace { deleted: 1, lines: vec![] });
        assert_eq!(serde_json::to_string(&changes).unwrap(), text);
    }

    #[test]
    fn refuses_what_is_not_a_change_set() {
        for text in ["[[]]", "[-1]", r#"["a"]"#, r#"[["a"]]"#, "[[1,2]]", "{}"] {
            assert!(serde_json::from_str::<ChangeSetJson>(text).is_err(), "{text} was read");
        }
    }
}
