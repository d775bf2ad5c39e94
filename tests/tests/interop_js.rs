//! Automerge in JavaScript and our engine read each other's files.
//!
//! Random documents go both ways: the script in `js/` writes some, whose heads, values, conflicts,
//! texts, marks and spans must be read here as they are there; and it reads ours, edits them and
//! gives them back. Node and npm are needed; the packages are installed when they are missing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use rejoin_document::{
    Change, Document, LoadOptions, ObjId, ObjType, PatchLog, ScalarValue, Span, TextUnit, Value,
    View,
};
use rejoin_seeds::fresh_seeds;
use rejoin_tests::program::Kinds;
use rejoin_tests::random::generator;
use rejoin_tests::{generate, lockstep};
use serde_json::{Map, Value as Json, json};

const PROGRAMS: u64 = 240;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("js")
}

/// Installs what the lock file says, unless it is there.
fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        if folder().join("node_modules/@automerge/automerge/package.json").exists() {
            return;
        }
        let npm = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(folder())
            .status()
            .expect("npm is needed for the tests against JavaScript");
        assert!(npm.success(), "npm ci failed in {}", folder().display());
    });
}

fn script(arguments: &[&str]) {
    install();
    let output = Command::new("node")
        .arg("interop.mjs")
        .args(arguments)
        .current_dir(folder())
        .output()
        .expect("node is needed for the tests against JavaScript");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_javascript_writes_reads_the_same_here() {
    let files = tempfile::tempdir().unwrap();
    let seeds: Vec<u64> = fresh_seeds(PROGRAMS).collect();
    let count = seeds.len().to_string();
    script(&["write", &seeds[0].to_string(), &count, files.path().to_str().unwrap()]);
    for (index, seed) in seeds.iter().enumerate() {
        let read = |end: &str| std::fs::read(files.path().join(format!("{index}.{end}"))).unwrap();
        let expected: Json = serde_json::from_slice(&read("json")).unwrap();
        let document = Document::load(&read("am"), LoadOptions::default())
            .unwrap_or_else(|error| panic!("SEED={seed}: {error}"));
        compare(&format!("SEED={seed}: loaded"), &expected, &document);

        let mut document = Document::new();
        for change in packed(&read("changes")) {
            let change =
                Change::parse(change).unwrap_or_else(|error| panic!("SEED={seed}: {error}"));
            document.apply([change], &mut PatchLog::inactive()).unwrap();
        }
        compare(&format!("SEED={seed}: change by change"), &expected, &document);
        let again = Document::load(&document.save(), LoadOptions::default()).unwrap();
        compare(&format!("SEED={seed}: reloaded"), &expected, &again);
    }
}

#[test]
fn what_we_write_reads_the_same_in_javascript() {
    let files = tempfile::tempdir().unwrap();
    // JavaScript does not read values of unknown types.
    let kinds = Kinds { ragged: false, unknown: false, ..Kinds::ALL };
    let mut written = Vec::new();
    for seed in fresh_seeds(PROGRAMS) {
        let mut rng = generator(seed);
        let program = generate::program(&mut rng, kinds, 5 + (seed % 4) as usize * 8);
        // A program on which Automerge in Rust panics has no document to show.
        let made = std::panic::catch_unwind(|| lockstep::document(&program));
        let Ok(made) = made else { continue };
        let document = made.unwrap_or_else(|divergence| panic!("SEED={seed}: {divergence:?}"));
        std::fs::write(files.path().join(format!("{seed}.in.am")), document.save()).unwrap();
        written.push((seed, document));
    }
    assert!(written.len() as u64 * 20 >= PROGRAMS * 19 || written.len() < 10);
    script(&["read", files.path().to_str().unwrap()]);
    for (seed, document) in written {
        let read = |end: &str| std::fs::read(files.path().join(format!("{seed}.{end}"))).unwrap();
        let there: Json = serde_json::from_slice(&read("out.json")).unwrap();
        assert!(there["error"].is_null(), "SEED={seed}: {there}");
        compare(&format!("SEED={seed}: there"), &there, &document);

        let edited: Json = serde_json::from_slice(&read("edited.json")).unwrap();
        let back = Document::load(&read("edited.am"), LoadOptions::default()).unwrap();
        compare(&format!("SEED={seed}: edited there"), &edited, &back);
        let mut document = document;
        document.load_incremental(&read("edited.am"), &mut PatchLog::inactive()).unwrap();
        compare(&format!("SEED={seed}: edited there and merged here"), &edited, &document);
    }
}

/// Pieces that are each preceded by their length in four bytes.
fn packed(bytes: &[u8]) -> Vec<&[u8]> {
    let mut rest = bytes;
    let mut found = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (piece, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        found.push(piece);
        rest = after;
    }
    found
}

fn compare(what: &str, expected: &Json, document: &Document) {
    let mut heads: Vec<String> = document.heads().iter().map(ToString::to_string).collect();
    heads.sort();
    assert_eq!(expected["heads"], json!(heads), "{what}: heads");
    let found = described(&document.view(), ObjId::ROOT, ObjType::Map, true);
    if let Some(place) = difference("", &expected["value"], &found) {
        panic!("{what}: {place}");
    }
}

/// The first place where two descriptions differ.
fn difference(path: &str, there: &Json, here: &Json) -> Option<String> {
    match (there, here) {
        (Json::Object(a), Json::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().find_map(|(key, a)| difference(&format!("{path}/{key}"), a, &b[key]))
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(index, (a, b))| difference(&format!("{path}/{index}"), a, b)),
        _ if there == here => None,
        _ => Some(format!("{path}: in JavaScript {there}, here {here}")),
    }
}

/// An object as the script describes it, which cannot name what lies under an empty key.
fn described(view: &View<'_>, obj: ObjId, kind: ObjType, has_path: bool) -> Json {
    let entry = |values: Vec<(Value, ObjId)>, has_path: bool| {
        let mut entry = Map::new();
        let value = match &values.last().unwrap().0 {
            Value::Object(kind, id) => described(view, *id, *kind, has_path),
            Value::Scalar(value) => json!(leaf(value)),
        };
        entry.insert("value".into(), value);
        if values.len() > 1 {
            let conflicts: Map<String, Json> = values
                .iter()
                .map(|(value, id)| (view.object_text(*id).unwrap(), plain(view, value)))
                .collect();
            entry.insert("conflicts".into(), conflicts.into());
        }
        Json::Object(entry)
    };
    match kind {
        ObjType::Map | ObjType::Table => {
            let keys = view.keys(obj).unwrap();
            let entries: Map<String, Json> = keys
                .into_iter()
                .map(|key| {
                    let values = view.get_all_with_ids(obj, key.as_str()).unwrap();
                    let has_path = has_path && !key.is_empty();
                    (key, entry(values, has_path))
                })
                .collect();
            json!({ "map": entries })
        }
        ObjType::List => {
            let length = view.length(obj, TextUnit::Utf16).unwrap();
            let items: Vec<Json> = (0..length)
                .map(|index| entry(view.get_all_with_ids(obj, index).unwrap(), has_path))
                .collect();
            json!({ "list": items })
        }
        ObjType::Text if !has_path => {
            json!({ "text": view.text(obj).unwrap(), "marks": [], "spans": [] })
        }
        ObjType::Text => {
            let marks = view.marks(obj, TextUnit::Utf16).unwrap();
            let mut marks: Vec<String> = marks
                .iter()
                .map(|mark| {
                    let (start, end) = (mark.range.start, mark.range.end);
                    format!("{start} {end} {} {}", mark.name, leaf(&mark.value))
                })
                .collect();
            // JavaScript compares strings by UTF-16 units; these are ASCII but for equal values.
            marks.sort();
            let spans: Vec<String> = view.spans(obj).unwrap().iter().map(span).collect();
            json!({ "text": view.text(obj).unwrap(), "marks": marks, "spans": spans })
        }
    }
}

fn span(span: &Span) -> String {
    match span {
        Span::Block(_) => "block".into(),
        Span::Text { text, marks } => {
            let marks: Map<String, Json> =
                marks.iter().map(|(name, value)| (name.clone(), json!(leaf(value)))).collect();
            format!("{text} {}", Json::Object(marks))
        }
    }
}

/// A value without its conflicts, in which both kinds of strings are alike.
fn plain(view: &View<'_>, value: &Value) -> Json {
    let get = |values: Vec<Value>| plain(view, values.last().unwrap());
    match value {
        Value::Scalar(ScalarValue::Str(text)) => json!({ "text": text }),
        Value::Scalar(value) => json!(leaf(value)),
        Value::Object(ObjType::Text, id) => json!({ "text": view.text(*id).unwrap() }),
        Value::Object(ObjType::List, id) => {
            let values = view.list_values(*id).unwrap();
            json!({ "list": values.iter().map(|value| plain(view, value)).collect::<Vec<_>>() })
        }
        Value::Object(ObjType::Map | ObjType::Table, id) => {
            let keys = view.keys(*id).unwrap();
            let entries: Map<String, Json> = keys
                .into_iter()
                .map(|key| {
                    let value = get(view.get_all(*id, key.as_str()).unwrap());
                    (key, value)
                })
                .collect();
            json!({ "map": entries })
        }
    }
}

/// A scalar as the script writes it. JavaScript has one type of number for several of ours.
fn leaf(value: &ScalarValue) -> String {
    const SAFE: f64 = 9_007_199_254_740_991.0;
    match value {
        ScalarValue::Null => "null".into(),
        ScalarValue::Bool(value) => format!("bool {value}"),
        ScalarValue::Int(value) => format!("num {value}"),
        ScalarValue::Uint(value) => format!("num {value}"),
        ScalarValue::F64(value) if value.fract() == 0.0 && value.abs() <= SAFE => {
            format!("num {}", *value as i64)
        }
        ScalarValue::F64(value) => format!("f64 {:016x}", value.to_bits()),
        ScalarValue::Str(value) => format!("str {value}"),
        ScalarValue::Bytes(value) => {
            let hex: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("bytes {hex}")
        }
        ScalarValue::Counter(value) => format!("counter {value}"),
        ScalarValue::Timestamp(value) => format!("timestamp {value}"),
        ScalarValue::Unknown { code, bytes } => format!("unknown {code} {bytes:?}"),
    }
}
