//! Actor ids and the document's table of them.

use std::fmt;

use rejoin_columnar::leb128;

use crate::op_id::OpId;

/// The identity of one writer: arbitrary bytes, usually 16 random ones.
///
/// Ordered bytewise, which decides between concurrent operations with equal counters. An actor must
/// never be continued by a second process: two changes with the same `(actor, seq)` split a document
/// for ever.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActorId(Box<[u8]>);

/// A text that is not the hexadecimal form of an actor id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an actor id in hexadecimal form: {0:?}")]
pub struct InvalidActorId(String);

impl ActorId {
    /// Makes an actor id of these bytes.
    pub fn new(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Reads the hexadecimal form.
    ///
    /// # Errors
    /// When the text has an odd length or another character than a hexadecimal digit.
    pub fn from_hex(text: &str) -> Result<Self, InvalidActorId> {
        decode_hex(text).map(|bytes| Self(bytes.into())).ok_or_else(|| InvalidActorId(text.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ActorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorId({self})")
    }
}

/// Decodes hexadecimal digits; `None` when there is anything else.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|value| value as u8);
    digits.chunks(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

/// The actors that a document has met, numbered in the order of meeting.
///
/// A number never changes, so it can stand in ids; the bytewise order is kept beside as ranks.
#[derive(Debug, Clone, Default)]
pub(crate) struct Actors {
    ids: Vec<ActorId>,
    /// The place of each actor in the bytewise order.
    ranks: Vec<u32>,
    /// The actors in bytewise order.
    sorted: Vec<u32>,
}

impl Actors {
    /// The number of an actor, giving it one if it is new.
    pub(crate) fn intern(&mut self, id: &ActorId) -> u32 {
        self.intern_bytes(id.as_bytes())
    }

    /// As [`intern`](Self::intern), of the actor's bytes where they lie.
    pub(crate) fn intern_bytes(&mut self, id: &[u8]) -> u32 {
        match self.search(id) {
            Ok(at) => self.sorted[at],
            Err(at) => {
                let index = self.ids.len() as u32;
                self.ids.push(ActorId::new(id));
                self.sorted.insert(at, index);
                self.ranks.push(0);
                for (rank, actor) in self.sorted.iter().enumerate().skip(at) {
                    self.ranks[*actor as usize] = rank as u32;
                }
                index
            }
        }
    }

    /// The number of an actor that the document has met.
    pub(crate) fn find(&self, id: &[u8]) -> Option<u32> {
        self.search(id).ok().map(|at| self.sorted[at])
    }

    /// The actor with this number.
    pub(crate) fn get(&self, index: u32) -> &ActorId {
        &self.ids[index as usize]
    }

    /// How many actors there are.
    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    /// The actor numbers in bytewise order.
    pub(crate) fn sorted(&self) -> &[u32] {
        &self.sorted
    }

    /// A number that orders operation ids as Automerge does: by counter, then by actor bytes.
    /// A draft's operations come after all others.
    #[inline]
    pub(crate) fn order(&self, id: OpId) -> u64 {
        if id.actor == OpId::DRAFT_ACTOR {
            return 1 << 63 | u64::from(id.counter);
        }
        let rank = self.ranks.get(id.actor as usize).copied().unwrap_or(0);
        u64::from(id.counter) << 31 | u64::from(rank)
    }

    fn search(&self, id: &[u8]) -> Result<usize, usize> {
        self.sorted.binary_search_by(|index| self.ids[*index as usize].as_bytes().cmp(id))
    }
}

/// Actors as the bytes of one chunk number them: those that it names, by their bytes.
#[derive(Debug)]
pub(crate) struct ActorNumbers {
    used: Vec<u32>,
    numbers: Vec<u32>,
}

impl ActorNumbers {
    pub(crate) fn new(actors: &Actors, is_used: impl Fn(u32) -> bool) -> Self {
        let used: Vec<u32> =
            actors.sorted().iter().copied().filter(|actor| is_used(*actor)).collect();
        let mut numbers = vec![u32::MAX; actors.len()];
        for (number, actor) in used.iter().enumerate() {
            numbers[*actor as usize] = number as u32;
        }
        Self { used, numbers }
    }

    /// The number in the chunk of an actor that is used.
    #[inline]
    pub(crate) fn number(&self, actor: u32) -> u32 {
        self.numbers[actor as usize]
    }

    /// Writes how many actors are used, and their ids.
    pub(crate) fn write(&self, actors: &Actors, out: &mut Vec<u8>) {
        leb128::write_u64(out, self.used.len() as u64);
        for actor in &self.used {
            let id = actors.get(*actor).as_bytes();
            leb128::write_u64(out, id.len() as u64);
            out.extend_from_slice(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_follow_the_bytes_and_numbers_the_meeting() {
        let mut actors = Actors::default();
        let (b, a, c) = (ActorId::new(b"b"), ActorId::new(b"a"), ActorId::new(b"c"));
        assert_eq!([actors.intern(&b), actors.intern(&a), actors.intern(&c)], [0, 1, 2]);
        assert_eq!(actors.intern(&a), 1);
        assert_eq!(actors.sorted(), [1, 0, 2]);
        let order = |actor| actors.order(OpId::new(7, actor));
        assert!(order(1) < order(0) && order(0) < order(2));
        assert!(actors.order(OpId::new(1, OpId::DRAFT_ACTOR)) > actors.order(OpId::new(9, 2)));
    }

    #[test]
    fn hexadecimal_form_round_trips_and_refuses_other_text() {
        let id = ActorId::new(&[0, 0xab, 0xff]);
        assert_eq!(ActorId::from_hex(&id.to_string()), Ok(id));
        assert!(ActorId::from_hex("abc").is_err());
        assert!(ActorId::from_hex("zz").is_err());
    }
}
