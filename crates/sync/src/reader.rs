//! Reading var-ints, byte strings and hash lists out of bytes that a peer chose.

use rejoin_document::ChangeHash;

/// Bytes that end too early or hold a number in a form that no encoder writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MalformedBytes {
    /// The input ends before the value that starts at `offset` does.
    #[error("the input ends inside the value at byte {offset}")]
    EndOfInput {
        /// Where the value starts.
        offset: usize,
    },
    /// A var-int longer than needed, or above 64 bits.
    #[error("the number at byte {offset} is not a var-int of at most 64 bits in its shortest form")]
    BadNumber {
        /// Where the number starts.
        offset: usize,
    },
}

/// A position in bytes from outside. Nothing is allocated before it is known to be there.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.position
    }

    pub(crate) fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.remaining() == 0
    }

    pub(crate) fn byte(&mut self) -> Result<u8, MalformedBytes> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], MalformedBytes> {
        let offset = self.position;
        let end = offset.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(MalformedBytes::EndOfInput { offset })?;
        self.position = end;
        Ok(&self.bytes[offset..end])
    }

    /// An unsigned LEB128 number in its shortest form.
    pub(crate) fn number(&mut self) -> Result<u64, MalformedBytes> {
        let offset = self.position;
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let Some(&byte) = self.bytes.get(self.position) else {
                return Err(MalformedBytes::EndOfInput { offset });
            };
            self.position += 1;
            let low = u64::from(byte & 0x7f);
            if shift == 63 && low > 1 {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    break;
                }
                return Ok(value);
            }
        }
        Err(MalformedBytes::BadNumber { offset })
    }

    /// A count of things that each take at least `least` bytes of what is left.
    pub(crate) fn count(&mut self, least: usize) -> Result<usize, MalformedBytes> {
        let offset = self.position;
        let count = self.number()?;
        usize::try_from(count)
            .ok()
            .filter(|count| count.checked_mul(least).is_some_and(|bytes| bytes <= self.remaining()))
            .ok_or(MalformedBytes::EndOfInput { offset })
    }

    /// Bytes behind their length.
    pub(crate) fn prefixed(&mut self) -> Result<&'a [u8], MalformedBytes> {
        let length = self.count(1)?;
        self.take(length)
    }

    /// Hashes behind their count.
    pub(crate) fn hashes(&mut self) -> Result<Vec<ChangeHash>, MalformedBytes> {
        let count = self.count(32)?;
        let bytes = self.take(count * 32)?;
        Ok(bytes
            .chunks_exact(32)
            .map(|hash| ChangeHash(hash.try_into().expect("invariant: chunks of 32 bytes")))
            .collect())
    }
}

/// Appends an unsigned LEB128 number.
pub(crate) fn write_number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends bytes behind their length.
pub(crate) fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    write_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends hashes behind their count.
pub(crate) fn write_hashes(out: &mut Vec<u8>, hashes: &[ChangeHash]) {
    write_number(out, hashes.len() as u64);
    for hash in hashes {
        out.extend_from_slice(&hash.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_at_every_length() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1u64 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                write_number(&mut bytes, value);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.number(), Ok(value));
                assert!(reader.is_at_end());
            }
        }
    }

    #[test]
    fn refuses_overlong_and_oversized_numbers() {
        for bytes in [&[0x80, 0x00][..], &[0xff, 0x80, 0x00], &[0xff; 10], &[0x80; 11]] {
            assert_eq!(
                Reader::new(bytes).number(),
                Err(MalformedBytes::BadNumber { offset: 0 }),
                "{bytes:?}"
            );
        }
        assert_eq!(Reader::new(&[0x80]).number(), Err(MalformedBytes::EndOfInput { offset: 0 }));
    }

    #[test]
    fn refuses_a_count_that_the_input_cannot_hold() {
        // 2^60 hashes must not be allocated, nor overflow when multiplied by their size.
        let mut bytes = Vec::new();
        write_number(&mut bytes, 1 << 60);
        bytes.extend([0; 64]);
        assert_eq!(Reader::new(&bytes).hashes(), Err(MalformedBytes::EndOfInput { offset: 0 }));
    }
}
