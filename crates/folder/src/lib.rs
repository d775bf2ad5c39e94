//! Notes as ordinary Markdown files: a folder that syncs both ways.
//!
//! Every note of a notes folder is a file, and every edit that any program makes to a file becomes a
//! minimal change of the note, merged with what others wrote meanwhile.
//!
//! What is to be done is decided by [`planner::plan`], a pure function of the files, the notes and
//! what is [remembered](memory::Memory) of the texts that each file held.

pub mod disk;
pub mod export;
pub mod file_path;
pub mod file_text;
mod history;
pub mod import;
pub mod memory;
pub mod memory_store;
pub mod mirror;
mod notebook;
pub mod planner;
pub mod progress;
