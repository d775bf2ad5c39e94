//! Where notes may go, the connections, and where a note is.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::ItemId;

/// In milliseconds.
const MINUTE: i64 = 60_000;

/// Where a note is, on this disk and elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct NoteStatus {
    /// On this disk.
    pub disk: DiskState,
    /// On servers and at peers.
    pub places: Vec<Place>,
}

impl NoteStatus {
    /// Whether both look the same in the window, which tells times by the minute.
    pub(crate) fn looks_like(&self, other: &Self) -> bool {
        self.by_the_minute() == other.by_the_minute()
    }

    /// This status with what is worse in `now`, and nothing of what is better there; none when nothing is
    /// worse. That there is one place more or less is neither better nor worse. Of places with one name the
    /// worst counts.
    pub(crate) fn lowered_by(&self, now: &Self) -> Option<Self> {
        let mut lowered = self.clone();
        if now.disk.rank() < self.disk.rank() {
            lowered.disk = now.disk.clone();
        }
        for place in &mut lowered.places {
            let same = |it: &&Place| it.name == place.name && it.kind == place.kind;
            if let Some(worst) = now.places.iter().filter(same).max_by_key(|it| it.state)
                && worst.state > place.state
            {
                *place = worst.clone();
            }
        }
        (lowered != *self).then_some(lowered)
    }

    fn by_the_minute(&self) -> Self {
        let mut status = self.clone();
        if let DiskState::Saved { at } | DiskState::Failed { at, .. } = &mut status.disk {
            *at /= MINUTE;
        }
        for at in status.places.iter_mut().filter_map(|place| place.at.as_mut()) {
            *at /= MINUTE;
        }
        status
    }
}

/// Whether a note is on this disk.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum DiskState {
    /// Something is in memory only.
    Saving,
    /// All of it is on the disk.
    Saved {
        /// Since when.
        #[ts(type = "number")]
        at: i64,
    },
    /// A write failed and is tried again.
    Failed {
        /// Why.
        message: String,
        /// When.
        #[ts(type = "number")]
        at: i64,
    },
}

impl DiskState {
    /// How well off the note is.
    fn rank(&self) -> u8 {
        match self {
            Self::Failed { .. } => 0,
            Self::Saving => 1,
            Self::Saved { .. } => 2,
        }
    }
}

/// `saved`: on its disk. `received`: in its memory. `behind`: it lacks changes of ours.
// They compare in this order, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum PlaceState {
    /// On its disk.
    Saved,
    /// In its memory.
    Received,
    /// It lacks changes of ours.
    Behind,
}

/// What is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum PlaceKind {
    /// A server, which keeps notes.
    Server,
    /// Another app.
    Peer,
}

/// Another place that has the note, or lacks some of it.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
pub struct Place {
    /// What to call it.
    pub name: String,
    /// What it is.
    pub kind: PlaceKind,
    /// What it has.
    pub state: PlaceState,
    /// Since when, if that is known.
    #[ts(type = "number | null")]
    pub at: Option<i64>,
}

/// Gives a link to an item, or to the profile.
#[derive(Clone, Debug, Deserialize, TS)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum LinkTarget {
    /// A note or folder.
    Item {
        /// Which.
        id: ItemId,
    },
    /// The person's profile, for another device of theirs.
    Profile,
}

/// `profile`: this device takes on the profile behind the link.
#[derive(Clone, Debug, Deserialize, TS)]
pub struct OpenLink {
    /// An `automerge:` link.
    pub link: String,
    /// What it leads to.
    pub target: LinkKind,
    /// The folder that the item goes into; home when there is none.
    pub parent: Option<ItemId>,
}

/// What a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum LinkKind {
    /// A note or folder.
    Item,
    /// A profile.
    Profile,
}

/// The network configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
pub struct Network {
    /// Nothing is dialled and nobody let in.
    pub offline: bool,
    /// What is dialled.
    pub servers: Vec<Server>,
    /// Who may dial us.
    pub listen: Listen,
}

/// `token`: null keeps the one that is stored, an empty string removes it; always null when read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `ws://` or `wss://` and so on.
    pub address: String,
    /// What is there.
    pub kind: PlaceKind,
    /// A new token.
    pub token: Option<String>,
    /// Whether one is stored.
    pub has_token: bool,
}

/// `everywhere`: any address of this computer, which needs a token; otherwise the loopback address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Listen {
    /// Whether anybody may dial us.
    pub enabled: bool,
    /// The port; 0 takes any that is free.
    pub port: u16,
    /// Beyond this computer.
    pub everywhere: bool,
    /// A new token.
    pub token: Option<String>,
    /// Whether one is stored.
    pub has_token: bool,
    /// Under which addresses others reach us now; told to the page, never by it.
    #[serde(default)]
    pub addresses: Vec<String>,
}

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ConnectionState {
    /// It works.
    Connected,
    /// It is being dialled.
    Connecting,
    /// It failed and is dialled again later.
    Waiting,
    /// It was refused, and dialling again would not help.
    Refused,
    /// The person works offline.
    Offline,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    /// Names it in `retry`.
    pub id: String,
    /// Where to or from.
    pub address: String,
    /// What to call it.
    pub name: String,
    /// What is there.
    pub kind: PlaceKind,
    /// True for one that dialled us.
    pub incoming: bool,
    /// How it is.
    pub state: ConnectionState,
    /// Since when.
    #[ts(type = "number")]
    pub since: i64,
    /// Why it last failed.
    pub last_error: Option<String>,
    /// When it is dialled again.
    #[ts(type = "number | null")]
    pub next_retry: Option<i64>,
}

/// What the note costs, in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct SyncReport {
    /// Commits by this app since it started.
    pub commits: u32,
    /// Changes in the note's history.
    pub changes: u32,
    /// Changes sent since the note was first opened, once for each peer that they went to.
    #[ts(type = "number")]
    pub changes_sent: u64,
    /// Changes received since then that were new here.
    #[ts(type = "number")]
    pub changes_received: u64,
    /// Sync messages sent since then.
    #[ts(type = "number")]
    pub messages_sent: u64,
    /// Sync messages received since then.
    #[ts(type = "number")]
    pub messages_received: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub bytes_sent: u64,
    /// Their bytes.
    #[ts(type = "number")]
    pub bytes_received: u64,
    /// What the store on this disk holds of the note: its history, and what peers have of it.
    #[ts(type = "number")]
    pub bytes_on_disk: u64,
    /// Where the note is.
    pub status: NoteStatus,
    /// The last sixty whole seconds, newest last.
    pub samples: Vec<TrafficSample>,
}

/// The sync messages of one second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, TS)]
pub struct TrafficSample {
    /// When.
    #[ts(type = "number")]
    pub at: i64,
    /// Bytes sent.
    #[ts(type = "number")]
    pub sent: u64,
    /// Bytes received.
    #[ts(type = "number")]
    pub received: u64,
}
