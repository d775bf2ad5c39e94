//! Real documents by others: equal heads, values and hashes as Automerge reads them, or the same
//! refusal; through a save and a reload, and through the plain decoder in Python.
//!
//! The files are found through `REJOIN_DATA`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::process::Command;

use automerge::{AutoCommit, LoadOptions as TheirOptions, ReadDoc, TextEncoding};
use rejoin_document::{Document, LoadOptions, PatchLog};
use rejoin_tests::program::Unit;
use rejoin_tests::tree::difference;
use rejoin_tests::{data, reference, subject};

const CORPUS: &[&str] = &[
    "brave-ape-49.automerge",
    "monday-meeting-notes.automerge",
    "stephen.amrg",
    "S1.am",
    "A1.am",
    "moby-dick.automerge",
    "essay.amrg",
];

/// Fixtures that load.
const GOOD: &[&str] = &[
    "counter_value_is_ok.automerge",
    "exemplar.automerge",
    "two_change_chunks.automerge",
    "two_change_chunks_compressed.automerge",
    "two_change_chunks_out_of_order.automerge",
];

/// Fixtures that are refused: ids above 32 bits, a mark that ends before it begins, values whose
/// bytes are not what their length says.
const BAD: &[&str] = &[
    "64bit_obj_id_change.automerge",
    "64bit_obj_id_doc.automerge",
    "broken_zero_width_mark.automerge",
    "counter_value_has_incorrect_meta.automerge",
    "counter_value_is_overlong.automerge",
];

fn theirs(bytes: &[u8]) -> Result<AutoCommit, automerge::AutomergeError> {
    AutoCommit::load_with_options(
        bytes,
        TheirOptions::new().text_encoding(TextEncoding::Utf16CodeUnit),
    )
}

#[test]
fn real_files_read_as_automerge_reads_them() {
    for name in CORPUS {
        if let Some(bytes) = data::read(&format!("corpus/{name}")) {
            compare(name, &bytes);
        }
    }
}

#[test]
fn good_fixtures_read_as_automerge_reads_them() {
    for name in GOOD {
        if let Some(bytes) = data::read(&format!("automerge-fixtures/{name}")) {
            compare(name, &bytes);
        }
    }
}

#[test]
fn change_chunks_without_a_document_chunk_load_in_any_order() {
    for name in GOOD.iter().filter(|name| name.starts_with("two_change_chunks")) {
        let Some(bytes) = data::read(&format!("automerge-fixtures/{name}")) else { return };
        let document = Document::load(&bytes, LoadOptions::default()).unwrap();
        let view = document.view();
        let Some(rejoin_document::Value::Object(_, inner)) =
            view.get(rejoin_document::ObjId::ROOT, "a").unwrap()
        else {
            panic!("{name}: no object under a");
        };
        assert_eq!(
            view.get(inner, "a").unwrap(),
            Some(rejoin_document::Value::Scalar("b".into())),
            "{name}"
        );
    }
}

#[test]
fn broken_fixtures_are_refused() {
    for name in BAD {
        let Some(bytes) = data::read(&format!("automerge-fixtures/{name}")) else { return };
        assert!(Document::load(&bytes, LoadOptions::default()).is_err(), "{name} was accepted");
        let mut document = Document::new();
        let before = document.save();
        let loaded = document.load_incremental(&bytes, &mut PatchLog::inactive());
        assert!(loaded.is_err(), "{name} was accepted as an addition");
        assert_eq!(document.save(), before, "{name} changed the document");
    }
}

#[test]
fn the_exemplar_has_its_published_head() {
    let Some(bytes) = data::read("automerge-fixtures/exemplar.automerge") else { return };
    let document = Document::load(&bytes, LoadOptions::default()).unwrap();
    assert_eq!(
        document.heads().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["3df6f946d47c57c7fa84fccc3f72c2301c94d6c7d3a79bb6267c315b3d2d364c"]
    );
}

#[test]
fn a_sync_message_is_not_a_document() {
    let Some(bytes) = data::read("corpus/slowSyncMessage.amrgsync") else { return };
    assert!(Document::load(&bytes, LoadOptions::default()).is_err());
}

#[test]
fn the_plain_decoder_finds_our_heads_in_what_we_save() {
    let Some(decoder) = data::path("tools/am.py") else { return };
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<String> = CORPUS
        .iter()
        .map(|name| format!("corpus/{name}"))
        .chain(GOOD.iter().map(|name| format!("automerge-fixtures/{name}")))
        .collect();
    // The decoder is slow on purpose: two at a time.
    std::thread::scope(|scope| {
        let decode = |part: Vec<&String>| {
            for name in part {
                check_with_decoder(name, &decoder, folder.path());
            }
        };
        let (even, odd): (Vec<_>, Vec<_>) =
            names.iter().enumerate().partition(|(index, _)| index % 2 == 0);
        scope.spawn(move || decode(even.into_iter().map(|(_, name)| name).collect()));
        decode(odd.into_iter().map(|(_, name)| name).collect());
    });
}

fn check_with_decoder(name: &str, decoder: &std::path::Path, folder: &std::path::Path) {
    let bytes = data::read(name).unwrap();
    let document = Document::load(&bytes, LoadOptions::default()).unwrap();
    let file = folder.join(name.replace('/', "-"));
    std::fs::write(&file, document.save()).unwrap();
    let output = Command::new("python3").arg(decoder).arg(&file).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(printed.contains("heads match True"), "{name}: {printed}");
    let stored = printed
        .lines()
        .find_map(|line| line.trim().strip_prefix("heads "))
        .filter(|line| !line.starts_with("match"))
        .unwrap_or_default();
    let ours: Vec<String> = document.heads().iter().map(ToString::to_string).collect();
    assert_eq!(stored, ours.join(" "), "{name}");
}

/// Loads on both sides, compares everything, saves, reloads and compares the hashes.
fn compare(name: &str, bytes: &[u8]) {
    let mut theirs = theirs(bytes).unwrap_or_else(|error| panic!("{name}: automerge: {error}"));
    let ours = Document::load(bytes, LoadOptions::default())
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let heads = subject::hashes(&theirs.get_heads());
    assert_eq!(ours.heads(), heads, "{name}: heads");
    let expected = reference::tree(&theirs, None, false);
    let found = subject::tree(&ours.view(), Unit::Utf16, false);
    if let Some(found) = difference(name, &expected, &found) {
        panic!("{}", found.chars().take(4000).collect::<String>());
    }

    let changes = theirs.get_changes(&[]);
    assert_eq!(ours.change_count(), changes.len(), "{name}: number of changes");
    for change in &changes {
        let hash = subject::hash(change.hash());
        let mine = ours.change(&hash).unwrap_or_else(|| panic!("{name}: we lack {hash}"));
        assert_eq!(mine.bytes(), change.raw_bytes(), "{name}: the bytes of {hash}");
    }

    let saved = ours.save();
    let again = Document::load(&saved, LoadOptions::default())
        .unwrap_or_else(|error| panic!("{name}: our own save: {error}"));
    assert_eq!(again.heads(), heads, "{name}: heads after a reload");
    assert!(changes.iter().all(|change| again.has_change(&subject::hash(change.hash()))));
    let reloaded = subject::tree(&again.view(), Unit::Utf16, false);
    assert_eq!(found, reloaded, "{name}: the value after a reload");
    assert_eq!(again.save(), saved, "{name}: a second save differs from the first");

    let mut back = AutoCommit::load_with_options(
        &saved,
        TheirOptions::new().text_encoding(TextEncoding::Utf16CodeUnit),
    )
    .unwrap_or_else(|error| panic!("{name}: automerge cannot read our save: {error}"));
    assert_eq!(subject::hashes(&back.get_heads()), heads, "{name}: heads of our save there");
    assert_eq!(back.stats().num_ops, theirs.stats().num_ops, "{name}: number of operations");
    let theirs = theirs.save().len();
    println!("{name}: {} changes, {theirs} bytes, ours {}", changes.len(), saved.len());
    assert!(saved.len() <= theirs + theirs / 100, "{name}: {} bytes, {theirs} there", saved.len());
}
