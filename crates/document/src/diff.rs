//! What changed between two states of a document.

use std::ops::Range;

use crate::{
    change_hash::ChangeHash,
    clock::Clock,
    document::{Document, UnknownHeads},
    mark::Mark,
    object::{Content, ObjId, ObjType, ObjectIndex},
    op_id::OpId,
    op_set::OpSet,
    patch::{Patch, PatchAction, PathKey, width},
    register::Register,
    sequence::{Run, RunKind, SequenceId, TextUnit},
    value::{ScalarValue, Value},
};

impl Document {
    /// The patches that lead from the state at `before` to the state at `after`, text positions in
    /// `unit`. Neither needs to be before the other.
    ///
    /// # Errors
    /// When a head is not in the document.
    pub fn diff(
        &self,
        before: &[ChangeHash],
        after: &[ChangeHash],
        unit: TextUnit,
    ) -> Result<Vec<Patch>, UnknownHeads> {
        let before = self.graph.clock(&self.indexes(before)?);
        let after = self.graph.clock(&self.indexes(after)?);
        let mut diff =
            Diff { set: &self.set, before: &before, after: &after, unit, patches: Vec::new() };
        let mut objects: Vec<ObjectIndex> = self.set.objects.iter().map(|(at, _)| at).collect();
        objects.sort_unstable_by_key(|at| self.set.actors.order(self.set.objects.get(*at).id));
        for object in objects {
            diff.object(object);
        }
        Ok(diff.patches)
    }
}

struct Diff<'a> {
    set: &'a OpSet,
    before: &'a Clock,
    after: &'a Clock,
    unit: TextUnit,
    patches: Vec<Patch>,
}

/// The ranges of the marks of one name, with their values.
type MarkRanges = Vec<(Range<usize>, ScalarValue)>;

/// Text or values that came in at one place.
enum Inserted {
    Text(String),
    Value(Value, bool),
}

impl Diff<'_> {
    fn object(&mut self, index: ObjectIndex) {
        match &self.set.objects.get(index).content {
            Content::Map(map) => {
                for (key, register) in map {
                    self.map_key(index, key, register);
                }
            }
            Content::Sequence(sequence) => self.sequence(index, *sequence),
        }
    }

    fn state(&self, register: &Register, clock: &Clock) -> Option<(Value, bool, OpId)> {
        let winner = self.set.winner(register, Some(clock))?;
        let conflict = self.set.visible(register, Some(clock)).nth_back(1).is_some();
        Some((self.set.value(register, winner, Some(clock)), conflict, winner.id))
    }

    fn map_key(&mut self, object: ObjectIndex, key: &str, register: &Register) {
        let before = self.state(register, self.before);
        let after = self.state(register, self.after);
        if before == after {
            return;
        }
        let key = key.to_owned();
        if let Some(by) = incremented(&before, &after) {
            self.push(object, PatchAction::Increment { key: PathKey::Key(key), by });
            return;
        }
        let action = match after {
            Some((value, conflict, _)) => PatchAction::PutMap { key, value, conflict },
            None => PatchAction::DeleteMap { key },
        };
        self.push(object, action);
    }

    fn sequence(&mut self, object: ObjectIndex, sequence: SequenceId) {
        let set = self.set;
        let kind = set.objects.get(object).kind;
        let measure = kind.measure(self.unit);
        let marks = self.changed_marks(object);
        let carried = set.marks(object, self.unit, Some(self.after));
        let mut index = 0;
        for run in set.sequences.runs(sequence) {
            if let RunKind::Mark { .. } = run.kind {
                continue;
            }
            if let RunKind::Special { .. } = run.kind {
                index += self.special(object, kind, run, index, &carried);
                continue;
            }
            let before = set.visible_range(run, Some(self.before));
            let after = set.visible_range(run, Some(self.after));
            for (range, was, is) in parts(&before, &after) {
                let text_width = set.piece_width(run, &range, measure, None) as usize;
                match (was, is) {
                    (true, false) => self.delete(object, index, text_width),
                    (false, true) => {
                        let text = set.piece_text(run, &range).to_owned();
                        self.insert(object, kind, index, Inserted::Text(text), &carried);
                    }
                    _ => {}
                }
                if is {
                    index += text_width;
                }
            }
        }
        for (name, ranges) in marks {
            self.push(object, PatchAction::Mark { name, ranges });
        }
    }

    /// Compares a special element; gives its width afterwards.
    fn special(
        &mut self,
        object: ObjectIndex,
        kind: ObjType,
        run: &Run,
        index: usize,
        carried: &[Mark],
    ) -> usize {
        let register = self.set.register_of(run);
        let before = self.state(register, self.before);
        let after = self.state(register, self.after);
        let element_width = |state: &Option<(Value, bool, _)>| match state {
            None => 0,
            Some(_) if kind != ObjType::Text => 1,
            Some((Value::Scalar(ScalarValue::Str(text)), ..)) => width(text, self.unit),
            Some(_) => width("\u{fffc}", self.unit),
        };
        let (old_width, new_width) = (element_width(&before), element_width(&after));
        if before == after {
            return new_width;
        }
        if let Some(by) = incremented(&before, &after) {
            self.push(object, PatchAction::Increment { key: PathKey::Index(index), by });
            return new_width;
        }
        match (before, after) {
            (Some(_), Some((value, conflict, _))) if kind != ObjType::Text => {
                self.push(object, PatchAction::PutSeq { index, value, conflict });
            }
            (before, after) => {
                if before.is_some() {
                    self.delete(object, index, old_width);
                }
                match after {
                    Some((Value::Scalar(ScalarValue::Str(text)), ..)) if kind == ObjType::Text => {
                        self.insert(object, kind, index, Inserted::Text(text), carried);
                    }
                    Some((value, conflict, _)) => {
                        let inserted = Inserted::Value(value, conflict);
                        self.insert(object, kind, index, inserted, carried);
                    }
                    None => {}
                }
            }
        }
        new_width
    }

    fn delete(&mut self, object: ObjectIndex, index: usize, length: usize) {
        let id = ObjId(self.set.objects.get(object).id);
        if let Some(Patch {
            object,
            action: PatchAction::DeleteSeq { index: at, length: so_far },
            ..
        }) = self.patches.last_mut()
            && *object == id
            && *at == index
        {
            *so_far += length;
            return;
        }
        self.push(object, PatchAction::DeleteSeq { index, length });
    }

    fn insert(
        &mut self,
        object: ObjectIndex,
        kind: ObjType,
        index: usize,
        inserted: Inserted,
        carried: &[Mark],
    ) {
        match inserted {
            Inserted::Text(text) if kind == ObjType::Text => {
                self.insert_text(object, index, text, carried);
            }
            Inserted::Text(text) => {
                let value = |c: char| (Value::Scalar(ScalarValue::Str(c.into())), false);
                let values = text.chars().map(value).collect();
                let action = PatchAction::Insert { index, values, marks: Vec::new() };
                self.push(object, action);
            }
            Inserted::Value(value, conflict) => {
                let values = vec![(value, conflict)];
                let marks = marks_over(carried, index);
                self.push(object, PatchAction::Insert { index, values, marks });
            }
        }
    }

    fn insert_text(&mut self, object: ObjectIndex, index: usize, text: String, carried: &[Mark]) {
        // A run may lie across the end of a mark: the marks are put in place afterwards by name,
        // so those at its start will do.
        let marks = marks_over(carried, index);
        let id = ObjId(self.set.objects.get(object).id);
        if let Some(Patch {
            object,
            action: PatchAction::SpliceText { index: at, value, marks: last },
            ..
        }) = self.patches.last_mut()
            && *object == id
            && *last == marks
            && *at + width(value, self.unit) == index
        {
            value.push_str(&text);
            return;
        }
        self.push(object, PatchAction::SpliceText { index, value: text, marks });
    }

    /// The names of marks whose begins or ends differ between the states, with their ranges after.
    fn changed_marks(&self, object: ObjectIndex) -> Vec<(String, MarkRanges)> {
        let set = self.set;
        let Some(sequence) = set.sequence(object) else { return Vec::new() };
        let mut names: Vec<String> = set
            .sequences
            .runs(sequence)
            .filter(|run| matches!(run.kind, RunKind::Mark { .. }))
            .filter(|run| self.before.covers(run.id) || self.after.covers(run.id))
            .filter_map(|run| set.mark_name_of(run).map(str::to_owned))
            .collect();
        names.sort();
        names.dedup();
        let after = set.marks(object, self.unit, Some(self.after));
        names
            .into_iter()
            .map(|name| {
                let of_name = after.iter().filter(|mark| mark.name == name);
                let ranges = of_name.map(|mark| (mark.range.clone(), mark.value.clone())).collect();
                (name, ranges)
            })
            .collect()
    }

    fn push(&mut self, object: ObjectIndex, action: PatchAction) {
        let path = self.set.path_at(object, self.unit, Some(self.after));
        self.patches.push(Patch { object: ObjId(self.set.objects.get(object).id), path, action });
    }
}

/// The marks over an index, by name.
fn marks_over(marks: &[Mark], index: usize) -> Vec<(String, ScalarValue)> {
    marks
        .iter()
        .filter(|mark| mark.range.contains(&index))
        .map(|mark| (mark.name.clone(), mark.value.clone()))
        .collect()
}

/// By how much the counter that both states show was incremented.
fn incremented(
    before: &Option<(Value, bool, OpId)>,
    after: &Option<(Value, bool, OpId)>,
) -> Option<i64> {
    match (before, after) {
        (
            Some((Value::Scalar(ScalarValue::Counter(from)), conflict, id)),
            Some((Value::Scalar(ScalarValue::Counter(to)), still, same)),
        ) if id == same && conflict == still => Some(to.wrapping_sub(*from)),
        _ => None,
    }
}

/// The parts of two ranges, each with whether it is in the first and the second.
fn parts(a: &Range<u32>, b: &Range<u32>) -> impl Iterator<Item = (Range<u32>, bool, bool)> {
    let mut bounds = [a.start, a.end, b.start, b.end];
    bounds.sort_unstable();
    let (a, b) = (a.clone(), b.clone());
    (0..3).filter_map(move |at| {
        let range = bounds[at]..bounds[at + 1];
        let (in_a, in_b) = (a.contains(&range.start), b.contains(&range.start));
        (!range.is_empty() && (in_a || in_b)).then_some((range, in_a, in_b))
    })
}
