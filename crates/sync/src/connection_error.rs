//! Why there is no connection.

/// Why an attempt to connect failed, or a connection ended, in words; the kind tells what may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// The other side does not let us in: another token may help, dialing again does not.
    #[error("{0}")]
    Refused(String),
    /// It was not reached, or is gone: later may be better.
    #[error("{0}")]
    Lost(String),
}
