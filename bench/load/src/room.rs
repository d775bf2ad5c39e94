//! The clients of one document while they type: who has seen what, and when.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rejoin_document::ChangeHash;
use rejoin_sync::wire::WireMessage;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until};

use crate::client::Client;

/// What all clients of a document share.
pub struct Room {
    streams: Vec<Stream>,
    /// By client: whether the server has said that it has what the client has.
    agrees: Vec<AtomicBool>,
    /// By client: whether it types no more.
    rests: Vec<AtomicBool>,
}

/// The edits of one writer.
struct Stream {
    edits: Mutex<Vec<(ChangeHash, Instant)>>,
    /// By client: how many of them it has. The writer's own stays at 0.
    seen: Vec<AtomicUsize>,
    arrived: Notify,
}

/// How fast people type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many edits a second.
    Rate(f64),
    /// As fast as the others get them, with so many of a writer's edits on their way.
    FlatOut(usize),
}

/// What clients are to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Rest,
    /// Typing that is not counted: the first edit of a document costs more than those behind it.
    Rehearsal,
    Typing,
    Draining,
    End,
}

/// What one client has to say at the end.
pub struct Finished {
    pub client: Client,
    /// From a commit at its writer to its arrival here, in milliseconds.
    pub latencies: Vec<f32>,
    /// Bytes of messages since the typing began.
    pub sent: u64,
    pub received: u64,
}

impl Room {
    pub fn new(clients: usize, writers: usize) -> Room {
        let stream = || Stream {
            edits: Mutex::new(Vec::new()),
            seen: (0..clients).map(|_| AtomicUsize::new(0)).collect(),
            arrived: Notify::new(),
        };
        Room {
            streams: (0..writers).map(|_| stream()).collect(),
            agrees: (0..clients).map(|_| AtomicBool::new(true)).collect(),
            rests: (0..clients).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    /// How many edits were made.
    pub fn edits(&self) -> usize {
        self.streams.iter().map(Stream::made).sum()
    }

    /// How many arrivals are outstanding.
    pub fn outstanding(&self) -> usize {
        let missing = |(writer, stream): (usize, &Stream)| -> usize {
            let made = stream.made();
            let others = stream.seen.iter().enumerate().filter(|(client, _)| *client != writer);
            others.map(|(_, seen)| made - seen.load(Ordering::Acquire)).sum()
        };
        self.streams.iter().enumerate().map(missing).sum()
    }

    /// Whether nobody types any more, and the server and all clients have the same heads, as far
    /// as the clients know.
    pub fn agrees(&self) -> bool {
        self.rests.iter().chain(&self.agrees).all(|agrees| agrees.load(Ordering::Acquire))
    }
}

impl Stream {
    fn made(&self) -> usize {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn note(&self, hash: ChangeHash, made: Instant) {
        self.edits.lock().unwrap_or_else(PoisonError::into_inner).push((hash, made));
    }

    /// How many of the edits every other client has.
    fn settled(&self, writer: usize) -> usize {
        let others = self.seen.iter().enumerate().filter(|(client, _)| *client != writer);
        others.map(|(_, seen)| seen.load(Ordering::Acquire)).min().unwrap_or(usize::MAX)
    }
}

/// Lets a client receive, and type if it is one of the writers, until the end.
///
/// # Errors
///
/// When the connection ends or the server says something that cannot be.
pub async fn live(
    mut client: Client,
    number: usize,
    room: Arc<Room>,
    pace: Pace,
    mut phase: watch::Receiver<Phase>,
) -> Result<Finished> {
    let own = room.streams.get(number);
    let mut seen = vec![0; room.streams.len()];
    let mut latencies = Vec::new();
    // Writers do not begin all at once, and each has a place of its own in the text.
    let spread = rand::random::<f64>();
    let mut due = None;
    let mut begun = None;
    loop {
        let now = *phase.borrow_and_update();
        if now == Phase::Typing && begun.is_none() {
            begun = Some((client.sent().bytes, client.received().bytes));
            latencies.clear();
        }
        let typing = own.filter(|_| matches!(now, Phase::Rehearsal | Phase::Typing));
        if now == Phase::Draining {
            room.rests[number].store(true, Ordering::Release);
        }
        if now == Phase::End {
            let (sent, received) = begun.unwrap_or((0, 0));
            let (sent, received) = (client.sent().bytes - sent, client.received().bytes - received);
            return Ok(Finished { client, latencies, sent, received });
        }
        if let (Some(stream), Pace::FlatOut(window)) = (typing, pace) {
            let arrived = stream.arrived.notified();
            if stream.made() < stream.settled(number).saturating_add(window) {
                write(&mut client, number, &room, spread).await?;
                // What has arrived is taken between two edits.
                tokio::select! {
                    biased;
                    message = client.next() => {
                        take(&mut client, message?, number, &room, &mut seen, &mut latencies).await?;
                    }
                    () = tokio::task::yield_now() => {}
                }
                continue;
            }
            tokio::select! {
                biased;
                message = client.next() => {
                    take(&mut client, message?, number, &room, &mut seen, &mut latencies).await?;
                }
                () = arrived => {}
                changed = phase.changed() => changed.context("the run was given up")?,
            }
            continue;
        }
        if let (Some(_), Pace::Rate(rate), None) = (typing, pace, due) {
            due = Some(Instant::now() + Duration::from_secs_f64(spread / rate));
        }
        let next_edit = typing.and(due);
        tokio::select! {
            biased;
            message = client.next() => {
                take(&mut client, message?, number, &room, &mut seen, &mut latencies).await?;
            }
            () = sleep_until(next_edit.unwrap_or_else(Instant::now)), if next_edit.is_some() => {
                write(&mut client, number, &room, spread).await?;
                if let (Pace::Rate(rate), Some(due)) = (pace, &mut due) {
                    *due += Duration::from_secs_f64(1.0 / rate);
                }
            }
            changed = phase.changed() => changed.context("the run was given up")?,
        }
    }
}

async fn write(client: &mut Client, number: usize, room: &Room, spread: f64) -> Result<()> {
    let begun = Instant::now();
    let hash = client.type_character(spread)?;
    room.streams[number].note(hash, begun);
    client.send().await?;
    room.agrees[number].store(client.agrees(), Ordering::Release);
    Ok(())
}

/// Takes a message in and notes whose edits have come with it.
async fn take(
    client: &mut Client,
    message: WireMessage,
    number: usize,
    room: &Room,
    seen: &mut [usize],
    latencies: &mut Vec<f32>,
) -> Result<()> {
    client.take(message).await?;
    let now = Instant::now();
    for (writer, stream) in room.streams.iter().enumerate().filter(|(other, _)| *other != number) {
        let before = seen[writer];
        let edits = stream.edits.lock().unwrap_or_else(PoisonError::into_inner);
        for (hash, made) in &edits[before..] {
            if !client.document.has_change(hash) {
                break;
            }
            latencies.push((now - *made).as_secs_f32() * 1e3);
            seen[writer] += 1;
        }
        drop(edits);
        if seen[writer] > before {
            stream.seen[number].store(seen[writer], Ordering::Release);
            stream.arrived.notify_one();
        }
    }
    room.agrees[number].store(client.agrees(), Ordering::Release);
    Ok(())
}
