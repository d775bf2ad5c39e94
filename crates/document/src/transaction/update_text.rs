//! Replacing a text by another with as few operations as its characters differ.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

use crate::{
    object::ObjId,
    patch::width,
    sequence::{RunKind, TextUnit},
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
        let old = kept_or_replaced_whole(&old, &self.wide_elements(object)?);
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

    /// Where the elements of several characters lie, in UTF-8 bytes.
    fn wide_elements(&self, object: ObjId) -> Result<Vec<Range<usize>>, WriteError> {
        let view = self.view();
        let (number, sequence) = view.sequence(object)?;
        let kind = view.set.objects.get(number).kind;
        let (bytes, points) = (kind.measure(TextUnit::Utf8), kind.measure(TextUnit::CodePoint));
        let mut wide = Vec::new();
        let mut at = 0;
        for piece in view.pieces(sequence) {
            let end = at + view.width(&piece, bytes) as usize;
            let is_special = matches!(piece.run.kind, RunKind::Special { .. });
            if is_special && view.width(&piece, points) > 1 {
                wide.push(at..end);
            }
            at = end;
        }
        Ok(wide)
    }
}

/// The graphemes of a text, those together that share an element.
fn kept_or_replaced_whole<'t>(text: &'t str, wide: &[Range<usize>]) -> Vec<&'t str> {
    let mut wide = wide.iter().peekable();
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let end = at + grapheme.len();
        while wide.next_if(|element| element.end <= end).is_some() {}
        if wide.peek().is_none_or(|element| element.start >= end) {
            parts.push(&text[start..end]);
            start = end;
        }
    }
    parts
}
