//! What changed, in terms of values: patches, and the log that collects them.

use std::ops::Range;

use crate::{
    clock::Clock,
    object::{ObjId, ObjType, ObjectIndex, ParentKey},
    op::{Action, Key},
    op_id::OpId,
    op_set::OpSet,
    register::{Register, Source, increment_by},
    sequence::{Measure, Place, RunKind, Summary, TextUnit},
    value::{ScalarValue, Value},
};

/// One change of a document's values.
///
/// Patches are to be applied in their order. A mirror that keeps each object by its id, also while
/// the object shows nowhere, stays equal to the document.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    /// The object that changed.
    pub object: ObjId,
    /// The way from the root to the object at this point of the sequence of patches; `None` when
    /// the object shows nowhere, as others deleted or replaced it.
    pub path: Option<Vec<(ObjId, PathKey)>>,
    /// What happened to it.
    pub action: PatchAction,
}

/// A step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathKey {
    /// A key of a map.
    Key(String),
    /// An index in a sequence, in the unit of the log.
    Index(usize),
}

/// What happened to an object. Indexes and lengths in texts are in the unit of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum PatchAction {
    /// Characters came into a text.
    SpliceText {
        /// Where.
        index: usize,
        /// The characters.
        value: String,
        /// The marks that they carry, by name.
        marks: Vec<(String, ScalarValue)>,
    },
    /// Elements left a text or list.
    DeleteSeq {
        /// Where.
        index: usize,
        /// How much.
        length: usize,
    },
    /// Elements came into a list, or objects (block markers) into a text.
    Insert {
        /// Where.
        index: usize,
        /// What, each with whether there is a conflict.
        values: Vec<(Value, bool)>,
        /// The marks that they carry, by name; none in a list.
        marks: Vec<(String, ScalarValue)>,
    },
    /// A key of a map has a new value, or its conflict came or went.
    PutMap {
        /// The key.
        key: String,
        /// The value.
        value: Value,
        /// Whether there are concurrent values besides.
        conflict: bool,
    },
    /// An element has a new value, or its conflict came or went.
    PutSeq {
        /// Where.
        index: usize,
        /// The value.
        value: Value,
        /// Whether there are concurrent values besides.
        conflict: bool,
    },
    /// A key left a map.
    DeleteMap {
        /// The key.
        key: String,
    },
    /// A counter changed.
    Increment {
        /// Where it stands.
        key: PathKey,
        /// By how much.
        by: i64,
    },
    /// The marks of one name in a text are now these, and no others.
    Mark {
        /// The name.
        name: String,
        /// Where, and with which value.
        ranges: Vec<(Range<usize>, ScalarValue)>,
    },
}

/// Collects patches while operations are taken in, or does not.
#[derive(Debug, Clone, Default)]
pub struct PatchLog {
    unit: Option<TextUnit>,
    patches: Vec<Patch>,
    /// Texts and names of marks of which a begin or end came or went.
    changed_marks: Vec<(ObjectIndex, String)>,
}

/// A state of a log.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    patches: usize,
    marks: usize,
    last: Growing,
}

/// The last patch, as far as later operations may be joined to it.
#[derive(Debug, Clone, Copy)]
enum Growing {
    Nothing,
    Text { len: usize },
    Deletion { index: usize, length: usize },
}

/// What a register showed before an operation.
pub(crate) struct RegisterState {
    winner: Option<OpId>,
    /// Whether more than the winner shows.
    conflict: bool,
}

/// What an element showed before an operation.
pub(crate) struct ElementState {
    register: RegisterState,
    widths: Summary,
}

impl PatchLog {
    /// A log that collects nothing and costs nothing.
    pub fn inactive() -> Self {
        Self::default()
    }

    /// A log that collects patches with text positions in `unit`.
    pub fn active(unit: TextUnit) -> Self {
        Self { unit: Some(unit), ..Self::default() }
    }

    /// Whether patches are collected.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.unit.is_some()
    }

    /// The patches collected so far, leaving the log empty and as active as it was.
    pub fn take(&mut self) -> Vec<Patch> {
        std::mem::take(&mut self.patches)
    }

    /// The unit of text positions.
    pub(crate) fn unit(&self) -> TextUnit {
        self.unit.unwrap_or(TextUnit::Utf16)
    }

    /// Where the log stands, to go back to when what is logged from here on is taken back.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        let last = match self.patches.last().map(|patch| &patch.action) {
            Some(PatchAction::SpliceText { value, .. }) => Growing::Text { len: value.len() },
            Some(PatchAction::DeleteSeq { index, length }) => {
                Growing::Deletion { index: *index, length: *length }
            }
            _ => Growing::Nothing,
        };
        Checkpoint { patches: self.patches.len(), marks: self.changed_marks.len(), last }
    }

    /// Forgets what was logged since a checkpoint, also what later operations added to a patch
    /// that was there.
    pub(crate) fn back_to(&mut self, checkpoint: &Checkpoint) {
        self.patches.truncate(checkpoint.patches);
        self.changed_marks.truncate(checkpoint.marks);
        match (self.patches.last_mut().map(|patch| &mut patch.action), checkpoint.last) {
            (Some(PatchAction::SpliceText { value, .. }), Growing::Text { len }) => {
                value.truncate(len);
            }
            (
                Some(PatchAction::DeleteSeq { index, length }),
                Growing::Deletion { index: first, length: count },
            ) => (*index, *length) = (first, count),
            _ => {}
        }
    }

    /// Adds the patches that depend on all operations of a change being there.
    pub(crate) fn finish(&mut self, set: &OpSet) {
        let mut changed = std::mem::take(&mut self.changed_marks);
        changed.sort_by(|a, b| (a.0.0, &a.1).cmp(&(b.0.0, &b.1)));
        changed.dedup();
        for (object, name) in changed {
            let ranges = set
                .marks(object, self.unit(), None)
                .into_iter()
                .filter(|mark| mark.name == name)
                .map(|mark| (mark.range, mark.value))
                .collect();
            self.push(set, object, PatchAction::Mark { name, ranges });
        }
    }

    pub(crate) fn register_state(&self, set: &OpSet, register: &Register) -> RegisterState {
        let mut visible = set.visible(register, None);
        let winner = visible.next_back().map(|op| op.id);
        RegisterState { winner, conflict: visible.next_back().is_some() }
    }

    /// A register of a map took in the operation `id`.
    pub(crate) fn register_changed(
        &mut self,
        set: &OpSet,
        object: ObjectIndex,
        key: Key<'_>,
        register: &Register,
        before: RegisterState,
        id: OpId,
    ) {
        let Key::Map(key) = key else { return };
        let after = self.register_state(set, register);
        let same = after.winner == before.winner && after.conflict == before.conflict;
        if same && let Some(by) = self.increment(set, register, id, after.winner) {
            let key = PathKey::Key(key.into());
            self.push(set, object, PatchAction::Increment { key, by });
        } else if !same {
            let key = key.to_owned();
            let action = match set.winner(register, None) {
                Some(op) => PatchAction::PutMap {
                    key,
                    value: set.value(register, op, None),
                    conflict: after.conflict,
                },
                None if before.winner.is_some() => PatchAction::DeleteMap { key },
                None => return,
            };
            self.push(set, object, action);
        }
    }

    fn increment(
        &self,
        set: &OpSet,
        register: &Register,
        id: OpId,
        winner: Option<OpId>,
    ) -> Option<i64> {
        let increment = set.increment_in(register, id)?;
        let at = set.position_in(register, winner?).ok()?;
        let Source::Stored(number) = increment.source else { return None };
        let counts = set.log.others[number as usize].predecessors.contains(&register[at].id)
            && matches!(
                set.value(register, &register[at], None),
                Value::Scalar(ScalarValue::Counter(_))
            );
        counts.then(|| increment_by(set.raw_value(increment)))
    }

    pub(crate) fn element_state(&self, set: &OpSet, place: Place) -> ElementState {
        let (register, widths) = match set.sequences.run_at(place) {
            Some((_, run)) if run.kind != RunKind::Text => {
                (self.register_state(set, set.register_of(run)), run.summary())
            }
            _ => (RegisterState { winner: None, conflict: false }, Summary::default()),
        };
        ElementState { register, widths }
    }

    /// A special element took in the operation `id`.
    pub(crate) fn element_changed(
        &mut self,
        set: &OpSet,
        object: ObjectIndex,
        place: Place,
        before: ElementState,
        id: OpId,
    ) {
        let Some((place, run)) = set.sequences.run_at(place) else { return };
        if let RunKind::Mark { .. } = run.kind {
            self.mark_changed(set, object, place);
            return;
        }
        // A special element that was joined to nothing is alone in its run; a text run here means
        // that nothing special happened.
        if run.kind == RunKind::Text {
            return;
        }
        let register = set.register_of(run);
        let after = self.register_state(set, register);
        let index = self.index(set, object, place);
        let before_register = &before.register;
        if after.winner == before_register.winner && after.conflict == before_register.conflict {
            if let Some(by) = self.increment(set, register, id, after.winner) {
                self.push(set, object, PatchAction::Increment { key: PathKey::Index(index), by });
            }
            return;
        }
        let kind = set.objects.get(object).kind;
        let old_width = before.widths.get(kind.measure(self.unit())) as usize;
        match (before.register.winner, set.winner(register, None)) {
            (Some(_), Some(op)) if kind != ObjType::Text => {
                let value = set.value(register, op, None);
                let conflict = after.conflict;
                self.push(set, object, PatchAction::PutSeq { index, value, conflict });
            }
            (old, new) => {
                if old.is_some() {
                    self.push(set, object, PatchAction::DeleteSeq { index, length: old_width });
                }
                if new.is_some() {
                    self.inserted_special(set, object, place);
                }
            }
        }
    }

    /// A run of text came in at a place.
    pub(crate) fn inserted_text(
        &mut self,
        set: &OpSet,
        object: ObjectIndex,
        place: Place,
        text: &str,
    ) {
        let index = self.index(set, object, place);
        if set.objects.get(object).kind == ObjType::Text {
            self.splice_text(set, object, index, text);
        } else {
            let value = |c: char| (Value::Scalar(ScalarValue::Str(c.into())), false);
            let values = text.chars().map(value).collect();
            let action = PatchAction::Insert { index, values, marks: Vec::new() };
            self.push(set, object, action);
        }
    }

    fn splice_text(&mut self, set: &OpSet, object: ObjectIndex, index: usize, text: &str) {
        let marks = set.marks_at(object, index, self.unit());
        if let Some(last) = self.patches.last_mut()
            && last.object == ObjId(set.objects.get(object).id)
            && let PatchAction::SpliceText { index: at, value, marks: carried } = &mut last.action
            && *carried == marks
            && *at + width(value, self.unit.unwrap_or(TextUnit::Utf16)) == index
        {
            value.push_str(text);
            return;
        }
        self.push(set, object, PatchAction::SpliceText { index, value: text.into(), marks });
    }

    /// A special element came in, or shows again, at a place.
    pub(crate) fn inserted_special(&mut self, set: &OpSet, object: ObjectIndex, place: Place) {
        let Some((place, run)) = set.sequences.run_at(place) else { return };
        match run.kind {
            RunKind::Mark { .. } => self.mark_changed(set, object, place),
            RunKind::Special { visible: true } => {
                let index = self.index(set, object, place);
                let register = set.register_of(run);
                let Some(op) = set.winner(register, None) else { return };
                let value = set.value(register, op, None);
                match value {
                    Value::Scalar(ScalarValue::Str(text))
                        if set.objects.get(object).kind == ObjType::Text =>
                    {
                        self.splice_text(set, object, index, &text);
                    }
                    value => {
                        let conflict = set.visible(register, None).nth_back(1).is_some();
                        let values = vec![(value, conflict)];
                        let marks = set.marks_at(object, index, self.unit());
                        self.push(set, object, PatchAction::Insert { index, values, marks });
                    }
                }
            }
            _ => {}
        }
    }

    /// Visible elements of a text run are about to go.
    pub(crate) fn deleted(&mut self, set: &OpSet, object: ObjectIndex, place: Place, count: u32) {
        let measure = set.objects.get(object).kind.measure(self.unit());
        let index = self.index(set, object, place);
        let Some((place, run)) = set.sequences.run_at(place) else { return };
        let before = prefix(set, run, place.offset, measure);
        let length = (prefix(set, run, place.offset + count, measure) - before) as usize;
        let id = ObjId(set.objects.get(object).id);
        if let Some(last) = self.patches.last_mut()
            && last.object == id
            && let PatchAction::DeleteSeq { index: at, length: so_far } = &mut last.action
            && (*at == index || index + length == *at)
        {
            *at = index;
            *so_far += length;
            return;
        }
        self.push(set, object, PatchAction::DeleteSeq { index, length });
    }

    fn mark_changed(&mut self, set: &OpSet, object: ObjectIndex, place: Place) {
        if let Some((_, run)) = set.sequences.run_at(place)
            && let Some(name) = set.mark_name_of(run)
        {
            self.changed_marks.push((object, name.to_owned()));
        }
    }

    /// The index of the element at a place.
    fn index(&self, set: &OpSet, object: ObjectIndex, place: Place) -> usize {
        set.index_of(object, place, self.unit())
    }

    pub(crate) fn push(&mut self, set: &OpSet, object: ObjectIndex, action: PatchAction) {
        let path = set.path(object, self.unit());
        self.patches.push(Patch { object: ObjId(set.objects.get(object).id), path, action });
    }
}

fn prefix(set: &OpSet, run: &crate::sequence::Run, offset: u32, measure: Measure) -> u32 {
    match measure {
        Measure::Elements | Measure::Points => offset,
        Measure::Utf8 => run.prefix_widths(offset, &set.log.text).0,
        Measure::Utf16 => run.prefix_widths(offset, &set.log.text).1,
    }
}

/// The width of a text in a unit.
pub(crate) fn width(text: &str, unit: TextUnit) -> usize {
    match unit {
        TextUnit::Utf8 => text.len(),
        TextUnit::CodePoint if text.is_ascii() => text.len(),
        TextUnit::CodePoint => text.chars().count(),
        TextUnit::Utf16 if text.is_ascii() => text.len(),
        TextUnit::Utf16 => text.encode_utf16().count(),
    }
}

impl OpSet {
    /// The index of the element at a place, in the unit when the object is a text.
    pub(crate) fn index_of(&self, object: ObjectIndex, place: Place, unit: TextUnit) -> usize {
        let measure = self.objects.get(object).kind.measure(unit);
        let place = self.sequences.run_at(place).map_or(place, |(place, _)| place);
        let before = self.sequences.widths_before(place).get(measure);
        let inside = match self.sequences.run_at(place) {
            Some((_, run)) if run.is_visible() && run.kind == RunKind::Text => {
                prefix(self, run, place.offset, measure)
            }
            _ => 0,
        };
        (before + inside) as usize
    }

    /// As `index_of`, as it was at a clock: walks the sequence up to the place.
    pub(crate) fn index_at(
        &self,
        object: ObjectIndex,
        place: Place,
        unit: TextUnit,
        clock: &Clock,
    ) -> usize {
        let measure = self.objects.get(object).kind.measure(unit);
        let Some((place, target)) = self.sequences.run_at(place) else { return 0 };
        let mut index = 0;
        for run in self.sequences.runs(self.sequences.sequence_of(place.leaf)) {
            let mut range = self.visible_range(run, Some(clock));
            let is_target = std::ptr::eq(run, target);
            if is_target {
                range.end = range.end.min(place.offset);
            }
            if range.start < range.end {
                index += self.piece_width(run, &range, measure, Some(clock)) as usize;
            }
            if is_target {
                break;
            }
        }
        index
    }

    /// The way from the root to an object, or `None` when it shows nowhere.
    pub(crate) fn path(
        &self,
        object: ObjectIndex,
        unit: TextUnit,
    ) -> Option<Vec<(ObjId, PathKey)>> {
        self.path_at(object, unit, None)
    }

    /// As `path`, as it was at a clock.
    pub(crate) fn path_at(
        &self,
        object: ObjectIndex,
        unit: TextUnit,
        clock: Option<&Clock>,
    ) -> Option<Vec<(ObjId, PathKey)>> {
        let mut path = Vec::new();
        let mut object = object;
        while let Some((parent, key)) = self.parent(object) {
            let id = self.objects.get(object).id;
            let (register, step) = match key {
                ParentKey::Map(key) => {
                    (self.map_register(parent, key)?, PathKey::Key(key.to_string()))
                }
                ParentKey::Element(element) => {
                    let place = self.sequences.find(*element)?;
                    let (place, run) = self.sequences.run_at(place)?;
                    if run.kind == RunKind::Text {
                        return None;
                    }
                    let index = match clock {
                        None => self.index_of(parent, place, unit),
                        Some(clock) => self.index_at(parent, place, unit, clock),
                    };
                    (self.register_of(run), PathKey::Index(index))
                }
            };
            if self.winner(register, clock)?.id != id {
                return None;
            }
            path.push((ObjId(self.objects.get(parent).id), step));
            object = parent;
        }
        path.reverse();
        Some(path)
    }

    /// The name of the mark whose begin or end a run is.
    pub(crate) fn mark_name_of(&self, run: &crate::sequence::Run) -> Option<&str> {
        if !matches!(run.kind, RunKind::Mark { .. }) {
            return None;
        }
        let op = self.register_of(run).first()?;
        let Source::Stored(number) = op.source else { return None };
        let stored = &self.log.others[number as usize];
        debug_assert_eq!(stored.action, Action::Mark);
        if let Some(name) = &stored.mark_name {
            return Some(name);
        }
        let begin = OpId::new(op.id.counter - 1, op.id.actor);
        let (_, run) = self.sequences.run_at(self.sequences.find(begin)?)?;
        let begin = self.register_of(run).first()?;
        let Source::Stored(number) = begin.source else { return None };
        self.log.others[number as usize].mark_name.as_deref()
    }
}
