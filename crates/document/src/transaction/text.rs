//! Writing text: where characters go, and what a splice deletes.

use crate::{
    object::{ObjId, ObjectIndex},
    op::{Action, Key},
    op_id::OpId,
    op_log::{LogRun, LoggedOps},
    op_set::text_widths,
    sequence::{Measure, Place, RunKind, SequenceId, TextUnit},
    transaction::{Transaction, WriteError, delete_op},
    view::ReadError,
};

impl Transaction<'_> {
    /// Replaces `delete` units of a text from `index` on by other text.
    ///
    /// What is inserted comes before what is deleted, so it takes the marks of what it replaces.
    /// An index inside a wide element means its end; an element that is deleted in part is deleted
    /// whole. Deleting beyond the end deletes to the end.
    ///
    /// # Errors
    /// When there is no such object, it is no sequence, or text goes beyond its end.
    pub fn splice_text(
        &mut self,
        object: ObjId,
        index: usize,
        delete: usize,
        text: &str,
        unit: TextUnit,
    ) -> Result<(), WriteError> {
        let number = self.doc.view().object(object)?;
        let kind = self.doc.set.objects.get(number).kind;
        let sequence =
            self.doc.set.sequence(number).ok_or(WriteError::Read(ReadError::NotASequence(kind)))?;
        let measure = kind.measure(unit);
        let mut delete_index = u32::try_from(index).unwrap_or(u32::MAX);
        if !text.is_empty() {
            let length = self.doc.set.sequences.total(sequence).get(measure) as usize;
            if index > length {
                return Err(WriteError::OutOfBounds { index, length });
            }
            self.doc.set.sequences.look_at(sequence, measure, delete_index.saturating_sub(1));
            let (place, after, end) = self.insertion_in(number, sequence, delete_index, measure);
            let (points, utf8, utf16) = text_widths(text);
            if points > self.room() {
                return Err(WriteError::TooManyOps);
            }
            let id = OpId::new(self.next, self.actor);
            self.may_name([object.0, after])?;
            self.doc.set.insert_text_at(number, place, id, after, text, points, &mut self.log);
            self.next += points;
            delete_index = end
                + match measure {
                    Measure::Utf8 => utf8,
                    Measure::Utf16 => utf16,
                    Measure::Elements | Measure::Points => points,
                };
        }
        if delete > 0 {
            self.doc.set.sequences.look_at(sequence, measure, delete_index);
            let delete = u32::try_from(delete).unwrap_or(u32::MAX);
            self.delete_range(object, number, sequence, delete_index, delete, measure)?;
        }
        Ok(())
    }

    fn delete_range(
        &mut self,
        object: ObjId,
        number: ObjectIndex,
        sequence: SequenceId,
        index: u32,
        delete: u32,
        measure: Measure,
    ) -> Result<(), WriteError> {
        let mut index = index;
        let mut deleted = 0;
        while deleted < delete {
            let set = &self.doc.set;
            let found = set.sequences.seek(sequence, measure, index, &set.log.text);
            let Some((place, before)) = found else { break };
            let Some((place, run)) = set.sequences.run_at(place) else { break };
            let run = *run;
            let width = |range| set.piece_width(&run, &range, measure, None);
            let start = match run.kind {
                RunKind::Text => before.get(measure) + width(0..place.offset),
                _ => before.get(measure),
            };
            if start < index {
                // The index lies inside a wide element, which stays.
                index = start + width(place.offset..place.offset + 1);
                continue;
            }
            let id = self.next_id()?;
            let element = run.id.plus(place.offset);
            self.may_name([element])?;
            if run.kind == RunKind::Text {
                let mut count = 1;
                if run.is_ascii() || matches!(measure, Measure::Elements | Measure::Points) {
                    count = (run.len() - place.offset).min(delete - deleted);
                } else {
                    while place.offset + count < run.len()
                        && width(place.offset..place.offset + count) < delete - deleted
                    {
                        count += 1;
                    }
                }
                count = count.min(self.room());
                deleted += width(place.offset..place.offset + count);
                self.doc.set.delete_at(number, place, count, id, 1, &mut self.log);
                let what = LoggedOps::Delete { target: element, step: 1, count };
                let logged = LogRun { counter: id.counter, object: number, what };
                self.doc.set.log.append(id.actor, logged);
                self.next += count;
            } else {
                deleted += width(0..1);
                let register = set.register_of(&run);
                let visible = set.visible(register, None).map(|op| op.id).collect();
                self.integrate(delete_op(object, Key::Element(element), visible))?;
            }
        }
        Ok(())
    }

    /// Where something inserted at an index goes, and the element that it comes after.
    pub(super) fn insertion(
        &self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
    ) -> Result<(Place, OpId), WriteError> {
        let (number, sequence) = self.doc.view().sequence(object)?;
        let measure = self.doc.set.objects.get(number).kind.measure(unit);
        let (place, after, _) = self.insertion_in(number, sequence, index as u32, measure);
        Ok((place, after))
    }

    /// As `insertion`, with the index moved to the end of the element that it lies in.
    fn insertion_in(
        &self,
        _object: ObjectIndex,
        sequence: SequenceId,
        index: u32,
        measure: Measure,
    ) -> (Place, OpId, u32) {
        let set = &self.doc.set;
        let id = OpId::new(self.next, self.actor);
        let found = index
            .checked_sub(1)
            .and_then(|before| set.sequences.seek(sequence, measure, before, &set.log.text));
        let Some((place, before)) = found else {
            let start = set.sequences.start(sequence);
            let mark = (set.sequences.total(sequence).marks > 0)
                .then(|| self.last_sticky_mark(start))
                .flatten();
            let after = mark.unwrap_or(OpId::ZERO);
            return (set.place_after(sequence, id, after).unwrap_or(start), after, 0);
        };
        let Some((place, run)) = set.sequences.run_at(place) else {
            return (set.sequences.start(sequence), OpId::ZERO, 0);
        };
        let end = before.get(measure)
            + match run.kind {
                RunKind::Text => set.piece_width(run, &(0..place.offset + 1), measure, None),
                _ => run.summary().get(measure),
            };
        let mut after = run.id.plus(place.offset);
        let mut place = Place { offset: place.offset + 1, ..place };
        if set.sequences.total(sequence).marks > 0
            && let Some(mark) = self.last_sticky_mark(place)
            && let Some(behind) = set.sequences.find(mark)
        {
            after = mark;
            place = Place { offset: 1, ..behind };
        }
        // Nothing is younger than what is written now, but for a draft.
        (set.behind_younger(place, id), after, end)
    }

    /// The last of the marks right behind a place that text typed there goes behind: begins that
    /// expand and ends that do not, never inside of an empty mark.
    fn last_sticky_mark(&self, place: Place) -> Option<OpId> {
        let set = &self.doc.set;
        let (place, first) = set.sequences.run_at(place)?;
        let mut sticky: Vec<OpId> = Vec::new();
        let skip_partial = usize::from(place.offset > 0 && first.is_visible());
        if skip_partial > 0 {
            return None;
        }
        for run in set.sequences.runs_from(place) {
            if !run.is_visible() {
                continue;
            }
            let RunKind::Mark { .. } = run.kind else { break };
            let Some(op) = set.register_of(run).first() else { continue };
            let crate::register::Source::Stored(number) = op.source else { continue };
            let stored = &set.log.others[number as usize];
            debug_assert_eq!(stored.action, Action::Mark);
            let begins = stored.mark_name.is_some();
            if !begins {
                let begin = OpId::new(op.id.counter - 1, op.id.actor);
                if let Some(at) = sticky.iter().position(|id| *id == begin) {
                    sticky.truncate(at);
                    continue;
                }
            }
            if begins == stored.expand {
                sticky.push(op.id);
            }
        }
        sticky.pop()
    }

    /// Whether a place lies behind an element.
    pub(super) fn stands_after(&self, place: Place, element: OpId) -> bool {
        let set = &self.doc.set;
        let Some(other) = set.sequences.find(element) else { return false };
        if place.leaf == other.leaf {
            return (place.run, place.offset) > (other.run, other.offset);
        }
        // Leaves are linked forwards; the two ends of a mark are seldom far apart.
        let sequence = set.sequences.sequence_of(place.leaf);
        let before = |place: Place| set.sequences.widths_before(place);
        let (a, b) = (before(place), before(other));
        if a != b {
            return (a.utf8, a.marks) > (b.utf8, b.marks);
        }
        set.sequences.leaf_follows(sequence, other.leaf, place.leaf)
    }

    pub(super) fn check_index(
        &self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
    ) -> Result<(), WriteError> {
        let (number, sequence) = self.doc.view().sequence(object)?;
        let measure = self.doc.set.objects.get(number).kind.measure(unit);
        let length = self.doc.set.sequences.total(sequence).get(measure) as usize;
        if index > length { Err(WriteError::OutOfBounds { index, length }) } else { Ok(()) }
    }
}
