//! Replays the fuzzer's seeds and past crashes.

#[path = "../../../fuzz/src/documents.rs"]
pub mod documents;

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = format!("{}/../../fuzz/corpus/{target}", env!("CARGO_MANIFEST_DIR"));
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = entry.expect("the folder can be listed").path();
        eprintln!("{}", path.display());
        check(&std::fs::read(path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed > 0);
}

#[test]
fn bytes_to_load_hold_all_checks() {
    replay("load", documents::load);
}

#[test]
fn changes_to_apply_hold_all_checks() {
    replay("apply_change", documents::apply_change);
}
