//! The CRDT engine: an Automerge document at the cost of the change.

mod actor;
mod change_hash;
mod op;
mod op_id;

pub use actor::{ActorId, InvalidActorId};
pub use change_hash::{ChangeHash, InvalidChangeHash};
