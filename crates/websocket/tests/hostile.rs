//! Peers that break the rules are shown out with a code, and others do not notice.

mod common;

use common::{listen, pair, resident, soon};
use futures_util::{SinkExt, StreamExt};
use rejoin_websocket::{CloseCode, Closed, Connection, ListenOptions, Listener};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

/// A client after its handshake that writes its frames by hand.
async fn raw_client(listener: &mut Listener) -> (TcpStream, Connection) {
    let mut stream = TcpStream::connect(listener.address()).await.expect("a connection");
    let request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(soon(stream.read_u8()).await.expect("an answer"));
    }
    let text = String::from_utf8_lossy(&answer);
    assert!(text.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{text}");
    let server = soon(listener.accept()).await.expect("a connection");
    (stream, server)
}

/// The code in the close frame that a raw client receives, after any pings.
async fn close_code(stream: &mut TcpStream) -> u16 {
    loop {
        let (first, length) =
            soon(async { (stream.read_u8().await, stream.read_u8().await) }).await;
        let mut payload = vec![0; usize::from(length.expect("a frame"))];
        soon(stream.read_exact(&mut payload)).await.expect("a frame");
        if first.expect("a frame") == 0x88 {
            return u16::from_be_bytes([payload[0], payload[1]]);
        }
    }
}

async fn end_of(server: Connection) -> Closed {
    let (_sender, mut receiver) = server.split();
    loop {
        if let Err(closed) = soon(receiver.recv()).await.expect("it does not end well") {
            return closed;
        }
    }
}

async fn after(bytes: &[u8], change: impl FnOnce(&mut ListenOptions)) -> (u16, Closed) {
    let mut listener = listen(change).await;
    let (mut stream, server) = raw_client(&mut listener).await;
    stream.write_all(bytes).await.expect("the bytes are taken");
    let end = tokio::spawn(end_of(server));
    let code = close_code(&mut stream).await;
    (code, soon(end).await.expect("the server goes on"))
}

#[tokio::test]
async fn a_frame_larger_than_the_limit_is_not_read() {
    let bomb = [0x82, 0xff, 0, 0, 0, 0xff, 0, 0, 0, 0, 1, 2, 3, 4];
    let (code, closed) = after(&bomb, |_| ()).await;
    assert_eq!((code, closed.code), (1009, CloseCode::TOO_LARGE));
    assert!(!closed.by_peer);
}

#[tokio::test]
async fn garbage_breaks_the_protocol() {
    for bytes in [&[0x82, 0x01, 0x00][..], &[0xff; 20], &[0x83, 0x80, 0, 0, 0, 0], b"GET / HTTP"] {
        let (code, closed) = after(bytes, |_| ()).await;
        assert_eq!((code, closed.code), (1002, CloseCode::PROTOCOL), "{bytes:x?}");
    }
    let (code, _) = after(&[0x81, 0x81, 0, 0, 0, 0, b'a'], |_| ()).await;
    assert_eq!(code, 1003);
}

#[tokio::test]
async fn a_flood_is_stopped_whatever_kind_of_frame_it_is_made_of() {
    let message = [0x82, 0x80, 0, 0, 0, 0];
    let ping = [0x89, 0x80, 0, 0, 0, 0];
    let mut fragments = vec![0x02, 0x80, 0, 0, 0, 0];
    for _ in 0..2_000 {
        fragments.extend_from_slice(&[0x00, 0x80, 0, 0, 0, 0]);
    }
    for flood in [message.repeat(2_000), ping.repeat(2_000), fragments] {
        let (code, closed) = after(&flood, |options| {
            options.limits.frames_per_second = 100;
            options.limits.frame_burst = 1_000;
        })
        .await;
        assert_eq!((code, closed.code), (4029, CloseCode::TOO_FAST));
    }
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_dropped_and_its_memory_is_bounded() {
    let mut listener = listen(|options| {
        options.limits.send_queue = 1 << 20;
        options.limits.stalled = Duration::from_millis(300);
    })
    .await;
    let (_stream, server) = raw_client(&mut listener).await;
    let (sender, mut receiver) = server.split();
    let closed = soon(async {
        loop {
            if let Err(closed) = sender.send(vec![0; 100_000]).await {
                return closed;
            }
        }
    })
    .await;
    assert_eq!(closed.code, CloseCode::SLOW_READER);
    assert_eq!(soon(receiver.recv()).await, Some(Err(closed)));
}

#[tokio::test]
async fn a_peer_that_answers_no_ping_is_dropped() {
    let mut listener = listen(|options| {
        options.limits.ping_every = Duration::from_millis(50);
        options.limits.silence = Duration::from_millis(200);
    })
    .await;
    let (mut dead, server) = raw_client(&mut listener).await;
    let end = tokio::spawn(end_of(server));
    let (client, server) = pair(&mut listener).await;
    let (_alive, mut reading) = client.split();
    let reading = tokio::spawn(async move { reading.recv().await });
    let (to_alive, _from_alive) = server.split();
    assert_eq!(soon(end).await.unwrap().code, CloseCode::NO_PONG);
    assert_eq!(close_code(&mut dead).await, 4001);
    to_alive.send(b"still here".to_vec()).await.unwrap();
    assert_eq!(soon(reading).await.unwrap(), Some(Ok(b"still here".to_vec())));
}

#[tokio::test]
async fn a_peer_that_says_nothing_is_dropped() {
    let (code, closed) = after(&[], |options| {
        options.limits.ping_every = Duration::from_millis(30);
        options.limits.first_message = Duration::from_millis(60);
    })
    .await;
    assert_eq!((code, closed.code), (4000, CloseCode::IDLE));
    let (code, closed) = after(&[0x82, 0x80, 0, 0, 0, 0], |options| {
        options.limits.ping_every = Duration::from_millis(30);
        options.limits.first_message = Duration::from_millis(60);
        options.limits.idle = Some(Duration::from_millis(200));
    })
    .await;
    assert_eq!((code, closed.code), (4000, CloseCode::IDLE));
    assert!(closed.reason.contains("for too long"), "{closed}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_cut_off() {
    let listener = listen(|o| o.limits.handshake = Duration::from_millis(100)).await;
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nX: ").await.unwrap();
    let mut answer = Vec::new();
    soon(stream.read_to_end(&mut answer)).await.unwrap();
    assert_eq!(answer, b"");
    assert_eq!(listener.connections(), 0);
}

#[tokio::test]
async fn a_good_client_goes_on_while_others_misbehave() {
    let mut listener = listen(|options| options.limits.max_message = 1 << 20).await;
    let (client, server) = pair(&mut listener).await;
    let (sender, mut receiver) = client.split();
    tokio::spawn(async move {
        let (sender, mut receiver) = server.split();
        while let Some(Ok(message)) = receiver.recv().await {
            sender.send(message).await.unwrap();
        }
    });
    for round in 0..30u8 {
        let (mut stream, server) = raw_client(&mut listener).await;
        let end = tokio::spawn(end_of(server));
        let bytes: Vec<u8> = (0..200).map(|i| (i * 7 + round as usize * 31) as u8).collect();
        let _ = stream.write_all(&bytes).await;
        drop(stream);
        sender.send(vec![round; 1000]).await.unwrap();
        assert_eq!(soon(receiver.recv()).await, Some(Ok(vec![round; 1000])));
        soon(end).await.unwrap();
    }
}

#[tokio::test]
async fn memory_of_large_messages_is_given_back_while_the_connection_lives() {
    let mut listener = listen(|_| ()).await;
    let mut connections = Vec::new();
    let large = || vec![1; 8 << 20];
    let begin = resident();
    for _ in 0..8 {
        let (mut client, _) =
            soon(tokio_tungstenite::connect_async(common::url(&listener))).await.unwrap();
        let (sender, mut receiver) = soon(listener.accept()).await.unwrap().split();
        let sending = client.send(Message::Binary(large().into()));
        let (sent, received) = soon(async { tokio::join!(sending, receiver.recv()) }).await;
        sent.unwrap();
        assert_eq!(received.unwrap().unwrap().len(), 8 << 20);
        sender.send(large()).await.unwrap();
        assert_eq!(soon(client.next()).await.unwrap().unwrap().len(), 8 << 20);
        // The other implementation keeps its buffers, so only ours stays.
        drop(client);
        connections.push((sender, receiver));
    }
    let grown = resident().saturating_sub(begin);
    assert!(grown < 32 << 20, "{} MiB are held", grown >> 20);
}
