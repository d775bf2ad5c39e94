//! Why a connection ended: a code of the WebSocket protocol and a reason in words.

use std::fmt;

/// The code that a WebSocket connection is closed with.
///
/// Codes from 1000 are those of the protocol, codes from 4000 our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: CloseCode = CloseCode(1000);
    /// The program ends, or the page is left.
    pub const GOING_AWAY: CloseCode = CloseCode(1001);
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL: CloseCode = CloseCode(1002);
    /// The peer sent text; only binary messages are understood.
    pub const UNSUPPORTED: CloseCode = CloseCode(1003);
    /// Never sent: a close frame came without a code.
    pub const NO_STATUS: CloseCode = CloseCode(1005);
    /// Never sent: the connection broke without a close frame.
    pub const ABNORMAL: CloseCode = CloseCode(1006);
    /// The peer broke a rule of what is spoken over the connection.
    pub const POLICY: CloseCode = CloseCode(1008);
    /// A message was larger than the limit.
    pub const TOO_LARGE: CloseCode = CloseCode(1009);
    /// Something failed that is not the peer's fault.
    pub const INTERNAL: CloseCode = CloseCode(1011);
    /// There are too many connections; later may be better.
    pub const TRY_LATER: CloseCode = CloseCode(1013);
    /// The peer took too long to say anything, or said nothing useful for too long.
    pub const IDLE: CloseCode = CloseCode(4000);
    /// Nothing was heard for too long, not even the answer to a ping.
    pub const NO_PONG: CloseCode = CloseCode(4001);
    /// The peer did not read what was sent to it.
    pub const SLOW_READER: CloseCode = CloseCode(4008);
    /// The peer sent more messages per second than the limit.
    pub const TOO_FAST: CloseCode = CloseCode(4029);

    /// Whether a connection that ended so ended well.
    pub fn is_normal(self) -> bool {
        [CloseCode::NORMAL, CloseCode::GOING_AWAY, CloseCode::NO_STATUS].contains(&self)
    }

    /// Whether the code may stand in a close frame.
    pub(crate) fn is_sendable(self) -> bool {
        matches!(self.0, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The end of a connection: who ended it and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The code, for programs.
    pub code: CloseCode,
    /// The reason, for logs and people; possibly empty.
    pub reason: String,
    /// Whether the peer closed the connection (or the network did) rather than we.
    pub by_peer: bool,
}

impl Closed {
    pub(crate) fn by_us(code: CloseCode, reason: impl Into<String>) -> Closed {
        Closed { code, reason: reason.into(), by_peer: false }
    }

    pub(crate) fn broken(reason: impl Into<String>) -> Closed {
        Closed { code: CloseCode::ABNORMAL, reason: reason.into(), by_peer: true }
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = if self.by_peer { "by the peer" } else { "here" };
        match (self.code, self.reason.as_str()) {
            (CloseCode::ABNORMAL, reason) => write!(f, "connection lost: {reason}"),
            (code, "") => write!(f, "connection closed {who} ({code})"),
            (code, reason) => write!(f, "connection closed {who} ({code}): {reason}"),
        }
    }
}

impl std::error::Error for Closed {}
