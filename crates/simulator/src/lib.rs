//! Deterministic network, clock and faulty disk for tests.
//!
//! [`run`] plays one story: a network of two to eight repos, each a [`rejoin_sync::Hub`] as the
//! real program runs it, in virtual time and in one thread. For a while everything goes wrong that
//! can go wrong: messages are late, connections break in mid-message, the network is split,
//! machines crash and lose what their disk had not synced, disks report errors and are full for a
//! while, clocks jump. In half of the stories the disks are bad: a crash leaves a batch behind that is
//! cut at some byte, and chunks turn up at a start of which nobody knows any more. People
//! delete documents and put them back, and choose to which servers they go; some clients may only
//! read, some servers were given no token by those they dial, and some clients pretend to be the
//! store of a server. Then everything heals, and the promises are checked:
//!
//! - all copies of a document have the same heads and the same text,
//! - nothing is missing that a status had called durable, here or on a server,
//! - what a reader has written went to nobody, and a reader has all that others have,
//! - nobody believes a stranger about a disk,
//! - what was deleted stays away until a person puts it back, and then stays, over every restart,
//!   and nobody speaks of it meanwhile,
//! - no document goes to a server that was neither chosen for it nor asked for it,
//! - every effect was answered once, and none was asked for on a connection that is closed,
//! - a message that nobody keeps arrived nowhere twice,
//! - the number of messages is bounded by the number of changes and connections.
//!
//! A story follows from its seed, so that a failure is replayed by its number.

mod check;
mod deletion;
mod disk;
mod network;
mod node;
mod random;
mod scenario;
mod sharing;
mod world;

pub use check::Failure;

/// What happened in a story.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Report {
    /// Repos that took part.
    pub nodes: usize,
    /// Documents that were made.
    pub documents: usize,
    /// Edits by people.
    pub edits: usize,
    /// Connections that were opened.
    pub connections: usize,
    /// Frames that were sent.
    pub frames: usize,
    /// Machines that crashed.
    pub crashes: usize,
    /// Documents that somebody deleted on one machine.
    pub deletions: usize,
    /// Deletions that somebody took back, or took another copy in over.
    pub put_back: usize,
    /// Disks that were full for a while.
    pub full_disks: usize,
    /// Chunks that lay on a disk at a start without anybody knowing of them.
    pub orphans: usize,
    /// Documents that were read with chunks among them that cannot be read.
    pub damaged: usize,
    /// Statuses that called something durable, which was checked at every crash and at the end.
    pub claims: usize,
}

/// Plays the story of a seed.
///
/// # Errors
///
/// The promise that was broken.
pub fn run(seed: u64) -> Result<Report, Failure> {
    let mut world = scenario::begin(seed);
    scenario::trouble(&mut world)?;
    scenario::heal(&mut world)?;
    check::at_the_end(&mut world)?;
    Ok(world.report)
}
