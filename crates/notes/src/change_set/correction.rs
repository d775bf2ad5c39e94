//! What is still to be changed when a change had another effect than it asked for.

use super::{ChangeSet, LengthMismatch, Section, Units};

impl ChangeSet {
    /// The change from the text that this change describes to the text that `effect` made.
    ///
    /// Both were made for the same text; `text` is the one that `effect` made. The result is one
    /// replacement, from the first to the last place where they differ, and it does not cut
    /// through a character of `text`.
    ///
    /// # Errors
    ///
    /// When the two were not made for texts of the same length, or `text` is not what `effect`
    /// made.
    pub fn correction(&self, effect: &Self, text: &str) -> Result<Self, LengthMismatch> {
        self.check(effect.len_before)?;
        let found = super::utf16_len(text);
        if found != effect.len_after {
            return Err(LengthMismatch { expected: effect.len_after, found });
        }
        if self == effect {
            return Ok(Self::identity(self.len_after));
        }
        let mut start = agreement(self.sections.iter(), effect.sections.iter());
        let shorter = self.len_after.min(effect.len_after);
        let mut end = agreement(self.sections.iter().rev(), effect.sections.iter().rev());
        start = start.min(shorter);
        end = end.min(shorter - start);
        if cuts_a_character(text, start) {
            start -= 1;
        }
        if cuts_a_character(text, effect.len_after - end) {
            end -= 1;
        }
        let mut units = Units::new(text);
        units.take(start);
        let mut correction = Self::default();
        correction.keep(start);
        correction.insert(units.take(effect.len_after - end - start).text);
        correction.delete(self.len_after - end - start);
        correction.keep(end);
        Ok(correction)
    }
}

/// How many units of both results are surely the same, counted from the side where the
/// iterators start.
fn agreement<'a>(
    ours: impl Iterator<Item = &'a Section>,
    theirs: impl Iterator<Item = &'a Section>,
) -> usize {
    let mut same = 0;
    for (mine, other) in ours.zip(theirs) {
        match (mine, other) {
            (Section::Keep(a), Section::Keep(b)) => {
                same += a.min(b);
                if a != b {
                    break;
                }
            }
            (Section::Replace { inserted, .. }, _) if mine == other => {
                same += super::utf16_len(inserted);
            }
            _ => break,
        }
    }
    same
}

fn cuts_a_character(text: &str, at: usize) -> bool {
    Units::new(text).take(at).ends_with_half
}
