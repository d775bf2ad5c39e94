//! A sync server made of samod, with its file-system storage: `samod-server ADDRESS DIRECTORY`.

use anyhow::{Context, Result};
use axum::{Router, extract::WebSocketUpgrade, routing::any};
use samod::storage::TokioFilesystemStorage;
use samod::{Repo, ShareConfig};

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let (address, data) = words.next().zip(words.next()).context("ADDRESS DIRECTORY")?;
    let repo = Repo::build_tokio()
        .with_storage(TokioFilesystemStorage::new(data))
        // As the npm server does; announcing would push every document to every peer.
        .with_share_policy(ShareConfig::read_write().with_announce(false))
        .load()
        .await;
    let acceptor = repo.make_acceptor(url::Url::parse(&format!("ws://{address}"))?)?;
    let accept = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |socket| async move {
            // It fails when the repo has ended, and then so does everything else.
            let _ = acceptor.accept_axum(socket, None);
        })
    };
    let listener = tokio::net::TcpListener::bind(address).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |tcp| {
        let _ = tcp.set_nodelay(true);
    });
    axum::serve(listener, Router::new().route("/", any(accept))).await?;
    Ok(())
}
