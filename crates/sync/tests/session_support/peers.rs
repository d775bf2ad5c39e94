//! Two kinds of peers behind one face: a document with our session, and one with Automerge's.
//!
//! What travels between them are bytes, as on a wire.

#![allow(dead_code, reason = "each test file uses a part of this")]

use automerge::sync::SyncDoc;
use automerge::transaction::Transactable;
use automerge::{AutoCommit, ReadDoc};
use rejoin_document::{ActorId, ChangeHash, CommitOptions, Document, LoadOptions, ObjId, PatchLog};
use rejoin_sync::{
    BloomFilter, Extensions, Message, State, generate_sync_message, receive_sync_message,
};

/// Whose engine and session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rejoin,
    Automerge,
}

pub(crate) use Kind::{Automerge, Rejoin};

/// Every pair in which at least one side is ours.
pub(crate) const PAIRS: [(Kind, Kind); 3] =
    [(Rejoin, Rejoin), (Rejoin, Automerge), (Automerge, Rejoin)];

/// A document and its sessions, one per link.
#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "a test has two or three of them")]
pub(crate) enum Peer {
    Rejoin { doc: Document, actor: ActorId, states: Vec<State> },
    Automerge { doc: Box<AutoCommit>, states: Vec<automerge::sync::State> },
}

impl Peer {
    pub(crate) fn new(kind: Kind, actor: &[u8]) -> Self {
        Self::load(kind, actor, &[])
    }

    /// A peer that starts from a file.
    pub(crate) fn load(kind: Kind, actor: &[u8], file: &[u8]) -> Self {
        match kind {
            Rejoin => {
                let doc = Document::load(file, LoadOptions::default()).expect("a file that loads");
                Self::Rejoin { doc, actor: ActorId::new(actor), states: Vec::new() }
            }
            Automerge => {
                let doc = AutoCommit::load(file).expect("a file that loads");
                let doc = Box::new(doc.with_actor(automerge::ActorId::from(actor)));
                Self::Automerge { doc, states: Vec::new() }
            }
        }
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Rejoin { .. } => Rejoin,
            Self::Automerge { .. } => Automerge,
        }
    }

    /// The same document, written on by somebody else, without sessions.
    pub(crate) fn fork(&mut self, actor: &[u8]) -> Self {
        Self::load(self.kind(), actor, &self.save())
    }

    pub(crate) fn save(&mut self) -> Vec<u8> {
        match self {
            Self::Rejoin { doc, .. } => doc.save(),
            Self::Automerge { doc, .. } => doc.save(),
        }
    }

    /// Commits one change.
    pub(crate) fn put(&mut self, key: &str, value: impl Into<String>) {
        match self {
            Self::Rejoin { doc, actor, .. } => {
                let mut transaction = doc.transaction(actor);
                transaction.put(ObjId::ROOT, key, value.into()).expect("a put into a map");
                transaction.commit(CommitOptions::default());
            }
            Self::Automerge { doc, .. } => {
                doc.put(automerge::ROOT, key, value.into()).expect("a put into a map");
                doc.commit();
            }
        }
    }

    pub(crate) fn has(&mut self, key: &str) -> bool {
        match self {
            Self::Rejoin { doc, .. } => {
                doc.view().get(ObjId::ROOT, key).expect("the root is a map").is_some()
            }
            Self::Automerge { doc, .. } => {
                doc.get(automerge::ROOT, key).expect("the root is a map").is_some()
            }
        }
    }

    /// Sorted.
    pub(crate) fn heads(&mut self) -> Vec<ChangeHash> {
        match self {
            Self::Rejoin { doc, .. } => doc.heads().to_vec(),
            Self::Automerge { doc, .. } => {
                let mut heads: Vec<_> =
                    doc.get_heads().iter().map(|head| ChangeHash(head.0)).collect();
                heads.sort_unstable();
                heads
            }
        }
    }

    /// The changes in topological order, as files.
    pub(crate) fn changes(&mut self) -> Vec<Vec<u8>> {
        match self {
            Self::Rejoin { doc, .. } => {
                doc.changes_since(&[]).iter().map(|change| change.bytes().to_vec()).collect()
            }
            Self::Automerge { doc, .. } => {
                doc.get_changes(&[]).iter().map(|change| change.raw_bytes().to_vec()).collect()
            }
        }
    }

    /// The change that was committed last, as a file.
    pub(crate) fn last_change(&mut self) -> Vec<u8> {
        match self {
            Self::Rejoin { doc, .. } => {
                let head = doc.heads()[0];
                doc.change(&head).expect("a head is there").bytes().to_vec()
            }
            Self::Automerge { doc, .. } => {
                doc.get_last_local_change().expect("a change").raw_bytes().to_vec()
            }
        }
    }

    pub(crate) fn apply(&mut self, changes: &[Vec<u8>]) {
        match self {
            Self::Rejoin { doc, .. } => {
                let changes = changes.concat();
                doc.load_incremental(&changes, &mut PatchLog::inactive()).expect("changes load");
            }
            Self::Automerge { doc, .. } => {
                doc.load_incremental(&changes.concat()).expect("changes load");
            }
        }
    }

    /// Opens a session with a peer of another document, and gives its number.
    pub(crate) fn open(&mut self) -> usize {
        match self {
            Self::Rejoin { states, .. } => {
                states.push(State::new());
                states.len() - 1
            }
            Self::Automerge { states, .. } => {
                states.push(automerge::sync::State::new());
                states.len() - 1
            }
        }
    }

    pub(crate) fn open_read_only(&mut self) -> usize {
        let link = self.open();
        match self {
            Self::Rejoin { states, .. } => states[link] = State::read_only(),
            Self::Automerge { states, .. } => {
                states[link] = automerge::sync::State::new_read_only()
            }
        }
        link
    }

    /// The metadata of a peer at the other end say that it is one of ours.
    pub(crate) fn meet(&mut self, link: usize, other: Kind) {
        if let (Self::Rejoin { states, .. }, Rejoin) = (self, other) {
            states[link].set_peer_extensions(Extensions::OURS);
        }
    }

    /// Takes over the sessions of another peer of the same kind.
    pub(crate) fn take_sessions(&mut self, from: &Self) {
        match (from, self) {
            (Self::Rejoin { states, .. }, Self::Rejoin { states: to, .. }) => to.clone_from(states),
            (Self::Automerge { states, .. }, Self::Automerge { states: to, .. }) => {
                to.clone_from(states);
            }
            _ => panic!("peers of one kind"),
        }
    }

    /// The connection ends, and the next one starts from what was stored.
    pub(crate) fn reconnect(&mut self, link: usize) {
        match self {
            Self::Rejoin { states, .. } => {
                let read_only = states[link].is_read_only();
                states[link] = State::decode(&states[link].encode()).expect("our own state");
                states[link].set_read_only(read_only);
            }
            Self::Automerge { states, .. } => {
                let read_only = states[link].read_only;
                let stored = states[link].encode();
                states[link] = automerge::sync::State::decode(&stored).expect("its own state");
                states[link].read_only = read_only;
            }
        }
    }

    /// The connection ends, and nothing was stored.
    pub(crate) fn forget(&mut self, link: usize) {
        match self {
            Self::Rejoin { states, .. } => states[link] = State::new(),
            Self::Automerge { states, .. } => states[link] = automerge::sync::State::new(),
        }
    }

    pub(crate) fn set_read_only(&mut self, link: usize, read_only: bool) {
        match self {
            Self::Rejoin { states, .. } => states[link].set_read_only(read_only),
            Self::Automerge { states, .. } => states[link].set_read_only(read_only),
        }
    }

    pub(crate) fn is_peer_read_only(&self, link: usize) -> bool {
        match self {
            Self::Rejoin { states, .. } => states[link].is_peer_read_only(),
            Self::Automerge { states, .. } => states[link].is_peer_read_only(),
        }
    }

    pub(crate) fn shared_heads(&self, link: usize) -> Vec<ChangeHash> {
        match self {
            Self::Rejoin { states, .. } => states[link].shared_heads().to_vec(),
            Self::Automerge { states, .. } => {
                states[link].shared_heads.iter().map(|head| ChangeHash(head.0)).collect()
            }
        }
    }

    pub(crate) fn their_heads(&self, link: usize) -> Option<Vec<ChangeHash>> {
        match self {
            Self::Rejoin { states, .. } => states[link].their_heads().map(<[_]>::to_vec),
            Self::Automerge { states, .. } => {
                let heads = states[link].their_heads.as_ref()?;
                Some(heads.iter().map(|head| ChangeHash(head.0)).collect())
            }
        }
    }

    pub(crate) fn generate(&mut self, link: usize) -> Option<Vec<u8>> {
        match self {
            Self::Rejoin { doc, states, .. } => {
                generate_sync_message(doc, &mut states[link]).map(|message| message.encode())
            }
            Self::Automerge { doc, states } => doc
                .sync()
                .generate_sync_message(&mut states[link])
                .map(automerge::sync::Message::encode),
        }
    }

    pub(crate) fn receive(&mut self, link: usize, message: &[u8]) {
        match self {
            Self::Rejoin { doc, states, .. } => {
                let message = Message::decode(message).expect("a message that decodes");
                let log = &mut PatchLog::inactive();
                receive_sync_message(doc, &mut states[link], message, log).expect("good chunks");
            }
            Self::Automerge { doc, states } => {
                let message = automerge::sync::Message::decode(message).expect("it decodes");
                doc.sync()
                    .receive_sync_message(&mut states[link], message)
                    .expect("chunks that Automerge takes");
            }
        }
    }
}

/// What travelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Traffic {
    pub(crate) messages: usize,
    pub(crate) bytes: usize,
}

/// Lets both speak at the same time until neither has anything to say.
pub(crate) fn sync(a: &mut Peer, a_link: usize, b: &mut Peer, b_link: usize) -> Traffic {
    let mut traffic = Traffic::default();
    for _ in 0..20 {
        let to_b = a.generate(a_link);
        let to_a = b.generate(b_link);
        if to_a.is_none() && to_b.is_none() {
            return traffic;
        }
        for (peer, link, message) in [(&mut *b, b_link, to_b), (&mut *a, a_link, to_a)] {
            if let Some(message) = message {
                traffic.messages += 1;
                traffic.bytes += message.len();
                peer.receive(link, &message);
            }
        }
    }
    panic!("the peers do not come to an end");
}

/// Lets them speak in turns, `a` first, until neither has anything to say.
pub(crate) fn sync_in_turns(a: &mut Peer, a_link: usize, b: &mut Peer, b_link: usize) -> Traffic {
    let mut traffic = Traffic::default();
    for _ in 0..20 {
        let mut silent = true;
        if let Some(message) = a.generate(a_link) {
            silent = false;
            traffic.messages += 1;
            traffic.bytes += message.len();
            b.receive(b_link, &message);
        }
        if let Some(message) = b.generate(b_link) {
            silent = false;
            traffic.messages += 1;
            traffic.bytes += message.len();
            a.receive(a_link, &message);
        }
        if silent {
            return traffic;
        }
    }
    panic!("the peers do not come to an end");
}

/// Whether a filter that holds only `inside` also seems to hold `outside`.
pub(crate) fn is_false_positive(inside: &[ChangeHash], outside: &ChangeHash) -> bool {
    BloomFilter::from_hashes(inside.iter()).contains(outside)
}

/// Random numbers from a seed, enough for tests.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % end
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}
