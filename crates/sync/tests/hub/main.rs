//! Hubs joined by pipes without delay and disks that answer at once, unless a test says otherwise.

#![allow(clippy::unwrap_used, clippy::panic)]

mod connections;
mod harness;
mod modes;
mod saving;
mod sharing;
mod statuses;
mod strangers;
mod traffic;
