//! One document of a hub: what is in memory, who syncs it, and what of it is on disk.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rejoin_document::{ChangeHash, Document, Patch, PatchLog};

use super::traffic::DocumentTraffic;
use crate::{
    Access, ConnectionId, DocumentId, LoadId, PeerContext, PeerId, SharePolicy, State, StorageId,
    StoredDocument, StoredKey, StoredKind, dialer::Backoff, presence::Presence,
    publish_mode::Publisher, session_payload::LastPacked,
};

/// Of so many stores it is kept what they have of a document.
const MAX_REPORTING_STORES: usize = 64;

/// So many sync states of a document are kept. A web page that loses its store comes back as
/// another, so that they would pile up; without one, a session begins with a few messages more.
const MAX_SYNC_STATES: usize = 256;

/// How far a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The disk was asked; messages wait.
    Loading(LoadId),
    /// The disk failed; it is asked again.
    LoadFailed,
    /// Not on disk; peers were asked.
    Requesting,
    /// Nobody who was asked has it.
    Unavailable,
    /// In memory.
    Ready,
    /// On disk only; sessions go on and the next event loads it.
    Dormant,
    /// Deleted here; not taken back.
    Deleted,
}

/// A message that waits for the disk.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) connection: ConnectionId,
    pub(super) is_request: bool,
    pub(super) data: Vec<u8>,
}

impl Pending {
    /// What it takes of memory: an empty message takes room too, or any number of them would wait.
    pub(super) fn cost(&self) -> usize {
        size_of::<Self>() + self.data.len()
    }
}

/// Messages that wait for the disk, in the order of their coming.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    messages: Vec<Pending>,
    cost: usize,
}

impl Waiting {
    /// Peers may make us keep this much of one document while the disk is read.
    pub(super) const MAX_BYTES: usize = 64 << 20;

    /// Lets a message wait; false when too much waits already.
    pub(super) fn push(&mut self, message: Pending) -> bool {
        let cost = self.cost + message.cost();
        if cost > Self::MAX_BYTES {
            return false;
        }
        self.cost = cost;
        self.messages.push(message);
        true
    }

    /// Takes all of them out.
    pub(super) fn take(&mut self) -> Vec<Pending> {
        std::mem::take(self).messages
    }

    /// Drops what came from a connection that is gone.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.messages.retain(|message| message.connection != connection);
        self.cost = self.messages.iter().map(Pending::cost).sum();
    }

    /// What waits takes so much of memory.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }
}

/// One document.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) phase: Phase,
    /// Empty unless the phase says that it is in memory.
    pub(super) document: Document,
    pub(super) sessions: BTreeMap<ConnectionId, Session>,
    /// What was sent last, for the next session.
    pub(super) packed: LastPacked,
    pub(super) pending: Waiting,
    /// Whoever asks for the document is not told yet that nobody has it.
    pub(super) is_in_grace: bool,
    pub(super) reload: Backoff,
    pub(super) load_error: Option<String>,
    pub(super) disk: Disk,
    /// How many handles are open here.
    pub(super) watchers: usize,
    /// Patches are collected while somebody watches.
    pub(super) log: PatchLog,
    pub(super) publisher: Publisher,
    /// Counts the edits of the draft.
    pub(super) draft_version: u64,
    pub(super) presence: Presence,
    pub(super) durable: BTreeMap<StorageId, DurableReport>,
    pub(super) last_used: Duration,
    pub(super) traffic: DocumentTraffic,
    /// What its changes that wait or were refused take, as the hub has counted it.
    pub(super) set_aside_bytes: usize,
}

/// What is on the disk of a document.
#[derive(Debug, Default)]
pub(super) struct Disk {
    /// The heads that would be there after a crash now.
    pub(super) heads: Vec<ChangeHash>,
    /// When that was last found to be so, in milliseconds since 1970.
    pub(super) at: Option<u64>,
    /// Chunks that make up `heads`, with their lengths.
    pub(super) chunks: BTreeMap<StoredKey, usize>,
    pub(super) snapshot_bytes: usize,
    pub(super) incremental_bytes: usize,
    pub(super) unread: usize,
    /// The chunk that holds what was refused, once everything else was saved anew.
    pub(super) refused: Option<StoredKey>,
    /// The edit of the draft whose journal is on disk.
    pub(super) draft_version: u64,
    /// Sync states as they are on disk.
    pub(super) sync_states: BTreeMap<StorageId, Vec<u8>>,
    /// Sync states of closed sessions that are not on disk yet.
    pub(super) unsaved_states: BTreeMap<StorageId, Vec<u8>>,
    /// The document was not read, so that it is not known which sync states there are.
    pub(super) has_unknown_states: bool,
    /// Stores whose sync state is still on disk and has to go.
    pub(super) dropped_states: BTreeSet<StorageId>,
    /// The document was made without asking the disk, where a note may lie that it was deleted.
    pub(super) may_have_note: bool,
}

/// What a store says that it would still have after a power cut.
#[derive(Debug, Clone)]
pub(super) struct DurableReport {
    pub(super) peer: PeerId,
    pub(super) heads: Vec<ChangeHash>,
    /// When it was heard, in milliseconds since 1970.
    pub(super) at: u64,
    /// When it was said, by the clock of who said it.
    pub(super) timestamp: u64,
}

/// The sync of one document with one peer.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) state: State,
    pub(super) access: Access,
    /// The document stands in the queue of the connection.
    pub(super) queued: bool,
    pub(super) knowledge: PeerKnowledge,
    /// The peer was asked for the document and has not answered.
    pub(super) asked: bool,
    /// The peer asked for the document and was not answered.
    pub(super) wants: bool,
    /// The peer must hear that the document is unavailable.
    pub(super) unavailable_due: bool,
    /// Changes came from the peer since it was last told what is durable here.
    pub(super) contributed: bool,
    /// The peer must hear what is durable here.
    pub(super) report_due: bool,
    /// The last heads that were reported as durable.
    pub(super) reported: Option<Vec<ChangeHash>>,
    /// The times of the last reports of other stores that were passed on to the peer.
    pub(super) passed_on: BTreeMap<StorageId, u64>,
    /// Sync messages that were sent since the peer's last one.
    pub(super) unanswered: usize,
    /// Until then a peer that does not answer is not told more.
    pub(super) paced_until: Duration,
    /// When the peer last sent its heads, in milliseconds since 1970.
    pub(super) heard_at: Option<u64>,
    /// Why this session has ended although the connection goes on.
    pub(super) problem: Option<String>,
    /// The document goes to this peer because that was chosen here.
    pub(super) is_chosen: bool,
    /// It was put down in the log that changes were dropped that the peer had sent.
    pub(super) is_known_to_overflow: bool,
}

/// What a peer said about whether it has a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerKnowledge {
    Unknown,
    Has,
    Lacks,
}

impl Slot {
    pub(super) fn new(phase: Phase, now: Duration) -> Self {
        Self {
            phase,
            document: Document::new(),
            sessions: BTreeMap::new(),
            packed: LastPacked::default(),
            pending: Waiting::default(),
            is_in_grace: false,
            reload: Backoff::default(),
            load_error: None,
            disk: Disk::default(),
            watchers: 0,
            log: PatchLog::inactive(),
            publisher: Publisher::default(),
            draft_version: 0,
            presence: Presence::default(),
            durable: BTreeMap::new(),
            last_used: now,
            traffic: DocumentTraffic::default(),
            set_aside_bytes: 0,
        }
    }

    /// What changed since the last call; none while nobody watches.
    pub(super) fn take_patches(&mut self) -> Option<Vec<Patch>> {
        self.log.is_active().then(|| self.log.take())
    }

    /// A document that lies on the disk, and its heads if they are known.
    pub(super) fn dormant(heads: Vec<ChangeHash>, now: Duration) -> Self {
        let disk = Disk { heads, has_unknown_states: true, ..Disk::default() };
        Self { disk, ..Self::new(Phase::Dormant, now) }
    }

    /// The heads as far as they are known without reading the disk.
    pub(super) fn heads(&self) -> &[ChangeHash] {
        if self.is_in_memory() { self.document.heads() } else { &self.disk.heads }
    }

    /// Keeps what a store says of itself, the newest word of each. Any peer may call itself a store,
    /// so that only those last heard of are kept.
    pub(super) fn note_report(&mut self, storage_id: StorageId, report: DurableReport) {
        self.durable.insert(storage_id, report);
        if self.durable.len() > MAX_REPORTING_STORES
            && let Some(oldest) = self.durable.iter().min_by_key(|(_, report)| report.at)
        {
            let oldest = oldest.0.clone();
            self.durable.remove(&oldest);
        }
    }

    /// Whether something is in memory that a crash now would lose.
    pub(super) fn is_dirty(&self) -> bool {
        self.heads() != self.disk.heads || self.draft_version != self.disk.draft_version
    }

    /// Whether the document can be read and synced now.
    pub(super) fn is_in_memory(&self) -> bool {
        matches!(self.phase, Phase::Requesting | Phase::Unavailable | Phase::Ready)
    }
}

impl Disk {
    /// What was found on the disk, when `document` was put together from it.
    pub(super) fn found(stored: StoredDocument, unix_ms: u64) -> (Document, Self) {
        let mut disk = Self {
            heads: stored.document.heads().to_vec(),
            at: Some(unix_ms),
            unread: stored.unread,
            sync_states: stored.sync_states,
            ..Self::default()
        };
        stored.chunks.into_iter().for_each(|(key, length)| disk.add_chunk(key, length));
        (stored.document, disk)
    }

    pub(super) fn add_chunk(&mut self, key: StoredKey, length: usize) {
        let kind = key.kind;
        let before = self.chunks.insert(key, length).unwrap_or(0);
        let bytes = self.bytes_of(kind);
        *bytes = *bytes + length - before;
    }

    pub(super) fn remove_chunk(&mut self, key: &StoredKey) {
        if let Some(length) = self.chunks.remove(key) {
            *self.bytes_of(key.kind) -= length;
        }
    }

    /// From now on nothing is known of chunks that lie on the disk: they stay, and so do all others
    /// until the document has been read again.
    pub(super) fn forget_chunks(&mut self) {
        self.heads.clear();
        self.chunks.clear();
        self.refused = None;
        (self.snapshot_bytes, self.incremental_bytes) = (0, 0);
    }

    fn bytes_of(&mut self, kind: StoredKind) -> &mut usize {
        match kind {
            StoredKind::Snapshot => &mut self.snapshot_bytes,
            _ => &mut self.incremental_bytes,
        }
    }

    /// Notes a sync state to be written; false when the disk has it already.
    pub(super) fn keep_state(&mut self, storage_id: &StorageId, state: Vec<u8>) -> bool {
        // What lies there is older at worst, which costs a few bytes.
        if self.has_unknown_states {
            return false;
        }
        let known = self.sync_states.get(storage_id);
        // That nothing is shared need not be written down: whoever names documents that are not
        // here would fill the disk with it.
        let says_nothing = known.is_none() && state == State::new().encode();
        if says_nothing || known == Some(&state) {
            self.unsaved_states.remove(storage_id);
            return false;
        }
        self.dropped_states.remove(storage_id);
        self.unsaved_states.insert(storage_id.clone(), state);
        self.drop_states_beyond_the_limit(storage_id);
        true
    }

    /// Ids are random, so that whichever comes first is as good as any other.
    fn drop_states_beyond_the_limit(&mut self, kept: &StorageId) {
        while self.sync_states.len() + self.unsaved_states.len() > MAX_SYNC_STATES {
            let mut others = self.sync_states.keys().chain(self.unsaved_states.keys());
            let Some(other) = others.find(|other| *other != kept).cloned() else { return };
            self.unsaved_states.remove(&other);
            if self.sync_states.remove(&other).is_some() {
                self.dropped_states.insert(other);
            }
        }
    }

    /// Stores with a sync state on disk or on the way there.
    pub(super) fn state_for(&self, storage_id: &StorageId) -> Option<&Vec<u8>> {
        self.unsaved_states.get(storage_id).or_else(|| self.sync_states.get(storage_id))
    }
}

impl Session {
    pub(super) fn new(state: State, access: Access) -> Self {
        Self {
            state,
            access,
            queued: false,
            knowledge: PeerKnowledge::Unknown,
            asked: false,
            wants: false,
            unavailable_due: false,
            contributed: false,
            report_due: false,
            reported: None,
            passed_on: BTreeMap::new(),
            unanswered: 0,
            paced_until: Duration::ZERO,
            heard_at: None,
            problem: None,
            is_chosen: false,
            is_known_to_overflow: false,
        }
    }

    /// Whether the document concerns the peer. One that has not spoken of it may be one that was
    /// only asked for it, in vain.
    pub(super) fn is_party(
        &self,
        policy: &dyn SharePolicy,
        peer: &PeerContext,
        document: &DocumentId,
    ) -> bool {
        self.heard_at.is_some() || policy.passes_on(peer, document)
    }
}

/// Documents that somebody waits for although they are not here.
pub(super) type Wanted = BTreeSet<crate::DocumentId>;

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Pending {
        Pending { connection: ConnectionId(1), is_request: false, data: vec![0; length] }
    }

    #[test]
    fn messages_wait_up_to_a_limit_empty_ones_too() {
        let mut waiting = Waiting::default();
        assert!(waiting.push(message(Waiting::MAX_BYTES - 1_000)));
        assert!(!waiting.push(message(1_000)));
        let empty = (0..1_000).take_while(|_| waiting.push(message(0))).count();
        assert!((1..100).contains(&empty), "{empty}");
        waiting.forget(ConnectionId(1));
        assert!(waiting.push(message(1_000)));
        assert_eq!(waiting.take().len(), 1);
    }

    #[test]
    fn only_so_many_sync_states_are_kept() {
        let mut disk = Disk::default();
        let store = |number: u128| StorageId::from_random(number.to_le_bytes());
        for number in 0..1_000 {
            assert!(disk.keep_state(&store(number), vec![1]));
            assert_eq!(disk.state_for(&store(number)), Some(&vec![1]));
            // It gets onto the disk, as after a write.
            disk.sync_states.append(&mut disk.unsaved_states);
        }
        assert_eq!(disk.sync_states.len(), MAX_SYNC_STATES);
        assert_eq!(disk.dropped_states.len(), 1_000 - MAX_SYNC_STATES);
        let again = disk.dropped_states.first().expect("some were dropped").clone();
        assert!(disk.keep_state(&again, vec![2]));
        assert!(!disk.dropped_states.contains(&again));
    }

    #[test]
    fn peers_that_invent_stores_do_not_fill_memory() {
        let mut slot = Slot::new(Phase::Ready, Duration::ZERO);
        for at in 0..1_000_u64 {
            let peer = PeerId::new("inventor").expect("a name");
            let storage_id = StorageId::from_random(u128::from(at).to_le_bytes());
            let report = DurableReport { peer, heads: Vec::new(), at, timestamp: at };
            slot.note_report(storage_id, report);
        }
        assert_eq!(slot.durable.len(), MAX_REPORTING_STORES);
        assert!(slot.durable.values().all(|report| report.at >= 900));
    }
}
