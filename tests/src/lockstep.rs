//! Runs one program on Automerge and on our engine at the same time and compares them all the way.

mod compare;
mod edit;
mod resolve;

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::CommitOptions as TheirCommit;
use automerge::{AutoCommit, ChangeHash as TheirHash, ObjId as TheirId};
use rand::RngExt;
use rand::seq::SliceRandom;
use rejoin_document::{ActorId, ChangeHash, Document, PatchLog};

use crate::program::{Kind, Program, Scalar, Step, Unit};
use crate::random::generator;
use crate::subject;
use crate::{program, reference};

/// A call with every choice resolved, the same for both sides.
#[derive(Clone, Debug)]
pub enum Call {
    Put(At, Scalar),
    PutObject(At, Kind),
    Delete(At),
    Increment(At, i64),
    Insert(usize, Scalar),
    InsertObject(usize, Kind),
    Splice(usize, usize, Vec<Scalar>),
    SpliceText(usize, usize, String),
    Mark { start: usize, end: usize, name: String, value: Scalar, expand: u8 },
    Unmark { start: usize, end: usize, name: String, expand: u8 },
    SplitBlock(usize),
    JoinBlock(usize),
    ReplaceBlock(usize),
}

/// A place in an object.
#[derive(Clone, Debug)]
pub enum At {
    Key(String),
    Index(usize),
}

/// Where the two sides parted.
#[derive(Debug)]
pub struct Divergence {
    pub step: usize,
    pub what: String,
}

/// What a run came to.
#[derive(Debug)]
pub enum Outcome {
    /// Both sides were equal at every comparison.
    Equal {
        changes: usize,
        operations: u64,
        /// How often Automerge's document in memory was not what it saved.
        corrected: usize,
    },
    /// Automerge itself panicked; nothing can be said about this program.
    TheirsPanicked(String),
}

/// Runs the program; a panic on our side is a divergence too.
pub fn run(program: &Program, ragged: bool) -> Result<Outcome, Divergence> {
    let mut session = Session::new(program.unit, ragged);
    for (index, step) in program.steps.iter().enumerate() {
        let done = catch_unwind(AssertUnwindSafe(|| session.step(step)));
        let what = match done {
            Ok(Ok(())) => continue,
            Ok(Err(what)) => what,
            Err(_) if session.theirs_busy => {
                return Ok(Outcome::TheirsPanicked(format!("{step:?}")));
            }
            Err(panic) => format!("we panicked: {}", panic_text(&*panic)),
        };
        let calls = session.calls.join("\n      ");
        return Err(Divergence { step: index, what: format!("{what}\n    calls:\n      {calls}") });
    }
    let step = program.steps.len();
    match catch_unwind(AssertUnwindSafe(|| session.finish())) {
        Ok(Ok(outcome)) => Ok(outcome),
        Ok(Err(what)) => Err(Divergence { step, what }),
        Err(_) if session.theirs_busy => Ok(Outcome::TheirsPanicked("at the end".into())),
        Err(panic) => {
            Err(Divergence { step, what: format!("we panicked: {}", panic_text(&*panic)) })
        }
    }
}

/// Runs the program and gives our side of the first replica, in which everything has met.
pub fn document(program: &Program) -> Result<Document, Divergence> {
    let mut session = Session::new(program.unit, false);
    for (index, step) in program.steps.iter().enumerate() {
        session.step(step).map_err(|what| Divergence { step: index, what })?;
    }
    let step = program.steps.len();
    session.finish().map_err(|what| Divergence { step, what })?;
    Ok(session.replicas.swap_remove(0).ours)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
        .unwrap_or_else(|| "without a message".into())
}

struct Replica {
    theirs: AutoCommit,
    ours: Document,
    actor: Vec<u8>,
    /// Heads after each step, to look back at.
    past: Vec<Vec<TheirHash>>,
}

struct Session {
    unit: Unit,
    ragged: bool,
    replicas: Vec<Replica>,
    objects: Vec<TheirId>,
    actors: u8,
    /// Lists and texts in which an element was overwritten. A cursor that goes backwards treats
    /// such an element as deleted in Automerge, although it still stands there; ours stays at it.
    overwritten: HashSet<TheirId>,
    /// Texts with marks. A cursor that goes backwards now, though not one at older heads, stops at
    /// a mark in Automerge, which is no element; ours goes on to the character before.
    marked: HashSet<TheirId>,
    /// Cursors made so far, in their text form, with their object.
    cursors: Vec<(TheirId, String)>,
    corrected: usize,
    /// True while Automerge's code runs, so that a panic is put down to the right side.
    theirs_busy: bool,
    calls: Vec<String>,
}

const MOST_REPLICAS: usize = 5;

impl Session {
    fn new(unit: Unit, ragged: bool) -> Self {
        let mut session = Self {
            unit,
            ragged,
            replicas: Vec::new(),
            objects: vec![automerge::ROOT],
            actors: 0,
            overwritten: HashSet::new(),
            marked: HashSet::new(),
            corrected: 0,
            cursors: Vec::new(),
            theirs_busy: false,
            calls: Vec::new(),
        };
        let actor = session.next_actor();
        let theirs = AutoCommit::new_with_encoding(reference::encoding(unit))
            .with_actor(automerge::ActorId::from(actor.clone()));
        session.replicas.push(Replica { theirs, ours: Document::new(), actor, past: vec![vec![]] });
        session
    }

    /// Actors whose order is not the order of their birth, and of more than one length.
    fn next_actor(&mut self) -> Vec<u8> {
        self.actors += 1;
        let first = self.actors.wrapping_mul(89);
        let length = if self.actors % 4 == 3 { 5 } else { 16 };
        (0..length).map(|index| first.wrapping_add(index)).collect()
    }

    fn pick(&self, choice: u32) -> usize {
        choice as usize % self.replicas.len()
    }

    fn theirs<T>(&mut self, replica: usize, work: impl FnOnce(&mut AutoCommit) -> T) -> T {
        self.theirs_busy = true;
        let done = work(&mut self.replicas[replica].theirs);
        self.theirs_busy = false;
        done
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        self.calls.clear();
        let replica = match step {
            Step::Edit { replica, edits, finish } => {
                let replica = self.pick(*replica);
                self.edit(replica, edits, finish)?;
                replica
            }
            Step::Merge { into, from } => {
                let (into, from) = (self.pick(*into), self.pick(*from));
                if into == from {
                    return Ok(());
                }
                let mut source = self.theirs(from, |doc| doc.fork());
                self.theirs(into, |doc| doc.merge(&mut source).map(|_| ()))
                    .map_err(|error| format!("automerge refused a merge: {error}"))?;
                let source = self.replicas[from].ours.clone();
                self.replicas[into]
                    .ours
                    .merge(&source, &mut PatchLog::inactive())
                    .map_err(|error| format!("we refused a merge: {error}"))?;
                into
            }
            Step::Deliver { into, from, order, keep } => {
                let (into, from) = (self.pick(*into), self.pick(*from));
                if into == from {
                    return Ok(());
                }
                self.deliver(into, from, *order, *keep)?;
                into
            }
            Step::Fork { from } => {
                let from = self.pick(*from);
                if self.replicas.len() == MOST_REPLICAS {
                    return Ok(());
                }
                let actor = self.next_actor();
                let mut theirs = self.theirs(from, |doc| doc.fork());
                theirs.set_actor(automerge::ActorId::from(actor.clone()));
                let ours = self.replicas[from].ours.fork();
                let past = self.replicas[from].past.clone();
                self.replicas.push(Replica { theirs, ours, actor, past });
                self.replicas.len() - 1
            }
            Step::ForkAt { from, point } => {
                let from = self.pick(*from);
                if self.replicas.len() == MOST_REPLICAS {
                    return Ok(());
                }
                let actor = self.next_actor();
                let heads = self.point(from, *point);
                let Ok(mut theirs) = self.theirs(from, |doc| doc.fork_at(&heads)) else {
                    return Ok(());
                };
                theirs.set_actor(automerge::ActorId::from(actor.clone()));
                let ours = self.replicas[from]
                    .ours
                    .fork_at(&subject::hashes(&heads))
                    .map_err(|error| format!("we refused to fork at older heads: {error}"))?;
                self.replicas.push(Replica { theirs, ours, actor, past: vec![vec![], heads] });
                self.replicas.len() - 1
            }
            Step::NewActor { replica } => {
                let replica = self.pick(*replica);
                let actor = self.next_actor();
                self.replicas[replica].theirs.set_actor(automerge::ActorId::from(actor.clone()));
                self.replicas[replica].actor = actor;
                replica
            }
            Step::Exchange { replica, compressed } => {
                let replica = self.pick(*replica);
                self.exchange(replica, *compressed)?;
                replica
            }
            Step::Past { replica, point } => {
                let replica = self.pick(*replica);
                let heads = self.point(replica, *point);
                return self.compare_at(replica, &heads);
            }
            Step::Empty { replica, time } => {
                let replica = self.pick(*replica);
                self.theirs(replica, |doc| {
                    doc.empty_change(TheirCommit::default().with_time(*time))
                });
                let Replica { ours, actor, .. } = &mut self.replicas[replica];
                subject::commit_empty(ours, &ActorId::new(actor), None, *time);
                self.compare_last_change(replica)?;
                replica
            }
            Step::Cursors { replica, obj, point, seed } => {
                let replica = self.pick(*replica);
                return self.cursors(replica, *obj, *point, *seed);
            }
            Step::UpdateText { replica, obj, seed } => {
                let replica = self.pick(*replica);
                self.update_text(replica, *obj, *seed)?;
                replica
            }
        };
        let heads = self.theirs(replica, |doc| doc.get_heads());
        self.replicas[replica].past.push(heads);
        self.compare(replica, false)
    }

    fn point(&self, replica: usize, point: u32) -> Vec<TheirHash> {
        let past = &self.replicas[replica].past;
        past[point as usize % past.len()].clone()
    }

    fn deliver(&mut self, into: usize, from: usize, order: u64, keep: u8) -> Result<(), String> {
        let mut rng = generator(order);
        let heads = self.theirs(into, |doc| doc.get_heads());
        let mut changes = self.theirs(from, |doc| doc.get_changes(&heads));
        changes.retain(|_| rng.random_range(0..100) < keep);
        changes.shuffle(&mut rng);
        let batch = rng.random_range(1..4);
        for changes in changes.chunks(batch) {
            self.theirs(into, |doc| doc.apply_changes(changes.to_vec()))
                .map_err(|error| format!("automerge refused changes: {error}"))?;
            let ours = changes.iter().map(|change| {
                rejoin_document::Change::parse(change.raw_bytes())
                    .unwrap_or_else(|error| panic!("we cannot read automerge's change: {error}"))
            });
            let ours: Vec<_> = ours.collect();
            self.replicas[into]
                .ours
                .apply(ours, &mut PatchLog::inactive())
                .map_err(|error| format!("we refused changes: {error}"))?;
        }
        let mut theirs = self.theirs(into, |doc| doc.get_missing_deps(&[]));
        theirs.sort();
        let mut ours = self.replicas[into].ours.missing_deps(&[]);
        ours.sort();
        if subject::hashes(&theirs) != ours {
            return Err(format!("missing dependencies: automerge {theirs:?}, ours {ours:?}"));
        }
        Ok(())
    }

    fn exchange(&mut self, replica: usize, compressed: bool) -> Result<(), String> {
        let unit = self.unit;
        let theirs =
            self.theirs(replica, |doc| if compressed { doc.save() } else { doc.save_nocompress() });
        let Replica { ours, actor, .. } = &mut self.replicas[replica];
        let saved = if compressed { ours.save() } else { ours.save_uncompressed() };
        *ours = subject::load(&theirs)
            .map_err(|error| format!("we cannot load what automerge saved: {error}"))?;
        let actor = automerge::ActorId::from(actor.clone());
        let options = automerge::LoadOptions::new().text_encoding(reference::encoding(unit));
        let loaded = AutoCommit::load_with_options(&saved, options)
            .map_err(|error| format!("automerge cannot load what we saved: {error}"))?;
        self.replicas[replica].theirs = loaded.with_actor(actor);
        Ok(())
    }

    /// Everything meets everywhere, in several orders; then each side reads the other's bytes.
    fn finish(&mut self) -> Result<Outcome, String> {
        let count = self.replicas.len();
        for into in 0..count {
            for step in 0..count {
                let from = if into % 2 == 0 { step } else { count - 1 - step };
                self.step(&Step::Merge { into: into as u32, from: from as u32 })?;
            }
        }
        for replica in 1..count {
            if self.replicas[replica].ours.heads() != self.replicas[0].ours.heads() {
                return Err(format!("replica {replica} did not converge"));
            }
        }
        for replica in 0..count {
            self.compare(replica, true)?;
        }
        for point in 0..3 {
            let heads = self.point(0, point * 7 + 1);
            self.compare_at(0, &heads)?;
        }
        self.step(&Step::Exchange { replica: 0, compressed: true })?;
        self.compare(0, true)?;
        self.compare_single_changes()?;
        let changes = self.theirs(0, |doc| doc.get_changes(&[]));
        let operations = changes.iter().map(|change| change.len() as u64).sum();
        Ok(Outcome::Equal { changes: changes.len(), operations, corrected: self.corrected })
    }
}

/// A change as text, through Automerge's decoder.
pub fn describe(bytes: &[u8]) -> String {
    match automerge::Change::from_bytes(bytes.to_vec()) {
        Ok(change) => serde_json::to_string(&automerge::ExpandedChange::from(&change))
            .unwrap_or_else(|error| error.to_string()),
        Err(error) => format!("(automerge cannot read it: {error}) {bytes:02x?}"),
    }
}

/// The heads of a document of ours as text, for messages.
pub fn show_heads(heads: &[ChangeHash]) -> String {
    heads.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// The unit of a program, as ours.
pub fn unit(unit: program::Unit) -> rejoin_document::TextUnit {
    subject::unit(unit)
}
