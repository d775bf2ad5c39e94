//! When the hub wants to be woken, and for what.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::{ConnectionId, DialerId, DocumentId};

/// What a wake-up is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Write what is dirty.
    Save,
    /// Note down sync states that have changed.
    SyncStates,
    /// Dial again.
    Dial(DialerId),
    /// Stop waiting for the first message of a connection.
    Greeting(ConnectionId),
    /// Offer a document that lies on the disk to the peer of a connection.
    Offer(ConnectionId),
    /// Publish what a document holds back.
    Publish(DocumentId),
    /// Speak of a document to peers that do not answer.
    Pace(DocumentId),
    /// Tell what is durable of a document to those who only read it.
    Report(DocumentId),
    /// Say that we are still there, and forget who is not.
    Presence(DocumentId),
    /// Stop waiting for peers that were asked for a document.
    Request(DocumentId),
    /// Read a document again after a failure.
    Reload(DocumentId),
    /// Look whether a document can leave memory.
    Idle(DocumentId),
    /// Ask once more for changes of a document that were dropped.
    AskAgain(DocumentId),
}

/// At most one wake-up per purpose.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeSet<(Duration, Timer)>,
    times: BTreeMap<Timer, Duration>,
}

impl Timers {
    /// Sets when a purpose is due, in place of when it was due before.
    pub(super) fn set(&mut self, timer: Timer, at: Duration) {
        if let Some(before) = self.times.insert(timer.clone(), at) {
            if before == at {
                return;
            }
            self.by_time.remove(&(before, timer.clone()));
        }
        self.by_time.insert((at, timer));
    }

    /// Sets when a purpose is due, unless it is due already.
    pub(super) fn set_if_unset(&mut self, timer: Timer, at: Duration) {
        if !self.times.contains_key(&timer) {
            self.set(timer, at);
        }
    }

    pub(super) fn clear(&mut self, timer: &Timer) {
        if let Some(at) = self.times.remove(timer) {
            self.by_time.remove(&(at, timer.clone()));
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// When the next purpose but this one is due.
    pub(super) fn next_besides(&self, other: &Timer) -> Option<Duration> {
        self.by_time.iter().find(|(_, timer)| timer != other).map(|(at, _)| *at)
    }

    pub(super) fn time_of(&self, timer: &Timer) -> Option<Duration> {
        self.times.get(timer).copied()
    }

    /// Takes one purpose that is due.
    pub(super) fn pop_due(&mut self, now: Duration) -> Option<Timer> {
        let (at, _) = self.by_time.first()?;
        if *at > now {
            return None;
        }
        let (_, timer) = self.by_time.pop_first()?;
        self.times.remove(&timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_due_once_and_at_its_last_time() {
        let (mut timers, second) = (Timers::default(), Duration::from_secs(1));
        timers.set(Timer::Save, second);
        timers.set(Timer::SyncStates, 2 * second);
        timers.set(Timer::Save, 3 * second);
        timers.set_if_unset(Timer::Save, second);
        assert_eq!(timers.next(), Some(2 * second));
        assert_eq!(timers.time_of(&Timer::Save), Some(3 * second));
        assert_eq!(timers.next_besides(&Timer::SyncStates), Some(3 * second));
        assert_eq!(timers.next_besides(&Timer::Save), Some(2 * second));
        assert_eq!(timers.pop_due(second), None);
        assert_eq!(timers.pop_due(9 * second), Some(Timer::SyncStates));
        assert_eq!(timers.pop_due(9 * second), Some(Timer::Save));
        assert_eq!(timers.pop_due(9 * second), None);
    }
}
