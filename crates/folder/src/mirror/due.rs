//! When a mirror looks again: at nothing at all while nothing happens.

use std::time::{Duration, Instant};

/// Files come to rest for so long before they are looked at: a program that saves in several steps
/// has done so then.
pub(super) const REST: Duration = Duration::from_millis(100);
/// But no longer than this, as some programs never rest.
pub(super) const RESTLESS: Duration = Duration::from_secs(2);
/// Notes are written out together when they change for so long.
const TYPING: Duration = Duration::from_millis(200);

/// What waits to be looked at.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// When files began to change, and when the last of them did.
    files: Option<(Instant, Instant)>,
    /// When notes began to change.
    notes: Option<Instant>,
    /// When what could not be done is tried again.
    again: Option<Instant>,
}

impl Due {
    /// Nothing waits but what the last look left.
    pub(super) fn again(again: Option<Instant>) -> Self {
        Self { again, ..Self::default() }
    }

    pub(super) fn file_changed(&mut self, now: Instant) {
        let first = self.files.map_or(now, |(first, _)| first);
        self.files = Some((first, now));
    }

    pub(super) fn note_changed(&mut self, now: Instant) {
        self.notes.get_or_insert(now);
    }

    /// When to look; never, as long as nothing changes.
    pub(super) fn at(&self) -> Option<Instant> {
        let files = self.files.map(|(first, last)| (last + REST).min(first + RESTLESS));
        let notes = self.notes.map(|first| first + TYPING);
        [files, notes, self.again].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_rest_and_notes_are_gathered() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut due = Due::default();
        assert_eq!(due.at(), None, "nothing happens, nobody wakes up");
        due.note_changed(at(0));
        due.note_changed(at(150));
        assert_eq!(due.at(), Some(at(200)));
        due.file_changed(at(10));
        assert_eq!(due.at(), Some(at(110)), "files do not wait for notes");
        due.file_changed(at(90));
        assert_eq!(due.at(), Some(at(190)));
        let mut due = Due::again(Some(at(5000)));
        for milliseconds in (0..3000).step_by(50) {
            due.file_changed(at(milliseconds));
        }
        assert_eq!(due.at(), Some(at(2000)), "a program that never rests is not waited for");
    }
}
