//! The desktop app: reads the command line and hands over to the library.

// A release build on Windows opens no console beside the window.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use clap::Parser;
use rejoin_desktop::Options;

fn main() -> anyhow::Result<()> {
    rejoin_desktop::run(Options::parse())
}
