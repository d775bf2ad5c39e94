//! The generator that belongs to a seed.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The generator that belongs to a seed.
pub fn generator(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}
