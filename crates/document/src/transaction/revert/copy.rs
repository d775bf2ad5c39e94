//! Filling a new object with what a deleted one held.

use smallvec::SmallVec;

use crate::{
    mark::Expand,
    object::{Content, ObjId, ObjectIndex},
    op::{Action, Key},
    op_id::OpId,
    register::{Register, Source},
    sequence::{Run, RunKind, SequenceId, TextUnit},
    transaction::{Transaction, WriteError},
    undo::Renewed,
    value::ScalarValue,
};

/// A mark of the old object.
pub(super) struct MarkCopy {
    pub(super) begin: OpId,
    pub(super) end: OpId,
    /// In UTF-8 bytes of what is visible.
    range: std::ops::Range<usize>,
    pub(super) name: String,
    pub(super) value: ScalarValue,
    pub(super) expand: Expand,
}

impl Transaction<'_> {
    /// Fills a new object with what an old one holds.
    pub(super) fn copy_object(
        &mut self,
        old: OpId,
        new: OpId,
        renewed: &mut Renewed,
    ) -> Result<(), WriteError> {
        let set = &self.doc.set;
        let (Some(from), Some(to)) = (set.objects.find(old), set.objects.find(new)) else {
            return Ok(());
        };
        match &set.objects.get(from).content {
            Content::Map(map) => {
                let entries: Vec<(Box<str>, Register)> =
                    map.iter().map(|(key, register)| (key.clone(), register.clone())).collect();
                for (key, register) in entries {
                    let Some(winner) = self.doc.set.winner(&register, None).cloned() else {
                        continue;
                    };
                    let value = self.value_of(&register, &winner);
                    let new =
                        self.write_again(to, Key::Map(&key), false, &value, SmallVec::new())?;
                    self.renew(winner.id, new, &value, renewed)?;
                }
            }
            Content::Sequence(sequence) => {
                let sequence = *sequence;
                let runs: Vec<Run> = set.sequences.runs(sequence).copied().collect();
                let mut after = OpId::ZERO;
                for run in runs.iter().filter(|run| run.is_visible()) {
                    after = self.copy_run(run, to, after, renewed)?;
                }
                for mark in self.mark_ops_of(sequence) {
                    if mark.range.is_empty() {
                        continue;
                    }
                    let begin = self.next_id()?;
                    let (name, unit) = (&mark.name, TextUnit::Utf8);
                    self.mark(ObjId(new), mark.range, name, mark.value, mark.expand, unit)?;
                    renewed.renew_mark(mark.begin, begin);
                }
            }
        }
        Ok(())
    }

    fn copy_run(
        &mut self,
        run: &Run,
        to: ObjectIndex,
        after: OpId,
        renewed: &mut Renewed,
    ) -> Result<OpId, WriteError> {
        match run.kind {
            RunKind::Mark { .. } => Ok(after),
            RunKind::Text => {
                let text = self.doc.set.piece_text(run, &(0..run.len())).to_owned();
                let new = self.insert_text_after(to, after, &text)?;
                for at in 0..run.len() {
                    renewed.renew_element(run.id.plus(at), new.plus(at));
                }
                Ok(new.plus(run.len() - 1))
            }
            RunKind::Special { .. } => {
                let register = self.doc.set.register_of(run).clone();
                let Some(winner) = self.doc.set.winner(&register, None).cloned() else {
                    return Ok(after);
                };
                let value = self.value_of(&register, &winner);
                let new =
                    self.write_again(to, Key::Element(after), true, &value, SmallVec::new())?;
                renewed.renew_element(run.id, new);
                self.renew(winner.id, new, &value, renewed)?;
                Ok(new)
            }
        }
    }

    /// The marks of a sequence, the oldest first.
    pub(super) fn mark_ops_of(&self, sequence: SequenceId) -> Vec<MarkCopy> {
        let set = &self.doc.set;
        let mut marks: Vec<MarkCopy> = Vec::new();
        let mut position = 0;
        for run in set.sequences.runs(sequence).filter(|run| run.is_visible()) {
            let RunKind::Mark { .. } = run.kind else {
                position += run.summary().utf8 as usize;
                continue;
            };
            let Some(Source::Stored(number)) = set.register_of(run).first().map(|op| op.source)
            else {
                continue;
            };
            let op = &set.log.others[number as usize];
            debug_assert_eq!(op.action, Action::Mark);
            if let Some(name) = &op.mark_name {
                marks.push(MarkCopy {
                    begin: run.id,
                    end: run.id.plus(1),
                    range: position..position,
                    name: name.to_string(),
                    value: ScalarValue::decode(set.log.value(op.value)),
                    expand: Expand::from_ends(op.expand, false),
                });
            } else if let Some(mark) = marks.iter_mut().find(|mark| mark.end == run.id) {
                mark.range.end = position;
                mark.expand = Expand::from_ends(mark.expand.before(), op.expand);
            }
        }
        marks.sort_unstable_by_key(|mark| set.actors.order(mark.begin));
        marks
    }
}
