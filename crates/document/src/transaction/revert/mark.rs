//! Taking marks back.
//!
//! A mark stands for ever; what takes it back is another mark over the same text, with the value that
//! the text would have without it. Such stand-ins count for nothing when that value is sought, so that
//! marks can be taken back and brought back in any order.

use crate::{
    mark::{ActiveMarks, Expand},
    object::ObjectIndex,
    op_id::OpId,
    register::Source,
    sequence::RunKind,
    transaction::{Transaction, WriteError},
    undo::Renewed,
    value::ScalarValue,
};

impl Transaction<'_> {
    /// Takes a mark back; brings it back if it was taken back, by the mark that did so.
    pub(super) fn revert_mark(
        &mut self,
        object: ObjectIndex,
        mark: OpId,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let begin = renewed.original_mark(mark);
        let set = &self.doc.set;
        let Some((_, run)) = set.sequences.find(begin).and_then(|at| set.sequences.run_at(at))
        else {
            return Ok(());
        };
        let Some(name) = set.mark_name_of(run).map(str::to_owned) else { return Ok(()) };
        if !renewed.switch_mark(begin) {
            return Ok(());
        }
        if set.sequences.find(begin).map(|at| set.sequences.sequence_of(at.leaf))
            != set.sequence(object)
        {
            return self.renew_mark(object, begin, renewed);
        }
        let id = self.object_id(object);
        let (parts, expand) = self.marked_parts(object, begin, &name, renewed);
        let last = parts.len().saturating_sub(1);
        for (at, part) in parts.into_iter().enumerate() {
            // Text typed at an end joins the mark that was taken back: the stand-in must cover it.
            let ends = (at == 0 && expand.before(), at < last || expand.after());
            let expand = Expand::from_ends(ends.0, ends.1);
            let stand_in = self.begin_mark(id, part.after, &name, part.value, expand)?;
            self.end_mark(id, part.last, expand)?;
            renewed.add_stand_in(stand_in, begin);
        }
        Ok(())
    }

    /// Brings a mark back whose object was deleted and stands again, over the text that it had.
    fn renew_mark(
        &mut self,
        object: ObjectIndex,
        begin: OpId,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let sequence_of = |id| set.sequences.find(id).map(|at| set.sequences.sequence_of(at.leaf));
        let Some(old) = sequence_of(begin).filter(|_| renewed.mark_counts(begin)) else {
            return Ok(());
        };
        let marks = self.mark_ops_of(old);
        let Some(mark) = marks.into_iter().find(|mark| mark.begin == begin) else { return Ok(()) };
        let runs = set.sequences.runs(old);
        let within = runs.skip_while(|run| run.id != begin).take_while(|run| run.id != mark.end);
        let elements = within.flat_map(|run| (0..run.len()).map(|offset| run.id.plus(offset)));
        let last = elements
            .map(|element| renewed.element(element))
            .filter(|element| sequence_of(*element) == set.sequence(object))
            .last();
        let Some(last) = last else { return Ok(()) };
        let after = self.anchor(object, begin, renewed);
        let id = self.object_id(object);
        let new = self.begin_mark(id, after, &mark.name, mark.value, mark.expand)?;
        self.end_mark(id, last, mark.expand)?;
        renewed.renew_mark(begin, new);
        Ok(())
    }

    /// The text of a mark in parts, each with the value that marks of this name give it, and how
    /// the mark expands. Deleted text is part of it: it may come back. No parts when nothing shows.
    fn marked_parts(
        &self,
        object: ObjectIndex,
        begin: OpId,
        name: &str,
        renewed: &Renewed,
    ) -> (Vec<Part>, Expand) {
        let set = &self.doc.set;
        let mut active = ActiveMarks::default();
        let (mut inside, mut shows) = (false, false);
        let mut expand = (false, false);
        let mut before = begin;
        let mut parts: Vec<Part> = Vec::new();
        let Some(sequence) = set.sequence(object) else { return (parts, Expand::None) };
        for run in set.sequences.runs(sequence) {
            if let RunKind::Mark { visible } = run.kind {
                let Some(Source::Stored(number)) = set.register_of(run).first().map(|op| op.source)
                else {
                    continue;
                };
                let op = &set.log.others[number as usize];
                if run.id == begin {
                    inside = true;
                    expand.0 = op.expand;
                } else if run.id == begin.plus(1) {
                    inside = false;
                    expand.1 = op.expand;
                    // No end of another mark may lie between both: text typed there would join
                    // only one of them.
                    if let Some(part) = parts.last_mut() {
                        part.last = before;
                    }
                }
                if visible && (op.mark_name.is_none() || renewed.mark_counts(run.id)) {
                    active.pass(set, run);
                }
            } else if inside {
                shows |= run.is_visible();
                let value = active.current(set).into_iter().find(|(other, _)| *other == name);
                let value = value.map_or(ScalarValue::Null, |(_, value)| value);
                match parts.last_mut() {
                    Some(part) if part.value == value => part.last = run.last_id(),
                    _ => parts.push(Part { after: before, last: run.last_id(), value }),
                }
            }
            before = run.last_id();
        }
        if !shows {
            parts.clear();
        }
        (parts, Expand::from_ends(expand.0, expand.1))
    }
}

/// A part of a mark's text.
struct Part {
    /// What comes right before it.
    after: OpId,
    /// Its last element.
    last: OpId,
    value: ScalarValue,
}
