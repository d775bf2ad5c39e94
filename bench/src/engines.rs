//! The libraries, each behind `Engine`.

pub mod automerge;
pub mod diamond;
pub mod loro;
pub mod rejoin;
pub mod yrs;
