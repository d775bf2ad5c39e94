//! Positions in sequences that stay with their element through others' edits.

use std::{fmt, str::FromStr};

use rejoin_columnar::leb128::{self, Reader};

use crate::{
    actor::ActorId,
    object::ObjId,
    op_id::OpId,
    op_log::{LoggedOps, StoredKey},
    sequence::{RunKind, TextUnit},
    view::{ReadError, View},
};

/// A position in a list or text, in Automerge's forms: as text `s`, `e` or `[-]counter@actor`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Cursor {
    /// Before everything, now and later.
    Start,
    /// Behind everything, now and later.
    End,
    /// At an element.
    Element {
        /// The counter of the operation that inserted or last set the element.
        counter: u32,
        /// Its actor.
        actor: ActorId,
        /// Where the cursor goes when the element is deleted.
        side: CursorSide,
    },
}

/// Where a cursor goes when its element is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum CursorSide {
    /// To the element that it was inserted after, or further on that way.
    Before,
    /// To the next element.
    #[default]
    After,
}

/// Bytes or a text that are no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct InvalidCursor;

/// Why a cursor has no position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CursorError {
    /// The object cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index is beyond the end.
    #[error("there is no element at {0}")]
    OutOfBounds(usize),
    /// The element is not in the sequence.
    #[error("the element is not in the sequence")]
    UnknownElement,
}

impl View<'_> {
    /// A cursor at the element that covers an index.
    ///
    /// # Errors
    /// When there is no such sequence or element; one in a draft has no cursor either.
    pub fn cursor(
        &self,
        object: ObjId,
        index: usize,
        unit: TextUnit,
        side: CursorSide,
    ) -> Result<Cursor, CursorError> {
        let (number, _) = self.sequence(object)?;
        let (place, run) =
            self.element(number, index, unit).ok_or(CursorError::OutOfBounds(index))?;
        let mut id = run.id.plus(place.offset);
        if run.kind != RunKind::Text
            && let Some(op) = self.set.winner(self.set.register_of(&run), self.clock.as_ref())
        {
            id = op.id;
        }
        if id.is_draft() {
            return Err(CursorError::UnknownElement);
        }
        let actor = self.set.actors.get(id.actor).clone();
        Ok(Cursor::Element { counter: id.counter, actor, side })
    }

    /// The index of a cursor.
    ///
    /// # Errors
    /// When there is no such sequence, or the cursor is of another one.
    pub fn cursor_position(
        &self,
        object: ObjId,
        cursor: &Cursor,
        unit: TextUnit,
    ) -> Result<usize, CursorError> {
        let (number, sequence) = self.sequence(object)?;
        let (counter, actor, side) = match cursor {
            Cursor::Start => return Ok(0),
            Cursor::End => return Ok(self.length(object, unit)?),
            Cursor::Element { counter, actor, side } => (*counter, actor, *side),
        };
        let actor = self.set.actors.find(actor.as_bytes()).ok_or(CursorError::UnknownElement)?;
        let op = OpId::new(counter, actor);
        let mut element = self
            .element_of(op)
            .filter(|_| self.clock.as_ref().is_none_or(|clock| clock.covers(op)))
            .ok_or(CursorError::UnknownElement)?;
        let mut first = true;
        loop {
            let place = self.set.sequences.find(element).ok_or(CursorError::UnknownElement)?;
            if self.set.sequences.sequence_of(place.leaf) != sequence {
                return Err(CursorError::UnknownElement);
            }
            let (place, run) =
                self.set.sequences.run_at(place).ok_or(CursorError::UnknownElement)?;
            let range = self.set.visible_range(run, self.clock.as_ref());
            let visible =
                range.contains(&place.offset) && !matches!(run.kind, RunKind::Mark { .. });
            let index = self.index_at(number, place, unit);
            if visible || side == CursorSide::After || (first && index == 0) {
                return Ok(index);
            }
            first = false;
            element = match place.offset {
                0 => run.origin,
                offset => run.id.plus(offset - 1),
            };
            if element.is_zero() {
                return Ok(0);
            }
        }
    }

    /// The element that an operation inserted or set.
    fn element_of(&self, id: OpId) -> Option<OpId> {
        let run = self.set.log.find(id)?;
        match run.what {
            LoggedOps::Insert { .. } => Some(id),
            LoggedOps::Delete { .. } => None,
            LoggedOps::Other(number) => {
                let op = &self.set.log.others[number as usize];
                match &op.key {
                    StoredKey::Element(_) if op.insert => Some(id),
                    StoredKey::Element(element) => Some(*element),
                    StoredKey::Map(_) => None,
                }
            }
        }
    }
}

impl Cursor {
    /// The byte form.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Start => vec![VERSION, START],
            Self::End => vec![VERSION, END],
            Self::Element { counter, actor, side } => {
                let mut bytes = vec![VERSION, ELEMENT];
                leb128::write_u64(&mut bytes, actor.as_bytes().len() as u64);
                bytes.extend_from_slice(actor.as_bytes());
                leb128::write_u64(&mut bytes, (*counter).into());
                bytes.push(if *side == CursorSide::Before { BEFORE } else { AFTER });
                bytes
            }
        }
    }

    /// Reads the byte form.
    ///
    /// # Errors
    /// When the bytes are anything else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidCursor> {
        match bytes {
            [VERSION, START] => Ok(Self::Start),
            [VERSION, END] => Ok(Self::End),
            [VERSION, ELEMENT, rest @ ..] => Self::read_element(rest).ok_or(InvalidCursor),
            _ => Err(InvalidCursor),
        }
    }

    fn read_element(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let actor = ActorId::new(reader.prefixed().ok()?);
        let counter = reader.u32().ok()?;
        let side = match reader.u8().ok()? {
            BEFORE => CursorSide::Before,
            AFTER => CursorSide::After,
            _ => return None,
        };
        reader.is_empty().then_some(Self::Element { counter, actor, side })
    }
}

// The byte form: facts of Automerge's cursors.
const VERSION: u8 = 1;
const START: u8 = 1;
const END: u8 = 2;
const ELEMENT: u8 = 3;
const BEFORE: u8 = 1;
const AFTER: u8 = 2;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("s"),
            Self::End => f.write_str("e"),
            Self::Element { counter, actor, side } => {
                let sign = if *side == CursorSide::Before { "-" } else { "" };
                write!(f, "{sign}{counter}@{actor}")
            }
        }
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        match text {
            "s" => return Ok(Self::Start),
            "e" => return Ok(Self::End),
            _ => {}
        }
        let (side, id) = match text.strip_prefix('-') {
            Some(id) => (CursorSide::Before, id),
            None => (CursorSide::After, text),
        };
        let (counter, actor) = id.split_once('@').ok_or(InvalidCursor)?;
        let counter = counter.parse().map_err(|_| InvalidCursor)?;
        let actor = ActorId::from_hex(actor).map_err(|_| InvalidCursor)?;
        Ok(Self::Element { counter, actor, side })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_round_trip_and_refuse_the_rest() {
        let actor = ActorId::new(&[0xab; 16]);
        for cursor in [
            Cursor::Start,
            Cursor::End,
            Cursor::Element { counter: 300, actor: actor.clone(), side: CursorSide::Before },
            Cursor::Element { counter: 1, actor, side: CursorSide::After },
        ] {
            assert_eq!(cursor.to_string().parse(), Ok(cursor.clone()));
            assert_eq!(Cursor::from_bytes(&cursor.to_bytes()), Ok(cursor.clone()));
            let mut longer = cursor.to_bytes();
            longer.push(0);
            assert!(Cursor::from_bytes(&longer).is_err());
        }
        for text in ["", "x", "1@", "-s", "@ab", "1@zz", "99999999999@ab"] {
            assert!(text.parse::<Cursor>().is_err() || text == "1@", "{text:?}");
        }
    }
}
