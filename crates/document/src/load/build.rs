//! Rows in document order to objects, sequences and logs.

use smallvec::SmallVec;

use crate::{
    load::{
        document::DocumentChunkError,
        rows::{OpRow, Row, RowKey, TextRow},
    },
    object::{Content, ObjType, ObjectIndex, Parent, ParentKey},
    op::{Action, Key, Op, RawValue},
    op_id::OpId,
    op_log::{LogRun, LoggedOps},
    op_set::{OpSet, text_widths},
    register::{Register, RegisterOp, Source},
    sequence::{Filling, Removal, Run, RunKind},
};

/// How many runs are read before they are put in their places.
const MANY_RUNS: usize = if cfg!(test) { 4 } else { 256 };

/// Fills an empty set with operations in the order of a document chunk.
pub(super) struct Builder<'s> {
    set: &'s mut OpSet,
    logs: Vec<Vec<LogRun>>,
    /// The leaf of each run.
    places: Vec<(u32, u32, u32)>,
    object: ObjectIndex,
    /// The latest runs of the sequence being read, and the others.
    runs: Vec<Run>,
    filling: Option<Filling>,
    order: OrderCheck,
    /// The key or element of which operations are being read.
    group: Option<Group>,
    mark_begins: Vec<OpId>,
}

/// The operations on one key or element.
struct Group {
    key: GroupKey,
    register: Register,
}

#[derive(PartialEq, Eq)]
enum GroupKey {
    Map(Box<str>),
    Element { id: OpId, origin: OpId },
}

impl<'s> Builder<'s> {
    /// Makes room for so many runs of a sequence.
    pub(super) fn new(set: &'s mut OpSet, likely_runs: usize) -> Self {
        let logs = vec![Vec::new(); set.actors.len()];
        Self {
            set,
            logs,
            places: Vec::with_capacity(likely_runs),
            object: ObjectIndex::ROOT,
            runs: Vec::with_capacity(likely_runs.min(MANY_RUNS)),
            filling: None,
            order: OrderCheck::default(),
            group: None,
            mark_begins: Vec::new(),
        }
    }

    /// Adds the next row.
    pub(super) fn add(&mut self, row: Row<'_>) -> Result<(), DocumentChunkError> {
        let id = match &row {
            Row::Text(row) => row.object,
            Row::Op(row) => row.object,
        };
        if self.set.objects.get(self.object).id != id {
            self.finish_object();
            let object =
                self.set.objects.find(id).ok_or(DocumentChunkError::Malformed("object"))?;
            let actors = &self.set.actors;
            if actors.order(id) <= actors.order(self.set.objects.get(self.object).id) {
                return Err(DocumentChunkError::Order);
            }
            self.object = object;
        }
        match row {
            Row::Text(row) => self.add_text(&row),
            Row::Op(row) => self.add_op(&row),
        }
    }

    /// Ends the last object and puts everything in its place.
    pub(super) fn finish(mut self) -> Result<(), DocumentChunkError> {
        self.finish_object();
        for (actor, runs) in self.logs.into_iter().enumerate() {
            self.set.log.fill(actor as u32, runs);
            // Two operations with one id would make a run of its own begin within another.
            let log = self.set.log.actor(actor as u32);
            if log.windows(2).any(|pair| pair[0].counter + pair[0].count() > pair[1].counter) {
                return Err(DocumentChunkError::Malformed("operation ids"));
            }
        }
        self.set.sequences.index.fill(self.places);
        Ok(())
    }

    fn add_text(&mut self, row: &TextRow<'_>) -> Result<(), DocumentChunkError> {
        if self.set.sequence(self.object).is_none() {
            return Err(DocumentChunkError::Malformed("key"));
        }
        self.finish_group();
        self.order.pass(self.set, row.id, row.after, row.count)?;
        let source = self.set.log.text.len() as u32;
        self.set.log.text.push_str(row.text);
        let utf8 = row.text.len() as u32;
        let utf16 = if utf8 == row.count { utf8 } else { text_widths(row.text).2 };
        let removal = match row.successors[..] {
            [] => Removal::None,
            [first] => Removal::By { first, step: row.step },
            _ => {
                let several = row.successors.iter().map(|id| (*id, 1)).collect();
                self.set.sequences.several.push(several);
                Removal::Several(self.set.sequences.several.len() as u32 - 1)
            }
        };
        let run = Run {
            id: row.id,
            origin: row.after,
            removal,
            points: row.count,
            source,
            utf8,
            utf16,
            kind: RunKind::Text,
        };
        let what =
            LoggedOps::Insert { after: row.after, text: source, bytes: utf8, count: row.count };
        self.log(row.id, what);
        self.push_run(run);
        Ok(())
    }

    fn add_op(&mut self, row: &OpRow<'_>) -> Result<(), DocumentChunkError> {
        let is_map = self.set.sequence(self.object).is_none();
        match row.key {
            RowKey::Map(key) if is_map && !row.insert && row.action != Action::Mark => {
                self.enter_key(key)?;
            }
            RowKey::Element(after) if !is_map && row.insert && row.action != Action::Increment => {
                self.finish_group();
                self.order.pass(self.set, row.id, after, 1)?;
                self.check_mark(row)?;
                let key = GroupKey::Element { id: row.id, origin: after };
                self.group = Some(Group { key, register: Register::default() });
            }
            RowKey::Element(element) if !is_map && !row.insert && row.action != Action::Mark => {
                self.enter_element(element)?;
            }
            _ => return Err(DocumentChunkError::Malformed("key")),
        }
        let key = match row.key {
            RowKey::Map(key) => Key::Map(key),
            RowKey::Element(id) => Key::Element(id),
        };
        let number = self.set.log.store_op(&Op {
            object: row.object,
            key,
            insert: row.insert,
            action: row.action,
            value: row.value,
            predecessors: SmallVec::new(),
            expand: row.expand,
            mark_name: row.mark_name,
        });
        self.log(row.id, LoggedOps::Other(number));
        let group = self.group.as_mut().ok_or(DocumentChunkError::Malformed("key"))?;
        if let Some(last) = group.register.last()
            && self.set.actors.order(last.id) >= self.set.actors.order(row.id)
        {
            return Err(DocumentChunkError::Order);
        }
        let source = Source::Stored(number);
        group.register.push(RegisterOp { id: row.id, source, successors: row.successors.clone() });
        if let Some(kind) = ObjType::from_action(row.action) {
            let key = match &group.key {
                GroupKey::Map(key) => ParentKey::Map(key.clone()),
                GroupKey::Element { id, .. } => ParentKey::Element(*id),
            };
            if self.set.objects.find(row.id).is_some() {
                return Err(DocumentChunkError::Malformed("operation ids"));
            }
            self.set.add_object(row.id, kind, Parent { object: self.object, key });
        }
        Ok(())
    }

    /// Goes on with a key of a map: the one at hand or a greater one.
    fn enter_key(&mut self, key: &str) -> Result<(), DocumentChunkError> {
        match &self.group {
            Some(Group { key: GroupKey::Map(current), .. }) if **current == *key => return Ok(()),
            Some(Group { key: GroupKey::Map(current), .. }) if **current > *key => {
                return Err(DocumentChunkError::Order);
            }
            _ => {}
        }
        self.finish_group();
        self.group = Some(Group { key: GroupKey::Map(key.into()), register: Register::default() });
        Ok(())
    }

    /// Goes on with an element: the one at hand, or the last character of the last run.
    fn enter_element(&mut self, element: OpId) -> Result<(), DocumentChunkError> {
        if let Some(Group { key: GroupKey::Element { id, .. }, .. }) = &self.group {
            return if *id == element { Ok(()) } else { Err(DocumentChunkError::Order) };
        }
        let last = self.runs.pop().ok_or(DocumentChunkError::Order)?;
        if last.kind != RunKind::Text || last.last_id() != element {
            return Err(DocumentChunkError::Order);
        }
        let mut run = last;
        if last.len() > 1 {
            let (before, character) = last.split(last.len() - 1, &self.set.log.text);
            self.runs.push(before);
            run = character;
        }
        let successors = self.set.deletions_of(&run, 0);
        let op = RegisterOp { id: element, source: Source::Text(run.source), successors };
        let key = GroupKey::Element { id: element, origin: run.origin };
        let mut register = Register::default();
        register.push(op);
        self.group = Some(Group { key, register });
        Ok(())
    }

    /// The end of a mark comes behind its begin, whose id is the one before.
    fn check_mark(&mut self, row: &OpRow<'_>) -> Result<(), DocumentChunkError> {
        if row.action != Action::Mark {
            return Ok(());
        }
        if row.mark_name.is_some() {
            self.mark_begins.push(row.id);
            return Ok(());
        }
        let begin = OpId::new(row.id.counter - 1, row.id.actor);
        match self.mark_begins.iter().position(|id| *id == begin) {
            Some(at) => {
                self.mark_begins.swap_remove(at);
                Ok(())
            }
            None => Err(DocumentChunkError::Malformed("mark order")),
        }
    }

    fn finish_object(&mut self) {
        self.finish_group();
        self.mark_begins.clear();
        self.order = OrderCheck::default();
        self.place_runs();
        if let Some(filling) = self.filling.take() {
            self.set.sequences.end_fill(filling);
        }
    }

    /// Logs the deletions of characters, which have no rows of their own.
    fn log_deletions(&mut self, runs: &[Run]) {
        for run in runs.iter().filter(|run| run.kind == RunKind::Text) {
            for (first, step) in self.set.sequences.removals(run.removal) {
                let count = run.len();
                let (from, target) = if step > 0 {
                    (first, run.id)
                } else {
                    (first.stepped(-1, count - 1), run.last_id())
                };
                let step = if count == 1 { 1 } else { step };
                self.log(from, LoggedOps::Delete { target, step, count });
            }
        }
    }

    fn log(&mut self, id: OpId, what: LoggedOps) {
        let run = LogRun { counter: id.counter, object: self.object, what };
        self.logs[id.actor as usize].push(run);
    }

    /// Ends a key or element: now it is known which successors are deletions.
    fn finish_group(&mut self) {
        let Some(Group { key, mut register }) = self.group.take() else { return };
        let mut deletions: SmallVec<[(OpId, OpId); 1]> = SmallVec::new();
        for op in register.iter() {
            for successor in &op.successors {
                if let Ok(at) = self.set.position_in(&register, *successor) {
                    if let Source::Stored(number) = register[at].source {
                        self.set.log.others[number as usize].predecessors.push(op.id);
                    }
                    continue;
                }
                deletions.push((*successor, op.id));
            }
        }
        // A stable sort: the predecessors of each stay in their order.
        deletions.sort_by_key(|(deletion, _)| (deletion.actor, deletion.counter));
        for deletion in deletions.chunk_by(|(a, _), (b, _)| a == b) {
            let id = deletion[0].0;
            let predecessors: SmallVec<[OpId; 1]> = deletion.iter().map(|(_, op)| *op).collect();
            let key = match &key {
                GroupKey::Element { id: target, .. } if predecessors[..] == [*target] => {
                    let what = LoggedOps::Delete { target: *target, step: 1, count: 1 };
                    self.log(id, what);
                    continue;
                }
                GroupKey::Element { id, .. } => Key::Element(*id),
                GroupKey::Map(key) => Key::Map(key),
            };
            let number = self.set.log.store_op(&Op {
                object: OpId::ZERO,
                key,
                insert: false,
                action: Action::Delete,
                value: RawValue::NULL,
                predecessors,
                expand: false,
                mark_name: None,
            });
            self.log(id, LoggedOps::Other(number));
        }
        self.set.index_register(&mut register);
        match key {
            GroupKey::Map(key) => {
                let object = self.set.objects.get_mut(self.object);
                if let Content::Map(map) = &mut object.content {
                    map.insert(key, register);
                }
            }
            GroupKey::Element { id, origin } => {
                let number = self.set.specials.len() as u32;
                self.set.specials.push(register);
                let run = Run {
                    id,
                    origin,
                    removal: Removal::None,
                    points: 0,
                    source: number,
                    utf8: 0,
                    utf16: 0,
                    kind: RunKind::Special { visible: true },
                };
                self.push_run(self.set.special_run(&run, number));
            }
        }
    }

    /// Adds a run of the sequence. The last one may still be cut, all others go where they belong.
    fn push_run(&mut self, run: Run) {
        if self.runs.len() >= MANY_RUNS {
            self.place_runs();
        }
        self.runs.push(run);
    }

    fn place_runs(&mut self) {
        let Some(sequence) = self.set.sequence(self.object) else { return };
        let runs = std::mem::take(&mut self.runs);
        self.log_deletions(&runs);
        let filling = self.filling.take();
        let mut filling = filling.unwrap_or_else(|| self.set.sequences.begin_fill(sequence));
        self.set.sequences.fill(&mut filling, runs.iter().copied(), &mut self.places);
        self.filling = Some(filling);
        self.runs = runs;
        self.runs.clear();
    }
}

/// Checks that elements come in RGA order: a walk over a tree in which each element hangs at the
/// one that it was inserted after, the greatest id first.
#[derive(Default)]
struct OrderCheck {
    /// The way from the head to the element before: runs of elements each inserted after the last.
    path: Vec<(OpId, u32)>,
}

impl OrderCheck {
    fn pass(
        &mut self,
        set: &OpSet,
        id: OpId,
        after: OpId,
        count: u32,
    ) -> Result<(), DocumentChunkError> {
        let mut sibling = None;
        loop {
            let Some((first, len)) = self.path.pop() else {
                if after.is_zero() {
                    break;
                }
                return Err(DocumentChunkError::Order);
            };
            let within = after.actor == first.actor
                && after.counter >= first.counter
                && after.counter - first.counter < len;
            if !within || after.is_zero() {
                sibling = Some(first);
                continue;
            }
            let kept = after.counter - first.counter + 1;
            if kept < len {
                sibling = Some(first.plus(kept));
            }
            self.path.push((first, kept));
            break;
        }
        if sibling.is_some_and(|sibling| set.actors.order(sibling) <= set.actors.order(id)) {
            return Err(DocumentChunkError::Order);
        }
        // A child is younger than its parent.
        if !after.is_zero() && set.actors.order(id) <= set.actors.order(after) {
            return Err(DocumentChunkError::Order);
        }
        match self.path.last_mut() {
            Some((first, len)) if first.plus(*len) == id => *len += count,
            _ => self.path.push((id, count)),
        }
        Ok(())
    }
}
