//! What happens to a hub: answers to its effects, and news from network, disk and clock.

use std::time::Duration;

use crate::{ConnectionError, StoredDocument};

/// The time, as its caller knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since the program began; never runs backwards. All waiting is measured with it.
    pub elapsed: Duration,
    /// Milliseconds since 1970 by the wall clock, which may jump. Only shown and reported.
    pub unix_ms: u64,
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(crate) u64);
    };
}

number!(
    /// Names one connection, from the attempt to dial or the acceptance until it is closed.
    ConnectionId
);
number!(
    /// Names one address that is kept connected.
    DialerId
);
number!(
    /// Names one reading of a document from the disk.
    LoadId
);
number!(
    /// Names one atomic batch of writes.
    WriteId
);

/// Something that happened outside.
#[derive(Debug)]
pub enum Event {
    /// Answers [`Effect::Dial`](crate::Effect::Dial): the connection is open.
    Dialed {
        /// The connection that was asked for.
        connection: ConnectionId,
    },
    /// Answers [`Effect::Dial`](crate::Effect::Dial): there is no connection.
    DialFailed {
        /// The connection that was asked for.
        connection: ConnectionId,
        /// Why.
        error: ConnectionError,
    },
    /// A frame arrived.
    Received {
        /// On which connection.
        connection: ConnectionId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Answers [`Effect::Send`](crate::Effect::Send): the oldest frames have left for the socket.
    Sent {
        /// On which connection.
        connection: ConnectionId,
        /// How many frames.
        frames: usize,
    },
    /// The connection is gone; also answers [`Effect::Close`](crate::Effect::Close).
    ///
    /// Frames that were handed over and not reported as sent may or may not have arrived.
    Closed {
        /// Which connection.
        connection: ConnectionId,
        /// Why, in words.
        reason: String,
    },
    /// The computer has a network again, or another one: every address is dialed at once.
    NetworkReturned,
    /// Answers [`Effect::Load`](crate::Effect::Load).
    Loaded {
        /// Which reading.
        load: LoadId,
        /// What lies on the disk of the document, or why it could not be read, in words.
        result: Result<Box<StoredDocument>, String>,
    },
    /// Answers [`Effect::Write`](crate::Effect::Write).
    Written {
        /// Which batch.
        write: WriteId,
        /// Done means that it survives a power cut. The error is in words.
        result: Result<(), String>,
    },
    /// The time that [`Hub::next_wakeup`](crate::Hub::next_wakeup) named has come.
    Tick,
}
