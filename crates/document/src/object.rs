//! The objects of a document: what they are, where they hang and what maps hold.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use crate::{
    op::Action,
    op_id::OpId,
    register::Register,
    sequence::{SequenceId, TextUnit},
};

/// The number of an object in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ObjectIndex(pub(crate) u32);

impl ObjectIndex {
    pub(crate) const ROOT: Self = Self(0);
}

/// The id of an object, valid in the document that gave it and in its forks.
///
/// Its text form, `View::object_text`, is valid everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObjId(pub(crate) OpId);

impl ObjId {
    /// The map at the root of every document.
    pub const ROOT: Self = Self(OpId::ZERO);
}

/// What kind of object something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjType {
    /// Values by string keys.
    Map,
    /// A sequence of values.
    List,
    /// A sequence of characters, with marks and block markers.
    Text,
    /// A legacy form of map, which only old documents hold.
    Table,
}

impl ObjType {
    pub(crate) fn from_action(action: Action) -> Option<Self> {
        Some(match action {
            Action::MakeMap => Self::Map,
            Action::MakeList => Self::List,
            Action::MakeText => Self::Text,
            Action::MakeTable => Self::Table,
            _ => return None,
        })
    }

    pub(crate) fn action(self) -> Action {
        match self {
            Self::Map => Action::MakeMap,
            Self::List => Action::MakeList,
            Self::Text => Action::MakeText,
            Self::Table => Action::MakeTable,
        }
    }

    /// Whether the object is a list or a text.
    pub fn is_sequence(self) -> bool {
        matches!(self, Self::List | Self::Text)
    }

    /// The measure of indexes: text in the unit, lists in elements.
    pub(crate) fn measure(self, unit: TextUnit) -> crate::sequence::Measure {
        if self == Self::Text { unit.into() } else { crate::sequence::Measure::Elements }
    }
}

/// An object.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) id: OpId,
    pub(crate) kind: ObjType,
    /// Where the object was put, unless it is the root.
    pub(crate) parent: Option<Parent>,
    pub(crate) content: Content,
}

/// The place that an object was put at.
#[derive(Debug, Clone)]
pub(crate) struct Parent {
    pub(crate) object: ObjectIndex,
    pub(crate) key: ParentKey,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ParentKey {
    Map(Box<str>),
    Element(OpId),
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Map(BTreeMap<Box<str>, Register>),
    Sequence(SequenceId),
}

/// The objects of a document.
#[derive(Debug, Clone)]
pub(crate) struct Objects {
    list: Vec<Object>,
    /// Empty while there are few objects; then they are searched one by one.
    by_id: HashMap<OpId, ObjectIndex>,
}

/// Up to this many objects, looking at each costs less than a table.
const FEW: usize = 8;

impl Objects {
    pub(crate) fn new() -> Self {
        let root = Object {
            id: OpId::ZERO,
            kind: ObjType::Map,
            parent: None,
            content: Content::Map(BTreeMap::new()),
        };
        Self { list: vec![root], by_id: HashMap::new() }
    }

    #[inline]
    pub(crate) fn get(&self, index: ObjectIndex) -> &Object {
        &self.list[index.0 as usize]
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: ObjectIndex) -> &mut Object {
        &mut self.list[index.0 as usize]
    }

    /// The object with this id.
    #[inline]
    pub(crate) fn find(&self, id: OpId) -> Option<ObjectIndex> {
        if id.is_zero() {
            return Some(ObjectIndex::ROOT);
        }
        if self.list.len() <= FEW {
            let at = self.list.iter().skip(1).position(|object| object.id == id)?;
            return Some(ObjectIndex(at as u32 + 1));
        }
        self.by_id.get(&id).copied()
    }

    /// Adds an object.
    pub(crate) fn add(&mut self, object: Object) -> ObjectIndex {
        let index = ObjectIndex(self.list.len() as u32);
        if self.list.len() == FEW {
            let known = self.iter().skip(1).map(|(index, object)| (object.id, index));
            self.by_id = known.collect();
        }
        if self.list.len() >= FEW {
            self.by_id.insert(object.id, index);
        }
        self.list.push(object);
        index
    }

    /// Takes an object out. The others keep their numbers: unless it was added last, its own stays
    /// vacant.
    pub(crate) fn remove(&mut self, id: OpId) -> Option<Object> {
        let index = self.find(id).filter(|index| *index != ObjectIndex::ROOT)?;
        self.by_id.remove(&id);
        let vacant = Object {
            id: OpId::ZERO,
            kind: ObjType::Map,
            parent: None,
            content: Content::Map(BTreeMap::new()),
        };
        let object = std::mem::replace(self.get_mut(index), vacant);
        while self.list.len() > 1 && self.list.last().is_some_and(|last| last.id.is_zero()) {
            self.list.pop();
        }
        Some(object)
    }

    /// All objects in the order of their making here.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ObjectIndex, &Object)> {
        let numbered = self.list.iter().enumerate();
        let all = numbered.map(|(at, object)| (ObjectIndex(at as u32), object));
        all.filter(|(index, object)| *index == ObjectIndex::ROOT || !object.id.is_zero())
    }

    /// The ids of all objects by their numbers; that of a vacant one is zero.
    pub(crate) fn ids(&self) -> Vec<OpId> {
        self.list.iter().map(|object| object.id).collect()
    }
}
