//! Changes built, encoded, read back, damaged and refused.

use super::*;
use crate::{
    actor::Actors,
    chunk::Chunks,
    op::{Action, Key, Op, RawValue},
};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_columnar::leb128;
use rejoin_seeds::seeds;

fn header(start_op: u32) -> ChangeHeader<'static> {
    ChangeHeader { deps: &[], actor: 0, seq: 1, start_op, time: 0, message: None, extra: &[] }
}

fn actors(ids: &[&[u8]]) -> Actors {
    let mut actors = Actors::default();
    ids.iter().for_each(|id| {
        actors.intern(&ActorId::new(id));
    });
    actors
}

fn single(key: Key<'static>, action: Action) -> Op<'static> {
    Op {
        object: OpId::ZERO,
        key,
        insert: false,
        action,
        value: RawValue::NULL,
        predecessors: SmallVec::new(),
        expand: false,
        mark_name: None,
    }
}

/// Encodes, reads back, and returns the change; the runs must come back as they went in.
fn round_trip(header: &ChangeHeader<'_>, actors: &Actors, runs: &[OpRun<'_>]) -> Change {
    let mut encoder = ChangeEncoder::default();
    let hash = encoder.encode(header, actors, runs);
    let change = Change::parse(encoder.chunk()).unwrap();
    assert_eq!(change.hash(), hash);
    assert_eq!(Change::from_encoder(&encoder).bytes(), change.bytes());
    assert_eq!(change.op_count(), encoder.op_count() as usize);
    assert_eq!(Change::parse(&change.compressed_bytes()).unwrap().bytes(), change.bytes());
    assert_eq!(globally_numbered(&change, actors), runs);
    change
}

fn globally_numbered<'a>(change: &'a Change, actors: &Actors) -> Vec<OpRun<'a>> {
    let numbers: Vec<u32> =
        change.local_actors().map(|actor| actors.find(actor.as_bytes()).unwrap()).collect();
    let global = |id: OpId| {
        if id.is_zero() { id } else { OpId::new(id.counter, numbers[id.actor as usize]) }
    };
    change
        .runs()
        .map(|run| match run {
            OpRun::Insert { object, after, text, count } => {
                OpRun::Insert { object: global(object), after: global(after), text, count }
            }
            OpRun::Delete { object, target, step, count } => {
                OpRun::Delete { object: global(object), target: global(target), step, count }
            }
            OpRun::Single(mut op) => {
                op.object = global(op.object);
                if let Key::Element(id) = op.key {
                    op.key = Key::Element(global(id));
                }
                op.predecessors.iter_mut().for_each(|id| *id = global(*id));
                OpRun::Single(op)
            }
        })
        .collect()
}

#[test]
fn a_change_says_what_was_encoded() {
    let actors = actors(&[b"author"]);
    let deps = [ChangeHash([1; 32]), ChangeHash([2; 32])];
    let header = ChangeHeader {
        deps: &deps,
        message: Some("né"),
        time: -5,
        seq: 1,
        extra: &[1, 2, b'm', b'e', 9],
        ..header(7)
    };
    let text = OpId::new(3, 0);
    let run = OpRun::Insert { object: text, after: OpId::ZERO, text: "aé😀", count: 3 };
    let change = round_trip(&header, &actors, &[run]);
    assert_eq!(change.deps(), deps);
    assert_eq!(change.actor().as_bytes(), b"author");
    assert_eq!((change.seq(), change.start_op(), change.max_op()), (1, 7, 9));
    assert_eq!((change.time(), change.message()), (-5, Some("né")));
    assert_eq!(change.author(), Some(&b"me"[..]));
    assert_eq!(change.extra(), header.extra);

    let empty = round_trip(&self::header(7), &actors, &[]);
    assert_eq!((empty.op_count(), empty.max_op(), empty.message()), (0, 6, None));
    assert_eq!(empty.author(), None);
}

#[test]
fn other_actors_are_numbered_by_their_bytes() {
    let actors = actors(&[b"m", b"z", b"a", b"unused"]);
    let text = OpId::new(1, 1);
    let put = Op {
        object: OpId::ZERO,
        predecessors: smallvec::smallvec![OpId::new(2, 2), OpId::new(2, 0), OpId::new(2, 1)],
        ..single(Key::Map("key"), Action::Set)
    };
    let runs = [
        OpRun::Insert { object: text, after: OpId::new(5, 2), text: "xyz", count: 3 },
        OpRun::Single(put.clone()),
    ];
    let change = round_trip(&header(10), &actors, &runs);
    let local: Vec<&[u8]> = change.local_actors().map(|actor| actor.as_bytes()).collect();
    assert_eq!(local, [&b"m"[..], b"a", b"z"]);

    // Predecessors may be given in any order.
    let mut shuffled = put;
    shuffled.predecessors.reverse();
    let mut encoder = ChangeEncoder::default();
    let runs = [runs[0].clone(), OpRun::Single(shuffled)];
    assert_eq!(encoder.encode(&header(10), &actors, &runs), change.hash());
}

#[test]
fn deletions_come_in_runs_of_either_direction() {
    let actors = actors(&[b"a", b"b"]);
    let object = OpId::new(1, 1);
    let delete = |counter, actor, step, count| OpRun::Delete {
        object,
        target: OpId::new(counter, actor),
        step,
        count,
    };
    for runs in [
        vec![delete(5, 0, 1, 1)],
        vec![delete(5, 1, 1, 2)],
        vec![delete(5, 1, -1, 2)],
        vec![delete(5, 0, 1, 1), delete(9, 0, -1, 9), delete(20, 1, 1, 3), delete(40, 1, 1, 1)],
        vec![delete(7, 0, 1, 1), delete(7, 0, 1, 1), delete(7, 0, 1, 2)],
    ] {
        round_trip(&header(100), &actors, &runs);
    }
}

/// Runs as a person would make them, no two of which the decoder would join.
fn random_runs(random: &mut ChaCha8Rng, text: &mut String) -> Vec<(usize, OpRun<'static>)> {
    const ALPHABETS: [&str; 4] = ["abc ", "é", "語", "😀a"];
    let mut runs = Vec::new();
    for _ in 0..random.random_range(0..8) {
        let actor = random.random_range(0..3);
        let id = |random: &mut ChaCha8Rng| {
            OpId::new(random.random_range(1..500), random.random_range(0..3))
        };
        let object = if random.random_range(0..8) == 0 { OpId::ZERO } else { OpId::new(2, actor) };
        let start = text.len();
        let run = match random.random_range(0..6) {
            0 | 1 => {
                let count = random.random_range(1..200);
                let alphabet: Vec<char> =
                    ALPHABETS[random.random_range(0..4)].chars().chain(['x']).collect();
                text.extend((0..count).map(|_| alphabet[random.random_range(0..alphabet.len())]));
                let head = random.random_range(0..3) == 0;
                let after = if head { OpId::ZERO } else { id(random) };
                OpRun::Insert { object, after, text: "", count }
            }
            2 | 3 => {
                let count = random.random_range(1..40);
                let step = if count > 1 && random.random() { -1 } else { 1 };
                OpRun::Delete { object, target: id(random).plus(50), step, count }
            }
            _ => {
                let values: [(u8, &[u8]); 5] =
                    [(0, b""), (2, b""), (4, b"\x05"), (6, b"two"), (12, b"raw")];
                let (code, bytes) = values[random.random_range(0..5)];
                let mut predecessors: SmallVec<[OpId; 1]> =
                    (0..random.random_range(0..3)).map(|_| id(random)).collect();
                // As the bytes of the actors in `with_random_change` order them.
                predecessors.sort_by_key(|id| (id.counter, [1, 0, 2][id.actor as usize]));
                predecessors.dedup();
                let insert = random.random_range(0..3) == 0;
                let element = Key::Element(id(random));
                let key = if insert || random.random() { element } else { Key::Map("key") };
                let mark = insert && random.random();
                let action = [Action::Set, Action::MakeMap, Action::MakeText, Action::Mark]
                    [if mark { 3 } else { random.random_range(0..3) }];
                OpRun::Single(Op {
                    object,
                    key,
                    insert,
                    action,
                    value: RawValue { code, bytes },
                    predecessors,
                    expand: mark && random.random(),
                    mark_name: mark.then_some("bold"),
                })
            }
        };
        runs.push((start, run));
    }
    runs
}

fn each_seed(iterations: u64, mut check: impl FnMut(&mut ChaCha8Rng)) {
    for seed in seeds(iterations) {
        check(&mut ChaCha8Rng::seed_from_u64(seed));
    }
}

/// Calls `check` with a header, actors and runs.
fn with_random_change(
    random: &mut ChaCha8Rng,
    check: impl FnOnce(&ChangeHeader<'_>, &Actors, &[OpRun<'_>], &mut ChaCha8Rng),
) {
    let actors = actors(&[b"bb", b"a", b"ccc"]);
    let mut text = String::new();
    let runs = random_runs(random, &mut text);
    let runs: Vec<OpRun<'_>> = runs
        .into_iter()
        .map(|(start, run)| match run {
            OpRun::Insert { object, after, count, .. } => {
                let end = text[start..].char_indices().nth(count as usize);
                let end = end.map_or(text.len(), |(at, _)| start + at);
                OpRun::Insert { object, after, text: &text[start..end], count }
            }
            run => run,
        })
        .collect();
    let mut deps = [ChangeHash([0; 32]); 3];
    deps.iter_mut().for_each(|hash| random.fill_bytes(&mut hash.0));
    deps.sort();
    let header = ChangeHeader {
        deps: &deps[..random.random_range(0..3)],
        actor: random.random_range(0..3),
        seq: random.random_range(1..300),
        start_op: random.random_range(600..700),
        time: random.random_range(-5..1 << 40),
        message: [None, Some("message")][random.random_range(0..2)],
        extra: [&b""[..], b"extra"][random.random_range(0..2)],
    };
    check(&header, &actors, &runs, random);
}

/// Splits runs into their operations, in the one form that each operation has alone.
fn operations(runs: &[OpRun<'_>], start: u32) -> Vec<String> {
    let mut operations = Vec::new();
    let mut counter = start;
    for run in runs {
        match run {
            OpRun::Insert { object, after, text, .. } => {
                let mut after = format!("{after:?}");
                for character in text.chars() {
                    operations.push(format!("insert {object:?} {after} {character}"));
                    after = format!("own {counter}");
                    counter += 1;
                }
            }
            OpRun::Delete { object, target, step, count } => {
                for index in 0..*count {
                    let target = target.stepped(*step, index);
                    operations.push(format!("delete {object:?} {target:?}"));
                    counter += 1;
                }
            }
            OpRun::Single(op) => {
                operations.push(format!("{op:?}"));
                counter += 1;
            }
        }
    }
    operations
}

#[test]
fn random_changes_are_read_as_they_were_encoded() {
    let mut encoder = ChangeEncoder::default();
    each_seed(500, |random| {
        with_random_change(random, |header, actors, runs, _| {
            let hash = encoder.encode(header, actors, runs);
            let change = Change::parse(encoder.chunk()).unwrap();
            assert_eq!(change.hash(), hash);
            let read = operations(&globally_numbered(&change, actors), header.start_op);
            let expected = operations(runs, header.start_op);
            let difference = read.iter().zip(&expected).find(|(read, expected)| read != expected);
            assert_eq!((difference, read.len()), (None, expected.len()));
        });
    });
}

#[test]
fn damaged_changes_never_panic_and_are_canonical_if_they_are_accepted() {
    let mut encoder = ChangeEncoder::default();
    let mut accepted = 0;
    each_seed(3000, |random| {
        with_random_change(random, |header, actors, runs, random| {
            encoder.encode(header, actors, runs);
            let chunk = Chunk::read(encoder.chunk(), 0).unwrap();
            let mut body = chunk.body.to_vec();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..body.len());
                match random.random_range(0..4) {
                    0 => body[at] = random.random(),
                    1 => body[at] = body[at].wrapping_add(1),
                    2 if body.len() > 1 => {
                        body.remove(at);
                    }
                    _ => body.insert(at, random.random_range(0..4)),
                }
            }
            let mut buffer = ChunkBuffer::default();
            buffer.start().append(&mut body);
            buffer.finish(ChunkKind::Change);
            if let Ok(change) = Change::parse(buffer.chunk()) {
                accepted += 1;
                let mut known = Actors::default();
                change.local_actors().for_each(|actor| {
                    known.intern(actor);
                });
                let runs = globally_numbered(&change, &known);
                let header = ChangeHeader {
                    deps: change.deps(),
                    actor: 0,
                    seq: change.seq(),
                    start_op: change.start_op() as u32,
                    time: change.time(),
                    message: change.message(),
                    extra: change.extra(),
                };
                assert_eq!(ChangeEncoder::default().encode(&header, &known, &runs), change.hash());
            }
        });
    });
    assert!(accepted > 0 || std::env::var("SEED").is_ok());
}

/// A change chunk with these op columns, written by hand.
fn chunk_with(columns: &[(u32, &[u8])]) -> Vec<u8> {
    chunk_of(&[], columns)
}

fn chunk_of(others: &[&[u8]], columns: &[(u32, &[u8])]) -> Vec<u8> {
    let mut buffer = ChunkBuffer::default();
    let out = buffer.start();
    out.extend_from_slice(&[0, 1, b'b', 1, 9, 0, 0, others.len() as u8]);
    for other in others {
        out.push(other.len() as u8);
        out.extend_from_slice(other);
    }
    out.push(columns.len() as u8);
    for (spec, data) in columns {
        leb128::write_u64(out, u64::from(*spec));
        leb128::write_u64(out, data.len() as u64);
    }
    columns.iter().for_each(|(_, data)| out.extend_from_slice(data));
    buffer.finish(ChunkKind::Change);
    buffer.chunk().to_vec()
}

const KEY: (u32, &[u8]) = (21, b"\x7f\x01k");
const NO_INSERT: (u32, &[u8]) = (52, &[1]);
const SET: (u32, &[u8]) = (66, &[0x7f, 1]);
const NULL: (u32, &[u8]) = (86, &[0x7f, 0]);
const NO_PREDECESSORS: (u32, &[u8]) = (112, &[0x7f, 0]);

#[test]
fn the_plainest_change_is_accepted() {
    let chunk = chunk_with(&[KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]);
    let change = Change::parse(&chunk).unwrap();
    assert_eq!(
        change.runs().collect::<Vec<_>>(),
        [OpRun::Single(single(Key::Map("k"), Action::Set))]
    );
}

#[track_caller]
fn refusal(columns: &[(u32, &[u8])]) -> OpError {
    match Change::parse(&chunk_with(columns)) {
        Err(ChangeError::Op { error, .. }) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn malformed_operations_are_refused() {
    let set = |action: u8| [0x7f, action];
    assert_eq!(
        refusal(&[KEY, NO_INSERT, (66, &set(8)), NULL, NO_PREDECESSORS]),
        OpError::UnknownAction(8)
    );
    assert_eq!(refusal(&[KEY, NO_INSERT, (66, &set(3)), NULL, NO_PREDECESSORS]), OpError::Delete);
    assert_eq!(
        refusal(&[KEY, NO_INSERT, (66, &set(5)), NULL, NO_PREDECESSORS]),
        OpError::Value { code: 0 }
    );
    assert_eq!(refusal(&[KEY, NO_INSERT, SET, NULL]), OpError::Missing("predecessor count"));
    assert_eq!(refusal(&[KEY, NO_INSERT, SET, NO_PREDECESSORS]), OpError::Missing("value"));
    assert_eq!(
        refusal(&[KEY, NO_INSERT, SET, (86, &[0x7f, 0x16]), NO_PREDECESSORS]),
        OpError::Missing("value")
    );
    assert_eq!(refusal(&[NO_INSERT, SET, NULL, NO_PREDECESSORS]), OpError::Key);
    assert_eq!(refusal(&[KEY, (52, &[0, 1]), SET, NULL, NO_PREDECESSORS]), OpError::Key);
    let head: (u32, &[u8]) = (19, &[0x7f, 0]);
    assert_eq!(refusal(&[head, NO_INSERT, SET, NULL, NO_PREDECESSORS]), OpError::Key);
    assert_eq!(refusal(&[head, KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]), OpError::Key);
    let object: (u32, &[u8]) = (2, &[0x7f, 1]);
    assert_eq!(refusal(&[object, KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]), OpError::Id);
    let actor: (u32, &[u8]) = (1, &[0x7f, 1]);
    assert_eq!(refusal(&[actor, object, KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]), OpError::Id);
    // The operation's own counter is 9.
    let author: (u32, &[u8]) = (1, &[0x7f, 0]);
    let later: (u32, &[u8]) = (2, &[0x7f, 9]);
    assert_eq!(
        refusal(&[author, later, KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]),
        OpError::Later
    );
    let element: [(u32, &[u8]); 2] = [(17, &[0x7f, 0]), (19, &[0x7f, 9])];
    assert_eq!(
        refusal(&[element[0], element[1], NO_INSERT, SET, NULL, NO_PREDECESSORS]),
        OpError::Later
    );
    let one: [(u32, &[u8]); 3] = [(112, &[0x7f, 1]), (113, &[0x7f, 0]), (115, &[0x7f, 9])];
    assert_eq!(refusal(&[KEY, NO_INSERT, SET, NULL, one[0], one[1], one[2]]), OpError::Later);
    let two_equal: [(u32, &[u8]); 3] = [(112, &[0x7f, 2]), (113, &[2, 0]), (115, &[0x7e, 3, 0])];
    assert_eq!(
        refusal(&[KEY, NO_INSERT, SET, NULL, two_equal[0], two_equal[1], two_equal[2]]),
        OpError::UnsortedPredecessors
    );
    assert_eq!(
        refusal(&[KEY, NO_INSERT, SET, NULL, (98, &[]), NO_PREDECESSORS]),
        OpError::Column(98)
    );
}

#[test]
fn other_encodings_of_the_same_operations_are_refused() {
    let canonical = [KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS];
    let variants: [&[(u32, &[u8])]; 6] = [
        // A repeat run of one.
        &[KEY, NO_INSERT, (66, &[1, 1]), NULL, NO_PREDECESSORS],
        // An empty run of nulls.
        &[(21, b"\x7f\x01k\0\0"), NO_INSERT, SET, NULL, NO_PREDECESSORS],
        // A column of nothing but nulls.
        &[(19, &[0, 1]), KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS],
        // Flags that are all false.
        &[KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS, (148, &[1])],
        // The insert column left out.
        &[KEY, SET, NULL, NO_PREDECESSORS],
        // A row too many in one column.
        &[KEY, NO_INSERT, SET, (86, &[2, 0]), NO_PREDECESSORS],
    ];
    assert!(Change::parse(&chunk_with(&canonical)).is_ok());
    for columns in variants {
        let error = Change::parse(&chunk_with(columns)).unwrap_err();
        assert_eq!(error, ChangeError::NotCanonical, "{columns:?}");
    }
}

#[test]
fn actors_must_be_sorted_and_referred_to() {
    let columns = [KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS];
    for others in [&[&b"a"[..]][..], &[b"b"], &[b"c", b"a"], &[b"a", b"a"]] {
        let error = Change::parse(&chunk_of(others, &columns)).unwrap_err();
        assert_eq!(error, ChangeError::UnsortedActors);
    }
    let object: [(u32, &[u8]); 2] = [(1, &[0x7f, 1]), (2, &[0x7f, 1])];
    let columns = [object[0], object[1], KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS];
    assert!(Change::parse(&chunk_of(&[b"a"], &columns)).is_ok());
}

#[test]
fn claims_of_billions_of_operations_are_refused_at_once() {
    let run = |value: u8, count: i64| {
        let mut out = Vec::new();
        leb128::write_i64(&mut out, count);
        out.push(value);
        out
    };
    for count in [1 << 25, 1 << 31, 1 << 33, 1 << 60] {
        let mut inserts = vec![0];
        leb128::write_u64(&mut inserts, count as u64);
        let (key, set, zero) = (run(0, count), run(1, count), run(0, count));
        let error = Change::parse(&chunk_with(&[
            (19, &key),
            (52, &inserts),
            (66, &set),
            (86, &zero),
            (112, &zero),
        ]))
        .unwrap_err();
        assert!(matches!(error, ChangeError::Op { error: OpError::TooManyOps, .. }), "{error}");
    }
    // Predecessors that take no bytes either.
    let count = 1 << 30;
    let mut rows = vec![0x7f];
    leb128::write_u64(&mut rows, count as u64);
    let error = Change::parse(&chunk_with(&[
        KEY,
        NO_INSERT,
        SET,
        NULL,
        (112, &rows),
        (113, &run(0, count)),
        (115, &run(1, count)),
    ]))
    .unwrap_err();
    assert!(matches!(error, ChangeError::Op { error: OpError::TooManyOps, .. }), "{error}");
}

#[test]
fn a_huge_deletion_is_one_run() {
    let actors = actors(&[b"a"]);
    let run =
        OpRun::Delete { object: OpId::new(1, 0), target: OpId::new(2, 0), step: 1, count: 1 << 30 };
    let change = round_trip(&header(1 << 30), &actors, &[run]);
    assert!(change.bytes().len() < 150);
}

#[test]
fn wrong_chunks_are_refused() {
    let good = chunk_with(&[KEY, NO_INSERT, SET, NULL, NO_PREDECESSORS]);
    let mut damaged = good.clone();
    damaged[5] ^= 1;
    assert_eq!(Change::parse(&damaged), Err(ChunkError::Checksum.into()));
    let longer = [&good[..], &[0]].concat();
    assert_eq!(Change::parse(&longer), Err(ChangeError::TrailingBytes(1)));
    let mut document = good;
    document[8] = 0;
    assert_eq!(Change::parse(&document), Err(ChangeError::Kind));
}

#[test]
fn a_change_of_one_operation_reads_and_writes_as_by_the_column_codecs() {
    each_seed(1000, |random| {
        with_random_change(random, |header, actors, runs, _| {
            for run in runs {
                let OpRun::Insert { object, after, text, .. } = *run else {
                    check_one_operation(header, actors, run);
                    continue;
                };
                let text = text.chars().next().map_or("", |first| &text[..first.len_utf8()]);
                check_one_operation(
                    header,
                    actors,
                    &OpRun::Insert { object, after, text, count: 1 },
                );
            }
        });
    });
}

fn check_one_operation(header: &ChangeHeader<'_>, actors: &Actors, run: &OpRun<'_>) {
    let mut encoder = ChangeEncoder::default();
    encoder.encode(header, actors, std::slice::from_ref(run));
    let change = Change::from_encoder(&encoder);
    let locals: Vec<_> = change.local_actors().collect();
    let local = |actor: u32| locals.iter().position(|id| *id == actors.get(actor)).unwrap() as u32;
    let mut ops = OpEncoder::default();
    let mut columns = Vec::new();
    ops.append(run, OpId::new(header.start_op, 0), local);
    ops.finish_into(&mut columns);
    assert_eq!(columns, change.bytes()[change.0.columns..change.0.extra]);

    let mut reader = Reader::new(&columns);
    let list = Columns::parse(&mut reader, ColumnLayout::Change).unwrap();
    let mut decoder =
        OpDecoder::new(&list, reader.rest(), header.start_op, locals.len(), usize::MAX).unwrap();
    assert_eq!(change.runs().next(), decoder.next_run().unwrap());
}

/// The files of a folder of real data, if the variable says where that lies.
fn real_files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let Some(data) = std::env::var_os("REJOIN_DATA") else {
        println!("skipped: REJOIN_DATA is not set");
        return Vec::new();
    };
    let files = std::fs::read_dir(std::path::Path::new(&data).join(folder)).unwrap();
    files
        .map(|file| file.unwrap())
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect()
}

#[test]
fn changes_that_automerge_wrote_are_canonical() {
    let refused = [
        "64bit_obj_id_change.automerge",
        "counter_value_is_overlong.automerge",
        "counter_value_has_incorrect_meta.automerge",
    ];
    let mut parser = ChangeParser::default();
    let mut checked = 0;
    for folder in ["automerge-fixtures", "corpus"] {
        for (name, bytes) in real_files(folder) {
            let chunks = Chunks::new(&bytes).map_while(Result::ok);
            for chunk in chunks {
                if matches!(chunk.kind, ChunkKind::Change | ChunkKind::Deflated) {
                    checked += 1;
                    let change = parser.parse(&chunk, &mut Budget::for_bytes(bytes.len()));
                    assert_eq!(change.is_err(), refused.contains(&&*name), "{name}: {change:?}");
                }
            }
        }
    }
    println!("{checked} changes");
}
