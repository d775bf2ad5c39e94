//! Connections and the addresses that are kept connected.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::traffic::Traffic;
use crate::{
    ConnectionError, ConnectionId, ConnectionOrigin, DialerId, DocumentId, PeerContext, PeerId,
    StorageId, dialer::Backoff,
};

/// One connection and what waits to be sent on it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) origin: ConnectionOrigin,
    pub(super) dialer: Option<DialerId>,
    pub(super) stage: Stage,
    /// Lengths of the frames that were handed over and not reported as sent.
    pub(super) in_flight: VecDeque<usize>,
    pub(super) in_flight_bytes: usize,
    /// Frames that go out before news of documents.
    pub(super) frames: VecDeque<Vec<u8>>,
    pub(super) frames_bytes: usize,
    /// Documents with news for this peer, each once.
    pub(super) news: VecDeque<DocumentId>,
    /// Documents on the disk that are still to be offered to this peer.
    pub(super) offers: VecDeque<DocumentId>,
    /// Documents with a session on this connection.
    pub(super) documents: BTreeSet<DocumentId>,
    /// Documents that went to this peer because that was chosen, and no longer do.
    pub(super) withdrawn: BTreeSet<DocumentId>,
    /// Stores that the peer wants to hear of.
    pub(super) subscriptions: BTreeSet<StorageId>,
    /// The document that the last message of the peer was about.
    pub(super) last_named: Option<DocumentId>,
    pub(super) traffic: Traffic,
    /// It was put down in the log that the peer wants more documents than it may use.
    pub(super) is_known_to_be_full: bool,
}

/// How far a connection is.
#[derive(Debug)]
pub(super) enum Stage {
    /// Being dialed.
    Dialing,
    /// Open; the first message of the other side is awaited.
    Greeting,
    /// The other side is known.
    Ready(Arc<PeerContext>),
    /// Being closed; nothing is sent or taken.
    Closing,
}

/// An address that is kept connected.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) url: String,
    pub(super) token: Option<String>,
    pub(super) backoff: Backoff,
    pub(super) connection: Option<ConnectionId>,
    /// When the other side last answered on it.
    pub(super) connected_at: Option<Duration>,
    pub(super) retry_at: Option<Duration>,
    /// Dial as soon as the connection is closed, without a pause.
    pub(super) at_once: bool,
    pub(super) last_error: Option<ConnectionError>,
}

/// One connection, or one address that should have one, for people to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionStatus {
    /// The address book entry, when we dial.
    pub dialer: Option<DialerId>,
    /// The address that we dial, or from which we were dialed.
    pub address: String,
    /// How far it is.
    pub phase: ConnectionPhase,
    /// The peer at the other end, once it is known.
    pub peer: Option<PeerId>,
    /// The store behind it.
    pub storage_id: Option<StorageId>,
    /// Why the last attempt or connection ended.
    pub last_error: Option<ConnectionError>,
    /// What has passed on the connection that is open now, whatever it is about.
    pub traffic: Traffic,
}

/// How far a connection is, for people to see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionPhase {
    /// Being opened.
    Connecting,
    /// Open, and both sides know each other.
    Connected,
    /// Tried again at this time, in terms of [`Now::elapsed`](crate::Now::elapsed).
    Waiting(Duration),
    /// Not tried, because the person chose to be offline.
    Offline,
}

impl Connection {
    pub(super) fn new(origin: ConnectionOrigin, dialer: Option<DialerId>, stage: Stage) -> Self {
        Self {
            origin,
            dialer,
            stage,
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
            frames: VecDeque::new(),
            frames_bytes: 0,
            news: VecDeque::new(),
            offers: VecDeque::new(),
            documents: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
            subscriptions: BTreeSet::new(),
            last_named: None,
            traffic: Traffic::default(),
            is_known_to_be_full: false,
        }
    }

    pub(super) fn peer(&self) -> Option<&Arc<PeerContext>> {
        match &self.stage {
            Stage::Ready(peer) => Some(peer),
            _ => None,
        }
    }

    pub(super) fn address(&self) -> &str {
        match &self.origin {
            ConnectionOrigin::Dialed { url } => url,
            ConnectionOrigin::Accepted { address, .. } => address,
        }
    }
}
