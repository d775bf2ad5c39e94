//! Connections between machines: delay, breaking in mid-message, being split.

use std::{collections::BTreeMap, time::Duration};

use rejoin_sync::{Admitted, ConnectionError, ConnectionId, DocumentId, Event, wire::WireMessage};

use crate::{
    check::Failure,
    node::Stage,
    world::{Happening, Process, World},
};

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Network {
    pipes: BTreeMap<u64, Pipe>,
    next: u64,
    /// Machines with different numbers do not hear each other; all zero when it is whole.
    pub(crate) side: Vec<u8>,
}

/// A connection with two ends: the side that dialed, and the other.
#[derive(Debug)]
struct Pipe {
    ends: [(Process, ConnectionId); 2],
    /// When the last frame to each end arrives: frames do not overtake each other.
    last: [Duration; 2],
    /// Nothing that has not arrived will.
    broken: bool,
}

/// Whether a frame syncs a document or asks for it.
fn names(frame: &[u8], id: &DocumentId) -> bool {
    match WireMessage::decode(frame) {
        Ok(WireMessage::Sync(message) | WireMessage::Request(message)) => message.document == *id,
        _ => false,
    }
}

impl Network {
    pub(crate) fn hears(&self, a: usize, b: usize) -> bool {
        self.side.get(a) == self.side.get(b)
    }
}

impl World {
    pub(crate) fn dial(&mut self, process: Process, connection: ConnectionId, url: &str) {
        let pause = self.random.millis(1, 200);
        let Ok(target) = url.parse() else { return };
        if let Some(node) = self.alive(process) {
            node.connections.insert(connection, Stage::Dialing);
        }
        self.after(pause, Happening::DialEnds { process, connection, target });
    }

    pub(crate) fn dial_ends(&mut self, process: Process, connection: ConnectionId, target: usize) {
        let is_wanted = self
            .alive(process)
            .is_some_and(|node| node.connections.get(&connection) == Some(&Stage::Dialing));
        if !is_wanted {
            return;
        }
        let address = format!("n{}", process.node);
        let admitted = match self.nodes.get(process.node) {
            Some(node) if node.has_token => Admitted::Server,
            Some(node) if node.is_reader => Admitted::Reader,
            _ => Admitted::Writer,
        };
        let accepted = match self.network.hears(process.node, target) {
            true => self.act(target, |hub, now| hub.accept(&address, admitted, now)).flatten(),
            false => None,
        };
        let Some(accepted) = accepted else {
            if let Some(node) = self.alive(process) {
                node.connections.remove(&connection);
            }
            let error = ConnectionError::Lost("nobody answers".to_owned());
            return self.tell(process, Event::DialFailed { connection, error });
        };
        let Some(other) = self.nodes.get(target).map(|node| node.process()) else { return };
        self.network.next += 1;
        let pipe = self.network.next;
        let ends = [(process, connection), (other, accepted)];
        let last = [self.now; 2];
        self.network.pipes.insert(pipe, Pipe { ends, last, broken: false });
        for (end, (process, connection)) in ends.into_iter().enumerate() {
            let target = ends[1 - end].0.node;
            if let Some(node) = self.alive(process) {
                node.connections.insert(connection, Stage::Open { pipe, end, unsent: 0, target });
            }
        }
        self.report.connections += 1;
        self.tell(process, Event::Dialed { connection });
    }

    pub(crate) fn send(&mut self, process: Process, connection: ConnectionId, frame: Vec<u8>) {
        let (delay, busy) = (self.random.millis(1, 120), self.random.one_in(4));
        let Some(node) = self.alive(process) else { return };
        let Some(Stage::Open { unsent, .. }) = node.connections.get_mut(&connection) else {
            return self.fail(Failure::new("a frame was sent on a closed connection"));
        };
        *unsent += 1;
        let is_silent = node.fates.iter().all(|(id, fate)| !fate.is_deleted || !names(&frame, id));
        if !is_silent {
            return self.fail(Failure::new("a document was synced that was deleted"));
        }
        let Some(node) = self.alive(process) else { return };
        let Some(Stage::Open { pipe, end, target, .. }) = node.connections.get(&connection) else {
            return;
        };
        let (pipe, to, target) = (*pipe, 1 - *end, *target);
        self.report.frames += 1;
        let leaves = if busy { self.random.millis(1, 300) } else { Duration::ZERO };
        self.after(leaves, Happening::Sent { process, connection });
        let now = self.now;
        self.nothing_is_given_away(process.node, connection, target, &frame);
        let Some(open) = self.network.pipes.get_mut(&pipe) else { return };
        let arrives = (now + leaves + delay).max(open.last[to]);
        open.last[to] = arrives;
        let crosses = {
            let [a, b] = open.ends;
            self.network.hears(a.0.node, b.0.node)
        };
        if crosses {
            self.at(arrives, Happening::Frame { pipe, end: to, frame });
        } else {
            // What is lost is noticed when no answer comes.
            self.break_pipe(pipe, None, "the other side has fallen silent");
        }
    }

    pub(crate) fn sent(&mut self, process: Process, connection: ConnectionId) {
        let Some(node) = self.alive(process) else { return };
        if let Some(Stage::Open { unsent, .. }) = node.connections.get_mut(&connection) {
            *unsent -= 1;
            self.tell(process, Event::Sent { connection, frames: 1 });
        }
    }

    pub(crate) fn frame_arrives(&mut self, pipe: u64, end: usize, frame: Vec<u8>) {
        let Some(open) = self.network.pipes.get(&pipe) else { return };
        let ((process, connection), broken) = (open.ends[end], open.broken);
        let is_open = self.alive(process).is_some_and(|node| {
            matches!(node.connections.get(&connection), Some(Stage::Open { .. }))
        });
        if is_open && !broken {
            if let Some(node) = self.alive(process) {
                node.hears_of(connection, &frame);
            }
            self.tell(process, Event::Received { connection, frame });
        }
    }

    /// A hub closes its end. What it sent before still arrives.
    pub(crate) fn close(&mut self, process: Process, connection: ConnectionId) {
        let pause = self.random.millis(0, 50);
        let Some(node) = self.alive(process) else { return };
        let stage = node.connections.insert(connection, Stage::Closing);
        self.after(pause, Happening::Over { process, connection });
        match stage {
            Some(Stage::Open { pipe, end, .. }) => {
                let delay = self.random.millis(1, 120);
                let now = self.now;
                let Some(open) = self.network.pipes.get(&pipe) else { return };
                let arrives = (now + delay).max(open.last[1 - end]);
                let reason = "closed by the other side";
                self.at(arrives, Happening::Closed { pipe, end: 1 - end, reason });
            }
            Some(Stage::Dialing) => {}
            Some(Stage::Closing) | None => {
                self.fail(Failure::new("a connection that is gone was closed"));
            }
        }
    }

    /// Breaks a connection: what is on its way is lost, and the ends find out in their own time.
    pub(crate) fn break_pipe(&mut self, pipe: u64, gone: Option<usize>, reason: &'static str) {
        let pauses = [self.random.millis(0, 6000), self.random.millis(0, 6000)];
        let Some(open) = self.network.pipes.get_mut(&pipe) else { return };
        if std::mem::replace(&mut open.broken, true) {
            return;
        }
        for (end, pause) in pauses.into_iter().enumerate() {
            if gone != Some(end) {
                self.after(pause, Happening::Closed { pipe, end, reason });
            }
        }
    }

    pub(crate) fn end_finds_closed(&mut self, pipe: u64, end: usize, reason: &'static str) {
        let Some(open) = self.network.pipes.get(&pipe) else { return };
        let (process, connection) = open.ends[end];
        let Some(node) = self.alive(process) else { return };
        if matches!(node.connections.get(&connection), Some(Stage::Open { .. })) {
            node.connections.remove(&connection);
            self.tell(process, Event::Closed { connection, reason: reason.into() });
        }
    }

    /// Breaks one connection at random.
    pub(crate) fn break_any(&mut self) {
        let open: Vec<_> =
            self.network.pipes.iter().filter(|(_, pipe)| !pipe.broken).map(|(id, _)| *id).collect();
        if !open.is_empty() {
            let pipe = open[self.random.below(open.len())];
            self.break_pipe(pipe, None, "the connection broke");
        }
    }

    /// Splits the network in two, or makes it whole again.
    pub(crate) fn split(&mut self, whole: bool) {
        let count = self.nodes.len();
        let random = &mut self.random;
        self.network.side = (0..count).map(|_| u8::from(!whole && random.one_in(2))).collect();
        let cut: Vec<_> = self
            .network
            .pipes
            .iter()
            .filter(|(_, pipe)| !pipe.broken)
            .filter(|(_, pipe)| !self.network.hears(pipe.ends[0].0.node, pipe.ends[1].0.node))
            .map(|(id, _)| *id)
            .collect();
        for pipe in cut {
            self.break_pipe(pipe, None, "the other side has fallen silent");
        }
    }
}
