//! The person's desk: the notes and folders of a profile, the notes that are open, and the network.

mod draft;
mod edited;
mod looking_back;
mod search;
mod shelf;
