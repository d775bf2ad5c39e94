//! The network: what is dialled, who may dial us, how connections are, and what a note costs.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rejoin_repo::{ConnectionStatus, DialerId, Listening};
use rejoin_websocket::{Access, Admission, ListenError, ListenOptions, Token, TokenSet};

use super::status::{connection, state as state_of};
use super::{Desk, State, now};
use crate::local::StoredServer;
use crate::port::{
    AppEvent, BackendError, Connection, ErrorCode, ItemId, Listen, Network, SyncReport,
    TrafficSample, units,
};

/// A server or peer that is dialled.
pub(super) struct Dialed {
    id: DialerId,
    /// The token that it is given.
    token: Option<String>,
}

/// So often a port is asked for that was ours until now, and so long is waited in between.
const MOST_TRIES: u32 = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// More servers than this are a mistake.
const MOST_SERVERS: usize = 50;

impl Desk {
    /// Takes over a network configuration and acts on it.
    ///
    /// # Errors
    ///
    /// When an address is none, or nobody can be let in as wanted. The rest takes effect.
    pub(crate) async fn set_network(&self, network: Network) -> Result<(), BackendError> {
        check(&network)?;
        {
            let mut state = self.lock();
            check_listen(&network.listen, state.local.listen.token.is_some())?;
            state.local.set_network(network);
            self.keep_local(&state)?;
            let network = state.local.network();
            state.tell(AppEvent::Network { network });
        }
        self.connect().await
    }

    /// Dials now: one connection, or all that wait.
    ///
    /// # Errors
    ///
    /// When there is no such connection.
    pub(crate) fn retry(&self, id: Option<&str>) -> Result<(), BackendError> {
        let Some(id) = id else {
            self.repo.network_returned();
            return Ok(());
        };
        let mut state = self.lock();
        let dialer =
            state.dialers.remove(id).ok_or_else(|| BackendError::not_found("connection"))?;
        self.repo.hang_up(dialer.id);
        let dialed = self.repo.dial(id, dialer.token.clone());
        state.dialers.insert(id.to_owned(), Dialed { id: dialed, ..dialer });
        Ok(())
    }

    /// What a note costs, in numbers.
    ///
    /// # Errors
    ///
    /// When the note is not here, or the disk cannot be read.
    pub(crate) async fn sync_report(&self, id: &ItemId) -> Result<SyncReport, BackendError> {
        let handle = self.lock().handle(id)?.clone();
        let bytes_on_disk = handle.stored_bytes().await.map_err(|error| {
            BackendError::new(ErrorCode::Storage, format!("The disk cannot be read: {error}."))
        })?;
        let changes = handle.read(|document| units(document.change_count()))?;
        let traffic = handle.traffic();
        let samples = handle.last_minute().into_iter().map(|second| TrafficSample {
            at: second.at as i64,
            sent: second.sent,
            received: second.received,
        });
        let state = self.lock();
        Ok(SyncReport {
            commits: state.commits.get(id).copied().unwrap_or_default(),
            changes,
            changes_sent: traffic.sent.changes,
            changes_received: traffic.received.changes,
            messages_sent: traffic.sent.messages,
            messages_received: traffic.received.messages,
            bytes_sent: traffic.sent.bytes,
            bytes_received: traffic.received.bytes,
            bytes_on_disk,
            status: self.status_of(&state, id),
            samples: samples.collect(),
        })
    }

    /// Makes the connections what the configuration says.
    pub(super) async fn connect(&self) -> Result<(), BackendError> {
        // One after the other, each with what is wanted by then.
        let _turn = self.connecting.lock().await;
        let (network, token, former) = {
            let mut state = self.lock();
            let network = state.local.network();
            if self.repo.is_offline() != network.offline {
                self.repo.set_offline(network.offline);
            }
            self.dial_servers(&mut state);
            (network, state.local.listen.token.clone(), state.listening.take())
        };
        // The old listener goes first: the new one may want its port.
        let mut tries = 1;
        if let Some(former) = former {
            let was_ours = former.address().port() == network.listen.port;
            former.close().await;
            tries = if was_ours { MOST_TRIES } else { 1 };
        }
        if network.listen.enabled && !network.offline {
            let host = if network.listen.everywhere { "0.0.0.0" } else { "127.0.0.1" };
            let mut options = ListenOptions::new(format!("{host}:{}", network.listen.port));
            if let Some(token) = token {
                let token = Token::new(token).map_err(|error| {
                    BackendError::invalid(format!("This token cannot be used: {error}."))
                })?;
                let mut tokens = TokenSet::new();
                tokens.insert(token, Access::ReadWrite);
                options.admission = Admission::Tokens(tokens);
            }
            let listening = self.listen(options, tries).await.map_err(|error| {
                BackendError::new(ErrorCode::Refused, format!("Nobody can connect: {error}."))
            })?;
            let mut state = self.lock();
            state.listening = Some(listening);
            let network = told(&state);
            state.tell(AppEvent::Network { network });
        }
        Ok(())
    }

    /// Listens, and waits for a port that was ours until now: a program that is just being started from
    /// here has everything open that we had, for some milliseconds.
    async fn listen(&self, options: ListenOptions, tries: u32) -> Result<Listening, ListenError> {
        for _ in 1..tries {
            match self.repo.listen(options.clone()).await {
                Err(error) if error.source.kind() == io::ErrorKind::AddrInUse => {
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                done => return done,
            }
        }
        self.repo.listen(options).await
    }

    fn dial_servers(&self, state: &mut State) {
        let servers = &state.local.servers;
        state.dialers.retain(|address, dialed| {
            // A changed token is used by dialling anew.
            let stays =
                |server: &StoredServer| server.address == *address && server.token == dialed.token;
            let stays = servers.iter().any(stays);
            if !stays {
                self.repo.hang_up(dialed.id);
            }
            stays
        });
        for StoredServer { address, token, .. } in servers {
            state.dialers.entry(address.clone()).or_insert_with(|| Dialed {
                id: self.repo.dial(address, token.clone()),
                token: token.clone(),
            });
        }
    }

    /// Tells the page of every change of a connection from now on.
    pub(super) fn watch_connections(&self) {
        let (me, mut changes) = (self.me.clone(), self.repo.watch_connections());
        self.runtime.spawn(async move {
            while changes.changed().await.is_ok() {
                let Some(desk) = me.upgrade() else { return };
                let mut state = desk.lock();
                let connections = desk.connections(&mut state);
                state.tell(AppEvent::Connections { connections });
            }
        });
    }

    /// The connections as they are now.
    pub(super) fn connections(&self, state: &mut State) -> Vec<Connection> {
        let statuses = self.repo.connections();
        statuses.iter().map(|status| self.connection(state, status)).collect()
    }

    fn connection(&self, state: &mut State, status: &ConnectionStatus) -> Connection {
        let (moment, elapsed) = (now(), self.begun.elapsed());
        let phase = state_of(status);
        let since = state.since.entry(status.address.clone()).or_insert((phase, moment));
        if since.0 != phase {
            *since = (phase, moment);
        }
        let since = since.1;
        connection(status, &state.local.servers, &state.names, since, moment, elapsed)
    }
}

/// The network configuration as the page sees it, with the addresses under which others reach us.
pub(super) fn told(state: &State) -> Network {
    let mut network = state.local.network();
    if let Some(listening) = &state.listening {
        network.listen.addresses = reached_at(listening.address());
    }
    network
}

/// Under which addresses others reach what listens here: all of this computer where it listens on any.
fn reached_at(listening: SocketAddr) -> Vec<String> {
    let mut addresses = vec![listening.ip()];
    if listening.ip().is_unspecified() {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_else(|error| {
            tracing::warn!(%error, "the addresses of this computer are not known");
            Vec::new()
        });
        addresses = interfaces.iter().map(if_addrs::Interface::ip).collect();
        addresses.retain(|ip| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
            // What listens on any address of version 4 hears nothing of version 6.
            IpAddr::V6(_) => false,
        });
    }
    let port = listening.port();
    addresses.into_iter().map(|ip| format!("ws://{}", SocketAddr::new(ip, port))).collect()
}

fn check(network: &Network) -> Result<(), BackendError> {
    if network.servers.len() > MOST_SERVERS {
        return Err(BackendError::invalid("These are too many servers."));
    }
    for server in &network.servers {
        let url: Option<tauri::Url> = server.address.parse().ok();
        let is_socket = url.is_some_and(|url| {
            matches!(url.scheme(), "ws" | "wss")
                && url.host_str().is_some_and(|host| !host.is_empty())
        });
        if !is_socket || server.address.len() > 500 {
            let address = &server.address;
            return Err(BackendError::invalid(format!(
                "{address} is not an address: it begins with ws:// or wss://."
            )));
        }
    }
    let tokens = network.servers.iter().map(|server| &server.token);
    for token in tokens.chain([&network.listen.token]).flatten().filter(|token| !token.is_empty()) {
        Token::new(token.as_str()).map_err(|error| {
            BackendError::invalid(format!("This token cannot be used: {error}."))
        })?;
    }
    Ok(())
}

/// Beyond this computer, a token is needed.
fn check_listen(listen: &Listen, has_token: bool) -> Result<(), BackendError> {
    let token = match &listen.token {
        None => has_token,
        Some(token) => !token.is_empty(),
    };
    if listen.enabled && listen.everywhere && !token {
        return Err(BackendError::new(
            ErrorCode::Refused,
            "Letting in other computers needs a token.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::{PlaceKind, Server};

    fn network(address: &str) -> Network {
        let server = Server {
            address: address.to_owned(),
            kind: PlaceKind::Server,
            token: None,
            has_token: false,
        };
        let listen = Listen { enabled: true, everywhere: true, ..Listen::default() };
        Network { offline: false, servers: vec![server], listen }
    }

    #[test]
    fn says_under_which_addresses_others_reach_us() {
        let own = reached_at("127.0.0.1:3031".parse().unwrap());
        assert_eq!(own, ["ws://127.0.0.1:3031"]);
        let any = reached_at("0.0.0.0:3031".parse().unwrap());
        let is_reachable = |address: &String| {
            let ip = address.strip_prefix("ws://").and_then(|rest| rest.strip_suffix(":3031"));
            ip.and_then(|ip| ip.parse::<IpAddr>().ok())
                .is_some_and(|ip| ip.is_ipv4() && !ip.is_loopback() && !ip.is_unspecified())
        };
        assert!(any.iter().all(is_reachable), "{any:?}");
    }

    #[test]
    fn takes_addresses_of_sockets_only() {
        assert!(check(&network("wss://home.example/x")).is_ok());
        assert!(check(&network("ws://127.0.0.1:3030")).is_ok());
        for address in ["https://home.example", "home.example", "ws://", ""] {
            assert!(check(&network(address)).is_err(), "{address} was taken");
        }
    }

    #[test]
    fn takes_tokens_that_can_be_sent_only() {
        let mut network = network("wss://home.example");
        for (token, is_good) in [("long enough", false), ("short", false), ("", true)] {
            network.servers[0].token = Some(token.to_owned());
            assert_eq!(check(&network).is_ok(), is_good, "{token:?}");
        }
        network.servers[0].token = Some("a-long-enough-token".to_owned());
        assert!(check(&network).is_ok());
        network.listen.token = Some("kurz".to_owned());
        assert!(check(&network).is_err());
    }

    #[test]
    fn lets_other_computers_in_with_a_token_only() {
        let mut listen = network("ws://x").listen;
        assert!(check_listen(&listen, false).is_err());
        assert!(check_listen(&listen, true).is_ok());
        listen.token = Some(String::new());
        assert!(check_listen(&listen, true).is_err());
        listen.everywhere = false;
        assert!(check_listen(&listen, false).is_ok());
    }
}
