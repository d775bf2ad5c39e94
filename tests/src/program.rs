//! A random program: steps that several replicas take, with every choice already made as a number.
//!
//! A choice is resolved only when its step runs (an object is the n-th of those that fit, a
//! position is taken modulo the length), so a program from which steps were dropped still runs.

/// The features that a program may use; a failure is narrowed down by switching them off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds {
    pub maps: bool,
    pub lists: bool,
    pub text: bool,
    pub counters: bool,
    /// Values of types that no version knows yet.
    pub unknown: bool,
    pub nested: bool,
    /// Values other than one character as elements of a text.
    pub text_elements: bool,
    /// Text positions inside a character of several units.
    pub ragged: bool,
    pub marks: bool,
    pub blocks: bool,
    pub merges: bool,
    pub partial: bool,
    pub old_heads: bool,
    pub reload: bool,
    pub update_text: bool,
    pub cursors: bool,
    pub rollbacks: bool,
}

impl Kinds {
    pub const ALL: Self = Self {
        maps: true,
        lists: true,
        text: true,
        counters: true,
        unknown: true,
        nested: true,
        text_elements: true,
        ragged: true,
        marks: true,
        blocks: true,
        merges: true,
        partial: true,
        old_heads: true,
        reload: true,
        update_text: true,
        cursors: true,
        rollbacks: true,
    };
    /// One replica, root keys only: the smallest program that means anything.
    pub const MAPS: Self = Self {
        maps: true,
        lists: false,
        text: false,
        counters: false,
        unknown: true,
        nested: false,
        text_elements: false,
        ragged: false,
        marks: false,
        blocks: false,
        merges: false,
        partial: false,
        old_heads: false,
        reload: false,
        update_text: false,
        cursors: false,
        rollbacks: false,
    };
}

/// The unit of the text positions of one program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Utf8,
    Utf16,
    CodePoint,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub unit: Unit,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub enum Step {
    /// One transaction of a replica.
    Edit { replica: u32, edits: Vec<Edit>, finish: Finish },
    /// Everything of `from` goes into `into`.
    Merge { into: u32, from: u32 },
    /// Some changes of `from` go into `into`, in an order that ignores dependencies.
    Deliver { into: u32, from: u32, order: u64, keep: u8 },
    /// A new replica with an actor of its own (at most five).
    Fork { from: u32 },
    /// A new replica as of an earlier point of `from`.
    ForkAt { from: u32, point: u32 },
    /// The replica goes on with a fresh actor.
    NewActor { replica: u32 },
    /// Both sides save; each loads what the other wrote, and goes on with it.
    Exchange { replica: u32, compressed: bool },
    /// Compare the replica as of an earlier point.
    Past { replica: u32, point: u32 },
    /// An empty change.
    Empty { replica: u32, time: i64 },
    /// Cursors into a text or list, made now or earlier, resolved now and at an earlier point.
    Cursors { replica: u32, obj: u32, point: u32, seed: u64 },
    /// Replace a text through a diff; the operations may differ from Automerge's.
    UpdateText { replica: u32, obj: u32, seed: u64 },
}

#[derive(Clone, Debug)]
pub enum Finish {
    Commit { message: Option<String>, time: i64 },
    Rollback,
}

#[derive(Clone, Debug)]
pub enum Edit {
    PutKey {
        obj: u32,
        key: u32,
        value: Scalar,
    },
    PutKeyObject {
        obj: u32,
        key: u32,
        kind: Kind,
    },
    DeleteKey {
        obj: u32,
        key: u32,
    },
    IncrementKey {
        obj: u32,
        key: u32,
        by: i64,
    },
    PutIndex {
        obj: u32,
        index: u32,
        value: Scalar,
    },
    PutIndexObject {
        obj: u32,
        index: u32,
        kind: Kind,
    },
    DeleteIndex {
        obj: u32,
        index: u32,
    },
    IncrementIndex {
        obj: u32,
        index: u32,
        by: i64,
    },
    Insert {
        obj: u32,
        index: u32,
        value: Scalar,
    },
    InsertObject {
        obj: u32,
        index: u32,
        kind: Kind,
    },
    Splice {
        obj: u32,
        index: u32,
        delete: u32,
        values: Vec<Scalar>,
    },
    Type {
        obj: u32,
        pos: u32,
        delete: u32,
        text: String,
    },
    /// A value put over an element of a text.
    PutElement {
        obj: u32,
        pos: u32,
        value: Scalar,
    },
    InsertElement {
        obj: u32,
        pos: u32,
        value: Scalar,
    },
    DeleteElement {
        obj: u32,
        pos: u32,
    },
    IncrementElement {
        obj: u32,
        pos: u32,
        by: i64,
    },
    Mark {
        obj: u32,
        start: u32,
        end: u32,
        name: u32,
        value: Scalar,
        expand: u8,
    },
    Unmark {
        obj: u32,
        start: u32,
        end: u32,
        name: u32,
        expand: u8,
    },
    SplitBlock {
        obj: u32,
        pos: u32,
    },
    JoinBlock {
        obj: u32,
        pos: u32,
    },
    ReplaceBlock {
        obj: u32,
        pos: u32,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Map,
    List,
    Text,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Int(i64),
    Uint(u64),
    F64(f64),
    Str(String),
    Bytes(Vec<u8>),
    Counter(i64),
    Timestamp(i64),
    Unknown(u8, Vec<u8>),
}

impl Scalar {
    /// One line that is equal exactly for equal values of the same type.
    pub fn show(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => format!("bool {value}"),
            Self::Int(value) => format!("int {value}"),
            Self::Uint(value) => format!("uint {value}"),
            Self::F64(value) => format!("f64 {:016x} ({value})", value.to_bits()),
            Self::Str(value) => format!("str {value:?}"),
            Self::Bytes(value) => format!("bytes {value:02x?}"),
            Self::Counter(value) => format!("counter {value}"),
            Self::Timestamp(value) => format!("timestamp {value}"),
            Self::Unknown(code, value) => format!("unknown {code} {value:02x?}"),
        }
    }
}
