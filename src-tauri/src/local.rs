//! What belongs to this computer and not to a document: settings of the window, the network
//! configuration with its tokens, and how each note is shared.
//!
//! It is one small JSON file in the profile's folder, written whole and swapped in.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::desk::{People, hue};
use crate::port::{
    ItemId, Listen, Mode, Network, NoteFont, NoteOrder, PlaceKind, Server, Settings, Theme,
};
use crate::whole_file;

/// Everything that is local.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Local {
    /// The document of the person's profile; none before the first start.
    pub(crate) profile: Option<String>,
    /// This person's mark on changes, in hexadecimal.
    pub(crate) author: Option<String>,
    /// What the person chose about the window.
    pub(crate) settings: Option<Settings>,
    /// Servers and peers to dial, with their tokens.
    pub(crate) servers: Vec<StoredServer>,
    /// Who may dial us.
    pub(crate) listen: StoredListen,
    /// The person works offline.
    pub(crate) offline: bool,
    /// How notes are shared where that differs from the default.
    pub(crate) modes: BTreeMap<ItemId, Mode>,
    /// Where folders go.
    pub(crate) goes_to: BTreeMap<ItemId, Vec<String>>,
    /// What was opened by a link and has not come yet.
    pub(crate) awaited: BTreeSet<ItemId>,
    /// When the draft of a batched note was begun, in milliseconds since 1970.
    pub(crate) drafts: BTreeMap<ItemId, i64>,
    /// The folder of files that says what the notes say.
    pub(crate) mirror: Option<StoredMirror>,
    /// What others said of themselves, by their author id.
    pub(crate) people: People,
}

/// A server or peer as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct StoredServer {
    /// Where it is.
    pub(crate) address: String,
    /// What it is.
    pub(crate) kind: PlaceKind,
    /// What to show at its door.
    pub(crate) token: Option<String>,
}

/// The folder of files as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMirror {
    /// Where it is.
    pub(crate) directory: PathBuf,
    /// The person paused it.
    pub(crate) paused: bool,
}

/// Listening as it is kept.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredListen {
    /// Whether anybody may dial us.
    pub(crate) enabled: bool,
    /// The port; 0 takes any that is free.
    pub(crate) port: u16,
    /// Beyond this computer.
    pub(crate) everywhere: bool,
    /// What others have to show.
    pub(crate) token: Option<String>,
}

/// Why the local file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    /// The disk did not let us.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
    /// It is not what we wrote.
    #[error("{path} is damaged: {error}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        error: serde_json::Error,
    },
}

/// The file of a [`Local`].
#[derive(Clone, Debug)]
pub(crate) struct LocalFile(PathBuf);

impl LocalFile {
    /// The file in a profile's folder.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self(folder.join("local.json"))
    }

    /// Reads it; what was never written is empty.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or is not what was written.
    pub(crate) fn read(&self) -> Result<Local, LocalError> {
        let Some(bytes) = whole_file::read(&self.0).map_err(|error| self.io(error))? else {
            return Ok(Local::default());
        };
        let damaged = |error| LocalError::Damaged { path: self.0.clone(), error };
        serde_json::from_slice(&bytes).map_err(damaged)
    }

    /// Writes it: after a crash either the old or the new content is there.
    ///
    /// # Errors
    ///
    /// When it cannot be written; the old content stays.
    pub(crate) fn write(&self, local: &Local) -> Result<(), LocalError> {
        let damaged = |error| LocalError::Damaged { path: self.0.clone(), error };
        let bytes = serde_json::to_vec_pretty(local).map_err(damaged)?;
        whole_file::replace(&self.0, &bytes).map_err(|error| self.io(error))
    }

    fn io(&self, error: io::Error) -> LocalError {
        LocalError::Io { path: self.0.clone(), error }
    }
}

impl Local {
    /// The network configuration as the page sees it: without tokens.
    pub(crate) fn network(&self) -> Network {
        let server = |server: &StoredServer| Server {
            address: server.address.clone(),
            kind: server.kind,
            token: None,
            has_token: server.token.is_some(),
        };
        Network {
            offline: self.offline,
            servers: self.servers.iter().map(server).collect(),
            listen: Listen {
                enabled: self.listen.enabled,
                port: self.listen.port,
                everywhere: self.listen.everywhere,
                token: None,
                has_token: self.listen.token.is_some(),
                addresses: Vec::new(),
            },
        }
    }

    /// Takes over a network configuration from the page; a token of null keeps the stored one.
    pub(crate) fn set_network(&mut self, network: Network) {
        let known = std::mem::take(&mut self.servers);
        let server = |server: Server| {
            let stored = known.iter().find(|known| known.address == server.address);
            let stored = stored.and_then(|known| known.token.clone());
            StoredServer {
                address: server.address,
                kind: server.kind,
                token: chosen_token(server.token, stored),
            }
        };
        self.servers = network.servers.into_iter().map(server).collect();
        self.listen = StoredListen {
            enabled: network.listen.enabled,
            port: network.listen.port,
            everywhere: network.listen.everywhere,
            token: chosen_token(network.listen.token, self.listen.token.take()),
        };
        self.offline = network.offline;
    }

    /// The settings, or those that a new profile starts with.
    pub(crate) fn settings(&self) -> Settings {
        self.settings.clone().unwrap_or_else(|| Settings {
            name: String::new(),
            // Two people who never chose one should not look the same.
            colour: self.author.as_deref().map_or(0, hue),
            theme: Theme::default(),
            note_font: NoteFont::default(),
            text_size: 16,
            spell_check: true,
            order: NoteOrder::default(),
            default_mode: Mode::default(),
        })
    }

    /// How a note is shared.
    pub(crate) fn mode(&self, note: &ItemId) -> Mode {
        self.modes.get(note).copied().unwrap_or_else(|| self.settings().default_mode)
    }
}

/// Nothing keeps what is stored, an empty text removes it.
fn chosen_token(given: Option<String>, stored: Option<String>) -> Option<String> {
    match given {
        None => stored,
        Some(token) => Some(token).filter(|token| !token.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn network(token: Option<&str>) -> Network {
        let server = Server {
            address: "wss://home.example".to_owned(),
            kind: PlaceKind::Server,
            token: token.map(str::to_owned),
            has_token: false,
        };
        let listen = Listen::default();
        Network { offline: false, servers: vec![server], listen }
    }

    #[test]
    fn keeps_sets_and_removes_tokens_without_showing_them() {
        let mut local = Local::default();
        local.set_network(network(Some("secret")));
        assert!(local.network().servers[0].has_token);
        assert_eq!(local.network().servers[0].token, None);
        local.set_network(network(None));
        assert_eq!(local.servers[0].token.as_deref(), Some("secret"));
        local.set_network(network(Some("")));
        assert_eq!(local.servers[0].token, None);
    }

    #[test]
    fn reads_what_it_wrote_and_nothing_where_nothing_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = LocalFile::in_folder(&folder.path().join("profile"));
        assert!(file.read().unwrap().profile.is_none());
        let local = Local { profile: Some("automerge:x".to_owned()), ..Local::default() };
        file.write(&local).unwrap();
        assert_eq!(file.read().unwrap().profile, local.profile);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("local.json");
        fs::write(&path, "{").unwrap();
        let read = LocalFile::in_folder(folder.path()).read();
        assert!(matches!(read, Err(LocalError::Damaged { .. })));
        assert_eq!(fs::read_to_string(path).unwrap(), "{");
    }
}
