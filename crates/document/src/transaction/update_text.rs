//! Replacing a text by another with as few operations as its characters differ.

use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    object::ObjId,
    patch::width,
    sequence::TextUnit,
    transaction::{Transaction, WriteError},
};

impl Transaction<'_> {
    /// Makes a text read `new`, by inserting and deleting what differs, whole graphemes at a time
    /// (Myers' difference algorithm).
    ///
    /// # Errors
    /// When there is no such object or it is no sequence.
    pub fn update_text(&mut self, object: ObjId, new: &str) -> Result<(), WriteError> {
        const UNIT: TextUnit = TextUnit::Utf8;
        let old = self.view().text(object)?;
        let old: Vec<&str> = old.graphemes(true).collect();
        let new: Vec<&str> = new.graphemes(true).collect();
        // What is equal at both ends needs no search.
        let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
        let rest = old.len().min(new.len()) - start;
        let pairs = old.iter().rev().zip(new.iter().rev()).take(rest);
        let end = pairs.take_while(|(a, b)| a == b).count();
        let (old_part, new_part) = (&old[start..old.len() - end], &new[start..new.len() - end]);
        let mut index: usize = old[..start].iter().map(|grapheme| width(grapheme, UNIT)).sum();
        for step in capture_diff_slices(Algorithm::Myers, old_part, new_part) {
            let deleted = width(&old_part[step.old_range()].concat(), UNIT);
            let inserted = new_part[step.new_range()].concat();
            if step.tag() == DiffTag::Equal {
                index += deleted;
                continue;
            }
            self.splice_text(object, index, deleted, &inserted, UNIT)?;
            index += width(&inserted, UNIT);
        }
        Ok(())
    }
}
