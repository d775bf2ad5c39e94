//! How far something is that takes a while.

/// How far an import or export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Notes that are done.
    pub done: usize,
    /// Notes in all.
    pub total: usize,
}
