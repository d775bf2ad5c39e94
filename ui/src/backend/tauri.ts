// The backend of the app: one Tauri command per method. The only file that imports Tauri.

import { Channel, invoke } from "@tauri-apps/api/core";
import type { Backend } from "./backend";
import type { AppEvent, NoteEvent } from "./bindings";

export function tauriBackend(): Backend {
  return {
    start: (onEvent) => invoke("start", { events: channel<AppEvent>(onEvent) }),

    create: (item) => invoke("create", { item }),
    rename: (item, title) => invoke("rename", { item, title }),
    moveItem: (item, folder, index) => invoke("move_item", { item, folder, index }),
    setPinned: (item, on) => invoke("set_flag", { item, flag: "pinned", on }),
    setTrashed: (item, on) => invoke("set_flag", { item, flag: "trashed", on }),
    deleteForever: (item) => invoke("delete_forever", { item }),
    search: (request) => invoke("search", { request }),

    openNote: (note, onEvent) => invoke("open_note", { note, events: channel<NoteEvent>(onEvent) }),
    push: (note, request) => invoke("push", { note, request }),
    confirm: (note, version) => invoke("confirm", { note, version }),
    undo: (note, request) => invoke("undo", { note, request }),
    setPresence: (note, update) => invoke("set_presence", { note, update }),
    closeNote: (note) => invoke("close_note", { note }),

    setMode: (note, mode) => invoke("set_mode", { note, mode }),
    commit: (note, message) => invoke("commit", { note, message }),
    draftPreview: (note) => invoke("draft_preview", { note }),
    link: (target) => invoke("link", { target }),
    openLink: (request) => invoke("open_link", { request }),
    setSharing: (folder, goesTo) => invoke("set_sharing", { folder, goesTo }),

    syncReport: (note) => invoke("sync_report", { note }),
    setNetwork: (network) => invoke("set_network", { network }),
    retry: (connection) => invoke("retry", { connection }),

    history: (note) => invoke("history", { note }),
    versionAt: (note, version) => invoke("version_at", { note, version }),
    restoreVersion: (note, position) => invoke("restore_version", { note, position }),
    attribution: (note) => invoke("attribution", { note }),
    markSeen: (note) => invoke("mark_seen", { note }),

    mirror: (action) => invoke("mirror", { action }),

    setSettings: (settings) => invoke("set_settings", { settings }),
    openExternal: (url) => invoke("open_external", { url }),
  };
}

/** Whether this page runs inside the app. */
export function insideTauri(): boolean {
  return "__TAURI_INTERNALS__" in globalThis;
}

function channel<T>(onEvent: (event: T) => void): Channel<T> {
  const result = new Channel<T>();
  result.onmessage = onEvent;
  return result;
}
