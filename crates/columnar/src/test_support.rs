//! Seeded randomness for the tests of the codecs.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A source of random test data.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// A number below `end`; 0 if `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// True in all but one of `n` cases.
    pub(crate) fn chance(&mut self, n: usize) -> bool {
        self.below(n) > 0
    }

    /// An integer of any size, small ones as likely as great ones.
    pub(crate) fn integer(&mut self) -> u64 {
        let bits = self.below(64);
        self.0.next_u64() >> bits
    }
}

/// Runs a check with many seeds. `SEED` runs one of them, `ITERATIONS` changes how many there are.
pub(crate) fn each_seed(iterations: u64, mut check: impl FnMut(&mut Random)) {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let count = variable("ITERATIONS").unwrap_or(iterations);
    let seeds = variable("SEED").map_or(0..count, |seed| seed..seed + 1);
    for seed in seeds {
        let guard = SeedGuard(seed);
        check(&mut Random(ChaCha8Rng::seed_from_u64(seed)));
        drop(guard);
    }
}

/// Bytes that look a little like a column: mostly small ones.
pub(crate) fn random_bytes(random: &mut Random) -> Vec<u8> {
    let len = random.below(24);
    (0..len)
        .map(|_| match random.below(4) {
            0 => random.below(256) as u8,
            1 => (random.below(6) as u8).wrapping_sub(3) & 0x7f,
            _ => random.below(3) as u8,
        })
        .collect()
}

/// Prints the seed when the check panics.
struct SeedGuard(u64);

impl Drop for SeedGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with SEED={}", self.0);
        }
    }
}
