//! Messages that nobody keeps: which were already seen.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use sha2::{Digest, Sha256};

use crate::PeerId;

/// A run of a sender's program, as far as it has to be told from others.
type Run = [u8; 16];

/// Remembers the last message of each sender, so that copies that come round a ring of peers are
/// passed on once.
///
/// A sender is forgotten when its messages cannot be under way any more, and not before: what is
/// forgotten too early goes round for ever. When more senders speak than can be remembered, those
/// who come last are not passed on until others have been silent for a while.
#[derive(Debug, Default)]
pub(crate) struct SeenMessages {
    last: HashMap<Run, Seen>,
    /// The runs in the order in which they were last looked at, each with that time.
    order: VecDeque<(Duration, Run)>,
}

#[derive(Debug)]
struct Seen {
    count: u64,
    at: Duration,
}

impl SeenMessages {
    const MAX_SENDERS: usize = 1 << 16;
    /// No copy is under way for longer.
    const REMEMBERED: Duration = Duration::from_secs(60);

    /// Whether this message is newer than all before from this run of the sender; notes it.
    pub(crate) fn is_new(
        &mut self,
        sender: &PeerId,
        session: &str,
        count: u64,
        now: Duration,
    ) -> bool {
        self.forget_the_silent(now);
        let run = run_of(sender, session);
        if let Some(seen) = self.last.get_mut(&run) {
            let is_new = count > seen.count;
            *seen = Seen { count: count.max(seen.count), at: now };
            return is_new;
        }
        if self.last.len() == Self::MAX_SENDERS {
            return false;
        }
        self.last.insert(run, Seen { count, at: now });
        self.order.push_back((now, run));
        true
    }

    fn forget_the_silent(&mut self, now: Duration) {
        while let Some((at, run)) = self.order.front().copied()
            && at + Self::REMEMBERED <= now
        {
            self.order.pop_front();
            match self.last.get(&run).map(|seen| seen.at) {
                // It has spoken since.
                Some(later) if later > at => self.order.push_back((later, run)),
                _ => {
                    self.last.remove(&run);
                }
            }
        }
    }
}

/// Names may be long; what is remembered of each is not.
fn run_of(sender: &PeerId, session: &str) -> Run {
    let mut hasher = Sha256::new();
    hasher.update((sender.as_str().len() as u64).to_le_bytes());
    hasher.update(sender.as_str());
    hasher.update(session);
    let digest = hasher.finalize();
    let mut run = Run::default();
    run.copy_from_slice(&digest[..size_of::<Run>()]);
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_copy_and_an_older_message_are_not_new() {
        let mut seen = SeenMessages::default();
        let peer = PeerId::new("a").unwrap();
        assert!(seen.is_new(&peer, "s", 2, SECOND));
        assert!(!seen.is_new(&peer, "s", 2, SECOND));
        assert!(!seen.is_new(&peer, "s", 1, SECOND));
        assert!(seen.is_new(&peer, "s", 3, SECOND));
        assert!(seen.is_new(&peer, "another run", 1, SECOND));
        assert!(seen.is_new(&PeerId::new("as").unwrap(), "", 1, SECOND));
    }

    #[test]
    fn senders_are_forgotten_when_they_are_silent_and_not_because_there_are_many() {
        let mut seen = SeenMessages::default();
        let peer = |number: usize| PeerId::new(&format!("p{number}")).unwrap();
        for number in 0..SeenMessages::MAX_SENDERS {
            assert!(seen.is_new(&peer(number), "s", 1, SECOND));
        }
        assert!(!seen.is_new(&peer(usize::MAX), "s", 1, SECOND), "one too many");
        assert!(seen.is_new(&peer(7), "s", 2, 50 * SECOND), "who is known is still heard");
        assert!(!seen.is_new(&peer(8), "s", 1, 60 * SECOND), "and a copy is still known");
        assert!(seen.is_new(&peer(usize::MAX), "s", 1, 61 * SECOND));
        assert_eq!(seen.last.len(), 3);
        assert!(!seen.is_new(&peer(7), "s", 2, 61 * SECOND));
        assert_eq!(seen.order.len(), 3);
    }
}
