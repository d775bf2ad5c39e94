//! Codecs of Automerge's compressed columns, run by run.
//!
//! A column is a sequence of values of one type, stored compressed. This crate reads and writes such
//! columns without ever expanding them: every encoder takes `(value, count)` and every decoder yields
//! `(value, count)`, so the cost is that of the *runs*, not of the values. It knows neither documents
//! nor changes, and does no I/O.
//!
//! | column | encoder, decoder | what is stored |
//! |---|---|---|
//! | unsigned integers, strings | [`rle`] | runs of equal values, runs of literals, runs of nulls |
//! | counters and times | [`delta`] | differences to the value before, run-length encoded |
//! | booleans | [`boolean`] | alternating run lengths, starting with `false` |
//! | values | [`value`] | a column of (type code, length) and a column of raw bytes |
//! | the columns themselves | [`mod@column`] | a list of (id, type, length) in front of the data |
//!
//! # Untrusted bytes
//!
//! Any input gives values or an error, never a panic. A run may claim 2^60 values in ten bytes:
//! decoders are lazy and never allocate or loop over a claim, so **the caller caps** how many values
//! it takes. Integers must be encoded minimally everywhere. Beyond that, [`Strictness::Canonical`]
//! refuses columns whose runs are not exactly those that the encoders here would have written.
//!
//! # Example
//!
//! ```
//! use rejoin_columnar::rle::{RleDecoder, RleEncoder, Run};
//! use rejoin_columnar::Strictness;
//!
//! let mut encoder = RleEncoder::<u64>::new();
//! encoder.append_run(Some(7), 1_000_000);
//! encoder.append(None);
//! let bytes = encoder.finish();
//! assert_eq!(bytes.len(), 6);
//!
//! let mut decoder = RleDecoder::<u64>::new(&bytes, Strictness::Canonical);
//! assert_eq!(decoder.peek()?, Some(Run { value: Some(7), count: 1_000_000 }));
//! decoder.advance(1_000_000);
//! assert_eq!(decoder.next_value()?, Some(None));
//! assert!(decoder.is_done());
//! # Ok::<(), rejoin_columnar::DecodeError>(())
//! ```

pub mod boolean;
pub mod column;
pub mod delta;
pub mod leb128;
pub mod rle;
pub mod value;

mod error;
#[cfg(test)]
mod test_support;

pub use boolean::{BooleanDecoder, BooleanEncoder};
pub use column::{ColumnLayout, ColumnMeta, ColumnSpec, ColumnType, Columns, ColumnsError};
pub use delta::{DeltaDecoder, DeltaEncoder, DeltaRange, DeltaRun};
pub use error::{DecodeError, DecodeErrorKind, Strictness};
pub use leb128::Reader;
pub use rle::{RleDecoder, RleEncoder, RleValue, Run};
pub use value::{RawValue, ValueError, ValueMeta};
