//! What a page is told when it loads, and what it hears afterwards.

use serde::Serialize;
use ts_rs::TS;

use super::{Connection, ItemId, Library, LibraryChange, MirrorState, Network, Settings};

/// Everything that a page needs before it shows anything.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// All folders and notes.
    pub library: Library,
    /// The person's settings.
    pub settings: Settings,
    /// Where notes may go.
    pub network: Network,
    /// The connections as they are now.
    pub connections: Vec<Connection>,
    /// The folder of files that says what the notes say.
    pub mirror: MirrorState,
    /// The folder on this computer that holds everything.
    pub data_folder: String,
    /// The version of the app.
    pub version: String,
    /// No settings were found: the welcome page is shown.
    pub first_run: bool,
}

/// What concerns the whole app.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum AppEvent {
    /// Folders or notes changed.
    Library {
        /// What is new.
        change: LibraryChange,
    },
    /// The state of a connection changed.
    Connections {
        /// All connections.
        connections: Vec<Connection>,
    },
    /// The network configuration changed.
    Network {
        /// All of it.
        network: Network,
    },
    /// The settings changed.
    Settings {
        /// All of them.
        settings: Settings,
    },
    /// The folder of files is doing otherwise, or an import or export went on.
    Mirror {
        /// All of it.
        mirror: MirrorState,
    },
    /// Something needs the person now.
    Notice {
        /// What.
        notice: Notice,
    },
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum NoticeLevel {
    /// Good to know.
    Info,
    /// Something waits or is not as wanted.
    Warn,
    /// Something failed.
    Error,
}

/// Something that needs the person now.
#[derive(Clone, Debug, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// A sentence that says what to do.
    pub message: String,
    /// When.
    #[ts(type = "number")]
    pub at: i64,
    /// The note that it is about.
    pub note: Option<ItemId>,
}
