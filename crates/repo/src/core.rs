//! The hub behind its lock, and the clock.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, Weak, mpsc},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use rejoin_document::{ActorId, CommitOptions, PatchLog, Transaction};
use rejoin_sync::{
    ConnectionId, ConnectionStatus, DocumentEvent, DocumentId, EditError, Event, Hub, Now,
};
use tokio::sync::{Notify, mpsc::UnboundedSender, watch};

use crate::{RepoOptions, sockets::Link, storage_thread::StorageRequest};

/// What all handles, tasks and the storage thread share.
pub(crate) struct Core {
    pub(crate) state: Mutex<State>,
    pub(crate) options: RepoOptions,
    pub(crate) runtime: tokio::runtime::Handle,
    connections: watch::Sender<Vec<ConnectionStatus>>,
    earlier: Arc<Notify>,
    begun: Instant,
}

/// What the lock guards. It is held while the hub computes, never while anything waits.
pub(crate) struct State {
    pub(crate) hub: Hub,
    pub(crate) links: HashMap<ConnectionId, Link>,
    pub(crate) listeners: HashMap<DocumentId, Vec<UnboundedSender<DocumentEvent>>>,
    pub(crate) actors: HashMap<DocumentId, ActorId>,
    pub(crate) storage: mpsc::Sender<StorageRequest>,
    /// When the timer task will wake.
    armed: Option<Duration>,
    /// When the storage thread will look whether a write is due; none while it sleeps until it is
    /// told something.
    storage_looks_at: Option<Duration>,
    /// Nobody sees to writes any more; what is due for them fails in the timer task.
    storage_has_ended: bool,
}

impl Core {
    pub(crate) fn start(
        hub: Hub,
        storage: mpsc::Sender<StorageRequest>,
        options: RepoOptions,
    ) -> Arc<Self> {
        let core = Arc::new(Self {
            state: Mutex::new(State {
                hub,
                links: HashMap::new(),
                listeners: HashMap::new(),
                actors: HashMap::new(),
                storage,
                armed: None,
                // It looks before it sleeps for the first time.
                storage_looks_at: Some(Duration::ZERO),
                storage_has_ended: false,
            }),
            options,
            runtime: tokio::runtime::Handle::current(),
            connections: watch::Sender::new(Vec::new()),
            earlier: Arc::new(Notify::new()),
            begun: Instant::now(),
        });
        tokio::spawn(keep_time(Arc::downgrade(&core)));
        core
    }

    /// Lets the hub do something, and performs the effects.
    pub(crate) fn with<R>(self: &Arc<Self>, act: impl FnOnce(&mut State, Now) -> R) -> R {
        let mut state = self.lock();
        let now = self.now();
        let result = act(&mut state, now);
        self.perform(&mut state, now);
        state.wake_storage();
        if let Some(next) = state.next_wakeup()
            && state.armed.is_none_or(|armed| next < armed)
        {
            state.armed = Some(next);
            self.earlier.notify_one();
        }
        result
    }

    /// Tells the hub what the storage thread found, in that thread: it looks at the clock itself
    /// before it sleeps again.
    pub(crate) fn handle_in_storage_thread(self: &Arc<Self>, event: Event) {
        self.with(|state, now| {
            state.storage_looks_at = Some(Duration::ZERO);
            state.hub.handle(event, now);
        });
    }

    /// How long the storage thread may sleep; none when until it is told something.
    pub(crate) fn until_next_write(&self) -> Option<Duration> {
        let mut state = self.lock();
        state.storage_looks_at = state.hub.next_write();
        state.storage_looks_at.map(|at| at.saturating_sub(self.begun.elapsed()))
    }

    /// Tells the hub what happened, and performs the effects.
    pub(crate) fn handle(self: &Arc<Self>, event: Event) {
        self.with(|state, now| state.hub.handle(event, now));
    }

    /// A look without effects.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.lock())
    }

    pub(crate) fn watch_connections(&self) -> watch::Receiver<Vec<ConnectionStatus>> {
        let state = self.lock();
        let watching = self.connections.subscribe();
        self.connections_changed(&state);
        watching
    }

    /// The whole list is written anew, and only when somebody looks: a server has many of them.
    pub(crate) fn connections_changed(&self, state: &State) {
        if self.connections.receiver_count() > 0 {
            self.connections.send_replace(state.hub.connections());
        }
    }

    pub(crate) fn now(&self) -> Now {
        let unix_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        Now { elapsed: self.begun.elapsed(), unix_ms: unix_ms as u64 }
    }

    /// A closure of the program may have panicked with the lock held; the hub's own steps do not,
    /// so what it holds is still sound.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    /// The actor under which this process writes to a document.
    pub(crate) fn actor(&mut self, document: &DocumentId) -> ActorId {
        let fresh = || ActorId::new(uuid::Uuid::new_v4().as_bytes());
        self.actors.entry(document.clone()).or_insert_with(fresh).clone()
    }

    /// Writes one change; what it wrote is taken back when the closure gives an error.
    pub(crate) fn change<R, E>(
        &mut self,
        document: &DocumentId,
        options: &RepoOptions,
        now: Now,
        message: Option<&str>,
        write: impl FnOnce(&mut Transaction<'_>) -> Result<R, E>,
    ) -> Result<Result<R, E>, EditError> {
        let (actor, author) = (self.actor(document), options.author.clone());
        self.hub.edit(document, now, |document, patches| {
            let mut transaction = document.transaction(&actor);
            transaction.set_log(PatchLog::active(options.text_unit));
            let result = write(&mut transaction)?;
            *patches = Some(transaction.take_patches());
            transaction.commit(CommitOptions {
                message: message.map(str::to_owned),
                time: (now.unix_ms / 1000) as i64,
                author,
            });
            Ok(result)
        })
    }

    /// When the timer task has to wake. The storage thread sees to writes itself: it has to wake
    /// for them anyway, and waking a thread costs more than most of what it then does.
    fn next_wakeup(&self) -> Option<Duration> {
        match self.storage_has_ended {
            true => self.hub.next_wakeup(),
            false => self.hub.next_wakeup_besides_writes(),
        }
    }

    /// Tells the storage thread when a write is due before it would look.
    fn wake_storage(&mut self) {
        if let Some(next) = self.hub.next_write()
            && self.storage_looks_at.is_none_or(|at| next < at)
        {
            self.storage_looks_at = Some(next);
            self.storage_has_ended = self.storage.send(StorageRequest::WriteDue).is_err();
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.earlier.notify_one();
    }
}

/// Wakes the hub when it wants to be woken, until nobody holds the repo.
async fn keep_time(core: Weak<Core>) {
    loop {
        let (sleep, earlier) = {
            let Some(core) = core.upgrade() else { return };
            let mut state = core.lock();
            state.armed = state.next_wakeup();
            let longest = Duration::from_secs(3600);
            let sleep = state.armed.map_or(longest, |at| at.saturating_sub(core.begun.elapsed()));
            (sleep, core.earlier.clone())
        };
        if tokio::time::timeout(sleep, earlier.notified()).await.is_err()
            && let Some(core) = core.upgrade()
        {
            core.handle(Event::Tick);
        }
    }
}
