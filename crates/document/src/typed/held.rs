//! What a document holds at a place, and which of all texts and counters it is.

use crate::{
    actor::ActorId,
    object::{ObjId, ObjType},
    value::{Prop, Value},
    view::{ReadError, ValueWithId, View},
};

/// What a document holds at a place; of concurrent values the winner.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The value.
    pub value: Value,
    /// The operation that put it there, which makes two equal counters two.
    put_by: ObjId,
}

/// Which text or counter something is, in all copies of its document and in no other document: the
/// counter and actor of the operation that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identity(u32, ActorId);

impl Held {
    /// A whole document.
    pub(super) fn root() -> Self {
        Self { value: Value::Object(ObjType::Map, ObjId::ROOT), put_by: ObjId::ROOT }
    }

    /// What stands at a key or index.
    pub(super) fn at<'p>(
        view: &View<'_>,
        object: ObjId,
        prop: impl Into<Prop<'p>>,
    ) -> Result<Option<Self>, ReadError> {
        Ok(view.get_all_with_ids(object, prop)?.pop().map(Self::from))
    }

    /// The elements of a list.
    pub(super) fn items(view: &View<'_>, list: ObjId) -> Result<Vec<Self>, ReadError> {
        Ok(view.list_values_with_ids(list)?.into_iter().map(Self::from).collect())
    }

    /// The keys of a map, sorted, with what stands there.
    pub(super) fn entries(view: &View<'_>, map: ObjId) -> Result<Vec<(String, Self)>, ReadError> {
        let entries = view.entries_with_ids(map)?.into_iter();
        Ok(entries.map(|(key, value)| (key, Self::from(value))).collect())
    }

    /// Which text or counter this is; `None` for what stands in a draft, whose operations are yet
    /// to be numbered.
    pub(super) fn identity(&self, view: &View<'_>) -> Option<Identity> {
        let ObjId(id) = self.put_by;
        let is_settled = !id.is_zero() && !id.is_draft();
        is_settled.then(|| Identity(id.counter, view.set.actors.get(id.actor).clone()))
    }
}

impl From<ValueWithId> for Held {
    fn from((value, put_by): ValueWithId) -> Self {
        Self { value, put_by }
    }
}
