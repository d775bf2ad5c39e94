//! Seeds of property tests, and numbers that follow from them (tests only).
//!
//! `SEED=n` in the environment runs the seed `n` alone, `ITERATIONS=n` changes how many are run. A
//! test that fails prints the seed with which it did.
//!
//! ```
//! use rejoin_seeds::{Random, seeds};
//!
//! for seed in seeds(20) {
//!     let mut random = Random::new(seed);
//!     assert!(random.below(6) < 6);
//! }
//! ```

#![allow(clippy::panic, clippy::print_stdout, clippy::print_stderr, reason = "it belongs to tests")]

use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// So many seeds, the same ones at each run of the test.
pub fn seeds(count: u64) -> Seeds {
    Seeds::new(0, count)
}

/// So many seeds, others at each run of the test.
pub fn fresh_seeds(count: u64) -> Seeds {
    // The upper bits stay free, so that a seed is quickly typed and never overflows.
    Seeds::new(rand::rng().next_u64() >> 32, count)
}

/// The seeds of one run of a test. Dropped in a panic it prints the seed that was given last.
pub struct Seeds {
    left: Range<u64>,
    given: Option<u64>,
}

impl Seeds {
    fn new(first: u64, count: u64) -> Self {
        let chosen = variable("SEED");
        let first = chosen.unwrap_or(first);
        let count = variable("ITERATIONS").unwrap_or(if chosen.is_some() { 1 } else { count });
        println!("SEED={first} ITERATIONS={count}");
        Self { left: first..first.saturating_add(count), given: None }
    }
}

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

impl Iterator for Seeds {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.given = self.left.next();
        self.given
    }
}

impl Drop for Seeds {
    fn drop(&mut self) {
        if let Some(seed) = self.given.filter(|_| std::thread::panicking()) {
            eprintln!("failed with SEED={seed}");
        }
    }
}

/// Numbers that follow from a seed, the same on every computer.
#[derive(Debug, Clone)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Those of this seed.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, cases: usize) -> bool {
        self.below(100) < cases
    }

    /// One of them.
    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}
