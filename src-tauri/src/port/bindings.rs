//! Compares `ui/src/backend/bindings.ts` with the types of the port, or writes it.

use std::path::Path;
use std::{env, fs};

use ts_rs::{Config, TS};

use super::*;

const HEAD: &str = "\
// Plain data that crosses between the UI and the backend.
// Written by `cargo xtask bindings` from the types in `src-tauri/src/port`; a difference fails the tests.
// Times are milliseconds since 1970. Text positions are UTF-16 code units.
";

#[test]
fn bindings_are_those_of_the_rust_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui/src/backend/bindings.ts");
    let wanted = bindings();
    if env::var_os("UPDATE_BINDINGS").is_some() {
        fs::write(&path, wanted).unwrap();
    } else {
        let found = fs::read_to_string(&path).unwrap();
        assert!(
            found == wanted,
            "bindings.ts is not what the types say: run `cargo xtask bindings`"
        );
    }
}

fn bindings() -> String {
    let mut file = HEAD.to_owned();
    let mut add = |section: &str, types: &[fn(&Config) -> String]| {
        file.push_str(&format!("\n// --- {section} ---\n"));
        for declare in types {
            file.push_str(&declare(&Config::new().with_large_int("number")));
        }
    };
    macro_rules! section {
        ($title:literal: $($type:ty),+ $(,)?) => { add($title, &[$(declaration::<$type>),+]) };
    }
    section!("errors": ErrorCode, BackendError);
    section!("start": Session, AppEvent, NoticeLevel, Notice);
    section!("library": ItemId, Library, FolderEntry, NoteEntry, TrashEntry, ItemKind, ItemFlag, LibraryChange,
        NewItem, SearchRequest, SearchHit, TextRange);
    section!("editing": Mode, ChangeSetJson, TextSelection, OpenedNote, DraftState, AwaySummary,
        PushRequest, PushReply, UndoDirection, UndoRequest, UndoReply, RemoteOrigin, NoteEvent,
        PresentPeer, PresenceUpdate);
    section!("where a note is": NoteStatus, DiskState, PlaceState, PlaceKind, Place);
    section!("sharing": Difference, LinkTarget, OpenLink, LinkKind);
    section!("network": Network, Server, Listen, ConnectionState, Connection, SyncReport, TrafficSample);
    section!("history": Author, History, HistorySession, VersionRef, VersionView, Attribution, AuthorSpan);
    section!("files": MirrorState, MirrorPhase, LeftAloneFile, ReviewSpot, Transfer, TransferReport,
        MirrorAction, MirrorReply);
    section!("settings": Theme, NoteFont, NoteOrder, Settings);
    file
}

fn declaration<T: TS>(config: &Config) -> String {
    let docs = T::docs().unwrap_or_default();
    format!("\n{}", laid_out(&format!("{docs}export {}\n", T::decl(config))))
}

/// Puts each comment of one line on one line, and indents what stands inside the braces.
fn laid_out(text: &str) -> String {
    let mut inside = false;
    let joined = text.replace("/**\n * ", "/** ").replace("\n */", " */");
    let lines = joined.lines().map(|line| {
        let line =
            if inside { format!("  {}", line.trim_end()) } else { line.trim_end().to_owned() };
        inside |= line.trim_start().starts_with("export ");
        line.replace(", };", ",\n};")
    });
    lines.map(|line| line + "\n").collect()
}
