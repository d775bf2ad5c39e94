//! All operations of a document in the form that reads and writes work on.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::{
    actor::Actors,
    object::{Content, ObjType, Object, ObjectIndex, Objects, Parent, ParentKey},
    op::{Action, RawValue},
    op_id::OpId,
    op_log::OpLog,
    register::{Register, RegisterOp, Source},
    sequence::{Removal, Run, RunKind, SequenceId, Sequences},
};

/// The operations of a document: the log of each actor, and the objects that they make.
#[derive(Debug, Clone)]
pub(crate) struct OpSet {
    pub(crate) actors: Actors,
    pub(crate) objects: Objects,
    pub(crate) sequences: Sequences,
    /// The registers of all elements that are not plain characters.
    pub(crate) specials: Vec<Register>,
    pub(crate) log: OpLog,
    /// The greatest counter of a committed operation.
    pub(crate) max_op: u32,
}

impl OpSet {
    pub(crate) fn new() -> Self {
        Self {
            actors: Actors::default(),
            objects: Objects::new(),
            sequences: Sequences::default(),
            specials: Vec::new(),
            log: OpLog::default(),
            max_op: 0,
        }
    }

    /// Makes the object that an operation makes.
    pub(crate) fn add_object(&mut self, id: OpId, kind: ObjType, parent: Parent) -> ObjectIndex {
        let content = if kind.is_sequence() {
            Content::Sequence(self.sequences.create())
        } else {
            Content::Map(BTreeMap::new())
        };
        self.objects.add(Object { id, kind, parent: Some(parent), content })
    }

    /// The sequence of a list or text.
    pub(crate) fn sequence(&self, object: ObjectIndex) -> Option<SequenceId> {
        match self.objects.get(object).content {
            Content::Sequence(sequence) => Some(sequence),
            Content::Map(_) => None,
        }
    }

    /// The operations on a key of a map.
    pub(crate) fn map_register(&self, object: ObjectIndex, key: &str) -> Option<&Register> {
        match &self.objects.get(object).content {
            Content::Map(map) => map.get(key),
            Content::Sequence(_) => None,
        }
    }

    /// What an operation of a register does.
    pub(crate) fn action(&self, op: &RegisterOp) -> Action {
        match op.source {
            Source::Stored(number) => self.log.others[number as usize].action,
            Source::Text(_) => Action::Set,
        }
    }

    /// The value of an operation of a register as it was written.
    pub(crate) fn raw_value(&self, op: &RegisterOp) -> RawValue<'_> {
        match op.source {
            Source::Stored(number) => self.log.value(self.log.others[number as usize].value),
            Source::Text(at) => {
                let rest = &self.log.text[at as usize..];
                let len = rest.chars().next().map_or(0, char::len_utf8);
                RawValue { code: 6, bytes: &rest.as_bytes()[..len] }
            }
        }
    }

    /// All operations that deleted the element at `offset` of a text run.
    pub(crate) fn deletions_of(&self, run: &Run, offset: u32) -> SmallVec<[OpId; 1]> {
        self.sequences
            .removals(run.removal)
            .iter()
            .map(|(first, step)| first.stepped(*step, offset))
            .collect()
    }

    /// The text, in a text object, and the widths `(points, utf8, utf16)` of an operation's value.
    pub(crate) fn widths(&self, op: &RegisterOp) -> (u32, u32, u32) {
        if self.action(op) == Action::Set {
            let raw = self.raw_value(op);
            if raw.code == 6
                && let Ok(text) = std::str::from_utf8(raw.bytes)
            {
                return text_widths(text);
            }
        }
        (1, 3, 1)
    }

    /// The run of a special element as its register makes it.
    pub(crate) fn special_run(&self, run: &Run, number: u32) -> Run {
        let register = &self.specials[number as usize];
        let winner = self.winner(register, None);
        let visible = winner.is_some();
        let is_mark = register.first().is_some_and(|op| self.action(op) == Action::Mark);
        let (points, utf8, utf16) = match winner {
            Some(op) if !is_mark => self.widths(op),
            _ => (0, 0, 0),
        };
        let kind = if is_mark { RunKind::Mark { visible } } else { RunKind::Special { visible } };
        Run { removal: Removal::None, points, source: number, utf8, utf16, kind, ..*run }
    }

    /// The register of a special element's run.
    pub(crate) fn register_of(&self, run: &Run) -> &Register {
        &self.specials[run.source as usize]
    }

    /// The key of an object in its parent, when it is shown there.
    pub(crate) fn parent(&self, object: ObjectIndex) -> Option<(ObjectIndex, &ParentKey)> {
        let parent = self.objects.get(object).parent.as_ref()?;
        Some((parent.object, &parent.key))
    }
}

/// The widths of a text in scalar values, UTF-8 and UTF-16.
pub(crate) fn text_widths(text: &str) -> (u32, u32, u32) {
    if text.is_ascii() {
        let len = text.len() as u32;
        return (len, len, len);
    }
    let (points, utf16) =
        text.chars().fold((0, 0), |(points, utf16), c| (points + 1, utf16 + c.len_utf16() as u32));
    (points, text.len() as u32, utf16)
}
