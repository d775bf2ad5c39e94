//! The notes domain: how notes, folders and profiles lie in documents.
//!
//! Nothing here reads a clock, makes random ids or does I/O: time, ids and actors are arguments.

pub mod authorship;
pub mod change_set;
pub mod destinations;
pub mod editing;
pub mod folder;
pub mod history;
pub mod links;
mod markdown;
pub mod note;
pub mod profile;
mod schema;
pub mod title;
pub mod tree;

pub use schema::DocumentKind;
