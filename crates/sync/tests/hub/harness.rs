//! Machines with a hub each, and what passes between them.

use std::{collections::BTreeMap, time::Duration};

use rejoin_document::{ActorId, CommitOptions, Document, ObjId, ObjType, Prop, TextUnit, Value};
use rejoin_sync::{
    Admitted, CloseCause, ConnectionError, ConnectionId, DocumentEvent, DocumentId, DocumentStatus,
    Effect, Event, Hub, HubOptions, LoadId, Now, PeerId, SharePolicy, StorageId, StoredDocument,
    WriteBatch, WriteId, wire::WireMessage,
};

pub(crate) type Store = BTreeMap<Vec<String>, Vec<u8>>;

pub(crate) struct Machine {
    pub(crate) hub: Hub,
    pub(crate) store: Store,
    pub(crate) told: Vec<DocumentEvent>,
    /// Frames are taken and not reported as sent.
    pub(crate) is_socket_busy: bool,
    pub(crate) disk_error: Option<&'static str>,
    /// Batches in which something of one of these is put fail.
    pub(crate) refuses: Vec<DocumentId>,
    /// What was put down in the log.
    pub(crate) warnings: Vec<String>,
    /// So many of the next batches fail.
    pub(crate) failures_to_come: usize,
    pub(crate) writes: usize,
    /// Batches that failed.
    pub(crate) failed_writes: usize,
    /// Reads and writes wait until the test lets them go on.
    pub(crate) is_disk_slow: bool,
    /// As what those who dial are let in.
    pub(crate) admits: Admitted,
    waiting: Vec<DiskRequest>,
    unsent: Vec<(ConnectionId, usize)>,
}

enum DiskRequest {
    Load(LoadId, DocumentId),
    Write(WriteId, WriteBatch),
}

pub(crate) struct Net {
    pub(crate) machines: Vec<Machine>,
    pub(crate) now: Duration,
    /// Every frame that was sent: from, to, message.
    pub(crate) sent: Vec<(usize, usize, WireMessage)>,
    pub(crate) closed: Vec<(usize, CloseCause, String)>,
    peers: BTreeMap<(usize, ConnectionId), (usize, ConnectionId)>,
    in_flight: Vec<(usize, ConnectionId, Vec<u8>)>,
    /// Dialing is refused.
    pub(crate) is_cut: bool,
}

pub(crate) fn id(number: u8) -> DocumentId {
    DocumentId::from_random([number; 16])
}

pub(crate) fn options(name: &str) -> HubOptions {
    HubOptions {
        storage_id: Some(StorageId::new(&format!("store of {name}")).unwrap()),
        ..HubOptions::new(PeerId::new(name).unwrap())
    }
}

pub(crate) fn server_options(name: &str) -> HubOptions {
    HubOptions { reports_durable_heads: true, ..options(name) }
}

impl Net {
    pub(crate) fn new() -> Self {
        Self {
            machines: Vec::new(),
            now: Duration::from_secs(1),
            sent: Vec::new(),
            closed: Vec::new(),
            peers: BTreeMap::new(),
            in_flight: Vec::new(),
            is_cut: false,
        }
    }

    pub(crate) fn add(&mut self, options: HubOptions, policy: impl SharePolicy + 'static) -> usize {
        self.add_with_store(options, policy, Store::new())
    }

    /// A machine that finds these values on its disk.
    pub(crate) fn add_with_store(
        &mut self,
        options: HubOptions,
        policy: impl SharePolicy + 'static,
        store: Store,
    ) -> usize {
        self.machines.push(Machine {
            hub: Hub::new(options, Box::new(policy)),
            store,
            told: Vec::new(),
            is_socket_busy: false,
            disk_error: None,
            refuses: Vec::new(),
            warnings: Vec::new(),
            failures_to_come: 0,
            writes: 0,
            failed_writes: 0,
            is_disk_slow: false,
            admits: Admitted::Writer,
            waiting: Vec::new(),
            unsent: Vec::new(),
        });
        self.machines.len() - 1
    }

    pub(crate) fn time(&self) -> Now {
        Now { elapsed: self.now, unix_ms: 1_700_000_000_000 + self.now.as_millis() as u64 }
    }

    /// Lets somebody at a machine do something, and everything that follows at once.
    pub(crate) fn act<R>(&mut self, machine: usize, act: impl FnOnce(&mut Hub, Now) -> R) -> R {
        let now = self.time();
        let result = act(&mut self.machines[machine].hub, now);
        self.settle();
        result
    }

    pub(crate) fn dial(&mut self, from: usize, to: usize) {
        self.act(from, |hub, _| hub.dial(&to.to_string(), None));
    }

    /// Makes a document with some text, and opens it.
    pub(crate) fn create(&mut self, machine: usize, document: &DocumentId, text: &str) {
        let mut content = Document::new();
        write(&mut content, machine, text);
        self.act(machine, |hub, now| {
            hub.open(document, now);
            hub.create(document, content, now);
        });
    }

    pub(crate) fn open(&mut self, machine: usize, document: &DocumentId) {
        self.act(machine, |hub, now| hub.open(document, now));
    }

    pub(crate) fn type_into(&mut self, machine: usize, document: &DocumentId, text: &str) {
        self.act(machine, |hub, now| hub.edit(document, now, |doc, _| write(doc, machine, text)))
            .unwrap();
    }

    /// The text of a document at a machine, if it is there.
    pub(crate) fn text(&self, machine: usize, document: &DocumentId) -> Option<String> {
        text_of(self.machines[machine].hub.document(document)?)
    }

    pub(crate) fn status(&self, machine: usize, document: &DocumentId) -> DocumentStatus {
        self.machines[machine].hub.status(document).unwrap()
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        self.settle();
        while let Some((at, machine)) = self
            .machines
            .iter()
            .enumerate()
            .filter_map(|(index, machine)| Some((machine.hub.next_wakeup()?, index)))
            .min()
            .filter(|(at, _)| *at <= end)
        {
            self.now = self.now.max(at);
            self.act(machine, |hub, now| hub.handle(Event::Tick, now));
        }
        self.now = end;
    }

    /// Performs effects until there are none.
    pub(crate) fn settle(&mut self) {
        for round in 0.. {
            assert!(round < 5_000, "messages go round and round");
            let now = self.time();
            let mut is_quiet = true;
            for index in 0..self.machines.len() {
                for effect in self.machines[index].hub.take_effects(now) {
                    is_quiet = false;
                    self.perform(index, effect);
                }
            }
            let frames = std::mem::take(&mut self.in_flight);
            if frames.is_empty() && is_quiet {
                return;
            }
            for (to, connection, frame) in frames {
                self.machines[to].hub.handle(Event::Received { connection, frame }, now);
            }
        }
    }

    fn perform(&mut self, index: usize, effect: Effect) {
        let now = self.time();
        match effect {
            Effect::Dial { connection, url, .. } => self.dialed(index, connection, &url),
            Effect::Send { connection, frame } => {
                let machine = &mut self.machines[index];
                if machine.is_socket_busy {
                    machine.unsent.push((connection, 1));
                } else {
                    machine.hub.handle(Event::Sent { connection, frames: 1 }, now);
                }
                if let Some((to, other)) = self.peers.get(&(index, connection)) {
                    self.sent.push((index, *to, WireMessage::decode(&frame).unwrap()));
                    self.in_flight.push((*to, *other, frame));
                }
            }
            Effect::Close { connection, cause, reason } => {
                self.closed.push((index, cause, reason.clone()));
                self.machines[index].hub.handle(Event::Closed { connection, reason }, now);
                if let Some((to, other)) = self.peers.remove(&(index, connection)) {
                    self.peers.remove(&(to, other));
                    let reason = "closed by the other side".into();
                    let event = Event::Closed { connection: other, reason };
                    self.machines[to].hub.handle(event, now);
                }
            }
            Effect::Load { load, document } => {
                self.machines[index].disk(DiskRequest::Load(load, document), now);
            }
            Effect::Write { write, batch } => {
                self.machines[index].disk(DiskRequest::Write(write, batch), now);
            }
            Effect::Tell { event, .. } => self.machines[index].told.push(event),
            Effect::Warn { reason, .. } => self.machines[index].warnings.push(reason),
            Effect::ConnectionsChanged => {}
        }
    }

    fn dialed(&mut self, index: usize, connection: ConnectionId, url: &str) {
        let (now, to) = (self.time(), url.parse::<usize>().unwrap());
        let accepted = match self.is_cut {
            true => None,
            false => {
                let machine = &mut self.machines[to];
                machine.hub.accept(&format!("machine {index}"), machine.admits, now)
            }
        };
        let event = match accepted {
            Some(other) => {
                self.peers.insert((index, connection), (to, other));
                self.peers.insert((to, other), (index, connection));
                Event::Dialed { connection }
            }
            None => {
                let error = ConnectionError::Lost("nobody answers".into());
                Event::DialFailed { connection, error }
            }
        };
        self.machines[index].hub.handle(event, now);
    }

    /// Breaks every connection; what is in flight is lost.
    pub(crate) fn cut(&mut self) {
        self.is_cut = true;
        self.in_flight.clear();
        let now = self.time();
        for ((index, connection), _) in std::mem::take(&mut self.peers) {
            let event = Event::Closed { connection, reason: "the network is gone".into() };
            self.machines[index].hub.handle(event, now);
        }
        self.settle();
    }

    /// Breaks the connections between two machines, and lets nobody dial for now.
    pub(crate) fn cut_between(&mut self, a: usize, b: usize) {
        self.is_cut = true;
        let now = self.time();
        let ends: Vec<_> = self.peers.iter().map(|(end, other)| (*end, other.0)).collect();
        for ((index, connection), other) in ends {
            if (index, other) == (a, b) || (index, other) == (b, a) {
                self.peers.remove(&(index, connection));
                let event = Event::Closed { connection, reason: "the link is cut".into() };
                self.machines[index].hub.handle(event, now);
            }
        }
        self.settle();
    }

    /// A frame arrives out of the blue on the first connection of a machine.
    pub(crate) fn inject(&mut self, to: usize, frame: Vec<u8>) {
        let (_, connection) = *self.peers.keys().find(|(index, _)| *index == to).unwrap();
        let now = self.time();
        self.machines[to].hub.handle(Event::Received { connection, frame }, now);
        self.settle();
    }

    /// One machine says something to another out of the blue.
    pub(crate) fn inject_from(&mut self, from: usize, to: usize, frame: Vec<u8>) {
        let mut pairs = self.peers.iter();
        let pair = pairs.find(|((index, _), (other, _))| (*index, *other) == (to, from));
        let connection = pair.unwrap().0.1;
        let now = self.time();
        self.machines[to].hub.handle(Event::Received { connection, frame }, now);
        self.settle();
    }

    /// Frames arrive out of the blue, all before anything is answered.
    pub(crate) fn inject_all(&mut self, to: usize, frames: Vec<Vec<u8>>) {
        let (_, connection) = *self.peers.keys().find(|(index, _)| *index == to).unwrap();
        let now = self.time();
        for frame in frames {
            self.machines[to].hub.handle(Event::Received { connection, frame }, now);
        }
        self.settle();
    }

    /// Sockets are free again: everything that was taken has left.
    pub(crate) fn free_socket(&mut self, machine: usize) {
        let now = self.time();
        self.machines[machine].is_socket_busy = false;
        for (connection, frames) in std::mem::take(&mut self.machines[machine].unsent) {
            self.machines[machine].hub.handle(Event::Sent { connection, frames }, now);
        }
        self.settle();
    }

    /// The disk answers what has waited.
    pub(crate) fn let_disk_answer(&mut self, machine: usize) {
        let now = self.time();
        let machine = &mut self.machines[machine];
        machine.is_disk_slow = false;
        for request in std::mem::take(&mut machine.waiting) {
            machine.disk(request, now);
        }
        self.settle();
    }

    /// How many sync messages went from one machine to another.
    pub(crate) fn syncs(&self, from: usize, to: usize) -> usize {
        let of_pair = self.sent.iter().filter(|(a, b, _)| (*a, *b) == (from, to));
        of_pair.filter(|(.., message)| matches!(message, WireMessage::Sync(_))).count()
    }
}

impl Machine {
    fn disk(&mut self, request: DiskRequest, now: Now) {
        if self.is_disk_slow {
            return self.waiting.push(request);
        }
        let event = match request {
            DiskRequest::Load(load, document) => {
                let result = match self.disk_error {
                    Some(error) => Err(error.to_owned()),
                    None => Ok(Box::new(read(&self.store, &document))),
                };
                Event::Loaded { load, result }
            }
            DiskRequest::Write(write, batch) => {
                let is_refused =
                    batch.puts.iter().any(|(key, _)| self.refuses.contains(&key.document));
                let fails = self.failures_to_come > 0;
                self.failures_to_come = self.failures_to_come.saturating_sub(1);
                let error = is_refused.then_some("does not fit").or(self.disk_error);
                let error = error.or(fails.then_some("failed this once"));
                let result = match error {
                    Some(error) => {
                        self.failed_writes += 1;
                        Err(error.to_owned())
                    }
                    None => {
                        self.writes += 1;
                        self.apply(batch);
                        Ok(())
                    }
                };
                Event::Written { write, result }
            }
        };
        self.hub.handle(event, now);
    }

    fn apply(&mut self, batch: WriteBatch) {
        for document in batch.erased {
            self.store.retain(|key, _| key[0] != document.to_string());
        }
        for key in batch.deletes {
            self.store.remove(key.segments().as_slice());
        }
        for (key, value) in batch.puts {
            self.store.insert(key.segments().to_vec(), value);
        }
    }
}

/// What a disk has of a document.
pub(crate) fn read(store: &Store, document: &DocumentId) -> StoredDocument {
    let entries = store.iter().filter(|(key, _)| key[0] == document.to_string());
    let entries = entries.map(|(key, value)| (key.clone(), value.clone()));
    StoredDocument::assemble(document, entries.collect())
}

pub(crate) fn text_of(document: &Document) -> Option<String> {
    let Ok(Some(Value::Object(_, text))) = document.view().get(ObjId::ROOT, "content") else {
        return None;
    };
    document.view().text(text).ok()
}

/// Appends text in a change of its own.
pub(crate) fn write(document: &mut Document, machine: usize, words: &str) {
    let actor = ActorId::new(&[machine as u8 + 1; 4]);
    let mut tx = document.transaction(&actor);
    let text = match tx.view().get(ObjId::ROOT, Prop::Key("content")).unwrap() {
        Some(Value::Object(_, text)) => text,
        _ => tx.put_object(ObjId::ROOT, "content", ObjType::Text).unwrap(),
    };
    let end = tx.view().length(text, TextUnit::Utf16).unwrap();
    tx.splice_text(text, end, 0, words, TextUnit::Utf16).unwrap();
    tx.commit(CommitOptions::default()).unwrap();
}
