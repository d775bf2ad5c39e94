//! The hub: many documents with many peers, as events in and effects out.
//!
//! A [`Hub`] owns the documents that are in memory and one sync session per document and peer. It
//! does no I/O, reads no clock and draws no random numbers: whoever runs it tells it what happened
//! ([`Hub::handle`]) or what a person wants ([`Hub::open`], [`Hub::edit`], ...), and then performs
//! the effects that [`Hub::take_effects`] gives, in their order. Every effect that has an answer
//! carries the id under which it is answered, and is answered once.
//!
//! Work per event is proportional to the peers of the documents that it touches. A change that
//! arrives goes out to every other peer of its document in the same call. While a peer's socket
//! is busy, only the *names* of documents with news are queued for it; the message is made when
//! there is room, so that a slow peer gets one message for many changes and costs no memory.

mod chunks;
mod company;
mod connecting;
mod connection;
mod idling;
mod loading;
mod local;
mod outgoing;
mod receiving;
mod requesting;
mod saving;
mod set_aside;
mod slot;
mod status;
mod timers;
mod traffic;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rejoin_document::{ChangeHash, TextUnit};

pub use connection::{ConnectionPhase, ConnectionStatus};
pub use local::{EditError, UnknownDocument};
pub use saving::Extent;
pub use status::{Availability, DiskStatus, DocumentStatus, PeerStatus, ServerStatus};
pub use traffic::{Flow, Traffic, TrafficSecond};

use crate::{
    ConnectionError, ConnectionId, DialerId, DocumentEvent, DocumentId, Effect, Event, Extensions,
    LoadId, Now, PeerId, SharePolicy, StorageId, dialer::Random, ephemeral::SeenMessages,
    handshake::Introduction, wire::PeerMetadata,
};
use connection::{Connection, Dialer};
use saving::Saving;
use slot::{Phase, Slot, Wanted};
use timers::{Timer, Timers};

/// What a hub is told at its beginning.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// The name of this process among its peers.
    pub peer: PeerId,
    /// The name of its store; none when it keeps nothing.
    pub storage_id: Option<StorageId>,
    /// Names this run of the program in ephemeral messages; another run takes another.
    pub session: String,
    /// Where the jitter of pauses comes from.
    pub seed: u64,
    /// In which unit patches count text.
    pub text_unit: TextUnit,
    /// Tells peers what is durable here, under the storage id. For servers.
    pub reports_durable_heads: bool,
    /// Documents that nobody used for so long leave memory.
    pub idle_after: Option<Duration>,
    /// A peer that uses more documents than this at once is answered that others are unavailable,
    /// unless it was dialed or let in as a server.
    pub documents_per_connection: usize,
    /// How many bytes the deflated changes of one message may inflate to. A peer that dialed us and
    /// sends more is disconnected; with one that we dialed, the document's session ends.
    pub max_inflated: usize,
    /// How many bytes a document may keep of changes of peers that wait for others, and a sixteenth
    /// of it of changes that were refused. The oldest are dropped, and asked for again.
    pub max_set_aside: usize,
    /// Incremental chunks of a document that take fewer bytes together are not worth a snapshot.
    pub min_compaction: usize,
}

impl HubOptions {
    /// The usual choices for a client with this name.
    pub fn new(peer: PeerId) -> Self {
        Self {
            peer,
            storage_id: None,
            session: "1".into(),
            seed: 0,
            text_unit: TextUnit::Utf16,
            reports_durable_heads: false,
            idle_after: None,
            documents_per_connection: 10_000,
            max_inflated: 256 << 20,
            max_set_aside: 16 << 20,
            min_compaction: 32 << 10,
        }
    }
}

/// Many documents with many peers.
pub struct Hub {
    options: HubOptions,
    introduction: Introduction,
    policy: Box<dyn SharePolicy>,
    slots: BTreeMap<DocumentId, Slot>,
    /// The heads of documents that lie on the disk and of which nothing else is in memory: whoever
    /// has the same of one can be told so without reading it.
    asleep: BTreeMap<DocumentId, Vec<ChangeHash>>,
    connections: BTreeMap<ConnectionId, Connection>,
    dialers: BTreeMap<DialerId, Dialer>,
    /// Connections to which documents are announced.
    announcing: BTreeSet<ConnectionId>,
    /// Connections that are asked for documents that are not here.
    requestable: BTreeSet<ConnectionId>,
    /// Accepted connections by the name of the peer: a newer one replaces an older.
    accepted: BTreeMap<PeerId, ConnectionId>,
    wanted: Wanted,
    loads: BTreeMap<LoadId, DocumentId>,
    /// What all messages that wait for the disk take of memory.
    waiting_bytes: usize,
    /// What all changes that wait for others, or were refused, take of memory.
    set_aside_bytes: usize,
    timers: Timers,
    saving: Saving,
    seen: SeenMessages,
    ephemeral_count: u64,
    random: Random,
    next_id: u64,
    offline: bool,
    effects: Vec<Effect>,
    /// Connections that may have something to send since the last effects were taken.
    touched: BTreeSet<ConnectionId>,
    /// Watched documents whose status may have changed.
    status_changed: BTreeSet<DocumentId>,
    connections_changed: bool,
}

impl Hub {
    /// A hub without documents and connections.
    pub fn new(options: HubOptions, policy: Box<dyn SharePolicy>) -> Self {
        let metadata = PeerMetadata {
            storage_id: options.storage_id.clone(),
            is_ephemeral: options.storage_id.is_none(),
            sync_extensions: Extensions::OURS.bits(),
            reports_durable_heads: options.reports_durable_heads,
        };
        Self {
            introduction: Introduction { peer: options.peer.clone(), metadata },
            random: Random::new(options.seed),
            options,
            policy,
            slots: BTreeMap::new(),
            asleep: BTreeMap::new(),
            connections: BTreeMap::new(),
            dialers: BTreeMap::new(),
            announcing: BTreeSet::new(),
            requestable: BTreeSet::new(),
            accepted: BTreeMap::new(),
            wanted: Wanted::new(),
            loads: BTreeMap::new(),
            waiting_bytes: 0,
            set_aside_bytes: 0,
            timers: Timers::default(),
            saving: Saving::default(),
            seen: SeenMessages::default(),
            ephemeral_count: 0,
            next_id: 0,
            offline: false,
            effects: Vec::new(),
            touched: BTreeSet::new(),
            status_changed: BTreeSet::new(),
            connections_changed: false,
        }
    }

    /// Takes in what happened outside. Answers to effects of connections that are already gone
    /// are ignored.
    pub fn handle(&mut self, event: Event, now: Now) {
        match event {
            Event::Dialed { connection } => self.dialed(connection, now),
            Event::DialFailed { connection, error } => self.closed(connection, error, now),
            Event::Received { connection, frame } => self.received(connection, &frame, now),
            Event::Sent { connection, frames } => self.sent(connection, frames, now),
            Event::Closed { connection, reason } => {
                self.closed(connection, ConnectionError::Lost(reason), now);
            }
            Event::NetworkReturned => self.network_returned(now),
            Event::Loaded { load, result } => self.loaded(load, result, now),
            Event::Written { write, result } => self.written(write, result, now),
            Event::Tick => {}
        }
        while let Some(timer) = self.timers.pop_due(now.elapsed) {
            self.due(timer, now);
        }
    }

    /// Takes what has to be done now. Call it after every other call that takes the time.
    pub fn take_effects(&mut self, now: Now) -> Vec<Effect> {
        while let Some(connection) = self.touched.pop_first() {
            self.flush(connection, now);
        }
        while let Some(document) = self.status_changed.pop_first() {
            if let Some(status) = self.watched_status(&document) {
                self.tell(&document, DocumentEvent::Status(status));
            }
        }
        if std::mem::take(&mut self.connections_changed) {
            self.effects.push(Effect::ConnectionsChanged);
        }
        std::mem::take(&mut self.effects)
    }

    /// When to call [`Hub::handle`] with [`Event::Tick`] at the latest, in terms of
    /// [`Now::elapsed`].
    pub fn next_wakeup(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// When the next write begins, if one is due: the part of [`Hub::next_wakeup`] that whoever
    /// writes may see to itself, so that a write costs one wake-up instead of three.
    pub fn next_write(&self) -> Option<Duration> {
        self.timers.time_of(&Timer::Save)
    }

    /// [`Hub::next_wakeup`] for everything but [`Hub::next_write`].
    pub fn next_wakeup_besides_writes(&self) -> Option<Duration> {
        self.timers.next_besides(&Timer::Save)
    }

    /// The name of this process among its peers.
    pub fn peer(&self) -> &PeerId {
        &self.options.peer
    }

    fn due(&mut self, timer: Timer, now: Now) {
        match timer {
            Timer::Save => self.start_write(now),
            Timer::SyncStates => self.note_sync_states(now),
            Timer::Dial(dialer) => self.dial_again(dialer),
            Timer::Greeting(connection) => self.greeting_due(connection, now),
            Timer::Offer(connection) => self.offer_next(connection, now),
            Timer::Publish(document) => self.publish(&document),
            Timer::Pace(document) => self.queue_news_for_all(&document),
            Timer::Report(document) => self.report_durable(&document, |_, _| true),
            Timer::Presence(document) => self.presence_due(&document, now),
            Timer::Request(document) => self.stop_waiting(&document, now),
            Timer::Reload(document) => self.load_again(&document),
            Timer::Idle(document) => self.check_idle(&document, now),
            Timer::AskAgain(document) => self.ask_again(&document),
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Tells those who watch the document; nobody is told what nobody watches.
    fn tell(&mut self, document: &DocumentId, event: DocumentEvent) {
        if self.slots.get(document).is_some_and(|slot| slot.watchers > 0) {
            self.effects.push(Effect::Tell { document: document.clone(), event });
        }
    }

    fn set_phase(&mut self, document: &DocumentId, phase: Phase) {
        if let Some(slot) = self.slots.get_mut(document) {
            slot.phase = phase;
            slot.is_in_grace = false;
            if matches!(phase, Phase::Requesting | Phase::Unavailable) {
                self.wanted.insert(document.clone());
            } else {
                self.wanted.remove(document);
            }
            self.status_changed.insert(document.clone());
        }
    }
}
