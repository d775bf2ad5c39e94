//! Where a document is, said so that it is true: in memory, on this disk, with peers, on servers.

use rejoin_document::ChangeHash;

use super::{
    Hub,
    slot::{Phase, Slot},
};
use crate::{ConnectionId, DocumentId, PeerId, StorageId};

/// How far a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// The hub knows nothing of it.
    Unknown,
    /// The disk was asked.
    Loading,
    /// The disk failed and is asked again.
    LoadFailed,
    /// Not on disk; peers were asked.
    Requesting,
    /// Nobody who was asked has it; it may still come.
    Unavailable,
    /// It can be read and edited.
    Ready,
    /// It was deleted here.
    Deleted,
}

/// Where a document is. Nothing in here is a guess.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentStatus {
    /// How far the document is.
    pub availability: Availability,
    /// What is in memory.
    pub heads: Vec<ChangeHash>,
    /// What is on this disk.
    pub disk: DiskStatus,
    /// Commits are held back by the publish mode.
    pub is_held_back: bool,
    /// Those who sync the document with us now.
    pub peers: Vec<PeerStatus>,
    /// Stores that told what they would still have after a power cut.
    pub servers: Vec<ServerStatus>,
    /// Changes that were refused, because taking them in would damage the document.
    pub refused: usize,
    /// Changes that wait for others that have not come.
    pub queued: usize,
}

/// What is on this disk: it would be there after a crash now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskStatus {
    /// The heads that are on disk.
    pub heads: Vec<ChangeHash>,
    /// Everything that is in memory is on disk.
    pub is_all: bool,
    /// When that was last found to be so, in milliseconds since 1970.
    pub at: Option<u64>,
    /// Why the disk could not be written or read, in words.
    pub error: Option<String>,
    /// Chunks on disk that could not be read; they were left as they are.
    pub unread_chunks: usize,
}

/// What a peer has received, in its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// The peer.
    pub peer: PeerId,
    /// The store behind it.
    pub storage_id: Option<StorageId>,
    /// The address, when we dialed it.
    pub url: Option<String>,
    /// It has received everything that is in memory here.
    pub has_all: bool,
    /// It told of changes that have not come here yet.
    pub is_ahead: bool,
    /// When it last said what it has, in milliseconds since 1970.
    pub at: Option<u64>,
    /// Why this document is not synced with the peer, in words.
    pub problem: Option<String>,
}

/// What a server has on its disk, by its own word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerStatus {
    /// The store.
    pub storage_id: StorageId,
    /// The peer that said so for it.
    pub peer: PeerId,
    /// The heads that it would still have after a power cut.
    pub heads: Vec<ChangeHash>,
    /// That is everything that is in memory here.
    pub has_all: bool,
    /// When it said so, in milliseconds since 1970.
    pub at: u64,
}

impl Hub {
    /// How far a document is.
    pub fn availability(&self, document: &DocumentId) -> Availability {
        self.slots.get(document).map_or(Availability::Unknown, availability)
    }

    /// The status for those who watch, if anybody does.
    pub(super) fn watched_status(&self, document: &DocumentId) -> Option<DocumentStatus> {
        let slot = self.slots.get(document).filter(|slot| slot.watchers > 0)?;
        Some(self.status_of(document, slot))
    }

    pub(super) fn status_of(&self, document: &DocumentId, slot: &Slot) -> DocumentStatus {
        let heads = slot.heads();
        let peers = slot.sessions.keys().filter_map(|id| self.peer_status(slot, *id)).collect();
        let servers = slot.durable.iter().map(|(storage_id, report)| ServerStatus {
            storage_id: storage_id.clone(),
            peer: report.peer.clone(),
            has_all: heads.iter().all(|head| report.heads.contains(head)),
            heads: report.heads.clone(),
            at: report.at,
        });
        DocumentStatus {
            availability: availability(slot),
            heads: heads.to_vec(),
            disk: DiskStatus {
                heads: slot.disk.heads.clone(),
                is_all: !slot.is_dirty(),
                at: slot.disk.at,
                error: self
                    .saving
                    .error_of(document)
                    .map(str::to_owned)
                    .or_else(|| slot.load_error.clone()),
                unread_chunks: slot.disk.unread,
            },
            is_held_back: slot.publisher.is_holding(),
            peers,
            servers: servers.collect(),
            refused: slot.document.refused().len(),
            queued: slot.document.queued(),
        }
    }

    fn peer_status(&self, slot: &Slot, id: ConnectionId) -> Option<PeerStatus> {
        let session = slot.sessions.get(&id)?;
        let peer = self.connections.get(&id)?.peer()?;
        let theirs = session.state.their_heads().unwrap_or_default();
        // Where the peer is ahead, what was found to be shared tells of heads behind its own.
        let is_ahead = theirs.iter().any(|head| !slot.document.has_change(head));
        let shared = if is_ahead { session.state.shared_heads() } else { &[] };
        Some(PeerStatus {
            peer: peer.peer.clone(),
            storage_id: peer.metadata.storage_id.clone(),
            url: peer.url().map(str::to_owned),
            has_all: slot.heads().iter().all(|head| theirs.contains(head) || shared.contains(head)),
            is_ahead,
            at: session.heard_at,
            problem: session.problem.clone(),
        })
    }
}

fn availability(slot: &Slot) -> Availability {
    match slot.phase {
        Phase::Loading(_) => Availability::Loading,
        Phase::LoadFailed => Availability::LoadFailed,
        Phase::Requesting => Availability::Requesting,
        Phase::Unavailable => Availability::Unavailable,
        Phase::Ready | Phase::Dormant => Availability::Ready,
        Phase::Deleted => Availability::Deleted,
    }
}
