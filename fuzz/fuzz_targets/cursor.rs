//! Fuzz target; what it checks stands in `rejoin_fuzz::cursors::check`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rejoin_fuzz::cursors::check(bytes));
