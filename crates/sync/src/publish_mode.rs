//! When a person's commits go out: at once, at a pause, or when the person says so.

use std::time::Duration;

/// How eagerly the edits of a document are published. All modes write the same operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PublishMode {
    /// Each commit is sent at once.
    Live,
    /// As live while somebody else is present; otherwise at a pause in typing, at most every few
    /// seconds.
    #[default]
    Hybrid,
    /// Nothing is sent until the person says so.
    Batched,
}

/// Decides for one document when what was committed here may be sent.
#[derive(Debug, Default)]
pub(crate) struct Publisher {
    mode: PublishMode,
    held_since: Option<Duration>,
}

/// What to do about an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Send it now.
    Now,
    /// Send it at this time, unless another edit moves it.
    At(Duration),
    /// Keep it until the person says so.
    Hold,
}

impl Publisher {
    /// A pause in typing.
    const PAUSE: Duration = Duration::from_millis(1000);
    /// The longest time that somebody who types on waits.
    const LONGEST: Duration = Duration::from_secs(4);

    pub(crate) fn mode(&self) -> PublishMode {
        self.mode
    }

    /// Changes the mode; what was held is decided anew.
    pub(crate) fn set_mode(&mut self, mode: PublishMode, now: Duration, others: bool) -> Decision {
        self.mode = mode;
        match self.held_since {
            None => Decision::Now,
            Some(_) => self.edited(now, others),
        }
    }

    /// A commit was made here.
    pub(crate) fn edited(&mut self, now: Duration, others_present: bool) -> Decision {
        let since = *self.held_since.get_or_insert(now);
        match self.mode {
            PublishMode::Live => self.published(),
            PublishMode::Hybrid if others_present => self.published(),
            PublishMode::Hybrid => Decision::At((now + Self::PAUSE).min(since + Self::LONGEST)),
            PublishMode::Batched => Decision::Hold,
        }
    }

    /// Whether somebody else's arrival publishes what is held.
    pub(crate) fn yields_to_company(&self) -> bool {
        self.is_holding() && self.mode != PublishMode::Batched
    }

    /// Whether commits are waiting.
    pub(crate) fn is_holding(&self) -> bool {
        self.held_since.is_some()
    }

    /// What was held is being sent.
    pub(crate) fn published(&mut self) -> Decision {
        self.held_since = None;
        Decision::Now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn hybrid_sends_at_a_pause_and_at_most_every_few_seconds() {
        let mut publisher = Publisher::default();
        assert_eq!(publisher.edited(SECOND, false), Decision::At(2 * SECOND));
        assert_eq!(publisher.edited(SECOND * 9 / 5, false), Decision::At(SECOND * 14 / 5));
        assert_eq!(publisher.edited(SECOND * 9 / 2, false), Decision::At(5 * SECOND));
        publisher.published();
        assert_eq!(publisher.edited(6 * SECOND, false), Decision::At(7 * SECOND));
    }

    #[test]
    fn hybrid_is_live_in_company_and_batched_never_is() {
        let mut publisher = Publisher::default();
        assert_eq!(publisher.edited(SECOND, true), Decision::Now);
        assert!(!publisher.is_holding());
        publisher.set_mode(PublishMode::Batched, SECOND, true);
        assert_eq!(publisher.edited(SECOND, true), Decision::Hold);
        assert!(!publisher.yields_to_company());
        assert_eq!(publisher.set_mode(PublishMode::Live, SECOND, false), Decision::Now);
        assert!(!publisher.is_holding());
    }
}
