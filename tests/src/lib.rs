//! Tests across crates, against Automerge and against the real window.
