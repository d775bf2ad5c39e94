//! Two changes that follow one another as one.

use super::{ChangeSet, LengthMismatch, Section, Units, utf16_len};

impl ChangeSet {
    /// This change and then `next`, as one change of the first text.
    ///
    /// # Errors
    ///
    /// When `next` was not made for the text that this change makes.
    pub fn compose(&self, next: &Self) -> Result<Self, LengthMismatch> {
        next.check(self.len_after)?;
        let mut composed = Self::default();
        let mut middle = Middle::new(&self.sections);
        for section in &next.sections {
            match section {
                Section::Keep(length) => middle.consume(*length, Fate::Stays, &mut composed),
                Section::Replace { deleted, inserted } => {
                    composed.insert(inserted);
                    middle.consume(*deleted, Fate::Goes, &mut composed);
                }
            }
        }
        middle.finish(&mut composed);
        Ok(composed)
    }
}

/// What the second change does with a stretch of the text between the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Stays,
    Goes,
}

/// The text between two changes, read from its start as the first change's sections.
struct Middle<'a> {
    sections: std::slice::Iter<'a, Section>,
    /// Kept units left of the section that is being read.
    kept: usize,
    /// Inserted text left of the section that is being read, and its length.
    inserted: Units<'a>,
    inserted_len: usize,
    /// Deleted units of that section, to be passed on behind its inserted text.
    deleted: usize,
}

impl<'a> Middle<'a> {
    fn new(sections: &'a [Section]) -> Self {
        Self {
            sections: sections.iter(),
            kept: 0,
            inserted: Units::new(""),
            inserted_len: 0,
            deleted: 0,
        }
    }

    /// Moves `length` units of the text in between, with their fate, into `composed`.
    fn consume(&mut self, mut length: usize, fate: Fate, composed: &mut ChangeSet) {
        while length > 0 {
            if self.kept > 0 {
                let step = self.kept.min(length);
                match fate {
                    Fate::Stays => composed.keep(step),
                    Fate::Goes => composed.delete(step),
                }
                self.kept -= step;
                length -= step;
            } else if self.inserted_len > 0 {
                let step = self.inserted_len.min(length);
                let taken = self.inserted.take(step);
                if fate == Fate::Stays {
                    let mut text = String::with_capacity(taken.text.len());
                    taken.push_to(&mut text);
                    composed.insert(&text);
                }
                self.inserted_len -= step;
                length -= step;
            } else if !self.advance(composed) {
                break;
            }
        }
    }

    /// Steps to the next section; its deletion of the section before is now complete.
    fn advance(&mut self, composed: &mut ChangeSet) -> bool {
        composed.delete(std::mem::take(&mut self.deleted));
        match self.sections.next() {
            Some(Section::Keep(length)) => self.kept = *length,
            Some(Section::Replace { deleted, inserted }) => {
                self.inserted = Units::new(inserted);
                self.inserted_len = utf16_len(inserted);
                self.deleted = *deleted;
            }
            None => return false,
        }
        true
    }

    /// Passes on deletions that stand behind the last unit.
    fn finish(mut self, composed: &mut ChangeSet) {
        while self.advance(composed) {}
    }
}
