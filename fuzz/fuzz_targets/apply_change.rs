//! Fuzz target; what it checks stands in `rejoin_fuzz::documents::apply_change`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rejoin_fuzz::documents::apply_change(bytes));
