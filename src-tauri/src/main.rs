//! The desktop app: reads the command line and hands over to the library.

// A release build on Windows opens no console beside the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use clap::Parser;
use rejoin_desktop::Options;

/// A long note passes through many short-lived copies, for the disk, the wire and the page. This allocator
/// gives their memory back to the system; that of the C library keeps most of it.
/// On Linux it stands in for that of the libraries too, which SQLite and the toolkit use.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    rejoin_desktop::run(Options::parse())
}
