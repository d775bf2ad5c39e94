//! Replays the fuzzer's seeds and past crashes, and runs its checks on random input.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_seeds::seeds;

#[path = "../../../fuzz/src/changes.rs"]
pub mod changes;
#[path = "../../../fuzz/src/cursors.rs"]
pub mod cursors;
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

#[test]
fn changes_of_anybody_hold_all_checks() {
    replay("changes", changes::check);
}

#[test]
fn cursors_hold_all_checks() {
    replay("cursor", cursors::check);
}

#[test]
fn random_changes_of_anybody_hold_all_checks() {
    for seed in seeds(300) {
        let mut script = vec![0; 800];
        ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut script);
        changes::check(&script);
        cursors::check(&script);
    }
}
