//! Opening a profile: its store, its documents, and for a new person the first ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rejoin_notes::profile::Profile;
use rejoin_notes::{folder, profile};
use rejoin_repo::{DocumentHandle, Repo, RepoOptions};
use rejoin_storage::{ChunkStore, SqliteOptions, SqliteStore};

use super::looking_back::hexadecimal;
use super::mirror::Mirroring;
use super::shelf::{Shelf, item};
use super::watching::Watch;
use super::{Desk, State};
use crate::local::{Local, LocalFile};
use crate::port::{BackendError, ErrorCode, ItemId, NoticeLevel};

impl Desk {
    /// Opens the profile whose data lies in `folder`, or begins one there.
    ///
    /// # Errors
    ///
    /// When the folder cannot be written or is in use, or what lies there cannot be read.
    pub(crate) async fn open(folder: &Path) -> Result<Arc<Self>, BackendError> {
        std::fs::create_dir_all(folder).map_err(|error| {
            let place = folder.display();
            BackendError::new(ErrorCode::Storage, format!("{place} cannot be written: {error}."))
        })?;
        let store = SqliteStore::open(&folder.join("notes.sqlite"), &SqliteOptions::default())?;
        Self::over(Box::new(store), folder).await
    }

    /// As [`Desk::open`], with documents in another store.
    ///
    /// # Errors
    ///
    /// When the store does not answer, or the folder cannot be written.
    pub(crate) async fn over(
        store: Box<dyn ChunkStore>,
        folder: &Path,
    ) -> Result<Arc<Self>, BackendError> {
        let begun = Instant::now();
        let file = LocalFile::in_folder(folder);
        let mut local = file.read()?;
        let author = author(&mut local);
        let options = RepoOptions { author: Some(author.clone()), ..RepoOptions::default() };
        let repo = Repo::builder(store).options(options).build().map_err(|error| {
            BackendError::new(ErrorCode::Storage, format!("The notes cannot be opened: {error}."))
        })?;
        let profile = match &local.profile {
            Some(id) => known_profile(&repo, id).await?,
            None => {
                let profile = first_documents(&repo).await?;
                local.profile = Some(profile.id().to_string());
                file.write(&local)?;
                profile
            }
        };
        let (home, trash) = roots(&profile)?;
        let search = super::search::Search::open(folder);
        if let Err(error) = &search {
            tracing::warn!(%error, "the search index cannot be opened");
        }
        let state = State {
            first_run: local.settings.is_none(),
            local,
            profile: profile.clone(),
            shelf: Shelf::new(home.clone(), trash.clone()),
            search: search.ok().map(|search| Arc::new(Mutex::new(search))),
            resting: BTreeMap::new(),
            watched: BTreeMap::new(),
            open: BTreeMap::new(),
            histories: BTreeMap::new(),
            seen: BTreeMap::new(),
            stale: BTreeSet::new(),
            titled_here: BTreeSet::new(),
            refresh_due: false,
            shared: BTreeMap::new(),
            dialers: BTreeMap::new(),
            listening: None,
            since: BTreeMap::new(),
            names: BTreeMap::new(),
            commits: BTreeMap::new(),
            mirroring: Mirroring::default(),
            events: None,
            unheard: Vec::new(),
        };
        let desk = Arc::new_cyclic(|me| Self {
            me: me.clone(),
            repo,
            folder: folder.to_path_buf(),
            file,
            author,
            begun,
            runtime: tokio::runtime::Handle::current(),
            connecting: tokio::sync::Mutex::new(()),
            state: Mutex::new(state),
        });
        desk.take_up(profile, home, trash).await;
        Ok(desk)
    }

    /// Watches the profile and everything that hangs on it, and goes online.
    async fn take_up(&self, profile: DocumentHandle, home: ItemId, trash: ItemId) {
        self.read_roots(&home, &trash).await;
        self.show(&mut self.lock(), profile, home, trash);
        self.watch_connections();
        if let Err(error) = self.connect().await {
            tracing::warn!(message = error.message, "not everything of the network is up");
            self.lock().notice(NoticeLevel::Warn, error.message, None);
        }
        self.begin_mirror(rejoin_folder::mirror::Beginning::GoOn);
    }

    /// Makes another profile this device's, at once. What this device had before stays on its disk and
    /// goes nowhere any more; a folder of files that said what the former notes say is let go of.
    ///
    /// # Errors
    ///
    /// When the document is no profile, or the choice cannot be kept; nothing has changed then.
    pub(super) async fn adopt(&self, profile: DocumentHandle) -> Result<ItemId, BackendError> {
        let (home, trash) = roots(&profile)?;
        self.read_roots(&home, &trash).await;
        self.end_mirror().await;
        let mut state = self.lock();
        let mut local = state.local.clone();
        local.profile = Some(profile.id().to_string());
        let servers = local.servers.iter().map(|server| server.address.clone()).collect();
        local.goes_to.insert(home.clone(), servers);
        if state.profile.id() != profile.id() {
            local.mirror = None;
        }
        self.file.write(&local)?;
        state.local = local;
        self.clear(&mut state);
        self.show(&mut state, profile, home.clone(), trash);
        drop(state);
        // The folder of files goes on if the profile was this device's already.
        self.begin_mirror(rejoin_folder::mirror::Beginning::GoOn);
        Ok(home)
    }

    /// Home is read before anything is shown, so that a start never shows an empty list.
    async fn read_roots(&self, home: &ItemId, trash: &ItemId) {
        for id in [home, trash] {
            if let Ok(id) = super::document_id(id)
                && let Err(error) = self.repo.find(&id).await
            {
                tracing::warn!(%error, "a folder of the profile is not here");
            }
        }
    }

    /// Watches a profile and everything that hangs on it, where nothing is watched yet.
    fn show(&self, state: &mut State, profile: DocumentHandle, home: ItemId, trash: ItemId) {
        state.shelf = Shelf::new(home.clone(), trash.clone());
        state.profile = profile.clone();
        let (modes, default_mode) =
            (state.local.modes.clone(), state.local.settings().default_mode);
        state.shelf.set_modes(modes, default_mode);
        let goes_to = state.local.goes_to.clone();
        state.shelf.set_goes_to(goes_to);
        self.watch(state, ItemId(profile.id().to_string()), Watch::Profile);
        self.watch(state, home, Watch::Folder);
        self.watch(state, trash, Watch::Folder);
        state.shelf.library();
        self.share_again(state);
    }

    /// Lets go of the notes and folders of the profile so far.
    fn clear(&self, state: &mut State) {
        state.open.keys().for_each(|id| self.keep_history(state, id));
        state.open.clear();
        state.watched.clear();
        state.histories.clear();
        state.seen.clear();
        state.stale.clear();
        state.resting.clear();
        state.titled_here.clear();
        for id in std::mem::take(&mut state.shared).into_keys() {
            if let Ok(document) = super::document_id(&id) {
                self.repo.share(&document, BTreeSet::new());
            }
        }
    }
}

/// This person's mark on changes; made at the first start.
fn author(local: &mut Local) -> Vec<u8> {
    let known = local.author.as_deref().and_then(|text| text.parse::<uuid::Uuid>().ok());
    let author = known.unwrap_or_else(uuid::Uuid::new_v4).into_bytes().to_vec();
    local.author = Some(hexadecimal(&author));
    author
}

async fn known_profile(repo: &Repo, id: &str) -> Result<DocumentHandle, BackendError> {
    let damaged = || BackendError::new(ErrorCode::Storage, "The profile cannot be found.");
    let id = id.parse().map_err(|_| damaged())?;
    repo.find(&id).await.map_err(|error| {
        BackendError::new(ErrorCode::Storage, format!("The profile cannot be opened: {error}."))
    })
}

/// Makes the documents of a new person, and waits until they are on the disk.
async fn first_documents(repo: &Repo) -> Result<DocumentHandle, BackendError> {
    let (profile, home, trash) = (repo.create(), repo.create(), repo.create());
    home.change(None, |tx| folder::create(tx, "Home"))??;
    trash.change(None, |tx| folder::create(tx, "Trash"))??;
    let content = Profile {
        home: Some(home.url().to_string()),
        trash: Some(trash.url().to_string()),
        ..Profile::default()
    };
    profile.change(None, |tx| profile::create(tx, &content))??;
    for document in [&home, &trash, &profile] {
        document.saved().await.map_err(|error| {
            BackendError::new(ErrorCode::Storage, format!("The profile was {error}."))
        })?;
    }
    Ok(profile)
}

/// The folders that a profile names.
pub(super) fn roots(profile: &DocumentHandle) -> Result<(ItemId, ItemId), BackendError> {
    let content = profile.read(|document| profile::read(&document.view()))?;
    let named = |url: Option<String>| url.as_deref().and_then(item);
    let roots = content.and_then(|content| Some((named(content.home)?, named(content.trash)?)));
    roots.ok_or_else(|| BackendError::invalid("This is not a profile."))
}
