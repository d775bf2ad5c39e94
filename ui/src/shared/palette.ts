// What the palette offers for what was typed.

import type { NoteEntry } from "../backend/bindings";
import { pathOf, reachableNotes } from "../notes/library";
import type { App } from "./app.svelte";
import { type Command, commands } from "./commands";
import { rank } from "./fuzzy";
import { strings } from "./strings";

export interface PaletteEntry {
  key: string;
  title: string;
  detail: string;
  keys?: string;
  /** Indices of the matched letters in the title. */
  at: number[];
  run: () => void;
}

const limit = 50;

/** A `>` at the beginning asks for commands. */
export function paletteEntries(app: App, query: string, onlyCommands: boolean): PaletteEntry[] {
  const typed = query.startsWith(">") ? query.slice(1).trimStart() : query;
  if (onlyCommands || query.startsWith(">")) {
    const available = commands(app).filter((command) => (command.enabled ?? true) && command.id !== "palette");
    return rank(typed, available, (command) => command.title, limit).map(({ item, match }) => commandEntry(item, match.at));
  }
  const recent = reachableNotes(app.library).toSorted((a, b) => b.updated - a.updated);
  const found = rank(query, recent, (note) => note.title || strings.list.untitled, limit).map(({ item, match }) => noteEntry(app, item, match.at));
  const title = query.trim();
  if (title && !recent.some((note) => note.title.toLowerCase() === title.toLowerCase())) {
    found.push({ key: "create", title: strings.palette.createNote(title), detail: "", at: [], run: () => void app.newNote(title) });
  }
  return found;
}

function commandEntry(command: Command, at: number[]): PaletteEntry {
  return { key: command.id, title: command.title, detail: "", at, run: command.run, ...(command.keys ? { keys: command.keys } : {}) };
}

function noteEntry(app: App, note: NoteEntry, at: number[]): PaletteEntry {
  return {
    key: note.id,
    title: note.title || strings.list.untitled,
    detail: pathOf(app.library, note.id).join(" / "),
    at,
    run: () => void app.openNote(note.id),
  };
}
