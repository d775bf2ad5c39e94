//! Places in a document that a value is written to.

use std::collections::HashMap;

use super::{Held, Reconcile, ReconcileError, held::Identity};
use crate::{
    object::{ObjId, ObjType},
    sequence::TextUnit,
    transaction::{Transaction, WriteError},
    value::{Prop, ScalarValue, Value},
    view::View,
};

/// A place that is to hold a value.
#[derive(Debug)]
pub struct Place<'p, 'd> {
    tx: &'p mut Transaction<'d>,
    at: At<'p>,
    /// What is there and may be changed rather than replaced.
    found: Option<Held>,
}

#[derive(Debug, Clone, Copy)]
enum At<'p> {
    Root,
    Prop(ObjId, Prop<'p>),
    Insert(ObjId, usize),
}

impl<'p, 'd> Place<'p, 'd> {
    pub(super) fn root(tx: &'p mut Transaction<'d>) -> Self {
        Self { tx, at: At::Root, found: Some(Held::root()) }
    }

    /// What is there and may be changed rather than replaced.
    pub fn found(&self) -> Option<&Value> {
        self.found.as_ref().map(|found| &found.value)
    }

    /// Whether this very text or counter is there and may be changed.
    pub(super) fn holds(&self, identity: &Identity) -> bool {
        let there = self.found.as_ref().and_then(|found| found.identity(&self.view()));
        there.as_ref() == Some(identity)
    }

    /// The document as it is now.
    pub fn view(&self) -> View<'_> {
        self.tx.view()
    }

    /// Makes the place hold a scalar.
    ///
    /// # Errors
    /// When the document refuses, or the place is the whole document.
    pub fn scalar(self, value: impl Into<ScalarValue>) -> Result<(), ReconcileError> {
        match self.at {
            At::Root => return Err(ReconcileError::RootIsAMap),
            At::Prop(object, prop) => self.tx.put(object, prop, value)?,
            At::Insert(list, index) => self.tx.insert(list, index, value)?,
        }
        Ok(())
    }

    /// Adds to the counter that is there.
    ///
    /// # Errors
    /// When there is none.
    pub fn increment(self, by: i64) -> Result<(), ReconcileError> {
        let At::Prop(object, prop) = self.at else {
            return Err(WriteError::NotACounter.into());
        };
        Ok(self.tx.increment(object, prop, by)?)
    }

    /// Makes the place hold a map, the one that is there if it may be changed.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn map(self) -> Result<MapPlace<'p, 'd>, ReconcileError> {
        let (tx, map) = self.object(ObjType::Map)?;
        Ok(MapPlace { tx, map })
    }

    /// Makes the place hold a list, the one that is there if it may be changed.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn list(self) -> Result<ListPlace<'p, 'd>, ReconcileError> {
        let (tx, list) = self.object(ObjType::List)?;
        Ok(ListPlace { tx, list })
    }

    /// Makes the place hold a text, the one that is there if it may be changed.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn text(self) -> Result<(&'p mut Transaction<'d>, ObjId), ReconcileError> {
        self.object(ObjType::Text)
    }

    /// Makes the place hold a map with the name of an enum's variant as its only key. When the
    /// variant is another than before, the map is a new one, so that two variants never mix.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn variant(mut self, name: &str) -> Result<MapPlace<'p, 'd>, ReconcileError> {
        if let Some(Value::Object(ObjType::Map, map)) = self.found().cloned() {
            let keys = self.tx.view().keys(map)?;
            if keys != [name] {
                self.found = None;
            }
        }
        if let (At::Root, None) = (self.at, &self.found) {
            let mut root = MapPlace { tx: self.tx, map: ObjId::ROOT };
            root.keep_only(|key| key == name)?;
            return Ok(root);
        }
        self.map()
    }

    fn object(self, kind: ObjType) -> Result<(&'p mut Transaction<'d>, ObjId), ReconcileError> {
        let object = match (self.found.map(|found| found.value), self.at) {
            (Some(Value::Object(found, id)), _) if found == kind => id,
            (_, At::Root) => return Err(ReconcileError::RootIsAMap),
            (_, At::Prop(object, prop)) => self.tx.put_object(object, prop, kind)?,
            (_, At::Insert(list, index)) => self.tx.insert_object(list, index, kind)?,
        };
        Ok((self.tx, object))
    }
}

/// A map that is to hold certain values.
#[derive(Debug)]
pub struct MapPlace<'p, 'd> {
    tx: &'p mut Transaction<'d>,
    map: ObjId,
}

impl<'d> MapPlace<'_, 'd> {
    /// The place at a key, to be filled by hand.
    ///
    /// # Errors
    /// When the map cannot be read.
    pub fn place<'q>(&'q mut self, key: &'q str) -> Result<Place<'q, 'd>, ReconcileError> {
        let found = Held::at(&self.tx.view(), self.map, key)?;
        Ok(Place { tx: self.tx, at: At::Prop(self.map, Prop::Key(key)), found })
    }

    /// Makes a key hold a value. Something with another [`Reconcile::key`] is replaced, not changed.
    ///
    /// # Errors
    /// When the document refuses, or the value is stale.
    pub fn write<T: Reconcile>(&mut self, key: &str, value: &T) -> Result<(), ReconcileError> {
        let view = self.tx.view();
        let found = Held::at(&view, self.map, key)?.filter(|found| may_change(&view, found, value));
        value.reconcile(Place { tx: self.tx, at: At::Prop(self.map, Prop::Key(key)), found })
    }

    /// Deletes the keys that are not to stay.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn keep_only(&mut self, stays: impl Fn(&str) -> bool) -> Result<(), ReconcileError> {
        for key in self.tx.view().keys(self.map)? {
            if !stays(&key) {
                self.tx.delete(self.map, key.as_str())?;
            }
        }
        Ok(())
    }
}

/// A list that is to hold certain values.
#[derive(Debug)]
pub struct ListPlace<'p, 'd> {
    tx: &'p mut Transaction<'d>,
    list: ObjId,
}

impl ListPlace<'_, '_> {
    /// Makes the list hold these items and no others. Those with a key that the list already has
    /// keep their element, as far as their order allows; those without are matched by position.
    ///
    /// # Errors
    /// When the document refuses, or an item is stale.
    pub fn write_all<T: Reconcile>(&mut self, items: &[T]) -> Result<(), ReconcileError> {
        let view = self.tx.view();
        let old = Held::items(&view, self.list)?;
        let old_keys: Vec<_> = old.iter().map(|held| T::key_of(&view, &held.value)).collect();
        let new_keys: Vec<_> = items.iter().map(Reconcile::key).collect();
        let mut read = 0;
        let mut at = 0;
        for (index, old_index) in matching(&old_keys, &new_keys) {
            self.replace(&mut at, old_index - read, &items[..index])?;
            let place = At::Prop(self.list, Prop::Index(at));
            let found = Some(old[old_index].clone());
            items[index].reconcile(Place { tx: self.tx, at: place, found })?;
            at += 1;
            read = old_index + 1;
        }
        self.replace(&mut at, old.len() - read, items)
    }

    /// Makes the element at an index hold a value, which may be one behind the end.
    ///
    /// # Errors
    /// When the document refuses, or the value is stale.
    pub fn write<T: Reconcile>(&mut self, index: usize, value: &T) -> Result<(), ReconcileError> {
        let view = self.tx.view();
        if index >= view.length(self.list, TextUnit::Utf16)? {
            let at = At::Insert(self.list, index);
            return value.reconcile(Place { tx: self.tx, at, found: None });
        }
        let found =
            Held::at(&view, self.list, index)?.filter(|found| may_change(&view, found, value));
        let at = At::Prop(self.list, Prop::Index(index));
        value.reconcile(Place { tx: self.tx, at, found })
    }

    /// Deletes the elements from `length` on.
    ///
    /// # Errors
    /// When the document refuses.
    pub fn truncate(&mut self, length: usize) -> Result<(), ReconcileError> {
        let end = self.tx.view().length(self.list, TextUnit::Utf16)?;
        for index in (length..end).rev() {
            self.tx.delete(self.list, index)?;
        }
        Ok(())
    }

    /// Puts the items from `at` on in the place of `deleted` elements.
    fn replace<T: Reconcile>(
        &mut self,
        at: &mut usize,
        deleted: usize,
        items: &[T],
    ) -> Result<(), ReconcileError> {
        for _ in 0..deleted {
            self.tx.delete(self.list, *at)?;
        }
        for item in &items[*at..] {
            let place = At::Insert(self.list, *at);
            item.reconcile(Place { tx: self.tx, at: place, found: None })?;
            *at += 1;
        }
        Ok(())
    }
}

/// Whether a value may be written into what is there; else it takes its place.
fn may_change<T: Reconcile>(view: &View<'_>, found: &Held, value: &T) -> bool {
    match (T::key_of(view, &found.value), value.key()) {
        (Some(there), Some(new)) => there == new,
        (None, None) => true,
        _ => false,
    }
}

/// Which new items are which old elements, as (new, old), rising on both sides.
fn matching(old: &[Option<ScalarValue>], new: &[Option<ScalarValue>]) -> Vec<(usize, usize)> {
    // The n-th item with a key is the n-th element with it.
    let mut places: HashMap<Vec<u8>, Vec<usize>> = HashMap::new();
    for (index, key) in old.iter().enumerate().rev() {
        if let Some(key) = key {
            places.entry(bytes_of(key)).or_default().push(index);
        }
    }
    let pairs = new.iter().enumerate().filter_map(|(index, key)| {
        let found = match key {
            Some(key) => places.get_mut(&bytes_of(key))?.pop()?,
            None => old.get(index).filter(|old| old.is_none()).map(|_| index)?,
        };
        Some((index, found))
    });
    longest_rising(&pairs.collect::<Vec<_>>())
}

fn bytes_of(key: &ScalarValue) -> Vec<u8> {
    let mut bytes = Vec::new();
    let code = key.encode(&mut bytes);
    bytes.push(code);
    bytes
}

/// The longest part of the pairs in which the second numbers rise too.
fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    // `ends[n]` is the pair with the smallest second number that ends a rising part of n + 1.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (number, (_, old)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *old);
        before.push(length.checked_sub(1).map(|last| ends[last]));
        if length == ends.len() {
            ends.push(number);
        } else {
            ends[length] = number;
        }
    }
    let mut rising = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(number) = next {
        rising.push(pairs[number]);
        next = before[number];
    }
    rising.reverse();
    rising
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Option<ScalarValue>> {
        text.chars().map(|c| (c != '.').then(|| ScalarValue::Str(c.into()))).collect()
    }

    #[track_caller]
    fn check(old: &str, new: &str, expected: &[(usize, usize)]) {
        assert_eq!(matching(&keys(old), &keys(new)), expected);
    }

    #[test]
    fn items_keep_their_element_as_far_as_their_order_allows() {
        check("abc", "abc", &[(0, 0), (1, 1), (2, 2)]);
        check("abc", "xac", &[(1, 0), (2, 2)]);
        check("abc", "cab", &[(1, 0), (2, 1)]);
        check("aa", "aaa", &[(0, 0), (1, 1)]);
        check("..", "...", &[(0, 0), (1, 1)]);
        check("a.", "..", &[(1, 1)]);
        check("", "a", &[]);
    }
}
