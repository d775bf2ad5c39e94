//! Every source file: its head, its size, its names, and in the pure crates what it calls.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::step::output;

/// The most lines that a file may have without its tests.
const LONGEST: usize = 800;

/// Words that say nothing about what a thing is.
const EMPTY_WORDS: &[&str] = &["Manager", "Helper", "Util", "Service"];

/// Sources without input, output, clock and randomness.
const PURE: &[&str] =
    &["crates/columnar/src/", "crates/document/src/", "crates/sync/src/", "crates/notes/src/"];

/// Calls that the pure sources receive as arguments instead.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime::now",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "File::open",
    "OsRng",
    "ThreadRng",
    "rand::rng(",
    "rand::random",
    "thread_rng",
    "getrandom",
    "RandomState::new",
];

/// Reads every source file that git tracks or would track.
///
/// # Errors
///
/// When git or the files cannot be read.
pub(super) fn check() -> Result<Vec<String>> {
    let listed = output(Command::new("git").args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "*.rs",
        "*.ts",
        "*.svelte",
    ]))?;
    let mut findings = Vec::new();
    for path in listed.lines().filter(|path| Path::new(path).is_file()) {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
        findings.extend(of_file(path, &text));
    }
    findings.extend(code_map()?);
    Ok(findings)
}

/// What is wrong with one file.
fn of_file(path: &str, text: &str) -> Vec<String> {
    let mut findings = Vec::new();
    let rust = path.ends_with(".rs");
    let code = if is_test_file(path) { "" } else { without_tests(text) };
    let lines = code.lines().count();
    if lines > LONGEST {
        findings.push(format!("{path}: {lines} lines without tests, more than {LONGEST}"));
    }
    if !rust {
        return findings;
    }
    if !text.starts_with("//!") {
        findings.push(format!("{path}: does not begin with `//!` and what the file is"));
    }
    // What several test files share has to be called so, or Cargo takes it for a test of its own.
    if path.ends_with("/mod.rs") && !path.ends_with("/tests/common/mod.rs") {
        findings.push(format!("{path}: a module is named after its file, not `mod.rs`"));
    }
    for (number, line) in text.lines().enumerate() {
        let place = format!("{path}:{}", number + 1);
        if let Some(name) = defined_name(line)
            && let Some(reason) = bad_name(name)
        {
            findings.push(format!("{place}: `{name}` {reason}"));
        }
        if line.trim_start().starts_with(concat!("#[", "ignore")) {
            findings.push(format!("{place}: a test is ignored"));
        }
    }
    if PURE.iter().any(|start| path.starts_with(start)) {
        findings.extend(impure_calls(path, code));
    }
    findings
}

fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.ends_with("/tests.rs")
        || path.ends_with("/test_support.rs")
        || path.ends_with(".test.ts")
}

/// The part of a file before its tests, which come last.
fn without_tests(text: &str) -> &str {
    let start =
        text.find("#[cfg(test)]\nmod ").or_else(|| text.find("#[cfg(test)]\npub(crate) mod "));
    start.map_or(text, |start| &text[..start])
}

/// The name that a line defines as a type, trait, module or function.
fn defined_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| {
        word.starts_with("pub") || matches!(*word, "async" | "const" | "in" | "crate)" | "super)")
    });
    if !matches!(words.next()?, "struct" | "enum" | "trait" | "mod" | "type" | "fn" | "union") {
        return None;
    }
    let name = words.next()?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    (end > 0).then(|| &name[..end])
}

/// Why a name is not one of ours.
fn bad_name(name: &str) -> Option<&'static str> {
    let lower_words = name.split('_').map(|word| word.trim_end_matches('s'));
    let snake =
        lower_words.clone().any(|word| matches!(word, "manager" | "helper" | "util" | "service"));
    if snake || EMPTY_WORDS.iter().any(|word| has_word(name, word)) {
        return Some("says nothing; name what it is");
    }
    let numbered = name.strip_suffix(['2', '3']).is_some_and(|stem| {
        stem.ends_with(|c: char| c.is_alphabetic() || c == '_') && !stem.ends_with(['v', 'V'])
    });
    let versioned = name.ends_with("_v2") || name.ends_with("_v3");
    let dated = ["Old", "Legacy"].iter().any(|word| name.starts_with(word) && has_word(name, word))
        || name.starts_with("legacy_");
    (numbered || versioned && name.len() > 12 || dated)
        .then_some("is a generation; replace the earlier one instead")
}

/// Whether a camel-case name contains this word, and not merely its letters.
fn has_word(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let rest = name[at + word.len()..].trim_start_matches('s');
        rest.is_empty() || rest.starts_with(|c: char| c.is_uppercase() || c == '_')
    })
}

fn impure_calls(path: &str, code: &str) -> Vec<String> {
    let lines = code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines
        .filter_map(|(number, line)| {
            let call = IMPURE.iter().find(|call| line.contains(*call))?;
            Some(format!("{path}:{}: `{call}` in a crate that takes it as an argument", number + 1))
        })
        .collect()
}

/// The code map names every crate.
fn code_map() -> Result<Vec<String>> {
    let map = fs::read_to_string("ARCHITECTURE.md").context("cannot read ARCHITECTURE.md")?;
    let mut findings = Vec::new();
    for entry in fs::read_dir("crates")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !map.contains(&format!("`crates/{name}`")) {
            findings.push(format!("ARCHITECTURE.md does not name `crates/{name}`"));
        }
    }
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_a_head_on_every_rust_file() {
        assert_eq!(of_file("a/b.rs", "//! What it is.\n"), Vec::<String>::new());
        assert_eq!(of_file("a/b.rs", "fn f() {}\n").len(), 1);
        assert_eq!(of_file("a/b.ts", "let f;\n"), Vec::<String>::new());
    }

    #[test]
    fn counts_lines_without_tests() {
        let long = format!("//! Long.\n{}", "// x\n".repeat(LONGEST));
        assert_eq!(of_file("a/b.rs", &long).len(), 1);
        assert!(of_file("a/tests/b.rs", &long).is_empty());
        let tests = format!("//! Short.\n#[cfg(test)]\nmod tests {{\n{}}}\n", "// x\n".repeat(900));
        assert!(of_file("a/b.rs", &tests).is_empty());
    }

    #[test]
    fn refuses_empty_names_and_generations() {
        for name in
            ["SyncManager", "TextUtils", "string_helpers", "OpSet2", "op_set2", "LegacyChange"]
        {
            assert!(bad_name(name).is_some(), "{name} was accepted");
        }
        for name in
            ["Utf16", "Leb128", "MessageV2", "Sha256", "OldestNode", "Serviced", "encode_v2"]
        {
            assert!(bad_name(name).is_none(), "{name} was refused");
        }
    }

    #[test]
    fn finds_what_a_line_defines() {
        assert_eq!(defined_name("pub(crate) struct Hub {"), Some("Hub"));
        assert_eq!(defined_name("    pub async fn run(self) {"), Some("run"));
        assert_eq!(defined_name("impl Hub {"), None);
    }

    #[test]
    fn finds_the_clock_in_pure_crates_only() {
        let text = "//! Head.\nlet now = Instant::now();\n";
        assert_eq!(of_file("crates/sync/src/hub.rs", text).len(), 1);
        assert!(of_file("crates/repo/src/driver.rs", text).is_empty());
        let test = "//! Head.\n#[cfg(test)]\nmod tests {\nInstant::now();\n}\n";
        assert!(of_file("crates/sync/src/hub.rs", test).is_empty());
    }
}
