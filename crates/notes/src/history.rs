//! What happened to a note, in sessions that a person remembers rather than in single changes.

use std::collections::{BTreeMap, BTreeSet};

use rejoin_document::{ActorId, ChangeHash, Document, Transaction, UnknownHeads};

use crate::change_set::ChangeSet;
use crate::editing::EditedText;
use crate::note::{EditError, Note, NoteWriter};

/// A pause longer than this, in seconds, ends a session.
pub const SESSION_GAP: i64 = 5 * 60;

/// One change, as far as its place in the history matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The change.
    pub hash: ChangeHash,
    /// What it builds on.
    pub deps: Vec<ChangeHash>,
    /// Who made it.
    pub author: Author,
    /// When, in seconds; 0 when the change does not say.
    pub time: i64,
    /// What its author said about it.
    pub message: Option<String>,
    /// How many operations it has.
    pub operations: u64,
}

/// Who made a change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Author {
    /// A person, by the id that their changes carry.
    Person(Vec<u8>),
    /// A writer that does not say who it is for, by its actor.
    Actor(ActorId),
}

/// What one author did without a long pause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub author: Author,
    /// When it began, in seconds.
    pub start: i64,
    /// When it ended, in seconds.
    pub end: i64,
    /// The document before its first change. It contains all that came before that in the order of
    /// the history, whoever made it.
    pub before: Vec<ChangeHash>,
    /// The document after its last change, in the same way.
    pub after: Vec<ChangeHash>,
    /// How many changes it has.
    pub changes: usize,
    /// How many operations these have.
    pub operations: u64,
    /// What was said about them, in order.
    pub messages: Vec<String>,
}

/// What happened to a document, in an order in which each event follows what it builds on.
pub fn events(document: &Document) -> impl Iterator<Item = Event> {
    document.metadata().map(|change| Event {
        hash: change.hash,
        author: change.author.map_or(Author::Actor(change.actor), Author::Person),
        deps: change.deps,
        time: change.time,
        message: change.message,
        operations: (change.max_op + 1).saturating_sub(change.start_op),
    })
}

/// The difference of a note's text between two versions, to be shown.
///
/// # Errors
///
/// When the document does not have these heads.
pub fn difference(
    document: &Document,
    before: &[ChangeHash],
    after: &[ChangeHash],
) -> Result<ChangeSet, UnknownHeads> {
    let before = Note::text_at(document, before)?;
    Ok(ChangeSet::between(&before, &Note::text_at(document, after)?))
}

/// Makes the note's text say what it said then, by changing what differs from now. It is an edit
/// like any other, so nothing is lost and it can be undone.
///
/// # Errors
///
/// When the document refuses; the transaction must then be rolled back.
pub fn restore(tx: &mut Transaction<'_>, note: Note, then: &str) -> Result<ChangeSet, EditError> {
    let changes = ChangeSet::between(&note.text(&tx.view()), then);
    NoteWriter::new(tx, note).apply(&changes)
}

/// Groups events, which must come in an order in which each follows what it builds on, into
/// sessions, in the order in which these ended.
///
/// Sessions of different authors overlap when they wrote at the same time. A message ends its
/// session: it is a commit of its own.
pub fn sessions(events: impl IntoIterator<Item = Event>) -> Vec<Session> {
    let mut frontier = Frontier::default();
    let mut open: BTreeMap<Author, usize> = BTreeMap::new();
    let mut sessions: Vec<(usize, Session)> = Vec::new();
    for (number, event) in events.into_iter().enumerate() {
        let before = frontier.heads();
        frontier.add(&event);
        let continued = open.get(&event.author).copied().filter(|at| {
            let pause = event.time - sessions[*at].1.end;
            (0..=SESSION_GAP).contains(&pause)
        });
        let at = continued.unwrap_or_else(|| {
            sessions.push((number, Session::new(&event, before)));
            open.insert(event.author.clone(), sessions.len() - 1);
            sessions.len() - 1
        });
        let (last, session) = &mut sessions[at];
        *last = number;
        session.end = event.time;
        session.after = frontier.heads();
        session.changes += 1;
        session.operations += event.operations;
        if let Some(message) = event.message.filter(|message| !message.is_empty()) {
            session.messages.push(message);
            open.remove(&event.author);
        }
    }
    sessions.sort_by_key(|(last, _)| *last);
    sessions.into_iter().map(|(_, session)| session).collect()
}

impl Session {
    fn new(event: &Event, before: Vec<ChangeHash>) -> Self {
        Self {
            author: event.author.clone(),
            start: event.time,
            end: event.time,
            before,
            after: Vec::new(),
            changes: 0,
            operations: 0,
            messages: Vec::new(),
        }
    }
}

/// The heads of what was read so far.
#[derive(Default)]
struct Frontier(BTreeSet<ChangeHash>);

impl Frontier {
    fn add(&mut self, event: &Event) {
        for dep in &event.deps {
            self.0.remove(dep);
        }
        self.0.insert(event.hash);
    }

    fn heads(&self) -> Vec<ChangeHash> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(number: u8) -> ChangeHash {
        ChangeHash([number; 32])
    }

    fn event(number: u8, deps: &[u8], author: &str, time: i64) -> Event {
        Event {
            hash: hash(number),
            deps: deps.iter().map(|dep| hash(*dep)).collect(),
            author: Author::Person(author.as_bytes().to_vec()),
            time,
            message: None,
            operations: 10,
        }
    }

    #[test]
    fn a_pause_ends_a_session() {
        let found = sessions([
            event(1, &[], "ana", 1_000),
            event(2, &[1], "ana", 1_000 + SESSION_GAP),
            event(3, &[2], "ana", 1_001 + 2 * SESSION_GAP),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].changes, found[0].operations), (2, 20));
        assert_eq!((&found[0].before, &found[0].after), (&vec![], &vec![hash(2)]));
        assert_eq!((&found[1].before, &found[1].after), (&vec![hash(2)], &vec![hash(3)]));
    }

    #[test]
    fn people_who_write_together_have_one_session_each() {
        let found = sessions([
            event(1, &[], "ana", 0),
            event(2, &[], "ben", 1),
            event(3, &[1], "ana", 2),
            event(4, &[2, 3], "ben", 3),
        ]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].author, Author::Person(b"ana".to_vec()));
        assert_eq!(found[0].after, [hash(2), hash(3)]);
        assert_eq!(found[1].before, [hash(1)]);
        assert_eq!(found[1].after, [hash(4)]);
    }

    #[test]
    fn a_message_ends_its_session() {
        let mut commit = event(1, &[], "ana", 0);
        commit.message = Some("first draft".into());
        let found = sessions([commit, event(2, &[1], "ana", 1)]);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].messages, ["first draft"]);
    }

    #[test]
    fn a_clock_that_goes_back_starts_a_session() {
        let found = sessions([event(1, &[], "ana", 9_000), event(2, &[1], "ana", 10)]);
        assert_eq!(found.len(), 2);
    }
}
