//! Random programs of edits run on Automerge and on our engine in lock step.
//!
//! Both must be equal after every step: the bytes of each change, heads, values, conflicts, texts,
//! marks and blocks, now and at older heads; at the end each reads the other's save and changes.
//! `SEED=n` replays one program, `ITERATIONS=n` sets their number, `KINDS=maps,text` (any fields of
//! `Kinds`) restricts what the programs do, `FAILURES=n` goes on to the n-th failure. A failing
//! program is shrunk before it is reported.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use rejoin_seeds::fresh_seeds;
use rejoin_tests::generate;
use rejoin_tests::lockstep::{self, Outcome};
use rejoin_tests::program::{Kinds, Program};
use rejoin_tests::random::generator;
use rejoin_tests::shrink::shrink;

const BASIC: Kinds =
    Kinds { lists: true, text: true, counters: true, nested: true, rollbacks: true, ..Kinds::MAPS };
const MERGING: Kinds =
    Kinds { merges: true, partial: true, old_heads: true, reload: true, ..BASIC };

#[test]
fn one_writer_of_maps() {
    check("one_writer_of_maps", Kinds::MAPS, 100);
}

#[test]
fn one_writer_of_all_types() {
    check("one_writer_of_all_types", BASIC, 300);
}

#[test]
fn several_writers() {
    check("several_writers", MERGING, 600);
}

#[test]
fn several_writers_with_odd_text_elements() {
    let kinds = Kinds { text_elements: true, ragged: true, ..MERGING };
    check("several_writers_with_odd_text_elements", kinds, 300);
}

#[test]
fn several_writers_with_marks_and_blocks() {
    let kinds = Kinds { marks: true, blocks: true, ..MERGING };
    check("several_writers_with_marks_and_blocks", kinds, 400);
}

#[test]
fn everything() {
    check("everything", Kinds::ALL, 600);
}

/// Runs programs over `kinds`; reports the first failure, made small.
fn check(test: &str, kinds: Kinds, runs: u64) {
    let kinds = kinds_from_environment().unwrap_or(kinds);
    std::panic::set_hook(Box::new(|_| ()));
    let wanted = std::env::var("FAILURES").map_or(1, |text| text.parse().unwrap());
    let mut failures = Vec::new();
    let (mut changes, mut operations, mut given_up, mut corrected) = (0, 0, 0, 0);
    for seed in fresh_seeds(runs) {
        let mut rng = generator(seed);
        let steps = 5 + (seed % 8) as usize * 8;
        let program = generate::program(&mut rng, kinds, steps);
        match lockstep::run(&program, kinds.ragged) {
            Ok(Outcome::Equal { changes: made, operations: written, corrected: repaired }) => {
                corrected += usize::from(repaired > 0);
                changes += made;
                operations += written;
            }
            Ok(Outcome::TheirsPanicked(_)) => given_up += 1,
            Err(_) => failures.push(report(test, seed, &program, kinds)),
        }
        if failures.len() >= wanted {
            break;
        }
    }
    let _ = std::panic::take_hook();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    println!(
        "{test}: {changes} changes, {operations} operations; automerge panicked in {given_up} \
         programs and was at odds with its own save in {corrected}"
    );
    assert!(corrected as u64 * 20 <= runs, "automerge was at odds with itself in {corrected}");
    assert!(given_up * 20 <= runs, "automerge panicked on {given_up} of {runs} programs");
}

fn report(test: &str, seed: u64, program: &Program, kinds: Kinds) -> String {
    let small = shrink(program, |program| lockstep::run(program, kinds.ragged).is_err());
    let what = match lockstep::run(&small, kinds.ragged) {
        Err(divergence) => format!("at step {}: {}", divergence.step, divergence.what),
        Ok(outcome) => {
            format!("no failure after shrinking ({outcome:?}): the run is not repeatable")
        }
    };
    let steps: String =
        small.steps.iter().enumerate().map(|(at, step)| format!("  {at}: {step:?}\n")).collect();
    format!("{test}: SEED={seed} unit {:?}\n{steps}  {what}", small.unit)
}

/// `KINDS=maps,text,merges`: only these.
fn kinds_from_environment() -> Option<Kinds> {
    let names = std::env::var("KINDS").ok()?;
    let mut kinds = Kinds { maps: false, ..Kinds::MAPS };
    for name in names.split(',') {
        let field = match name {
            "maps" => &mut kinds.maps,
            "lists" => &mut kinds.lists,
            "text" => &mut kinds.text,
            "counters" => &mut kinds.counters,
            "unknown" => &mut kinds.unknown,
            "nested" => &mut kinds.nested,
            "text_elements" => &mut kinds.text_elements,
            "ragged" => &mut kinds.ragged,
            "marks" => &mut kinds.marks,
            "blocks" => &mut kinds.blocks,
            "merges" => &mut kinds.merges,
            "partial" => &mut kinds.partial,
            "old_heads" => &mut kinds.old_heads,
            "reload" => &mut kinds.reload,
            "update_text" => &mut kinds.update_text,
            "cursors" => &mut kinds.cursors,
            "rollbacks" => &mut kinds.rollbacks,
            _ => panic!("KINDS: there is no {name}"),
        };
        *field = true;
    }
    Some(kinds)
}
