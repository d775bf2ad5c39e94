//! What the tests of this crate share.
#![allow(dead_code, reason = "each test file uses its part")]

use rejoin_websocket::{Connection, DialOptions, ListenOptions, Listener, dial};
use std::future::Future;
use std::time::Duration;

/// Waits for something that has to happen, and not for ever.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens in time")
}

/// A listener on a free local port.
pub(crate) async fn listen(change: impl FnOnce(&mut ListenOptions)) -> Listener {
    let mut options = ListenOptions::new("127.0.0.1:0");
    change(&mut options);
    Listener::bind(options).await.expect("a free port")
}

/// The address of a listener for [`dial`].
pub(crate) fn url(listener: &Listener) -> String {
    format!("ws://{}/path?x=1", listener.address())
}

/// Both ends of a new connection: the client's and the server's.
pub(crate) async fn pair(listener: &mut Listener) -> (Connection, Connection) {
    let client = soon(dial(DialOptions::new(url(listener)))).await.expect("a connection");
    let server = soon(listener.accept()).await.expect("a connection");
    (client, server)
}

/// The resident memory of this process in bytes.
pub(crate) fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_usize) * 1024
}
