//! Heads on the command line.

use crate::exit::Failure;
use anyhow::Result;
use rejoin_document::{ChangeHash, Document, UnknownHeads, View};
use std::str::FromStr;

/// Hashes of changes, with commas between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heads(Vec<ChangeHash>);

impl Heads {
    pub(crate) fn hashes(&self) -> &[ChangeHash] {
        &self.0
    }
}

impl FromStr for Heads {
    type Err = String;

    fn from_str(text: &str) -> Result<Heads, String> {
        let words = text.split([',', ' ', '\n']).filter(|word| !word.is_empty());
        let hash = |word: &str| word.parse().map_err(|error| format!("{word}: {error}"));
        words.map(hash).collect::<Result<_, _>>().map(Heads)
    }
}

/// The document at these heads, or as it is now.
pub(crate) fn view_at<'d>(document: &'d Document, heads: Option<&Heads>) -> Result<View<'d>> {
    match heads {
        None => Ok(document.view()),
        Some(heads) => document.at(heads.hashes()).map_err(|error| unknown(&error)),
    }
}

/// Heads that the document does not have.
pub(crate) fn unknown(error: &UnknownHeads) -> anyhow::Error {
    Failure::NotFound.error(format!("the document has no change {}", error.0))
}

/// The heads as JSON and for people.
pub(crate) fn words(heads: &[ChangeHash]) -> Vec<String> {
    heads.iter().map(ToString::to_string).collect()
}

/// As much of a hash as people need to tell it from others.
pub(crate) fn short(hash: impl ToString) -> String {
    hash.to_string().chars().take(8).collect()
}
