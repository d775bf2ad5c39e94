//! The app in its real window. See the library of this package for how it is driven.

mod alone;
mod apart;
mod batched;
mod files;
mod opening;
mod server_gone;
mod together;
