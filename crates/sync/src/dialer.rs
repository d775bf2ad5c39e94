//! When to try again: growing pauses with jitter, as pure arithmetic.

use std::time::Duration;

/// Counts failures and says how long to wait after each.
///
/// Pauses double from a quarter of a second up to half a minute, and each is shortened by up to
/// half at random, so that the clients of a server that comes back do not all arrive at once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(250);
    const LONGEST: Duration = Duration::from_secs(30);

    /// Counts a failure and says how long to wait; `random` is any number.
    pub(crate) fn failed(&mut self, random: u64) -> Duration {
        let doubled = Self::FIRST.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.min(Self::LONGEST);
        pause / 2 + (pause / 2).mul_f64((random % 1024) as f64 / 1024.0)
    }

    /// Forgets the failures.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}

/// Numbers that look random and follow from a seed (splitmix64).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_half_a_minute_and_start_over_after_a_success() {
        let mut backoff = Backoff::default();
        let mut random = Random::new(1);
        let mut longest = Duration::ZERO;
        for _ in 0..40 {
            let pause = backoff.failed(random.next());
            assert!(pause >= Duration::from_millis(125) && pause <= Duration::from_secs(30));
            longest = longest.max(pause);
        }
        assert!(longest > Duration::from_secs(15));
        backoff.succeeded();
        assert!(backoff.failed(u64::MAX) <= Duration::from_millis(250));
    }
}
