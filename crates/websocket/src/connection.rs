//! A bounded stream of binary messages in each direction.

use crate::close::{CloseCode, Closed};
use crate::frame::{Decoder, Incoming, Role};
use crate::limits::Limits;
use crate::outgoing::{Push, ReadHalf, Shared};
use crate::token::Access;
use crate::writer::{self, WriteHalf};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::io::AsyncReadExt;
use tokio::time::Instant;

/// The read buffer of a silent connection, in bytes.
const SMALL_BUFFER: usize = 2 << 10;

/// The read buffer while a large message arrives, in bytes.
const LARGE_BUFFER: usize = 64 << 10;

/// An open WebSocket connection.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    receiver: Receiver,
    info: PeerInfo,
}

/// What is known of the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The address of the peer: behind a proxy, the one that the proxy reported.
    pub address: SocketAddr,
    /// What the peer's token allows. Where no token was asked for, and on dialled connections,
    /// everything.
    pub access: Access,
    /// The path that was asked for, without the query.
    pub path: String,
}

/// The half of a connection that sends. When the last clone is dropped the connection is closed
/// normally, after all that was queued has been sent.
#[derive(Debug)]
pub struct Sender {
    shared: Arc<Shared>,
}

/// The half of a connection that receives. When it is dropped the connection is closed normally.
pub struct Receiver {
    shared: Arc<Shared>,
    reader: Option<ReadHalf>,
    decoder: Decoder,
    input: BytesMut,
    allowance: Allowance,
    done: bool,
}

impl Connection {
    /// Takes over a stream whose handshake is done; `input` is what already arrived behind it.
    pub(crate) fn start<T: Send + 'static>(
        (reader, writer): (ReadHalf, WriteHalf),
        input: BytesMut,
        role: Role,
        limits: Limits,
        info: PeerInfo,
        held: T,
    ) -> Connection {
        let shared = Arc::new(Shared::new(limits));
        tokio::spawn(writer::run(shared.clone(), writer, role, info.address, held));
        let receiver = Receiver {
            decoder: Decoder::new(role, shared.limits.max_message),
            allowance: Allowance::new(&shared.limits),
            reader: Some(reader),
            input,
            shared: shared.clone(),
            done: false,
        };
        Connection { sender: Sender { shared }, receiver, info }
    }

    /// What is known of the peer.
    pub fn info(&self) -> &PeerInfo {
        &self.info
    }

    /// The two halves, for two tasks.
    pub fn split(self) -> (Sender, Receiver) {
        (self.sender, self.receiver)
    }
}

impl Sender {
    /// Queues a message. While more than [`Limits::send_queue`] bytes wait, this waits too. A
    /// message that is sent to many peers is one [`Bytes`], cloned.
    ///
    /// A dropped future has queued nothing.
    ///
    /// # Errors
    ///
    /// Why the connection has ended. An `Ok` says that the message is queued, not that it arrived.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), Closed> {
        let message = message.into();
        loop {
            let room = self.shared.room.notified();
            tokio::pin!(room);
            // Listening begins before looking, so that no room is made in between unnoticed.
            room.as_mut().enable();
            match self.shared.push(&message) {
                Push::Queued => return Ok(()),
                Push::Closed(closed) => return Err(closed),
                Push::NoRoom => room.await,
            }
        }
    }

    /// Queues a message if there is room for it at once; `Ok(false)` if not.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<bool, Closed> {
        match self.shared.push(&message.into()) {
            Push::Queued => Ok(true),
            Push::NoRoom => Ok(false),
            Push::Closed(closed) => Err(closed),
        }
    }

    /// Ends the connection with this code and reason (of which 123 bytes arrive). With a normal
    /// code what was queued is sent before; what the peer still sends is dropped.
    pub fn close(&self, code: CloseCode, reason: impl Into<String>) {
        self.shared.close(Closed::by_us(code, reason));
    }

    /// Waits until the connection has ended and everything that could still be sent was sent, and
    /// says why it ended.
    pub async fn closed(&self) -> Closed {
        loop {
            let finished = self.shared.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if self.shared.is_finished() {
                return self.shared.closing().unwrap_or_else(|| Closed::broken("the task ended"));
            }
            finished.await;
        }
    }
}

impl Clone for Sender {
    fn clone(&self) -> Sender {
        self.shared.add_sender();
        Sender { shared: self.shared.clone() }
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        if self.shared.remove_sender() {
            self.shared.close(Closed::by_us(CloseCode::NORMAL, ""));
        }
    }
}

impl Receiver {
    /// The next message; `None` once the connection has ended well, by either side.
    ///
    /// Pings are answered while this is being called, so it should be called again soon: a peer
    /// whose messages nobody takes will take us for dead. A dropped future has lost nothing.
    ///
    /// # Errors
    ///
    /// Once, as the last item before `None`: why the connection ended badly, be it the peer, the
    /// network or a limit.
    pub async fn recv(&mut self) -> Option<Result<Vec<u8>, Closed>> {
        while !self.done {
            match self.step().await {
                Ok(Some(message)) => return Some(Ok(message)),
                Ok(None) => {}
                Err(closed) => {
                    self.done = true;
                    // Whoever ended the connection first knows the reason.
                    self.shared.close(closed.clone());
                    let closed = self.shared.closing().unwrap_or(closed);
                    if !closed.code.is_normal() {
                        return Some(Err(closed));
                    }
                }
            }
        }
        None
    }

    /// Decodes what is there, or waits for more.
    async fn step(&mut self) -> Result<Option<Vec<u8>>, Closed> {
        if let Some(closed) = self.shared.closing() {
            return Err(closed);
        }
        let incoming = self.decoder.next(&mut self.input)?;
        self.allowance.charge(self.decoder.take_frames(), &self.shared.limits)?;
        match incoming {
            Some(Incoming::Message(message)) => {
                self.shared.note_received();
                return Ok(Some(message));
            }
            Some(Incoming::Ping(payload)) => self.shared.answer_ping(payload),
            Some(Incoming::Pong) => {}
            Some(Incoming::Close(closed)) => return Err(closed),
            None => self.fill().await?,
        }
        Ok(None)
    }

    async fn fill(&mut self) -> Result<(), Closed> {
        let reader = self.reader.as_mut().ok_or_else(|| Closed::broken("nothing to read from"))?;
        let wanted = self.decoder.awaited().clamp(SMALL_BUFFER, LARGE_BUFFER);
        if self.input.is_empty() && self.input.capacity() != wanted {
            self.input = BytesMut::with_capacity(wanted);
        }
        self.input.reserve(SMALL_BUFFER / 4);
        let _listening = Listening::begin(&self.shared);
        let read = tokio::select! {
            biased;
            () = self.shared.ended.notified() => return Ok(()),
            read = reader.read_buf(&mut self.input) => read,
        };
        match read {
            Ok(0) => Err(Closed::broken("it ended without a close frame")),
            Ok(_) => {
                self.shared.note_heard();
                Ok(())
            }
            Err(error) => Err(Closed::broken(error.to_string())),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.close(Closed::by_us(CloseCode::NORMAL, ""));
        if let Some(reader) = self.reader.take() {
            self.shared.hand_over(reader);
        }
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receiver").field("shared", &self.shared).finish_non_exhaustive()
    }
}

/// Says that someone waits to receive, as long as it lives.
struct Listening<'a>(&'a Shared);

impl Listening<'_> {
    fn begin(shared: &Shared) -> Listening<'_> {
        shared.listening.store(true, Ordering::Relaxed);
        Listening(shared)
    }
}

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.listening.store(false, Ordering::Relaxed);
    }
}

/// How many frames the peer may still send now: it grows with time, up to the burst.
#[derive(Debug)]
struct Allowance {
    frames: f64,
    since: Instant,
}

impl Allowance {
    fn new(limits: &Limits) -> Allowance {
        Allowance { frames: f64::from(limits.frame_burst), since: Instant::now() }
    }

    fn charge(&mut self, frames: u32, limits: &Limits) -> Result<(), Closed> {
        if frames == 0 {
            return Ok(());
        }
        self.frames -= f64::from(frames);
        if self.frames < 0.0 {
            // The clock is only read when it matters.
            let now = Instant::now();
            let earned = (now - self.since).as_secs_f64() * f64::from(limits.frames_per_second);
            self.frames = (self.frames + earned).min(f64::from(limits.frame_burst));
            self.since = now;
        }
        if self.frames < 0.0 {
            let reason = format!("more than {} frames a second", limits.frames_per_second);
            return Err(Closed::by_us(CloseCode::TOO_FAST, reason));
        }
        Ok(())
    }
}
