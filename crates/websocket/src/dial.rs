//! Connects to a server.

use crate::close::CloseCode;
use crate::connection::{Connection, PeerInfo};
use crate::frame::Role;
use crate::http::{Expect, read_head};
use crate::limits::Limits;
use crate::tls::{ClientTls, TlsError};
use crate::token::{Access, Token};
use bytes::BytesMut;
use rustls_pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tungstenite::handshake::client::generate_key;
use tungstenite::handshake::derive_accept_key;
use url::{Host, Url};

/// How much of the body of a refusal is read for its reason, in bytes.
const MAX_REASON: usize = 1 << 10;

/// Where and how to connect.
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// The address: `ws://host:port/path` or, encrypted, `wss://...`.
    pub url: String,
    /// Shown to the server in the `Authorization` header.
    pub token: Option<Token>,
    /// Which servers to believe at `wss`; `None`: those that the operating system believes.
    pub tls: Option<ClientTls>,
    /// The limits of the connection.
    pub limits: Limits,
}

impl DialOptions {
    /// Connects to `url` without a token, with the limits for a server one has chosen: a message
    /// may be larger and come faster than a server allows its clients.
    pub fn new(url: impl Into<String>) -> DialOptions {
        let limits = Limits {
            max_message: 512 << 20,
            frames_per_second: 50_000,
            frame_burst: 200_000,
            ping_every: std::time::Duration::from_secs(10),
            silence: std::time::Duration::from_secs(30),
            ..Limits::default()
        };
        DialOptions { url: url.into(), token: None, tls: None, limits }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The address is not one of a WebSocket.
    #[error("not a websocket address: {0}")]
    InvalidUrl(String),
    /// The host cannot be found or does not answer.
    #[error("cannot reach {host}: {source}")]
    Unreachable {
        /// Name and port of the host.
        host: String,
        /// What the system reported.
        source: io::Error,
    },
    /// It took longer than the limit allows.
    #[error("{0} took too long to answer")]
    TimedOut(String),
    /// The server is not believed, or does not speak TLS.
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The server wants a token, or another one.
    #[error("the server does not let us in ({status}): {reason}")]
    Forbidden {
        /// 401 when no token was shown, 403 otherwise.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// The server has too many connections; later may be better.
    #[error("the server is busy ({status}): {reason}")]
    Busy {
        /// 429 or 503.
        status: u16,
        /// What the server says.
        reason: String,
    },
    /// What answers is no WebSocket server.
    #[error("no websocket there: {0}")]
    NotWebSocket(String),
}

impl From<TlsError> for DialError {
    fn from(error: TlsError) -> DialError {
        DialError::Tls(error.to_string())
    }
}

/// Connects and performs the handshake.
///
/// # Errors
///
/// [`DialError`]; the kinds tell whether trying again later, or another token, may help.
pub async fn dial(options: DialOptions) -> Result<Connection, DialError> {
    let target = Target::parse(&options.url)?;
    let late = || DialError::TimedOut(target.authority.clone());
    timeout(options.limits.handshake, connect(&target, &options)).await.map_err(|_| late())?
}

/// Whether this is an address that can be dialed: `ws://` or `wss://` with a host.
///
/// # Errors
///
/// [`DialError::InvalidUrl`] otherwise.
pub fn check_address(url: &str) -> Result<(), DialError> {
    Target::parse(url).map(|_| ())
}

/// The parts of the address.
struct Target {
    host: String,
    port: u16,
    /// Host and port as they stand in the address.
    authority: String,
    /// Path and query.
    resource: String,
    path: String,
    secure: bool,
}

impl Target {
    fn parse(text: &str) -> Result<Target, DialError> {
        let invalid = |reason: &str| DialError::InvalidUrl(reason.to_owned());
        let url = Url::parse(text).map_err(|e| invalid(&e.to_string()))?;
        let secure = match url.scheme() {
            "ws" => false,
            "wss" => true,
            other => {
                return Err(invalid(&format!("it begins with {other}: instead of ws: or wss:")));
            }
        };
        let host = match url.host() {
            Some(Host::Domain(name)) => name.to_owned(),
            Some(Host::Ipv4(address)) => address.to_string(),
            Some(Host::Ipv6(address)) => address.to_string(),
            None => return Err(invalid("there is no host in it")),
        };
        let port = url.port_or_known_default().unwrap_or(if secure { 443 } else { 80 });
        let name = url.host_str().unwrap_or_default();
        let authority = match url.port() {
            Some(port) => format!("{name}:{port}"),
            None => name.to_owned(),
        };
        let path = url.path().to_owned();
        let resource = match url.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.clone(),
        };
        Ok(Target { host, port, authority, resource, path, secure })
    }
}

async fn connect(target: &Target, options: &DialOptions) -> Result<Connection, DialError> {
    let unreachable = |source| DialError::Unreachable { host: target.authority.clone(), source };
    let stream =
        TcpStream::connect((target.host.as_str(), target.port)).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let address = stream.peer_addr().map_err(unreachable)?;
    if !target.secure {
        return shake_hands(stream, address, target, options).await;
    }
    let tls = match &options.tls {
        Some(tls) => tls.clone(),
        None => ClientTls::system()?,
    };
    let name = ServerName::try_from(target.host.clone())
        .map_err(|_| DialError::InvalidUrl("the host has no valid name".to_owned()))?;
    let stream = tls.0.connect(name, stream).await.map_err(|e| DialError::Tls(e.to_string()))?;
    shake_hands(stream, address, target, options).await
}

async fn shake_hands<S>(
    mut stream: S,
    address: SocketAddr,
    target: &Target,
    options: &DialOptions,
) -> Result<Connection, DialError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let broken = |error: io::Error| match error.kind() {
        io::ErrorKind::InvalidData => DialError::NotWebSocket(error.to_string()),
        _ => DialError::Unreachable { host: target.authority.clone(), source: error },
    };
    let key = generate_key();
    let authorization = match &options.token {
        Some(token) => format!("Authorization: Bearer {}\r\n", token.secret()),
        None => String::new(),
    };
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{authorization}\r\n",
        target.resource, target.authority,
    );
    stream.write_all(request.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let (head, rest) = read_head(&mut stream, Expect::Response).await.map_err(broken)?;
    if head.status != 101 {
        let reason = read_reason(&mut stream, rest).await;
        return Err(match head.status {
            status @ (401 | 403) => DialError::Forbidden { status, reason },
            status @ (429 | 503) => DialError::Busy { status, reason },
            status => DialError::NotWebSocket(format!("http status {status}")),
        });
    }
    let expected = derive_accept_key(key.as_bytes());
    if !head.header_has("upgrade", "websocket")
        || head.header("sec-websocket-accept") != Some(expected.as_str())
    {
        return Err(DialError::NotWebSocket("the handshake was answered wrongly".to_owned()));
    }
    if head.header("sec-websocket-extensions").is_some() {
        let reason = format!("an extension nobody asked for ({})", CloseCode::PROTOCOL);
        return Err(DialError::NotWebSocket(reason));
    }
    let (reader, writer) = tokio::io::split(stream);
    let halves = (Box::new(reader) as _, Box::new(writer) as _);
    let info = PeerInfo { address, access: Access::ReadWrite, path: target.path.clone() };
    let limits = options.limits.clone();
    Ok(Connection::start(halves, rest, Role::Client, limits, info, ()))
}

/// The first line of the body of a refusal, as far as it can be shown.
async fn read_reason(stream: &mut (impl AsyncRead + Unpin), mut body: BytesMut) -> String {
    while body.len() < MAX_REASON {
        if !matches!(stream.read_buf(&mut body).await, Ok(1..)) {
            break;
        }
    }
    let text = String::from_utf8_lossy(&body);
    let line = text.lines().next().unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(200).collect()
}
