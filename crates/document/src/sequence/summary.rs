//! Widths of parts of a sequence.

use std::ops::{AddAssign, SubAssign};

/// The unit in which positions and lengths in a text are counted.
///
/// An element that is not a string counts as U+FFFC, the object replacement character. In a list
/// every unit counts elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextUnit {
    /// Bytes of the UTF-8 form.
    Utf8,
    /// Code units of the UTF-16 form, as JavaScript counts.
    Utf16,
    /// Unicode scalar values.
    CodePoint,
}

/// How wide the visible elements of a part of a sequence are, in every unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Summary {
    pub(crate) elements: u32,
    pub(crate) points: u32,
    pub(crate) utf16: u32,
    pub(crate) utf8: u32,
    /// How many visible begins and ends of marks there are; they have no width.
    pub(crate) marks: u32,
}

/// A dimension of a [`Summary`] that positions can be counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Measure {
    Elements,
    Points,
    Utf16,
    Utf8,
}

impl From<TextUnit> for Measure {
    fn from(unit: TextUnit) -> Self {
        match unit {
            TextUnit::Utf8 => Self::Utf8,
            TextUnit::Utf16 => Self::Utf16,
            TextUnit::CodePoint => Self::Points,
        }
    }
}

impl Summary {
    /// The width in one dimension.
    #[inline]
    pub(crate) fn get(&self, measure: Measure) -> u32 {
        match measure {
            Measure::Elements => self.elements,
            Measure::Points => self.points,
            Measure::Utf16 => self.utf16,
            Measure::Utf8 => self.utf8,
        }
    }
}

impl AddAssign for Summary {
    #[inline]
    fn add_assign(&mut self, other: Self) {
        self.elements = self.elements.wrapping_add(other.elements);
        self.points = self.points.wrapping_add(other.points);
        self.utf16 = self.utf16.wrapping_add(other.utf16);
        self.utf8 = self.utf8.wrapping_add(other.utf8);
        self.marks = self.marks.wrapping_add(other.marks);
    }
}

impl SubAssign for Summary {
    // Wrapping, so that a difference may pass below zero on its way to being added.
    #[inline]
    fn sub_assign(&mut self, other: Self) {
        self.elements = self.elements.wrapping_sub(other.elements);
        self.points = self.points.wrapping_sub(other.points);
        self.utf16 = self.utf16.wrapping_sub(other.utf16);
        self.utf8 = self.utf8.wrapping_sub(other.utf8);
        self.marks = self.marks.wrapping_sub(other.marks);
    }
}
