//! What the tests across crates share: the data of real documents, random programs of
//! edits that run on Automerge and on our engine in lock step, and their shrinking.
//!
//! Nothing here is part of the product; a test may give up with a panic.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

pub mod data;
pub mod generate;
pub mod lockstep;
pub mod program;
pub mod random;
pub mod reference;
pub mod shrink;
pub mod subject;
pub mod trace;
pub mod tree;
