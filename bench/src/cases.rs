//! The cases: what is measured, by which libraries, and the bar that Rejoin is held to.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Trust};
use crate::engines::{automerge, diamond, loro, rejoin, yrs};
use crate::files::{self, NOTES};
use crate::meter::{heap_bytes, median, processor_ms, wall_us};
use crate::trace::{self, Patch};

/// What one process found.
#[derive(Serialize, Deserialize, Default)]
pub struct Sample {
    /// By metric: ms, us, bytes, kB, MB.
    pub values: BTreeMap<String, f64>,
    /// What must be equal among the libraries that read the same document.
    pub check: Option<String>,
}

/// One case and the lines that it gives in the table.
pub struct Row {
    pub case: String,
    pub engines: Vec<&'static str>,
    pub lines: Vec<Line>,
}

pub struct Line {
    pub title: String,
    pub metric: &'static str,
    pub bar: Bar,
}

/// What Rejoin may take at most.
pub enum Bar {
    /// So many times what the peer takes.
    Times(f64, &'static str),
    Absolute(f64),
    /// So many times what Rejoin itself takes in another case, which comes earlier.
    Flat(f64, &'static str),
    /// Nothing: measured for the record.
    None,
}

/// Medians by library and metric.
pub type Measured = BTreeMap<&'static str, BTreeMap<String, f64>>;

const ALL: [&str; 5] = ["rejoin", "automerge", "loro", "yrs", "diamond-types"];
const NO_YRS: [&str; 4] = ["rejoin", "automerge", "loro", "diamond-types"];
const PAIR: [&str; 2] = ["rejoin", "automerge"];

fn row(case: &str, engines: &[&'static str], lines: Vec<(&str, &'static str, Bar)>) -> Row {
    let line = |(title, metric, bar): (&str, &'static str, Bar)| Line {
        title: title.to_owned(),
        metric,
        bar,
    };
    Row {
        case: case.to_owned(),
        engines: engines.to_vec(),
        lines: lines.into_iter().map(line).collect(),
    }
}

/// Every case, in the order of the table.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (trace, one) in [
        ("automerge-paper", 0.5),
        ("rustcode", 1.0),
        ("seph-blog1", 1.0),
        ("sveltecomponent", 1.0),
        ("friendsforever_flat", 1.0),
    ] {
        let title = format!("replay {trace}, a commit per edit, ms");
        rows.push(row(
            &format!("replay-commits:{trace}"),
            &ALL,
            vec![(&title, "ms", Bar::Times(1.0, "loro"))],
        ));
        let title = format!("replay {trace}, one transaction, ms");
        rows.push(row(
            &format!("replay-one:{trace}"),
            &NO_YRS,
            vec![(&title, "ms", Bar::Times(one, "loro"))],
        ));
    }
    rows.push(row(
        "load:commits",
        &PAIR,
        vec![(
            "load automerge-paper saved with a commit per edit, hashes verified, text read, ms",
            "ms",
            Bar::Times(1.0 / 8.0, "automerge"),
        )],
    ));
    rows.push(row(
        "open:commits",
        &["rejoin", "loro", "yrs", "diamond-types"],
        vec![(
            "open automerge-paper from our own save (trusted), text read, ms",
            "ms",
            Bar::Times(2.0, "diamond-types"),
        )],
    ));
    rows.push(row(
        "load:one",
        &PAIR,
        vec![(
            "load the one-commit automerge-paper, hashes verified, text read, ms",
            "ms",
            Bar::Times(1.0 / 20.0, "automerge"),
        )],
    ));
    rows.push(row(
        "batch:changes",
        &PAIR,
        vec![(
            "apply all of automerge-paper's changes in one batch, ms",
            "ms",
            Bar::Times(1.0 / 15.0, "automerge"),
        )],
    ));
    for (trace, flat) in
        [("friendsforever_flat", false), ("automerge-paper", true), ("rustcode", true)]
    {
        let title = format!("receive one edit at the end of {trace}, us (median)");
        let grown =
            format!("the same beside friendsforever_flat (flat in document size), {trace}, us");
        let mut lines = vec![(title.as_str(), "us", Bar::Times(1.0, "loro"))];
        if flat {
            lines.push((grown.as_str(), "us", Bar::Flat(1.5, "receive:friendsforever_flat")));
        }
        rows.push(row(&format!("receive:{trace}"), &ALL, lines));
    }
    rows.push(row(
        "save:commits",
        &ALL,
        vec![
            (
                "save automerge-paper with a commit per edit, bytes",
                "bytes",
                Bar::Times(1.005, "automerge"),
            ),
            ("save automerge-paper with a commit per edit, ms", "ms", Bar::Times(0.6, "automerge")),
        ],
    ));
    rows.push(row(
        "memory:commits",
        &ALL,
        vec![(
            "memory held by automerge-paper with a commit per edit, MB",
            "MB",
            Bar::Times(1.0 / 3.0, "automerge"),
        )],
    ));
    rows.push(row(
        "notes:all",
        &ALL,
        vec![
            ("10,000 loaded notes of 1,000 characters, us each", "us", Bar::Absolute(20.0)),
            ("10,000 loaded notes of 1,000 characters, kB of heap each", "kB", Bar::Absolute(6.0)),
        ],
    ));
    rows.push(row(
        "merge:branches",
        &ALL,
        vec![(
            "merge two branches, 10,000 random edits each on 50,000 characters, text read, ms",
            "ms",
            Bar::Times(0.7, "diamond-types"),
        )],
    ));
    rows.push(row(
        "merge:memory",
        &ALL,
        vec![(
            "the same with both documents in memory (loro, yrs, diamond-types: bytes made and read), ms",
            "ms",
            Bar::Times(0.7, "diamond-types"),
        )],
    ));
    for (file, part) in [("essay.amrg", 6.0), ("moby-dick.automerge", 8.0), ("A1.am", 8.0)] {
        let title = format!("load {file}, hashes verified, text read, ms");
        rows.push(row(
            &format!("file:{file}"),
            &PAIR,
            vec![(&title, "ms", Bar::Times(1.0 / part, "automerge"))],
        ));
    }
    rows.extend(crate::sync::rows());
    rows
}

/// Measures a case with each of its libraries, in fresh processes.
pub fn run_row(row: &Row, files: &Path, runs: usize) -> Result<Measured> {
    let mut measured = Measured::new();
    let mut check: Option<(String, &str)> = None;
    for engine in &row.engines {
        if !row.case.starts_with("replay") && !row.case.starts_with("file") {
            files::ensure_prepared(engine, files)?;
            files::ensure_prepared("automerge", files)?;
        }
        let mut values: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let start = Instant::now();
        for run in 0..runs {
            // Slow libraries get fewer runs; their spread is small against their distance.
            if run > 0 && start.elapsed().as_secs() >= 8 {
                break;
            }
            let output = Command::new(std::env::current_exe()?)
                .args(["measure", engine, &row.case])
                .arg(files)
                .output()?;
            ensure!(
                output.status.success(),
                "{} {engine}: {}",
                row.case,
                String::from_utf8_lossy(&output.stderr)
            );
            let sample: Sample = serde_json::from_slice(&output.stdout)?;
            for (metric, value) in sample.values {
                values.entry(metric).or_default().push(value);
            }
            if let Some(found) = sample.check {
                match &check {
                    Some((expected, by)) => {
                        ensure!(*expected == found, "{}: {engine} and {by} differ", row.case);
                    }
                    None => check = Some((found, engine)),
                }
            }
        }
        let medians: BTreeMap<String, f64> =
            values.into_iter().map(|(metric, values)| (metric, median(&values))).collect();
        eprintln!("  {} {engine}: {medians:?}", row.case);
        measured.insert(engine, medians);
    }
    Ok(measured)
}

/// One measurement, in this process.
pub fn measure(engine: &str, case: &str, files: &Path) -> Result<Sample> {
    if let Some(case) = case.strip_prefix("sync:") {
        return crate::sync::measure(engine, case, files);
    }
    match engine {
        "rejoin" => measure_with::<rejoin::Rejoin>(
            engine,
            case,
            files,
            rejoin::apply_batch,
            rejoin::load_any,
        ),
        "automerge" => measure_with::<automerge::Automerge>(
            engine,
            case,
            files,
            automerge::apply_batch,
            automerge::load_any,
        ),
        "loro" => measure_with::<loro::Loro>(engine, case, files, none, none),
        "yrs" => measure_with::<yrs::Yrs>(engine, case, files, none, none),
        "diamond-types" => measure_with::<diamond::Diamond>(engine, case, files, none, none),
        other => bail!("unknown library {other}"),
    }
}

fn none(_: &[u8]) -> Result<String> {
    bail!("not a case for this library")
}

type Reader = fn(&[u8]) -> Result<String>;

fn measure_with<E: Engine>(
    engine: &str,
    case: &str,
    files: &Path,
    apply_batch: Reader,
    load_any: Reader,
) -> Result<Sample> {
    let (kind, argument) = case.split_once(':').context("a case has a kind and an argument")?;
    let mut sample = Sample::default();
    let mut report = |metric: &str, value: f64| {
        sample.values.insert(metric.to_owned(), value);
    };
    match kind {
        "replay-commits" | "replay-one" => {
            let trace = trace::read(argument)?;
            let mut document = E::create(1);
            let each = kind == "replay-commits";
            let (ms, ()) = processor_ms(|| document.replay(&trace.patches, each));
            ensure!(document.text() == trace.end, "another text");
            report("ms", ms);
        }
        // Rejoin reads what automerge wrote.
        "load" => {
            let bytes =
                std::fs::read(files::path("automerge", files, "automerge-paper", argument))?;
            let (ms, text) =
                processor_ms(|| E::load(&bytes, Trust::Verify, 2).map(|doc| (doc.text(), doc)));
            report("ms", ms);
            ensure!(text?.0 == files::end_text(files, "automerge-paper")?, "another text");
        }
        "open" => {
            let bytes = std::fs::read(files::path(engine, files, "automerge-paper", argument))?;
            let (ms, text) =
                processor_ms(|| E::load(&bytes, Trust::Own, 2).map(|doc| (doc.text(), doc)));
            report("ms", ms);
            ensure!(text?.0 == files::end_text(files, "automerge-paper")?, "another text");
        }
        "batch" => {
            let bytes =
                std::fs::read(files::path("automerge", files, "automerge-paper", argument))?;
            let (ms, text) = processor_ms(|| apply_batch(&bytes));
            report("ms", ms);
            ensure!(text? == files::end_text(files, "automerge-paper")?, "another text");
        }
        "receive" => report("us", receive::<E>(engine, argument, files)?),
        "save" => {
            let trace = trace::read("automerge-paper")?;
            let mut document = E::create(1);
            document.replay(&trace.patches, true);
            let times: Vec<(f64, Vec<u8>)> =
                (0..5).map(|_| processor_ms(|| document.save())).collect();
            let saved = &times[0].1;
            ensure!(E::load(saved, Trust::Verify, 2)?.text() == trace.end, "another text");
            report("bytes", saved.len() as f64);
            report("ms", median(&times.iter().map(|(ms, _)| *ms).collect::<Vec<_>>()));
        }
        "memory" => {
            let trace = trace::read("automerge-paper")?;
            let before = heap_bytes();
            let mut document = E::create(1);
            document.replay(&trace.patches, true);
            report("MB", (heap_bytes() - before) / 1e6);
            ensure!(document.text() == trace.end, "another text");
        }
        "notes" => {
            let bytes = std::fs::read(files::path(engine, files, "notes", argument))?;
            let mut documents = Vec::with_capacity(NOTES);
            let before = heap_bytes();
            let (ms, loaded) = processor_ms(|| -> Result<usize> {
                let mut length = 0;
                for bytes in files::packed(&bytes) {
                    let document = E::load(bytes, Trust::Verify, 2)?;
                    length += document.text().len();
                    documents.push(document);
                }
                Ok(length)
            });
            ensure!(loaded? == NOTES * 1_000 && documents.len() == NOTES, "other texts");
            report("kB", (heap_bytes() - before) / 1e3 / NOTES as f64);
            report("us", ms * 1e3 / NOTES as f64);
            for (note, document) in documents.iter().enumerate() {
                ensure!(document.text() == files::note_text(note), "another text");
            }
        }
        "merge" => report("ms", merge::<E>(argument == "memory")?),
        "file" => {
            let bytes = std::fs::read(trace::data(&format!("corpus/{argument}"))?)?;
            let (ms, found) = processor_ms(|| load_any(&bytes));
            report("ms", ms);
            sample.check = Some(found?);
        }
        other => bail!("unknown case {other}"),
    }
    Ok(sample)
}

/// The median time to take one edit of another writer, on a loaded document.
fn receive<E: Engine>(engine: &str, trace: &str, files: &Path) -> Result<f64> {
    let bytes = std::fs::read(files::path(engine, files, trace, "commits"))?;
    let mut sender = E::load(&bytes, Trust::Verify, 2)?;
    let mut receiver = E::load(&bytes, Trust::Verify, 3)?;
    let mut length = sender.text().chars().count();
    let mut random = Random(7);
    let mut position = length / 2;
    let mut times = Vec::new();
    let start = Instant::now();
    for edit in 0..1_000 {
        // Typing, now and then a deletion, and every twenty edits somewhere else.
        if edit % 20 == 0 {
            position = random.below(length);
        }
        let patch = if edit % 10 == 9 && position > 0 {
            position -= 1;
            length -= 1;
            (position, 1, String::new())
        } else {
            let letter = char::from(b'a' + random.below(26) as u8);
            position += 1;
            length += 1;
            (position - 1, 0, letter.to_string())
        };
        let sent = sender.edit_and_send(&patch);
        let (us, received) = wall_us(|| receiver.receive(&sent));
        received?;
        times.push(us);
        if start.elapsed().as_secs() >= 10 {
            break;
        }
    }
    ensure!(sender.text() == receiver.text(), "the texts differ");
    Ok(median(&times))
}

/// The time to take the other branch's edits and to read the text.
fn merge<E: Engine>(in_memory: bool) -> Result<f64> {
    let mut base = E::create(1);
    base.replay(&[(0, 0, (0..50).map(files::note_text).collect())], true);
    let bytes = base.save();
    let mut one = E::load(&bytes, Trust::Verify, 2)?;
    let mut other = E::load(&bytes, Trust::Verify, 3)?;
    let (before_one, before_other) = (one.version(), other.version());
    one.replay(&random_edits(11), true);
    other.replay(&random_edits(12), true);
    let from_one = one.since(&before_one);
    if in_memory {
        let (ms, text) = processor_ms(|| one.merge(&mut other, &before_other).map(|()| one.text()));
        other.receive(&from_one)?;
        ensure!(text? == other.text(), "the texts differ");
        return Ok(ms);
    }
    let from_other = other.since(&before_other);
    let (ms, text) = processor_ms(|| one.receive(&from_other).map(|()| one.text()));
    other.receive(&from_one)?;
    ensure!(text? == other.text(), "the texts differ");
    Ok(ms)
}

/// 10,000 insertions and deletions of one to five characters at random places of 50,000.
fn random_edits(seed: u32) -> Vec<Patch> {
    let mut random = Random(seed);
    let mut length = 50_000;
    (0..10_000)
        .map(|_| {
            let size = 1 + random.below(5);
            let position = random.below(length - size);
            if random.below(2) == 0 {
                length += size;
                (position, 0, "abcde"[..size].to_owned())
            } else {
                length -= size;
                (position, size, String::new())
            }
        })
        .collect()
}

/// A small generator, the same everywhere.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (u64::from(self.0) * limit as u64 >> 32) as usize
    }
}
