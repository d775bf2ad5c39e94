//! Many stories of networks in trouble. `SEED=n` replays one; `ITERATIONS=n` plays n of them.

use rejoin_simulator::{Report, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn every_network_heals_and_keeps_its_promises() {
    if let Some(seed) = number("SEED") {
        let report = run(seed).unwrap_or_else(|failure| panic!("SEED={seed}: {failure}"));
        println!("SEED={seed}: {report:?}");
        return;
    }
    let first = number("FIRST").unwrap_or(0);
    let mut total = Report::default();
    for seed in first..first + number("ITERATIONS").unwrap_or(300) {
        let report = run(seed).unwrap_or_else(|failure| panic!("SEED={seed}: {failure}"));
        total.edits += report.edits;
        total.frames += report.frames;
        total.crashes += report.crashes;
        total.claims += report.claims;
        total.connections += report.connections;
        total.deletions += report.deletions;
        total.put_back += report.put_back;
        total.full_disks += report.full_disks;
        total.orphans += report.orphans;
        total.damaged += report.damaged;
    }
    println!("{total:?}");
}
