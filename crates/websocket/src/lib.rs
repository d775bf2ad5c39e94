//! Dials and accepts WebSocket streams of binary messages.
//!
//! This crate knows bytes; what the messages say is the business of others. A [`Connection`] is a
//! [`Sender`] and a [`Receiver`], both bounded: a sender waits while the peer does not read, and a
//! peer that sends waits while nobody receives. Everything that a peer may choose has a limit
//! ([`Limits`], [`ListenLimits`]), and each limit ends the connection with a code and a reason of
//! its own ([`Closed`]).
//!
//! ```no_run
//! use rejoin_websocket::{DialOptions, ListenOptions, Listener, dial};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut listener = Listener::bind(ListenOptions::new("127.0.0.1:3030")).await?;
//! let (sender, mut receiver) = dial(DialOptions::new("ws://127.0.0.1:3030")).await?.split();
//! sender.send(b"hello".to_vec()).await?;
//! let (_, mut server) = listener.accept().await.ok_or("the listener has ended")?.split();
//! assert_eq!(server.recv().await, Some(Ok(b"hello".to_vec())));
//! # Ok(())
//! # }
//! ```
//!
//! # Memory
//!
//! A server holds thousands of connections of which most are silent. The usual asynchronous
//! WebSocket stream keeps its read and its write buffer for good, each as large as the largest
//! message that went through it: one document sent to a thousand clients stays in memory a thousand
//! times. So the frames are read and written here, with the header codec and the key derivation of
//! `tungstenite`; a silent connection holds about two kilobytes of buffer whatever went before.

mod accept;
mod address;
mod close;
mod connection;
mod dial;
mod frame;
mod http;
mod limits;
mod origin;
mod outgoing;
mod tls;
mod token;
mod writer;

pub use accept::{Health, HttpAnswer, ListenError, ListenOptions, Listener};
pub use close::{CloseCode, Closed};
pub use connection::{Connection, PeerInfo, Receiver, Sender};
pub use dial::{DialError, DialOptions, check_address, dial};
pub use limits::{Limits, ListenLimits};
pub use origin::Origins;
pub use tls::{ClientTls, ServerTls, TlsError};
pub use token::{Access, Admission, InvalidToken, Token, TokenSet};
