//! Seeds and iteration counts from the environment, printed so that a failure can be replayed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The first seed and the number of runs of a property test.
///
/// `SEED` sets the first seed (then one run unless `ITERATIONS` says more), `ITERATIONS` the
/// number of runs. Without `SEED` every run of the test starts elsewhere.
pub fn seeds(test: &str, runs: u64) -> impl Iterator<Item = u64> {
    let read = |name: &str| {
        std::env::var(name).ok().map(|text| {
            text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text} is not a number"))
        })
    };
    let seed = read("SEED");
    let runs = read("ITERATIONS").unwrap_or(if seed.is_some() { 1 } else { runs });
    let first = seed.unwrap_or_else(|| {
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as u64 & 0xffff_ffff)
    });
    println!("{test}: SEED={first} ITERATIONS={runs}");
    (0..runs).map(move |run| first.wrapping_add(run))
}

/// The generator that belongs to a seed.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
