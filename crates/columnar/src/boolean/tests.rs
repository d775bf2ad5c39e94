//! Boolean columns against a plain model.

use super::*;
use crate::test_support::{each_seed, random_bytes};

fn model(values: &[bool]) -> Vec<u8> {
    let mut out = Vec::new();
    if values.first() == Some(&true) {
        out.push(0);
    }
    for run in values.chunk_by(|a, b| a == b) {
        leb128::write_u64(&mut out, run.len() as u64);
    }
    out
}

fn decode(bytes: &[u8], strictness: Strictness) -> Result<Vec<bool>, DecodeError> {
    let mut decoder = BooleanDecoder::new(bytes, strictness);
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value()? {
        values.push(value);
    }
    Ok(values)
}

#[test]
fn columns_encode_as_the_model_and_decode_again() {
    let mut reused = BooleanEncoder::new();
    each_seed(500, |random| {
        let mut values = Vec::new();
        for _ in 0..random.below(10) {
            let value = random.below(2) > 0;
            values.extend(std::iter::repeat_n(value, random.below(200)));
        }
        let expected = model(&values);
        values.iter().for_each(|&value| reused.append(value));
        assert_eq!(reused.is_all_false(), !values.contains(&true));
        let mut bytes = Vec::new();
        reused.finish_into(&mut bytes);
        assert_eq!(bytes, expected);
        assert_eq!(decode(&bytes, Strictness::Canonical), Ok(values));

        let mut by_run = BooleanEncoder::new();
        let mut decoder = BooleanDecoder::new(&bytes, Strictness::Canonical);
        while let Some((value, count)) = decoder.peek().unwrap() {
            let taken = 1 + random.below(count);
            by_run.append_run(value, taken);
            decoder.advance(taken);
        }
        assert!(decoder.is_done());
        assert_eq!(by_run.finish(), expected);
    });
}

#[test]
fn empty_runs_are_canonical_only_at_the_start() {
    assert_eq!(decode(&[0, 2], Strictness::Canonical), Ok(vec![true, true]));
    for bytes in [&[0][..], &[1, 0], &[1, 0, 1], &[0, 0, 1], &[0, 1, 0]] {
        let error = decode(bytes, Strictness::Canonical).unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::EmptyRun, "{bytes:?}");
        assert!(decode(bytes, Strictness::Lenient).is_ok());
    }
    assert_eq!(decode(&[1, 0, 1], Strictness::Lenient), Ok(vec![false, false]));
}

#[test]
fn enormous_claims_cost_nothing() {
    let mut bytes = Vec::new();
    leb128::write_u64(&mut bytes, 1 << 62);
    let mut decoder = BooleanDecoder::new(&bytes, Strictness::Canonical);
    assert_eq!(decoder.next_run(), Ok(Some((false, 1 << 62))));
    bytes.clear();
    leb128::write_u64(&mut bytes, u64::MAX);
    let error = BooleanDecoder::new(&bytes, Strictness::Lenient).peek().unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::RunTooLong);
}

#[test]
fn random_bytes_never_panic() {
    each_seed(1000, |random| {
        let bytes = random_bytes(random);
        for strictness in [Strictness::Canonical, Strictness::Lenient] {
            let mut decoder = BooleanDecoder::new(&bytes, strictness);
            while let Ok(Some((_, count))) = decoder.peek() {
                decoder.advance(count);
            }
        }
    });
}
