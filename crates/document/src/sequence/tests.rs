//! The B-trees against a plain list of elements.

use super::*;
use crate::op_id::OpId;
use rejoin_seeds::{Random, seeds};

/// One element of the model: id, character, and what deleted it.
#[derive(Debug, Clone, PartialEq)]
struct Element {
    id: OpId,
    character: char,
    deleted_by: Vec<OpId>,
}

struct World {
    trees: Sequences,
    sequence: SequenceId,
    text: String,
    model: Vec<Element>,
    /// The next counter of each actor; counters of all rise together.
    counter: u32,
}

const ALPHABET: [char; 6] = ['a', 'b', 'é', '€', '😀', 'z'];

impl World {
    fn new() -> Self {
        let mut trees = Sequences::default();
        trees.create();
        let sequence = trees.create();
        Self { trees, sequence, text: String::new(), model: Vec::new(), counter: 1 }
    }

    /// Inserts a run behind the model's element `at - 1`.
    fn insert(&mut self, at: usize, actor: u32, characters: &str) {
        let id = OpId::new(self.counter, actor);
        let count = characters.chars().count() as u32;
        self.counter += count;
        let (place, origin) = match at.checked_sub(1) {
            None => (self.trees.start(self.sequence), OpId::ZERO),
            Some(before) => {
                let origin = self.model[before].id;
                let place = self.trees.find(origin).unwrap();
                (Place { offset: place.offset + 1, ..place }, origin)
            }
        };
        let run = Run {
            id,
            origin,
            removal: Removal::None,
            points: count,
            source: self.text.len() as u32,
            utf8: characters.len() as u32,
            utf16: characters.encode_utf16().count() as u32,
            kind: RunKind::Text,
        };
        self.text.push_str(characters);
        let place = self.trees.insert(place, run, &self.text);
        assert_eq!(self.trees.find(id), Some(place));
        for (offset, character) in characters.chars().enumerate() {
            let id = id.plus(offset as u32);
            self.model.insert(at + offset, Element { id, character, deleted_by: Vec::new() });
        }
    }

    /// Deletes up to `count` elements of the run at the model's element `at`.
    fn delete(&mut self, at: usize, count: u32, step: i8) {
        let place = self.trees.find(self.model[at].id).unwrap();
        let (place, run) = self.trees.run_at(place).unwrap();
        let count = count.min(run.len() - place.offset);
        let lowest = OpId::new(self.counter, 9);
        let first = if step > 0 { lowest } else { lowest.plus(count - 1) };
        self.counter += count;
        self.trees.delete(place, count, first, step, &self.text);
        for offset in 0..count {
            let deletion = first.stepped(step, offset);
            self.model[at + offset as usize].deleted_by.push(deletion);
        }
    }

    fn undelete(&mut self, at: usize) {
        if let Some(deletion) = self.model[at].deleted_by.pop() {
            let place = self.trees.find(self.model[at].id).unwrap();
            self.trees.undelete(place, deletion, &self.text);
        }
    }

    /// Takes the youngest run of elements away, as a rollback does.
    fn remove_last(&mut self) {
        let Some(at) = (0..self.model.len()).max_by_key(|at| self.model[*at].id.counter) else {
            return;
        };
        let place = self.trees.find(self.model[at].id).unwrap();
        self.trees.remove(place, 1, &self.text);
        self.model.remove(at);
    }

    fn check(&self) {
        self.trees.check_invariants(self.sequence);
        let mut elements = Vec::new();
        for run in self.trees.runs(self.sequence) {
            for (offset, character) in run.text(&self.text).chars().enumerate() {
                let offset = offset as u32;
                let mut deleted_by: Vec<_> = self
                    .trees
                    .removals(run.removal)
                    .iter()
                    .map(|(first, step)| first.stepped(*step, offset))
                    .collect();
                deleted_by.sort_by_key(|id| id.counter);
                elements.push(Element { id: run.id.plus(offset), character, deleted_by });
            }
        }
        let mut model = self.model.clone();
        model.iter_mut().for_each(|e| e.deleted_by.sort_by_key(|id| id.counter));
        assert_eq!(elements, model);
        let visible: Vec<&Element> =
            self.model.iter().filter(|element| element.deleted_by.is_empty()).collect();
        let (mut utf8, mut utf16) = (0, 0);
        for (index, element) in visible.iter().enumerate() {
            for (measure, position, width) in [
                (Measure::Points, index as u32, 1),
                (Measure::Elements, index as u32, 1),
                (Measure::Utf8, utf8, element.character.len_utf8() as u32),
                (Measure::Utf16, utf16, element.character.len_utf16() as u32),
            ] {
                for inside in 0..width {
                    let found =
                        self.trees.seek(self.sequence, measure, position + inside, &self.text);
                    let (place, before) = found.unwrap();
                    let (_, run) = self.trees.run_at(place).unwrap();
                    assert_eq!(run.id.plus(place.offset), element.id);
                    assert_eq!(self.trees.widths_before(place), before);
                }
            }
            utf8 += element.character.len_utf8() as u32;
            utf16 += element.character.len_utf16() as u32;
        }
        let total = self.trees.total(self.sequence);
        let len = visible.len() as u32;
        assert_eq!((total.points, total.utf8, total.utf16), (len, utf8, utf16));
        assert!(self.trees.seek(self.sequence, Measure::Points, len, &self.text).is_none());
        for element in &self.model {
            let place = self.trees.find(element.id).unwrap();
            let (_, run) = self.trees.run_at(place).unwrap();
            assert_eq!(run.id.plus(place.offset), element.id);
        }
    }
}

#[test]
fn agree_with_a_plain_list() {
    for seed in seeds(60) {
        let mut random = Random::new(seed);
        let mut world = World::new();
        for _ in 0..80 {
            let len = world.model.len();
            match random.below(10) {
                0..=4 => {
                    let characters: String = (0..1 + random.below(4))
                        .map(|_| ALPHABET[random.below(ALPHABET.len())])
                        .collect();
                    // Typing goes on behind the youngest as often as elsewhere.
                    let youngest = (0..len).max_by_key(|at| world.model[*at].id.counter);
                    let at = match youngest {
                        Some(youngest) if random.below(2) == 0 => youngest + 1,
                        _ => random.below(len + 1),
                    };
                    let actor = if random.below(4) == 0 { 1 } else { 0 };
                    world.insert(at, actor, &characters);
                }
                5..=7 if len > 0 => {
                    let step = if random.below(2) == 0 { 1 } else { -1 };
                    world.delete(random.below(len), 1 + random.below(3) as u32, step);
                }
                8 if len > 0 => world.undelete(random.below(len)),
                9 => world.remove_last(),
                _ => {}
            }
            let measure = [Measure::Points, Measure::Utf8][random.below(2)];
            world.trees.look_at(world.sequence, measure, random.below(40) as u32);
            world.check();
        }
    }
}

#[test]
fn filling_makes_the_tree_that_inserting_makes() {
    let mut world = World::new();
    let mut random = Random::new(5);
    for _ in 0..60 {
        let at = random.below(world.model.len() + 1);
        world.insert(at, 0, "ab");
    }
    let runs: Vec<Run> = world.trees.runs(world.sequence).copied().collect();
    let mut trees = Sequences::default();
    trees.create();
    let sequence = trees.create();
    let mut places = Vec::new();
    let mut filling = trees.begin_fill(sequence);
    trees.fill(&mut filling, runs, &mut places);
    trees.end_fill(filling);
    trees.index.fill(places);
    world.trees = trees;
    world.sequence = sequence;
    world.check();
    world.insert(3, 1, "xyz");
    world.check();
}
