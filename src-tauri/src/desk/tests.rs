//! The desk as the page uses it, over a real store in a temporary folder and without a window.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rejoin_storage::{ChunkStore, KeyPrefix, SharedStore};

use super::{Desk, Sink};
use crate::port::*;

/// What a page heard.
type Heard<T> = Arc<Mutex<Vec<T>>>;

fn heard<T: Send + 'static>() -> (Heard<T>, Sink<T>) {
    let all: Heard<T> = Arc::default();
    let listener = all.clone();
    (all, Box::new(move |event| listener.lock().unwrap().push(event)))
}

async fn desk(folder: &Path) -> (Arc<Desk>, Heard<AppEvent>, Session) {
    let desk = Desk::open(folder).await.unwrap();
    let (events, sink) = heard();
    let session = desk.session(sink);
    (desk, events, session)
}

/// A note in home with this text, open in the window.
async fn opened(desk: &Desk, home: &ItemId, text: &str) -> (ItemId, OpenedNote, Heard<NoteEvent>) {
    let item = NewItem {
        kind: ItemKind::Note,
        parent: home.clone(),
        title: String::new(),
        text: Some(text.to_owned()),
    };
    let id = desk.create(item).unwrap();
    let (events, sink) = heard();
    let opened = desk.open_note(&id, sink).await.unwrap();
    (id, opened, events)
}

fn insertion(version: u32, at: usize, text: &str, length: usize) -> PushRequest {
    let json = format!(r#"[{at},[0,"{text}"],{}]"#, length - at);
    let json = json.replacen("[0,[", "[[", 1).replace(",0]", "]");
    let changes = serde_json::from_str(&json).unwrap();
    PushRequest { version, confirms: None, changes, selection: None }
}

fn undo(version: u32, direction: UndoDirection) -> UndoRequest {
    UndoRequest { direction, version, confirms: None }
}

/// The text that another window would be given.
async fn text(desk: &Desk, id: &ItemId) -> String {
    desk.open_note(id, Box::new(drop)).await.unwrap().text
}

async fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1000 {
        if let Some(answer) = ask() {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("waited in vain for {what}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_person_has_an_empty_home() {
    let folder = tempfile::tempdir().unwrap();
    let (_desk, _, session) = desk(folder.path()).await;
    assert!(session.first_run);
    assert_eq!(session.library.folders.len(), 1);
    assert_eq!(session.library.folders[0].id, session.library.home);
    assert!(session.library.notes.is_empty() && session.library.trash.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_is_announced_before_it_is_answered_and_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (first, events, session) = desk(folder.path()).await;
    let (id, _, _) = opened(&first, &session.library.home, "# Trip\nby train").await;
    let announced = events.lock().unwrap().iter().any(|event| match event {
        AppEvent::Library { change } => change.notes.iter().any(|note| note.id == id),
        _ => false,
    });
    assert!(announced);
    assert!(first.end().await);
    drop(first);
    let (second, _, session) = reopened(folder.path()).await;
    assert_eq!(session.library.notes.len(), 1);
    assert_eq!(text(&second, &id).await, "# Trip\nby train");
}

/// The store is free once the last task of the earlier desk has let go of it.
async fn reopened(folder: &Path) -> (Arc<Desk>, Heard<AppEvent>, Session) {
    for _ in 0..500 {
        match Desk::open(folder).await {
            Ok(desk) => {
                let (events, sink) = heard();
                let session = desk.session(sink);
                return (desk, events, session);
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the store was not let go of")
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_are_undone_and_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&desk, &session.library.home, "hello").await;
    let reply = desk.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    let PushReply::Accepted { version, .. } = reply else { panic!("{reply:?}") };
    let reply = desk.undo(&id, &undo(version, UndoDirection::Undo)).unwrap();
    let UndoReply::Accepted { version, changes, .. } = reply else { panic!("{reply:?}") };
    assert_eq!(serde_json::to_string(&changes).unwrap(), "[5,[1]]");
    let reply = desk.undo(&id, &undo(version, UndoDirection::Redo)).unwrap();
    let UndoReply::Accepted { version, .. } = reply else { panic!("{reply:?}") };
    let reply = desk.push(&id, insertion(version, 6, "?", 6)).unwrap();
    assert!(matches!(reply, PushReply::Accepted { .. }));
    assert_eq!(text(&desk, &id).await, "hello!?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_is_undone_without_the_line_before() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&desk, &session.library.home, "").await;
    let mut version = opened.version;
    // A line break is an end of one string and the start of the next.
    for changes in [r#"[[0,"one"]]"#, r#"[3,[0,"",""]]"#, r#"[4,[0,"two"]]"#] {
        let changes = serde_json::from_str(changes).unwrap();
        let push = PushRequest { version, confirms: None, changes, selection: None };
        let reply = desk.push(&id, push).unwrap();
        let PushReply::Accepted { version: next, .. } = reply else { panic!("{reply:?}") };
        version = next;
    }
    let reply = desk.undo(&id, &undo(version, UndoDirection::Undo)).unwrap();
    assert!(matches!(reply, UndoReply::Accepted { .. }));
    assert_eq!(text(&desk, &id).await, "one\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_at_an_older_version_is_stale_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&desk, &session.library.home, "hello").await;
    desk.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    let reply = desk.push(&id, insertion(opened.version, 0, "?", 5)).unwrap();
    assert!(matches!(reply, PushReply::Stale { .. }));
    assert_eq!(text(&desk, &id).await, "hello!");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renamed_note_tells_its_window_and_its_list() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, events, session) = desk(folder.path()).await;
    let (id, _, note_events) = opened(&desk, &session.library.home, "# Trip\nby train").await;
    desk.rename(&id, "Journey").unwrap();
    until("the new title", || {
        let told = note_events.lock().unwrap();
        let title = |event: &NoteEvent| *event == NoteEvent::Title { title: "Journey".to_owned() };
        told.iter().any(title).then_some(())
    })
    .await;
    until("the new title in the list", || {
        let told = events.lock().unwrap();
        let named = |event: &AppEvent| match event {
            AppEvent::Library { change } => change.notes.iter().any(|n| n.title == "Journey"),
            _ => false,
        };
        told.iter().any(named).then_some(())
    })
    .await;
    assert_eq!(text(&desk, &id).await, "# Journey\nby train");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thrown_away_can_be_put_back_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let home = session.library.home;
    let work = NewItem {
        kind: ItemKind::Folder,
        parent: home.clone(),
        title: "Work".to_owned(),
        text: None,
    };
    let work = desk.create(work).unwrap();
    let (id, _, _) = opened(&desk, &work, "# Trip").await;
    assert!(desk.move_item(&work, &work, 0).is_err());
    assert!(desk.delete_forever(&id).is_err());
    desk.set_trashed(&id, true).unwrap();
    let library = || desk.session(Box::new(drop)).library;
    assert_eq!((library().notes.len(), library().trash.len()), (0, 1));
    desk.set_trashed(&id, false).unwrap();
    let listed = library().folders.into_iter().find(|folder| folder.id == work).unwrap().items;
    assert_eq!(listed, std::slice::from_ref(&id));
    desk.move_item(&id, &home, 0).unwrap();
    let listed = library().folders.into_iter().find(|folder| folder.id == home).unwrap().items;
    assert_eq!(listed, [id.clone(), work]);
    desk.set_trashed(&id, true).unwrap();
    desk.delete_forever(&id).unwrap();
    assert!(library().trash.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_waits_for_its_commit_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&first, &session.library.home, "hello").await;
    first.set_mode(&id, Mode::Batched).unwrap();
    first.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    let preview = first.draft_preview(&id).unwrap();
    assert_eq!(preview.text, "hello");
    assert!(first.end().await);
    drop(first);
    let (second, _, _) = reopened(folder.path()).await;
    let again = second.open_note(&id, Box::new(drop)).await.unwrap();
    assert_eq!((again.text.as_str(), again.draft.map(|draft| draft.edits)), ("hello!", Some(1)));
    second.commit(&id, "said hello").unwrap();
    assert!(second.commit(&id, "").is_err());
    let history = second.history(&id).unwrap();
    let messages: Vec<_> = history.sessions.iter().filter_map(|s| s.message.clone()).collect();
    assert_eq!(messages, ["said hello"]);
    assert_eq!(text(&second, &id).await, "hello!");
}

#[tokio::test(flavor = "multi_thread")]
async fn notes_are_found_by_words_and_links() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let home = session.library.home;
    let (trip, _, _) = opened(&desk, &home, "# Trip\nby train").await;
    let (list, _, _) = opened(&desk, &home, "# List\nsee [[Trip]]").await;
    let query = SearchRequest::Text { query: "trai".to_owned(), limit: 5 };
    let hits = until("the words to be indexed", || {
        let hits = desk.search(&query).unwrap();
        (!hits.is_empty()).then_some(hits)
    })
    .await;
    assert_eq!(hits[0].note, trip);
    let links = desk.search(&SearchRequest::LinksTo { note: trip, limit: 5 }).unwrap();
    assert_eq!(links.iter().map(|hit| &hit.note).collect::<Vec<_>>(), [&list]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_version_is_restored_as_a_new_change() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, events) = opened(&desk, &session.library.home, "hello").await;
    let before = desk.history(&id).unwrap().length;
    desk.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    desk.restore_version(&id, before).unwrap();
    let told = events
        .lock()
        .unwrap()
        .iter()
        .any(|event| matches!(event, NoteEvent::Remote { origin: RemoteOrigin::Restore, .. }));
    assert!(told);
    assert_eq!(text(&desk, &id).await, "hello");
    assert_eq!(desk.history(&id).unwrap().length, before + 2);
    let version = VersionRef::Position { position: before + 1 };
    assert_eq!(desk.version_at(&id, version).unwrap().difference.text, "hello!");
    let session = VersionRef::Session { first: before + 1, last: before + 1 };
    let session = desk.version_at(&id, session).unwrap();
    assert_eq!((session.position, session.difference.text.as_str()), (before + 1, "hello"));
    assert_eq!(serde_json::to_string(&session.difference.changes).unwrap(), r#"[5,[0,"!"]]"#);
    let beyond = VersionRef::Session { first: 1, last: before + 3 };
    assert!(desk.version_at(&id, beyond).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let home = session.library.home;
    let (id, opened, _) = opened(&desk, &home, "hello").await;
    let nobody = ItemId("nobody".to_owned());
    assert!(desk.open_note(&nobody, Box::new(drop)).await.is_err());
    assert!(desk.push(&id, insertion(opened.version, 9, "!", 9)).is_err());
    assert!(desk.set_sharing(&home, vec!["ws://unknown".to_owned()]).is_err());
    assert!(desk.set_trashed(&home, true).is_err());
    assert!(desk.rename(&id, &"x".repeat(1000)).is_err());
    let link =
        |link: &str| OpenLink { link: link.to_owned(), target: LinkKind::Item, parent: None };
    assert!(desk.open_link(link("https://example.org")).await.is_err());
    assert_eq!(text(&desk, &id).await, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_a_note_counts_commits_and_what_the_disk_holds() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&desk, &session.library.home, "hello").await;
    let handle = desk.lock().handle(&id).unwrap();
    handle.saved().await.unwrap();
    let before = desk.sync_report(&id).await.unwrap();
    desk.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    handle.saved().await.unwrap();
    let report = desk.sync_report(&id).await.unwrap();
    assert_eq!(report.commits, before.commits + 1);
    assert_eq!(report.changes, before.changes + 1);
    assert!(report.bytes_on_disk > before.bytes_on_disk, "{report:?}");
    assert_eq!(report.samples.len(), 60);
    assert_eq!((report.messages_sent, report.bytes_sent), (0, 0), "nobody is there");
}

/// What a page would show that was told this, beginning with an empty text.
fn text_told(told: &Heard<NoteEvent>) -> Option<String> {
    told.lock().unwrap().iter().rev().find_map(|event| match event {
        NoteEvent::Reset { text, .. } => Some(text.clone()),
        _ => None,
    })
}

/// Has a desk listen, and gives what it is to be dialed as.
async fn listening(desk: &Desk) -> Server {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listen = Listen { enabled: true, port, ..Listen::default() };
    desk.set_network(Network { offline: false, servers: Vec::new(), listen }).await.unwrap();
    Server {
        address: format!("ws://127.0.0.1:{port}"),
        kind: PlaceKind::Peer,
        token: None,
        has_token: false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_is_told_where_others_reach_them_for_as_long_as_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, events, _) = desk(folder.path()).await;
    let server = listening(&desk).await;
    let told = events.lock().unwrap().iter().rev().find_map(|event| match event {
        AppEvent::Network { network } => Some(network.listen.addresses.clone()),
        _ => None,
    });
    assert_eq!(told, Some(vec![server.address.clone()]));
    let network = desk.session(Box::new(drop)).network;
    assert_eq!(network.listen.addresses, [server.address]);
    desk.set_network(Network { offline: true, ..network }).await.unwrap();
    assert!(desk.session(Box::new(drop)).network.listen.addresses.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_with_another_token_keeps_the_port_and_the_other_connections() {
    let folders: [_; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let (hers, _, _) = desk(folders[0].path()).await;
    let (his, _, _) = desk(folders[1].path()).await;
    let servers = vec![listening(&hers).await];
    his.set_network(dialing(&servers, false)).await.unwrap();
    let state = || his.session(Box::new(drop)).connections.first().map(|one| one.state);
    until("the connection", || (state() == Some(ConnectionState::Connected)).then_some(())).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for number in 0..50 {
        let mut network = dialing(&servers, false);
        network.listen.enabled = true;
        network.listen.port = port;
        network.listen.token = Some(format!("long-enough-{number}"));
        // Several at a time, as somebody types who is faster than the network.
        let again = network.clone();
        let (one, other) = tokio::join!(his.set_network(network), his.set_network(again));
        one.unwrap();
        other.unwrap();
        assert_eq!(state(), Some(ConnectionState::Connected), "{number}");
    }
    let told = his.session(Box::new(drop)).network.listen.addresses;
    assert_eq!(told, [format!("ws://127.0.0.1:{port}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_opened_by_its_link_goes_only_where_it_came_from() {
    let folders: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let (hers, _, session) = desk(folders[0].path()).await;
    let (other, _, _) = desk(folders[1].path()).await;
    let (his, events, _) = desk(folders[2].path()).await;
    let (id, _, _) = opened(&hers, &session.library.home, "# Trip\nby train").await;
    let servers = vec![listening(&hers).await, listening(&other).await];
    let source = servers[0].address.clone();
    let listen = Listen::default();
    his.set_network(Network { offline: false, servers, listen }).await.unwrap();
    let connected = || {
        events.lock().unwrap().iter().rev().find_map(|event| match event {
            AppEvent::Connections { connections } => {
                let all = connections.iter().filter(|c| c.state == ConnectionState::Connected);
                (all.count() == 2).then_some(())
            }
            _ => None,
        })
    };
    until("both connections", connected).await;

    let link =
        OpenLink { link: format!("automerge:{}", id.0), target: LinkKind::Item, parent: None };
    his.open_link(link).await.unwrap();
    assert_eq!(his.lock().local.goes_to.get(&id), Some(&vec![source]));
    assert_eq!(text(&his, &id).await, "# Trip\nby train");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_was_opened_before_it_came_fills_its_window() {
    let (her_folder, his_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hers, _, session) = desk(her_folder.path()).await;
    let (his, _, _) = desk(his_folder.path()).await;
    let (id, _, _) = opened(&hers, &session.library.home, "# Trip\nby train").await;

    let link =
        OpenLink { link: format!("automerge:{}", id.0), target: LinkKind::Item, parent: None };
    assert_eq!(his.open_link(link).await.unwrap(), id);
    let (told, sink) = heard();
    let empty = his.open_note(&id, sink).await.unwrap();
    assert_eq!((empty.text.as_str(), empty.available), ("", false));

    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = Listen { port, ..Listen::default() };
    let listen = Listen { enabled: true, ..silent.clone() };
    hers.set_network(Network { offline: false, servers: Vec::new(), listen }).await.unwrap();
    let server = Server {
        address: format!("ws://127.0.0.1:{port}"),
        kind: PlaceKind::Peer,
        token: None,
        has_token: false,
    };
    let address = server.address.clone();
    let network = Network { offline: false, servers: vec![server], listen: silent };
    his.set_network(network).await.unwrap();
    let text = until("the note to come", || text_told(&told)).await;
    assert_eq!(text, "# Trip\nby train");
    // It goes where it came from, although nobody knew of that server when it was opened.
    until("the note to have a place to go to", || {
        (his.lock().local.goes_to.get(&id) == Some(&vec![address.clone()])).then_some(())
    })
    .await;
    assert!(his.lock().local.awaited.is_empty());
    let handle = hers.lock().handle(&id).unwrap();
    his.rename(&id, "Journey").unwrap();
    until("his words to come back", || {
        let text = handle.read(|document| {
            let note = rejoin_notes::note::Note::find(&document.view()).ok()?;
            Some(note.text(&document.view()))
        });
        text.ok()?.filter(|text| text.starts_with("# Journey"))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_device_shows_the_profile_that_it_takes_over_without_a_restart() {
    let folders: [_; 2] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let (first, _, session) = desk(folders[0].path()).await;
    let (second, events, former) = desk(folders[1].path()).await;
    let (note, _, _) = opened(&first, &session.library.home, "# Trip\nby train").await;
    let (gone, _, _) = opened(&first, &session.library.home, "# Old").await;
    first.set_pinned(&note, true).unwrap();
    first.set_trashed(&gone, true).unwrap();
    let (own, _, _) = opened(&second, &former.library.home, "# Mine").await;
    let server = listening(&first).await;
    let listen = Listen::default();
    let servers = vec![server.clone()];
    second.set_network(Network { offline: false, servers, listen }).await.unwrap();
    second.set_sharing(&former.library.home, vec![server.address]).unwrap();
    until("the connection", || {
        events.lock().unwrap().iter().rev().find_map(|event| match event {
            AppEvent::Connections { connections } => {
                connections.iter().any(|c| c.state == ConnectionState::Connected).then_some(())
            }
            _ => None,
        })
    })
    .await;

    let link = first.link(&LinkTarget::Profile).unwrap();
    let link = OpenLink { link, target: LinkKind::Profile, parent: None };
    assert_eq!(second.open_link(link).await.unwrap(), session.library.home);

    let shown = || second.session(Box::new(drop)).library;
    assert_eq!(shown().home, session.library.home);
    until("the same list", || {
        let library = shown();
        let pinned = library.notes.iter().any(|entry| entry.id == note && entry.pinned);
        let trashed = library.trash.iter().any(|entry| entry.id == gone);
        (pinned && trashed).then_some(())
    })
    .await;
    assert!(shown().notes.iter().all(|entry| entry.id != own), "what was here is not shown");
    assert!(second.lock().shared.keys().all(|id| *id != own), "and goes nowhere");
    // The list may be here before the notes.
    until_shown(&second, &note, "# Trip\nby train").await;
    assert!(second.end().await);
    drop(second);
    let (_second, _, session_again) = reopened(folders[1].path()).await;
    assert_eq!(session_again.library.home, session.library.home);
}

/// A desk that dials these and lets nobody in.
fn dialing(servers: &[Server], offline: bool) -> Network {
    let listen = Listen::default();
    Network { offline, servers: servers.to_vec(), listen }
}

/// What a page was told of others' changes, last of all.
fn away_told(told: &Heard<NoteEvent>) -> Option<AwaySummary> {
    told.lock().unwrap().iter().rev().find_map(|event| match event {
        NoteEvent::Away { away } => Some(away.clone()),
        _ => None,
    })?
}

/// Waits until a page was told of a text like this in a note that it has open.
async fn until_shown(desk: &Desk, id: &ItemId, expected: &str) {
    let handle = desk.lock().handle(id).unwrap();
    until("the text", || {
        let text = handle.read(|document| {
            let note = rejoin_notes::note::Note::find(&document.view()).ok()?;
            Some(note.text(&document.view()))
        });
        (text.ok()?.as_deref() == Some(expected)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_did_while_one_was_offline_or_gone_is_told_on_return() {
    let (her_folder, his_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hers, _, session) = desk(her_folder.path()).await;
    let (his, _, _) = desk(his_folder.path()).await;
    let (id, opened_here, _) = opened(&hers, &session.library.home, "hello").await;
    let servers = vec![listening(&hers).await];
    his.set_network(dialing(&servers, false)).await.unwrap();
    let link =
        OpenLink { link: format!("automerge:{}", id.0), target: LinkKind::Item, parent: None };
    his.open_link(link).await.unwrap();
    let (told, sink) = heard();
    let first = his.open_note(&id, sink).await.unwrap();
    until_shown(&his, &id, "hello").await;
    assert_eq!((first.away, away_told(&told)), (None, None));

    // What comes while one looks is nothing to come back to.
    let reply = hers.push(&id, insertion(opened_here.version, 5, "!", 5)).unwrap();
    let PushReply::Accepted { version, .. } = reply else { panic!("{reply:?}") };
    until_shown(&his, &id, "hello!").await;
    assert_eq!(away_told(&told), None);

    his.set_network(dialing(&servers, true)).await.unwrap();
    let handle = his.lock().handle(&id).unwrap();
    let is_alone = || handle.status().filter(|status| status.peers.is_empty()).map(drop);
    until("the end of the connection", is_alone).await;
    hers.push(&id, insertion(version, 6, " you", 6)).unwrap();
    his.rename(&id, "Mine").unwrap();
    his.set_network(dialing(&servers, false)).await.unwrap();
    let away = until("what she wrote", || away_told(&told)).await;
    assert_eq!((away.inserted, away.deleted), (4, 0), "what he wrote is not among it");
    let seen = his.version_at(&id, VersionRef::Seen).unwrap();
    assert_eq!(seen.difference.text, "# Mine\n\nhello!");
    his.mark_seen(&id).unwrap();
    assert_eq!(away_told(&told), None);

    // The app ends with the note open. It is opened again before the connection is there.
    assert!(his.end().await);
    drop((his, handle));
    let written = "# Mine\n\nhello! you";
    until_shown(&hers, &id, written).await;
    let (his, _, _) = reopened(his_folder.path()).await;
    his.set_network(dialing(&servers, true)).await.unwrap();
    let (told, sink) = heard();
    let again = his.open_note(&id, sink).await.unwrap();
    assert_eq!((again.text.as_str(), again.away), (written, None));
    let version = hers.open_note(&id, Box::new(drop)).await.unwrap().version;
    hers.push(&id, insertion(version, written.len(), "?", written.len())).unwrap();
    his.set_network(dialing(&servers, false)).await.unwrap();
    let away = until("what she wrote since", || away_told(&told)).await;
    assert_eq!((away.inserted, away.deleted), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_said_to_the_first_page() {
    let folder = tempfile::tempdir().unwrap();
    let (first, _, _) = desk(folder.path()).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let listen = Listen { enabled: true, port, ..Listen::default() };
    let network = Network { offline: false, servers: Vec::new(), listen };
    assert!(first.set_network(network).await.is_err());
    assert!(first.end().await);
    drop(first);
    let (_second, events, _) = reopened(folder.path()).await;
    let events = events.lock().unwrap();
    let said = |event: &AppEvent| match event {
        AppEvent::Notice { notice } => notice.message.starts_with("Nobody can connect"),
        _ => false,
    };
    assert!(events.iter().any(said), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_was_opened_by_its_link_shows_what_lies_in_it() {
    let (her_folder, his_folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hers, _, session) = desk(her_folder.path()).await;
    let (his, _, _) = desk(his_folder.path()).await;
    let new = NewItem {
        kind: ItemKind::Folder,
        parent: session.library.home,
        title: "Journeys".to_owned(),
        text: None,
    };
    let journeys = hers.create(new).unwrap();
    let (trip, _, _) = opened(&hers, &journeys, "# Trip\nby train").await;
    let servers = vec![listening(&hers).await];
    his.set_network(dialing(&servers, false)).await.unwrap();
    let link = hers.link(&LinkTarget::Item { id: journeys.clone() }).unwrap();
    let link = OpenLink { link, target: LinkKind::Item, parent: None };
    assert_eq!(his.open_link(link).await.unwrap(), journeys);
    until("the folder with its note", || {
        let library = his.session(Box::new(drop)).library;
        let folder = library.folders.into_iter().find(|folder| folder.id == journeys)?;
        (folder.title == "Journeys" && folder.items == [trip.clone()]).then_some(())
    })
    .await;
    until_shown(&his, &trip, "# Trip\nby train").await;
    // What is written there goes both ways, and so does what is put there.
    let (second, _, _) = opened(&his, &journeys, "# Return").await;
    until("the note that he put there", || {
        let library = hers.session(Box::new(drop)).library;
        library.notes.iter().any(|note| note.id == second).then_some(())
    })
    .await;
    until_shown(&hers, &second, "# Return").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_between_modes_loses_no_edit() {
    let folder = tempfile::tempdir().unwrap();
    let (desk, _, session) = desk(folder.path()).await;
    let (id, opened, _) = opened(&desk, &session.library.home, "").await;
    let mut version = opened.version;
    let mut expected = String::new();
    let modes = [Mode::Live, Mode::Batched, Mode::Hybrid, Mode::Batched, Mode::Live, Mode::Hybrid];
    for (mode, letter) in modes.into_iter().zip(["a", "b", "c", "d", "e", "f"]) {
        desk.set_mode(&id, mode).unwrap();
        let reply = desk.push(&id, insertion(version, expected.len(), letter, expected.len()));
        let PushReply::Accepted { version: next, .. } = reply.unwrap() else { panic!("{mode:?}") };
        version = next;
        expected.push_str(letter);
        let waits = desk.draft_state(&desk.lock(), &id).is_some();
        assert_eq!(waits, mode == Mode::Batched, "{mode:?}");
    }
    assert_eq!(text(&desk, &id).await, expected);
    let handle = desk.lock().handle(&id).unwrap();
    let shared = handle
        .read(|document| rejoin_notes::note::Note::text_at(document, document.heads()).unwrap());
    assert_eq!(shared.unwrap(), expected, "nothing is left in a draft");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_changes_all_the_time_says_some_times_a_second_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let desk = Desk::over(Box::new(SharedStore::new(1)), folder.path()).await.unwrap();
    let session = desk.session(Box::new(drop));
    let (id, opened, told) = opened(&desk, &session.library.home, "hello").await;
    let handle = desk.lock().handle(&id).unwrap();
    let (begun, mut version) = (Instant::now(), opened.version);
    for length in 5..35 {
        let reply = desk.push(&id, insertion(version, length, "!", length)).unwrap();
        let PushReply::Accepted { version: next, .. } = reply else { panic!("{reply:?}") };
        version = next;
        handle.saved().await.unwrap();
    }
    let disks_told = || -> Vec<bool> {
        let is_saved = |event: &NoteEvent| match event {
            NoteEvent::Status { status } => Some(matches!(status.disk, DiskState::Saved { .. })),
            _ => None,
        };
        told.lock().unwrap().iter().filter_map(is_saved).collect()
    };
    until("the last word", || disks_told().last().filter(|is_saved| **is_saved).map(drop)).await;
    let turns = begun.elapsed().as_millis() / 200 + 1;
    let words = disks_told().len() as u128;
    assert!(words <= 2 * turns + 1, "{words} words for {turns} turns");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_says_so_at_once_and_is_written_when_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let store = SharedStore::new(1);
    let desk = Desk::over(Box::new(store.clone()), folder.path()).await.unwrap();
    let (events, sink) = heard();
    let session = desk.session(sink);
    let (id, opened, told) = opened(&desk, &session.library.home, "hello").await;
    let handle = desk.lock().handle(&id).unwrap();
    handle.saved().await.unwrap();
    let size = store.lock().size(&KeyPrefix::all()).unwrap();
    store.lock().limit(Some(size));
    told.lock().unwrap().clear();

    desk.push(&id, insertion(opened.version, 5, "!", 5)).unwrap();
    let disk_told = |told: &Heard<NoteEvent>| -> Vec<DiskState> {
        let disk = |event: &NoteEvent| match event {
            NoteEvent::Status { status } => Some(status.disk.clone()),
            _ => None,
        };
        told.lock().unwrap().iter().filter_map(disk).collect()
    };
    let is_failed = |disk: &DiskState| matches!(disk, DiskState::Failed { .. });
    until("the failure", || disk_told(&told).iter().any(is_failed).then_some(())).await;
    let is_saved = |disk: &DiskState| matches!(disk, DiskState::Saved { .. });
    // The word that the note was saved before may have come late.
    let mut since = disk_told(&told).into_iter().skip_while(is_saved);
    assert!(!since.any(|disk| is_saved(&disk)), "nothing is said to be saved before it is");
    let is_notice = |event: &AppEvent| match event {
        AppEvent::Notice { notice } => notice.message.contains("could not be saved"),
        _ => false,
    };
    until("the notice", || events.lock().unwrap().iter().any(is_notice).then_some(())).await;

    store.lock().limit(None);
    until("the disk to have it", || {
        disk_told(&told).last().filter(|disk| is_saved(disk)).map(drop)
    })
    .await;
    assert_eq!(text(&desk, &id).await, "hello!");
}
