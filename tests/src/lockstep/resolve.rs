//! Choices of a program to what is there: objects, elements, places.

use automerge::{ObjId as TheirId, ObjType, ReadDoc};

use super::{At, Call, Session};
use crate::program::{Edit, Unit};
use crate::reference;

impl Session {
    /// The object of the wanted type that the choice falls on, among those this replica has.
    pub(super) fn object(
        &mut self,
        replica: usize,
        choice: u32,
        wanted: ObjType,
    ) -> Option<TheirId> {
        let objects = self.objects.clone();
        let fitting: Vec<TheirId> = self.theirs(replica, |doc| {
            let fits = |id: &TheirId| doc.object_type(id).is_ok_and(|kind| kind == wanted);
            objects.into_iter().filter(|id| fits(id)).collect()
        });
        if fitting.is_empty() {
            return None;
        }
        // The newer half of the objects is chosen more often than their number suggests.
        Some(fitting[choice as usize % fitting.len()].clone())
    }

    pub(super) fn resolve(&mut self, replica: usize, edit: &Edit) -> Option<(TheirId, Call)> {
        use Edit as E;
        let resolved = match edit {
            E::PutKey { obj, key, value } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Put(name(*key), value.clone()))
            }
            E::PutKeyObject { obj, key, kind } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::PutObject(name(*key), *kind))
            }
            E::DeleteKey { obj, key } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Delete(name(*key)))
            }
            E::IncrementKey { obj, key, by } => {
                (self.object(replica, *obj, ObjType::Map)?, Call::Increment(name(*key), *by))
            }
            E::PutIndex { obj, index, value } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Put(At::Index(index), value.clone()))
            }
            E::PutIndexObject { obj, index, kind } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::PutObject(At::Index(index), *kind))
            }
            E::DeleteIndex { obj, index } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Delete(At::Index(index)))
            }
            E::IncrementIndex { obj, index, by } => {
                let (obj, index) = self.element(replica, *obj, *index)?;
                (obj, Call::Increment(At::Index(index), *by))
            }
            E::Insert { obj, index, value } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                (obj, Call::Insert(index, value.clone()))
            }
            E::InsertObject { obj, index, kind } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                (obj, Call::InsertObject(index, *kind))
            }
            E::Splice { obj, index, delete, values } => {
                let (obj, index) = self.gap(replica, *obj, *index)?;
                let length = self.theirs(replica, |doc| doc.length(&obj));
                let delete = (*delete as usize).min(length - index);
                (obj, Call::Splice(index, delete, values.clone()))
            }
            E::Type { obj, pos, delete, text } => {
                let (obj, places) = self.places(replica, *obj)?;
                let start = *pos as usize % places.len();
                let end = (start + *delete as usize).min(places.len() - 1);
                (obj, Call::SpliceText(places[start], places[end] - places[start], text.clone()))
            }
            E::PutElement { obj, pos, value } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Put(At::Index(at), value.clone()))
            }
            E::InsertElement { obj, pos, value } => {
                let (obj, places) = self.places(replica, *obj)?;
                let at = places[*pos as usize % places.len()];
                (obj, Call::Insert(at, value.clone()))
            }
            E::DeleteElement { obj, pos } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Delete(At::Index(at)))
            }
            E::IncrementElement { obj, pos, by } => {
                let (obj, at) = self.character(replica, *obj, *pos)?;
                (obj, Call::Increment(At::Index(at), *by))
            }
            E::Mark { obj, start, end, name, value, expand } => {
                let (obj, start, end) = self.range(replica, *obj, *start, *end)?;
                let (name, value) = (mark_name(*name), value.clone());
                (obj, Call::Mark { start, end, name, value, expand: *expand })
            }
            E::Unmark { obj, start, end, name, expand } => {
                let (obj, start, end) = self.range(replica, *obj, *start, *end)?;
                (obj, Call::Unmark { start, end, name: mark_name(*name), expand: *expand })
            }
            E::SplitBlock { obj, pos } => {
                let (obj, places) = self.places(replica, *obj)?;
                let at = places[*pos as usize % places.len()];
                (obj, Call::SplitBlock(at))
            }
            E::JoinBlock { obj, pos } => {
                let (obj, at) = self.block(replica, *obj, *pos)?;
                (obj, Call::JoinBlock(at))
            }
            E::ReplaceBlock { obj, pos } => {
                let (obj, at) = self.block(replica, *obj, *pos)?;
                (obj, Call::ReplaceBlock(at))
            }
        };
        Some(resolved)
    }

    pub(super) fn element(
        &mut self,
        replica: usize,
        obj: u32,
        index: u32,
    ) -> Option<(TheirId, usize)> {
        let obj = self.object(replica, obj, ObjType::List)?;
        let length = self.theirs(replica, |doc| doc.length(&obj));
        (length > 0).then(|| (obj, index as usize % length))
    }

    pub(super) fn gap(&mut self, replica: usize, obj: u32, index: u32) -> Option<(TheirId, usize)> {
        let obj = self.object(replica, obj, ObjType::List)?;
        let length = self.theirs(replica, |doc| doc.length(&obj));
        Some((obj, index as usize % (length + 1)))
    }

    /// The positions between the characters of a text, or every position when ragged.
    pub(super) fn places(&mut self, replica: usize, obj: u32) -> Option<(TheirId, Vec<usize>)> {
        let obj = self.object(replica, obj, ObjType::Text)?;
        let (text, length) =
            self.theirs(replica, |doc| (reference::text(doc, &obj, None), doc.length(&obj)));
        if self.ragged {
            return Some((obj, (0..=length).collect()));
        }
        let mut places = vec![0];
        for character in text.chars() {
            let width = match self.unit {
                Unit::Utf8 => character.len_utf8(),
                Unit::Utf16 => character.len_utf16(),
                Unit::CodePoint => 1,
            };
            places.push(places[places.len() - 1] + width);
        }
        Some((obj, places))
    }

    pub(super) fn character(
        &mut self,
        replica: usize,
        obj: u32,
        pos: u32,
    ) -> Option<(TheirId, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        (places.len() > 1).then(|| (obj, places[pos as usize % (places.len() - 1)]))
    }

    pub(super) fn range(
        &mut self,
        replica: usize,
        obj: u32,
        start: u32,
        end: u32,
    ) -> Option<(TheirId, usize, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        let one = places[start as usize % places.len()];
        let other = places[end as usize % places.len()];
        Some((obj, one.min(other), one.max(other)))
    }

    pub(super) fn block(&mut self, replica: usize, obj: u32, pos: u32) -> Option<(TheirId, usize)> {
        let (obj, places) = self.places(replica, obj)?;
        let blocks: Vec<usize> = self.theirs(replica, |doc| {
            places
                .into_iter()
                .filter(|at| {
                    matches!(
                        doc.get(&obj, *at),
                        Ok(Some((automerge::Value::Object(ObjType::Map), _)))
                    )
                })
                .collect()
        });
        (!blocks.is_empty()).then(|| (obj, blocks[pos as usize % blocks.len()]))
    }
}

/// Where each character of a text begins.
pub(super) fn starts(text: &str, unit: Unit) -> Vec<usize> {
    let mut at = 0;
    let begin = |character: char| {
        let start = at;
        at += match unit {
            Unit::Utf8 => character.len_utf8(),
            Unit::Utf16 => character.len_utf16(),
            Unit::CodePoint => 1,
        };
        start
    };
    text.chars().map(begin).collect()
}

pub(super) fn name(key: u32) -> At {
    const KEYS: [&str; 10] =
        ["a", "b", "c", "key", "é", "日本", "😀", "", "A", "long key with words"];
    match key {
        10 => At::Key("map".into()),
        11 => At::Key("list".into()),
        12 => At::Key("text".into()),
        // Few keys, so that writers meet.
        _ => At::Key(KEYS[(key as usize % 100).min(key as usize % KEYS.len())].into()),
    }
}

pub(super) fn mark_name(name: u32) -> String {
    ["bold", "italic", "link"][name as usize % 3].into()
}
