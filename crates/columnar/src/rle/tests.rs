//! Run-length encoding against a plain model.

use super::*;
use crate::test_support::{Random, each_seed, integer, random_bytes};

type Values = Vec<Option<u64>>;

/// The canonical encoding, written the slow and obvious way.
fn model<T: PartialEq>(values: &[Option<T>], write: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    if values.iter().all(Option::is_none) {
        return out;
    }
    let mut runs: Vec<&[Option<T>]> = values.chunk_by(|a, b| a == b).collect();
    runs.reverse();
    while let Some(run) = runs.pop() {
        match &run[0] {
            None => {
                out.push(0);
                leb128::write_u64(&mut out, run.len() as u64);
            }
            Some(value) if run.len() > 1 => {
                leb128::write_i64(&mut out, run.len() as i64);
                write(value, &mut out);
            }
            Some(value) => {
                let mut literals = vec![value];
                while let Some([Some(value)]) = runs.last() {
                    literals.push(value);
                    runs.pop();
                }
                leb128::write_i64(&mut out, -(literals.len() as i64));
                literals.iter().for_each(|value| write(value, &mut out));
            }
        }
    }
    out
}

fn random_values(random: &mut Random) -> Values {
    let mut values = Vec::new();
    for _ in 0..random.below(12) {
        let value = (random.below(4) > 0).then(|| integer(random));
        let count = match random.below(6) {
            0..4 => 1,
            4 => random.below(4),
            _ => random.below(200),
        };
        if random.below(6) > 0 {
            values.extend((0..random.below(150)).map(|i| Some(i as u64)));
        }
        values.extend(std::iter::repeat_n(value, count));
    }
    values
}

fn decode(bytes: &[u8], strictness: Strictness) -> Result<Values, DecodeError> {
    let mut decoder = RleDecoder::<u64>::new(bytes, strictness);
    let mut values = Vec::new();
    while let Some(value) = decoder.next_value()? {
        values.push(value);
        assert!(values.len() < 100_000);
    }
    assert!(decoder.is_done() || strictness == Strictness::Lenient);
    Ok(values)
}

fn refusal(bytes: &[u8]) -> DecodeErrorKind {
    assert!(decode(bytes, Strictness::Lenient).is_ok());
    decode(bytes, Strictness::Canonical).unwrap_err().kind
}

#[test]
fn integers_encode_as_the_model_and_decode_again() {
    let mut reused = RleEncoder::<u64>::new();
    each_seed(500, |random| {
        let values = random_values(random);
        let expected = model(&values, |value, out| leb128::write_u64(out, *value));
        for &value in &values {
            reused.append(value);
        }
        let mut bytes = Vec::new();
        reused.finish_into(&mut bytes);
        assert_eq!(bytes, expected, "{values:?}");

        let mut by_run = RleEncoder::<u64>::new();
        for run in values.chunk_by(|a, b| a == b) {
            let split = random.below(run.len() + 1);
            by_run.append_run(run[0], split);
            by_run.append_run(run[0], run.len() - split);
        }
        assert_eq!(by_run.is_null(), expected.is_empty());
        assert_eq!(by_run.finish(), expected);

        if !expected.is_empty() {
            assert_eq!(decode(&bytes, Strictness::Canonical).as_ref(), Ok(&values));
        }
        let mut decoder = RleDecoder::<u64>::new(&bytes, Strictness::Canonical);
        let skipped = random.below(values.len() + 2);
        let expected = if bytes.is_empty() { 0 } else { skipped.min(values.len()) };
        assert_eq!(decoder.skip(skipped), Ok(expected));
        let next = if bytes.is_empty() { None } else { values.get(skipped).copied() };
        assert_eq!(decoder.peek().unwrap().map(|run| run.value), next);
    });
}

#[test]
fn strings_encode_as_the_model_and_decode_again() {
    let mut reused = RleEncoder::<&'static str>::new();
    each_seed(200, |random| {
        let values: Vec<Option<String>> = random_values(random)
            .into_iter()
            .map(|value| value.map(|value| "né".repeat(value as usize % 40)))
            .collect();
        let expected = model(&values, |value, out| {
            leb128::write_u64(out, value.len() as u64);
            out.extend_from_slice(value.as_bytes());
        });
        for value in &values {
            reused.append(value.as_deref());
        }
        let mut bytes = Vec::new();
        reused.finish_into(&mut bytes);
        assert_eq!(bytes, expected);
        let mut decoder = RleDecoder::<&str>::new(&bytes, Strictness::Canonical);
        if !bytes.is_empty() {
            for value in &values {
                assert_eq!(decoder.next_value(), Ok(Some(value.as_deref())));
            }
        }
        assert!(decoder.is_done());
    });
}

#[test]
fn a_lenient_column_encoded_anew_is_canonical() {
    each_seed(2000, |random| {
        let bytes = random_bytes(random);
        let mut decoder = RleDecoder::<i64>::new(&bytes, Strictness::Lenient);
        let mut encoder = RleEncoder::<i64>::new();
        let result = loop {
            match decoder.next_run() {
                Ok(Some(run)) => encoder.append_run(run.value, run.count),
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let null = encoder.is_null();
        let encoded = encoder.finish();
        let mut canonical = RleDecoder::<i64>::new(&bytes, Strictness::Canonical);
        let accepted = loop {
            match canonical.next_run() {
                Ok(Some(_)) => {}
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if accepted {
            assert!(result.is_ok());
            assert!(null || encoded == bytes, "{bytes:x?}");
        } else {
            assert!(result.is_err() || encoded != bytes, "{bytes:x?}");
        }
    });
}

#[test]
fn each_departure_from_the_canonical_form_is_refused() {
    assert_eq!(refusal(&[0x7f, 1, 0x7f, 2]), DecodeErrorKind::AdjacentLiteralRuns);
    assert_eq!(refusal(&[0x7e, 1, 1]), DecodeErrorKind::EqualLiteralNeighbours);
    assert_eq!(refusal(&[2, 1, 3, 1]), DecodeErrorKind::MergeableRuns);
    assert_eq!(refusal(&[2, 1, 0x7f, 1]), DecodeErrorKind::MergeableRuns);
    assert_eq!(refusal(&[0x7f, 1, 2, 1]), DecodeErrorKind::MergeableRuns);
    assert_eq!(refusal(&[1, 1]), DecodeErrorKind::ShortRepeatRun);
    assert_eq!(refusal(&[2, 1, 0, 1, 0, 1]), DecodeErrorKind::AdjacentNullRuns);
    assert_eq!(refusal(&[2, 1, 0, 0]), DecodeErrorKind::EmptyRun);
}

#[test]
fn equal_runs_on_both_sides_of_nulls_are_canonical() {
    let bytes = [2, 1, 0, 1, 2, 1, 0, 1, 0x7f, 1];
    let expected = [Some(1), Some(1), None, Some(1), Some(1), None, Some(1)];
    assert_eq!(decode(&bytes, Strictness::Canonical).unwrap(), expected);
    let mut encoder = RleEncoder::<u64>::new();
    expected.iter().for_each(|&value| encoder.append(value));
    assert_eq!(encoder.finish(), bytes);
}

#[test]
fn enormous_claims_cost_nothing() {
    let mut bytes = Vec::new();
    leb128::write_i64(&mut bytes, 1 << 60);
    bytes.push(5);
    bytes.push(0);
    leb128::write_u64(&mut bytes, 1 << 60);
    let mut decoder = RleDecoder::<u64>::new(&bytes, Strictness::Canonical);
    assert_eq!(decoder.next_run(), Ok(Some(Run { value: Some(5), count: 1 << 60 })));
    assert_eq!(decoder.skip(usize::MAX), Ok(1 << 60));
    assert!(decoder.is_done());

    // Literals that are not there.
    bytes.clear();
    leb128::write_i64(&mut bytes, i64::MIN);
    assert!(RleDecoder::<u64>::new(&bytes, Strictness::Lenient).peek().is_err());
    // More nulls than can be counted.
    bytes.clear();
    bytes.push(0);
    leb128::write_u64(&mut bytes, u64::MAX);
    let error = RleDecoder::<u64>::new(&bytes, Strictness::Lenient).peek().unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::RunTooLong);
}

#[test]
fn sums_of_enormous_claims_stay_in_range() {
    let mut encoder = RleEncoder::<u64>::new();
    for _ in 0..4 {
        encoder.append_run(Some(1), usize::MAX);
    }
    for _ in 0..4 {
        encoder.append_run(None, usize::MAX);
    }
    let bytes = encoder.finish();
    let mut decoder = RleDecoder::<u64>::new(&bytes, Strictness::Canonical);
    assert_eq!(decoder.next_run().unwrap().unwrap().count, isize::MAX as usize);
    assert_eq!(decoder.next_run().unwrap().unwrap().count, isize::MAX as usize);
    assert!(decoder.is_done());
}
