//! What a hub wants done outside, and what it tells those who listen.

use rejoin_document::{ChangeHash, Patch};

use crate::{
    ConnectionId, DialerId, DocumentId, DocumentStatus, LoadId, PeerId, StoredKey, WriteId,
    wire::Cbor,
};

/// Something to be done. Whoever runs a hub performs its effects in their order.
#[derive(Debug)]
pub enum Effect {
    /// Open a connection. Answer with [`Event::Dialed`](crate::Event::Dialed) or
    /// [`Event::DialFailed`](crate::Event::DialFailed).
    Dial {
        /// The name that the connection will have.
        connection: ConnectionId,
        /// The address book entry that wants it.
        dialer: DialerId,
        /// Where to.
        url: String,
        /// What to show at the door.
        token: Option<String>,
    },
    /// Send a frame. Answer with [`Event::Sent`](crate::Event::Sent) when it has left, unless the
    /// connection closes first.
    Send {
        /// On which connection.
        connection: ConnectionId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Close a connection, or stop dialing it. Answer with
    /// [`Event::Closed`](crate::Event::Closed); an attempt to dial then has no other answer.
    Close {
        /// Which connection.
        connection: ConnectionId,
        /// Whether the peer is to blame.
        cause: CloseCause,
        /// Why, in words; for the other side and the log.
        reason: String,
    },
    /// Read everything that lies under a document's name. Answer with
    /// [`Event::Loaded`](crate::Event::Loaded).
    Load {
        /// The name of this reading.
        load: LoadId,
        /// The document.
        document: DocumentId,
    },
    /// Write a batch, all of it or nothing. Answer with [`Event::Written`](crate::Event::Written)
    /// after it was synced to the disk.
    Write {
        /// The name of this batch.
        write: WriteId,
        /// What to write.
        batch: WriteBatch,
    },
    /// Tell those who listen to a document. Not answered.
    Tell {
        /// The document.
        document: DocumentId,
        /// What happened to it.
        event: DocumentEvent,
    },
    /// Put it down in the log: a peer is not served as it wished, and its connection goes on. Said
    /// once for each connection and kind of reason, or each document. Not answered.
    Warn {
        /// The address of the peer.
        address: String,
        /// The document that it is about.
        document: DocumentId,
        /// What is wrong, in words.
        reason: String,
    },
    /// The list of [`Hub::connections`](crate::Hub::connections) has changed. Not answered.
    ConnectionsChanged,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseCause {
    /// This side is done with it. Frames that were handed over before still go out.
    Finished,
    /// The peer does not keep to the protocol.
    Violation,
    /// A message inflates to more than [`HubOptions::max_inflated`](crate::HubOptions::max_inflated).
    TooLarge,
}

/// Writes that happen together or not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WriteBatch {
    /// Values to put under keys.
    pub puts: Vec<(StoredKey, Vec<u8>)>,
    /// Keys to remove.
    pub deletes: Vec<StoredKey>,
    /// Documents of which every key goes before the puts of this batch.
    pub erased: Vec<DocumentId>,
}

impl WriteBatch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty() && self.deletes.is_empty() && self.erased.is_empty()
    }
}

/// Who caused a change of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A writer on this side.
    Local,
    /// The changes came from this peer.
    Remote(PeerId),
    /// The document was read from the disk.
    Disk,
}

/// What happens to one document, for those who listen to it.
#[derive(Debug, Clone)]
pub enum DocumentEvent {
    /// The document is there now: from the disk or from a peer.
    Ready,
    /// Nobody who was asked has the document. It may still come.
    Unavailable,
    /// The document could not be read from the disk; it is tried again. The reason is in words.
    LoadFailed(String),
    /// The document has changed.
    Changed {
        /// Who caused it.
        origin: Origin,
        /// The change in terms of what it looks like; none when nobody collected it: then only the
        /// document itself tells.
        patches: Option<Vec<Patch>>,
        /// The heads before.
        before: Vec<ChangeHash>,
        /// The heads after.
        heads: Vec<ChangeHash>,
    },
    /// Where the document is has changed.
    Status(DocumentStatus),
    /// A message arrived that nobody keeps.
    Ephemeral {
        /// Who said it.
        sender: PeerId,
        /// CBOR bytes of any value.
        data: Vec<u8>,
    },
    /// Somebody's presence has changed.
    Presence(PresenceEvent),
    /// The document was deleted here.
    Deleted,
}

/// News of who is there.
#[derive(Debug, Clone, PartialEq)]
pub enum PresenceEvent {
    /// A peer set one channel, or appeared with it.
    Updated {
        /// The peer.
        peer: PeerId,
        /// The channel, for example `cursor`.
        channel: String,
        /// Its value now.
        value: Cbor,
    },
    /// A peer is known to be there, with or without channels.
    Joined(PeerId),
    /// A peer said goodbye or was silent for too long.
    Left(PeerId),
}
