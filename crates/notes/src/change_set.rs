//! A change to a text as the editor describes it: a list of kept and replaced stretches.
//!
//! Every length and position in this module counts UTF-16 code units, as the editor does. A change
//! set belongs to a text of one length ([`ChangeSet::len_before`]) and makes a text of another
//! ([`ChangeSet::len_after`]); its sections cover the first text from end to end.
//!
//! Two change sets over the same text can both be carried out, in either order, when the second
//! is first [mapped](ChangeSet::map) over the other. What an insertion is ordered by is the gap
//! where it stands: a replacement puts its text into the gap before what it deletes. With that rule
//! for both sides, `a` then `b.map(a, After)` and `b` then `a.map(b, Before)` give the same text.

mod compose;
mod correction;
mod map;
mod sequence;
mod text_diff;

use std::fmt;

pub use sequence::Steps;

/// One stretch of a [`ChangeSet`], in UTF-16 units of the text before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Section {
    /// This many units stay as they are.
    Keep(usize),
    /// `deleted` units go, and `inserted` stands in their place.
    Replace {
        /// How many units of the old text go; 0 for a plain insertion.
        deleted: usize,
        /// What takes their place; empty for a plain deletion.
        inserted: String,
    },
}

/// One replacement of a change set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splice<'a> {
    /// Where, in UTF-16 units of the old text.
    pub at: usize,
    /// Where what comes in stands, in UTF-16 units of the new text.
    pub new_at: usize,
    /// How many UTF-16 units go.
    pub deleted: usize,
    /// What comes in.
    pub inserted: &'a str,
}

/// Which of two insertions into the same gap stands first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The mapped change's text stands before the other's.
    Before,
    /// The mapped change's text stands after the other's.
    After,
}

/// To which side a position keeps when text is inserted exactly there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It stays with what is to its left, before the inserted text.
    Left,
    /// It stays with what is to its right, after the inserted text.
    Right,
}

/// A change set was used with a text, or another change set, of a different length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the change is for a text of {expected} units, this one has {found}")]
pub struct LengthMismatch {
    /// The length in UTF-16 units that the change set was made for.
    pub expected: usize,
    /// The length in UTF-16 units that it met.
    pub found: usize,
}

/// A change to one text, in normal form: no empty sections, no two of a kind next to each other.
///
/// Because of the normal form, two change sets with the same effect at the same places are equal.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ChangeSet {
    sections: Vec<Section>,
    len_before: usize,
    len_after: usize,
}

impl ChangeSet {
    /// The change that leaves a text of `length` units as it is.
    pub fn identity(length: usize) -> Self {
        let mut changes = Self::default();
        changes.keep(length);
        changes
    }

    /// A change from sections in order; they are brought into normal form.
    pub fn from_sections(sections: impl IntoIterator<Item = Section>) -> Self {
        let mut changes = Self::default();
        for section in sections {
            match section {
                Section::Keep(length) => changes.keep(length),
                Section::Replace { deleted, inserted } => {
                    changes.insert(&inserted);
                    changes.delete(deleted);
                }
            }
        }
        changes
    }

    /// One replacement in a text of `length` units.
    ///
    /// # Errors
    ///
    /// When `at + deleted` lies behind the end of the text.
    pub fn splice(
        length: usize,
        at: usize,
        deleted: usize,
        inserted: &str,
    ) -> Result<Self, LengthMismatch> {
        let end = at.saturating_add(deleted);
        let Some(rest) = length.checked_sub(end) else {
            return Err(LengthMismatch { expected: end, found: length });
        };
        let mut changes = Self::default();
        changes.keep(at);
        changes.insert(inserted);
        changes.delete(deleted);
        changes.keep(rest);
        Ok(changes)
    }

    /// The smallest change that one replacement can express, from `before` to `after`.
    ///
    /// What both texts begin and end with is kept. For a finer comparison see
    /// [`ChangeSet::between`].
    pub fn replacement(before: &str, after: &str) -> Self {
        let start = text_diff::common_prefix(before, after);
        let end = text_diff::common_suffix(&before[start..], &after[start..]);
        let mut changes = Self::default();
        changes.keep(utf16_len(&before[..start]));
        changes.insert(&after[start..after.len() - end]);
        changes.delete(utf16_len(&before[start..before.len() - end]));
        changes.keep(utf16_len(&before[before.len() - end..]));
        changes
    }

    /// A small change from `before` to `after`, found by comparing line by line and, within changed
    /// lines, word by word.
    pub fn between(before: &str, after: &str) -> Self {
        text_diff::between(before, after)
    }

    /// A change from `before` to `after` that replaces whole lines.
    pub fn between_lines(before: &str, after: &str) -> Self {
        text_diff::between_lines(before, after)
    }

    /// As [`ChangeSet::between`], and no word is made of another one: where characters would go and
    /// others come, whole words do. A word may grow or shrink at one place, a number may not.
    pub fn between_words(before: &str, after: &str) -> Self {
        text_diff::between_words(before, after)
    }

    /// What `after` has and `before` has not, in whole words with the space behind them, as a change of
    /// `before` that removes nothing.
    pub fn additions(before: &str, after: &str) -> Self {
        text_diff::additions(before, after)
    }

    /// The sections, which cover the old text from end to end.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// The length of the text that this changes, in UTF-16 units.
    pub fn len_before(&self) -> usize {
        self.len_before
    }

    /// The length of the text that this makes, in UTF-16 units.
    pub fn len_after(&self) -> usize {
        self.len_after
    }

    /// Whether this changes nothing.
    pub fn is_identity(&self) -> bool {
        self.sections.iter().all(|section| matches!(section, Section::Keep(_)))
    }

    /// The replacements from the first to the last.
    pub fn replacements(&self) -> impl Iterator<Item = Splice<'_>> {
        let (mut before, mut after) = (0, 0);
        self.sections.iter().filter_map(move |section| match section {
            Section::Keep(length) => {
                before += length;
                after += length;
                None
            }
            Section::Replace { deleted, inserted } => {
                let (at, new_at) = (before, after);
                before += deleted;
                after += utf16_len(inserted);
                Some(Splice { at, new_at, deleted: *deleted, inserted })
            }
        })
    }

    /// The replacements from the last to the first.
    ///
    /// Carried out in this order none moves another, also when one of them turns out to have
    /// another effect than it asked for.
    pub fn splices(&self) -> impl Iterator<Item = Splice<'_>> {
        let mut all: Vec<_> = self.replacements().collect();
        all.reverse();
        all.into_iter()
    }

    /// The text that this change makes of `text`.
    ///
    /// Half of a surrogate pair that a cut leaves behind becomes U+FFFD, which has the same width.
    ///
    /// # Errors
    ///
    /// When `text` does not have the length that this change was made for.
    pub fn apply(&self, text: &str) -> Result<String, LengthMismatch> {
        self.check(utf16_len(text))?;
        let mut result = String::with_capacity(text.len());
        let mut rest = Units::new(text);
        for section in &self.sections {
            match section {
                Section::Keep(length) => rest.take(*length).push_to(&mut result),
                Section::Replace { deleted, inserted } => {
                    result.push_str(inserted);
                    rest.take(*deleted);
                }
            }
        }
        Ok(result)
    }

    /// The change that leads back from the changed text to `before`.
    ///
    /// # Errors
    ///
    /// When `before` does not have the length that this change was made for.
    pub fn invert(&self, before: &str) -> Result<Self, LengthMismatch> {
        self.check(utf16_len(before))?;
        let mut inverse = Self::default();
        let mut rest = Units::new(before);
        for section in &self.sections {
            match section {
                Section::Keep(length) => {
                    rest.take(*length);
                    inverse.keep(*length);
                }
                Section::Replace { deleted, inserted } => {
                    let mut gone = String::new();
                    rest.take(*deleted).push_to(&mut gone);
                    inverse.insert(&gone);
                    inverse.delete(utf16_len(inserted));
                }
            }
        }
        Ok(inverse)
    }

    fn check(&self, found: usize) -> Result<(), LengthMismatch> {
        if found == self.len_before {
            Ok(())
        } else {
            Err(LengthMismatch { expected: self.len_before, found })
        }
    }

    /// Appends kept units.
    fn keep(&mut self, length: usize) {
        if length == 0 {
            return;
        }
        self.len_before += length;
        self.len_after += length;
        if let Some(Section::Keep(last)) = self.sections.last_mut() {
            *last += length;
        } else {
            self.sections.push(Section::Keep(length));
        }
    }

    /// Appends inserted text; next to deleted units it joins them to one replacement.
    fn insert(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.len_after += utf16_len(text);
        if let Some(Section::Replace { inserted, .. }) = self.sections.last_mut() {
            inserted.push_str(text);
        } else {
            self.sections.push(Section::Replace { deleted: 0, inserted: text.to_owned() });
        }
    }

    /// Appends deleted units; next to inserted text they join it to one replacement.
    fn delete(&mut self, length: usize) {
        if length == 0 {
            return;
        }
        self.len_before += length;
        if let Some(Section::Replace { deleted, .. }) = self.sections.last_mut() {
            *deleted += length;
        } else {
            self.sections.push(Section::Replace { deleted: length, inserted: String::new() });
        }
    }
}

impl fmt::Debug for ChangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for section in &self.sections {
            match section {
                Section::Keep(length) => list.entry(&format_args!("={length}")),
                Section::Replace { deleted, inserted } => {
                    list.entry(&format_args!("-{deleted}+{inserted:?}"))
                }
            };
        }
        list.finish()
    }
}

/// The length of `text` in UTF-16 units.
pub fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A text that is read from its start in UTF-16 units, also when a cut falls into a pair.
struct Units<'a> {
    rest: &'a str,
    /// The second unit of a pair whose first unit was already taken.
    half: bool,
}

/// What [`Units::take`] took: whole characters, and at either end perhaps half of one.
struct Taken<'a> {
    starts_with_half: bool,
    text: &'a str,
    ends_with_half: bool,
}

impl<'a> Units<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, half: false }
    }

    /// Takes the next `length` units, or fewer when the text ends.
    fn take(&mut self, mut length: usize) -> Taken<'a> {
        let starts_with_half = self.half && length > 0;
        if starts_with_half {
            self.half = false;
            length -= 1;
        }
        let mut bytes = 0;
        let mut chars = self.rest.chars();
        let mut next = chars.next();
        while let Some(char) = next
            && char.len_utf16() <= length
        {
            length -= char.len_utf16();
            bytes += char.len_utf8();
            next = chars.next();
        }
        let (text, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        let ends_with_half = length > 0 && next.is_some();
        if ends_with_half {
            self.rest = chars.as_str();
            self.half = true;
        }
        Taken { starts_with_half, text, ends_with_half }
    }
}

impl Taken<'_> {
    fn push_to(&self, target: &mut String) {
        if self.starts_with_half {
            target.push(char::REPLACEMENT_CHARACTER);
        }
        target.push_str(self.text);
        if self.ends_with_half {
            target.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

#[cfg(test)]
mod tests;
