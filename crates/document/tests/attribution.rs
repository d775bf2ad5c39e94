//! Each part of a text is attributed to the change that wrote what shows, whatever others inserted,
//! deleted, overwrote and marked around it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that fails says where")]

use std::{collections::HashMap, ops::Range};

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Document, Expand, ObjId, ObjType, PatchLog, ScalarValue,
    TextUnit, Value,
};
use rejoin_seeds::{Random, seeds};

const UNIT: TextUnit = TextUnit::Utf16;

fn actor(name: u8) -> ActorId {
    ActorId::new(&[name])
}

fn document_with_text(text: &str) -> (Document, ObjId) {
    let mut document = Document::new();
    let mut write = document.transaction(&actor(1));
    let object = write.put_object(ObjId::ROOT, "text", ObjType::Text).unwrap();
    write.splice_text(object, 0, 0, text, UNIT).unwrap();
    write.commit(CommitOptions::default());
    (document, object)
}

/// The actors by range.
fn actors(document: &Document, object: ObjId) -> Vec<(Range<usize>, Option<ActorId>)> {
    let parts = document.attribution(object, UNIT).unwrap();
    parts.into_iter().map(|part| (part.range, part.actor)).collect()
}

#[test]
fn what_is_put_over_a_character_is_its_writers() {
    let (mut document, text) = document_with_text("abc");
    let mut write = document.transaction(&actor(2));
    write.put(text, (0, UNIT), "Q").unwrap();
    write.commit(CommitOptions::default());
    assert_eq!(document.view().text(text).unwrap(), "Qbc");
    assert_eq!(actors(&document, text), [(0..1, Some(actor(2))), (1..3, Some(actor(1)))]);
}

#[test]
fn of_two_who_put_at_once_the_one_who_shows_is_named() {
    let (mut one, text) = document_with_text("a");
    let mut other = one.fork();
    for (document, name) in [(&mut one, 2), (&mut other, 3)] {
        let mut write = document.transaction(&actor(name));
        write.put(text, (0, UNIT), if name == 2 { "two" } else { "three" }).unwrap();
        write.commit(CommitOptions::default());
    }
    one.merge(&other, &mut PatchLog::inactive()).unwrap();
    assert_eq!(one.view().text(text).unwrap(), "three");
    assert_eq!(actors(&one, text), [(0..5, Some(actor(3)))]);
}

#[test]
fn a_draft_has_no_writer_yet() {
    let (mut document, text) = document_with_text("abc");
    let mut write = document.draft_transaction();
    write.splice_text(text, 1, 0, "X", UNIT).unwrap();
    write.put(text, (0, UNIT), "Q").unwrap();
    write.keep();
    assert_eq!(actors(&document, text), [(0..2, None), (2..4, Some(actor(1)))]);
}

/// What is never written twice, so that what shows tells who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Mine {
    Character(char),
    Block(String),
}

/// Who wrote everything that was ever written.
#[derive(Default)]
struct Writers {
    by_content: HashMap<Mine, (ChangeHash, ActorId)>,
    next: u32,
}

impl Writers {
    /// Characters of one and of two code units that were not there before.
    fn fresh(&mut self, count: usize) -> String {
        let character = |number: u32| {
            let block = if number.is_multiple_of(3) { 0x1_0000 } else { 0x4e00 };
            char::from_u32(block + number).unwrap()
        };
        let text = (self.next..).take(count).map(character).collect();
        self.next += count as u32;
        text
    }

    /// What the attribution of a text should be.
    fn expected(&self, document: &Document, text: ObjId) -> Vec<(Range<usize>, ChangeHash)> {
        let mut parts: Vec<(Range<usize>, ChangeHash)> = Vec::new();
        let mut push = |what: Mine, width: usize| {
            let (change, _) = &self.by_content[&what];
            let at = parts.last().map_or(0, |(range, _)| range.end);
            match parts.last_mut() {
                Some((range, last)) if last == change => range.end += width,
                _ => parts.push((at..at + width, *change)),
            }
        };
        let view = document.view();
        for value in view.list_values(text).unwrap() {
            match value {
                Value::Scalar(ScalarValue::Str(part)) => {
                    part.chars().for_each(|c| push(Mine::Character(c), c.len_utf16()));
                }
                Value::Object(_, id) => push(Mine::Block(view.object_text(id).unwrap()), 1),
                other => panic!("never written: {other:?}"),
            }
        }
        parts
    }

    fn check(&self, document: &Document, text: ObjId) {
        let found = document.attribution(text, UNIT).unwrap();
        for part in &found {
            let mut writers = self.by_content.values();
            let of_change = writers.find(|(change, _)| Some(*change) == part.change);
            assert_eq!(part.actor.as_ref(), of_change.map(|(_, actor)| actor));
        }
        let found: Vec<_> =
            found.into_iter().map(|part| (part.range, part.change.unwrap())).collect();
        assert_eq!(found, self.expected(document, text));
    }
}

/// One change of a text, noted in the model.
fn edit(
    document: &mut Document,
    text: ObjId,
    name: u8,
    random: &mut Random,
    writers: &mut Writers,
) {
    let mut written = Vec::new();
    let mut write = document.transaction(&actor(name));
    for _ in 0..1 + random.below(3) {
        let len = write.view().length(text, UNIT).unwrap();
        let at = random.below(len + 1);
        match random.below(7) {
            0..=2 => {
                let new = writers.fresh(1 + random.below(5));
                write.splice_text(text, at, random.below(3), &new, UNIT).unwrap();
                written.extend(new.chars().map(Mine::Character));
            }
            3 => write.splice_text(text, at, random.below(4), "", UNIT).unwrap(),
            4 if at < len => {
                let new = writers.fresh(random.below(4));
                write.put(text, (at, UNIT), new.as_str()).unwrap();
                written.extend(new.chars().map(Mine::Character));
            }
            5 => {
                let end = at + random.below(len + 1 - at);
                write.mark(text, at..end, "strong", true, Expand::Both, UNIT).unwrap();
            }
            _ => {
                let block = write.split_block(text, at, UNIT).unwrap();
                written.push(Mine::Block(write.view().object_text(block).unwrap()));
            }
        }
    }
    if let Some(change) = write.commit(CommitOptions::default()) {
        let writer = (change, actor(name));
        writers.by_content.extend(written.into_iter().map(|what| (what, writer.clone())));
    }
}

#[test]
fn every_part_is_attributed_to_the_change_that_wrote_it() {
    for seed in seeds(60) {
        let mut random = Random::new(seed);
        let mut writers = Writers::default();
        let (document, text) = document_with_text("");
        let mut sides = [document.fork(), document.fork(), document];
        let mut states: Vec<(usize, Vec<ChangeHash>)> = Vec::new();
        for _ in 0..40 {
            let who = random.below(3);
            if random.below(3) == 0 {
                let other = sides[random.below(3)].clone();
                sides[who].merge(&other, &mut PatchLog::inactive()).unwrap();
            } else {
                edit(&mut sides[who], text, who as u8 + 2, &mut random, &mut writers);
            }
            writers.check(&sides[who], text);
            states.push((who, sides[who].heads().to_vec()));
        }
        for _ in 0..5 {
            let (who, heads) = &states[random.below(states.len())];
            writers.check(&sides[*who].fork_at(heads).unwrap(), text);
        }
    }
}
