//! Changes and positions carried over to a text that another change has made.

use super::{ChangeSet, LengthMismatch, Order, Section, Side, utf16_len};

impl ChangeSet {
    /// This change as a change of the text that `over` makes, where both were made for one text.
    ///
    /// Units that `over` deleted are no longer there to delete; what it inserted is kept, also
    /// inside a stretch that this change deletes. `order` says which text stands first where both
    /// insert into the same gap; the other side must be mapped with the opposite order.
    ///
    /// # Errors
    ///
    /// When the two were not made for texts of the same length.
    pub fn map(&self, over: &Self, order: Order) -> Result<Self, LengthMismatch> {
        self.check(over.len_before)?;
        let mut mapped = Self::default();
        let mut mine = Gaps::new(&self.sections);
        let mut theirs = Gaps::new(&over.sections);
        loop {
            let inserted = mine.insertion();
            let kept = theirs.insertion().map_or(0, utf16_len);
            if order == Order::Before {
                mapped.insert(inserted.unwrap_or_default());
                mapped.keep(kept);
            } else {
                mapped.keep(kept);
                mapped.insert(inserted.unwrap_or_default());
            }
            let step = mine.run().min(theirs.run());
            if step == 0 {
                break;
            }
            match (mine.advance(step), theirs.advance(step)) {
                (Run::Kept, Run::Kept) => mapped.keep(step),
                (Run::Deleted, Run::Kept) => mapped.delete(step),
                (_, Run::Deleted) => {}
            }
        }
        Ok(mapped)
    }

    /// Where position `at` of the old text lies in the new one; behind the end counts as the end.
    ///
    /// A position in a deleted stretch moves to the stretch's place: before the text that
    /// replaced it on the left side, behind it on the right side.
    pub fn map_position(&self, at: usize, side: Side) -> usize {
        let (mut before, mut after) = (0, 0);
        for section in &self.sections {
            match section {
                Section::Keep(length) => {
                    if at < before + length {
                        return after + (at - before);
                    }
                    before += length;
                    after += length;
                }
                Section::Replace { deleted, inserted } => {
                    let inserted = utf16_len(inserted);
                    let touches = if side == Side::Left { at <= before } else { at < before };
                    if touches {
                        return after;
                    }
                    if at < before + deleted {
                        return if side == Side::Left { after } else { after + inserted };
                    }
                    before += deleted;
                    after += inserted;
                }
            }
        }
        after
    }

    /// Where position `at` of the new text lies in the old one; inside inserted text it is where
    /// that text stands, and behind the end counts as the end.
    pub fn unmap_position(&self, at: usize) -> usize {
        let (mut before, mut after) = (0, 0);
        for section in &self.sections {
            match section {
                Section::Keep(length) => {
                    if at < after + length {
                        return before + at.saturating_sub(after);
                    }
                    before += length;
                    after += length;
                }
                Section::Replace { deleted, inserted } => {
                    after += utf16_len(inserted);
                    if at < after {
                        return before;
                    }
                    before += deleted;
                }
            }
        }
        before
    }
}

/// What a change does with the units it stands at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Run {
    Kept,
    Deleted,
}

/// A change read along the text it was made for: at each gap perhaps an insertion, then units.
struct Gaps<'a> {
    sections: std::slice::Iter<'a, Section>,
    pending: Option<&'a str>,
    kind: Run,
    left: usize,
}

impl<'a> Gaps<'a> {
    fn new(sections: &'a [Section]) -> Self {
        let mut gaps = Self { sections: sections.iter(), pending: None, kind: Run::Kept, left: 0 };
        gaps.open();
        gaps
    }

    /// Enters the next section when the one being read is used up.
    fn open(&mut self) {
        if self.left > 0 || self.pending.is_some() {
            return;
        }
        match self.sections.next() {
            Some(Section::Keep(length)) => {
                self.kind = Run::Kept;
                self.left = *length;
            }
            Some(Section::Replace { deleted, inserted }) => {
                self.kind = Run::Deleted;
                self.left = *deleted;
                if !inserted.is_empty() {
                    self.pending = Some(inserted);
                }
            }
            None => {}
        }
    }

    /// The text inserted into the gap that is being stood at, handed out once.
    fn insertion(&mut self) -> Option<&'a str> {
        let inserted = self.pending.take();
        // A plain insertion has no units of its own: the units of the next section follow it, and
        // normal form says that these are kept.
        self.open();
        inserted
    }

    /// How many units with the same fate come next; 0 only at the end.
    fn run(&self) -> usize {
        self.left
    }

    fn advance(&mut self, step: usize) -> Run {
        let kind = self.kind;
        self.left -= step;
        self.open();
        kind
    }
}
