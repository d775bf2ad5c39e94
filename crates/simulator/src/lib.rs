//! Deterministic network, clock and faulty disk for tests.
