//! Draws a random program from a seed.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::program::{Edit, Finish, Kind, Kinds, Program, Scalar, Step, Unit};

/// Pieces of text that are typed: ASCII, several bytes, surrogate pairs, joined emoji, combining
/// marks, right to left, line ends.
const PIECES: &[&str] = &[
    "a",
    "b",
    " ",
    "hello",
    "The quick",
    "\n",
    "é",
    "e\u{301}",
    "ß",
    "日本",
    "😀",
    "👩‍👩‍👧",
    "🇨🇭",
    "שלום",
    "\u{200d}",
    "x",
    "yz",
    "\r\n",
    "\t",
    "0123456789",
    "\u{fffc}",
    "n\u{303}o",
];

/// A program over `kinds` with about `steps` steps.
pub fn program(rng: &mut ChaCha8Rng, kinds: Kinds, steps: usize) -> Program {
    let unit = match rng.random_range(0..3) {
        0 => Unit::Utf8,
        1 => Unit::Utf16,
        _ => Unit::CodePoint,
    };
    let mut start = Vec::new();
    let kinds_of_object =
        [(kinds.nested, Kind::Map), (kinds.lists, Kind::List), (kinds.text, Kind::Text)];
    for (key, (wanted, kind)) in kinds_of_object.into_iter().enumerate() {
        if wanted {
            start.push(Edit::PutKeyObject { obj: 0, key: 10 + key as u32, kind });
        }
    }
    let mut steps_taken = Vec::new();
    if !start.is_empty() {
        steps_taken.push(Step::Edit { replica: 0, edits: start, finish: commit(rng) });
    }
    for _ in 0..steps {
        steps_taken.push(step(rng, kinds));
    }
    Program { unit, steps: steps_taken }
}

fn step(rng: &mut ChaCha8Rng, kinds: Kinds) -> Step {
    let replica = rng.random();
    match rng.random_range(0..100) {
        0..=14 if kinds.merges => Step::Merge { into: replica, from: rng.random() },
        15..=21 if kinds.merges => Step::Fork { from: replica },
        22..=25 if kinds.merges && kinds.partial => Step::Deliver {
            into: replica,
            from: rng.random(),
            order: rng.random(),
            keep: rng.random_range(30..=100),
        },
        26..=28 if kinds.merges && kinds.old_heads => {
            Step::ForkAt { from: replica, point: rng.random() }
        }
        29..=31 => Step::NewActor { replica },
        32..=35 if kinds.reload => Step::Exchange { replica, compressed: rng.random() },
        36..=39 if kinds.old_heads => Step::Past { replica, point: rng.random() },
        40 => Step::Empty { replica, time: time(rng) },
        41..=43 if kinds.update_text && kinds.text => {
            Step::UpdateText { replica, obj: rng.random(), seed: rng.random() }
        }
        44..=48 if kinds.cursors => {
            Step::Cursors { replica, obj: rng.random(), point: rng.random(), seed: rng.random() }
        }
        _ => {
            let count = if rng.random_range(0..3) == 0 { rng.random_range(2..8) } else { 1 };
            let edits = (0..count).map(|_| edit(rng, kinds)).collect();
            let finish = if kinds.rollbacks && rng.random_range(0..12) == 0 {
                Finish::Rollback
            } else {
                commit(rng)
            };
            Step::Edit { replica, edits, finish }
        }
    }
}

fn commit(rng: &mut ChaCha8Rng) -> Finish {
    let message =
        (rng.random_range(0..4) == 0).then(|| text(rng, 3)).filter(|text| !text.is_empty());
    Finish::Commit { message, time: time(rng) }
}

fn time(rng: &mut ChaCha8Rng) -> i64 {
    match rng.random_range(0..4) {
        0 => 0,
        1 => -rng.random_range(0..1_000_000_000_000),
        _ => 1_700_000_000 + rng.random_range(0..100_000),
    }
}

fn edit(rng: &mut ChaCha8Rng, kinds: Kinds) -> Edit {
    let obj = rng.random();
    let at: u32 = rng.random();
    loop {
        let choice = rng.random_range(0..100);
        return match choice {
            0..=11 if kinds.maps => Edit::PutKey { obj, key: at, value: scalar(rng, kinds) },
            12..=16 if kinds.maps && kinds.nested => {
                Edit::PutKeyObject { obj, key: at, kind: kind(rng, kinds) }
            }
            17..=21 if kinds.maps => Edit::DeleteKey { obj, key: at },
            22..=25 if kinds.maps && kinds.counters => {
                Edit::IncrementKey { obj, key: at, by: rng.random_range(-10..100) }
            }
            26..=31 if kinds.lists => Edit::PutIndex { obj, index: at, value: scalar(rng, kinds) },
            32..=33 if kinds.lists && kinds.nested => {
                Edit::PutIndexObject { obj, index: at, kind: kind(rng, kinds) }
            }
            34..=38 if kinds.lists => Edit::DeleteIndex { obj, index: at },
            39..=41 if kinds.lists && kinds.counters => {
                Edit::IncrementIndex { obj, index: at, by: rng.random_range(-10..100) }
            }
            42..=50 if kinds.lists => Edit::Insert { obj, index: at, value: scalar(rng, kinds) },
            51..=53 if kinds.lists && kinds.nested => {
                Edit::InsertObject { obj, index: at, kind: kind(rng, kinds) }
            }
            54..=57 if kinds.lists => Edit::Splice {
                obj,
                index: at,
                delete: rng.random_range(0..4),
                values: (0..rng.random_range(0..4)).map(|_| scalar(rng, kinds)).collect(),
            },
            58..=81 if kinds.text => {
                let delete = if rng.random_range(0..3) == 0 { rng.random_range(0..8) } else { 0 };
                Edit::Type { obj, pos: position(rng, at), delete, text: text(rng, 3) }
            }
            82..=83 if kinds.text && kinds.text_elements => {
                Edit::PutElement { obj, pos: at, value: scalar(rng, kinds) }
            }
            84..=85 if kinds.text && kinds.text_elements => {
                Edit::InsertElement { obj, pos: at, value: scalar(rng, kinds) }
            }
            86 if kinds.text => Edit::DeleteElement { obj, pos: at },
            87 if kinds.text && kinds.text_elements && kinds.counters => {
                Edit::IncrementElement { obj, pos: at, by: rng.random_range(-10..100) }
            }
            88..=92 if kinds.text && kinds.marks => Edit::Mark {
                obj,
                start: at,
                end: rng.random(),
                name: rng.random_range(0..3),
                value: mark_value(rng),
                expand: rng.random_range(0..4),
            },
            93..=94 if kinds.text && kinds.marks => Edit::Unmark {
                obj,
                start: at,
                end: rng.random(),
                name: rng.random_range(0..3),
                expand: rng.random_range(0..4),
            },
            95..=97 if kinds.text && kinds.blocks => Edit::SplitBlock { obj, pos: at },
            98 if kinds.text && kinds.blocks => Edit::JoinBlock { obj, pos: at },
            99 if kinds.text && kinds.blocks => Edit::ReplaceBlock { obj, pos: at },
            _ => continue,
        };
    }
}

/// Half of all typing goes on near the start, so that concurrent insertions meet.
fn position(rng: &mut ChaCha8Rng, any: u32) -> u32 {
    if rng.random() { any } else { rng.random_range(0..4) }
}

fn mark_value(rng: &mut ChaCha8Rng) -> Scalar {
    match rng.random_range(0..5) {
        0 => Scalar::Str("https://example.org".into()),
        1 => Scalar::Int(rng.random_range(0..3)),
        2 => Scalar::Null,
        _ => Scalar::Bool(true),
    }
}

fn kind(rng: &mut ChaCha8Rng, kinds: Kinds) -> Kind {
    match rng.random_range(0..3) {
        0 if kinds.lists => Kind::List,
        1 if kinds.text => Kind::Text,
        _ => Kind::Map,
    }
}

/// A few pieces of text, possibly none.
pub fn text(rng: &mut ChaCha8Rng, most: usize) -> String {
    (0..rng.random_range(0..=most)).map(|_| PIECES[rng.random_range(0..PIECES.len())]).collect()
}

fn scalar(rng: &mut ChaCha8Rng, kinds: Kinds) -> Scalar {
    match rng.random_range(0..16) {
        0 => Scalar::Null,
        1 => Scalar::Bool(rng.random()),
        2 => Scalar::Int(rng.random()),
        3..=5 => Scalar::Int(rng.random_range(-3..3)),
        6 => Scalar::Uint(rng.random()),
        7 => Scalar::F64(match rng.random_range(0..4) {
            0 => 0.0,
            1 => -0.0,
            2 => f64::INFINITY,
            _ => rng.random_range(-1e9..1e9),
        }),
        8..=9 => Scalar::Str(text(rng, 2)),
        10 => Scalar::Bytes((0..rng.random_range(0..5)).map(|_| rng.random()).collect()),
        11..=13 if kinds.counters => Scalar::Counter(rng.random_range(-100..100)),
        14 => Scalar::Timestamp(rng.random_range(-1_000_000_000_000..2_000_000_000_000)),
        15 if kinds.unknown => Scalar::Unknown(
            rng.random_range(10..16),
            (0..rng.random_range(0..4)).map(|_| rng.random()).collect(),
        ),
        _ => Scalar::Int(1),
    }
}
