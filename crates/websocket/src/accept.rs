//! Listens, performs handshakes, and answers health checks on the same port.

use crate::address::{Census, Crowded, Permit};
use crate::connection::{Connection, PeerInfo};
use crate::frame::Role;
use crate::http::{Expect, Head, read_head, response};
use crate::limits::{Limits, ListenLimits};
use crate::origin::Origins;
use crate::tls::ServerTls;
use crate::token::{Access, Admission};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tungstenite::handshake::derive_accept_key;
use url::Url;

/// How many accepted connections wait for [`Listener::accept`].
const BACKLOG: usize = 64;

/// How many unwelcome clients are told why at a time; others are only cut off.
const REFUSALS: usize = 64;

/// Answers requests to `/health`.
pub type Health = Arc<dyn Fn() -> HttpAnswer + Send + Sync>;

/// What a health check is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The HTTP status: 200 while all is well, 503 otherwise.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

/// How to listen.
#[derive(Clone)]
pub struct ListenOptions {
    /// Address and port; port 0 takes a free one.
    pub address: String,
    /// The certificate for `wss`; without one, connections are not encrypted.
    pub tls: Option<ServerTls>,
    /// Whom to let in.
    pub admission: Admission,
    /// Which web pages to let in.
    pub origins: Origins,
    /// The limits of each connection.
    pub limits: Limits,
    /// The limits of all together.
    pub listen_limits: ListenLimits,
    /// Whether a proxy stands in front, whose `X-Forwarded-For` tells the address of a client.
    pub behind_proxy: bool,
    /// Answers `/health`; without it, the answer is 200 and `ok`.
    pub health: Option<Health>,
    /// What a browser shows that asks for `/`.
    pub greeting: String,
}

impl ListenOptions {
    /// Listens on `address`, lets in everyone but foreign web pages, and has the default limits.
    pub fn new(address: impl Into<String>) -> ListenOptions {
        ListenOptions {
            address: address.into(),
            tls: None,
            admission: Admission::Everyone,
            origins: Origins::Local,
            limits: Limits::default(),
            listen_limits: ListenLimits::default(),
            behind_proxy: false,
            health: None,
            greeting: "This is a sync server. Connect to it by WebSocket.\n".into(),
        }
    }
}

/// Why listening failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct ListenError {
    /// The address as given.
    pub address: String,
    /// What the system reported.
    pub source: io::Error,
}

/// Accepts connections until it is dropped. Connections accepted so far live on.
#[derive(Debug)]
pub struct Listener {
    accepted: mpsc::Receiver<Connection>,
    address: SocketAddr,
    census: Arc<Census>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`ListenError`] when the address is in use, forbidden or not ours.
    pub async fn bind(options: ListenOptions) -> Result<Listener, ListenError> {
        let failed = |source| ListenError { address: options.address.clone(), source };
        let listener = TcpListener::bind(&options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (sender, accepted) = mpsc::channel(BACKLOG);
        let census = Arc::new(Census::default());
        let door = Arc::new(Door {
            census: census.clone(),
            refusals: Arc::new(Semaphore::new(REFUSALS)),
            accepted: sender,
            options,
        });
        let task = tokio::spawn(accept_all(listener, door));
        Ok(Listener { accepted, address, census, task })
    }

    /// The address listened on, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The number of connections now, those in the middle of their handshake included.
    pub fn connections(&self) -> usize {
        self.census.all()
    }

    /// The next connection whose handshake succeeded; `None` if the listener has ended. A dropped
    /// future has lost nothing.
    pub async fn accept(&mut self) -> Option<Connection> {
        self.accepted.recv().await
    }

    /// Stops accepting. When this returns, the port can be taken again; connections live on.
    pub async fn close(mut self) {
        self.task.abort();
        // It ends as it was told to.
        (&mut self.task).await.ok();
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What every handshake needs.
struct Door {
    options: ListenOptions,
    census: Arc<Census>,
    refusals: Arc<Semaphore>,
    accepted: mpsc::Sender<Connection>,
}

async fn accept_all(listener: TcpListener, door: Arc<Door>) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Most often the process has no file descriptors left: others have to go first.
                tracing::warn!(%error, "cannot accept connections");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let limits = &door.options.listen_limits;
        let permit = door.census.enter(limits).and_then(|mut permit| {
            if !door.options.behind_proxy {
                permit.assign(address.ip(), limits)?;
            }
            Ok(permit)
        });
        match permit {
            Ok(permit) => {
                tokio::spawn(door.clone().receive(stream, address, permit));
            }
            Err(crowded) => {
                tracing::warn!(%address, limit = ?crowded, "too many connections");
                // Without a permit for the refusal the client is only cut off.
                if let Ok(permit) = door.refusals.clone().try_acquire_owned() {
                    let door = door.clone();
                    tokio::spawn(async move {
                        door.turn_away(stream, crowded).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

impl Door {
    /// Performs one handshake, or answers one request.
    async fn receive(self: Arc<Door>, stream: TcpStream, address: SocketAddr, permit: Permit) {
        let _ = stream.set_nodelay(true);
        let time = self.options.limits.handshake;
        let handshake = async {
            match &self.options.tls {
                Some(tls) => {
                    let stream = tls.0.accept(stream).await?;
                    self.answer(stream, address, permit).await
                }
                None => self.answer(stream, address, permit).await,
            }
        };
        let connection = match timeout(time, handshake).await {
            Ok(Ok(Some(connection))) => connection,
            Ok(Ok(None)) => return,
            Ok(Err(error)) => return tracing::debug!(%address, %error, "no handshake"),
            Err(_) => return tracing::debug!(%address, "the handshake took too long"),
        };
        // If the listener has gone, so does the connection.
        let _ = self.accepted.send(connection).await;
    }

    async fn turn_away(&self, stream: TcpStream, crowded: Crowded) {
        let bytes = refusal(crowded).bytes();
        let tell = async {
            match &self.options.tls {
                Some(tls) => {
                    let mut stream = tls.0.accept(stream).await?;
                    read_head(&mut stream, Expect::Request).await?;
                    finish(&mut stream, &bytes).await
                }
                None => {
                    let mut stream = stream;
                    read_head(&mut stream, Expect::Request).await?;
                    finish(&mut stream, &bytes).await
                }
            }
        };
        let _ = timeout(Duration::from_secs(2), tell).await;
    }

    async fn answer<S>(
        &self,
        mut stream: S,
        address: SocketAddr,
        mut permit: Permit,
    ) -> io::Result<Option<Connection>>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (head, rest) = read_head(&mut stream, Expect::Request).await?;
        let address = match forwarded(&head).filter(|_| self.options.behind_proxy) {
            Some(client) => SocketAddr::new(client, address.port()),
            None => address,
        };
        if self.options.behind_proxy
            && let Err(crowded) = permit.assign(address.ip(), &self.options.listen_limits)
        {
            tracing::warn!(%address, limit = ?crowded, "too many connections");
            finish(&mut stream, &refusal(crowded).bytes()).await?;
            return Ok(None);
        }
        let welcome = match self.judge(&head) {
            Ok(welcome) => welcome,
            Err(answer) => {
                if answer.status >= 400 {
                    let (status, reason) = (answer.status, &answer.body);
                    tracing::info!(%address, status, reason = reason.trim(), "request refused");
                }
                finish(&mut stream, &answer.bytes()).await?;
                return Ok(None);
            }
        };
        let accepted = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {}\r\n\r\n",
            welcome.accept_key,
        );
        stream.write_all(accepted.as_bytes()).await?;
        stream.flush().await?;
        let (reader, writer) = tokio::io::split(stream);
        let halves = (Box::new(reader) as _, Box::new(writer) as _);
        let info = PeerInfo { address, access: welcome.access, path: welcome.path };
        let limits = self.options.limits.clone();
        Ok(Some(Connection::start(halves, rest, Role::Server, limits, info, permit)))
    }

    /// Decides what a request gets: a connection, or an answer.
    fn judge(&self, head: &Head) -> Result<Welcome, Answer> {
        let url = Url::parse("http://server").and_then(|base| base.join(&head.target));
        let url = url.map_err(|_| Answer::text(400, "the address is malformed"))?;
        if !head.header_has("upgrade", "websocket") {
            return Err(self.plain_answer(&head.method, url.path()));
        }
        if head.method != "GET" || !head.header_has("connection", "upgrade") {
            return Err(Answer::text(400, "this is not a websocket handshake"));
        }
        if head.header("sec-websocket-version") != Some("13") {
            let mut answer =
                Answer::text(426, "only version 13 of the websocket protocol is spoken");
            answer.extra = "Sec-WebSocket-Version: 13\r\n";
            return Err(answer);
        }
        let key = head.header("sec-websocket-key");
        let key = key.ok_or_else(|| Answer::text(400, "the websocket key is missing"))?;
        if !self.options.origins.allow(head.header("origin")) {
            return Err(Answer::text(403, "pages of this origin may not connect"));
        }
        Ok(Welcome {
            accept_key: derive_accept_key(key.as_bytes()),
            access: self.admit(head, &url)?,
            path: url.path().to_owned(),
        })
    }

    fn admit(&self, head: &Head, url: &Url) -> Result<Access, Answer> {
        let Admission::Tokens(tokens) = &self.options.admission else {
            return Ok(Access::ReadWrite);
        };
        let bearer = head.header("authorization").and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
        });
        let query = || {
            url.query_pairs().find(|(name, _)| name == "access_token").map(|(_, v)| v.into_owned())
        };
        let Some(secret) = bearer.or_else(query) else {
            let mut answer = Answer::text(401, "a token is needed");
            answer.extra = "WWW-Authenticate: Bearer\r\n";
            return Err(answer);
        };
        tokens.access(&secret).ok_or_else(|| Answer::text(403, "the token is not known"))
    }

    /// The answer to a request that is not for a WebSocket.
    fn plain_answer(&self, method: &str, path: &str) -> Answer {
        if method != "GET" && method != "HEAD" {
            return Answer::text(405, "only get is answered");
        }
        let mut answer = match path {
            "/" => Answer { body: self.options.greeting.clone(), ..Answer::text(200, "") },
            "/health" => match &self.options.health {
                None => Answer::text(200, "ok"),
                Some(health) => {
                    let HttpAnswer { status, content_type, body } = health();
                    Answer { status, content_type, body, extra: "" }
                }
            },
            _ => Answer::text(404, "there is nothing here but a websocket"),
        };
        if method == "HEAD" {
            answer.body.clear();
        }
        answer
    }
}

/// What a handshake that succeeds is answered with, and what is known of the peer by it.
struct Welcome {
    accept_key: String,
    access: Access,
    path: String,
}

struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
    extra: &'static str,
}

impl Answer {
    fn text(status: u16, body: &str) -> Answer {
        let content_type = "text/plain; charset=utf-8";
        Answer { status, content_type, body: format!("{body}\n"), extra: "" }
    }

    fn bytes(&self) -> Vec<u8> {
        response(self.status, self.content_type, &self.body, self.extra)
    }
}

fn refusal(crowded: Crowded) -> Answer {
    match crowded {
        Crowded::InAll => Answer::text(503, "there are too many connections"),
        Crowded::FromAddress => {
            Answer::text(429, "there are too many connections from this address")
        }
    }
}

/// The client's address as the nearest proxy reported it.
fn forwarded(head: &Head) -> Option<IpAddr> {
    head.last_header("x-forwarded-for")?.rsplit(',').next()?.trim().parse().ok()
}

async fn finish(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await?;
    stream.shutdown().await
}
