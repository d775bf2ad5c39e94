//! One client: a WebSocket, a document of its own, and the sync session with the server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use rejoin_document::{
    ActorId, ChangeHash, CommitOptions, Cursor, CursorSide, Document, ObjId, ObjType, PatchLog,
    TextUnit, Value,
};
use rejoin_sync::wire::{DocumentMessage, PROTOCOL_VERSION, PeerMetadata, WireMessage};
use rejoin_sync::{
    DocumentId, Extensions, Message, PeerId, State, StorageId, generate_sync_message,
    receive_sync_message,
};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// How long a server may take for one step of the set-up.
const PATIENCE: Duration = Duration::from_secs(120);

const UNIT: TextUnit = TextUnit::CodePoint;

/// A client of one document.
pub struct Client {
    socket: Socket,
    id: DocumentId,
    pub document: Document,
    state: State,
    actor: ActorId,
    /// The element behind which the next character goes.
    caret: Option<Cursor>,
    log: PatchLog,
}

/// A connection on which the two sides have greeted each other.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    me: PeerId,
    server: PeerId,
    pub sent: Traffic,
    pub received: Traffic,
}

/// Messages and the bytes in them.
#[derive(Debug, Default, Clone, Copy)]
pub struct Traffic {
    pub messages: u64,
    pub bytes: u64,
}

impl Socket {
    /// Dials and greets. `hears_of_disks` asks for word of what the server has made durable.
    pub async fn open(address: SocketAddr, name: &str, hears_of_disks: bool) -> Result<Socket> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        // The usual buffer of 128 KiB would make a thousand clients a matter of memory.
        let config = WebSocketConfig::default().read_buffer_size(4 << 10);
        let dialing = client_async_with_config(format!("ws://{address}/"), tcp, Some(config));
        let (stream, _) = dialing.await?;
        let me = PeerId::new(name)?;
        let mut socket = Socket {
            stream,
            server: me.clone(),
            me: me.clone(),
            sent: Traffic::default(),
            received: Traffic::default(),
        };
        let metadata = PeerMetadata {
            is_ephemeral: true,
            sync_extensions: Extensions::OURS.bits(),
            ..PeerMetadata::default()
        };
        let versions = vec![PROTOCOL_VERSION.to_owned()];
        socket.send(&WireMessage::Join { sender: me.clone(), metadata, versions }).await?;
        let greeting = tokio::time::timeout(PATIENCE, socket.next()).await;
        let WireMessage::Peer { sender, metadata, .. } = greeting.context("no greeting")?? else {
            bail!("the server does not greet");
        };
        socket.server = sender;
        if hears_of_disks {
            let store = metadata.storage_id.context("the server names no store")?;
            socket.subscribe(store).await?;
        }
        Ok(socket)
    }

    async fn subscribe(&mut self, store: StorageId) -> Result<()> {
        let message = WireMessage::RemoteSubscriptionChange {
            sender: self.me.clone(),
            target: self.server.clone(),
            add: vec![store],
            remove: Vec::new(),
        };
        self.send(&message).await
    }

    async fn send(&mut self, message: &WireMessage) -> Result<()> {
        let frame = message.encode();
        self.sent.messages += 1;
        self.sent.bytes += frame.len() as u64;
        Ok(self.stream.send(tungstenite::Message::Binary(frame.into())).await?)
    }

    /// The next message; dropping the future loses none.
    pub async fn next(&mut self) -> Result<WireMessage> {
        loop {
            match self.stream.next().await.context("the server closed the connection")?? {
                tungstenite::Message::Binary(frame) => {
                    self.received.messages += 1;
                    self.received.bytes += frame.len() as u64;
                    return Ok(WireMessage::decode(&frame)?);
                }
                tungstenite::Message::Close(frame) => bail!("the server closed: {frame:?}"),
                _ => {}
            }
        }
    }
}

impl Client {
    /// A client with a document that the server has not seen.
    pub async fn create(socket: Socket, id: DocumentId, document: Document) -> Result<Client> {
        let mut client = Client::new(socket, id, document);
        client.speak(false).await?;
        client.settle(|client| client.agrees()).await?;
        Ok(client)
    }

    /// A client that asks for a document with these heads.
    pub async fn join(socket: Socket, id: DocumentId, heads: &[ChangeHash]) -> Result<Client> {
        let mut client = Client::new(socket, id, Document::new());
        client.speak(true).await?;
        client.settle(|client| client.agrees() && client.document.heads() == heads).await?;
        Ok(client)
    }

    fn new(socket: Socket, id: DocumentId, document: Document) -> Client {
        Client {
            socket,
            id,
            document,
            state: State::new(),
            actor: ActorId::new(&rand::random::<[u8; 16]>()),
            caret: None,
            log: PatchLog::inactive(),
        }
    }

    async fn settle(&mut self, is_so: impl Fn(&Client) -> bool) -> Result<()> {
        let settling = async {
            while !is_so(self) {
                self.take_next().await?;
            }
            Ok(())
        };
        let late = || "the server does not come to the same document";
        tokio::time::timeout(PATIENCE, settling).await.with_context(late)?
    }

    /// Whether the server has said that it has what is here.
    pub fn agrees(&self) -> bool {
        self.state.their_heads() == Some(self.document.heads())
    }

    pub fn sent(&self) -> Traffic {
        self.socket.sent
    }

    pub fn received(&self) -> Traffic {
        self.socket.received
    }

    /// Takes the next message in and answers it.
    async fn take_next(&mut self) -> Result<()> {
        let message = self.socket.next().await?;
        self.take(message).await
    }

    /// The next message, which goes to [`Client::take`]; dropping the future loses none.
    pub async fn next(&mut self) -> Result<WireMessage> {
        self.socket.next().await
    }

    /// Takes a message in and answers it.
    pub async fn take(&mut self, message: WireMessage) -> Result<()> {
        match message {
            WireMessage::Sync(message) | WireMessage::Request(message) => {
                let message = Message::decode(&message.data)?;
                receive_sync_message(&mut self.document, &mut self.state, message, &mut self.log)?;
                self.speak(false).await
            }
            WireMessage::DocUnavailable(_) => bail!("the server says that there is no such note"),
            WireMessage::Error { message } => bail!("the server reports: {message}"),
            _ => Ok(()),
        }
    }

    async fn speak(&mut self, is_request: bool) -> Result<()> {
        let Some(message) = generate_sync_message(&self.document, &mut self.state) else {
            return Ok(());
        };
        let message = DocumentMessage {
            sender: self.socket.me.clone(),
            target: self.socket.server.clone(),
            document: self.id.clone(),
            data: message.encode(),
        };
        let message =
            if is_request { WireMessage::Request(message) } else { WireMessage::Sync(message) };
        self.socket.send(&message).await
    }

    /// Types one character behind the one before, and sends it at once. The first goes to `place`,
    /// a part of the text between 0 and 1.
    pub fn type_character(&mut self, place: f64) -> Result<ChangeHash> {
        let text = content(&self.document)?;
        let view = self.document.view();
        let position = match &self.caret {
            Some(caret) => view.cursor_position(text, caret, UNIT)? + 1,
            None => (view.length(text, UNIT)? as f64 * place) as usize,
        };
        let mut transaction = self.document.transaction(&self.actor);
        transaction.splice_text(text, position, 0, "y", UNIT)?;
        let hash = transaction.commit(CommitOptions::default()).context("nothing was written")?;
        let view = self.document.view();
        self.caret = Some(view.cursor(text, position, UNIT, CursorSide::After)?);
        Ok(hash)
    }

    /// Sends what was typed.
    pub async fn send(&mut self) -> Result<()> {
        self.speak(false).await
    }

    /// The length of the text in characters.
    pub fn length(&self) -> Result<usize> {
        Ok(self.document.view().length(content(&self.document)?, UNIT)?)
    }

    pub fn text(&self) -> Result<String> {
        Ok(self.document.view().text(content(&self.document)?)?)
    }
}

/// A note of so many characters, written as 64 changes: a server sends a document whole when a
/// client lacks more than a third of its changes, and a few large ones would make that the rule.
pub fn note(characters: usize) -> Result<Document> {
    let actor = ActorId::new(&rand::random::<[u8; 16]>());
    let mut document = Document::new();
    let mut transaction = document.transaction(&actor);
    let text = transaction.put_object(ObjId::ROOT, "content", ObjType::Text)?;
    transaction.commit(CommitOptions::default());
    let piece = "Notes are written by people. ".repeat(characters / 64 / 29 + 1);
    for number in 0..64 {
        let mut transaction = document.transaction(&actor);
        let length = characters / 64;
        transaction.splice_text(text, number * length, 0, &piece[..length], UNIT)?;
        transaction.commit(CommitOptions::default());
    }
    Ok(document)
}

fn content(document: &Document) -> Result<ObjId> {
    match document.view().get(ObjId::ROOT, "content")? {
        Some(Value::Object(_, text)) => Ok(text),
        _ => bail!("the document has no text"),
    }
}
