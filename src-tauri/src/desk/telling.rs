//! When the window hears where its note is, and who is there.
//!
//! With each edit of anybody a note is unsaved for a few milliseconds, here and on servers. That it is worse
//! off than was said is told at once; what got better waits a little, and then what is true by then is told.
//! So nothing is ever said to be saved that is not, and a crowd that writes is no reason to draw the page anew
//! all the time.

use std::time::{Duration, Instant};

use crate::port::NoteStatus;

/// So long after a word nothing better is said of where a note is.
const REST: Duration = Duration::from_millis(200);

/// So long after a word nothing is said of who is there. Their carets move with the text meanwhile.
const REST_OF_PRESENCE: Duration = Duration::from_millis(100);

/// Words of one kind, with a rest after each.
#[derive(Debug)]
pub(super) struct Pace {
    rest: Duration,
    /// When the rest is over.
    over: Option<Instant>,
    /// When somebody asks again.
    due: Option<Instant>,
}

impl Pace {
    /// That of who is there, of which nothing was said yet.
    pub(super) fn of_presence() -> Self {
        Self { rest: REST_OF_PRESENCE, over: None, due: None }
    }

    /// Whether something may be said now.
    pub(super) fn is_turn(&self, now: Instant) -> bool {
        self.over.is_none_or(|over| over <= now)
    }

    /// Notes that something was said.
    pub(super) fn spoke(&mut self, now: Instant) {
        self.over = Some(now + self.rest);
    }

    /// For what is left to be said: after so long its turn has to be asked for again. None while somebody
    /// is waiting for that already.
    pub(super) fn again(&mut self, now: Instant) -> Option<Duration> {
        if self.due.is_some_and(|due| due > now) {
            return None;
        }
        let due = self.over.unwrap_or(now);
        self.due = Some(due);
        Some(due.saturating_duration_since(now))
    }
}

/// What a window was told of where its note is.
#[derive(Debug)]
pub(super) struct Told {
    status: NoteStatus,
    pace: Pace,
}

/// What follows from a status.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Turn {
    /// To be told now.
    pub(super) tell: Option<NoteStatus>,
    /// After so long it has to be asked for a turn again, with what is true then.
    pub(super) again: Option<Duration>,
}

impl Told {
    /// A window that was told this just now.
    pub(super) fn new(status: NoteStatus, now: Instant) -> Self {
        Self { status, pace: Pace { rest: REST, over: Some(now + REST), due: None } }
    }

    /// What the window believes.
    pub(super) fn status(&self) -> &NoteStatus {
        &self.status
    }

    /// What the window is to be told now that this is true. It counts as told.
    pub(super) fn turn(&mut self, status: NoteStatus, now: Instant) -> Turn {
        if self.status.looks_like(&status) {
            return Turn::default();
        }
        let tell = if self.pace.is_turn(now) {
            Some(status.clone())
        } else {
            self.status.lowered_by(&status)
        };
        if let Some(told) = &tell {
            self.status.clone_from(told);
            self.pace.spoke(now);
        }
        let is_all = self.status.looks_like(&status);
        let again = if is_all { None } else { self.pace.again(now) };
        Turn { tell, again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{DiskState, Place, PlaceKind, PlaceState};

    const SAVED: DiskState = DiskState::Saved { at: 5 };

    fn status(disk: DiskState, place: PlaceState) -> NoteStatus {
        let place =
            Place { name: "home".to_owned(), kind: PlaceKind::Server, state: place, at: None };
        NoteStatus { disk, places: vec![place] }
    }

    /// A window, and a clock that stands still until it is told to go on.
    struct Listening {
        told: Told,
        now: Instant,
        heard: Vec<NoteStatus>,
        due: Option<Instant>,
    }

    impl Listening {
        fn new(status: NoteStatus) -> Self {
            let now = Instant::now();
            Self { told: Told::new(status, now), now, heard: Vec::new(), due: None }
        }

        fn is(&mut self, status: &NoteStatus) {
            let Turn { tell, again } = self.told.turn(status.clone(), self.now);
            self.heard.extend(tell);
            if let Some(wait) = again {
                assert!(self.due.is_none(), "one turn is waited for at a time");
                self.due = Some(self.now + wait);
            }
        }

        /// Lets time pass in which the note stays as it is.
        fn rest(&mut self, milliseconds: u64, status: &NoteStatus) {
            let end = self.now + Duration::from_millis(milliseconds);
            while let Some(due) = self.due.take_if(|due| *due <= end) {
                self.now = due;
                self.is(status);
            }
            self.now = end;
        }
    }

    #[test]
    fn the_first_word_after_a_rest_comes_at_once() {
        let saved = status(SAVED, PlaceState::Saved);
        let mut window = Listening::new(status(DiskState::Saving, PlaceState::Saved));
        window.rest(1_000, &saved);
        window.is(&saved);
        assert_eq!(window.heard, [saved]);
        assert_eq!(window.due, None);
    }

    #[test]
    fn what_is_unsaved_is_said_at_once_and_that_it_is_saved_after_a_rest() {
        let (saved, unsaved) =
            (status(SAVED, PlaceState::Saved), status(DiskState::Saving, PlaceState::Behind));
        let mut window = Listening::new(saved.clone());
        window.is(&unsaved);
        assert_eq!(window.heard.len(), 1);
        window.is(&saved);
        window.rest(199, &saved);
        assert_eq!(window.heard.len(), 1);
        window.rest(1, &saved);
        assert_eq!(window.heard, [unsaved, saved]);
        assert_eq!(window.due, None);
    }

    #[test]
    fn only_what_got_worse_is_told_before_its_time() {
        let mut window = Listening::new(status(DiskState::Saving, PlaceState::Saved));
        let other = status(SAVED, PlaceState::Behind);
        window.is(&other);
        assert_eq!(window.heard, [status(DiskState::Saving, PlaceState::Behind)]);
        window.rest(200, &other);
        assert_eq!(window.heard[1..], [other]);
    }

    #[test]
    fn a_hundred_edits_a_second_are_a_few_words_and_the_last_one_arrives() {
        let states = [
            status(DiskState::Saving, PlaceState::Behind),
            status(SAVED, PlaceState::Behind),
            status(DiskState::Saving, PlaceState::Saved),
            status(SAVED, PlaceState::Received),
            status(SAVED, PlaceState::Saved),
        ];
        let mut window = Listening::new(states[4].clone());
        for _ in 0..100 {
            for status in &states {
                window.is(status);
                window.rest(2, status);
                assert!(window.told.status().lowered_by(status).is_none(), "{status:?}");
            }
        }
        let heard = window.heard.len();
        assert!(heard <= 10, "in a second {heard} words");
        window.rest(1_000, &states[4]);
        assert_eq!(window.heard.last(), Some(&states[4]));
        assert_eq!(window.due, None);
    }

    #[test]
    fn who_is_there_is_told_at_once_and_then_after_a_rest() {
        let (mut pace, start) = (Pace::of_presence(), Instant::now());
        assert!(pace.is_turn(start));
        pace.spoke(start);
        let soon = start + Duration::from_millis(30);
        assert!(!pace.is_turn(soon));
        assert_eq!(pace.again(soon), Some(Duration::from_millis(70)));
        assert_eq!(pace.again(soon), None, "somebody waits already");
        let due = start + REST_OF_PRESENCE;
        assert!(pace.is_turn(due));
        pace.spoke(due);
        assert_eq!(pace.again(due), Some(REST_OF_PRESENCE));
    }

    #[test]
    fn what_got_worse_at_a_place_is_told_at_once_also_when_another_one_came() {
        let saved = status(SAVED, PlaceState::Saved);
        let mut window = Listening::new(saved.clone());
        let mut joined = status(SAVED, PlaceState::Behind);
        let other = Place { name: "Ben".to_owned(), ..joined.places[0].clone() };
        joined.places.insert(0, other);
        window.is(&joined);
        assert_eq!(window.heard, [status(SAVED, PlaceState::Behind)]);
        window.rest(200, &joined);
        assert_eq!(window.heard[1..], [joined]);
    }

    #[test]
    fn a_place_that_came_or_went_waits_for_its_turn() {
        let alone = NoteStatus { disk: SAVED, places: Vec::new() };
        let mut window = Listening::new(alone.clone());
        let joined = status(SAVED, PlaceState::Behind);
        window.is(&joined);
        assert_eq!(window.heard, []);
        window.rest(200, &joined);
        window.is(&alone);
        window.rest(200, &alone);
        assert_eq!(window.heard, [joined, alone]);
    }
}
