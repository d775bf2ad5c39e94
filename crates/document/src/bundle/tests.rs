//! Bundles written, read, reordered and damaged.

use super::*;
use crate::{
    actor::ActorId,
    budget::Budget,
    change::{Change, ChangeEncoder, ChangeHeader, columns::ID_COUNTER},
    chunk::Chunk,
    op::{Action, Key, Op, RawValue},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rejoin_seeds::seeds;
use smallvec::smallvec;

const ACTORS: [&[u8]; 3] = [b"mm", b"a", b"zzz"];

fn read(body: &[u8]) -> Result<Vec<Change>, BundleError> {
    super::read(body, &mut Budget::for_bytes(body.len()))
}

/// Changes of three people in one text, some at the same time.
fn history(random: &mut ChaCha8Rng, count: usize) -> Vec<Change> {
    let mut actors = Actors::default();
    ACTORS.iter().for_each(|id| {
        actors.intern(&ActorId::new(id));
    });
    let mut encoder = ChangeEncoder::default();
    let mut changes: Vec<Change> = Vec::new();
    let mut seqs = [0; 3];
    let mut max_op = 20;
    for _ in 0..count {
        let actor = random.random_range(0..3);
        seqs[actor] += 1;
        let mut deps: Vec<ChangeHash> =
            changes.iter().rev().take(random.random_range(0..3)).map(Change::hash).collect();
        if random.random_range(0..4) == 0 {
            deps.push(ChangeHash([random.random(); 32]));
        }
        deps.sort();
        let start_op = max_op + random.random_range(1..4);
        let id = |random: &mut ChaCha8Rng| {
            OpId::new(random.random_range(9..=max_op), random.random_range(0..3))
        };
        let object = OpId::new(1, 0);
        let runs: Vec<OpRun<'_>> = (0..random.random_range(0..4))
            .map(|_| match random.random_range(0..4) {
                0 => OpRun::Insert { object, after: id(random), text: "typed é!", count: 8 },
                1 => OpRun::Delete { object, target: id(random), step: -1, count: 9 },
                2 => OpRun::Insert { object, after: OpId::ZERO, text: "x", count: 1 },
                _ => OpRun::Single(Op {
                    object: OpId::ZERO,
                    key: Key::Map("title"),
                    insert: false,
                    action: Action::Set,
                    value: RawValue { code: 6, bytes: b"two words" },
                    predecessors: smallvec![id(random)],
                    expand: false,
                    mark_name: None,
                }),
            })
            .collect();
        let header = ChangeHeader {
            deps: &deps,
            actor: actor as u32,
            seq: seqs[actor],
            start_op,
            time: random.random_range(-9..1 << 40),
            message: [None, Some("said")][random.random_range(0..2)],
            extra: [&b""[..], b"\x01\x02me"][random.random_range(0..2)],
        };
        encoder.encode(&header, &actors, &runs);
        max_op = start_op + runs.iter().map(OpRun::count).sum::<u32>();
        changes.push(Change::from_encoder(&encoder));
    }
    changes
}

/// Changes that no document holds, as the writer takes them.
fn rows_of(changes: &[Change]) -> (Vec<Row<'_>>, Vec<OpRun<'_>>, Actors) {
    let mut actors = Actors::default();
    let mut runs = Vec::new();
    let mut rows = Vec::new();
    for change in changes {
        let numbers: Vec<u32> = change.local_actors().map(|id| actors.intern(id)).collect();
        let first_run = runs.len();
        runs.extend(change.runs().map(|run| run.map_ids(|id| renumbered(id, &numbers))));
        let place = |dep: &ChangeHash| changes.iter().position(|change| change.hash() == *dep);
        rows.push(Row {
            actor: numbers[0],
            seq: change.seq() as u32,
            start_op: change.start_op() as u32,
            max_op: change.max_op() as u32,
            time: change.time(),
            message: change.message(),
            deps: (change.deps().iter())
                .map(|dep| place(dep).map_or(Dep::Outside(*dep), Dep::Inside))
                .collect(),
            extra: change.extra(),
            runs: first_run..runs.len(),
        });
    }
    (rows, runs, actors)
}

fn renumbered(id: OpId, numbers: &[u32]) -> OpId {
    if id.is_zero() { id } else { OpId::new(id.counter, numbers[id.actor as usize]) }
}

fn write(changes: &[Change]) -> Vec<u8> {
    let (rows, runs, actors) = rows_of(changes);
    write_rows(&rows, &runs, &actors)
}

fn each_seed(iterations: u64, mut check: impl FnMut(&mut ChaCha8Rng)) {
    for seed in seeds(iterations) {
        check(&mut ChaCha8Rng::seed_from_u64(seed));
    }
}

fn body(bundle: &[u8]) -> &[u8] {
    let chunk = Chunk::read(bundle, 0).unwrap();
    assert!(chunk.checksum_is_right() && chunk.kind == ChunkKind::Bundle);
    assert_eq!(chunk.bytes.len(), bundle.len());
    chunk.body
}

#[test]
fn changes_come_out_of_a_bundle_as_they_went_in() {
    each_seed(200, |random| {
        let count = random.random_range(0..60);
        let mut changes = history(random, count);
        assert_eq!(read(body(&write(&changes))), Ok(changes.clone()));
        // What is left out becomes a dependency outside.
        changes.retain(|_| random.random());
        assert_eq!(read(body(&write(&changes))), Ok(changes));
    });
}

#[test]
fn a_hundred_keystrokes_are_a_few_hundred_bytes() {
    let mut actors = Actors::default();
    actors.intern(&ActorId::new(&[7; 16]));
    let mut encoder = ChangeEncoder::default();
    let mut changes: Vec<Change> = Vec::new();
    for index in 0..100u32 {
        let deps: Vec<ChangeHash> = changes.last().map(Change::hash).into_iter().collect();
        let header = ChangeHeader {
            deps: &deps,
            actor: 0,
            seq: u64::from(index) + 1,
            start_op: index + 2,
            time: 1_700_000_000 + i64::from(index),
            message: None,
            extra: &[],
        };
        let after = if index == 0 { OpId::ZERO } else { OpId::new(index + 1, 0) };
        let run = OpRun::Insert { object: OpId::new(1, 0), after, text: "k", count: 1 };
        encoder.encode(&header, &actors, &[run]);
        changes.push(Change::from_encoder(&encoder));
    }
    let bundle = write(&changes);
    let alone: usize = changes.iter().map(|change| change.bytes().len()).sum();
    assert!(bundle.len() < 300 && alone > 9000, "{} instead of {alone}", bundle.len());
    assert_eq!(read(body(&bundle)), Ok(changes));
}

/// A bundle whose operations stand in a random order, in the form with rows or the one with counters.
fn shuffled(changes: &[Change], random: &mut ChaCha8Rng, with_counters: bool) -> Vec<u8> {
    let mut actors: Vec<&ActorId> = changes.iter().flat_map(Change::local_actors).collect();
    actors.sort();
    actors.dedup();
    let number = |actor: &ActorId| actors.binary_search(&actor).unwrap() as u32;
    let mut rows = Vec::new();
    for change in changes {
        let numbers: Vec<u32> = change.local_actors().map(number).collect();
        let mut id = OpId::new(change.start_op() as u32, number(change.actor()));
        for run in change.runs() {
            for row in singles(&run, id, &numbers) {
                rows.push((id, row));
                id.counter += 1;
            }
        }
    }
    for at in (1..rows.len()).rev() {
        rows.swap(at, random.random_range(0..=at));
    }
    let mut ops = OpEncoder::for_bundle();
    let mut id_actor = RleEncoder::<u32>::new();
    let mut id_counter = DeltaEncoder::new();
    for (id, op) in &rows {
        ops.append(&OpRun::Single(op.clone()), *id, |actor| actor);
        id_actor.append(Some(id.actor));
        id_counter.append(Some(id.counter.into()));
    }
    let mut places: Vec<usize> = (0..rows.len()).collect();
    places.sort_by_key(|&at| (rows[at].0.actor, rows[at].0.counter));
    let mut row = DeltaEncoder::new();
    places.iter().for_each(|&place| row.append(Some(place as i64)));

    let mut columns = ColumnData::default();
    ops.finish_columns(|spec, write| {
        if spec > ID_ACTOR && !id_actor.is_null() {
            columns.append(ID_ACTOR, &mut |out| id_actor.finish_into(out));
            if with_counters {
                columns.append(ID_COUNTER, &mut |out| id_counter.finish_into(out));
            }
        }
        columns.append(spec, write);
    });
    if !with_counters {
        columns.append(ID_ROW, &mut |out| row.finish_into(out));
    }
    let (change_rows, runs, known) = rows_of(changes);
    let (external, change_columns) =
        write_changes(&change_rows, &number_actors(&change_rows, &runs, &known));
    let mut out = Vec::new();
    leb128::write_u64(&mut out, external.len() as u64);
    external.iter().for_each(|hash| out.extend_from_slice(&hash.0));
    leb128::write_u64(&mut out, actors.len() as u64);
    for actor in actors {
        leb128::write_u64(&mut out, actor.as_bytes().len() as u64);
        out.extend_from_slice(actor.as_bytes());
    }
    for columns in [change_columns, columns] {
        columns.list.write(&mut out);
        out.extend_from_slice(&columns.data);
    }
    out
}

/// The operations of a run one by one, with actors numbered anew.
fn singles<'a>(run: &OpRun<'a>, id: OpId, numbers: &[u32]) -> Vec<Op<'a>> {
    let global = |id| renumbered(id, numbers);
    let plain = |object, key, insert, action| Op {
        object: global(object),
        key: Key::Element(key),
        insert,
        action,
        value: RawValue::NULL,
        predecessors: smallvec![],
        expand: false,
        mark_name: None,
    };
    match run {
        OpRun::Insert { object, after, text, .. } => text
            .char_indices()
            .enumerate()
            .map(|(index, (at, character))| {
                let key = if index == 0 { global(*after) } else { id.plus(index as u32 - 1) };
                let bytes = &text.as_bytes()[at..at + character.len_utf8()];
                let value = RawValue { code: 6, bytes };
                Op { value, ..plain(*object, key, true, Action::Set) }
            })
            .collect(),
        OpRun::Delete { object, target, step, count } => (0..*count)
            .map(|index| {
                let target = global(target.stepped(*step, index));
                let delete = plain(*object, target, false, Action::Delete);
                Op { predecessors: smallvec![target], ..delete }
            })
            .collect(),
        OpRun::Single(op) => {
            let mut op = op.clone();
            op.object = global(op.object);
            if let Key::Element(id) = op.key {
                op.key = Key::Element(global(id));
            }
            op.predecessors.iter_mut().for_each(|id| *id = global(*id));
            vec![op]
        }
    }
}

#[test]
fn operations_may_stand_in_any_order() {
    each_seed(200, |random| {
        let count = random.random_range(0..20);
        let changes = history(random, count);
        for with_counters in [false, true] {
            let body = shuffled(&changes, random, with_counters);
            assert_eq!(read(&body), Ok(changes.clone()), "counters: {with_counters}");
        }
    });
}

#[test]
fn damaged_bundles_never_panic() {
    let mut accepted = 0;
    each_seed(1500, |random| {
        let count = random.random_range(1..12);
        let changes = history(random, count);
        let mut body = if random.random() {
            shuffled(&changes, random, random.clone().random())
        } else {
            body(&write(&changes)).to_vec()
        };
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
        if let Ok(changes) = read(&body) {
            accepted += 1;
            for change in changes {
                assert_eq!(Change::parse(change.bytes()), Ok(change.clone()));
            }
        }
    });
    assert!(accepted > 0 || std::env::var("SEED").is_ok());
}

#[test]
fn claims_of_billions_of_changes_are_refused_at_once() {
    let mut columns = ColumnData::default();
    let run = |value: u8, count: i64| {
        let mut out = Vec::new();
        leb128::write_i64(&mut out, count);
        out.push(value);
        out
    };
    let count = 1 << 40;
    columns.append(changes::ACTOR, &mut |out| out.extend(run(0, count)));
    columns.append(changes::SEQ, &mut |out| out.extend(run(1, count)));
    columns.append(changes::START_OP, &mut |out| out.extend(run(0, 1 << 20)));
    columns.append(changes::MAX_OP, &mut |out| out.extend(run(0, 1 << 20)));
    let mut out = vec![0, 1, 1, b'a'];
    columns.list.write(&mut out);
    out.extend_from_slice(&columns.data);
    out.push(0);
    assert!(read(&out).is_err());

    let mut columns = ColumnData::default();
    columns.append(changes::ACTOR, &mut |out| out.extend(run(0, count)));
    columns.append(changes::SEQ, &mut |out| out.extend(run(1, count)));
    columns
        .append(changes::START_OP, &mut |out| out.extend([0x7f, 1].iter().chain(&run(0, count))));
    columns.append(changes::MAX_OP, &mut |out| out.extend(run(0, count)));
    let mut out = vec![0, 1, 1, b'a'];
    columns.list.write(&mut out);
    out.extend_from_slice(&columns.data);
    out.push(0);
    assert_eq!(read(&out), Err(BundleError::TooMany));
}
