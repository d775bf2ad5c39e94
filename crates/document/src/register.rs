//! Registers: the operations on one key of a map or one element of a sequence, and what of them shows.

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::{
    clock::Clock,
    integrate::InvalidOp,
    object::{ObjId, ObjType},
    op::{Action, RawValue},
    op_id::OpId,
    op_set::OpSet,
    value::{ScalarValue, Value},
};

/// All operations on one key of a map or one special element of a sequence, by ascending id; without
/// deletions, which stand as successors alone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Register {
    ops: SmallVec<[RegisterOp; 1]>,
    /// There once there were [`MANY`] operations. Fewer are looked at one by one.
    index: Option<Box<RegisterIndex>>,
}

/// An operation on a register and what superseded it.
#[derive(Debug, Clone)]
pub(crate) struct RegisterOp {
    pub(crate) id: OpId,
    pub(crate) source: Source,
    /// The operations that have this one as predecessor, increments among them.
    pub(crate) successors: SmallVec<[OpId; 1]>,
}

/// Where the action and value of a register's operation stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Among the stored operations of the log.
    Stored(u32),
    /// A string of one scalar value, at this place of the text buffer.
    Text(u32),
}

/// What a register of many operations gives now, so that nobody looks through its past for it.
#[derive(Debug, Clone, Default)]
struct RegisterIndex {
    /// The operations that show, ascending.
    shown: Vec<OpId>,
    /// What the increments of a counter come to; without an entry, nothing.
    totals: HashMap<OpId, i64>,
}

/// From this many operations on a register has an index; small in tests, so that most have one.
const MANY: usize = if cfg!(test) { 4 } else { 32 };

/// What supersedes operations of a register.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Superseding {
    pub(crate) id: OpId,
    /// By how much it increments, when it is an increment.
    pub(crate) increment: Option<i64>,
}

impl Superseding {
    /// An operation with this id, action and value.
    pub(crate) fn new(id: OpId, action: Action, value: RawValue<'_>) -> Self {
        Self { id, increment: (action == Action::Increment).then(|| increment_by(value)) }
    }

    /// A deletion.
    pub(crate) fn deletion(id: OpId) -> Self {
        Self { id, increment: None }
    }
}

impl Register {
    /// Adds an operation whose id is greater than all others, before [`OpSet::index_register`].
    pub(crate) fn push(&mut self, op: RegisterOp) {
        self.ops.push(op);
    }
}

impl std::ops::Deref for Register {
    type Target = [RegisterOp];

    fn deref(&self) -> &[RegisterOp] {
        &self.ops
    }
}

/// Reading registers.
impl OpSet {
    /// The visible operations of a register, ascending: the winner last.
    pub(crate) fn visible<'a>(
        &'a self,
        register: &'a Register,
        clock: Option<&'a Clock>,
    ) -> impl DoubleEndedIterator<Item = &'a RegisterOp> {
        let index = register.index.as_deref().filter(|_| clock.is_none());
        let known: &[OpId] = index.map_or(&[], |index| &index.shown);
        let unknown: &[RegisterOp] = if index.is_some() { &[] } else { register };
        let known = known.iter().filter_map(|id| self.position_in(register, *id).ok());
        known
            .map(|at| &register[at])
            .chain(unknown.iter().filter(move |op| self.shows(register, op, clock)))
    }

    /// The visible operation that decides the value of a register.
    pub(crate) fn winner<'a>(
        &'a self,
        register: &'a Register,
        clock: Option<&'a Clock>,
    ) -> Option<&'a RegisterOp> {
        self.visible(register, clock).next_back()
    }

    fn shows(&self, register: &Register, op: &RegisterOp, clock: Option<&Clock>) -> bool {
        let covers = |id: OpId| clock.is_none_or(|clock| clock.covers(id));
        // An increment adds to a counter and replaces any other value that stood beside it.
        let adds = |id: OpId| self.is_counter(op) && self.increment_in(register, id).is_some();
        covers(op.id)
            && self.action(op) != Action::Increment
            && !op.successors.iter().rev().any(|id| covers(*id) && !adds(*id))
    }

    fn is_counter(&self, op: &RegisterOp) -> bool {
        const COUNTER: u8 = 8;
        self.action(op) == Action::Set && self.raw_value(op).code == COUNTER
    }

    /// The increment with this id in a register.
    pub(crate) fn increment_in<'a>(
        &self,
        register: &'a Register,
        id: OpId,
    ) -> Option<&'a RegisterOp> {
        let at = self.position_in(register, id).ok()?;
        (self.action(&register[at]) == Action::Increment).then(|| &register[at])
    }

    /// Where an operation stands in a register, or would.
    pub(crate) fn position_in(&self, register: &Register, id: OpId) -> Result<usize, usize> {
        let order = self.actors.order(id);
        register.binary_search_by_key(&order, |op| self.actors.order(op.id))
    }

    /// The value that an operation of a register gives, increments included.
    pub(crate) fn value(
        &self,
        register: &Register,
        op: &RegisterOp,
        clock: Option<&Clock>,
    ) -> Value {
        if let Some(kind) = ObjType::from_action(self.action(op)) {
            return Value::Object(kind, ObjId(op.id));
        }
        let mut value = ScalarValue::decode(self.raw_value(op));
        if let ScalarValue::Counter(total) = &mut value {
            let sum = match &register.index {
                Some(index) if clock.is_none() => index.totals.get(&op.id).copied().unwrap_or(0),
                _ => self.increments(register, op, clock),
            };
            *total = total.wrapping_add(sum);
        }
        Value::Scalar(value)
    }

    /// What the increments of a counter come to.
    fn increments(&self, register: &Register, op: &RegisterOp, clock: Option<&Clock>) -> i64 {
        let covered = op.successors.iter().filter(|id| clock.is_none_or(|c| c.covers(**id)));
        let increments = covered.filter_map(|id| self.increment_in(register, *id));
        increments.map(|op| increment_by(self.raw_value(op))).fold(0, i64::wrapping_add)
    }
}

/// Changing registers. A register is taken out of the set while it changes, as its operations are looked
/// up in the set.
impl OpSet {
    /// Makes what many operations give known, after they were pushed.
    pub(crate) fn index_register(&self, register: &mut Register) {
        if register.len() < MANY {
            return;
        }
        let mut index = RegisterIndex::default();
        for op in register.iter() {
            if self.shows(register, op, None) {
                index.shown.push(op.id);
            }
            if self.is_counter(op) && !op.successors.is_empty() {
                index.totals.insert(op.id, self.increments(register, op, None));
            }
        }
        register.index = Some(Box::new(index));
    }

    /// Notes that an operation supersedes others.
    ///
    /// # Errors
    /// When one of them is not in the register, which is then as it was.
    pub(crate) fn supersede(
        &self,
        register: &mut Register,
        predecessors: &[OpId],
        by: Superseding,
    ) -> Result<(), InvalidOp> {
        for (done, predecessor) in predecessors.iter().enumerate() {
            let Ok(at) = self.position_in(register, *predecessor) else {
                self.unsupersede(register, &predecessors[..done], by);
                return Err(InvalidOp::UnknownPredecessor);
            };
            register.ops[at].successors.push(by.id);
            let Some(index) = &mut register.index else { continue };
            match by.increment {
                Some(by) if self.is_counter(&register.ops[at]) => index.add(*predecessor, by),
                _ => index.hide(self, *predecessor),
            }
        }
        Ok(())
    }

    /// Takes back what [`OpSet::supersede`] noted.
    pub(crate) fn unsupersede(
        &self,
        register: &mut Register,
        predecessors: &[OpId],
        by: Superseding,
    ) {
        for predecessor in predecessors.iter().rev() {
            let Ok(at) = self.position_in(register, *predecessor) else { continue };
            // What is taken back came last, as a rule.
            let successors = &mut register.ops[at].successors;
            if let Some(last) = successors.iter().rposition(|id| *id == by.id) {
                successors.remove(last);
            }
            let Some(mut index) = register.index.take() else { continue };
            match by.increment {
                Some(by) if self.is_counter(&register[at]) => {
                    index.add(*predecessor, by.wrapping_neg());
                }
                _ if self.shows(register, &register[at], None) => index.show(self, *predecessor),
                _ => {}
            }
            register.index = Some(index);
        }
    }

    /// Adds an operation that nothing supersedes yet.
    pub(crate) fn add_to_register(&self, register: &mut Register, op: RegisterOp) {
        let at = self.position_in(register, op.id).unwrap_or_else(|at| at);
        if let Some(index) = &mut register.index
            && self.action(&op) != Action::Increment
        {
            index.show(self, op.id);
        }
        register.ops.insert(at, op);
        if register.index.is_none() {
            self.index_register(register);
        }
    }

    /// Takes an operation out that superseded these, if it stands there (deletions do not).
    pub(crate) fn remove_from_register(
        &self,
        register: &mut Register,
        op: Superseding,
        predecessors: &[OpId],
    ) {
        if let Ok(at) = self.position_in(register, op.id) {
            register.ops.remove(at);
            if let Some(index) = &mut register.index {
                index.hide(self, op.id);
                index.totals.remove(&op.id);
            }
        }
        self.unsupersede(register, predecessors, op);
    }
}

impl RegisterIndex {
    fn position(&self, set: &OpSet, id: OpId) -> Result<usize, usize> {
        let order = set.actors.order(id);
        self.shown.binary_search_by_key(&order, |shown| set.actors.order(*shown))
    }

    fn show(&mut self, set: &OpSet, id: OpId) {
        if let Err(at) = self.position(set, id) {
            self.shown.insert(at, id);
        }
    }

    fn hide(&mut self, set: &OpSet, id: OpId) {
        if let Ok(at) = self.position(set, id) {
            self.shown.remove(at);
        }
    }

    fn add(&mut self, counter: OpId, by: i64) {
        let total = self.totals.entry(counter).or_default();
        *total = total.wrapping_add(by);
    }
}

/// By how much an increment with this value increments.
pub(crate) fn increment_by(value: RawValue<'_>) -> i64 {
    match ScalarValue::decode(value) {
        ScalarValue::Int(by) => by,
        ScalarValue::Uint(by) => by as i64,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{
        actor::ActorId, change::Change, document::Document, load::LoadOptions, object::Content,
        patch::PatchLog, sequence::TextUnit, transaction::CommitOptions,
    };

    fn registers(set: &OpSet) -> impl Iterator<Item = &Register> {
        let maps = set.objects.iter().filter_map(|(_, object)| match &object.content {
            Content::Map(map) => Some(map.values()),
            Content::Sequence(_) => None,
        });
        maps.flatten().chain(&set.specials)
    }

    /// What the index says is what looking at every operation gives.
    fn check(doc: &Document) -> usize {
        let set = &doc.set;
        let mut indexed = 0;
        for register in registers(set) {
            let Some(index) = &register.index else { continue };
            let shown: Vec<OpId> = set.visible(register, None).map(|op| op.id).collect();
            let plain: Vec<OpId> = register
                .iter()
                .filter(|op| set.shows(register, op, None))
                .map(|op| op.id)
                .collect();
            assert_eq!(shown, plain);
            assert_eq!(index.shown, plain);
            for op in register.iter().filter(|op| set.is_counter(op)) {
                let total = index.totals.get(&op.id).copied().unwrap_or(0);
                assert_eq!(total, set.increments(register, op, None));
            }
            indexed += 1;
        }
        indexed
    }

    #[test]
    fn an_index_says_what_looking_at_every_operation_gives() {
        let seeds = match std::env::var("SEED") {
            Ok(seed) => vec![seed.parse().unwrap()],
            Err(_) => (0..40).collect::<Vec<u64>>(),
        };
        let mut indexed = 0;
        for seed in seeds {
            println!("SEED={seed}");
            let mut random = ChaCha8Rng::seed_from_u64(seed);
            let mut docs = vec![Document::new()];
            let list = {
                let mut transaction = docs[0].transaction(&ActorId::new(&[0]));
                let list = transaction.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
                transaction.insert(list, 0, ScalarValue::Counter(0)).unwrap();
                transaction.commit(CommitOptions::default());
                list
            };
            docs.push(docs[0].fork());
            docs.push(docs[0].fork());
            for _ in 0..60 {
                let at = random.random_range(0..docs.len());
                let doc = &mut docs[at];
                match random.random_range(0..8) {
                    0 => {
                        let other = docs[(at + 1) % 3].fork();
                        docs[at].merge(&other, &mut PatchLog::active(TextUnit::Utf16)).unwrap();
                    }
                    1 => *doc = Document::load(&doc.save(), LoadOptions::default()).unwrap(),
                    2 => doc.discard_draft(),
                    3 => {
                        doc.commit_draft(&ActorId::new(&[at as u8]), CommitOptions::default());
                    }
                    4 => {
                        let mut transaction = doc.draft_transaction();
                        edit(&mut transaction, list, &mut random);
                        if random.random() {
                            transaction.keep();
                        }
                    }
                    _ => {
                        let mut transaction = doc.transaction(&ActorId::new(&[at as u8]));
                        edit(&mut transaction, list, &mut random);
                        if random.random_range(0..4) > 0 {
                            transaction.commit(CommitOptions::default());
                        }
                    }
                }
                docs.iter().for_each(|doc| indexed += check(doc));
            }
        }
        assert!(indexed > 1_000, "{indexed}");
    }

    fn edit(
        transaction: &mut crate::transaction::Transaction<'_>,
        list: ObjId,
        random: &mut ChaCha8Rng,
    ) {
        for _ in 0..random.random_range(1..12) {
            let by = random.random_range(-9..9i64);
            // What is not there cannot be incremented or deleted.
            let _ = match random.random_range(0..8) {
                0 => transaction.put(ObjId::ROOT, "n", by),
                1 => transaction.put(list, 0usize, by),
                2 => transaction.put(ObjId::ROOT, "n", ScalarValue::Counter(by)),
                3 => transaction.put(list, 0usize, ScalarValue::Counter(by)),
                4 => transaction.delete(ObjId::ROOT, "n"),
                5 => transaction.increment(list, 0usize, by),
                _ => transaction.increment(ObjId::ROOT, "n", by),
            };
        }
    }

    /// Looking through the past at each of these operations takes minutes.
    #[test]
    fn long_pasts_are_not_looked_through() {
        const TIMES: i64 = 100_000;
        let author = ActorId::new(&[1]);
        let mut base = Document::new();
        let mut transaction = base.transaction(&author);
        let list = transaction.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
        transaction.insert(list, 0, ScalarValue::Counter(0)).unwrap();
        transaction.put(ObjId::ROOT, "counter", ScalarValue::Counter(0)).unwrap();
        transaction.commit(CommitOptions::default());
        // Somebody else's value shows all the while.
        let mut other = base.fork();
        let mut transaction = other.transaction(&ActorId::new(&[2]));
        transaction.put(ObjId::ROOT, "n", -1).unwrap();
        transaction.commit(CommitOptions::default());
        let mut doc = base.fork();
        let mut transaction = doc.transaction(&author);
        for i in 0..TIMES {
            transaction.put(ObjId::ROOT, "n", i).unwrap();
            transaction.increment(ObjId::ROOT, "counter", 1).unwrap();
            transaction.increment(list, 0usize, 2).unwrap();
        }
        let change = transaction.commit(CommitOptions::default()).unwrap();
        let change: Change = doc.change(&change).unwrap();
        let mut log = PatchLog::active(TextUnit::Utf16);
        other.apply([change], &mut log).unwrap();
        assert!(log.take().len() > TIMES as usize);
        let loaded = Document::load(&other.save(), LoadOptions::default()).unwrap();
        for doc in [&mut other, &mut loaded.fork()] {
            let view = doc.view();
            assert_eq!(view.get_all(ObjId::ROOT, "n").unwrap().len(), 2);
            let counter = view.get(ObjId::ROOT, "counter").unwrap().unwrap();
            assert_eq!(counter, Value::Scalar(ScalarValue::Counter(TIMES)));
            let actor = doc.set.actors.find(author.as_bytes()).unwrap();
            // As when its last operation did not fit.
            doc.set.truncate(actor, 4);
            let counter = doc.view().get(list, 0usize).unwrap().unwrap();
            assert_eq!(counter, Value::Scalar(ScalarValue::Counter(0)));
            assert_eq!(doc.view().get_all(ObjId::ROOT, "n").unwrap().len(), 1);
        }
    }
}
