//! Against another implementation of the protocol, at either end.

mod common;

use common::{listen, soon, url};
use futures_util::{SinkExt, StreamExt};
use rejoin_websocket::{CloseCode, DialOptions, dial};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{accept_async, connect_async};

const SIZES: [usize; 8] = [0, 1, 125, 126, 127, 65_535, 65_536, 3_000_000];

#[tokio::test]
async fn another_client_talks_to_our_listener() {
    let mut listener = listen(|_| ()).await;
    let (mut client, _) = soon(connect_async(url(&listener))).await.unwrap();
    let (sender, mut receiver) = soon(listener.accept()).await.unwrap().split();
    let echo = tokio::spawn(async move {
        while let Some(message) = receiver.recv().await {
            sender.send(message.unwrap()).await.unwrap();
        }
        sender.closed().await
    });
    client.send(Message::Ping(vec![1, 2, 3].into())).await.unwrap();
    assert_eq!(soon(client.next()).await.unwrap().unwrap(), Message::Pong(vec![1, 2, 3].into()));
    for size in SIZES {
        let message = Message::Binary(vec![size as u8; size].into());
        client.send(message.clone()).await.unwrap();
        assert_eq!(soon(client.next()).await.unwrap().unwrap(), message);
    }
    client.close(None).await.unwrap();
    assert!(matches!(soon(client.next()).await, Some(Ok(Message::Close(None)))));
    assert!(soon(client.next()).await.is_none());
    let closed = soon(echo).await.unwrap();
    assert_eq!((closed.code, closed.by_peer), (CloseCode::NO_STATUS, true));
}

#[tokio::test]
async fn our_client_talks_to_another_listener() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut server = accept_async(stream).await.unwrap();
        // What comes at once behind the handshake belongs to the connection.
        server.send(Message::Binary(b"first".to_vec().into())).await.unwrap();
        server.send(Message::Ping(vec![9].into())).await.unwrap();
        let mut pongs = 0;
        while let Some(Ok(message)) = server.next().await {
            match message {
                Message::Binary(_) => server.send(message).await.unwrap(),
                Message::Pong(payload) => pongs += usize::from(payload == vec![9]),
                _ => {}
            }
        }
        pongs
    });
    let client = soon(dial(DialOptions::new(format!("ws://{address}")))).await.unwrap();
    let (sender, mut receiver) = client.split();
    assert_eq!(soon(receiver.recv()).await, Some(Ok(b"first".to_vec())));
    for size in SIZES {
        sender.send(vec![size as u8; size]).await.unwrap();
        assert_eq!(soon(receiver.recv()).await, Some(Ok(vec![size as u8; size])));
    }
    sender.close(CloseCode::GOING_AWAY, "bye");
    assert_eq!(soon(receiver.recv()).await, None);
    drop(receiver);
    assert_eq!(soon(server).await.unwrap(), 1);
}
