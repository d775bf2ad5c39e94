//! What one side remembers of a session: who has what, what was sent, what was asked.

use rejoin_document::{ChangeHash, Document, LoadOptions};

use crate::message::{Extensions, Have, MessageFlags};
use crate::reader::{MalformedBytes, Reader, write_hashes};
use crate::session::MAX_DROPPED;

/// The first byte of a stored state. It is also a message version; the two never meet.
const STATE_TAG: u8 = 0x43;

/// The state of synchronising one document with one peer.
///
/// Make one per document and peer with [`new`](Self::new), hand it to every
/// [`generate_sync_message`](crate::generate_sync_message) and
/// [`receive_sync_message`](crate::receive_sync_message) of that pair, and when the connection
/// ends keep [`encode`](Self::encode). The next connection starts with [`decode`](Self::decode) of
/// it: never with the old value, which believes that what was sent has arrived.
///
/// A stored state speaks of changes that the document has. Store it with them or after them; one
/// that is ahead of its document does no harm, because what the document lacks is dropped from it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Heads of what both have, as far as this side knows. Sorted.
    pub(crate) shared_heads: Vec<ChangeHash>,
    /// The heads that the last message told, once there was one.
    pub(crate) last_sent_heads: Option<Vec<ChangeHash>>,
    /// What the last message asked for by name.
    pub(crate) last_need: Vec<ChangeHash>,
    /// How often in a row that was asked for.
    pub(crate) times_asked: u8,
    /// Whether a message came in since the last one went out.
    pub(crate) heard_since_sent: bool,
    /// The peer has been sent everything up to these, or it seemed to have it.
    pub(crate) sent_heads: Vec<ChangeHash>,
    /// What was sent since the last message came in: the peer may not have seen it when it wrote.
    pub(crate) in_flight: InFlight,
    /// The peer's last message.
    pub(crate) theirs: Option<Theirs>,
    /// How many messages in a row asked for changes by name.
    pub(crate) need_rounds: u8,
    /// What is known of the peer itself.
    pub(crate) peer: Peer,
    pub(crate) read_only: bool,
    pub(crate) needs_reset: bool,
    /// How the changes of messages are taken in.
    pub(crate) load: LoadOptions,
    /// Changes that waited, or were refused, were dropped since the peer was last asked for some.
    pub(crate) was_dropped: bool,
    /// How often the peer was asked again after that since the heads last moved.
    pub(crate) times_dropped: u8,
    /// How many changes the messages of this session have held.
    pub(crate) changes_sent: usize,
}

/// What the peer's last message said of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Theirs {
    pub(crate) heads: Vec<ChangeHash>,
    /// What it asked for and was not given yet.
    pub(crate) need: Vec<ChangeHash>,
    pub(crate) have: Vec<Have>,
    /// Whether it asked, beside `need`, for something that may still be on the way to it.
    pub(crate) asked_for_in_flight: bool,
}

/// Changes on the way to the peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum InFlight {
    #[default]
    Nothing,
    Changes(Vec<ChangeHash>),
    Everything,
}

impl InFlight {
    pub(crate) fn add(&mut self, sent: Self) {
        match (&mut *self, sent) {
            (_, Self::Nothing) | (Self::Everything, _) => {}
            (Self::Changes(known), Self::Changes(more)) => known.extend(more),
            (_, sent) => *self = sent,
        }
    }
}

/// What is known of the peer itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Peer {
    pub(crate) reads_version_2: bool,
    pub(crate) supports_reset: bool,
    pub(crate) read_only: bool,
    pub(crate) extensions: Extensions,
}

/// Bytes that are not a stored state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The bytes end early or hold a malformed number.
    #[error(transparent)]
    Malformed(#[from] MalformedBytes),
    /// The first byte is not that of a state.
    #[error("a stored sync state starts with 43, not {found:02x}")]
    Tag {
        /// The first byte.
        found: u8,
    },
}

impl State {
    /// How many changes the messages since the beginning of the session have held; one that was sent
    /// twice counts twice.
    pub fn changes_sent(&self) -> usize {
        self.changes_sent
    }

    /// The state for a peer that was never met.
    pub fn new() -> Self {
        Self::default()
    }

    /// A state that sends changes and ignores those that come in.
    pub fn read_only() -> Self {
        Self { read_only: true, ..Self::default() }
    }

    /// The part that is worth keeping when the connection ends: the heads of what both have. The
    /// bytes are Automerge's.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + 32 * self.shared_heads.len());
        out.push(STATE_TAG);
        write_hashes(&mut out, &self.shared_heads);
        out
    }

    /// The state for the next connection with a peer. Bytes behind it are ignored, as other
    /// readers do.
    ///
    /// # Errors
    ///
    /// When the bytes are not a stored state. [`new`](Self::new) is then right, and costs only
    /// bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            STATE_TAG => {}
            found => return Err(StateError::Tag { found }),
        }
        let mut shared_heads = reader.hashes()?;
        shared_heads.sort_unstable();
        shared_heads.dedup();
        Ok(Self { shared_heads, ..Self::default() })
    }

    /// Says what the peer can, where its metadata told before its first message.
    pub fn set_peer_extensions(&mut self, extensions: Extensions) {
        self.peer.extensions = extensions;
        // Whoever has extensions is younger than version 2 and the reset flag.
        if extensions != Extensions::NONE {
            self.peer.reads_version_2 = true;
            self.peer.supports_reset = true;
        }
    }

    /// Heads of what both have, as far as this side knows: every change up to them has been
    /// *received* by the peer, which says nothing about its disk.
    pub fn shared_heads(&self) -> &[ChangeHash] {
        &self.shared_heads
    }

    /// The heads that the peer told last; `None` before its first message.
    pub fn their_heads(&self) -> Option<&[ChangeHash]> {
        self.theirs.as_ref().map(|theirs| theirs.heads.as_slice())
    }

    /// The changes that the last message asked for by name.
    pub fn last_need(&self) -> &[ChangeHash] {
        &self.last_need
    }

    /// Whether each side's last word was that it has exactly these heads.
    pub fn is_in_sync(&self, doc: &Document) -> bool {
        self.their_heads() == Some(doc.heads())
            && self.last_sent_heads.as_deref() == Some(doc.heads())
    }

    /// Whether changes that come in are ignored.
    pub fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// How many bytes the deflated changes of one message may inflate to; a message with more is
    /// refused. 256 MiB unless this says otherwise.
    pub fn set_max_inflated(&mut self, bytes: usize) {
        self.load = self.load.max_inflated(bytes);
    }

    /// How many bytes of changes that wait for others a document may keep of what its peers send,
    /// and a sixteenth of it of changes that were refused. Beyond it those that came first are
    /// dropped, and asked for again. Without a limit unless this sets one.
    pub fn set_max_set_aside(&mut self, bytes: usize) {
        self.load = self.load.max_set_aside(bytes);
    }

    /// Whether the peer said that it ignores changes. It is then not sent any.
    pub fn is_peer_read_only(&self) -> bool {
        self.peer.read_only
    }

    /// Starts or stops ignoring changes that come in. The next generated message tells the peer.
    ///
    /// When it stops, the session starts anew and asks the peer for what was ignored.
    pub fn set_read_only(&mut self, read_only: bool) {
        if self.read_only == read_only {
            return;
        }
        if read_only {
            self.read_only = true;
            self.last_sent_heads = None;
        } else {
            let peer = Peer { read_only: false, ..self.peer };
            let shared_heads = std::mem::take(&mut self.shared_heads);
            let load = self.load;
            *self = Self { peer, shared_heads, needs_reset: true, load, ..Self::default() };
        }
    }

    /// Takes over the flags of a message.
    pub(crate) fn note_flags(&mut self, flags: MessageFlags) {
        self.peer = Peer {
            reads_version_2: true,
            supports_reset: flags.contains(MessageFlags::SUPPORTS_SYNC_RESET),
            read_only: flags.contains(MessageFlags::READ_ONLY),
            extensions: flags.extensions,
        };
        if flags.contains(MessageFlags::SYNC_RESET) {
            self.forget_sent();
        }
    }

    /// The document has dropped changes that were set aside: some of them may be this peer's, and
    /// it may have to be asked again.
    pub(crate) fn note_dropped(&mut self) {
        self.was_dropped = true;
    }

    /// Asks once more for what was dropped as often as it came.
    pub(crate) fn hope_again(&mut self) {
        self.times_dropped = self.times_dropped.min(MAX_DROPPED - 1);
    }

    /// Forgets what was sent, so that everything the peer lacks is sent again.
    pub(crate) fn forget_sent(&mut self) {
        self.sent_heads.clear();
        self.in_flight = InFlight::Nothing;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_shared_heads_and_nothing_else() {
        assert_eq!(State::new().encode(), [0x43, 0]);
        let state = State {
            shared_heads: vec![ChangeHash([1; 32]), ChangeHash([2; 32])],
            last_sent_heads: Some(vec![ChangeHash([2; 32])]),
            in_flight: InFlight::Everything,
            ..State::new()
        };
        let kept = State { shared_heads: state.shared_heads.clone(), ..State::new() };
        assert_eq!(State::decode(&state.encode()), Ok(kept));
    }

    #[test]
    fn refuses_bytes_that_are_not_a_state() {
        assert!(matches!(State::decode(&[]), Err(StateError::Malformed(_))));
        assert_eq!(State::decode(&[0x42, 0]), Err(StateError::Tag { found: 0x42 }));
        assert!(matches!(State::decode(&[0x43, 1, 9, 9]), Err(StateError::Malformed(_))));
        assert!(matches!(State::decode(&[0x43, 0x80, 0]), Err(StateError::Malformed(_))));
        assert!(State::decode(&[0x43, 0, 7]).is_ok(), "a later version may append");
    }
}
