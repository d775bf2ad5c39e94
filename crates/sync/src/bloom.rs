//! Bloom filters over change hashes, as sync messages carry them.
//!
//! A filter travels with its own parameters, so a reader takes whatever the writer chose, within
//! limits: they decide how much a reader allocates and divides by.

use rejoin_document::ChangeHash;

use crate::reader::{MalformedBytes, Reader, write_number};

/// Ten bits and seven probes an entry: about one false positive in a hundred.
const BITS_PER_ENTRY: u32 = 10;
const PROBES: u32 = 7;

/// The most probes that are accepted. More than 32 never make a filter better.
const MAX_PROBES: u32 = 32;

/// A lossy set of change hashes: it never denies a hash that was put in, and it confirms about one
/// in a hundred that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BloomFilter {
    entries: u32,
    bits_per_entry: u32,
    probes: u32,
    bits: Vec<u8>,
}

/// Bytes that are not a usable Bloom filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BloomError {
    /// The bytes end early or hold a malformed number.
    #[error(transparent)]
    Malformed(#[from] MalformedBytes),
    /// Parameters with which the filter cannot be asked anything.
    #[error(
        "a Bloom filter of {entries} entries with {bits_per_entry} bits and {probes} probes each"
    )]
    Parameters {
        /// How many hashes the filter says it holds.
        entries: u64,
        /// How many bits it has for each of them.
        bits_per_entry: u64,
        /// How many bits each of them sets.
        probes: u64,
    },
}

impl BloomFilter {
    /// The filter that holds exactly these hashes.
    pub fn from_hashes<'a>(hashes: impl ExactSizeIterator<Item = &'a ChangeHash>) -> Self {
        let entries = u32::try_from(hashes.len()).expect("invariant: fewer than 2^32 changes");
        let bytes = (u64::from(entries) * u64::from(BITS_PER_ENTRY)).div_ceil(8);
        let bits = vec![0; usize::try_from(bytes).expect("invariant: a filter fits memory")];
        let mut filter = Self { entries, bits_per_entry: BITS_PER_ENTRY, probes: PROBES, bits };
        for hash in hashes {
            for bit in Probes::new(hash, filter.probes, filter.bits.len()) {
                filter.bits[(bit >> 3) as usize] |= 1 << (bit & 7);
            }
        }
        filter
    }

    /// Whether no hash was put in.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Whether the hash was put in, or, one time in a hundred, seems so.
    pub fn contains(&self, hash: &ChangeHash) -> bool {
        self.entries > 0
            && Probes::new(hash, self.probes, self.bits.len())
                .all(|bit| self.bits[(bit >> 3) as usize] & (1 << (bit & 7)) != 0)
    }

    /// The filter as it stands in a message; nothing at all when it is empty.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.entries > 0 {
            out.reserve(self.bits.len() + 15);
            write_number(&mut out, self.entries.into());
            write_number(&mut out, self.bits_per_entry.into());
            write_number(&mut out, self.probes.into());
            out.extend_from_slice(&self.bits);
        }
        out
    }

    /// Reads a filter. Bytes behind it are ignored, as other readers do.
    ///
    /// # Errors
    ///
    /// When the bytes are not a filter, or one whose parameters say that it has no bits, no probes
    /// or far too many.
    pub fn parse(bytes: &[u8]) -> Result<Self, BloomError> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut reader = Reader::new(bytes);
        let (entries, bits_per_entry, probes) =
            (reader.number()?, reader.number()?, reader.number()?);
        let refused = BloomError::Parameters { entries, bits_per_entry, probes };
        let narrow = |number: u64| u32::try_from(number).map_err(|_| refused.clone());
        let filter = Self {
            entries: narrow(entries)?,
            bits_per_entry: narrow(bits_per_entry)?,
            probes: narrow(probes)?,
            bits: Vec::new(),
        };
        if filter.entries == 0 {
            return Ok(Self::default());
        }
        if filter.bits_per_entry == 0 || filter.probes == 0 || filter.probes > MAX_PROBES {
            return Err(refused);
        }
        let length = (entries * bits_per_entry).div_ceil(8);
        let length = usize::try_from(length).map_err(|_| refused.clone())?;
        // A probe counts bits in 32 bits, and adds two of them.
        if length > (u32::MAX / 16) as usize {
            return Err(refused);
        }
        Ok(Self { bits: reader.take(length)?.to_vec(), ..filter })
    }
}

impl Default for BloomFilter {
    fn default() -> Self {
        Self { entries: 0, bits_per_entry: BITS_PER_ENTRY, probes: PROBES, bits: Vec::new() }
    }
}

/// The bits of one hash: triple hashing over its first twelve bytes.
struct Probes {
    x: u32,
    y: u32,
    z: u32,
    modulo: u32,
    left: u32,
}

impl Probes {
    /// `length` is the size of the filter in bytes and is not zero.
    fn new(hash: &ChangeHash, probes: u32, length: usize) -> Self {
        let modulo = 8 * length as u32;
        let word = |at: usize| {
            u32::from_le_bytes([hash.0[at], hash.0[at + 1], hash.0[at + 2], hash.0[at + 3]])
                % modulo
        };
        Self { x: word(0), y: word(4), z: word(8), modulo, left: probes }
    }
}

impl Iterator for Probes {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let bit = self.x;
        self.x = (self.x + self.y) % self.modulo;
        self.y = (self.y + self.z) % self.modulo;
        Some(bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(seed: u64) -> ChangeHash {
        // Any well mixed bytes will do.
        let mut bytes = [0; 32];
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
        for byte in &mut bytes {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 24) as u8;
        }
        ChangeHash(bytes)
    }

    #[test]
    fn holds_what_was_put_in_and_little_else() {
        let inside: Vec<_> = (0..2000).map(hash).collect();
        let filter = BloomFilter::from_hashes(inside.iter());
        assert!(inside.iter().all(|hash| filter.contains(hash)));
        let false_positives = (2000..22_000).map(hash).filter(|hash| filter.contains(hash)).count();
        assert!((100..400).contains(&false_positives), "{false_positives} of 20000");
    }

    #[test]
    fn round_trips_and_is_as_large_as_the_format_says() {
        for count in [0, 1, 2, 7, 8, 100, 6483] {
            let hashes: Vec<_> = (0..count).map(hash).collect();
            let filter = BloomFilter::from_hashes(hashes.iter());
            let bytes = filter.to_bytes();
            assert_eq!(BloomFilter::parse(&bytes), Ok(filter));
            if count == 6483 {
                assert_eq!(bytes.len(), 8104 + 4);
            }
        }
        assert!(BloomFilter::default().to_bytes().is_empty());
    }

    #[test]
    fn one_entry_takes_two_bytes_and_these_bits() {
        // The head of a document made with Automerge 3.5, and the filter it sent.
        let head: ChangeHash =
            "5d536cf8f213a9ceaeab317db4af2206cc192bf05381d00fa7199369d1027a53".parse().unwrap();
        let bytes = BloomFilter::from_hashes([head].iter()).to_bytes();
        assert_eq!(bytes, [0x01, 0x0a, 0x07, 0x08, 0xaa]);
    }

    #[test]
    fn refuses_parameters_that_cannot_be_computed_with() {
        let refused: [&[u8]; 5] = [
            &[1, 0, 7],         // no bits: a remainder by zero
            &[1, 10, 0, 0, 0],  // no probes
            &[1, 10, 33, 0, 0], // more probes than make sense
            &[0xff, 0xff, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f, 7], // 2^64 bits
            &[0x80, 0x80, 0x80, 0x80, 0x10, 10, 7], // 2^32 entries
        ];
        for bytes in refused {
            assert!(
                matches!(BloomFilter::parse(bytes), Err(BloomError::Parameters { .. })),
                "{bytes:?}"
            );
        }
        assert!(matches!(BloomFilter::parse(&[2, 10, 7, 0]), Err(BloomError::Malformed(_))));
        assert!(BloomFilter::parse(&[0, 10, 7]).unwrap().is_empty());
    }
}
