//! The task of a connection that writes, pings, and watches the clock.

use crate::close::{CloseCode, Closed};
use crate::frame::{self, Role};
use crate::outgoing::{Shared, WRITE_TOGETHER, Work};
use bytes::Bytes;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};
use tungstenite::protocol::frame::coding::{Control, Data, OpCode};

pub(crate) type WriteHalf = Box<dyn AsyncWrite + Send + Unpin>;

/// How long a peer gets to take note of the end.
const FAREWELL: Duration = Duration::from_secs(2);

/// Clients mask long messages piece by piece in a buffer of this size.
const PIECE: usize = 32 << 10;

/// Writes until the connection ends. `held` is dropped at the very end, whatever the reason.
pub(crate) async fn run<T>(
    shared: Arc<Shared>,
    writer: WriteHalf,
    role: Role,
    address: SocketAddr,
    held: T,
) {
    let mut task = Task { shared, writer, role, overdue: 0 };
    task.run().await;
    task.shared.finish();
    if let Some(Closed { code, reason, by_peer: false }) = task.shared.closing()
        && !code.is_normal()
    {
        tracing::warn!(%address, %code, reason, "connection closed");
    }
    drop(held);
}

struct Task {
    shared: Arc<Shared>,
    writer: WriteHalf,
    role: Role,
    /// How many looks at the clock in a row found that nothing was heard for too long. The first
    /// may have come at the moment when someone began to listen.
    overdue: u32,
}

impl Task {
    async fn run(&mut self) {
        let every = self.shared.limits.ping_every;
        // One timer for the whole connection: most messages pass between two looks.
        let look = sleep(every);
        tokio::pin!(look);
        loop {
            match self.shared.next_work() {
                Work::Write { pong, messages } => {
                    let result = self.write(pong, &messages).await;
                    self.shared.written(&messages);
                    if let Err(closed) = result {
                        self.shared.close(closed);
                    }
                }
                Work::Close(closed) => return self.say_goodbye(&closed).await,
                Work::Nothing => {
                    tokio::select! {
                        () = self.shared.work.notified() => {}
                        () = &mut look => {}
                    }
                }
            }
            if look.is_elapsed() {
                look.as_mut().reset(Instant::now() + every);
                if let Err(closed) = self.look_at_the_clock().await {
                    self.shared.close(closed);
                }
            }
        }
    }

    /// Pings a peer that was not heard since the last look, and ends a connection on which nothing
    /// happens.
    async fn look_at_the_clock(&mut self) -> Result<(), Closed> {
        let limits = &self.shared.limits;
        let silent = self.shared.since_heard();
        let listening = self.shared.listening.load(Ordering::Relaxed);
        self.overdue = if listening && silent > limits.silence { self.overdue + 1 } else { 0 };
        if self.overdue > 1 {
            let reason = format!("nothing was heard for {} s", silent.as_secs());
            return Err(Closed::by_us(CloseCode::NO_PONG, reason));
        }
        if limits.idle.is_some_and(|idle| self.shared.since_message() > idle) {
            return Err(Closed::by_us(CloseCode::IDLE, "no message for too long"));
        }
        let waited = self.shared.waited_for_first_message();
        if self.role == Role::Server && waited.is_some_and(|time| time > limits.first_message) {
            return Err(Closed::by_us(CloseCode::IDLE, "no first message"));
        }
        if silent < limits.ping_every {
            return Ok(());
        }
        let mut ping = Vec::new();
        frame::encode(OpCode::Control(Control::Ping), &[], self.mask(), &mut ping);
        self.write_all(&ping).await?;
        self.flush().await
    }

    async fn write(&mut self, pong: Option<Vec<u8>>, messages: &[Bytes]) -> Result<(), Closed> {
        let mut together = Vec::new();
        if let Some(payload) = pong {
            frame::encode(OpCode::Control(Control::Pong), &payload, self.mask(), &mut together);
        }
        for message in messages {
            let mask = self.mask();
            if message.len() <= WRITE_TOGETHER {
                frame::encode(OpCode::Data(Data::Binary), message, mask, &mut together);
                continue;
            }
            let opcode = OpCode::Data(Data::Binary);
            frame::encode_header(opcode, message.len(), mask, &mut together);
            self.write_all(&together).await?;
            together.clear();
            match mask {
                None => self.write_all(message).await?,
                Some(mask) => {
                    // The pieces begin at multiples of four, so each begins with the whole mask.
                    for piece in message.chunks(PIECE) {
                        let mut masked = piece.to_vec();
                        frame::unmask(&mut masked, mask, 0);
                        self.write_all(&masked).await?;
                    }
                }
            }
        }
        self.write_all(&together).await?;
        self.flush().await
    }

    /// Writes as fast as the peer reads, but not for a peer that does not read at all.
    async fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Closed> {
        while !bytes.is_empty() {
            tokio::select! {
                biased;
                written = self.writer.write(bytes) => match written {
                    Ok(0) => return Err(Closed::broken("the connection takes no more")),
                    Ok(n) => bytes = &bytes[n..],
                    Err(error) => return Err(Closed::broken(error.to_string())),
                },
                closed = stop(&self.shared) => return Err(closed),
            }
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Closed> {
        tokio::select! {
            biased;
            flushed = self.writer.flush() => flushed.map_err(|e| Closed::broken(e.to_string())),
            closed = stop(&self.shared) => Err(closed),
        }
    }

    /// Sends a close frame, and reads on for a moment so that it can arrive: closing a socket with
    /// unread data in it makes the system drop what was sent last.
    async fn say_goodbye(&mut self, closed: &Closed) {
        if closed.code != CloseCode::ABNORMAL && closed.code != CloseCode::SLOW_READER {
            let mut bytes = Vec::new();
            let payload = frame::close_payload(closed);
            frame::encode(OpCode::Control(Control::Close), &payload, self.mask(), &mut bytes);
            let send = async {
                self.writer.write_all(&bytes).await?;
                self.writer.flush().await
            };
            if !matches!(timeout(FAREWELL, send).await, Ok(Ok(()))) {
                return;
            }
        }
        let _ = timeout(FAREWELL, self.writer.shutdown()).await;
        let _ = timeout(FAREWELL, self.read_to_the_end()).await;
    }

    async fn read_to_the_end(&mut self) {
        let mut rest = loop {
            if let Some(rest) = self.shared.take_rest() {
                break rest;
            }
            self.shared.work.notified().await;
        };
        let mut ignored = [0; 1024];
        while matches!(rest.read(&mut ignored).await, Ok(1..)) {}
    }

    fn mask(&self) -> Option<[u8; 4]> {
        (self.role == Role::Client).then(rand::random)
    }
}

/// Completes when a write that makes no progress is to be given up.
async fn stop(shared: &Shared) -> Closed {
    let slow = sleep(shared.limits.stalled);
    tokio::pin!(slow);
    loop {
        if shared.is_broken() {
            return Closed::broken("the connection has ended");
        }
        tokio::select! {
            () = &mut slow => {
                let seconds = shared.limits.stalled.as_secs();
                let reason = format!("the peer has read nothing for {seconds} s");
                return Closed::by_us(CloseCode::SLOW_READER, reason);
            }
            () = shared.work.notified() => {}
        }
    }
}
