//! The engine against changes that are well formed, but say what no program would.
//!
//! The bytes are a script: they choose what operations refer to, mostly something that exists, at times
//! something that does not. Two copies of a document each take changes and exchange them now and then.

use rejoin_columnar::{BooleanEncoder, ColumnSpec, Columns, DeltaEncoder, RleEncoder, leb128};
use rejoin_document::{Change, ChangeHash, Document, PatchLog, TextUnit};

use crate::documents::{check_document, chunk, read_all};

/// The actors, in ascending order; each copy writes with two of them.
const ACTORS: [&[u8]; 4] = [b"ada", b"bob", b"cy", b"dan"];
const KEYS: [&str; 3] = ["a", "b", "é"];

/// An operation id: counter and index of the actor. Counter 0 is none.
type Id = (u32, usize);

/// Runs the script.
///
/// What a copy refuses must leave it as it was; what one accepts, the other must accept as well; in the
/// end both must be alike and survive saving.
pub fn check(script: &[u8]) {
    check_document(&run(script));
}

/// Runs the script and gives the document that both copies end with.
pub fn run(script: &[u8]) -> Document {
    let mut script = Script { bytes: script, at: 0 };
    let mut copies = [Copy::default(), Copy::default()];
    for round in 0..24 {
        if script.is_over() {
            break;
        }
        let author = script.below(ACTORS.len());
        let copy = author % 2;
        if round > 0 && script.below(4) == 0 {
            let [first, second] = &mut copies;
            exchange(first, second);
        }
        copies[copy].write(author, &mut script);
    }
    let [mut first, mut second] = copies;
    // What one brings may let the other take in what it had refused, which then goes back.
    while first.document.heads() != second.document.heads() {
        let before = (first.document.change_count(), second.document.change_count());
        exchange(&mut first, &mut second);
        exchange(&mut second, &mut first);
        let after = (first.document.change_count(), second.document.change_count());
        assert_ne!(before, after, "the copies differ for ever");
    }
    assert_eq!(first.document.heads(), second.document.heads());
    assert_eq!(read_all(first.document.view()), read_all(second.document.view()));
    first.document
}

fn exchange(from: &mut Copy, to: &mut Copy) {
    to.document
        .merge(&from.document, &mut PatchLog::inactive())
        .expect("what one copy accepts, the other accepts");
    to.known.extend(from.known.iter().cloned());
    to.known.sort();
    to.known.dedup();
    to.max_op = to.max_op.max(from.max_op);
}

/// Where the script has got to. After its end come zeros.
struct Script<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Script<'_> {
    fn is_over(&self) -> bool {
        self.at >= self.bytes.len()
    }

    fn below(&mut self, end: usize) -> usize {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % end.max(1)
    }
}

/// A copy of the document, and what was written into it so far.
#[derive(Default)]
struct Copy {
    document: Document,
    known: Vec<Known>,
    seqs: [u64; ACTORS.len()],
    max_op: u32,
    /// The heads before the last change.
    heads_before: Vec<ChangeHash>,
}

/// An operation that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Known {
    id: Id,
    object: Id,
    key: Key,
    action: u64,
    insert: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Map(&'static str),
    Element(Id),
}

struct Op {
    object: Id,
    key: Key,
    insert: bool,
    action: u64,
    value: (u64, Vec<u8>),
    predecessors: Vec<Id>,
    expand: bool,
    mark_name: Option<&'static str>,
}

impl Copy {
    /// Writes a change of up to four operations.
    fn write(&mut self, author: usize, script: &mut Script<'_>) {
        let start_op = match script.below(16) {
            0 => 1 + script.below(self.max_op as usize) as u32,
            1 => self.max_op + 2,
            _ => self.max_op + 1,
        };
        let heads = match script.below(16) {
            0 => self.heads_before.clone(),
            _ => self.document.heads().to_vec(),
        };
        let mut known = self.known.clone();
        let mut ops = Vec::new();
        for index in 0..=script.below(4) as u32 {
            let op = any_op(script, &known, (start_op + index, author));
            known.push(Known {
                id: (start_op + index, author),
                object: op.object,
                key: op.key.clone(),
                action: op.action,
                insert: op.insert,
            });
            ops.push(op);
        }
        let body = encode(author, self.seqs[author] + 1, start_op, &heads, &ops);
        let Ok(change) = Change::parse(&chunk(1, &body)) else { return };
        let before = (self.document.heads().to_vec(), read_all(self.document.view()));
        let mut log = PatchLog::active(TextUnit::Utf16);
        if self.document.apply([change], &mut log).is_ok() {
            self.seqs[author] += 1;
            self.max_op = self.max_op.max(start_op + ops.len() as u32 - 1);
            self.heads_before = before.0;
            self.known = known;
        } else {
            let after = (self.document.heads().to_vec(), read_all(self.document.view()));
            assert_eq!(before, after);
        }
    }
}

fn any_op(script: &mut Script<'_>, known: &[Known], own: Id) -> Op {
    let any_id = |script: &mut Script<'_>| {
        (script.below(own.0 as usize + 2) as u32, script.below(ACTORS.len()))
    };
    let pick = |script: &mut Script<'_>, wanted: &dyn Fn(&Known) -> bool| {
        let found: Vec<&Known> = known.iter().filter(|known| wanted(known)).collect();
        (!found.is_empty()).then(|| found[script.below(found.len())])
    };
    let strange = script.below(16) == 0;
    let object = if strange {
        any_id(script)
    } else {
        let made = |known: &Known| matches!(known.action, 0 | 2 | 4 | 6);
        match script.below(3) {
            0 => (0, 0),
            _ => pick(script, &made).map_or((0, 0), |known| known.id),
        }
    };
    let is_sequence = known.iter().any(|known| known.id == object && matches!(known.action, 2 | 4))
        ^ (script.below(32) == 31);
    let action = [1, 1, 1, 3, 3, 2, 4, 0, 5, 7, 7, 6][script.below(12)];
    let mut insert = is_sequence && action != 3 && script.below(3) > 0;
    let inside = |known: &Known| known.object == object && known.action != 3;
    let element = |known: &Known| inside(known) && known.insert;
    let target = pick(script, &|known| if is_sequence { element(known) } else { inside(known) });
    let key = if is_sequence {
        match target {
            Some(target) if !insert || script.below(4) > 0 => Key::Element(target.id),
            _ => {
                insert |= action != 3;
                Key::Element((0, 0))
            }
        }
    } else {
        Key::Map(match target.map(|target| &target.key) {
            Some(Key::Map(key)) if script.below(3) > 0 => key,
            _ => KEYS[script.below(KEYS.len())],
        })
    };
    let mut predecessors = Vec::new();
    if !insert || script.below(16) == 0 {
        // What stands at the key, or any of it.
        for known in known {
            let is_here = match (&key, known.insert) {
                (Key::Element(element), true) => known.id == *element,
                _ => known.key == key,
            };
            if inside(known) && is_here && script.below(8) < 6 {
                predecessors.push(known.id);
            }
        }
        if script.below(16) == 0 {
            predecessors.push(any_id(script));
        }
        predecessors.retain(|id| id.0 > 0);
        predecessors.sort();
        predecessors.dedup();
    }
    let value = match action {
        3 => (0, Vec::new()),
        5 => (4, vec![script.below(0x40) as u8]),
        _ => match script.below(8) {
            0 => (0, Vec::new()),
            1 => (2, Vec::new()),
            2 => (8, vec![script.below(0x40) as u8]),
            3 => (6, "two".into()),
            4 => (6, Vec::new()),
            5 => (6, "😀".into()),
            6 => (12, vec![1, 2]),
            _ => (6, vec![b'a' + script.below(26) as u8]),
        },
    };
    let is_mark = action == 7;
    Op {
        object,
        key,
        insert,
        action,
        value,
        predecessors,
        expand: is_mark && script.below(2) == 0,
        mark_name: (is_mark && script.below(2) == 0).then_some("bold"),
    }
}

/// The body of a change chunk, in its canonical form.
fn encode(author: usize, seq: u64, start_op: u32, deps: &[ChangeHash], ops: &[Op]) -> Vec<u8> {
    let mut others = [false; ACTORS.len()];
    let mut refer = |id: Id| others[id.1] |= id.0 > 0 && id.1 != author;
    for op in ops {
        refer(op.object);
        if let Key::Element(id) = op.key {
            refer(id);
        }
        op.predecessors.iter().for_each(|id| refer(*id));
    }
    let others: Vec<usize> = (0..ACTORS.len()).filter(|actor| others[*actor]).collect();
    let mut out = Vec::new();
    leb128::write_u64(&mut out, deps.len() as u64);
    deps.iter().for_each(|hash| out.extend_from_slice(&hash.0));
    let bytes = |out: &mut Vec<u8>, bytes: &[u8]| {
        leb128::write_u64(out, bytes.len() as u64);
        out.extend_from_slice(bytes);
    };
    bytes(&mut out, ACTORS[author]);
    leb128::write_u64(&mut out, seq);
    leb128::write_u64(&mut out, u64::from(start_op));
    out.extend_from_slice(&[0, 0]);
    leb128::write_u64(&mut out, others.len() as u64);
    others.iter().for_each(|other| bytes(&mut out, ACTORS[*other]));

    let (columns, data) = op_columns(ops, |actor| {
        others.iter().position(|other| *other == actor).map_or(0, |at| at as u32 + 1)
    });
    columns.write(&mut out);
    out.extend_from_slice(&data);
    out
}

fn op_columns(ops: &[Op], local: impl Fn(usize) -> u32) -> (Columns, Vec<u8>) {
    let (mut object_actor, mut object_counter) =
        (RleEncoder::<u32>::new(), RleEncoder::<u32>::new());
    let (mut key_actor, mut key_counter) = (RleEncoder::<u32>::new(), DeltaEncoder::new());
    let mut key_string = RleEncoder::<&str>::new();
    let (mut insert, mut expand) = (BooleanEncoder::new(), BooleanEncoder::new());
    let (mut action, mut meta) = (RleEncoder::<u64>::new(), RleEncoder::<u64>::new());
    let mut value = Vec::new();
    let mut count = RleEncoder::<u64>::new();
    let (mut actor, mut counter) = (RleEncoder::<u32>::new(), DeltaEncoder::new());
    let mut mark_name = RleEncoder::<&str>::new();
    for op in ops {
        let some = |id: Id| (id.0 > 0).then(|| local(id.1));
        object_actor.append(some(op.object));
        object_counter.append((op.object.0 > 0).then_some(op.object.0));
        let (string, element) = match op.key {
            Key::Map(key) => (Some(key), None),
            Key::Element(id) => (None, Some(id)),
        };
        key_string.append(string);
        key_actor.append(element.and_then(some));
        key_counter.append(element.map(|id| i64::from(id.0)));
        insert.append(op.insert);
        expand.append(op.expand);
        action.append(Some(op.action));
        meta.append(Some((op.value.1.len() as u64) << 4 | op.value.0));
        value.extend_from_slice(&op.value.1);
        count.append(Some(op.predecessors.len() as u64));
        for id in &op.predecessors {
            actor.append(some(*id));
            counter.append(Some(i64::from(id.0)));
        }
        mark_name.append(op.mark_name);
    }
    if expand.is_all_false() {
        expand.clear();
    }
    let columns_of = [
        (1, object_actor.finish()),
        (2, object_counter.finish()),
        (17, key_actor.finish()),
        (19, key_counter.finish()),
        (21, key_string.finish()),
        (52, insert.finish()),
        (66, action.finish()),
        (86, meta.finish()),
        (87, value),
        (112, count.finish()),
        (113, actor.finish()),
        (115, counter.finish()),
        (148, expand.finish()),
        (165, mark_name.finish()),
    ];
    let (mut columns, mut data) = (Columns::default(), Vec::new());
    for (spec, bytes) in columns_of {
        if !bytes.is_empty() {
            columns.append(ColumnSpec::from_u32(spec), bytes.len()).expect("small");
            data.extend_from_slice(&bytes);
        }
    }
    (columns, data)
}
