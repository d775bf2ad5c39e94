//! The sync server: holds documents on disk and passes changes between everyone who is connected.
//!
//! It speaks automerge-repo's protocol over WebSocket and answers whoever names a document; it
//! announces documents to nobody but the servers that it was told to stay in sync with. The binary
//! `rejoin-server` is this library with a command line; programs and tests run it within themselves:
//!
//! ```no_run
//! use rejoin_server::{Server, ServerOptions};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(ServerOptions::new("/var/lib/rejoin")).await?;
//! println!("listening on {}", server.address());
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod config;
mod health;
mod server;

pub use config::{Arguments, ConfigError, LogFormat};
pub use server::{Linked, Server, ServerOptions, StartError};
