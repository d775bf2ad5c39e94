//! Runs one program on Automerge and on our engine at the same time and compares them all the way.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::transaction::CommitOptions as TheirCommit;
use automerge::transaction::Transactable;
use automerge::{
    AutoCommit, ChangeHash as TheirHash, Cursor, MoveCursor, ObjId as TheirId, ObjType, ReadDoc,
};
use rand::RngExt;
use rand::seq::SliceRandom;
use rejoin_document::{ActorId, ChangeHash, Document, PatchLog};

use crate::generate;
use crate::program::{Edit, Finish, Kind, Program, Scalar, Step, Unit};
use crate::random::generator;
use crate::subject;
use crate::tree::difference;
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

    fn edit(&mut self, replica: usize, edits: &[Edit], finish: &Finish) -> Result<(), String> {
        // The transaction borrows our document, so the calls are made in the same loop.
        let mut ours = std::mem::take(&mut self.replicas[replica].ours);
        let result = self.edit_with(replica, &mut ours, edits, finish);
        self.replicas[replica].ours = ours;
        let committed = result?;
        if committed { self.compare_last_change(replica) } else { Ok(()) }
    }

    fn edit_with(
        &mut self,
        replica: usize,
        ours: &mut Document,
        edits: &[Edit],
        finish: &Finish,
    ) -> Result<bool, String> {
        let actor = ActorId::new(&self.replicas[replica].actor);
        let mut pending = Vec::new();
        let mut transaction = ours.transaction(&actor);
        for edit in edits {
            let Some((obj, call)) = self.resolve(replica, edit) else { continue };
            self.calls.push(format!("{obj} {call:?}"));
            if let Call::Put(At::Index(_), _)
            | Call::PutObject(At::Index(_), _)
            | Call::Increment(At::Index(_), _) = call
            {
                self.overwritten.insert(obj.clone());
            }
            if let Call::Mark { .. } | Call::Unmark { .. } = call {
                self.marked.insert(obj.clone());
            }
            let theirs = self.theirs(replica, |doc| reference::run(doc, &obj, &call));
            let id = subject::object(&transaction, &pending, &obj.to_string())
                .ok_or_else(|| format!("we do not know the object {obj}"))?;
            let done = subject::run(&mut transaction, id, &call, self.unit);
            match (theirs, done) {
                (Ok(Some(theirs)), Ok(Some(ours))) => {
                    pending.push((theirs.to_string(), ours));
                    self.objects.retain(|known| *known != theirs);
                    self.objects.push(theirs);
                }
                (Ok(None), Ok(None)) | (Err(_), Err(_)) => {}
                (theirs, ours) => {
                    return Err(format!("{call:?}: automerge gave {theirs:?}, we gave {ours:?}"));
                }
            }
            let theirs = self.theirs(replica, |doc| reference::tree(doc, None, true));
            let ours = subject::tree(&subject::view(&transaction), self.unit, true);
            if let Some(found) = difference("within the transaction: ", &theirs, &ours) {
                return Err(found);
            }
        }
        match finish {
            Finish::Rollback => {
                transaction.rollback();
                self.theirs(replica, |doc| doc.rollback());
                Ok(false)
            }
            Finish::Commit { message, time } => {
                let mut options = TheirCommit::default().with_time(*time);
                if let Some(message) = message {
                    options = options.with_message(message.clone());
                }
                let theirs = self.theirs(replica, |doc| doc.commit_with(options));
                let ours = subject::commit(transaction, message.clone(), *time);
                if theirs.is_some() != ours.is_some() {
                    return Err(format!("automerge committed {theirs:?}, we {ours:?}"));
                }
                Ok(theirs.is_some())
            }
        }
    }

    /// The object of the wanted type that the choice falls on, among those this replica has.
    fn object(&mut self, replica: usize, choice: u32, wanted: ObjType) -> Option<TheirId> {
        let objects = self.objects.clone();
        let fitting: Vec<TheirId> = self.theirs(replica, |doc| {
            let fits = |id: &TheirId| doc.object_type(id).is_ok_and(|kind| kind == wanted);
            objects.into_iter().filter(|id| fits(id)).collect()
        });
        if fitting.is_empty() {
            return None;
        }
        // The newer half of the objects is chosen more often than their number suggests.
        Some(fitting[choice as usize % fitting.len()].clone())
    }

    fn resolve(&mut self, replica: usize, edit: &Edit) -> Option<(TheirId, Call)> {
        use Edit as E;
        let resolved = match edit {
            E::PutKey { obj, key, value } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Put(name(*key), value.clone()))
            }
            E::PutKeyObject { obj, key, kind } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::PutObject(name(*key), *kind))
            }
            E::DeleteKey { obj, key } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Delete(name(*key)))
            }
            E::IncrementKey { obj, key, by } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Increment(name(*key), *by))
            }
            E::PutIndex { obj, index, value } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Put(At::Index(index), value.clone()))
            }
            E::PutIndexObject { obj, index, kind } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::PutObject(At::Index(index), *kind))
            }
            E::DeleteIndex { obj, index } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Delete(At::Index(index)))
            }
            E::IncrementIndex { obj, index, by } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Increment(At::Index(index), *by))
            }
            E::Insert { obj, index, value } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                (obj, Call::Insert(index, value.clone()))
            }
            E::InsertObject { obj, index, kind } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                (obj, Call::InsertObject(index, *kind))
            }
            E::Splice { obj, index, delete, values } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                let length = self.theirs(replica, |doc| doc.length(&obj));
                let delete = (*delete as usize).min(length - index);
                (obj, Call::Splice(index, delete, values.clone()))
            }
            E::Type { obj, pos, delete, text } => {
                let (obj, places) = self.places(replica, *obj)?;
                let start = *pos as usize % places.len();
                let end = (start + *delete as usize).min(places.len() - 1);
                (obj, Call::SpliceText(places[start], places[end] - places[start], text.clone()))
            }
            E::PutElement { obj, pos, value } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Put(At::Index(at), value.clone()))
            }
            E::InsertElement { obj, pos, value } => {
                let (obj, places) = self.places(replica, *obj)?;
                let at = places[*pos as usize % places.len()];
                (obj, Call::Insert(at, value.clone()))
            }
            E::DeleteElement { obj, pos } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Delete(At::Index(at)))
            }
            E::IncrementElement { obj, pos, by } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Increment(At::Index(at), *by))
            }
            E::Mark { obj, start, end, name, value, expand } => {
                let (obj, start, end) = self.range(replica, *obj, *start, *end)?;
                let (name, value) = (mark_name(*name), value.clone());
                (obj, Call::Mark { start, end, name, value, expand: *expand })
            }
            E::Unmark { obj, start, end, name, expand } => {
                let (obj, start, end) = self.range(replica, *obj, *start, *end)?;
                (obj, Call::Unmark { start, end, name: mark_name(*name), expand: *expand })
            }
            E::SplitBlock { obj, pos } => {
                let (obj, places) = self.places(replica, *obj)?;
                let at = places[*pos as usize % places.len()];
                (obj, Call::SplitBlock(at))
            }
            E::JoinBlock { obj, pos } => {
                let (obj, at) = self.block(replica, *obj, *pos)?;
                (obj, Call::JoinBlock(at))
            }
            E::ReplaceBlock { obj, pos } => {
                let (obj, at) = self.block(replica, *obj, *pos)?;
                (obj, Call::ReplaceBlock(at))
            }
        };
        Some(resolved)
    }

    fn element(&mut self, replica: usize, obj: u32, index: u32) -> Option<(TheirId, usize)> {
        let obj = self.object(replica, obj, ObjType::List)?;
        let length = self.theirs(replica, |doc| doc.length(&obj));
        (length > 0).then(|| (obj, index as usize % length))
    }

    fn gap(&mut self, replica: usize, obj: u32, index: u32) -> Option<(TheirId, usize)> {
        let obj = self.object(replica, obj, ObjType::List)?;
        let length = self.theirs(replica, |doc| doc.length(&obj));
        Some((obj, index as usize % (length + 1)))
    }

    /// The positions between the characters of a text, or every position when ragged.
    fn places(&mut self, replica: usize, obj: u32) -> Option<(TheirId, Vec<usize>)> {
        let obj = self.object(replica, obj, ObjType::Text)?;
        let (text, length) =
            self.theirs(replica, |doc| (reference::text(doc, &obj, None), doc.length(&obj)));
        if self.ragged {
            return Some((obj, (0..=length).collect()));
        }
        let mut places = vec![0];
        for character in text.chars() {
            let width = match self.unit {
                Unit::Utf8 => character.len_utf8(),
                Unit::Utf16 => character.len_utf16(),
                Unit::CodePoint => 1,
            };
            places.push(places[places.len() - 1] + width);
        }
        Some((obj, places))
    }

    fn character(&mut self, replica: usize, obj: u32, pos: u32) -> Option<(TheirId, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        (places.len() > 1).then(|| (obj, places[pos as usize % (places.len() - 1)]))
    }

    fn range(
        &mut self,
        replica: usize,
        obj: u32,
        start: u32,
        end: u32,
    ) -> Option<(TheirId, usize, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        let one = places[start as usize % places.len()];
        let other = places[end as usize % places.len()];
        Some((obj, one.min(other), one.max(other)))
    }

    fn block(&mut self, replica: usize, obj: u32, pos: u32) -> Option<(TheirId, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        let blocks: Vec<usize> = self.theirs(replica, |doc| {
            places
                .into_iter()
                .filter(|at| {
                    matches!(
                        doc.get(&obj, *at),
                        Ok(Some((automerge::Value::Object(ObjType::Map), _)))
                    )
                })
                .collect()
        });
        (!blocks.is_empty()).then(|| (obj, blocks[pos as usize % blocks.len()]))
    }

    /// Our changes are made by our diff and then given to Automerge, because the two diffs may
    /// differ; Automerge's own diff runs on a fork, for the number of operations.
    fn update_text(&mut self, replica: usize, obj: u32, seed: u64) -> Result<(), String> {
        let Some(obj) = self.object(replica, obj, ObjType::Text) else { return Ok(()) };
        let old = self.theirs(replica, |doc| reference::text(doc, &obj, None));
        let new = changed(&old, seed);
        let actor = self.replicas[replica].actor.clone();
        let mut fork = self.theirs(replica, |doc| doc.fork());
        fork.set_actor(automerge::ActorId::from(actor.clone()));
        self.theirs_busy = true;
        let theirs = fork.update_text(&obj, &new);
        self.theirs_busy = false;
        let wanted = reference::text(&fork, &obj, None);
        let pending = fork.pending_ops();

        let Replica { ours, .. } = &mut self.replicas[replica];
        let wide = subject::has_wide_elements(&ours.view(), &obj.to_string());
        let before = ours.change_count();
        let done = subject::update_text(ours, &ActorId::new(&actor), &obj.to_string(), &new);
        // Over elements of several characters Automerge's diff can miss the text that it was given,
        // or fail; ours keeps or replaces them whole.
        if done.is_err() || (theirs.is_err() && !wide) {
            return if theirs.is_err() && done.is_err() {
                Ok(())
            } else {
                Err(format!("update_text {old:?} -> {new:?}: automerge {theirs:?}, ours {done:?}"))
            };
        }
        let made = ours.changes().split_off(before);
        let operations: usize = made.iter().map(rejoin_document::Change::op_count).sum();
        if wanted == new && !wide && operations > pending {
            return Err(format!(
                "update_text {old:?} -> {new:?} took us {operations} operations, automerge {pending}"
            ));
        }
        let changes: Vec<automerge::Change> = made
            .iter()
            .map(|change| automerge::Change::from_bytes(change.bytes().to_vec()).unwrap())
            .collect();
        self.theirs(replica, |doc| doc.apply_changes(changes))
            .map_err(|error| format!("automerge refused our change: {error}"))?;
        let text = self.theirs(replica, |doc| reference::text(doc, &obj, None));
        if text != new {
            return Err(format!("update_text {old:?} -> {new:?}: ours {text:?}"));
        }
        Ok(())
    }

    /// Makes two cursors, then resolves all cursors of the object, now and at an earlier point.
    fn cursors(&mut self, replica: usize, obj: u32, point: u32, seed: u64) -> Result<(), String> {
        let kind = if seed.is_multiple_of(3) { ObjType::List } else { ObjType::Text };
        let Some(obj) = self.object(replica, obj, kind) else { return Ok(()) };
        let id = obj.to_string();
        for choice in [seed, seed >> 32] {
            let at = if kind == ObjType::List {
                let length = self.theirs(replica, |doc| doc.length(&obj));
                if length == 0 {
                    break;
                }
                choice as usize % length
            } else {
                let text = self.theirs(replica, |doc| reference::text(doc, &obj, None));
                let places = starts(&text, self.unit);
                if places.is_empty() {
                    break;
                }
                places[choice as usize % places.len()]
            };
            let before = choice.is_multiple_of(2);
            let theirs = self.theirs(replica, |doc| {
                let side = if before { MoveCursor::Before } else { MoveCursor::After };
                let cursor = doc.get_cursor_moving(&obj, at, None, side);
                cursor
                    .map(|cursor| (cursor.to_string(), cursor.to_bytes()))
                    .map_err(|error| error.to_string())
            });
            let view = self.replicas[replica].ours.view();
            let ours = subject::cursor(&view, &id, at, self.unit, before);
            match (theirs, ours) {
                (Ok(theirs), Ok(ours)) if theirs == ours => {
                    self.cursors.push((obj.clone(), theirs.0));
                }
                (Err(_), Err(_)) => {}
                (theirs, ours) => {
                    return Err(format!(
                        "cursor at {at} of {id}: automerge {theirs:?}, ours {ours:?}"
                    ));
                }
            }
        }
        let heads = self.point(replica, point);
        let was_overwritten = self.overwritten.contains(&obj);
        let is_marked = self.marked.contains(&obj);
        for (_, cursor) in self.cursors.clone().into_iter().filter(|(of, _)| *of == obj) {
            if was_overwritten && cursor.starts_with('-') {
                continue;
            }
            for heads in [None, Some(&heads[..])] {
                if is_marked && heads.is_none() && cursor.starts_with('-') {
                    continue;
                }
                let theirs = self.theirs(replica, |doc| {
                    let cursor = Cursor::try_from(cursor.as_str()).unwrap();
                    doc.get_cursor_position(&obj, &cursor, heads).map_err(|error| error.to_string())
                });
                let ours = &self.replicas[replica].ours;
                let view = match heads {
                    None => ours.view(),
                    Some(heads) => ours.at(&subject::hashes(heads)).unwrap(),
                };
                let found = subject::cursor_position(&view, &id, &cursor, self.unit);
                // At older heads Automerge refuses a cursor whose element and all behind it are
                // deleted, although it answers with the length now; we answer so for both.
                let length = view.parse_object(&id).map(|obj| view.length(obj, unit(self.unit)));
                let after = cursor.trim_start_matches('-');
                let after = subject::cursor_position(&view, &id, after, self.unit);
                let behind_all =
                    heads.is_some() && theirs.is_err() && after.ok() == length.and_then(Result::ok);
                if theirs.as_ref().ok() != found.as_ref().ok() && !behind_all {
                    return Err(format!(
                        "cursor {cursor} of {id} at {heads:?}: automerge {theirs:?}, ours {found:?}"
                    ));
                }
            }
        }
        Ok(())
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

    fn compare_last_change(&mut self, replica: usize) -> Result<(), String> {
        let theirs = self.theirs(replica, |doc| doc.get_last_local_change());
        let Some(theirs) = theirs else { return Ok(()) };
        let ours = &self.replicas[replica].ours;
        let hash = subject::hash(theirs.hash());
        if ours.has_change(&hash) {
            let ours = ours.change(&hash).ok_or("a change that we have cannot be read")?;
            if ours.bytes() != theirs.raw_bytes() {
                return Err(format!("the hash {hash} is equal, but not the bytes"));
            }
            return Ok(());
        }
        let expected = describe(theirs.raw_bytes());
        let found = ours.changes().last().map(|change| describe(change.bytes()));
        Err(format!(
            "the change differs:\n  automerge {expected}\n  ours      {}",
            found.unwrap_or_default()
        ))
    }

    fn compare(&mut self, replica: usize, deep: bool) -> Result<(), String> {
        let mut heads = self.theirs(replica, |doc| doc.get_heads());
        heads.sort();
        let ours = &self.replicas[replica].ours;
        if subject::hashes(&heads) != ours.heads() {
            return Err(format!("heads: automerge {heads:?}, ours {:?}", ours.heads()));
        }
        let theirs = self.theirs(replica, |doc| reference::tree(doc, None, deep));
        let ours = subject::tree(&self.replicas[replica].ours.view(), self.unit, deep);
        let Some(found) = difference("", &theirs, &ours) else { return Ok(()) };
        // Now and then Automerge is at odds with itself after a merge: what it saves is what we
        // have, and it goes on from there.
        let (unit, actor) = (self.unit, self.replicas[replica].actor.clone());
        let reloaded = self.theirs(replica, |doc| {
            let options = automerge::LoadOptions::new().text_encoding(reference::encoding(unit));
            AutoCommit::load_with_options(&doc.save(), options)
        });
        let reloaded = reloaded.map_err(|_| found.clone())?;
        if difference("", &reference::tree(&reloaded, None, deep), &ours).is_some() {
            return Err(found);
        }
        self.replicas[replica].theirs = reloaded.with_actor(automerge::ActorId::from(actor));
        self.corrected += 1;
        Ok(())
    }

    fn compare_at(&mut self, replica: usize, heads: &[TheirHash]) -> Result<(), String> {
        let theirs = self.theirs(replica, |doc| reference::tree(doc, Some(heads), true));
        let wanted = subject::hashes(heads);
        let view = self.replicas[replica]
            .ours
            .at(&wanted)
            .map_err(|error| format!("we refused older heads: {error}"))?;
        let ours = subject::tree(&view, self.unit, true);
        difference(&format!("at {heads:?}: "), &theirs, &ours).map_or(Ok(()), Err)
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

    /// Each side starts empty and takes the other's changes one by one.
    fn compare_single_changes(&mut self) -> Result<(), String> {
        let unit = self.unit;
        let theirs = self.theirs(0, |doc| doc.get_changes(&[]));
        let ours = self.replicas[0].ours.changes();
        let mut document = Document::new();
        for change in &theirs {
            let change = rejoin_document::Change::parse(change.raw_bytes())
                .map_err(|error| format!("we cannot read automerge's change: {error}"))?;
            document
                .apply([change], &mut PatchLog::inactive())
                .map_err(|error| format!("we refused automerge's change: {error}"))?;
        }
        // Automerge may panic here too.
        self.theirs_busy = true;
        let mut automerge = AutoCommit::new_with_encoding(reference::encoding(unit));
        for change in &ours {
            let change = automerge::Change::from_bytes(change.compressed_bytes())
                .map_err(|error| format!("automerge cannot read our change: {error}"))?;
            automerge
                .apply_changes([change])
                .map_err(|error| format!("automerge refused our change: {error}"))?;
        }
        self.theirs_busy = false;
        let expected = self.theirs(0, |doc| reference::tree(doc, None, true));
        let found = subject::tree(&document.view(), unit, true);
        difference("changes one by one: ", &expected, &found).map_or(Ok(()), Err)?;
        // As in `compare`: what Automerge holds in memory is now and then not what it saves.
        let found = reference::tree(&automerge, None, true);
        let saved = automerge.save();
        let options = automerge::LoadOptions::new().text_encoding(reference::encoding(unit));
        let place = "our changes one by one in automerge: ";
        if let Some(what) = difference(place, &expected, &found) {
            let reloaded = AutoCommit::load_with_options(&saved, options).map_err(|_| what)?;
            let found = reference::tree(&reloaded, None, true);
            return difference(place, &expected, &found).map_or(Ok(()), Err);
        }
        Ok(())
    }
}

/// Where each character of a text begins.
fn starts(text: &str, unit: Unit) -> Vec<usize> {
    let mut at = 0;
    let begin = |character: char| {
        let start = at;
        at += match unit {
            Unit::Utf8 => character.len_utf8(),
            Unit::Utf16 => character.len_utf16(),
            Unit::CodePoint => 1,
        };
        start
    };
    text.chars().map(begin).collect()
}

fn name(key: u32) -> At {
    const KEYS: [&str; 10] =
        ["a", "b", "c", "key", "é", "日本", "😀", "", "A", "long key with words"];
    match key {
        10 => At::Key("map".into()),
        11 => At::Key("list".into()),
        12 => At::Key("text".into()),
        // Few keys, so that writers meet.
        _ => At::Key(KEYS[(key as usize % 100).min(key as usize % KEYS.len())].into()),
    }
}

fn mark_name(name: u32) -> String {
    ["bold", "italic", "link"][name as usize % 3].into()
}

/// The text with some pieces changed, as a person or another program would leave it.
fn changed(old: &str, seed: u64) -> String {
    let mut rng = generator(seed);
    let mut characters: Vec<char> = old.chars().filter(|c| *c != '\u{fffc}').collect();
    for _ in 0..rng.random_range(1..4) {
        let start = rng.random_range(0..=characters.len());
        let end = (start + rng.random_range(0..6)).min(characters.len());
        let piece = generate::text(&mut rng, 2);
        characters.splice(start..end, piece.chars().filter(|c| *c != '\u{fffc}'));
    }
    characters.into_iter().collect()
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
