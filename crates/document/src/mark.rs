//! Marks: named values over ranges of a text.

use std::ops::Range;

use crate::{
    clock::Clock,
    object::ObjectIndex,
    op_id::OpId,
    op_log::StoredOp,
    op_set::OpSet,
    register::Source,
    sequence::{Measure, Run, RunKind, TextUnit},
    value::ScalarValue,
};

/// A mark over a range of a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// Where, in the unit asked for.
    pub range: Range<usize>,
    /// The name, such as `strong`.
    pub name: String,
    /// The value, never null.
    pub value: ScalarValue,
}

/// Which ends of a mark grow with text typed there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Expand {
    /// Text typed right before the mark joins it.
    Before,
    /// Text typed right after the mark joins it.
    #[default]
    After,
    /// Both.
    Both,
    /// Neither.
    None,
}

impl Expand {
    pub(crate) fn from_ends(before: bool, after: bool) -> Self {
        match (before, after) {
            (true, true) => Self::Both,
            (true, false) => Self::Before,
            (false, true) => Self::After,
            (false, false) => Self::None,
        }
    }

    pub(crate) fn before(self) -> bool {
        matches!(self, Self::Before | Self::Both)
    }

    pub(crate) fn after(self) -> bool {
        matches!(self, Self::After | Self::Both)
    }
}

/// The marks that cover a point while a text is walked from its start.
#[derive(Debug, Default, Clone)]
pub(crate) struct ActiveMarks {
    /// The begin, the order of its id and the stored operation.
    begun: Vec<(OpId, u64, u32)>,
}

impl ActiveMarks {
    /// Passes the begin or end of a mark.
    pub(crate) fn pass(&mut self, set: &OpSet, run: &Run) {
        let Some(op) = set.register_of(run).first() else { return };
        let Source::Stored(number) = op.source else { return };
        if set.log.others[number as usize].mark_name.is_some() {
            self.begun.push((op.id, set.actors.order(op.id), number));
        } else {
            let begin = OpId::new(op.id.counter - 1, op.id.actor);
            self.begun.retain(|(id, ..)| *id != begin);
        }
    }

    /// The marks in force, by name: of those with one name the youngest decides, and null is none.
    pub(crate) fn current<'a>(&self, set: &'a OpSet) -> Vec<(&'a str, ScalarValue)> {
        let mut current: Vec<(&str, u64, &StoredOp)> = Vec::new();
        for (_, order, number) in &self.begun {
            let op = &set.log.others[*number as usize];
            let name = op.mark_name.as_deref().unwrap_or_default();
            match current.iter_mut().find(|(other, ..)| *other == name) {
                Some(known) if known.1 < *order => *known = (name, *order, op),
                Some(_) => {}
                None => current.push((name, *order, op)),
            }
        }
        let mut marks: Vec<_> = current
            .into_iter()
            .map(|(name, _, op)| (name, ScalarValue::decode(set.log.value(op.value))))
            .filter(|(_, value)| *value != ScalarValue::Null)
            .collect();
        marks.sort_by_key(|(name, _)| *name);
        marks
    }
}

/// The ranges of marks, found from the start of a text to its end.
#[derive(Debug, Default)]
struct MarkRanges {
    ended: Vec<Mark>,
    open: Vec<Mark>,
    end: usize,
}

impl MarkRanges {
    /// The text goes on up to `end`, with these marks.
    fn cover(&mut self, end: usize, current: &[(&str, ScalarValue)]) {
        if end == self.end {
            return;
        }
        let (going_on, ended) = std::mem::take(&mut self.open).into_iter().partition(|mark| {
            current.iter().any(|(name, value)| mark.name == *name && mark.value == *value)
        });
        self.open = going_on;
        self.ended.extend::<Vec<_>>(ended);
        for (name, value) in current {
            match self.open.iter_mut().find(|mark| mark.name == *name) {
                Some(mark) => mark.range.end = end,
                None => {
                    let (name, value) = ((*name).to_owned(), value.clone());
                    self.open.push(Mark { range: self.end..end, name, value });
                }
            }
        }
        self.end = end;
    }

    fn finish(mut self) -> Vec<Mark> {
        self.ended.append(&mut self.open);
        self.ended.sort_by(|a, b| (a.range.start, &a.name).cmp(&(b.range.start, &b.name)));
        self.ended
    }
}

impl OpSet {
    /// The marks of a text with their ranges, ordered by start, then by name.
    pub(crate) fn marks(
        &self,
        object: ObjectIndex,
        unit: TextUnit,
        clock: Option<&Clock>,
    ) -> Vec<Mark> {
        let Some(sequence) = self.sequence(object) else { return Vec::new() };
        if clock.is_none() && self.sequences.total(sequence).marks == 0 {
            return Vec::new();
        }
        let measure = Measure::from(unit);
        let mut ranges = MarkRanges::default();
        let mut active = ActiveMarks::default();
        let mut end = 0;
        if let Some(clock) = clock {
            for run in self.sequences.runs(sequence) {
                if let RunKind::Mark { .. } = run.kind {
                    ranges.cover(end, &active.current(self));
                    if clock.covers(run.id) {
                        active.pass(self, run);
                    }
                } else {
                    end += self.run_width_at(object, run, measure, Some(clock)) as usize;
                }
            }
        } else {
            for (before, run) in self.sequences.marks(sequence) {
                ranges.cover(before.get(measure) as usize, &active.current(self));
                active.pass(self, run);
            }
            end = self.sequences.total(sequence).get(measure) as usize;
        }
        ranges.cover(end, &active.current(self));
        ranges.finish()
    }

    /// The marks of the character at an index of a text, as it is now.
    pub(crate) fn marks_at(
        &self,
        object: ObjectIndex,
        index: usize,
        unit: TextUnit,
    ) -> Vec<(String, ScalarValue)> {
        let Some(sequence) = self.sequence(object) else { return Vec::new() };
        if self.sequences.total(sequence).marks == 0 {
            return Vec::new();
        }
        let mut active = ActiveMarks::default();
        for (before, run) in self.sequences.marks(sequence) {
            if before.get(unit.into()) as usize > index {
                break;
            }
            active.pass(self, run);
        }
        let owned = |(name, value): (&str, ScalarValue)| (name.to_owned(), value);
        active.current(self).into_iter().map(owned).collect()
    }
}
