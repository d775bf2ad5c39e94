//! Operations as a change holds them, in runs.

use smallvec::SmallVec;

use crate::op_id::OpId;

/// What an operation does; the numbers are the format's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Action {
    MakeMap = 0,
    Set = 1,
    MakeList = 2,
    Delete = 3,
    MakeText = 4,
    Increment = 5,
    MakeTable = 6,
    Mark = 7,
}

impl Action {
    /// The action with this number in the format.
    pub(crate) const fn from_code(code: u64) -> Option<Self> {
        Some(match code {
            0 => Self::MakeMap,
            1 => Self::Set,
            2 => Self::MakeList,
            3 => Self::Delete,
            4 => Self::MakeText,
            5 => Self::Increment,
            6 => Self::MakeTable,
            7 => Self::Mark,
            _ => return None,
        })
    }

    /// Whether the operation makes an object, whose id is then the operation's.
    pub(crate) const fn makes_object(self) -> bool {
        matches!(self, Self::MakeMap | Self::MakeList | Self::MakeText | Self::MakeTable)
    }
}

/// Where in its object an operation acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    /// A key of a map.
    Map(&'a str),
    /// An element of a sequence; of an insertion, the element that it comes after
    /// (`OpId::ZERO` for the head).
    Element(OpId),
}

/// A scalar as the value columns hold it: type code 0-15 and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RawValue<'a> {
    pub(crate) code: u8,
    pub(crate) bytes: &'a [u8],
}

impl RawValue<'_> {
    pub(crate) const NULL: RawValue<'static> = RawValue { code: 0, bytes: &[] };
}

/// One operation, its id left to the context (a change numbers its operations upwards).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Op<'a> {
    pub(crate) object: OpId,
    pub(crate) key: Key<'a>,
    pub(crate) insert: bool,
    pub(crate) action: Action,
    pub(crate) value: RawValue<'a>,
    /// Sorted by counter, then actor bytes.
    pub(crate) predecessors: SmallVec<[OpId; 1]>,
    pub(crate) expand: bool,
    pub(crate) mark_name: Option<&'a str>,
}

/// Consecutive operations of one change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OpRun<'a> {
    /// Inserts `count` elements (1 or more), each a string of one Unicode scalar value, no
    /// predecessors: the first after `after` (`OpId::ZERO` = head), each further one after the one
    /// before. `text` is their concatenation.
    Insert { object: OpId, after: OpId, text: &'a str, count: u32 },
    /// Deletes `count` elements (1 or more) of a sequence, each with the element's own operation as
    /// its only predecessor: `target`, then counters rising (`step` 1) or falling (`step` -1) by
    /// one with the same actor. `step` is 1 when `count` is 1.
    Delete { object: OpId, target: OpId, step: i8, count: u32 },
    /// Any operation, also those that the other two forms could say when they stand alone.
    Single(Op<'a>),
}

impl<'a> OpRun<'a> {
    /// The run with other ids in place of its own: of objects, elements and predecessors.
    pub(crate) fn map_ids(self, map: impl Fn(OpId) -> OpId) -> Self {
        match self {
            Self::Insert { object, after, text, count } => {
                Self::Insert { object: map(object), after: map(after), text, count }
            }
            Self::Delete { object, target, step, count } => {
                Self::Delete { object: map(object), target: map(target), step, count }
            }
            Self::Single(op) => Self::Single(Op {
                object: map(op.object),
                key: match op.key {
                    Key::Element(element) => Key::Element(map(element)),
                    key => key,
                },
                predecessors: op.predecessors.iter().map(|op| map(*op)).collect(),
                ..op
            }),
        }
    }

    /// Calls with each id that the run refers to, `OpId::ZERO` among them.
    #[inline]
    pub(crate) fn for_each_id(&self, mut call: impl FnMut(OpId)) {
        match self {
            Self::Insert { object, after: element, .. }
            | Self::Delete { object, target: element, .. } => {
                call(*object);
                call(*element);
            }
            Self::Single(op) => {
                call(op.object);
                if let Key::Element(element) = op.key {
                    call(element);
                }
                op.predecessors.iter().for_each(|id| call(*id));
            }
        }
    }

    /// How many operations this is.
    pub(crate) fn count(&self) -> u32 {
        match self {
            OpRun::Insert { count, .. } | OpRun::Delete { count, .. } => *count,
            OpRun::Single(_) => 1,
        }
    }
}
