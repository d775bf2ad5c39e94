//! The CRDT engine: an Automerge document at the cost of the change.
