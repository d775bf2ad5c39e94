//! Column codecs against bytes of anybody.

use rejoin_columnar::{
    BooleanDecoder, BooleanEncoder, ColumnLayout, Columns, DecodeError, DeltaDecoder, DeltaEncoder,
    DeltaRange, RawValue, Reader, RleDecoder, RleEncoder, RleValue, Strictness,
};

/// Decodes the bytes as every kind of column. What is accepted as canonical must encode to the same
/// bytes again, and whatever the lenient decoders read, the canonical ones must read from its encoding.
pub fn check(bytes: &[u8]) {
    rle::<u64>(bytes);
    rle::<u32>(bytes);
    rle::<i64>(bytes);
    rle::<&'static str>(bytes);
    delta(bytes, DeltaRange::U32);
    delta(bytes, DeltaRange::I64);
    boolean(bytes);
    lists(bytes);
    if let Some((code, bytes)) = bytes.split_first()
        && let Ok(value) = RawValue::decode(code & 15, bytes)
    {
        let mut out = Vec::new();
        assert_eq!(value.write(&mut out), value.meta());
        assert_eq!(out, bytes);
    }
}

fn rle<T: RleValue>(bytes: &[u8]) {
    let encode = |strictness| -> Result<RleEncoder<T>, DecodeError> {
        let mut decoder = RleDecoder::<T>::new(bytes, strictness);
        let mut encoder = RleEncoder::<T>::new();
        while let Some(run) = decoder.next_run()? {
            encoder.append_run(run.value, run.count);
        }
        Ok(encoder)
    };
    if let Ok(encoder) = encode(Strictness::Canonical)
        && !encoder.is_null()
    {
        assert_eq!(encoder.finish(), bytes);
    }
    if let Ok(encoder) = encode(Strictness::Lenient) {
        let canonical = encoder.finish();
        let mut decoder = RleDecoder::<T>::new(&canonical, Strictness::Canonical);
        while decoder.next_run().expect("an encoded column is canonical").is_some() {}
        assert!(decoder.is_done());
    }
}

fn delta(bytes: &[u8], range: DeltaRange) {
    let encode = |strictness| -> Result<DeltaEncoder, DecodeError> {
        let mut decoder = DeltaDecoder::new(bytes, strictness, range);
        let mut encoder = DeltaEncoder::new();
        while let Some(run) = decoder.peek()? {
            // Taken in two parts, which must make no difference.
            for count in [run.count / 3, run.count - run.count / 3] {
                if count == 0 {
                    continue;
                }
                let part = decoder.peek()?.expect("the run is not over");
                match part.first {
                    Some(first) => encoder.append_run(first, part.step, count),
                    None => encoder.append_nulls(count),
                }
                decoder.advance(count);
            }
        }
        Ok(encoder)
    };
    if let Ok(encoder) = encode(Strictness::Canonical)
        && !encoder.is_null()
    {
        assert_eq!(encoder.finish(), bytes);
    }
    let _ = encode(Strictness::Lenient);
}

fn boolean(bytes: &[u8]) {
    for strictness in [Strictness::Canonical, Strictness::Lenient] {
        let mut decoder = BooleanDecoder::new(bytes, strictness);
        let mut encoder = BooleanEncoder::new();
        let whole = loop {
            match decoder.next_run() {
                Ok(Some((value, count))) => encoder.append_run(value, count),
                Ok(None) => break true,
                Err(_) => break false,
            }
        };
        if whole && strictness == Strictness::Canonical {
            assert_eq!(encoder.finish(), bytes);
        }
    }
}

fn lists(bytes: &[u8]) {
    for layout in [ColumnLayout::Change, ColumnLayout::Document, ColumnLayout::Bundle] {
        let mut reader = Reader::new(bytes);
        let Ok(columns) = Columns::parse(&mut reader, layout) else { continue };
        let mut out = Vec::new();
        columns.write(&mut out);
        assert_eq!(out, bytes[..reader.offset()]);
        if let Ok(data) = columns.take_data(&mut reader) {
            for column in columns.iter() {
                assert!(data.get(columns.range(column.spec)).is_some());
            }
        }
    }
}
