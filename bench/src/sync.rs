//! The costs of the sync protocol: two peers of one kind, in one thread, whose messages travel as
//! bytes.
//!
//! Processor time covers all that both sides do, on documents just loaded (`ms`) and on documents
//! that an exchange before has warmed (`warm ms`).

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use automerge::sync::SyncDoc;
use automerge::transaction::Transactable;
use rejoin_document::{CommitOptions, ObjId, PatchLog};
use rejoin_sync::{Extensions, Message, State, generate_sync_message, receive_sync_message};

use crate::cases::{Bar, Line, Row, Sample};
use crate::engine::{Engine, Trust};
use crate::engines::automerge::Automerge;
use crate::engines::rejoin::Rejoin;
use crate::files;
use crate::meter::{median, processor_ms};
use crate::trace::{self, Patch};

/// A library that speaks the sync protocol.
trait Peer: Engine {
    /// One side's state of one connection.
    type State;

    /// The state for a peer of the same kind, as known from its metadata; `stored` is what was kept.
    fn state(stored: Option<&[u8]>) -> Result<Self::State>;
    /// What is worth keeping of a state.
    fn store(state: &Self::State) -> Vec<u8>;
    fn generate(&mut self, state: &mut Self::State) -> Option<Vec<u8>>;
    fn take(&mut self, state: &mut Self::State, message: &[u8]) -> Result<()>;
    /// Sets keys `k1`, `k2`, ... to their numbers, in one commit with a message.
    fn put_keys(&mut self, numbers: RangeInclusive<usize>) -> Result<()>;
}

impl Peer for Automerge {
    type State = automerge::sync::State;

    fn state(stored: Option<&[u8]>) -> Result<Self::State> {
        Ok(stored
            .map_or_else(|| Ok(automerge::sync::State::new()), automerge::sync::State::decode)?)
    }

    fn store(state: &Self::State) -> Vec<u8> {
        state.encode()
    }

    fn generate(&mut self, state: &mut Self::State) -> Option<Vec<u8>> {
        self.doc.sync().generate_sync_message(state).map(automerge::sync::Message::encode)
    }

    fn take(&mut self, state: &mut Self::State, message: &[u8]) -> Result<()> {
        let message = automerge::sync::Message::decode(message)?;
        Ok(self.doc.sync().receive_sync_message(state, message)?)
    }

    fn put_keys(&mut self, numbers: RangeInclusive<usize>) -> Result<()> {
        let message = format!("Batch at {}", numbers.end());
        for number in numbers {
            self.doc.put(automerge::ROOT, format!("k{number}"), number as i64)?;
        }
        let options = automerge::transaction::CommitOptions::default();
        self.doc.commit_with(options.with_message(message));
        Ok(())
    }
}

impl Peer for Rejoin {
    type State = State;

    fn state(stored: Option<&[u8]>) -> Result<State> {
        let mut state = stored.map_or_else(|| Ok(State::new()), State::decode)?;
        state.set_peer_extensions(Extensions::OURS);
        Ok(state)
    }

    fn store(state: &State) -> Vec<u8> {
        state.encode()
    }

    fn generate(&mut self, state: &mut State) -> Option<Vec<u8>> {
        generate_sync_message(&self.doc, state).map(|message| message.encode())
    }

    fn take(&mut self, state: &mut State, message: &[u8]) -> Result<()> {
        let message = Message::decode(message)?;
        receive_sync_message(&mut self.doc, state, message, &mut PatchLog::inactive())?;
        Ok(())
    }

    fn put_keys(&mut self, numbers: RangeInclusive<usize>) -> Result<()> {
        let message = Some(format!("Batch at {}", numbers.end()));
        let mut transaction = self.doc.transaction(&self.actor);
        for number in numbers {
            transaction.put(ObjId::ROOT, format!("k{number}").as_str(), number as i64)?;
        }
        transaction.commit(CommitOptions { message, ..CommitOptions::default() });
        Ok(())
    }
}

/// What went over the wire.
#[derive(Default)]
struct Traffic {
    messages: usize,
    bytes: usize,
}

/// Sends in turns until neither side has anything to say.
fn exchange<P: Peer>(
    a: &mut P,
    a_state: &mut P::State,
    b: &mut P,
    b_state: &mut P::State,
    traffic: &mut Traffic,
) -> Result<()> {
    for _ in 0..50 {
        let to_b = a.generate(a_state);
        if let Some(message) = &to_b {
            traffic.messages += 1;
            traffic.bytes += message.len();
            b.take(b_state, message)?;
        }
        let to_a = b.generate(b_state);
        if let Some(message) = &to_a {
            traffic.messages += 1;
            traffic.bytes += message.len();
            a.take(a_state, message)?;
        }
        if to_a.is_none() && to_b.is_none() {
            return Ok(());
        }
    }
    bail!("the exchange does not end")
}

/// The rows of the sync table.
pub fn rows() -> Vec<Row> {
    let cost = |case: &str, title: &str, bytes: Bar, ms: Bar, warm: Bar| {
        row(
            case,
            vec![
                (format!("{title}, bytes"), "bytes", bytes),
                (format!("{title}, ms, just loaded"), "ms", ms),
                (format!("{title}, ms, warm"), "warm ms", warm),
            ],
        )
    };
    let absolute =
        |bytes: f64, ms: f64| (Bar::Absolute(bytes), Bar::Absolute(ms), Bar::Absolute(ms));
    let mut rows = Vec::new();
    for (case, title, (bytes, ms, warm)) in [
        (
            "sync:same-stored",
            "sync: nothing new, stored state, 100,000 shared commits",
            absolute(150.0, 0.1),
        ),
        (
            "sync:same-new",
            "sync: nothing new, no stored state, 100,000 shared commits",
            absolute(1_000.0, 1.0),
        ),
        (
            "sync:apart-stored",
            "sync: 2 x 100 commits apart, stored state, 100,000 shared",
            absolute(2_500.0, 2.0),
        ),
        (
            "sync:apart-new",
            "sync: 2 x 100 commits apart, no stored state, 100,000 shared",
            absolute(10_000.0, 10.0),
        ),
    ] {
        rows.push(cost(case, title, bytes, ms, warm));
    }
    for (trace, bar) in
        [("friendsforever_flat", Bar::Absolute(40.0)), ("automerge-paper", Bar::Absolute(40.0))]
    {
        let title = format!("sync: a keystroke to the other side and its ack, end of {trace}, us");
        let mut lines = vec![(title, "us", bar)];
        if trace == "automerge-paper" {
            let title = "the same beside friendsforever_flat (flat in document size), us";
            let bar = Bar::Flat(1.5, "sync:key-friendsforever_flat");
            lines.push((title.to_owned(), "us", bar));
        }
        rows.push(row(&format!("sync:key-{trace}"), lines));
    }
    let sixth = || Bar::Times(1.0 / 6.0, "automerge");
    let title = "sync: 10 peers x 100 commits through a hub, stored states, 10,000 shared";
    rows.push(cost("sync:hub", title, sixth(), sixth(), Bar::None));
    rows.last_mut().expect("the row just added").lines.pop();
    for edits in [20, 1_000] {
        for batch in [1, 5, edits] {
            let title = format!("{edits} keys set, a commit and a sync for every {batch}");
            rows.push(row(
                &format!("sync:measure-{edits}-{batch}"),
                vec![
                    (format!("{title}: syncs"), "syncs", Bar::None),
                    (format!("{title}: bytes on the wire"), "bytes", Bar::None),
                    (format!("{title}: bytes saved"), "saved", Bar::None),
                    (format!("{title}: ms"), "ms", Bar::None),
                ],
            ));
        }
    }
    rows
}

fn row(case: &str, lines: Vec<(String, &'static str, Bar)>) -> Row {
    let line = |(title, metric, bar)| Line { title, metric, bar };
    Row {
        case: case.to_owned(),
        engines: vec!["rejoin", "automerge"],
        lines: lines.into_iter().map(line).collect(),
    }
}

/// One measurement, in this process.
pub fn measure(engine: &str, case: &str, files: &Path) -> Result<Sample> {
    match engine {
        "rejoin" => measure_with::<Rejoin>(engine, case, files),
        "automerge" => measure_with::<Automerge>(engine, case, files),
        other => bail!("unknown library {other}"),
    }
}

fn measure_with<P: Peer>(engine: &str, case: &str, files: &Path) -> Result<Sample> {
    let mut sample = Sample::default();
    let mut report = |metric: &str, value: f64| {
        sample.values.insert(metric.to_owned(), value);
    };
    let mut words = case.splitn(2, '-');
    match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        (kind @ ("same" | "apart"), state) => {
            let bytes = shared(engine, 100_000, files)?;
            for (metric, warm) in [("ms", false), ("warm ms", true)] {
                let (ms, traffic) =
                    far_apart::<P>(&bytes, kind == "apart", state == "stored", warm)?;
                report(metric, ms);
                report("bytes", traffic.bytes as f64);
                report("messages", traffic.messages as f64);
            }
        }
        ("key", trace) => report("us", keystrokes::<P>(engine, trace, files)?),
        ("hub", _) => {
            let (ms, traffic) = hub::<P>(&shared(engine, 10_000, files)?)?;
            report("ms", ms);
            report("bytes", traffic.bytes as f64);
        }
        ("measure", numbers) => {
            let (edits, batch) = numbers.split_once('-').context("edits and batch")?;
            let (ms, syncs, traffic, saved) = batches::<P>(edits.parse()?, batch.parse()?)?;
            report("ms", ms);
            report("syncs", syncs as f64);
            report("bytes", traffic.bytes as f64);
            report("saved", saved as f64);
        }
        other => bail!("unknown case {other:?}"),
    }
    Ok(sample)
}

/// A document of so many commits, written once per run.
fn shared(engine: &str, commits: usize, files: &Path) -> Result<Vec<u8>> {
    let path = files::path(engine, files, &format!("first-{commits}"), "commits");
    if !path.exists() {
        let trace = trace::read("automerge-paper")?;
        let write = |patches: &[Patch]| -> Vec<u8> {
            match engine {
                "rejoin" => replayed::<Rejoin>(patches),
                _ => replayed::<Automerge>(patches),
            }
        };
        std::fs::write(&path, write(&trace.patches[..commits]))?;
    }
    Ok(std::fs::read(path)?)
}

fn replayed<E: Engine>(patches: &[Patch]) -> Vec<u8> {
    let mut document = E::create(1);
    document.replay(patches, true);
    document.save()
}

/// Two peers far into a shared history, with or without commits of their own.
fn far_apart<P: Peer>(
    bytes: &[u8],
    are_apart: bool,
    has_stored: bool,
    warm: bool,
) -> Result<(f64, Traffic)> {
    let mut a = P::load(bytes, Trust::Verify, 2)?;
    let mut b = P::load(bytes, Trust::Verify, 3)?;
    // Other documents stand in for those of the last session, so that these stay cold.
    let (a_stored, b_stored) = stored_states::<P>(bytes)?;
    if warm {
        let (mut a_state, mut b_state) = (P::state(None)?, P::state(None)?);
        exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut Traffic::default())?;
    }
    if are_apart {
        a.replay(&typing(17, 100), true);
        b.replay(&typing(4_711, 100), true);
    }
    let mut a_state = P::state(has_stored.then_some(&a_stored[..]))?;
    let mut b_state = P::state(has_stored.then_some(&b_stored[..]))?;
    let mut traffic = Traffic::default();
    let (ms, done) =
        processor_ms(|| exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut traffic));
    done?;
    ensure!(a.text() == b.text(), "the texts differ");
    Ok((ms, traffic))
}

fn stored_states<P: Peer>(bytes: &[u8]) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut a = P::load(bytes, Trust::Verify, 2)?;
    let mut b = P::load(bytes, Trust::Verify, 3)?;
    let (mut a_state, mut b_state) = (P::state(None)?, P::state(None)?);
    exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut Traffic::default())?;
    Ok((P::store(&a_state), P::store(&b_state)))
}

/// One character after the other from a position on.
fn typing(position: usize, count: usize) -> Vec<Patch> {
    (0..count).map(|n| (position + n, 0, char::from(b'a' + (n % 26) as u8).to_string())).collect()
}

/// The median time for a committed keystroke to reach the other side and for its ack to come back.
fn keystrokes<P: Peer>(engine: &str, trace: &str, files: &Path) -> Result<f64> {
    let bytes = std::fs::read(files::path(engine, files, trace, "commits"))?;
    let mut a = P::load(&bytes, Trust::Verify, 2)?;
    let mut b = P::load(&bytes, Trust::Verify, 3)?;
    let (mut a_state, mut b_state) = (P::state(None)?, P::state(None)?);
    exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut Traffic::default())?;
    let position = a.text().chars().count();
    let start = Instant::now();
    let mut times = Vec::new();
    for patch in typing(position, 1_000) {
        a.replay(&[patch], true);
        let began = Instant::now();
        exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut Traffic::default())?;
        times.push(began.elapsed().as_secs_f64() * 1e6);
        if start.elapsed() > Duration::from_secs(8) {
            break;
        }
    }
    ensure!(a.text() == b.text(), "the texts differ");
    Ok(median(&times))
}

/// Ten peers whose commits reach each other through a hub.
fn hub<P: Peer>(bytes: &[u8]) -> Result<(f64, Traffic)> {
    let mut hub = P::load(bytes, Trust::Verify, 100)?;
    let (stored_peer, stored_hub) = stored_states::<P>(bytes)?;
    let mut peers = Vec::new();
    for number in 0..10 {
        let mut peer = P::load(bytes, Trust::Verify, 10 + number)?;
        peer.replay(&typing(usize::from(number) * 100, 100), true);
        peers.push((peer, P::state(Some(&stored_peer))?, P::state(Some(&stored_hub))?));
    }
    let mut traffic = Traffic::default();
    let (ms, done) = processor_ms(|| -> Result<()> {
        loop {
            let before = traffic.messages;
            // Everyone says what they have, then the hub answers everyone.
            for (peer, peer_state, hub_state) in &mut peers {
                while let Some(message) = peer.generate(peer_state) {
                    traffic.messages += 1;
                    traffic.bytes += message.len();
                    hub.take(hub_state, &message)?;
                }
            }
            for (peer, peer_state, hub_state) in &mut peers {
                while let Some(message) = hub.generate(hub_state) {
                    traffic.messages += 1;
                    traffic.bytes += message.len();
                    peer.take(peer_state, &message)?;
                }
            }
            if traffic.messages == before {
                return Ok(());
            }
        }
    });
    done?;
    let text = hub.text();
    ensure!(peers.iter().all(|(peer, ..)| peer.text() == text), "the texts differ");
    Ok((ms, traffic))
}

/// Batched against frequent: edits in commits of `batch`, a sync with a peer after each, with
/// states that are not kept.
fn batches<P: Peer>(edits: usize, batch: usize) -> Result<(f64, usize, Traffic, usize)> {
    let mut a = P::create(2);
    let mut b = P::load(&a.save(), Trust::Verify, 3)?;
    let (mut traffic, mut syncs) = (Traffic::default(), 0);
    let (ms, done) = processor_ms(|| -> Result<()> {
        for first in (1..=edits).step_by(batch) {
            a.put_keys(first..=edits.min(first + batch - 1))?;
            let (mut a_state, mut b_state) = (P::state(None)?, P::state(None)?);
            exchange(&mut a, &mut a_state, &mut b, &mut b_state, &mut traffic)?;
            syncs += 1;
        }
        Ok(())
    });
    done?;
    ensure!(a.save().len() == b.save().len(), "the documents differ");
    Ok((ms, syncs, traffic, a.save().len()))
}
