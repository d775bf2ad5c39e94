//! The CRDT engine: an Automerge document at the cost of the change.

mod actor;
mod change;
mod change_hash;
mod chunk;
mod deflate;
mod op;
mod op_id;

pub use actor::{ActorId, InvalidActorId};
pub use change::{Change, ChangeError, OpError};
pub use change_hash::{ChangeHash, InvalidChangeHash};
pub use chunk::ChunkError;
pub use deflate::InflateError;
