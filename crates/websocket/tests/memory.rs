//! What a thousand silent connections cost.

mod common;

use common::{listen, resident, soon, url};
use rejoin_websocket::{DialOptions, dial};

/// Both ends lie in this process, so the bar of 20 kB is for the two together.
#[tokio::test]
async fn a_thousand_silent_connections_are_cheap() {
    let mut listener = listen(|_| ()).await;
    let mut connections = Vec::new();
    let mut begin = 0;
    for i in 0..500 {
        if i == 20 {
            begin = resident();
        }
        let client = soon(dial(DialOptions::new(url(&listener)))).await.unwrap();
        let server = soon(listener.accept()).await.unwrap();
        for end in [client, server] {
            let (sender, mut receiver) = end.split();
            sender.send(b"join".to_vec()).await.unwrap();
            assert_eq!(sender.try_send(vec![0; 0]), Ok(true));
            let reading = tokio::spawn(async move { while receiver.recv().await.is_some() {} });
            connections.push((sender, reading));
        }
    }
    // Whatever is under way arrives before the last connection is used to look.
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    let each = resident().saturating_sub(begin) / 960;
    println!("{each} bytes for one end of a silent connection");
    assert!(each < 10_000, "{each} bytes");
}
