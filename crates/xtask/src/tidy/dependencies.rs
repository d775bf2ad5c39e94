//! The direction of dependencies: which crate may use which, and where the large outside crates may come in.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::step::{cargo, output};

/// What each crate of ours may depend on among ours. Tests (dev-dependencies) may use anything.
const ALLOWED: &[(&str, &[&str])] = &[
    ("rejoin-columnar", &[]),
    ("rejoin-document", &["rejoin-columnar"]),
    ("rejoin-derive", &[]),
    ("rejoin-sync", &["rejoin-document"]),
    ("rejoin-storage", &[]),
    ("rejoin-websocket", &[]),
    ("rejoin-notes", &["rejoin-document"]),
    ("rejoin-repo", &["rejoin-document", "rejoin-storage", "rejoin-sync", "rejoin-websocket"]),
    ("rejoin-folder", &["rejoin-document", "rejoin-notes", "rejoin-repo", "rejoin-storage"]),
    (
        "rejoin-server",
        &["rejoin-document", "rejoin-repo", "rejoin-storage", "rejoin-sync", "rejoin-websocket"],
    ),
    (
        "rejoin-cli",
        &[
            "rejoin-document",
            "rejoin-folder",
            "rejoin-notes",
            "rejoin-repo",
            "rejoin-storage",
            "rejoin-sync",
            "rejoin-websocket",
        ],
    ),
    (
        "rejoin-desktop",
        &[
            "rejoin-document",
            "rejoin-folder",
            "rejoin-notes",
            "rejoin-repo",
            "rejoin-storage",
            "rejoin-sync",
            "rejoin-websocket",
        ],
    ),
    ("rejoin-simulator", &["rejoin-document", "rejoin-notes", "rejoin-storage", "rejoin-sync"]),
    ("rejoin-seeds", &[]),
    ("xtask", &[]),
];

/// Packages of tests only: they may depend on everything, and nothing may depend on them.
const TESTS: &[&str] = &["rejoin-tests", "rejoin-window-tests"];

/// Outside crates by the start of their name, and the only crates of ours that may use them.
const CONFINED: &[(&str, &[&str])] = &[
    (
        "tokio",
        &[
            "rejoin-websocket",
            "rejoin-repo",
            "rejoin-folder",
            "rejoin-server",
            "rejoin-cli",
            "rejoin-desktop",
        ],
    ),
    ("tauri", &["rejoin-desktop"]),
    ("webkit2gtk", &["rejoin-desktop"]),
    ("rusqlite", &["rejoin-storage"]),
];

/// Crates without input, output, clock and randomness, and outside crates that would bring them in.
const PURE: &[&str] = &["rejoin-columnar", "rejoin-document", "rejoin-sync", "rejoin-notes"];
const IMPURE: &[&str] = &[
    "rand",
    "getrandom",
    "uuid",
    "chrono",
    "time",
    "async-std",
    "smol",
    "tempfile",
    "tracing-subscriber",
];

/// Compares the workspace's manifests with the lists above.
///
/// # Errors
///
/// When cargo cannot say what depends on what.
pub(super) fn check() -> Result<Vec<String>> {
    let text = output(&mut cargo(["metadata", "--no-deps", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo's metadata is not JSON")?;
    let packages = metadata["packages"].as_array().context("cargo's metadata has no packages")?;
    Ok(packages.iter().flat_map(of_package).collect())
}

fn of_package(package: &Value) -> Vec<String> {
    let name = package["name"].as_str().unwrap_or_default();
    let used = package["dependencies"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
        .filter_map(|dependency| dependency["name"].as_str());
    let mut findings: Vec<String> = used.filter_map(|used| objection(name, used)).collect();
    if !TESTS.contains(&name) && !ALLOWED.iter().any(|(known, _)| *known == name) {
        findings.push(format!(
            "{name}: not in the list of crates of `cargo xtask tidy`; say what it may use"
        ));
    }
    findings
}

/// Why crate `name` may not use crate `used`, if so.
fn objection(name: &str, used: &str) -> Option<String> {
    if TESTS.contains(&name) {
        return None;
    }
    let ours = ALLOWED.iter().any(|(known, _)| *known == used) || TESTS.contains(&used);
    let allowed =
        ALLOWED.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, list)| list);
    if ours && !allowed.contains(&used) {
        return Some(format!(
            "{name} may not depend on {used}: the direction of dependencies is fixed"
        ));
    }
    for (start, users) in CONFINED {
        if used.starts_with(start) && !users.contains(&name) {
            return Some(format!("{name} may not depend on {used}: only {} may", users.join(", ")));
        }
    }
    (PURE.contains(&name) && IMPURE.contains(&used)).then(|| {
        format!("{name} may not depend on {used}: it has no clock, randomness, input or output")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allows_the_written_direction_only() {
        assert_eq!(objection("rejoin-sync", "rejoin-document"), None);
        assert!(objection("rejoin-document", "rejoin-sync").is_some());
        assert!(objection("rejoin-storage", "rejoin-document").is_some());
        assert!(objection("rejoin-folder", "rejoin-server").is_some());
    }

    #[test]
    fn keeps_outside_crates_where_they_belong() {
        assert_eq!(objection("rejoin-repo", "tokio"), None);
        assert!(objection("rejoin-notes", "tokio").is_some());
        assert!(objection("rejoin-server", "tauri").is_some());
        assert!(objection("rejoin-document", "rand").is_some());
    }
}
