//! Patches keep a mirror of the whole document exact: after every transaction, every change taken
//! in, and across any two states.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::collections::BTreeMap;

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Document, Expand, ObjId, ObjType, Patch, PatchAction,
    PatchLog, PathKey, ScalarValue, TextUnit, Value, View,
};
use rejoin_seeds::{Random, seeds};

const UNIT: TextUnit = TextUnit::Utf16;

/// What a mirror knows of an object.
#[derive(Debug, Clone, PartialEq)]
enum Mirrored {
    Map(BTreeMap<String, (Value, bool)>),
    List(Vec<(Value, bool)>),
    Text(Vec<Unit>),
}

/// One UTF-16 code unit of a text, or an object in it.
#[derive(Debug, Clone, PartialEq)]
struct Unit {
    content: Content,
    marks: BTreeMap<String, String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Code(u16),
    Other(Value),
}

#[derive(Debug, Clone, Default)]
struct Mirror(BTreeMap<String, Mirrored>);

impl Mirror {
    fn apply(&mut self, view: &View<'_>, patches: &[Patch]) {
        for patch in patches {
            let name = view.object_text(patch.object).unwrap();
            let kind = view.object_type(patch.object).unwrap();
            let object = self.0.entry(name).or_insert_with(|| empty(kind));
            match object {
                Mirrored::Map(map) => apply_to_map(map, &patch.action),
                Mirrored::List(list) => apply_to_list(list, &patch.action),
                Mirrored::Text(text) => apply_to_text(text, &patch.action),
            }
        }
    }

    /// Compares everything that can be reached from the root.
    fn check(&self, view: &View<'_>, object: ObjId) {
        let kind = view.object_type(object).unwrap();
        let name = view.object_text(object).unwrap();
        let mirrored = self.0.get(&name).cloned().unwrap_or_else(|| empty(kind));
        let actual = mirrored_from(view, object);
        assert_eq!(mirrored, actual, "{name}");
        let values: Vec<Value> = match actual {
            Mirrored::Map(map) => map.into_values().map(|(value, _)| value).collect(),
            Mirrored::List(list) => list.into_iter().map(|(value, _)| value).collect(),
            Mirrored::Text(text) => text
                .into_iter()
                .filter_map(|unit| match unit.content {
                    Content::Other(value) => Some(value),
                    Content::Code(_) => None,
                })
                .collect(),
        };
        for value in values {
            if let Value::Object(_, id) = value {
                self.check(view, id);
            }
        }
    }
}

fn empty(kind: ObjType) -> Mirrored {
    match kind {
        ObjType::Map | ObjType::Table => Mirrored::Map(BTreeMap::new()),
        ObjType::List => Mirrored::List(Vec::new()),
        ObjType::Text => Mirrored::Text(Vec::new()),
    }
}

fn mirrored_from(view: &View<'_>, object: ObjId) -> Mirrored {
    match view.object_type(object).unwrap() {
        ObjType::Map | ObjType::Table => {
            let entry = |(key, value): (String, Value)| {
                let conflict = view.get_all(object, key.as_str()).unwrap().len() > 1;
                (key, (value, conflict))
            };
            Mirrored::Map(view.entries(object).unwrap().into_iter().map(entry).collect())
        }
        ObjType::List => {
            let values = view.list_values(object).unwrap().into_iter().enumerate();
            let conflict = |at| view.get_all(object, at).unwrap().len() > 1;
            Mirrored::List(values.map(|(at, value)| (value, conflict(at))).collect())
        }
        ObjType::Text => {
            let mut units = Vec::new();
            for value in view.list_values(object).unwrap() {
                match value {
                    Value::Scalar(ScalarValue::Str(text)) => {
                        units.extend(text.encode_utf16().map(Content::Code));
                    }
                    value => units.push(Content::Other(value)),
                }
            }
            let mut units: Vec<Unit> =
                units.into_iter().map(|content| Unit { content, marks: BTreeMap::new() }).collect();
            for mark in view.marks(object, UNIT).unwrap() {
                for unit in &mut units[mark.range] {
                    unit.marks.insert(mark.name.clone(), format!("{:?}", mark.value));
                }
            }
            Mirrored::Text(units)
        }
    }
}

fn apply_to_map(map: &mut BTreeMap<String, (Value, bool)>, action: &PatchAction) {
    match action {
        PatchAction::PutMap { key, value, conflict } => {
            map.insert(key.clone(), (value.clone(), *conflict));
        }
        PatchAction::DeleteMap { key } => {
            assert!(map.remove(key).is_some(), "{key:?} was there");
        }
        PatchAction::Increment { key: PathKey::Key(key), by } => {
            increment(&mut map.get_mut(key).unwrap().0, *by);
        }
        other => panic!("not for a map: {other:?}"),
    }
}

fn apply_to_list(list: &mut Vec<(Value, bool)>, action: &PatchAction) {
    match action {
        PatchAction::Insert { index, values, marks } => {
            assert!(marks.is_empty());
            list.splice(*index..*index, values.iter().cloned());
        }
        PatchAction::DeleteSeq { index, length } => {
            list.drain(*index..*index + *length);
        }
        PatchAction::PutSeq { index, value, conflict } => {
            list[*index] = (value.clone(), *conflict);
        }
        PatchAction::Increment { key: PathKey::Index(index), by } => {
            increment(&mut list[*index].0, *by);
        }
        other => panic!("not for a list: {other:?}"),
    }
}

fn apply_to_text(text: &mut Vec<Unit>, action: &PatchAction) {
    match action {
        PatchAction::SpliceText { index, value, marks } => {
            let marks: BTreeMap<String, String> =
                marks.iter().map(|(name, value)| (name.clone(), format!("{value:?}"))).collect();
            let units = value
                .encode_utf16()
                .map(|code| Unit { content: Content::Code(code), marks: marks.clone() });
            text.splice(*index..*index, units);
        }
        PatchAction::Insert { index, values, marks } => {
            let marks: BTreeMap<String, String> =
                marks.iter().map(|(name, value)| (name.clone(), format!("{value:?}"))).collect();
            let units = values.iter().map(|(value, _)| Unit {
                content: Content::Other(value.clone()),
                marks: marks.clone(),
            });
            text.splice(*index..*index, units);
        }
        PatchAction::DeleteSeq { index, length } => {
            text.drain(*index..*index + *length);
        }
        PatchAction::Mark { name, ranges } => {
            text.iter_mut().for_each(|unit| {
                unit.marks.remove(name);
            });
            for (range, value) in ranges {
                for unit in &mut text[range.clone()] {
                    unit.marks.insert(name.clone(), format!("{value:?}"));
                }
            }
        }
        other => panic!("not for a text: {other:?}"),
    }
}

fn increment(value: &mut Value, by: i64) {
    match value {
        Value::Scalar(ScalarValue::Counter(total)) => *total += by,
        other => panic!("no counter: {other:?}"),
    }
}

struct Side {
    doc: Document,
    actor: ActorId,
    mirror: Mirror,
    states: Vec<Vec<ChangeHash>>,
}

impl Side {
    fn edit(&mut self, random: &mut Random, objects: &[ObjId]) {
        let object = objects[random.below(objects.len())];
        let kind = self.doc.view().object_type(object).unwrap();
        let len = self.doc.view().length(object, UNIT).unwrap();
        let mut write = self.doc.transaction(&self.actor);
        write.set_log(PatchLog::active(UNIT));
        for _ in 0..1 + random.below(3) {
            let len =
                if kind.is_sequence() { write.view().length(object, UNIT).unwrap() } else { len };
            let key = random.pick(&["a", "b", "c"]);
            let _ = match (kind, random.below(8)) {
                (ObjType::Map, 0..=2) => write.put(object, key, random.below(5) as i64),
                (ObjType::Map, 3) => write.put(object, key, ScalarValue::Counter(1)),
                (ObjType::Map, 4) => write.delete(object, key),
                (ObjType::Map, 5..) => write.increment(object, key, 2),
                (ObjType::List, 0..=1) => {
                    write.insert(object, random.below(len + 1), random.below(9) as i64)
                }
                (ObjType::List, 2) => write.insert(object, random.below(len + 1), "x"),
                (ObjType::List, 3) if len > 0 => write.put(object, random.below(len), "long"),
                (ObjType::List, 4) if len > 0 => write.delete(object, random.below(len)),
                (ObjType::List, _) => {
                    write.insert(object, len, ScalarValue::Counter(3)).unwrap();
                    write.increment(object, len, 4)
                }
                (ObjType::Text, 0..=2) => {
                    let text = random.pick(&["hello", "é", "😀b", "x"]);
                    write.splice_text(object, random.below(len + 1), random.below(3), text, UNIT)
                }
                (ObjType::Text, 3) => write.splice_text(object, random.below(len + 1), 2, "", UNIT),
                (ObjType::Text, 4) => {
                    let start = random.below(len + 1);
                    let end = start + random.below(len + 1 - start);
                    let expand = random.pick(&[Expand::None, Expand::Both, Expand::After]);
                    let name = random.pick(&["strong", "em"]);
                    let value = random.below(3);
                    if value == 0 {
                        write.unmark(object, start..end, name, expand, UNIT)
                    } else {
                        write.mark(object, start..end, name, value as i64, expand, UNIT)
                    }
                }
                (ObjType::Text, 6) => {
                    write.split_block(object, random.below(len + 1), UNIT).map(drop)
                }
                (ObjType::Text, 7) => {
                    let value = ScalarValue::Timestamp(random.below(3) as i64);
                    write.insert(object, (random.below(len + 1), UNIT), value)
                }
                (ObjType::Text, _) if len > 0 => {
                    write.put(object, (random.below(len), UNIT), random.pick(&["yz", "q", ""]))
                }
                _ => Ok(()),
            };
        }
        let rolled_back = random.below(8) == 0;
        if rolled_back {
            write.rollback();
        } else {
            let patches = write.take_patches();
            write.commit(CommitOptions::default());
            self.mirror.apply(&self.doc.view(), &patches);
        }
        self.check();
    }

    fn take(&mut self, other: &Document) {
        let mut log = PatchLog::active(UNIT);
        self.doc.merge(other, &mut log).unwrap();
        self.mirror.apply(&self.doc.view(), &log.take());
        self.check();
    }

    fn check(&mut self) {
        self.mirror.check(&self.doc.view(), ObjId::ROOT);
        if self.states.last().is_none_or(|heads| heads != self.doc.heads()) {
            self.states.push(self.doc.heads().to_vec());
        }
    }
}

#[test]
fn a_mirror_follows_transactions_merges_and_differences() {
    for seed in seeds(150) {
        let mut random = Random::new(seed);
        let mut doc = Document::new();
        let mut base = doc.transaction(&ActorId::new(&[0]));
        let map = base.put_object(ObjId::ROOT, "map", ObjType::Map).unwrap();
        let list = base.put_object(ObjId::ROOT, "list", ObjType::List).unwrap();
        let text = base.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
        base.commit(CommitOptions::default());
        let objects = [map, list, text, text, text];
        let mut sides: Vec<Side> = (1..3u8)
            .map(|name| {
                let mut mirror = Mirror::default();
                let patches = doc.diff(&[], doc.heads(), UNIT).unwrap();
                mirror.apply(&doc.view(), &patches);
                let (doc, actor) = (doc.fork(), ActorId::new(&[name]));
                Side { doc, actor, mirror, states: vec![Vec::new()] }
            })
            .collect();
        for _ in 0..40 {
            let who = random.below(2);
            if random.below(4) == 0 {
                let other = sides[1 - who].doc.clone();
                sides[who].take(&other);
            } else {
                sides[who].edit(&mut random, &objects);
            }
        }
        for side in &sides {
            let (from, to) = (random.below(side.states.len()), random.below(side.states.len()));
            let (from, to) = (&side.states[from], &side.states[to]);
            let mut mirror = Mirror::default();
            let now = side.doc.view();
            mirror.apply(&now, &side.doc.diff(&[], from, UNIT).unwrap());
            mirror.check(&side.doc.at(from).unwrap(), ObjId::ROOT);
            mirror.apply(&now, &side.doc.diff(from, to, UNIT).unwrap());
            mirror.check(&side.doc.at(to).unwrap(), ObjId::ROOT);
        }
    }
}
