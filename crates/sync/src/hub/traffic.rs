//! What has passed: counted per document and per connection.

use std::{collections::VecDeque, time::Duration};

use super::Hub;
use crate::{ConnectionId, DocumentId, Now, wire::WireMessage};

/// So many seconds of a document are remembered one by one.
const REMEMBERED: u64 = 60;

/// What passed in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// Messages.
    pub messages: u64,
    /// The bytes of these messages, without what the WebSocket adds.
    pub bytes: u64,
    /// Changes: those that were put into messages, or those that were new to the document.
    pub changes: u64,
}

/// What passed in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// What was sent.
    pub sent: Flow,
    /// What came in.
    pub received: Flow,
}

/// One second of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrafficSecond {
    /// When it began, in milliseconds since 1970.
    pub at: u64,
    /// Bytes of sync messages that were sent.
    pub sent: u64,
    /// Bytes of sync messages that came in.
    pub received: u64,
}

/// Which way a message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Sent,
    Received,
}

/// The sync messages of one document.
#[derive(Debug, Default)]
pub(super) struct DocumentTraffic {
    total: Traffic,
    /// Seconds since the hub's clock began in which something passed; the bytes sent and received.
    recent: VecDeque<(u64, u64, u64)>,
}

impl Traffic {
    pub(super) fn count(&mut self, direction: Direction, bytes: usize) {
        let flow = self.flow(direction);
        flow.messages += 1;
        flow.bytes += bytes as u64;
    }

    pub(super) fn count_changes(&mut self, direction: Direction, changes: usize) {
        self.flow(direction).changes += changes as u64;
    }

    fn flow(&mut self, direction: Direction) -> &mut Flow {
        match direction {
            Direction::Sent => &mut self.sent,
            Direction::Received => &mut self.received,
        }
    }
}

impl DocumentTraffic {
    pub(super) fn count(
        &mut self,
        direction: Direction,
        bytes: usize,
        is_watched: bool,
        now: Duration,
    ) {
        self.total.count(direction, bytes);
        if !is_watched {
            return;
        }
        let second = now.as_secs();
        if self.recent.back().is_none_or(|(last, ..)| *last < second) {
            self.recent.push_back((second, 0, 0));
            while self.recent.front().is_some_and(|(first, ..)| *first + REMEMBERED <= second) {
                self.recent.pop_front();
            }
        }
        if let Some((_, sent, received)) = self.recent.back_mut() {
            match direction {
                Direction::Sent => *sent += bytes as u64,
                Direction::Received => *received += bytes as u64,
            }
        }
    }

    fn last_minute(&self, now: Now) -> Vec<TrafficSecond> {
        // The second that has begun does not say yet what it will be, so the newest is one back.
        // Nothing passed in those before the clock began.
        (1..=REMEMBERED)
            .rev()
            .map(|back| {
                let second = now.elapsed.as_secs().checked_sub(back);
                let known = self.recent.iter().find(|(other, ..)| Some(*other) == second);
                let (sent, received) =
                    known.map_or((0, 0), |(_, sent, received)| (*sent, *received));
                TrafficSecond { at: now.unix_ms.saturating_sub(back * 1000), sent, received }
            })
            .collect()
    }
}

impl Hub {
    /// The sync messages of a document with all its peers, since it was first used here; a
    /// document that nobody uses any more, on either side, is forgotten and counted anew.
    pub fn traffic(&self, document: &DocumentId) -> Option<Traffic> {
        self.slots.get(document).map(|slot| slot.traffic.total)
    }

    /// The last minute of a document that somebody watches, second by second, the newest last.
    pub fn last_minute(&self, document: &DocumentId, now: Now) -> Vec<TrafficSecond> {
        self.slots.get(document).map(|slot| slot.traffic.last_minute(now)).unwrap_or_default()
    }

    /// Counts a message that was made for a document.
    pub(super) fn count_sent(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        message: &WireMessage,
        bytes: usize,
        now: Now,
    ) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.traffic.count(Direction::Sent, bytes);
        }
        if matches!(message, WireMessage::Sync(_) | WireMessage::Request(_))
            && let Some(slot) = self.slots.get_mut(document)
        {
            slot.traffic.count(Direction::Sent, bytes, slot.watchers > 0, now.elapsed);
        }
    }

    /// Counts the changes of a sync message.
    pub(super) fn count_changes(
        &mut self,
        document: &DocumentId,
        id: ConnectionId,
        direction: Direction,
        changes: usize,
    ) {
        if changes == 0 {
            return;
        }
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.traffic.count_changes(direction, changes);
        }
        if let Some(slot) = self.slots.get_mut(document) {
            slot.traffic.total.count_changes(direction, changes);
        }
    }
}
