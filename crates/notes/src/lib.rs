//! The notes domain: how notes, folders and profiles lie in documents.
//!
//! Nothing here reads a clock, makes random ids or does I/O: time, ids and actors are arguments.

pub mod change_set;
pub mod editing;
pub mod links;
mod markdown;
pub mod title;
pub mod tree;
pub mod welcome;
