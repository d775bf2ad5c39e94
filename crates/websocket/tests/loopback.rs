//! Our client and our listener with each other.

mod common;

use common::{listen, pair, soon, url};
use rejoin_websocket::{
    Access, Admission, ClientTls, CloseCode, DialError, DialOptions, HttpAnswer, Origins, Sender,
    ServerTls, Token, TokenSet, dial,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn raw(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("the request is taken");
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.expect("an answer");
    answer
}

fn upgrade(extra: &str) -> String {
    format!(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{extra}\r\n"
    )
}

#[tokio::test]
async fn messages_of_all_sizes_arrive_in_order_both_ways() {
    let mut listener = listen(|_| ()).await;
    let (client, server) = pair(&mut listener).await;
    assert_eq!(server.info().path, "/path");
    let sizes = [0, 1, 125, 126, 65535, 65536, 40_000, 3, 5_000_000, 7];
    let message = move |i: usize| vec![i as u8; sizes[i]];
    let (client, mut from_server) = client.split();
    let (server, mut from_client) = server.split();
    let send_all = |sender: Sender| async move {
        for i in 0..sizes.len() {
            sender.send(message(i)).await.unwrap();
        }
        sender
    };
    let sending = [client, server].map(|sender| tokio::spawn(send_all(sender)));
    for i in 0..sizes.len() {
        assert_eq!(soon(from_server.recv()).await, Some(Ok(message(i))));
    }
    for i in 0..sizes.len() {
        assert_eq!(soon(from_client.recv()).await, Some(Ok(message(i))));
    }
    for sending in sending {
        soon(sending).await.unwrap().close(CloseCode::NORMAL, "done");
    }
    assert_eq!(soon(from_server.recv()).await, None);
    assert_eq!(soon(from_client.recv()).await, None);
}

#[tokio::test]
async fn dropping_the_sender_sends_what_was_queued_and_closes() {
    let mut listener = listen(|_| ()).await;
    let (client, server) = pair(&mut listener).await;
    let (sender, receiver) = client.split();
    for i in 0..100u8 {
        sender.send(vec![i; 1000]).await.unwrap();
    }
    drop(sender);
    let (_server, mut received) = server.split();
    for i in 0..100u8 {
        assert_eq!(soon(received.recv()).await, Some(Ok(vec![i; 1000])));
    }
    assert_eq!(soon(received.recv()).await, None);
    drop(receiver);
}

#[tokio::test]
async fn the_code_and_the_reason_reach_the_other_side() {
    let mut listener = listen(|_| ()).await;
    let (client, server) = pair(&mut listener).await;
    let (server, _rest) = server.split();
    server.close(CloseCode::POLICY, "speak the protocol");
    let (sender, mut client) = client.split();
    let closed = soon(client.recv()).await.unwrap().unwrap_err();
    assert_eq!((closed.code, closed.by_peer), (CloseCode::POLICY, true));
    assert_eq!(closed.reason, "speak the protocol");
    assert_eq!(soon(client.recv()).await, None);
    assert_eq!(soon(sender.closed()).await, closed);
    assert_eq!(sender.send(vec![1]).await.unwrap_err(), closed);
    assert!(!soon(server.closed()).await.by_peer);
}

#[tokio::test]
async fn a_sender_waits_until_the_peer_reads() {
    let mut listener = listen(|options| options.limits.send_queue = 100_000).await;
    let (client, server) = pair(&mut listener).await;
    let (server, _keep) = server.split();
    let mut queued = 0;
    while server.try_send(vec![7; 50_000]).unwrap() {
        queued += 1;
        tokio::task::yield_now().await;
        assert!(queued < 10_000, "the queue has no bound");
    }
    let waiting = tokio::spawn(async move { server.send(vec![8; 50_000]).await.map(|()| server) });
    let (_sender, mut client) = client.split();
    let mut received = 0;
    loop {
        let message = soon(client.recv()).await.unwrap().unwrap();
        if message[0] == 8 {
            break;
        }
        received += 1;
    }
    assert_eq!(received, queued);
    soon(waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_cancelled_recv_loses_nothing() {
    let mut listener = listen(|_| ()).await;
    let (client, server) = pair(&mut listener).await;
    let (sender, _rest) = client.split();
    let (_sender, mut server) = server.split();
    tokio::spawn(async move {
        for i in 0..200u32 {
            sender.send(vec![i as u8; 10_000]).await.unwrap();
            if i % 10 == 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        sender.closed().await;
    });
    for i in 0..200u32 {
        let message = loop {
            tokio::select! {
                biased;
                message = server.recv() => break message,
                () = tokio::task::yield_now() => {}
            }
        };
        assert_eq!(message, Some(Ok(vec![i as u8; 10_000])));
    }
}

#[tokio::test]
async fn tokens_open_the_door() {
    let tokens = TokenSet::parse("secret-write\nsecret-read read-only").unwrap();
    let mut listener = listen(|o| o.admission = Admission::Tokens(tokens)).await;
    let address = listener.address();
    let with = |token: Option<&str>, query: &str| DialOptions {
        token: token.map(|token| Token::new(token).unwrap()),
        ..DialOptions::new(format!("ws://{address}/{query}"))
    };
    for (options, access) in [
        (with(Some("secret-write"), ""), Access::ReadWrite),
        (with(Some("secret-read"), ""), Access::ReadOnly),
        (with(None, "?access_token=secret-read"), Access::ReadOnly),
        (with(None, "a?x=1&access_token=secret%2Dwrite"), Access::ReadWrite),
    ] {
        let _client = soon(dial(options)).await.unwrap();
        assert_eq!(soon(listener.accept()).await.unwrap().info().access, access);
    }
    for (options, expected) in [
        (with(None, ""), 401),
        (with(Some("secret-other"), ""), 403),
        (with(None, "?access_token=x"), 403),
    ] {
        let error = soon(dial(options)).await.unwrap_err();
        assert!(matches!(error, DialError::Forbidden { status, .. } if status == expected));
    }
}

#[tokio::test]
async fn foreign_pages_do_not_connect() {
    let listener = listen(|_| ()).await;
    let answer = raw(listener.address(), &upgrade("Origin: https://evil.example\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let listener =
        listen(|o| o.origins = Origins::Listed(vec!["https://good.example".into()])).await;
    let answer = raw(listener.address(), &upgrade("Origin: https://evil.example\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    let mut stream = TcpStream::connect(listener.address()).await.unwrap();
    stream.write_all(upgrade("Origin: https://good.example\r\n").as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    soon(stream.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}

#[tokio::test]
async fn ordinary_requests_are_answered_on_the_same_port() {
    let health = || HttpAnswer {
        status: 503,
        content_type: "application/json",
        body: "{\"disk\":\"full\"}".into(),
    };
    let listener = listen(|options| options.health = Some(Arc::new(health))).await;
    let get = |path: &'static str| {
        let address = listener.address();
        async move { raw(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")).await }
    };
    let answer = get("/health").await;
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("{\"disk\":\"full\"}"));
    assert!(get("/").await.contains("sync server"));
    assert!(get("/other").await.starts_with("HTTP/1.1 404 "));
    let answer = raw(listener.address(), "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx").await;
    assert!(answer.starts_with("HTTP/1.1 405 "));
    let old = upgrade("").replace("13", "8");
    assert!(raw(listener.address(), &old).await.starts_with("HTTP/1.1 426 "));
}

#[tokio::test]
async fn connections_are_counted() {
    let mut listener = listen(|options| {
        options.listen_limits.connections = 3;
        options.listen_limits.connections_per_address = 2;
    })
    .await;
    let first = pair(&mut listener).await;
    let _second = pair(&mut listener).await;
    let error = soon(dial(DialOptions::new(url(&listener)))).await.unwrap_err();
    assert!(matches!(error, DialError::Busy { status: 429, .. }), "{error}");
    drop(first);
    // The place is free once both ends have said good-bye.
    soon(async {
        while listener.connections() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    pair(&mut listener).await;
}

#[tokio::test]
async fn behind_a_proxy_the_reported_address_counts() {
    let mut listener = listen(|options| {
        options.behind_proxy = true;
        options.listen_limits.connections_per_address = 1;
    })
    .await;
    let address = listener.address();
    let open = |client: &'static str| async move {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let header = format!("X-Forwarded-For: 1.1.1.1, {client}\r\n");
        stream.write_all(upgrade(&header).as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        soon(stream.read_exact(&mut answer)).await.unwrap();
        (stream, String::from_utf8_lossy(&answer[9..]).into_owned())
    };
    let first = open("10.0.0.1").await;
    assert_eq!(first.1, "101");
    let accepted = soon(listener.accept()).await.unwrap();
    assert_eq!(accepted.info().address.ip().to_string(), "10.0.0.1");
    assert_eq!(open("10.0.0.1").await.1, "429");
    assert_eq!(open("10.0.0.2").await.1, "101");
}

#[tokio::test]
async fn encrypted_connections_work_and_strangers_are_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = ServerTls::from_files(&certificate, &key).unwrap();
    assert!(ServerTls::from_files(&key, &certificate).is_err());
    let mut listener = listen(|options| options.tls = Some(tls)).await;
    let url = format!("wss://localhost:{}/", listener.address().port());

    let believing = ClientTls::from_file(&certificate).unwrap();
    let options = DialOptions { tls: Some(believing), ..DialOptions::new(&url) };
    let client = soon(dial(options)).await.unwrap();
    let server = soon(listener.accept()).await.unwrap();
    let (sender, _rest) = client.split();
    sender.send(vec![5; 300_000]).await.unwrap();
    assert_eq!(soon(server.split().1.recv()).await, Some(Ok(vec![5; 300_000])));

    let other = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    std::fs::write(&certificate, other.cert.pem()).unwrap();
    let believing = ClientTls::from_file(&certificate).unwrap();
    let options = DialOptions { tls: Some(believing), ..DialOptions::new(&url) };
    assert!(matches!(soon(dial(options)).await.unwrap_err(), DialError::Tls(_)));
    let plain = DialOptions::new(url.replace("wss", "ws"));
    assert!(soon(dial(plain)).await.is_err());
}

#[tokio::test]
async fn dialling_fails_in_ways_that_can_be_told_apart() {
    let error = |url: String| async move { soon(dial(DialOptions::new(url))).await.unwrap_err() };
    for url in ["", "localhost:3030", "http://localhost", "ws://"] {
        assert!(matches!(error(url.into()).await, DialError::InvalidUrl(_)), "{url}");
    }
    let gone = listen(|_| ()).await.address();
    assert!(matches!(error(format!("ws://{gone}")).await, DialError::Unreachable { .. }));

    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut options = DialOptions::new(format!("ws://{}", silent.local_addr().unwrap()));
    options.limits.handshake = Duration::from_millis(50);
    assert!(matches!(soon(dial(options)).await.unwrap_err(), DialError::TimedOut(_)));

    let address = silent.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = silent.accept().await {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9\r\n\r\n").await;
        }
    });
    assert!(matches!(error(format!("ws://{address}")).await, DialError::NotWebSocket(_)));
}
