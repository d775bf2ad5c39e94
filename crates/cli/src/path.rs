//! Places in a document, as people write them: `notes/0/title`.

use crate::exit::Failure;
use anyhow::Result;
use rejoin_document::{ObjId, ObjType, Prop, TextUnit, Value, View};
use std::fmt;
use std::str::FromStr;

/// The keys and indexes from the root to a place. Written with slashes between them; in a key, `~1`
/// stands for a slash and `~0` for a tilde, as in JSON pointers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Path(Vec<String>);

/// A place that need not have a value yet: an object and what is in it under this step.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) object: ObjId,
    pub(crate) step: Step,
}

/// A key or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    pub(crate) fn prop(&self) -> Prop<'_> {
        match self {
            Step::Key(key) => Prop::Key(key),
            Step::Index(index) => Prop::Index(*index),
        }
    }
}

impl Path {
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The value at the place. The root is a map.
    pub(crate) fn value(&self, view: &View<'_>) -> Result<Value> {
        if self.is_root() {
            return Ok(Value::Object(ObjType::Map, ObjId::ROOT));
        }
        let place = self.place(view)?;
        let value = view.get(place.object, place.step.prop()).ok().flatten();
        value.ok_or_else(|| self.missing(self.0.len()))
    }

    /// The object at the place.
    pub(crate) fn object(&self, view: &View<'_>) -> Result<(ObjType, ObjId)> {
        match self.value(view)? {
            Value::Object(kind, object) => Ok((kind, object)),
            Value::Scalar(_) => {
                Err(Failure::NotFound.error(format!("{self} is a single value, not an object")))
            }
        }
    }

    /// The object around the place, and where in it the place is. The last step may be missing; in a
    /// list, `-` is the place behind the last element.
    pub(crate) fn place(&self, view: &View<'_>) -> Result<Place> {
        let mut object = ObjId::ROOT;
        let mut kind = ObjType::Map;
        for (depth, step) in self.0.iter().enumerate() {
            let is_last = depth + 1 == self.0.len();
            let step = if kind.is_sequence() {
                let length = view.length(object, TextUnit::Utf16)?;
                let index = if step == "-" { Some(length) } else { step.parse().ok() };
                let index = index.filter(|index| *index < length || (is_last && *index == length));
                Step::Index(index.ok_or_else(|| self.missing(depth + 1))?)
            } else {
                Step::Key(step.clone())
            };
            if is_last {
                return Ok(Place { object, step });
            }
            match view.get(object, step.prop())? {
                Some(Value::Object(inner, id)) => (kind, object) = (inner, id),
                _ => return Err(self.missing(depth + 1)),
            }
        }
        Err(Failure::NotFound.error("the root itself is no place in the document"))
    }

    fn missing(&self, steps: usize) -> anyhow::Error {
        let there = Path(self.0[..steps].to_vec());
        Failure::NotFound.error(format!("there is nothing at {there}"))
    }
}

impl FromStr for Path {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Path, Self::Err> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Path::default());
        }
        let key = |part: &str| part.replace("~1", "/").replace("~0", "~");
        Ok(Path(text.split('/').map(key).collect()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_root() {
            return f.write_str("the root");
        }
        let parts: Vec<String> =
            self.0.iter().map(|key| key.replace('~', "~0").replace('/', "~1")).collect();
        f.write_str(&parts.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_they_are_written() {
        for text in ["a", "a/0/b", "a~1b/c~0d", "with space/-"] {
            let path: Path = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        assert_eq!("/a/b".parse::<Path>().unwrap(), "a/b".parse().unwrap());
        assert!("".parse::<Path>().unwrap().is_root());
        assert!("/".parse::<Path>().unwrap().is_root());
    }
}
