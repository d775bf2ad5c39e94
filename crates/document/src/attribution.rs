//! Who wrote what: which change and actor wrote each part of a text.

use std::ops::Range;

use crate::{
    actor::ActorId,
    change_graph::ChangeIndex,
    change_hash::ChangeHash,
    document::Document,
    object::ObjId,
    op_id::OpId,
    sequence::{Run, RunKind, TextUnit},
    view::{Piece, ReadError},
};

/// A part of a text that one change wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authored {
    /// Where, in the unit asked for.
    pub range: Range<usize>,
    /// By which change; `None` for the draft.
    pub change: Option<ChangeHash>,
    /// By which actor; `None` for the draft.
    pub actor: Option<ActorId>,
}

/// What a part of a text belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Origin(Option<ChangeIndex>, u32);

impl Document {
    /// Which change wrote each part of a text or list as it is now, from its start to its end: the
    /// one that inserted it or, where something was put over it since, that put what shows.
    ///
    /// # Errors
    /// When there is no such object or it is no sequence.
    pub fn attribution(&self, object: ObjId, unit: TextUnit) -> Result<Vec<Authored>, ReadError> {
        let view = self.view();
        let (number, sequence) = view.sequence(object)?;
        let measure = self.set.objects.get(number).kind.measure(unit);
        let mut parts: Vec<(Range<usize>, Origin)> = Vec::new();
        for piece in view.pieces(sequence) {
            let first = self.written_by(piece.run);
            let mut start = piece.range.start;
            while start < piece.range.end {
                let (origin, covered) = self.origin_of(first.plus(start));
                let end = piece.range.end.min(start.saturating_add(covered));
                let width = view.width(&Piece { run: piece.run, range: start..end }, measure);
                let from = parts.last().map_or(0, |(range, _)| range.end);
                match parts.last_mut() {
                    Some((range, last)) if *last == origin => range.end += width as usize,
                    _ if width == 0 => {}
                    _ => parts.push((from..from + width as usize, origin)),
                }
                start = end;
            }
        }
        let authored = |(range, Origin(change, actor))| Authored {
            range,
            change: change.map(|change| self.hash_of(change)),
            actor: change.map(|_| self.set.actors.get(actor).clone()),
        };
        Ok(parts.into_iter().map(authored).collect())
    }

    /// The operation that wrote what shows of the first element of a run.
    fn written_by(&self, run: &Run) -> OpId {
        match run.kind {
            RunKind::Special { .. } => {
                let winner = self.set.winner(self.set.register_of(run), None);
                winner.map_or(run.id, |op| op.id)
            }
            RunKind::Text | RunKind::Mark { .. } => run.id,
        }
    }

    /// The change of an operation, and how many operations from it on the change has.
    fn origin_of(&self, id: OpId) -> (Origin, u32) {
        let change = if id.is_draft() { None } else { self.graph.by_op(id.actor, id.counter) };
        match change {
            Some(change) => {
                let covered = self.graph.max_op(change) + 1 - id.counter;
                (Origin(Some(change), id.actor), covered)
            }
            None => (Origin(None, id.actor), u32::MAX),
        }
    }
}
