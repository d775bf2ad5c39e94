//! Measurements of the app in its real window: how fast it is to who types.

use std::fs;

use anyhow::{Context as _, Result};

use crate::display::Display;
use crate::run::target_folder;
use crate::setup::{Purpose, setup};
use crate::step::{cargo, output, program_step, step};
use crate::test::{build_ui, on_display};

/// Where the table is kept.
const RESULTS: &str = "bench/WINDOW.md";

/// What stands above the table.
const HEAD: &str = "# How fast the window is

`cargo xtask bench-ui` writes this table: the release build of the app, driven through WebDriver on a
virtual screen with software rendering. An echo counts from the key to the end of the frame that shows
it; what is typed is a sentence that the spelling knows. The other window is on the same computer, with a server between the two. A cold start counts from
the start of the process to the first typed character in the note. Memory is what the backend's process
holds of its own, without the code of the toolkit and the web view's library: that is mapped from files,
shared with the web view's processes, and some 130 MB in any app with such a window.
";

/// Builds the app as it is released, measures it, prints the table and keeps it.
///
/// # Errors
///
/// When the set-up, the build or a measurement fails. A bar that is missed is no error.
pub(crate) fn bench_ui() -> Result<()> {
    setup(Purpose::Test)?;
    build_ui()?;
    let packages = ["--package", "rejoin-desktop", "--package", "rejoin-server", "--bins"];
    let release = [["build", "--release"].as_slice(), &packages].concat();
    program_step("app: release build", &mut cargo(release))?;
    // What else runs takes its part of the cores, and explains what is slow.
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().map(|load| format!(", with a load of {load} before"));
    let load = load.unwrap_or_default();
    let table = step("measurements", || {
        let display = Display::start()?;
        let mut bench = cargo(["run", "--package", "rejoin-window-tests", "--bin", "bench-ui"]);
        bench.env("REJOIN_PROGRAMS", target_folder()?.join("release"));
        output(on_display(&mut bench, &display))
    })?;
    let cores = std::thread::available_parallelism()?;
    let text = format!("{HEAD}\nMeasured on {cores} cores{load}.\n\n{table}");
    fs::write(RESULTS, &text).with_context(|| format!("cannot write {RESULTS}"))?;
    eprintln!("\n{table}");
    Ok(())
}
