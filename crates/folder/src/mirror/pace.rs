//! How often a file is written while its note keeps changing.
//!
//! Every write makes an older text of the file be forgotten, and a program that read that text and saves
//! later is then taken for one that removes what it never saw. It also costs the disk and every file-sync
//! tool that is at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::memory::NoteId;
use crate::planner::Action;

/// A file is not written over again before this. What is typed has to be in the file within a second.
const PACE: Duration = Duration::from_millis(700);

/// When files were written.
#[derive(Debug, Default)]
pub(super) struct Pace {
    written: BTreeMap<NoteId, Instant>,
    next: Option<Instant>,
}

impl Pace {
    /// A note's file was written over just now.
    pub(super) fn wrote(&mut self, note: &NoteId, now: Instant) {
        self.written.insert(note.clone(), now);
    }

    /// Takes out of a plan what is to be written over and was a moment ago; gives the notes of it.
    pub(super) fn hold_back(
        &mut self,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> BTreeSet<NoteId> {
        self.written.retain(|_, at| *at + PACE > now);
        let mut waiting = BTreeSet::new();
        actions.retain(|action| match action {
            Action::Write { note, expected: Some(_), .. } if self.written.contains_key(note) => {
                waiting.insert(note.clone());
                false
            }
            _ => true,
        });
        self.next = waiting.iter().filter_map(|note| Some(*self.written.get(note)? + PACE)).min();
        waiting
    }

    /// Nothing is known to wait.
    pub(super) fn begin(&mut self) {
        self.next = None;
    }

    /// When the first file may be written that waits; never, when none does.
    pub(super) fn until(&self) -> Option<Instant> {
        self.next
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_path::FilePath;
    use crate::file_text::{FileText, Form};

    fn write(note: &NoteId, expected: Option<&str>) -> Action {
        let text = |text: &str| FileText { text: text.into(), form: Form::default() };
        let path = FilePath::new("a.md").unwrap();
        Action::Write { note: note.clone(), path, text: text("new"), expected: expected.map(text) }
    }

    #[test]
    fn the_first_write_is_prompt_and_the_next_one_waits() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let [one, other] = ["one", "other"].map(|id| NoteId(id.into()));
        let waiting = |pace: &mut Pace, milliseconds| {
            let mut actions = vec![write(&one, Some("old")), write(&other, None)];
            let waiting = pace.hold_back(&mut actions, at(milliseconds));
            assert_eq!(actions.len() + waiting.len(), 2);
            waiting.into_iter().collect::<Vec<_>>()
        };
        assert_eq!((waiting(&mut pace, 0), pace.until()), (vec![], None));
        pace.wrote(&one, at(0));
        pace.wrote(&other, at(0));
        assert_eq!(waiting(&mut pace, 200).len(), 1, "a new file does not wait");
        assert_eq!(pace.until(), Some(at(700)));
        assert_eq!((waiting(&mut pace, 700), pace.until()), (vec![], None));
    }
}
