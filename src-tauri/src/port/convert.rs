//! Between the page's change sets and those of the notes.

use rejoin_notes::change_set::{ChangeSet, Section};
use rejoin_notes::editing::Selection;

use super::{ChangeSetJson, SectionJson, TextSelection};

/// The most units that a change set of the page may span: far above any note, far below overflow.
const LONGEST: usize = 1 << 30;

/// A change set that spans more than any note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a change set spans more than any note")]
pub struct TooLong;

impl TryFrom<ChangeSetJson> for ChangeSet {
    type Error = TooLong;

    fn try_from(json: ChangeSetJson) -> Result<Self, TooLong> {
        let mut span = 0_usize;
        let mut sections = Vec::with_capacity(json.0.len());
        for section in json.0 {
            let (before, section) = match section {
                SectionJson::Keep(length) => (length, Section::Keep(length)),
                SectionJson::Replace { deleted, lines } => {
                    (deleted, Section::Replace { deleted, inserted: lines.join("\n") })
                }
            };
            span = span.checked_add(before).filter(|span| *span <= LONGEST).ok_or(TooLong)?;
            sections.push(section);
        }
        Ok(Self::from_sections(sections))
    }
}

impl From<&ChangeSet> for ChangeSetJson {
    fn from(changes: &ChangeSet) -> Self {
        let section = |section: &Section| match section {
            Section::Keep(length) => SectionJson::Keep(*length),
            Section::Replace { deleted, inserted } => SectionJson::Replace {
                deleted: *deleted,
                lines: if inserted.is_empty() {
                    Vec::new()
                } else {
                    inserted.split('\n').map(str::to_owned).collect()
                },
            },
        };
        Self(changes.sections().iter().map(section).collect())
    }
}

impl From<TextSelection> for Selection {
    fn from(selection: TextSelection) -> Self {
        Self { anchor: selection.anchor as usize, head: selection.head as usize }
    }
}

impl From<Selection> for TextSelection {
    fn from(selection: Selection) -> Self {
        Self { anchor: units(selection.anchor), head: units(selection.head) }
    }
}

/// A count of UTF-16 units as the page has it. Notes are far shorter than four billion units.
pub(crate) fn units(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_and_cut_at_line_feeds() {
        let json: ChangeSetJson = serde_json::from_str(r#"[2,[1,"a","","b"],[3],1]"#).unwrap();
        let changes = ChangeSet::try_from(json.clone()).unwrap();
        assert_eq!(changes.apply("xy1234z").unwrap(), "xya\n\nbz");
        assert_eq!((changes.len_before(), changes.len_after()), (7, 7));
    }

    #[test]
    fn comes_back_as_it_went() {
        for text in ["[]", "[5]", r#"[[0,"a"]]"#, r#"[1,[2,"x","y"],3]"#, "[1,[2]]"] {
            let json: ChangeSetJson = serde_json::from_str(text).unwrap();
            let changes = ChangeSet::try_from(json.clone()).unwrap();
            assert_eq!(ChangeSetJson::from(&changes), json);
        }
    }

    #[test]
    fn refuses_to_span_more_than_any_note() {
        let json = ChangeSetJson(vec![SectionJson::Keep(usize::MAX), SectionJson::Keep(1)]);
        assert_eq!(ChangeSet::try_from(json), Err(TooLong));
    }
}
