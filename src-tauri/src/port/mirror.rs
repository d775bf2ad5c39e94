//! The folder of files that says what the notes say, and imports and exports.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ItemId;

/// The folder on this computer whose files are the notes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct MirrorState {
    /// Where it is; none was chosen when there is none.
    pub directory: Option<String>,
    /// How it is doing.
    pub phase: MirrorPhase,
    /// How many notes have a file.
    pub notes: u32,
    /// Files that are no notes, and why.
    pub left_alone: Vec<LeftAloneFile>,
    /// Where notes took in an edit that was made on an old text.
    pub to_review: Vec<ReviewSpot>,
    /// The import or export that is under way, or that ended last.
    pub transfer: Option<Transfer>,
}

/// How the folder is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum MirrorPhase {
    /// The person paused it, or has chosen none.
    #[default]
    Off,
    /// Files and notes are compared or written.
    Working,
    /// Files and notes say the same.
    InStep,
    /// The folder, or what marks it, is not there.
    Vanished,
    /// So many files are gone that the person has to say whether that is meant.
    ManyGone {
        /// How many.
        count: u32,
    },
    /// Something failed and is tried again.
    Failed {
        /// What, in a sentence.
        message: String,
    },
}

/// A file that is no note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct LeftAloneFile {
    /// Where it is, from the folder down.
    pub path: String,
    /// Why.
    pub reason: String,
}

/// A spot where an edit was kept beside what came after the text that it was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct ReviewSpot {
    /// The note.
    pub note: ItemId,
    /// The first words of what was kept.
    pub excerpt: String,
}

/// An import or export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, TS)]
pub struct Transfer {
    /// Whether files become notes; otherwise notes become files.
    pub importing: bool,
    /// Notes that are done.
    pub done: u32,
    /// Notes in all.
    pub total: u32,
    /// What became of it, when it has ended.
    pub report: Option<TransferReport>,
    /// Why it failed, if it did.
    pub failed: Option<String>,
}

/// What became of an import or export.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct TransferReport {
    /// How many notes were made or written.
    pub notes: u32,
    /// How many were here already, as an earlier import of the same files had made them.
    pub known: u32,
    /// How many folders were.
    pub folders: u32,
    /// How many links were adapted.
    pub links: u32,
    /// Files that were not taken in because they are not Markdown.
    pub others: u32,
    /// What was not taken in, or could not be had, and why.
    pub left_out: Vec<LeftAloneFile>,
    /// Links to files that are not there, with the file that they stand in.
    pub broken: Vec<LeftAloneFile>,
}

/// What a person does about the folder.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum MirrorAction {
    /// Choose it; without a directory there is none any more. Notes and files stay.
    Choose {
        /// Where it is; it is made when it is not there.
        directory: Option<String>,
    },
    /// Pause it, or go on.
    Pause {
        /// Which.
        paused: bool,
    },
    /// Say that files which are gone are meant to be gone.
    ConfirmDeletions,
    /// Take the mark away from a note.
    Reviewed {
        /// The note.
        note: ItemId,
    },
    /// Show the folder, or the file of a note, in the file manager.
    Reveal {
        /// The note.
        note: Option<ItemId>,
    },
    /// Ask for a directory with the system's dialog.
    Pick,
    /// Make notes of a directory of Markdown files.
    Import {
        /// Where they are.
        directory: String,
    },
    /// Write the notes to a new directory.
    Export {
        /// Where.
        directory: String,
        /// As documents with their history, instead of Markdown.
        history: bool,
    },
}

/// What an action gives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, TS)]
pub struct MirrorReply {
    /// The directory that was picked.
    pub directory: Option<String>,
    /// Where the mark was in the note, in UTF-16 units.
    pub position: Option<u32>,
}
