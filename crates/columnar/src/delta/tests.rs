//! Delta columns against a plain model.

use super::*;
use crate::leb128;
use crate::test_support::{Random, each_seed, integer, random_bytes};

fn random_values(random: &mut Random, range: DeltaRange) -> Vec<Option<i64>> {
    let value = |random: &mut Random| match range {
        DeltaRange::U32 => (integer(random) & u64::from(u32::MAX)) as i64,
        DeltaRange::I64 => integer(random) as i64,
    };
    let mut values = Vec::new();
    for _ in 0..random.below(10) {
        match random.below(3) {
            0 => values.extend(std::iter::repeat_n(None, random.below(5))),
            1 => values.push(Some(value(random))),
            _ => {
                let (first, step) = (value(random), random.below(5) as i64 - 2);
                let run = (0..random.below(100) as i64).map(|i| first.wrapping_add(step * i));
                values.extend(run.map(|value| match range {
                    DeltaRange::U32 => Some(value.clamp(0, i64::from(u32::MAX))),
                    DeltaRange::I64 => Some(value),
                }));
            }
        }
    }
    values
}

fn model(values: &[Option<i64>]) -> Vec<u8> {
    let mut encoder = RleEncoder::<i64>::new();
    let mut last = 0i64;
    for value in values {
        encoder.append(value.map(|value| value.wrapping_sub(last)));
        last = value.unwrap_or(last);
    }
    encoder.finish()
}

#[test]
fn columns_encode_as_the_model_and_decode_again() {
    let mut reused = DeltaEncoder::new();
    each_seed(500, |random| {
        let range = if random.below(2) > 0 { DeltaRange::U32 } else { DeltaRange::I64 };
        let values = random_values(random, range);
        let expected = model(&values);
        values.iter().for_each(|&value| reused.append(value));
        let mut bytes = Vec::new();
        reused.finish_into(&mut bytes);
        assert_eq!(bytes, expected);

        let mut decoder = DeltaDecoder::new(&bytes, Strictness::Canonical, range);
        let mut by_run = DeltaEncoder::new();
        let mut decoded = Vec::new();
        while let Some(run) = decoder.peek().unwrap() {
            let taken = 1 + random.below(run.count);
            match run.first {
                Some(first) => by_run.append_run(first, run.step, taken),
                None => by_run.append_nulls(taken),
            }
            decoded.extend((0..taken).map(|index| run.get(index)));
            decoder.advance(taken);
        }
        assert!(decoder.is_done());
        assert_eq!(by_run.finish(), expected);
        if !expected.is_empty() {
            assert_eq!(decoded, values);
            let mut decoder = DeltaDecoder::new(&bytes, Strictness::Lenient, range);
            let skipped = random.below(values.len());
            assert_eq!(decoder.skip(skipped), Ok(skipped));
            for &value in &values[skipped..] {
                assert_eq!(decoder.next_value(), Ok(Some(value)));
            }
            assert_eq!(decoder.next_value(), Ok(None));
        }
    });
}

#[test]
fn a_progression_is_one_run_wherever_it_starts() {
    let mut encoder = DeltaEncoder::new();
    encoder.append_run(100, 1, 50);
    encoder.append_run(400, -1, 3);
    let bytes = encoder.finish();
    let mut decoder = DeltaDecoder::new(&bytes, Strictness::Canonical, DeltaRange::U32);
    let run = |first, step, count| Ok(Some(DeltaRun { first: Some(first), step, count }));
    assert_eq!(decoder.next_run(), run(100, 1, 50));
    assert_eq!(decoder.next_run(), run(400, -1, 3));
    assert_eq!(decoder.next_run(), Ok(None));
}

#[test]
fn values_outside_of_32_bits_are_refused() {
    for (first, step, count) in
        [(-1, 0, 1), (1 << 32, 0, 1), (1, -1, 3), (u32::MAX.into(), 1, 2), (5, i64::MAX, 9)]
    {
        let mut encoder = DeltaEncoder::new();
        encoder.append_run(first, step, count);
        let bytes = encoder.finish();
        let mut decoder = DeltaDecoder::new(&bytes, Strictness::Canonical, DeltaRange::U32);
        let error = loop {
            match decoder.next_run() {
                Ok(run) => assert!(run.is_some(), "{first} {step} {count} was accepted"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind, DecodeErrorKind::DeltaOutOfRange);
    }
}

#[test]
fn departures_from_the_canonical_form_are_refused_even_behind_a_lone_value() {
    // 5, then a run of one that the canonical form has as a literal.
    let bytes = [0x7f, 5, 1, 2];
    let mut decoder = DeltaDecoder::new(&bytes, Strictness::Canonical, DeltaRange::U32);
    assert!(decoder.peek().is_err());
    let mut decoder = DeltaDecoder::new(&bytes, Strictness::Lenient, DeltaRange::U32);
    assert_eq!(decoder.next_value(), Ok(Some(Some(5))));
    assert_eq!(decoder.next_value(), Ok(Some(Some(7))));
}

#[test]
fn enormous_claims_cost_nothing() {
    let mut bytes = Vec::new();
    leb128::write_i64(&mut bytes, i64::MAX);
    leb128::write_i64(&mut bytes, i64::MAX);
    let mut decoder = DeltaDecoder::new(&bytes, Strictness::Lenient, DeltaRange::I64);
    assert_eq!(decoder.skip(usize::MAX), Ok(i64::MAX as usize));
    let mut decoder = DeltaDecoder::new(&bytes, Strictness::Lenient, DeltaRange::U32);
    assert!(decoder.peek().is_err());
}

#[test]
fn random_bytes_never_panic() {
    each_seed(2000, |random| {
        let bytes = random_bytes(random);
        for range in [DeltaRange::U32, DeltaRange::I64] {
            for strictness in [Strictness::Canonical, Strictness::Lenient] {
                let mut decoder = DeltaDecoder::new(&bytes, strictness, range);
                while let Ok(Some(run)) = decoder.peek() {
                    decoder.advance(1 + random.below(run.count));
                }
            }
        }
    });
}
