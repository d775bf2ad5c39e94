//! Lists and texts: B-trees of runs of elements.

mod index;
mod run;
mod summary;
mod tree;

pub(crate) use run::{Removal, Run, RunKind, joined_step};
pub use summary::TextUnit;
pub(crate) use summary::{Measure, Summary};
pub(crate) use tree::{Filling, Place, SequenceId, Sequences};

#[cfg(test)]
mod tests;
