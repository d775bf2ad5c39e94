//! What the two halves of a connection and its writing task share.

use crate::close::Closed;
use crate::limits::Limits;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::AsyncRead;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(crate) type ReadHalf = Box<dyn AsyncRead + Send + Unpin>;

/// At most this many bytes of small messages are written with one system call.
pub(crate) const WRITE_TOGETHER: usize = 32 << 10;

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    state: Mutex<State>,
    /// Wakes the writing task: there is something to write, or the end has come.
    pub(crate) work: Notify,
    /// Wakes senders that wait for room in the queue.
    pub(crate) room: Notify,
    /// Wakes the receiver when the connection ends for another reason than what it read.
    pub(crate) ended: Notify,
    /// Wakes those who wait until the writing task has ended.
    pub(crate) finished: Notify,
    begun: Instant,
    /// When something was last heard, and when a message last passed, in milliseconds from `begun`.
    heard: AtomicU64,
    message: AtomicU64,
    got_message: AtomicBool,
    /// Whether someone is waiting to receive: only then does silence say something about the peer.
    pub(crate) listening: AtomicBool,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Bytes>,
    /// The bytes in the queue and in the middle of being written.
    bytes: usize,
    pong: Option<Vec<u8>>,
    closing: Option<Closed>,
    finished: bool,
    senders: usize,
    /// The receiving half, handed over by a receiver that was dropped, to be read to its end.
    rest: Option<ReadHalf>,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("queued", &self.queue.len())
            .field("bytes", &self.bytes)
            .field("closing", &self.closing)
            .finish_non_exhaustive()
    }
}

/// What the writing task does next.
pub(crate) enum Work {
    /// Answer a ping and write these messages, in this order.
    Write { pong: Option<Vec<u8>>, messages: Vec<Bytes> },
    /// Say good-bye and end.
    Close(Closed),
    /// Wait.
    Nothing,
}

/// Whether a message found its place in the queue.
pub(crate) enum Push {
    Queued,
    NoRoom,
    Closed(Closed),
}

impl Shared {
    pub(crate) fn new(limits: Limits) -> Shared {
        Shared {
            limits,
            state: Mutex::new(State { senders: 1, ..State::default() }),
            work: Notify::new(),
            room: Notify::new(),
            ended: Notify::new(),
            finished: Notify::new(),
            begun: Instant::now(),
            heard: AtomicU64::new(0),
            message: AtomicU64::new(0),
            got_message: AtomicBool::new(false),
            listening: AtomicBool::new(false),
        }
    }

    /// Puts a message into the queue if it has room.
    pub(crate) fn push(&self, message: &Bytes) -> Push {
        let mut state = self.lock();
        if let Some(closed) = &state.closing {
            return Push::Closed(closed.clone());
        }
        if state.bytes > 0 && state.bytes + message.len() > self.limits.send_queue {
            return Push::NoRoom;
        }
        // An empty message takes room too, or any number of them would.
        state.bytes += message.len() + 1;
        state.queue.push_back(message.clone());
        drop(state);
        self.note_message();
        self.work.notify_one();
        Push::Queued
    }

    pub(crate) fn answer_ping(&self, payload: Vec<u8>) {
        self.lock().pong = Some(payload);
        self.work.notify_one();
    }

    /// Ends the connection; the first reason counts.
    pub(crate) fn close(&self, closed: Closed) {
        let mut state = self.lock();
        if state.closing.is_some() {
            return;
        }
        if !closed.code.is_normal() || closed.by_peer {
            // Nobody waits for what is still queued.
            state.queue.clear();
        }
        state.closing = Some(closed);
        drop(state);
        self.work.notify_one();
        self.ended.notify_one();
        self.room.notify_waiters();
    }

    pub(crate) fn closing(&self) -> Option<Closed> {
        self.lock().closing.clone()
    }

    /// Whether the connection ends without regard for what is queued.
    pub(crate) fn is_broken(&self) -> bool {
        self.lock().closing.as_ref().is_some_and(|c| c.by_peer || !c.code.is_normal())
    }

    pub(crate) fn next_work(&self) -> Work {
        let mut state = self.lock();
        let pong = state.pong.take();
        let mut messages = Vec::new();
        let mut bytes = 0;
        while let Some(message) = state.queue.front() {
            if bytes > 0 && bytes + message.len() > WRITE_TOGETHER {
                break;
            }
            bytes += message.len() + 1;
            messages.extend(state.queue.pop_front());
        }
        if state.queue.is_empty() {
            // A long queue is seldom; its memory is not kept for the next one.
            state.queue.shrink_to(16);
        }
        match (pong, &state.closing) {
            (None, Some(closed)) if messages.is_empty() => Work::Close(closed.clone()),
            (None, None) if messages.is_empty() => Work::Nothing,
            (pong, _) => Work::Write { pong, messages },
        }
    }

    /// Makes room for what was written.
    pub(crate) fn written(&self, messages: &[Bytes]) {
        let bytes: usize = messages.iter().map(|message| message.len() + 1).sum();
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.room.notify_waiters();
    }

    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.finished.notify_waiters();
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.lock().finished
    }

    pub(crate) fn add_sender(&self) {
        self.lock().senders += 1;
    }

    /// Whether this was the last sender.
    pub(crate) fn remove_sender(&self) -> bool {
        let mut state = self.lock();
        state.senders = state.senders.saturating_sub(1);
        state.senders == 0
    }

    pub(crate) fn hand_over(&self, rest: ReadHalf) {
        let mut state = self.lock();
        if !state.finished {
            state.rest = Some(rest);
            drop(state);
            self.work.notify_one();
        }
    }

    pub(crate) fn take_rest(&self) -> Option<ReadHalf> {
        self.lock().rest.take()
    }

    pub(crate) fn note_heard(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn note_received(&self) {
        self.got_message.store(true, Ordering::Relaxed);
        self.note_message();
    }

    fn note_message(&self) {
        self.message.store(self.now(), Ordering::Relaxed);
    }

    pub(crate) fn since_heard(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.heard.load(Ordering::Relaxed)))
    }

    pub(crate) fn since_message(&self) -> Duration {
        Duration::from_millis(self.now().saturating_sub(self.message.load(Ordering::Relaxed)))
    }

    /// Whether the peer has sent a message, and if not, for how long it had the chance.
    pub(crate) fn waited_for_first_message(&self) -> Option<Duration> {
        if self.got_message.load(Ordering::Relaxed) {
            return None;
        }
        Some(Duration::from_millis(self.now()))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can fail runs under the lock, so its contents are whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
