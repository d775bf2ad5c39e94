//! Documents in files.

mod common;

use common::Desk;
use std::fs;

#[test]
fn a_document_is_made_written_and_shown() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"title":"Groceries","items":["milk"]}"#]);
    desk.ok(&["set", "a", "items/-", "\"bread\""]);
    desk.ok(&["set", "a", "items/0", "{\"milk\":2}"]);
    desk.ok(&["text", "a", "title", "--splice", "0,1,g", "--splice", "9,0, & more, much"]);
    desk.ok(&["increment", "a", "count", "5"]);
    desk.ok(&["increment", "a", "count", "-7"]);
    assert_eq!(desk.ok(&["show", "a", "--path", "title"]), "groceries & more, much");
    assert_eq!(desk.ok(&["show", "a", "--path", "/items/1", "--json"]), "\"bread\"\n");
    let shown: serde_json::Value = serde_json::from_str(&desk.ok(&["show", "a"])).unwrap();
    assert_eq!(
        shown,
        serde_json::json!({"title": "groceries & more, much", "items": [{"milk": 2}, "bread"], "count": -2})
    );
}

#[test]
fn a_note_is_a_note_for_other_programs_too() {
    let desk = Desk::new();
    desk.ok(&["new", "note", "--note", "# Hello"]);
    assert_eq!(desk.ok(&["show", "note", "--path", "content"]), "# Hello");
    assert_eq!(desk.ok(&["show", "note", "--path", "@patchwork/type"]), "markdown");
    assert_eq!(desk.run(&["new", "note"]).code, 1, "it is not overwritten");
    desk.ok(&["new", "note", "--force"]);
    assert_eq!(desk.ok(&["show", "note"]), "{}\n");
    assert!(!desk.heads("note").is_empty());
}

#[test]
fn the_past_stays_visible() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    let first = desk.heads("a");
    desk.ok(&["set", "a", "text", "\"one two\"", "-m", "say two"]);
    assert_eq!(desk.ok(&["show", "a", "--path", "text", "--at", &first]), "one");
    assert_eq!(desk.ok(&["diff", "a", "--from", &first]), "+ text/3  \" two\"\n");
    let back = desk.ok(&["diff", "a", "--from", &desk.heads("a"), "--to", &first, "--json"]);
    let back: serde_json::Value = serde_json::from_str(&back).unwrap();
    assert_eq!(
        back,
        serde_json::json!([{"action": "del", "index": 3, "length": 4, "path": ["text"]}])
    );
    let history: serde_json::Value =
        serde_json::from_str(&desk.ok(&["history", "a", "--json"])).unwrap();
    assert_eq!(history[1]["message"], "say two");
    assert_eq!(history[1]["deps"][0], first.as_str());
    let blame: serde_json::Value =
        serde_json::from_str(&desk.ok(&["blame", "a", "text", "--json"])).unwrap();
    assert_eq!(blame[1]["text"], " two");
    assert_eq!(blame[1]["change"], history[1]["hash"]);
    desk.ok(&["fork", "a", "-o", "old", "--at", &first]);
    assert_eq!(desk.heads("old"), first);
}

#[test]
fn copies_that_went_apart_come_together() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    desk.ok(&["fork", "a", "-o", "b"]);
    desk.ok(&["text", "a", "text", "--splice", "0,0,zero "]);
    desk.ok(&["text", "b", "text", "--splice", "3,0, two"]);
    desk.ok(&["merge", "a", "b", "-o", "merged"]);
    assert_eq!(desk.ok(&["show", "merged", "--path", "text"]), "zero one two");

    let since = desk.heads("a");
    desk.ok(&["changes", "merged", "--since", &since, "-o", "changes"]);
    let files: Vec<String> = fs::read_dir(desk.path("changes"))
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    let mut apply = vec!["apply", "a", "-o", "applied"];
    apply.extend(files.iter().map(String::as_str));
    desk.ok(&apply);
    assert_eq!(desk.heads("applied"), desk.heads("merged"));
    assert_eq!(desk.run(&["changes", "a", "--since", &since, "-o", "none"]).code, 7);

    let out = desk.ok(&["sync", "a", "b"]);
    assert!(out.contains("a: 1 new change\nb: 1 new change\n"), "{out}");
    assert_eq!(desk.heads("a"), desk.heads("b"));
    assert_eq!(desk.heads("a"), desk.heads("merged"));
}

#[test]
fn changes_that_lack_others_wait_and_it_is_said() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    desk.ok(&["fork", "a", "-o", "b"]);
    desk.ok(&["set", "a", "text", "\"two\""]);
    let middle = desk.heads("a");
    desk.ok(&["set", "a", "text", "\"three\""]);
    let file = desk.ok(&["changes", "a", "--since", &middle, "-o", "changes"]);
    let done = desk.run(&["apply", "b", file.trim(), "-o", "out"]);
    assert_eq!(done.code, 5);
    assert!(done.err.contains("1 change waits for others"), "{done:?}");
}

#[test]
fn messages_as_files_bring_two_documents_together() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    desk.ok(&["fork", "a", "-o", "b"]);
    for i in 0..30 {
        desk.ok(&["set", "a", "n", &i.to_string()]);
        desk.ok(&["set", "b", "m", &i.to_string()]);
    }
    desk.ok(&["message", "a", "--state", "a.state", "-o", "mail"]);
    let mut rounds = 0;
    for side in ["b", "a"].into_iter().cycle() {
        let state = format!("{side}.state");
        let done = desk.run(&["message", side, "--state", &state, "--in", "mail", "-o", "mail"]);
        if done.code == 7 {
            break;
        }
        assert_eq!(done.code, 0, "{done:?}");
        rounds += 1;
        assert!(rounds < 12, "it goes on for ever");
    }
    assert_eq!(desk.heads("a"), desk.heads("b"));
    println!("{rounds} answers");
}

#[test]
fn damage_is_told_and_what_is_left_can_be_saved() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    desk.ok(&["fork", "a", "-o", "b"]);
    desk.ok(&["set", "b", "text", "\"two\""]);
    let change = desk.ok(&["changes", "b", "--since", &desk.heads("a"), "-o", "changes"]);
    let mut bytes = fs::read(desk.path("a")).unwrap();
    let whole = bytes.len();
    bytes.extend(fs::read(desk.path(change.trim())).unwrap());
    bytes.truncate(bytes.len() - 3);
    fs::write(desk.path("torn"), &bytes).unwrap();

    assert_eq!(desk.ok(&["verify", "a"]).lines().last(), Some("whole"));
    let done = desk.run(&["verify", "torn", "--json"]);
    assert_eq!(done.code, 4);
    let report: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(report["unread"][0]["offset"], whole);
    let done = desk.run(&["show", "torn"]);
    assert_eq!(done.code, 4);
    assert!(done.err.contains("rejoin recover"), "{done:?}");
    desk.ok(&["recover", "torn", "-o", "saved"]);
    assert_eq!(desk.heads("saved"), desk.heads("a"));

    fs::write(desk.path("letter"), "Dear reader").unwrap();
    assert_eq!(desk.run(&["show", "letter"]).code, 4);
    assert_eq!(desk.run(&["recover", "letter", "-o", "out"]).code, 4);
    assert!(!desk.path("out").exists());
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one","list":[1]}"#]);
    let before = fs::read(desk.path("a")).unwrap();
    let unknown = "00".repeat(32);
    for (arguments, code) in [
        (&["show", "missing"][..], 3),
        (&["show", "a", "--path", "nothing/here"], 3),
        (&["show", "a", "--at", unknown.as_str()], 3),
        (&["show", "a", "--at", "nonsense"], 2),
        (&["text", "a", "list", "--splice", "0,0,x"], 3),
        (&["text", "a", "text", "--splice", "4,0,x"], 3),
        (&["text", "a", "text", "--splice", "0,0,"], 7),
        (&["set", "a", "list/5", "1"], 3),
        (&["set", "a", "text", "not json"], 2),
        (&["set", "a", "text", "\"one\""], 7),
        (&["increment", "a", "text"], 3),
        (&["frobnicate"], 2),
        (&["merge", "a", "-o", "b"], 2),
        (&["sync", "a", "missing"], 3),
    ] {
        let done = desk.run(arguments);
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
    }
    assert_eq!(fs::read(desk.path("a")).unwrap(), before);
    assert_eq!(fs::read_dir(desk.directory()).unwrap().count(), 1, "nothing is left behind");
}

#[test]
fn documents_go_through_pipes() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"text":"one"}"#]);
    let piped = desk.command(&["save", "a", "--uncompressed", "-o", "-"]).output().unwrap().stdout;
    fs::write(desk.path("copy"), piped).unwrap();
    assert_eq!(desk.heads("copy"), desk.heads("a"));
    let input = fs::File::open(desk.path("copy")).unwrap();
    let shown = desk.command(&["show", "-", "--path", "text"]).stdin(input).output().unwrap();
    assert_eq!(shown.stdout, b"one");
}

#[test]
fn batches_cost_less_than_single_edits() {
    let desk = Desk::new();
    let table = desk.ok(&["measure", "--changes", "60", "--batch", "1,20", "--json"]);
    let table: serde_json::Value = serde_json::from_str(&table).unwrap();
    assert_eq!((table[0]["commits"].as_u64(), table[1]["commits"].as_u64()), (Some(60), Some(3)));
    assert!(table[1]["wireBytes"].as_u64() < table[0]["wireBytes"].as_u64());
    assert!(desk.ok(&["measure", "--changes", "20"]).contains("wire bytes"));
}

#[test]
fn every_subcommand_explains_itself() {
    let desk = Desk::new();
    let help = desk.ok(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands.iter().filter(|command| **command != "help") {
        assert!(desk.ok(&[command, "--help"]).contains("Usage: rejoin"), "{command}");
    }
}

#[test]
fn odd_values_are_refused_and_change_nothing() {
    let desk = Desk::new();
    desk.ok(&["new", "a", "--json", r#"{"t":"text","l":[1,2],"m":{},"n":1}"#]);
    desk.ok(&["increment", "a", "c", "5"]);
    let before = desk.heads("a");
    let refused = |arguments: &[&str], code: i32, words: &str| {
        let done = desk.run(arguments);
        assert_eq!(done.code, code, "{arguments:?}: {done:?}");
        assert!(done.err.contains(words), "{arguments:?}: {done:?}");
        assert_eq!(done.out, "", "{arguments:?}");
    };
    let most = i64::MAX.to_string();
    refused(&["increment", "a", "c", &most], 1, "c is at 5: the sum does not fit a counter");
    for splice in [format!("{},1,x", u64::MAX), format!("1,{},x", u64::MAX), "9,0,x".to_owned()] {
        refused(&["text", "a", "t", "--splice", &splice], 3, "the text has only 4 places");
    }
    for place in ["l", "m", ""] {
        refused(&["blame", "a", place], 3, "is not a text");
    }
    refused(&["set", "a", "n", "words"], 2, "a string needs quotes");
    refused(&["set", "a", "", "5"], 2, "only be set to a JSON object");
    refused(&["set", "a", "l/18446744073709551616", "1"], 3, "there is nothing at");
    refused(&["measure", "--batch", "0"], 2, "at least one change");
    refused(&["new", "b", "--json", "{"], 2, "--json");
    refused(&["sync", "a", "http://example.org"], 2, "begins with ws:// or wss://");
    refused(&["sync", "a", "b", "--watch"], 2, "for servers");
    let get = ["get", "4NMNnkMhL8jXrdJ9jamS58PAVdXu", "-o", "b", "--server"];
    refused(&[&get[..], &["example.org"]].concat(), 2, "it begins with ws:// or wss://");
    let with_token = |file| [&get[..], &["ws://127.0.0.1:1", "--token-file", file]].concat();
    refused(&with_token("none"), 3, "there is no such file");
    fs::write(desk.path("empty"), "").unwrap();
    refused(&with_token("empty"), 2, "there is no token in it");
    fs::write(desk.path("torn"), &fs::read(desk.path("a")).unwrap()[..60]).unwrap();
    let done = desk.run(&["heads", "torn"]);
    assert_eq!(done.err.matches("cut off").count(), 1, "{done:?}");
    assert_eq!(desk.heads("a"), before);
    assert!(!desk.path("b").exists());
}
