//! Replays the fuzzer's seeds and past crashes.

#[path = "../../../fuzz/src/columns.rs"]
pub mod columns;

#[test]
fn bytes_that_the_fuzzer_starts_from_or_once_crashed_on_hold_all_checks() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/corpus/columns");
    let mut replayed = 0;
    for entry in std::fs::read_dir(folder).expect("the corpus is part of the repository") {
        let path = entry.expect("the folder can be listed").path();
        eprintln!("{}", path.display());
        columns::check(&std::fs::read(path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed > 0);
}
