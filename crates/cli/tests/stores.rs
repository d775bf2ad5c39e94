//! The documents of a server to and from the directory of other programs.

mod common;

use common::Desk;
use rejoin_server::{Server, ServerOptions};
use std::fs;
use std::path::Path;

async fn start(data: &Path) -> Server {
    let mut options = ServerOptions::new(data);
    options.listen = "127.0.0.1:0".into();
    Server::start(options).await.expect("a server")
}

fn url(server: &Server) -> String {
    format!("ws://{}", server.address())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_moves_to_the_directory_of_another_program_and_back() {
    let desk = Desk::new();
    let server = start(&desk.path("data")).await;
    let mut links = Vec::new();
    for name in ["a", "b"] {
        desk.ok(&["new", name, "--json", r#"{"text":"one"}"#]);
        links.push(desk.ok(&["sync", name, &url(&server)]).trim().to_owned());
        desk.ok(&["set", name, "text", "\"one two\""]);
        desk.ok(&["sync", name, &url(&server), "--doc", &links[links.len() - 1]]);
    }
    let busy = desk.run(&["store", "export", "data", "theirs"]);
    assert_eq!(busy.code, 1);
    assert!(busy.err.contains("in use by another process"), "{busy:?}");
    assert!(!desk.path("theirs").exists());
    assert!(server.shutdown().await);

    assert!(desk.ok(&["store", "export", "data", "theirs"]).starts_with("2 documents, "));
    assert_eq!(desk.run(&["store", "export", "data", "theirs"]).code, 1, "it is not empty");
    let id = links[0].strip_prefix("automerge:").unwrap();
    let (directory, name) = id.split_at(2);
    assert!(desk.path("theirs").join(directory).join(name).join("snapshot").is_dir());
    assert!(!desk.path("theirs/st").exists(), "each store has a name of its own");

    // As it is called in a profile of the app, and by its own name.
    fs::create_dir(desk.path("profile")).unwrap();
    fs::copy(desk.path("data/rejoin.sqlite"), desk.path("profile/notes.sqlite")).unwrap();
    for (number, store) in ["profile", "profile/notes.sqlite"].iter().enumerate() {
        let told = desk.ok(&["store", "export", store, &format!("copy {number}")]);
        assert!(told.starts_with("2 documents, "), "{told}");
    }
    fs::write(desk.path("theirs/README"), "no chunk").unwrap();
    let told = desk.ok(&["store", "import", "theirs", "anew", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["documents"], &told["damaged"]), (&2.into(), &serde_json::json!([])));
    assert_eq!(told["leftOut"][0]["reason"], "not in the place of a chunk");
    assert_eq!(desk.run(&["store", "import", "theirs", "anew"]).code, 7, "nothing new");
    let server = start(&desk.path("anew")).await;
    for (name, link) in ["a", "b"].iter().zip(&links) {
        desk.ok(&["get", link, "--server", &url(&server), "-o", "copy"]);
        assert_eq!(desk.heads("copy"), desk.heads(name));
    }
}

#[test]
fn what_is_no_store_or_directory_is_said_to_be_none() {
    let desk = Desk::new();
    desk.ok(&["new", "file"]);
    let code = |arguments: &[&str]| {
        let done = desk.run(&[&["store"], arguments].concat());
        assert!(done.code == 7 || done.err.starts_with("rejoin: "), "{done:?}");
        done.code
    };
    assert_eq!(code(&["import", "nowhere", "data"]), 3);
    assert_eq!(code(&["import", "file", "data"]), 3);
    assert_eq!(code(&["export", "nowhere", "out"]), 3);
    assert!(!desk.path("data").exists() && !desk.path("out").exists());
    assert_eq!(code(&["export", "file", "out"]), 4, "a file that is no store");
    fs::create_dir(desk.path("empty")).unwrap();
    assert_eq!(code(&["import", "empty", "data"]), 7);
    assert_eq!(code(&["export", "data", "out"]), 7);
    assert_eq!(code(&["export", "data", "file"]), 1, "a file is no directory");
    assert_eq!(code(&["import", "empty", "file/below"]), 1);
}

#[test]
fn what_cannot_be_read_is_imported_and_said() {
    let desk = Desk::new();
    let chunk = desk.path("theirs/4N/MNnkMhL8jXrdJ9jamS58PAVdXu/snapshot/00ff");
    fs::create_dir_all(chunk.parent().unwrap()).unwrap();
    fs::write(&chunk, "torn").unwrap();
    let done = desk.run(&["store", "import", "theirs", "data"]);
    assert_eq!(done.code, 4, "{done:?}");
    assert!(done.err.contains("1 chunk of it cannot be read"), "{done:?}");
}
