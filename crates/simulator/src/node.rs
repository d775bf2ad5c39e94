//! One machine: a hub, a disk, and the people at it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Document, ObjId, Patch, PatchAction, PatchLog, TextUnit,
    Value,
};
use rejoin_storage::{Batch, ChunkStore, FaultyStore, KeyPrefix, StorageKey};
use rejoin_sync::{
    ConnectionId, DocumentEvent, DocumentId, Effect, Event, Hub, HubOptions, Now, PeerId,
    PublishMode, ServeOnRequest, ShareAll, StorageId, StoredDocument, StoredKey, StoredKind,
    WriteBatch,
};

use crate::{
    check::Failure,
    deletion::Fate,
    sharing::Sharing,
    world::{Happening, Process, World},
};

/// One machine.
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) is_server: bool,
    /// Says of itself that it is a server whose disk can be relied on.
    pub(crate) is_pretender: bool,
    /// Those whom it dials let it in as a server.
    pub(crate) has_token: bool,
    /// Those whom it dials let it read only.
    pub(crate) is_reader: bool,
    /// What the people at it wrote all the same.
    pub(crate) unheard: BTreeSet<ChangeHash>,
    pub(crate) dials: Vec<usize>,
    pub(crate) storage_id: StorageId,
    pub(crate) disk: FaultyStore,
    /// None while the machine is down.
    pub(crate) hub: Option<Hub>,
    /// Counts the runs of the program.
    pub(crate) run: u32,
    pub(crate) armed: Option<Duration>,
    /// Documents that the people at it have open.
    pub(crate) opened: BTreeSet<DocumentId>,
    pub(crate) connections: BTreeMap<ConnectionId, Stage>,
    actors: BTreeMap<DocumentId, ActorId>,
    booted: Duration,
    /// How far the wall clock is off, in milliseconds.
    pub(crate) clock_error: i64,
    loading: usize,
    writing: usize,
    /// What a window shows of each open document, kept up to date by patches alone.
    pub(crate) screens: BTreeMap<DocumentId, Screen>,
    /// What was last decided about documents that were ever deleted here.
    pub(crate) fates: BTreeMap<DocumentId, Fate>,
    /// Where documents go, when a person chooses; none where everything goes to everybody.
    pub(crate) sharing: Option<Sharing>,
    /// Messages that nobody keeps, as they arrived.
    heard: BTreeSet<Vec<u8>>,
    /// Chunks that were replaced by others and may turn up again.
    pub(crate) replaced: Vec<(StoredKey, Vec<u8>)>,
}

/// How far a connection is, as the machine knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Dialing,
    /// With a machine.
    Open {
        pipe: u64,
        end: usize,
        unsent: usize,
        target: usize,
    },
    Closing,
}

/// The text that a window shows, at some heads.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) heads: Vec<ChangeHash>,
    pub(crate) text: String,
}

impl Screen {
    /// Takes in what happened to the only text of the document. It is ASCII, so that positions in
    /// UTF-16 are positions in bytes.
    fn follow(&mut self, patches: &[Patch]) {
        for patch in patches {
            match &patch.action {
                PatchAction::SpliceText { index, value, .. } => self.text.insert_str(*index, value),
                PatchAction::DeleteSeq { index, length } => {
                    self.text.replace_range(*index..*index + *length, "");
                }
                _ => {}
            }
        }
    }
}

/// Where the text of a document lies.
pub(crate) fn content(document: &Document) -> Option<ObjId> {
    match document.view().get(ObjId::ROOT, "content") {
        Ok(Some(Value::Object(_, text))) => Some(text),
        _ => None,
    }
}

pub(crate) fn text_of(document: &Document) -> String {
    content(document).and_then(|text| document.view().text(text).ok()).unwrap_or_default()
}

impl Node {
    pub(crate) fn new(index: usize, is_server: bool, dials: Vec<usize>, seed: [u8; 16]) -> Self {
        Self {
            index,
            is_server,
            is_pretender: false,
            has_token: is_server,
            is_reader: false,
            unheard: BTreeSet::new(),
            dials,
            storage_id: StorageId::from_random(seed),
            disk: FaultyStore::new(u64::from_le_bytes(seed[..8].try_into().unwrap_or_default())),
            hub: None,
            run: 0,
            armed: None,
            opened: BTreeSet::new(),
            connections: BTreeMap::new(),
            actors: BTreeMap::new(),
            booted: Duration::ZERO,
            clock_error: 0,
            loading: 0,
            writing: 0,
            screens: BTreeMap::new(),
            fates: BTreeMap::new(),
            sharing: None,
            heard: BTreeSet::new(),
            replaced: Vec::new(),
        }
    }

    pub(crate) fn process(&self) -> Process {
        Process { node: self.index, run: self.run }
    }

    /// What the disk has of a document, as a hub is told.
    pub(crate) fn read(
        &mut self,
        document: &DocumentId,
        failed: bool,
    ) -> Result<Box<StoredDocument>, String> {
        self.loading -= 1;
        if failed {
            return Err("the disk could not be read".into());
        }
        read(&self.disk, document).map(Box::new)
    }

    /// The disk syncs what was written, or fails to.
    pub(crate) fn sync(&mut self, failed: bool) -> Result<(), String> {
        self.writing -= 1;
        match failed {
            true => Err("the disk had an error".into()),
            false => self.disk.sync().map_err(|error| error.to_string()),
        }
    }

    pub(crate) fn answered_close(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
    }

    /// A window opens on a document that is there.
    pub(crate) fn show(&mut self, id: &DocumentId) {
        if let Some(document) = self.hub.as_ref().and_then(|hub| hub.document(id)) {
            let screen = Screen { heads: document.heads().to_vec(), text: text_of(document) };
            self.screens.insert(id.clone(), screen);
        }
    }

    /// What is still unanswered.
    pub(crate) fn unanswered(&self) -> usize {
        let closing = self.connections.values().filter(|stage| matches!(stage, Stage::Closing));
        self.loading + self.writing + closing.count()
    }

    fn now(&self, now: Duration) -> Now {
        let unix_ms = 1_700_000_000_000 + now.as_millis() as i64 + self.clock_error;
        Now { elapsed: now - self.booted, unix_ms: unix_ms.max(0) as u64 }
    }

    /// Notes what was just written where it can only be read.
    fn note_unheard(&mut self, document: &DocumentId) {
        let written = self.hub.as_ref().and_then(|hub| hub.document(document));
        if let (true, Some(written)) = (self.is_reader, written) {
            self.unheard.extend(written.heads());
        }
    }

    /// The actor of this run of the program.
    pub(crate) fn actor(&mut self, document: &DocumentId, fresh: [u8; 16]) -> ActorId {
        self.actors.entry(document.clone()).or_insert_with(|| ActorId::new(&fresh)).clone()
    }

    /// Whoever writes to the document next is another: what the last one wrote may be gone.
    pub(crate) fn forget_actor(&mut self, document: &DocumentId) {
        self.actors.remove(document);
    }
}

/// What a disk has of a document.
pub(crate) fn read(disk: &dyn ChunkStore, id: &DocumentId) -> Result<StoredDocument, String> {
    let prefix = KeyPrefix::new([id.to_string()]).map_err(|error| error.to_string())?;
    let entries = disk.load_range(&prefix).map_err(|error| error.to_string())?;
    let entries = entries.into_iter().map(|(key, bytes)| (key.segments().to_vec(), bytes));
    Ok(StoredDocument::assemble(id, entries.collect()))
}

/// The documents of which a disk has something and no note that they were deleted.
fn stored(disk: &dyn ChunkStore) -> BTreeSet<DocumentId> {
    let (mut stored, mut deleted) = (BTreeSet::new(), BTreeSet::new());
    for key in disk.keys(&KeyPrefix::all()).unwrap_or_default() {
        let [document, kind, ..] = key.segments() else { continue };
        let Ok(document) = document.parse::<DocumentId>() else { continue };
        match StoredKind::parse(kind) {
            Some(StoredKind::Snapshot | StoredKind::Incremental) => stored.insert(document),
            Some(StoredKind::Deleted) => deleted.insert(document),
            _ => false,
        };
    }
    &stored - &deleted
}

impl World {
    /// Starts the program of a machine that is down.
    pub(crate) fn restart(&mut self, index: usize) {
        let seed = self.random.number();
        let idle_after = self.random.one_in(3).then(|| self.random.millis(2000, 20_000));
        let opens_all = self.random.one_in(2);
        // A story is short: documents would be too small for a snapshot.
        let min_compaction = self.random.below(2_000);
        let Some(node) = self.nodes.get_mut(index) else { return };
        if node.hub.is_some() {
            return;
        }
        if node.disk.is_crashed() {
            node.disk.restart();
        }
        self.leave_orphan(index);
        let Some(node) = self.nodes.get_mut(index) else { return };
        node.run += 1;
        node.booted = self.now;
        (node.loading, node.writing, node.armed) = (0, 0, None);
        node.actors.clear();
        node.screens.clear();
        node.connections.clear();
        node.sharing.iter_mut().for_each(Sharing::forget_connections);
        let name = format!("n{index}r{}", node.run);
        let options = HubOptions {
            storage_id: Some(node.storage_id.clone()),
            session: name.clone(),
            seed,
            reports_durable_heads: node.is_server || node.is_pretender,
            idle_after: idle_after.filter(|_| node.is_server),
            min_compaction,
            ..HubOptions::new(PeerId::new(&name).expect("invariant: the name is short"))
        };
        let mut hub = match &node.sharing {
            Some(sharing) => Hub::new(options, Box::new(sharing.chosen.clone())),
            None if node.is_server => Hub::new(options, Box::new(ServeOnRequest)),
            None => Hub::new(options, Box::new(ShareAll)),
        };
        for target in &node.dials {
            hub.dial(&target.to_string(), None);
        }
        let now = node.now(self.now);
        for document in &node.opened {
            hub.open(document, now);
        }
        for document in stored(&node.disk) {
            // The server offers what it has; the app opens what it shows.
            if opens_all && !node.is_server {
                hub.open(&document, now);
                hub.close_document(&document, now);
            } else {
                hub.know(&document, now);
            }
        }
        node.hub = Some(hub);
        self.settle(index);
    }

    /// Stops a machine in mid-step; its disk loses what was not synced.
    pub(crate) fn crash(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        if node.hub.take().is_none() {
            return;
        }
        node.disk.crash();
        let connections = std::mem::take(&mut node.connections);
        for stage in connections.into_values() {
            if let Stage::Open { pipe, end, .. } = stage {
                self.break_pipe(pipe, Some(end), "the machine crashed");
            }
        }
        self.report.crashes += 1;
        crate::check::durable_claims(self, index);
        crate::deletion::decisions_survive(self, index);
    }

    /// Lets the hub of a process know what happened.
    pub(crate) fn tell(&mut self, process: Process, event: Event) {
        let now = self.now;
        let Some(node) = self.alive(process) else { return };
        let now = node.now(now);
        if let Some(hub) = &mut node.hub {
            hub.handle(event, now);
        }
        self.settle(process.node);
    }

    /// Lets the people at a machine do something with its hub.
    pub(crate) fn act<R>(
        &mut self,
        index: usize,
        act: impl FnOnce(&mut Hub, Now) -> R,
    ) -> Option<R> {
        let time = self.now;
        let node = self.nodes.get_mut(index)?;
        let now = node.now(time);
        let result = act(node.hub.as_mut()?, now);
        self.settle(index);
        Some(result)
    }

    /// Somebody types a few characters, or deletes some: committed, or in a draft.
    pub(crate) fn type_into(&mut self, index: usize, document: &DocumentId) {
        let (fresh, roll, at) = (self.random.bytes(), self.random.below(100), self.random.number());
        let Some(node) = self.nodes.get_mut(index) else { return };
        let (actor, is_reader) = (node.actor(document, fresh), node.is_reader);
        let words = format!("{index}.{roll} ");
        let edited = self.act(index, |hub, now| {
            let drafts = !is_reader && hub.mode(document) == PublishMode::Batched && roll % 2 == 0;
            hub.edit(document, now, |doc, patches| {
                // Whoever has begun a draft goes on with it.
                let drafts = drafts || doc.draft_len() > 0;
                let text = content(doc)?;
                let length = doc.view().length(text, TextUnit::Utf16).ok()?;
                let at = (at % (length as u64 + 1)) as usize;
                let deleted = if roll < 25 { (length - at).min(3) } else { 0 };
                let log = PatchLog::active(TextUnit::Utf16);
                if drafts {
                    let mut tx = doc.draft_transaction();
                    tx.set_log(log);
                    tx.splice_text(text, at, deleted, &words, TextUnit::Utf16).ok()?;
                    *patches = Some(tx.keep());
                } else {
                    let mut tx = doc.transaction(&actor);
                    tx.set_log(log);
                    tx.splice_text(text, at, deleted, &words, TextUnit::Utf16).ok()?;
                    *patches = Some(tx.take_patches());
                    tx.commit(CommitOptions::default())?;
                }
                Some(())
            })
        });
        match edited {
            Some(Ok(Some(_))) => {
                self.report.edits += 1;
                self.nodes[index].note_unheard(document);
            }
            Some(Ok(None)) => self.fail(Failure::new("an edit was refused")),
            // The document is not there yet, or the machine is down.
            Some(Err(_)) | None => {}
        }
    }

    /// Somebody publishes what they have written, the draft as well.
    pub(crate) fn publish(&mut self, index: usize, document: &DocumentId) {
        let fresh = self.random.bytes();
        let Some(node) = self.nodes.get_mut(index) else { return };
        let actor = node.actor(document, fresh);
        self.act(index, |hub, now| {
            let _ = hub.edit(document, now, |doc, patches| {
                // What a draft shows, its commit shows too.
                *patches = Some(Vec::new());
                doc.commit_draft(&actor, CommitOptions::default())
            });
            hub.publish(document);
        });
    }

    /// Performs the effects of a hub and sets its alarm.
    pub(crate) fn settle(&mut self, index: usize) {
        let time = self.now;
        let Some(node) = self.nodes.get_mut(index) else { return };
        let (process, now) = (node.process(), node.now(time));
        let Some(hub) = &mut node.hub else { return };
        let effects = hub.take_effects(now);
        let wakeup = hub.next_wakeup().map(|at| at + node.booted);
        if let Some(at) = wakeup.map(|at| at.max(time))
            && node.armed.is_none_or(|armed| at < armed)
        {
            node.armed = Some(at);
            self.at(at, Happening::Tick(process));
        }
        for effect in effects {
            self.perform(process, effect);
        }
        crate::check::screens(self, process);
        crate::deletion::decisions_hold(self, process);
    }

    fn perform(&mut self, process: Process, effect: Effect) {
        match effect {
            Effect::Dial { connection, url, .. } => self.dial(process, connection, &url),
            Effect::Send { connection, frame } => self.send(process, connection, frame),
            Effect::Close { connection, .. } => self.close(process, connection),
            Effect::Load { load, document } => {
                let pause = self.random.millis(0, 30);
                if let Some(node) = self.alive(process) {
                    node.loading += 1;
                }
                self.after(pause, Happening::Loaded { process, load, document });
            }
            Effect::Write { write, batch } => self.write(process, write, &batch),
            Effect::Tell { document, event } => self.told(process, &document, event),
            Effect::Warn { .. } | Effect::ConnectionsChanged => {}
        }
    }

    fn write(&mut self, process: Process, write: rejoin_sync::WriteId, batch: &WriteBatch) {
        let (pause, fails) = (self.random.millis(1, 80), self.random.one_in(40));
        let Some(node) = self.alive(process) else { return };
        node.writing += 1;
        if node.writing > 1 {
            return self.fail(Failure::new("two batches were being written at once"));
        }
        node.remember_replaced(batch);
        let failed = fails || node.disk.write(&to_storage(&node.disk, batch)).is_err();
        self.after(pause, Happening::Written { process, write, failed });
    }

    fn told(&mut self, process: Process, document: &DocumentId, event: DocumentEvent) {
        match event {
            DocumentEvent::Status(status) => {
                crate::check::note_claims(self, process, document, &status);
            }
            DocumentEvent::Ready => {
                let Some(node) = self.alive(process) else { return };
                if node.has_deleted(document) {
                    return self.fail(Failure::new("a document came back that was deleted"));
                }
                node.screens.remove(document);
                node.show(document);
            }
            DocumentEvent::Changed { patches, before, heads, .. } => {
                let Some(node) = self.alive(process) else { return };
                if let (Some(screen), Some(patches)) = (node.screens.get_mut(document), patches)
                    && screen.heads == before
                {
                    screen.follow(&patches);
                    screen.heads = heads;
                }
            }
            DocumentEvent::Ephemeral { data, .. } => {
                let Some(node) = self.alive(process) else { return };
                if !node.heard.insert(data) {
                    self.fail(Failure::new("a message that nobody keeps arrived twice"));
                }
            }
            _ => {}
        }
    }
}

fn to_storage(disk: &FaultyStore, batch: &WriteBatch) -> Batch {
    let mut writes = Batch::new();
    for document in &batch.erased {
        let prefix = KeyPrefix::new([document.to_string()]);
        let keys = prefix.ok().and_then(|prefix| disk.keys(&prefix).ok()).unwrap_or_default();
        keys.into_iter().for_each(|key| {
            writes.delete(key);
        });
    }
    for (key, value) in &batch.puts {
        writes.put(storage_key(key), value.clone());
    }
    for key in &batch.deletes {
        writes.delete(storage_key(key));
    }
    writes
}

pub(crate) fn storage_key(key: &StoredKey) -> StorageKey {
    StorageKey::new(key.segments()).expect("invariant: segments are not empty and hold no nul")
}
