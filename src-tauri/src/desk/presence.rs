//! What people show of themselves in a note: name, hue, author id and where they are.

use rejoin_notes::editing::Selection;
use rejoin_sync::wire::Cbor;

/// The channel on which it is shown.
pub(crate) const CHANNEL: &str = "rejoin";

/// The longest name that is shown, in characters.
const LONGEST_NAME: usize = 60;

/// What one person shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Their name.
    pub(crate) name: String,
    /// One of the eight hues.
    pub(crate) colour: u8,
    /// Their author id, in hexadecimal.
    pub(crate) author: String,
    /// Where they are in the document's text, in UTF-16 units.
    pub(crate) selection: Option<Selection>,
}

impl Shown {
    /// As a value for peers.
    pub(crate) fn to_cbor(&self) -> Cbor {
        let position = |at: usize| Cbor::Integer(at as i128);
        let selection = self.selection.map_or(Cbor::Null, |selection| {
            Cbor::map([("anchor", position(selection.anchor)), ("head", position(selection.head))])
        });
        Cbor::map([
            ("name", self.name.as_str().into()),
            ("colour", i64::from(self.colour).into()),
            ("author", self.author.as_str().into()),
            ("selection", selection),
        ])
    }

    /// What a peer shows; anything may come, so that what cannot be read is left out.
    pub(crate) fn from_cbor(value: &Cbor) -> Self {
        let text = |key, longest: usize| -> String {
            let text = value.get(key).and_then(Cbor::as_text).unwrap_or_default();
            text.chars().filter(|c| !c.is_control()).take(longest).collect()
        };
        let selection = value.get("selection").and_then(|selection| {
            let position = |key| integer(selection.get(key)?).and_then(|at| at.try_into().ok());
            Some(Selection { anchor: position("anchor")?, head: position("head")? })
        });
        Self {
            name: text("name", LONGEST_NAME),
            colour: value.get("colour").and_then(integer).map_or(0, |hue| hue.rem_euclid(8) as u8),
            author: text("author", 128),
            selection,
        }
    }
}

fn integer(value: &Cbor) -> Option<i128> {
    match value {
        Cbor::Integer(number) => Some(*number),
        Cbor::Float(number) if number.fract() == 0.0 => Some(*number as i128),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comes_back_as_it_went() {
        let selection = Some(Selection { anchor: 3, head: 9 });
        let shown = Shown { name: "Ana".to_owned(), colour: 3, author: "ab".to_owned(), selection };
        assert_eq!(Shown::from_cbor(&shown.to_cbor()), shown);
    }

    #[test]
    fn takes_anything() {
        for value in [Cbor::Null, Cbor::map([("name", Cbor::Null), ("selection", 5.into())])] {
            let shown = Shown::from_cbor(&value);
            assert_eq!((shown.name.as_str(), shown.selection), ("", None));
        }
        let far = Cbor::map([("anchor", Cbor::Integer(-1)), ("head", Cbor::Integer(0))]);
        let value = Cbor::map([("selection", far), ("name", "a\nb".into())]);
        assert_eq!(Shown::from_cbor(&value).selection, None);
        assert_eq!(Shown::from_cbor(&value).name, "ab");
    }
}
