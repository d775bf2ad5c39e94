//! What one peer, and all peers together, may use.

use std::time::Duration;

/// The limits of one connection. The defaults suit a server on the open network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The greatest length of a received message in bytes; a larger one ends the connection with
    /// [`CloseCode::TOO_LARGE`](crate::CloseCode::TOO_LARGE) before it is read.
    pub max_message: usize,
    /// How many frames a peer may send per second over a longer time; beyond it the connection ends
    /// with [`CloseCode::TOO_FAST`](crate::CloseCode::TOO_FAST).
    pub frames_per_second: u32,
    /// How many frames a peer may send at once before the rate counts.
    pub frame_burst: u32,
    /// How many bytes may wait to be sent; a sender waits beyond that. One message may always wait,
    /// whatever its length.
    pub send_queue: usize,
    /// How long a peer may read nothing of what waits for it until the connection ends with
    /// [`CloseCode::SLOW_READER`](crate::CloseCode::SLOW_READER).
    pub stalled: Duration,
    /// The time from one ping to the next. A peer that was heard meanwhile is not pinged.
    pub ping_every: Duration,
    /// How long nothing may be heard, no answer to a ping either, until the connection ends with
    /// [`CloseCode::NO_PONG`](crate::CloseCode::NO_PONG).
    pub silence: Duration,
    /// How long no message may be sent or received until the connection ends with
    /// [`CloseCode::IDLE`](crate::CloseCode::IDLE), whatever the pings say. `None`: for ever.
    pub idle: Option<Duration>,
    /// How long an accepted peer may take until its first message.
    pub first_message: Duration,
    /// How long connecting, TLS and the WebSocket handshake may take together.
    pub handshake: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_message: 64 << 20,
            frames_per_second: 5_000,
            frame_burst: 20_000,
            send_queue: 4 << 20,
            stalled: Duration::from_secs(20),
            ping_every: Duration::from_secs(5),
            silence: Duration::from_secs(20),
            idle: None,
            first_message: Duration::from_secs(20),
            handshake: Duration::from_secs(10),
        }
    }
}

/// How many connections a listener takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenLimits {
    /// In all, those in the middle of their handshake included.
    pub connections: usize,
    /// From one address; the addresses of one IPv6 network of 64 bits count as one.
    pub connections_per_address: usize,
}

impl Default for ListenLimits {
    fn default() -> ListenLimits {
        ListenLimits { connections: 10_000, connections_per_address: 2_000 }
    }
}
