//! What the fuzz targets check.
//!
//! The modules are also compiled into the tests of the crates that they check, which replay
//! `corpus/`: a regression is caught without a fuzzer.
//!
//! ```text
//! cargo +nightly fuzz run load            # or apply_change, changes, columns, cursor
//! cargo run --example write_seeds         # writes the seeds again
//! ```
//!
//! A crash that was found goes, minimised, into `corpus/<target>/` under a name that says what it was.

pub mod changes;
pub mod columns;
pub mod cursors;
pub mod documents;
