//! Hubs joined by pipes without delay and disks that answer at once, unless a test says otherwise.

mod connections;
mod harness;
mod modes;
mod saving;
mod sharing;
mod statuses;
