//! How long files have said what they say.
//!
//! A file-sync tool that compares a file, and copies over it what it compared with, is done with that in
//! a moment. Who writes over a text that has been there for longer knew it, or has an old one open.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::memory::{Memory, NoteId};

/// A text that has been in its file for so long was there when a tool compared.
const REST: Duration = Duration::from_secs(3);

/// The files that say something new.
#[derive(Debug, Default)]
pub(super) struct Rest(BTreeMap<NoteId, Instant>);

impl Rest {
    /// The file of a note says something new.
    pub(super) fn changed(&mut self, note: &NoteId, now: Instant) {
        self.0.insert(note.clone(), now);
    }

    /// Notes which files have said the same for a while.
    pub(super) fn tell(&mut self, memory: &mut Memory, now: Instant) {
        self.0.retain(|note, since| {
            let is_new = *since + REST > now;
            if let Some(remembered) = memory.notes.get_mut(note).filter(|_| !is_new) {
                remembered.has_rested = true;
            }
            is_new
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file_path::FilePath;
    use crate::file_text::FileText;
    use crate::memory::Version;
    use crate::planner::{Action, NoteNow};

    #[test]
    fn a_text_rests_until_another_one_comes() {
        let (mut rest, mut memory, start) = (Rest::default(), Memory::default(), Instant::now());
        let note = NoteId("note".into());
        let says = |memory: &mut Memory, text: &str| {
            let read = FileText::decode(text.as_bytes()).unwrap();
            let action = Action::Create { path: FilePath::new("a.md").unwrap(), read };
            let title = String::new();
            let (text, version, folders) = (text.to_owned(), Version::default(), Vec::new());
            let now = NoteNow { text, title, folders, is_trashed: false, version };
            memory.record(&action, &note, &now);
        };
        let told = |rest: &mut Rest, memory: &mut Memory, seconds| {
            rest.tell(memory, start + Duration::from_secs(seconds));
            memory.notes[&note].has_rested
        };
        says(&mut memory, "one");
        rest.changed(&note, start);
        assert!(!told(&mut rest, &mut memory, 1));
        assert!(told(&mut rest, &mut memory, 3));
        says(&mut memory, "two");
        rest.changed(&note, start + Duration::from_secs(4));
        assert!(!told(&mut rest, &mut memory, 6));
        assert!(told(&mut rest, &mut memory, 7));
    }
}
