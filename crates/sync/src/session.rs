//! A session: two calls that bring one document and one peer to the same changes.
//!
//! It is Automerge's sync protocol, as every version that is in use speaks it. What differs from
//! the reference stays inside its messages and is written down in `docs/sync-protocol.md`.

use std::collections::HashSet;

use rejoin_document::{ChangeHash, Document, LoadError, LoadErrorCause, LoadOptions, PatchLog};

use crate::bloom::BloomFilter;
use crate::message::{Extensions, Have, Message, MessageFlags, MessageVersion};
use crate::session_payload::{self as payload, LastPacked, Payload};
use crate::session_summary::{frontier, has, summarise};
use crate::state::{InFlight, State, Theirs};

/// What a received message did to the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Received {
    /// How many changes the history has gained, those included that had waited for one of them.
    pub changes: usize,
    /// How many changes were refused. They are kept beside the document
    /// ([`Document::refused`]) and are not asked for again.
    pub refused: usize,
    /// How many changes that waited for others, or were refused, were dropped because they took
    /// more memory than [`State::set_max_set_aside`] allows. They are asked for again.
    pub dropped: usize,
}

/// A message whose changes cannot be read. The state is as before.
#[derive(Debug, thiserror::Error)]
#[error("changes of a sync message cannot be read: {source}")]
pub struct ReceiveError {
    /// What the chunks before the malformed one did.
    pub received: Received,
    /// What is wrong.
    pub source: LoadError,
}

impl ReceiveError {
    /// Whether the changes inflate to more than [`State::set_max_inflated`] allows.
    pub fn is_too_large(&self) -> bool {
        self.source.cause.is_too_large()
    }
}

/// The next message for the peer, or `None` when there is nothing that it has not been told.
///
/// Call it at the start of a connection, after every received message and after every local
/// change, and send what it returns in that order: the channel has to be reliable and ordered. A
/// second call in a row returns `None`. The work grows with what is new to the peer, not with the
/// history, except with a peer that the state knows nothing of.
///
/// # Example
///
/// ```
/// use rejoin_document::{ActorId, CommitOptions, Document, ObjId, PatchLog};
/// use rejoin_sync::{Message, State, generate_sync_message, receive_sync_message};
///
/// let (mut here, mut there) = (Document::new(), Document::new());
/// let actor = ActorId::new(b"here");
/// let mut transaction = here.transaction(&actor);
/// transaction.put(ObjId::ROOT, "key", "value")?;
/// transaction.commit(CommitOptions::default());
///
/// let (mut state_here, mut state_there) = (State::new(), State::new());
/// let log = &mut PatchLog::inactive();
/// loop {
///     let to_there = generate_sync_message(&here, &mut state_here);
///     if let Some(message) = &to_there {
///         let arrived = Message::decode(&message.encode())?;
///         receive_sync_message(&mut there, &mut state_there, arrived, log)?;
///     }
///     let to_here = generate_sync_message(&there, &mut state_there);
///     if let Some(message) = &to_here {
///         let arrived = Message::decode(&message.encode())?;
///         receive_sync_message(&mut here, &mut state_here, arrived, log)?;
///     }
///     if to_there.is_none() && to_here.is_none() {
///         break;
///     }
/// }
/// assert_eq!(here.heads(), there.heads());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate_sync_message(doc: &Document, state: &mut State) -> Option<Message> {
    generate_for_one_of_many(doc, state, &mut LastPacked::default())
}

/// [`generate_sync_message`] for a document that has several peers: what one was sent is not packed
/// again for the next.
pub(crate) fn generate_for_one_of_many(
    doc: &Document,
    state: &mut State,
    last: &mut LastPacked,
) -> Option<Message> {
    let heads = doc.heads();
    if state.theirs.is_none() {
        // A stored state may be ahead of a document that was restored from an older copy.
        state.shared_heads.retain(|hash| has(doc, hash));
    }
    let need = missing(doc, state);
    let ask = Ask::of(&need, state);
    let payload = payload::choose(doc, state, last);
    let probe = state.theirs.as_ref().is_some_and(|theirs| theirs.asked_for_in_flight);
    let told = state.last_sent_heads.as_deref() == Some(heads);
    if told && payload.is_empty() && ask == Ask::Nothing && !probe {
        return None;
    }

    let mut bits = MessageFlags::SUPPORTS_SYNC_RESET;
    if state.read_only {
        bits |= MessageFlags::READ_ONLY;
    }
    let mut told_heads = heads.to_vec();
    if std::mem::take(&mut state.needs_reset) {
        // Older peers forget what they sent when they are told that there is nothing here.
        if state.peer.supports_reset {
            bits |= MessageFlags::SYNC_RESET;
        } else {
            told_heads.clear();
        }
    } else if ask == Ask::Again {
        bits |= MessageFlags::SYNC_RESET;
    }

    note_sent(doc, state, &payload, &need, ask);
    let have = summarise(doc, state, &need);
    let version = match state.peer.reads_version_2 {
        true => MessageVersion::V2,
        false => MessageVersion::V1,
    };
    // A peer that told what it can, without extensions, is not told of them.
    let known_without = state.peer.reads_version_2 && state.peer.extensions == Extensions::NONE;
    let extensions = if known_without { Extensions::NONE } else { Extensions::OURS };
    let flags = Some(MessageFlags::new(bits, extensions));
    Some(Message { version, heads: told_heads, need, have, chunks: payload.chunks, flags })
}

/// The message that tells the heads of a document that is not in memory, to a peer that takes heads
/// first and was not told them; none where the document itself is needed to say something.
pub(crate) fn generate_heads(heads: &[ChangeHash], state: &mut State) -> Option<Message> {
    let is_told = state.last_sent_heads.as_deref() == Some(heads);
    let is_settled = state.theirs.as_ref().is_none_or(|theirs| theirs.heads == heads);
    let takes_heads = state.peer.extensions.contains(Extensions::HEADS_FIRST);
    if is_told || !is_settled || !takes_heads || state.needs_reset || heads.is_empty() {
        return None;
    }
    state.last_sent_heads = Some(heads.to_vec());
    state.heard_since_sent = false;
    let mut bits = MessageFlags::SUPPORTS_SYNC_RESET;
    if state.read_only {
        bits |= MessageFlags::READ_ONLY;
    }
    Some(Message {
        version: MessageVersion::V2,
        heads: heads.to_vec(),
        need: Vec::new(),
        have: Vec::new(),
        chunks: Vec::new(),
        flags: Some(MessageFlags::new(bits, Extensions::OURS)),
    })
}

/// Takes a message of a peer that has exactly the heads of a document that is not in memory, and
/// asks for nothing by name; false, and nothing was taken, when the document is needed for it.
pub(crate) fn receive_heads(heads: &[ChangeHash], state: &mut State, message: &Message) -> bool {
    let flags = message.flags.unwrap_or_default();
    let is_equal = message.heads == heads && !heads.is_empty();
    let asks = !message.need.is_empty() || flags.contains(MessageFlags::SYNC_RESET);
    // Who does not take heads first has to be told more than those.
    let takes_heads = flags.extensions.contains(Extensions::HEADS_FIRST);
    if !is_equal || asks || !message.chunks.is_empty() || !takes_heads {
        return false;
    }
    state.note_flags(flags);
    state.shared_heads = heads.to_vec();
    state.in_flight = InFlight::Nothing;
    state.need_rounds = 0;
    let (need, have) = (Vec::new(), Vec::new());
    let theirs = Theirs { heads: heads.to_vec(), need, have, asked_for_in_flight: false };
    state.theirs = Some(theirs);
    state.heard_since_sent = true;
    true
}

/// Takes a message of the peer: its changes go into the document and its patches into `log`.
///
/// Call [`generate_sync_message`] afterwards: there may be an answer.
///
/// # Errors
///
/// When the changes in it cannot be read. The peer should then be disconnected: the next session
/// starts from the stored state and loses nothing.
pub fn receive_sync_message(
    doc: &mut Document,
    state: &mut State,
    message: Message,
    log: &mut PatchLog,
) -> Result<Received, ReceiveError> {
    let Message { mut heads, mut need, mut have, chunks, flags, .. } = message;
    if state.theirs.is_none() {
        // A stored state may be ahead of a document that was restored from an older copy.
        state.shared_heads.retain(|hash| has(doc, hash));
    }
    let received = match state.read_only {
        true => Received::default(),
        false => take(doc, &chunks, state.load, log)?,
    };
    if let Some(flags) = flags {
        state.note_flags(flags);
    }
    for hashes in [&mut heads, &mut need] {
        hashes.sort_unstable();
        hashes.dedup();
    }
    note_shared(doc, state, &heads, &have);
    if state.shared_heads == heads {
        // Nothing will be asked of the filters, which may be large, while the connection idles.
        have.iter_mut().for_each(|have| have.bloom = BloomFilter::default());
    }
    let asked_for_in_flight = defer_in_flight(state, &mut need);
    state.need_rounds = if need.is_empty() { 0 } else { state.need_rounds.saturating_add(1) };
    state.theirs = Some(Theirs { heads, need, have, asked_for_in_flight });
    state.heard_since_sent = true;
    if received.dropped > 0 {
        state.note_dropped();
    }
    Ok(received)
}

/// Loads the chunks. A refused change is no reason to end the session: the rest was taken.
fn take(
    doc: &mut Document,
    chunks: &[Vec<u8>],
    options: LoadOptions,
    log: &mut PatchLog,
) -> Result<Received, ReceiveError> {
    if chunks.is_empty() {
        return Ok(Received::default());
    }
    let (changes, refused, dropped) = (doc.change_count(), doc.refused().len(), doc.dropped());
    let loaded = doc.load_incremental_with(&chunks.concat(), options, log);
    // One that was refused before may fit now, so that there can also be fewer.
    let refused = doc.refused().len().saturating_sub(refused);
    let dropped = doc.dropped().saturating_sub(dropped);
    let received = Received { changes: doc.change_count() - changes, refused, dropped };
    match loaded {
        Ok(_) | Err(LoadError { cause: LoadErrorCause::Apply(_), .. }) => Ok(received),
        Err(source) => Err(ReceiveError { received, source }),
    }
}

/// So often in a row it is asked for changes that were dropped when they came. Each time the peer
/// gives twice as much of what is before them, which needs no waiting.
pub(crate) const MAX_DROPPED: u8 = 8;

/// Whether a message is due because of changes that are known to be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    /// Nothing is missing, or it was asked for and the answer is not here yet.
    Nothing,
    First,
    /// The peer answered and did not send them: it believes that it did. It is told to forget.
    Again,
}

impl Ask {
    fn of(need: &[ChangeHash], state: &State) -> Self {
        let is_in_vain = state.was_dropped && state.times_dropped >= MAX_DROPPED;
        if need.is_empty() || is_in_vain {
            Self::Nothing
        } else if need != state.last_need {
            Self::First
        } else if state.heard_since_sent && (state.times_asked == 1 || state.was_dropped) {
            Self::Again
        } else {
            Self::Nothing
        }
    }
}

/// The changes on the way to the peer's heads that nobody has brought yet. A change that was
/// refused is not asked for again.
fn missing(doc: &Document, state: &State) -> Vec<ChangeHash> {
    let Some(theirs) = &state.theirs else { return Vec::new() };
    if state.read_only || theirs.heads.iter().all(|hash| has(doc, hash)) {
        return Vec::new();
    }
    let mut need = doc.missing_before(&theirs.heads);
    need.retain(|hash| !doc.is_refused(hash));
    need
}

/// Notes what a message says before it is written.
fn note_sent(doc: &Document, state: &mut State, payload: &Payload, need: &[ChangeHash], ask: Ask) {
    if state.last_sent_heads.as_deref() != Some(doc.heads()) {
        state.times_dropped = 0;
    }
    if ask != Ask::Nothing && std::mem::take(&mut state.was_dropped) {
        state.times_dropped += 1;
    }
    state.last_sent_heads = Some(doc.heads().to_vec());
    state.times_asked = match ask {
        Ask::First => 1,
        Ask::Again => 2,
        Ask::Nothing => state.times_asked,
    };
    state.last_need = need.to_vec();
    state.heard_since_sent = false;
    state.changes_sent += match &payload.sent {
        InFlight::Nothing => 0,
        InFlight::Changes(changes) => changes.len(),
        InFlight::Everything => doc.change_count(),
    };
    state.in_flight.add(payload.sent.clone());
    if payload.reaches_heads {
        state.sent_heads = doc.heads().to_vec();
    }
    if let Some(theirs) = &mut state.theirs {
        if payload.answers_need {
            theirs.need.retain(|hash| !has(doc, hash));
        }
        theirs.asked_for_in_flight = false;
    }
}

/// Takes what the peer says it has into what both have.
fn note_shared(doc: &Document, state: &mut State, heads: &[ChangeHash], have: &[Have]) {
    if heads.is_empty() {
        // The peer has nothing, or nothing any more.
        state.forget_sent();
        state.last_sent_heads = state.last_sent_heads.take().map(|_| Vec::new());
    }
    let known: Vec<_> = heads.iter().filter(|hash| has(doc, hash)).copied().collect();
    if known.len() == heads.len() {
        state.shared_heads = known;
        return;
    }
    // An Automerge peer with heads says this of its history only to a peer that believes that it
    // has more: it has lost changes.
    let lost = !state.peer.extensions.contains(Extensions::HEADS_FIRST)
        && matches!(have, [only] if only.is_empty());
    if lost {
        state.forget_sent();
        state.shared_heads.clear();
    }
    let mut shared = std::mem::take(&mut state.shared_heads);
    shared.extend(known);
    shared.extend(have.iter().flat_map(|have| &have.last_sync).filter(|hash| has(doc, hash)));
    state.shared_heads = frontier(doc, shared);
}

/// Takes out of `need` what went out since the peer's last message: its answer may be on the way.
/// Says whether there was any. If the peer asks for it again, then it was lost.
fn defer_in_flight(state: &mut State, need: &mut Vec<ChangeHash>) -> bool {
    let asked = need.len();
    match std::mem::take(&mut state.in_flight) {
        InFlight::Nothing => {}
        InFlight::Everything => need.clear(),
        InFlight::Changes(_) if need.is_empty() => {}
        InFlight::Changes(sent) => {
            let sent: HashSet<_> = sent.into_iter().collect();
            need.retain(|hash| !sent.contains(hash));
        }
    }
    need.len() < asked
}
