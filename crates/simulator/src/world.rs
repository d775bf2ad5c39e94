//! Virtual time: what will happen, in order.

use std::{collections::BTreeMap, time::Duration};

use rejoin_sync::{ConnectionId, DocumentId, Event, LoadId, WriteId};

use crate::{
    Report,
    check::{Claims, Failure},
    network::Network,
    node::Node,
    random::Random,
};

/// Everything there is.
pub(crate) struct World {
    pub(crate) now: Duration,
    pub(crate) random: Random,
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) documents: Vec<DocumentId>,
    pub(crate) claims: Claims,
    pub(crate) report: Report,
    pub(crate) failure: Option<Failure>,
    /// Nothing goes wrong any more.
    pub(crate) healing: bool,
    /// Disks keep half of what was being written when their machine crashed, and chunks turn up on
    /// them of which nobody knows any more.
    pub(crate) disks_are_bad: bool,
    queue: BTreeMap<(Duration, u64), Happening>,
    sequence: u64,
}

/// One run of a program on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process {
    pub(crate) node: usize,
    pub(crate) run: u32,
}

/// Something that will happen.
#[derive(Debug)]
pub(crate) enum Happening {
    /// A hub wanted to be woken.
    Tick(Process),
    /// An attempt to connect comes to its end.
    DialEnds { process: Process, connection: ConnectionId, target: usize },
    /// A frame arrives at one end of a pipe.
    Frame { pipe: u64, end: usize, frame: Vec<u8> },
    /// A frame has left for the socket.
    Sent { process: Process, connection: ConnectionId },
    /// One end of a pipe finds it closed.
    Closed { pipe: u64, end: usize, reason: &'static str },
    /// A closing or an attempt to dial is over.
    Over { process: Process, connection: ConnectionId },
    /// The disk has read.
    Loaded { process: Process, load: LoadId, document: DocumentId },
    /// The disk has synced, or not.
    Written { process: Process, write: WriteId, failed: bool },
    /// A disk that was full has room again.
    RoomAgain { node: usize },
    /// A machine starts again.
    Restart { node: usize },
    /// Something goes wrong, or somebody types.
    Trouble,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            now: Duration::ZERO,
            random: Random::new(seed),
            nodes: Vec::new(),
            network: Network::default(),
            documents: Vec::new(),
            claims: Claims::default(),
            report: Report::default(),
            failure: None,
            healing: false,
            disks_are_bad: false,
            queue: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub(crate) fn at(&mut self, time: Duration, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((time, self.sequence), happening);
    }

    pub(crate) fn after(&mut self, pause: Duration, happening: Happening) {
        self.at(self.now + pause, happening);
    }

    /// Lets everything happen up to a time.
    pub(crate) fn run_until(&mut self, end: Duration) -> Result<(), Failure> {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= end
        {
            let ((time, _), happening) = entry.remove_entry();
            self.now = time;
            self.happen(happening);
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
        }
        self.now = end;
        Ok(())
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick(process) => {
                if let Some(node) = self.alive(process) {
                    node.armed = None;
                }
                self.tell(process, Event::Tick);
            }
            Happening::DialEnds { process, connection, target } => {
                self.dial_ends(process, connection, target);
            }
            Happening::Frame { pipe, end, frame } => self.frame_arrives(pipe, end, frame),
            Happening::Sent { process, connection } => self.sent(process, connection),
            Happening::Closed { pipe, end, reason } => self.end_finds_closed(pipe, end, reason),
            Happening::Over { process, connection } => {
                let event = Event::Closed { connection, reason: "over".into() };
                if let Some(node) = self.alive(process) {
                    node.answered_close(connection);
                }
                self.tell(process, event);
            }
            Happening::Loaded { process, load, document } => {
                let fails = self.random.one_in(25);
                if let Some(node) = self.alive(process) {
                    let result = node.read(&document, fails);
                    let is_damaged = result.as_ref().is_ok_and(|stored| stored.unread() > 0);
                    self.report.damaged += usize::from(is_damaged);
                    self.tell(process, Event::Loaded { load, result });
                }
            }
            Happening::Written { process, write, failed } => {
                if let Some(node) = self.alive(process) {
                    let result = node.sync(failed);
                    self.tell(process, Event::Written { write, result });
                }
            }
            Happening::RoomAgain { node } => self.make_room(node),
            Happening::Restart { node } => self.restart(node),
            Happening::Trouble => self.trouble(),
        }
    }

    /// The machine, if this run of its program still goes on.
    pub(crate) fn alive(&mut self, process: Process) -> Option<&mut Node> {
        let node = self.nodes.get_mut(process.node)?;
        (node.run == process.run && node.hub.is_some()).then_some(node)
    }

    pub(crate) fn fail(&mut self, failure: Failure) {
        self.failure.get_or_insert(failure);
    }
}
