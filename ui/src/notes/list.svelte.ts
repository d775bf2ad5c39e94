// The list of notes: which row the keys act on, what is folded, what is dragged.

import type { ItemId, NoteEntry } from "../backend/bindings";
import type { App } from "../shared/app.svelte";
import { strings } from "../shared/strings";
import type { MenuEntry } from "../shared/menu";
import { type DropPlace, dropPlace, listRows, type Row } from "./rows";

const closedKey = "rejoin.closed";

export class NoteList {
  private readonly app: App;
  closed = $state.raw<ReadonlySet<ItemId>>(new Set(recallClosed()));
  /** The row that the keys act on. */
  active = $state<string | null>(null);
  dragged = $state<ItemId | null>(null);
  drop = $state<{ key: string; place: DropPlace } | null>(null);
  private held = $state.raw<ReadonlyMap<ItemId, NoteEntry> | undefined>(undefined);
  readonly rows: Row[] = $derived.by(() =>
    listRows(this.app.library, {
      order: this.app.settings.order,
      closed: this.closed,
      times: this.held,
      pinnedHeading: strings.list.pinned,
    }),
  );

  constructor(app: App) {
    this.app = app;
  }

  /** While the pointer is over the list, rows do not change places under it. */
  hold(on: boolean): void {
    this.held = on ? this.app.library.notes : undefined;
  }

  get activeIndex(): number {
    const at = this.rows.findIndex((row) => row.key === this.active);
    if (at >= 0) return at;
    const open = this.app.note?.id;
    const current = this.rows.findIndex((row) => row.kind === "note" && row.id === open);
    return current >= 0 ? current : this.rows.findIndex(isItem);
  }

  toggle(folder: ItemId, open?: boolean): void {
    const next = new Set(this.closed);
    if (open ?? next.has(folder)) next.delete(folder);
    else next.add(folder);
    this.closed = next;
    rememberClosed([...next]);
  }

  /** Opens the folders around an item, so that its row is there. */
  reveal(item: ItemId): void {
    let parent = this.app.library.parents.get(item);
    for (let depth = 0; parent && depth < 64; depth += 1) {
      if (this.closed.has(parent)) this.toggle(parent, true);
      parent = this.app.library.parents.get(parent);
    }
  }

  choose(row: Row, focus = true): void {
    if (row.kind === "folder") this.toggle(row.id);
    else if (row.kind === "note") void this.app.openNote(row.id, focus);
    if (isItem(row)) this.active = row.key;
  }

  /** Acts on a key press in the list; true when it meant something. */
  key(event: { key: string; altKey: boolean; ctrlKey: boolean; metaKey: boolean }): boolean {
    const index = this.activeIndex;
    const row = this.rows[index];
    if (!row || !isItem(row) || event.ctrlKey || event.metaKey) return false;
    if (event.altKey) {
      if (event.key === "ArrowUp" || event.key === "ArrowDown") this.shift(row, event.key === "ArrowUp" ? -1 : 1);
      else return false;
      return true;
    }
    switch (event.key) {
      case "ArrowDown":
        this.step(index, 1);
        return true;
      case "ArrowUp":
        this.step(index, -1);
        return true;
      case "Home":
        this.step(-1, 1);
        return true;
      case "End":
        this.step(this.rows.length, -1);
        return true;
      case "ArrowRight":
        if (row.kind === "folder" && !row.open) this.toggle(row.id, true);
        else if (row.kind === "folder") this.step(index, 1);
        return true;
      case "ArrowLeft":
        if (row.kind === "folder" && row.open) this.toggle(row.id, false);
        else this.activate(this.app.library.parents.get(row.id) ?? row.id);
        return true;
      case "Enter":
        this.choose(row);
        return true;
      case " ":
        this.choose(row, false);
        return true;
      case "F2":
        this.app.renaming = row.id;
        return true;
      case "Delete":
        if (row.id !== this.app.library.home) void this.app.trash(row.id);
        return true;
      default:
        return false;
    }
  }

  private step(from: number, step: 1 | -1): void {
    for (let index = from + step; index >= 0 && index < this.rows.length; index += step) {
      const row = this.rows[index];
      if (row && isItem(row)) {
        this.active = row.key;
        return;
      }
    }
  }

  private activate(key: string): void {
    if (this.rows.some((row) => row.key === key)) this.active = key;
  }

  /** Moves an item among its siblings; only where the person arranges them. */
  private shift(row: Row & { id: ItemId }, step: 1 | -1): void {
    const { library, settings } = this.app;
    const parent = library.parents.get(row.id);
    if (!parent || settings.order !== "manual") return;
    const items = library.folders.get(parent)?.items ?? [];
    const at = items.indexOf(row.id) + step;
    if (at >= 0 && at < items.length) void this.app.moveItem(row.id, parent, at);
  }

  // --- dragging -----------------------------------------------------------------

  over(row: Row, fraction: number): boolean {
    if (!this.dragged) return false;
    const place = dropPlace(this.app.library, row, this.dragged, fraction, this.app.settings.order);
    this.drop = place && { key: row.key, place };
    return place !== null;
  }

  letGo(): void {
    const { dragged, drop } = this;
    this.dragged = null;
    this.drop = null;
    if (dragged && drop) void this.app.moveItem(dragged, drop.place.folder, drop.place.index);
  }

  cancelDrag(): void {
    this.dragged = null;
    this.drop = null;
  }

  // --- menus --------------------------------------------------------------------

  menu(row: Row): MenuEntry[] {
    const { app } = this;
    const words = strings.list;
    if (row.kind === "folder") {
      const own: MenuEntry[] = [
        item(words.newNote, () => void app.newNote("", row.id)),
        item(words.newFolder, () => void app.newFolder(row.id)),
        { kind: "separator" },
        item(words.rename, () => (app.renaming = row.id), "F2"),
        item(words.sharing, () => (app.dialog = { kind: "share", item: row.id })),
      ];
      if (row.id === app.library.home) return own;
      return [...own, { kind: "separator" }, item(words.moveToTrash, () => void app.trash(row.id), "Delete")];
    }
    if (row.kind !== "note") return [];
    return [
      item(row.note.pinned ? words.unpin : words.pin, () => void app.setPinned(row.id, !row.note.pinned)),
      item(words.rename, () => (app.renaming = row.id), "F2"),
      item(words.share, () => (app.dialog = { kind: "share", item: row.id })),
      { kind: "separator" },
      item(words.moveToTrash, () => void app.trash(row.id), "Delete"),
    ];
  }
}

function item(label: string, run: () => void, keys?: string): MenuEntry {
  return { kind: "item", label, run, ...(keys ? { keys } : {}) };
}

export function isItem(row: Row): row is Extract<Row, { id: ItemId }> {
  return row.kind === "folder" || row.kind === "note";
}

function recallClosed(): ItemId[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(closedKey) ?? "[]");
    return Array.isArray(stored) ? stored.filter((id): id is string => typeof id === "string") : [];
  } catch {
    return [];
  }
}

function rememberClosed(ids: ItemId[]): void {
  try {
    localStorage.setItem(closedKey, JSON.stringify(ids));
  } catch {
    // Without storage every folder is open at the next start.
  }
}
