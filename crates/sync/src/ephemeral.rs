//! Messages that nobody keeps: which were already seen.

use std::collections::{BTreeMap, VecDeque};

use crate::PeerId;

/// Remembers the last message of each sender, so that copies that come round a ring of peers are
/// passed on once. Remembers the last thousand senders.
#[derive(Debug, Default)]
pub(crate) struct SeenMessages {
    last: BTreeMap<(PeerId, String), u64>,
    order: VecDeque<(PeerId, String)>,
}

impl SeenMessages {
    const MAX_SENDERS: usize = 1000;

    /// Whether this message is newer than all before from this run of the sender; notes it.
    pub(crate) fn is_new(&mut self, sender: &PeerId, session: &str, count: u64) -> bool {
        let key = (sender.clone(), session.to_owned());
        if let Some(last) = self.last.get_mut(&key) {
            let new = count > *last;
            *last = count.max(*last);
            return new;
        }
        if self.order.len() == Self::MAX_SENDERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.last.remove(&oldest);
        }
        self.order.push_back(key.clone());
        self.last.insert(key, count);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_and_an_older_message_are_not_new() {
        let mut seen = SeenMessages::default();
        let peer = PeerId::new("a").unwrap();
        assert!(seen.is_new(&peer, "s", 2));
        assert!(!seen.is_new(&peer, "s", 2));
        assert!(!seen.is_new(&peer, "s", 1));
        assert!(seen.is_new(&peer, "s", 3));
        assert!(seen.is_new(&peer, "another run", 1));
    }

    #[test]
    fn forgets_the_oldest_senders() {
        let mut seen = SeenMessages::default();
        for number in 0..5000 {
            assert!(seen.is_new(&PeerId::new(&format!("p{number}")).unwrap(), "s", 1));
        }
        assert_eq!(seen.last.len(), SeenMessages::MAX_SENDERS);
        assert_eq!(seen.order.len(), SeenMessages::MAX_SENDERS);
    }
}
