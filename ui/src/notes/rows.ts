// The list of notes as rows of equal height, of which only the visible ones are drawn.

import type { FolderEntry, ItemId, NoteEntry, NoteOrder } from "../backend/bindings";
import { isInside, type LibraryIndex, orderedItems } from "./library";

export const rowHeight = 30;

interface RowBase {
  /** Unique among the rows. */
  key: string;
  id: ItemId;
  depth: number;
  /** Place among its siblings, from 1, and their number: for screen readers. */
  place: number;
  siblings: number;
}

export type Row =
  | (RowBase & { kind: "folder"; folder: FolderEntry; open: boolean })
  | (RowBase & { kind: "note"; note: NoteEntry; pinnedCopy: boolean })
  | { kind: "heading"; key: string; text: string }
  | { kind: "empty"; key: string; depth: number };

export interface RowOptions {
  order: NoteOrder;
  closed: ReadonlySet<ItemId>;
  /** When the notes changed, for the order; absent: as the library says. */
  times?: ReadonlyMap<ItemId, NoteEntry> | undefined;
  pinnedHeading: string;
}

/** The pinned notes, then Home and all open folders below it. */
export function listRows(library: LibraryIndex, options: RowOptions): Row[] {
  const rows: Row[] = [];
  const placed = new Set<ItemId>();
  const tree: Row[] = [];
  addFolder(library, library.home, 0, 1, 1, options, tree, placed);
  const pinned = [...library.notes.values()].filter((note) => note.pinned && placed.has(note.id));
  if (pinned.length > 0) {
    rows.push({ kind: "heading", key: "pinned", text: options.pinnedHeading });
    pinned.forEach((note, index) => {
      rows.push({ kind: "note", key: `pinned-${note.id}`, id: note.id, depth: 0, note, pinnedCopy: true, place: index + 1, siblings: pinned.length });
    });
  }
  // Notes in closed folders are placed, but have no row.
  return [...rows, ...tree];
}

function addFolder(
  library: LibraryIndex,
  id: ItemId,
  depth: number,
  place: number,
  siblings: number,
  options: RowOptions,
  rows: Row[],
  placed: Set<ItemId>,
  shown = true,
): void {
  const folder = library.folders.get(id);
  if (!folder || placed.has(id) || depth > 32) return;
  placed.add(id);
  const open = !options.closed.has(id);
  if (shown) rows.push({ kind: "folder", key: id, id, depth, folder, open, place, siblings });
  const inside = shown && open;
  const items = orderedItems(library, folder, options.order, options.times);
  if (items.length === 0 && inside) rows.push({ kind: "empty", key: `empty-${id}`, depth: depth + 1 });
  items.forEach((item, index) => {
    const note = library.notes.get(item);
    if (!note) {
      addFolder(library, item, depth + 1, index + 1, items.length, options, rows, placed, inside);
    } else if (!placed.has(item)) {
      placed.add(item);
      if (inside) rows.push({ kind: "note", key: item, id: item, depth: depth + 1, note, pinnedCopy: false, place: index + 1, siblings: items.length });
    }
  });
}

/** Which rows to draw; a few beyond the edges so that scrolling shows no gap. */
export function visibleRows(scrollTop: number, height: number, count: number): { first: number; last: number } {
  const margin = 8;
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - margin);
  const last = Math.min(count, Math.ceil((scrollTop + height) / rowHeight) + margin);
  return { first, last: Math.max(first, last) };
}

export interface DropPlace {
  folder: ItemId;
  index: number;
  /** Where the mark is drawn. */
  mark: "into" | "before" | "after";
}

/** Where an item lands when it is let go over a row; `fraction` is how far down the row. */
export function dropPlace(library: LibraryIndex, row: Row, dragged: ItemId, fraction: number, order: NoteOrder): DropPlace | null {
  if (row.kind !== "folder" && row.kind !== "note") return null;
  if (row.id === dragged || isInside(library, row.id, dragged)) return null;
  const parent = library.parents.get(row.id);
  if (row.kind === "folder" && (!parent || order !== "manual" || (fraction > 0.25 && fraction < 0.75))) {
    return { folder: row.id, index: withoutItem(library, row.id, dragged).length, mark: "into" };
  }
  if (!parent || (row.kind === "note" && row.pinnedCopy)) return null;
  const siblings = withoutItem(library, parent, dragged);
  if (order !== "manual") return { folder: parent, index: siblings.length, mark: "into" };
  const at = siblings.indexOf(row.id);
  const after = fraction >= 0.5;
  return { folder: parent, index: after ? at + 1 : at, mark: after ? "after" : "before" };
}

function withoutItem(library: LibraryIndex, folder: ItemId, item: ItemId): ItemId[] {
  return (library.folders.get(folder)?.items ?? []).filter((other) => other !== item);
}
