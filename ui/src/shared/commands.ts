// Everything a person can ask for by name or key: the palette and the shortcuts are made from it.

import type { Mode, Settings } from "../backend/bindings";
import type { App, Panel } from "./app.svelte";
import { textSizes } from "./appearance";
import { type KeyPress, matchesKeys } from "./keys";
import { strings } from "./strings";

export interface Command {
  id: string;
  title: string;
  keys?: string;
  /** Absent: always. */
  enabled?: boolean;
  run: () => void;
}

export function commands(app: App): Command[] {
  const { note, settings } = app;
  const words = strings.commands;
  const withNote = note !== null && note.load.kind === "ready";
  const panel = (id: Panel, title: string, keys?: string): Command => ({
    id,
    title,
    ...(keys ? { keys } : {}),
    enabled: withNote,
    run: () => app.togglePanel(id),
  });
  const mode = (id: Mode, title: string): Command => ({
    id: `mode-${id}`,
    title,
    enabled: withNote && note.mode !== id,
    run: () => void app.setMode(id),
  });
  const size = (step: number) => () => void app.setSettings({ textSize: textSizeAfter(settings, step) });
  return [
    { id: "new-note", title: words.newNote, keys: "Mod+N", run: () => void app.newNote() },
    { id: "new-folder", title: words.newFolder, run: () => void app.newFolder() },
    { id: "go", title: words.goToNote, keys: "Mod+P", run: () => (app.dialog = { kind: "palette", commands: false }) },
    { id: "palette", title: words.palette, keys: "Mod+Shift+P", run: () => (app.dialog = { kind: "palette", commands: true }) },
    { id: "find", title: words.find, keys: "Mod+F", enabled: withNote, run: () => app.find() },
    { id: "search", title: words.searchAll, keys: "Mod+Shift+F", run: () => focusSearch(app) },
    { id: "preview", title: words.togglePreview, keys: "Mod+E", enabled: withNote, run: () => app.togglePreview() },
    { id: "undo", title: words.undo, keys: "Mod+Z", enabled: withNote, run: () => note?.undo() },
    { id: "redo", title: words.redo, keys: "Mod+Shift+Z", enabled: withNote, run: () => note?.redo() },
    panel("history", words.history, "Mod+Shift+H"),
    panel("sync", words.sync, "Mod+Shift+S"),
    panel("backlinks", words.backlinks, "Mod+Shift+B"),
    panel("review", words.review, "Mod+Shift+R"),
    {
      id: "commit",
      title: words.commit,
      keys: "Mod+Shift+Enter",
      enabled: withNote && note.mode === "batched",
      run: () => (app.dialog = { kind: "commit" }),
    },
    mode("live", words.live),
    mode("hybrid", words.hybrid),
    mode("batched", words.batched),
    { id: "authors", title: words.authors, enabled: withNote, run: () => void app.try(async () => note?.showAuthors(!note.authors)) },
    { id: "follow", title: words.follow, keys: "Mod+Shift+L", enabled: withNote && note.peers.length > 0, run: () => followNext(app) },
    { id: "rename", title: words.rename, keys: "F2", enabled: withNote, run: () => renameOpen(app) },
    { id: "pin", title: words.pin, keys: "Mod+Shift+K", enabled: withNote, run: () => togglePin(app) },
    { id: "share", title: words.share, enabled: withNote, run: () => note && (app.dialog = { kind: "share", item: note.id }) },
    { id: "copy-link", title: words.copyLink, keys: "Mod+Shift+C", enabled: withNote, run: () => note && void app.copyLink(note.id) },
    { id: "trash", title: words.trash, keys: "Mod+Shift+Backspace", enabled: withNote, run: () => note && void app.trash(note.id) },
    { id: "open-link", title: words.openLink, keys: "Mod+O", run: () => (app.dialog = { kind: "openLink" }) },
    { id: "open-trash", title: words.openTrash, run: () => openTrash(app) },
    { id: "offline", title: words.offline, keys: "Mod+Shift+O", run: () => void app.setOffline(!app.network.offline) },
    { id: "retry", title: words.retry, enabled: app.connections.length > 0, run: () => void app.retry(null) },
    { id: "files", title: words.files, run: () => (app.dialog = { kind: "settings", page: "files" }) },
    { id: "reveal", title: words.reveal, enabled: withNote && app.mirror.directory !== null, run: () => note && void app.files({ kind: "reveal", note: note.id }) },
    { id: "theme", title: words.theme, keys: "Mod+Shift+D", run: () => void app.setSettings({ theme: otherTheme(settings) }) },
    { id: "larger", title: words.larger, keys: "Mod+=", enabled: settings.textSize < textSizes.most, run: size(1) },
    { id: "smaller", title: words.smaller, keys: "Mod+-", enabled: settings.textSize > textSizes.least, run: size(-1) },
    { id: "list", title: words.list, keys: "Mod+\\", run: () => toggleList(app) },
    { id: "settings", title: words.settings, keys: "Mod+,", run: () => (app.dialog = { kind: "settings", page: "profile" }) },
  ];
}

/** Runs the command of a key press; true when there was one. */
export function runShortcut(app: App, event: KeyPress): boolean {
  if (app.phase.kind !== "ready") return false;
  for (const command of commands(app)) {
    if (!command.keys || !matchesKeys(command.keys, event)) continue;
    // Undo in a text field is the field's own.
    if (command.id === "undo" || command.id === "redo") return false;
    if (command.enabled ?? true) command.run();
    return true;
  }
  return false;
}

function textSizeAfter(settings: Settings, step: number): number {
  return Math.min(textSizes.most, Math.max(textSizes.least, settings.textSize + step));
}

function otherTheme(settings: Settings): Settings["theme"] {
  const dark = settings.theme === "dark" || (settings.theme === "system" && matchMedia("(prefers-color-scheme: dark)").matches);
  return dark ? "light" : "dark";
}

function toggleList(app: App): void {
  app.listOpen = !app.listOpen;
  if (!app.listOpen) app.note?.focus();
  // A drawer lies over the note: the keys are for what it shows.
  else if (app.narrow) requestAnimationFrame(() => document.querySelector<HTMLElement>("nav.list [role=tree]")?.focus());
}

function focusSearch(app: App): void {
  app.listOpen = true;
  app.showTrash = false;
  requestAnimationFrame(() => document.querySelector<HTMLInputElement>("#search")?.select());
}

function openTrash(app: App): void {
  app.listOpen = true;
  app.showTrash = true;
}

function renameOpen(app: App): void {
  if (!app.note) return;
  app.listOpen = true;
  app.showTrash = false;
  app.searchText = "";
  app.renaming = app.note.id;
}

function togglePin(app: App): void {
  const entry = app.note && app.library.notes.get(app.note.id);
  if (entry) void app.setPinned(entry.id, !entry.pinned);
}

/** Follows the first peer, then the next one, then nobody. */
function followNext(app: App): void {
  const { note } = app;
  if (!note) return;
  const at = note.peers.findIndex((peer) => peer.peer === note.following);
  note.follow(note.peers[at + 1]?.peer ?? null);
}
