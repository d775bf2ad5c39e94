//! Seeded randomness for the tests of the codecs.

pub(crate) use rejoin_seeds::Random;

/// Runs a check with many seeds.
pub(crate) fn each_seed(iterations: u64, mut check: impl FnMut(&mut Random)) {
    for seed in rejoin_seeds::seeds(iterations) {
        check(&mut Random::new(seed));
    }
}

/// An integer of any size, small ones as likely as great ones.
pub(crate) fn integer(random: &mut Random) -> u64 {
    let bits = random.below(64);
    random.number() >> bits
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
