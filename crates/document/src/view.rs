//! Reading a document, as it is now or as it was at some heads.

use std::ops::{Bound, Range, RangeBounds};

use crate::{
    actor::ActorId,
    clock::Clock,
    mark::{ActiveMarks, Mark},
    object::{Content, ObjId, ObjType, ObjectIndex},
    op_id::OpId,
    op_set::OpSet,
    patch::PathKey,
    register::Register,
    sequence::{Measure, Place, Run, RunKind, SequenceId, TextUnit},
    value::{Prop, ScalarValue, Value},
};

/// A document as it is now (`Document::view`) or was (`Document::at`).
///
/// Reading at former heads walks the runs of a sequence; reading now costs O(log n) per index.
#[derive(Debug, Clone)]
pub struct View<'a> {
    pub(crate) set: &'a OpSet,
    pub(crate) clock: Option<Clock>,
}

/// Why something cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The object is not in this document, or not at these heads.
    #[error("the object does not exist")]
    UnknownObject,
    /// A key was used in a sequence or an index in a map.
    #[error("{prop} does not fit a {kind:?}")]
    WrongProp {
        /// The key or index, in words.
        prop: String,
        /// The kind of the object.
        kind: ObjType,
    },
    /// The object is not a list or text.
    #[error("a {0:?} is no sequence")]
    NotASequence(ObjType),
    /// Objects lie inside each other in more levels than are read as one value.
    #[error("more than {0} objects lie inside each other")]
    TooDeep(usize),
}

/// A part of a rich text.
#[derive(Debug, Clone, PartialEq)]
pub enum Span {
    /// Text with the same marks throughout.
    Text {
        /// The text.
        text: String,
        /// Its marks, by name.
        marks: Vec<(String, ScalarValue)>,
    },
    /// A block marker: the map that describes the block beginning here.
    Block(ObjId),
}

/// Visible elements of one run.
pub(crate) struct Piece<'a> {
    pub(crate) run: &'a Run,
    /// Which elements of the run.
    pub(crate) range: Range<u32>,
}

/// A value with the id of the operation that set it.
pub(crate) type ValueWithId = (Value, ObjId);

impl<'a> View<'a> {
    /// The value at a key or index; of several concurrent ones the winner, the same on all sides.
    ///
    /// # Errors
    /// When the object does not exist or the property does not fit it.
    pub fn get<'p>(
        &self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
    ) -> Result<Option<Value>, ReadError> {
        Ok(self.get_all(object, prop)?.pop())
    }

    /// All concurrent values at a key or index, the winner last.
    ///
    /// # Errors
    /// When the object does not exist or the property does not fit it.
    pub fn get_all<'p>(
        &self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
    ) -> Result<Vec<Value>, ReadError> {
        Ok(self.get_all_with_ids(object, prop)?.into_iter().map(|(value, _)| value).collect())
    }

    /// All concurrent values at a key or index with the ids of the operations that set them, the
    /// winner last.
    ///
    /// # Errors
    /// When the object does not exist or the property does not fit it.
    pub fn get_all_with_ids<'p>(
        &self,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
    ) -> Result<Vec<(Value, ObjId)>, ReadError> {
        let index = self.object(object)?;
        let kind = self.set.objects.get(index).kind;
        let prop = prop.into();
        match (prop, prop.position()) {
            (Prop::Key(key), _) if !kind.is_sequence() => {
                let register = self.set.map_register(index, key);
                Ok(register.map_or_else(Vec::new, |register| self.values(register)))
            }
            (_, Some((at, unit))) if kind.is_sequence() => {
                let Some((place, run)) = self.element(index, at, unit) else {
                    return Ok(Vec::new());
                };
                if run.kind != RunKind::Text {
                    return Ok(self.values(self.set.register_of(&run)));
                }
                let (start, _) = run.prefix_widths(place.offset, &self.set.log.text);
                let character = run.text(&self.set.log.text)[start as usize..].chars().next();
                let value = ScalarValue::Str(character.into_iter().collect());
                Ok(vec![(Value::Scalar(value), ObjId(run.id.plus(place.offset)))])
            }
            _ => Err(ReadError::WrongProp { prop: format!("{prop:?}"), kind }),
        }
    }

    /// The keys of a map, sorted by their UTF-8 bytes.
    ///
    /// # Errors
    /// When the object does not exist or is a sequence.
    pub fn keys(&self, object: ObjId) -> Result<Vec<String>, ReadError> {
        Ok(self.entries(object)?.into_iter().map(|(key, _)| key).collect())
    }

    /// The keys and values of a map, sorted by the keys' UTF-8 bytes.
    ///
    /// # Errors
    /// When the object does not exist or is a sequence.
    pub fn entries(&self, object: ObjId) -> Result<Vec<(String, Value)>, ReadError> {
        let entries = self.entries_with_ids(object)?.into_iter();
        Ok(entries.map(|(key, (value, _))| (key, value)).collect())
    }

    /// As [`View::entries`], with the ids of the operations that set the values.
    pub(crate) fn entries_with_ids(
        &self,
        object: ObjId,
    ) -> Result<Vec<(String, ValueWithId)>, ReadError> {
        let index = self.object(object)?;
        let object = self.set.objects.get(index);
        let Content::Map(map) = &object.content else {
            return Err(ReadError::WrongProp { prop: "any key".into(), kind: object.kind });
        };
        let clock = self.clock.as_ref();
        let mut entries = Vec::new();
        for (key, register) in map {
            if let Some(op) = self.set.winner(register, clock) {
                let value = self.set.value(register, op, clock);
                entries.push((key.to_string(), (value, ObjId(op.id))));
            }
        }
        Ok(entries)
    }

    /// The keys and values of a map within a range of keys, sorted by the keys' UTF-8 bytes.
    ///
    /// # Errors
    /// When the object does not exist or is a sequence.
    pub fn entries_in<'k>(
        &self,
        object: ObjId,
        keys: impl RangeBounds<&'k str>,
    ) -> Result<Vec<(String, Value)>, ReadError> {
        let mut entries = self.entries(object)?;
        entries.retain(|(key, _)| {
            let after_start = match keys.start_bound() {
                Bound::Included(start) => key.as_str() >= *start,
                Bound::Excluded(start) => key.as_str() > *start,
                Bound::Unbounded => true,
            };
            let before_end = match keys.end_bound() {
                Bound::Included(end) => key.as_str() <= *end,
                Bound::Excluded(end) => key.as_str() < *end,
                Bound::Unbounded => true,
            };
            after_start && before_end
        });
        Ok(entries)
    }

    /// The text that covers a range of a text in the unit; what a range touches of a wide element
    /// comes whole.
    ///
    /// # Errors
    /// When the object does not exist or is no sequence.
    pub fn text_in(
        &self,
        object: ObjId,
        range: Range<usize>,
        unit: TextUnit,
    ) -> Result<String, ReadError> {
        let (number, _) = self.sequence(object)?;
        let mut text = String::new();
        let mut at = range.start;
        let measure = self.set.objects.get(number).kind.measure(unit);
        while at < range.end {
            let Some((place, run)) = self.element(number, at, unit) else { break };
            let visible = self.set.visible_range(&run, self.clock.as_ref());
            let mut piece = Piece { run: &run, range: place.offset..visible.end };
            let wanted = (range.end - at) as u32;
            if self.width(&piece, measure) > wanted && run.kind == RunKind::Text {
                let mut end = place.offset + 1;
                while end < visible.end
                    && self.width(&Piece { run: &run, range: place.offset..end }, measure) < wanted
                {
                    end += 1;
                }
                piece.range.end = end;
            }
            at += self.width(&piece, measure).max(1) as usize;
            self.push_text(&piece, &mut text);
        }
        Ok(text)
    }

    /// The length of a text in the unit, of a list in elements, of a map in keys.
    ///
    /// # Errors
    /// When the object does not exist.
    pub fn length(&self, object: ObjId, unit: TextUnit) -> Result<usize, ReadError> {
        let index = self.object(object)?;
        let object = self.set.objects.get(index);
        let Content::Sequence(sequence) = object.content else {
            return Ok(self.entries(ObjId(object.id))?.len());
        };
        let measure = object.kind.measure(unit);
        if self.clock.is_none() {
            return Ok(self.set.sequences.total(sequence).get(measure) as usize);
        }
        Ok(self.pieces(sequence).map(|piece| self.width(&piece, measure) as usize).sum())
    }

    /// What kind of object something is.
    ///
    /// # Errors
    /// When the object does not exist.
    pub fn object_type(&self, object: ObjId) -> Result<ObjType, ReadError> {
        Ok(self.set.objects.get(self.object(object)?).kind)
    }

    /// The text of a text or list; elements that are no strings show as U+FFFC.
    ///
    /// # Errors
    /// When the object does not exist or is no sequence.
    pub fn text(&self, object: ObjId) -> Result<String, ReadError> {
        let (_, sequence) = self.sequence(object)?;
        let mut text = String::new();
        if self.clock.is_none() {
            text.reserve(self.set.sequences.total(sequence).utf8 as usize);
        }
        for piece in self.pieces(sequence) {
            self.push_text(&piece, &mut text);
        }
        Ok(text)
    }

    /// The values of a list or text, one for each element.
    ///
    /// # Errors
    /// When the object does not exist or is no sequence.
    pub fn list_values(&self, object: ObjId) -> Result<Vec<Value>, ReadError> {
        let values = self.list_values_with_ids(object)?.into_iter();
        Ok(values.map(|(value, _)| value).collect())
    }

    /// As [`View::list_values`], with the ids of the operations that set the values.
    pub(crate) fn list_values_with_ids(
        &self,
        object: ObjId,
    ) -> Result<Vec<ValueWithId>, ReadError> {
        let (_, sequence) = self.sequence(object)?;
        let mut values = Vec::new();
        for piece in self.pieces(sequence) {
            match piece.run.kind {
                RunKind::Text => {
                    let mut text = String::new();
                    self.push_text(&piece, &mut text);
                    let first = piece.run.id.plus(piece.range.start);
                    let value = |(at, c): (u32, char)| {
                        (Value::Scalar(ScalarValue::Str(c.into())), ObjId(first.plus(at)))
                    };
                    values.extend((0..).zip(text.chars()).map(value));
                }
                RunKind::Special { .. } => {
                    let register = self.set.register_of(piece.run);
                    values.extend(self.values(register).pop());
                }
                RunKind::Mark { .. } => {}
            }
        }
        Ok(values)
    }

    /// The marks of a text with their ranges in the unit, ordered by start, then by name.
    ///
    /// # Errors
    /// When the object does not exist or is no sequence.
    pub fn marks(&self, object: ObjId, unit: TextUnit) -> Result<Vec<Mark>, ReadError> {
        let (index, _) = self.sequence(object)?;
        Ok(self.set.marks(index, unit, self.clock.as_ref()))
    }

    /// The parts of a rich text: text by marks, and block markers.
    ///
    /// # Errors
    /// When the object does not exist or is no sequence.
    pub fn spans(&self, object: ObjId) -> Result<Vec<Span>, ReadError> {
        let (_, sequence) = self.sequence(object)?;
        let mut spans: Vec<Span> = Vec::new();
        let mut active = ActiveMarks::default();
        for piece in self.pieces(sequence) {
            if let RunKind::Mark { .. } = piece.run.kind {
                active.pass(self.set, piece.run);
                continue;
            }
            if let RunKind::Special { .. } = piece.run.kind {
                let value = self.values(self.set.register_of(piece.run)).pop();
                if let Some((Value::Object(ObjType::Map, id), _)) = value {
                    spans.push(Span::Block(id));
                    continue;
                }
            }
            let mut part = String::new();
            self.push_text(&piece, &mut part);
            let marks: Vec<_> = active
                .current(self.set)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect();
            match spans.last_mut() {
                Some(Span::Text { text, marks: carried }) if *carried == marks => {
                    text.push_str(&part);
                }
                _ if part.is_empty() => {}
                _ => spans.push(Span::Text { text: part, marks }),
            }
        }
        Ok(spans)
    }

    /// The way from the root to an object, indexes in the unit; `None` when it shows nowhere now.
    ///
    /// # Errors
    /// When the object does not exist.
    pub fn path(
        &self,
        object: ObjId,
        unit: TextUnit,
    ) -> Result<Option<Vec<(ObjId, PathKey)>>, ReadError> {
        Ok(self.set.path_at(self.object(object)?, unit, self.clock.as_ref()))
    }

    /// The text form of an object's id, or of that of a value ([`Self::get_all_with_ids`]), valid in
    /// every copy of the document: `5@0a1b..` or `_root`.
    ///
    /// # Errors
    /// When nobody in this document has made it.
    pub fn object_text(&self, object: ObjId) -> Result<String, ReadError> {
        let ObjId(id) = object;
        Ok(match id.counter {
            0 => "_root".into(),
            counter if id.is_draft() => format!("{counter}@draft"),
            _ if id.actor as usize >= self.set.actors.len() => {
                return Err(ReadError::UnknownObject);
            }
            counter => format!("{counter}@{}", self.set.actors.get(id.actor)),
        })
    }

    /// The object with this id in text form.
    pub fn parse_object(&self, text: &str) -> Option<ObjId> {
        if text == "_root" {
            return Some(ObjId::ROOT);
        }
        let (counter, actor) = text.split_once('@')?;
        let actor = self.set.actors.find(ActorId::from_hex(actor).ok()?.as_bytes())?;
        let id = OpId::new(counter.parse().ok()?, actor);
        self.set.objects.find(id).map(|_| ObjId(id))
    }

    /// The number of an object that exists at these heads.
    pub(crate) fn object(&self, object: ObjId) -> Result<ObjectIndex, ReadError> {
        let visible =
            object.0.is_zero() || self.clock.as_ref().is_none_or(|clock| clock.covers(object.0));
        let found = visible.then(|| self.set.objects.find(object.0)).flatten();
        found.ok_or(ReadError::UnknownObject)
    }

    pub(crate) fn sequence(&self, object: ObjId) -> Result<(ObjectIndex, SequenceId), ReadError> {
        let index = self.object(object)?;
        let kind = self.set.objects.get(index).kind;
        let sequence = self.set.sequence(index).ok_or(ReadError::NotASequence(kind))?;
        Ok((index, sequence))
    }

    /// The visible element that covers an index.
    pub(crate) fn element(
        &self,
        object: ObjectIndex,
        index: usize,
        unit: TextUnit,
    ) -> Option<(Place, Run)> {
        let sequence = self.set.sequence(object)?;
        let measure = self.set.objects.get(object).kind.measure(unit);
        let index = u32::try_from(index).ok()?;
        if self.clock.is_none() {
            let text = &self.set.log.text;
            let (place, _) = self.set.sequences.seek(sequence, measure, index, text)?;
            let (place, run) = self.set.sequences.run_at(place)?;
            return Some((place, *run));
        }
        let mut position = 0;
        for piece in self.pieces(sequence) {
            let width = self.width(&piece, measure);
            if position + width > index {
                let mut offset = piece.range.start;
                while offset + 1 < piece.range.end {
                    let part = Piece { run: piece.run, range: piece.range.start..offset + 1 };
                    if position + self.width(&part, measure) > index {
                        break;
                    }
                    offset += 1;
                }
                let place = self.set.sequences.find(piece.run.id.plus(offset))?;
                return Some((place, *self.set.sequences.run_at(place)?.1));
            }
            position += width;
        }
        None
    }

    /// The visible parts of a sequence in order, marks included.
    pub(crate) fn pieces(&self, sequence: SequenceId) -> impl Iterator<Item = Piece<'a>> + '_ {
        let set = self.set;
        set.sequences.runs(sequence).filter_map(move |run| {
            let range = set.visible_range(run, self.clock.as_ref());
            (!range.is_empty()).then_some(Piece { run, range })
        })
    }

    /// The index of the element at a place.
    pub(crate) fn index_at(&self, object: ObjectIndex, place: Place, unit: TextUnit) -> usize {
        match &self.clock {
            None => self.set.index_of(object, place, unit),
            Some(clock) => self.set.index_at(object, place, unit, clock),
        }
    }

    pub(crate) fn width(&self, piece: &Piece<'_>, measure: Measure) -> u32 {
        self.set.piece_width(piece.run, &piece.range, measure, self.clock.as_ref())
    }

    fn push_text(&self, piece: &Piece<'_>, text: &mut String) {
        match piece.run.kind {
            RunKind::Text => {
                text.push_str(self.set.piece_text(piece.run, &piece.range));
            }
            RunKind::Special { .. } => {
                let register = self.set.register_of(piece.run);
                let value = self.values(register).pop().map(|(value, _)| value);
                match value {
                    Some(Value::Scalar(ScalarValue::Str(part))) => text.push_str(&part),
                    Some(_) => text.push('\u{fffc}'),
                    None => {}
                }
            }
            RunKind::Mark { .. } => {}
        }
    }

    fn values(&self, register: &Register) -> Vec<(Value, ObjId)> {
        let clock = self.clock.as_ref();
        self.set
            .visible(register, clock)
            .map(|op| (self.set.value(register, op, clock), ObjId(op.id)))
            .collect()
    }
}

impl OpSet {
    /// Which elements of a run are visible: always one range.
    pub(crate) fn visible_range(&self, run: &Run, clock: Option<&Clock>) -> Range<u32> {
        let Some(clock) = clock else {
            return if run.is_visible() { 0..run.len() } else { 0..0 };
        };
        if run.kind != RunKind::Text {
            let visible = match run.kind {
                RunKind::Mark { .. } => clock.covers(run.id),
                _ => self.winner(self.register_of(run), Some(clock)).is_some(),
            };
            return if visible { 0..1 } else { 0..0 };
        }
        // Deletions with rising ids that are visible are a first part of the run, those with
        // falling ids a last part: one range is left.
        let mut range = 0..clock.covered(run.id, run.len());
        for (first, step) in self.sequences.removals(run.removal) {
            if step > 0 {
                range.start = range.start.max(clock.covered(first, run.len()));
            } else {
                let last = first.stepped(-1, run.len() - 1);
                let kept = run.len() - clock.covered(last, run.len());
                range.end = range.end.min(kept);
            }
        }
        if range.start < range.end { range } else { 0..0 }
    }

    /// The width of visible elements of a run.
    pub(crate) fn piece_width(
        &self,
        run: &Run,
        range: &Range<u32>,
        measure: Measure,
        clock: Option<&Clock>,
    ) -> u32 {
        match run.kind {
            RunKind::Mark { .. } => 0,
            RunKind::Special { .. } if measure == Measure::Elements => 1,
            RunKind::Special { .. } => {
                let Some(op) = self.winner(self.register_of(run), clock) else { return 0 };
                let (points, utf8, utf16) = self.widths(op);
                match measure {
                    Measure::Utf8 => utf8,
                    Measure::Utf16 => utf16,
                    _ => points,
                }
            }
            RunKind::Text => match measure {
                Measure::Elements | Measure::Points => range.len() as u32,
                _ if run.is_ascii() => range.len() as u32,
                Measure::Utf8 => {
                    run.prefix_widths(range.end, &self.log.text).0
                        - run.prefix_widths(range.start, &self.log.text).0
                }
                Measure::Utf16 => {
                    run.prefix_widths(range.end, &self.log.text).1
                        - run.prefix_widths(range.start, &self.log.text).1
                }
            },
        }
    }

    /// The text of elements of a text run.
    pub(crate) fn piece_text(&self, run: &Run, range: &Range<u32>) -> &str {
        let text = run.text(&self.log.text);
        if range.len() as u32 == run.len() {
            return text;
        }
        let (start, _) = run.prefix_widths(range.start, &self.log.text);
        let (end, _) = run.prefix_widths(range.end, &self.log.text);
        &text[start as usize..end as usize]
    }

    /// The width of the visible part of a run.
    pub(crate) fn run_width_at(
        &self,
        _object: ObjectIndex,
        run: &Run,
        measure: Measure,
        clock: Option<&Clock>,
    ) -> u32 {
        let range = self.visible_range(run, clock);
        if range.is_empty() { 0 } else { self.piece_width(run, &range, measure, clock) }
    }
}
