// The tree of notes and folders, as the list shows it.

import type { FolderEntry, ItemId, Library, LibraryChange, NoteEntry, NoteOrder, TrashEntry } from "../backend/bindings";

export interface LibraryIndex {
  home: ItemId;
  folders: Map<ItemId, FolderEntry>;
  notes: Map<ItemId, NoteEntry>;
  /** The folder that lists an item. */
  parents: Map<ItemId, ItemId>;
  trash: TrashEntry[];
}

export const emptyLibrary: LibraryIndex = indexLibrary({ home: "", folders: [], notes: [], trash: [] });

export function indexLibrary(library: Library): LibraryIndex {
  return withParents({
    home: library.home,
    folders: new Map(library.folders.map((folder) => [folder.id, folder])),
    notes: new Map(library.notes.map((note) => [note.id, note])),
    trash: library.trash,
  });
}

/** A new index; the given one stays as it is. */
export function applyChange(library: LibraryIndex, change: LibraryChange): LibraryIndex {
  const notes = new Map(library.notes);
  for (const note of change.notes) notes.set(note.id, note);
  const folders = new Map(library.folders);
  for (const folder of change.folders) folders.set(folder.id, folder);
  for (const id of change.removed) {
    notes.delete(id);
    folders.delete(id);
  }
  const next = { home: library.home, folders, notes, trash: change.trash ?? library.trash };
  if (change.folders.length === 0 && change.removed.length === 0) return { ...next, parents: library.parents };
  return withParents(next);
}

function withParents(library: Omit<LibraryIndex, "parents">): LibraryIndex {
  const parents = new Map<ItemId, ItemId>();
  for (const folder of library.folders.values()) {
    for (const item of folder.items) if (!parents.has(item)) parents.set(item, folder.id);
  }
  return { ...library, parents };
}

/** The items that can be reached from Home: neither in the trash nor in a trashed folder. */
export function reachableNotes(library: LibraryIndex): NoteEntry[] {
  const found: NoteEntry[] = [];
  walk(library, library.home, new Set(), (id) => {
    const note = library.notes.get(id);
    if (note) found.push(note);
  });
  return found;
}

function walk(library: LibraryIndex, folder: ItemId, visited: Set<ItemId>, visit: (id: ItemId) => void): void {
  if (visited.has(folder)) return;
  visited.add(folder);
  for (const item of library.folders.get(folder)?.items ?? []) {
    visit(item);
    if (library.folders.has(item)) walk(library, item, visited, visit);
  }
}

export function isTrashed(library: LibraryIndex, id: ItemId): boolean {
  return library.trash.some((entry) => entry.id === id);
}

/** Whether an item lies in a folder, at any depth. */
export function isInside(library: LibraryIndex, item: ItemId, folder: ItemId): boolean {
  let parent = library.parents.get(item);
  for (let depth = 0; parent && depth < 64; depth += 1) {
    if (parent === folder) return true;
    parent = library.parents.get(parent);
  }
  return false;
}

/** The titles of the folders around an item, outermost first, without Home. */
export function pathOf(library: LibraryIndex, id: ItemId): string[] {
  const path: string[] = [];
  let parent = library.parents.get(id);
  for (let depth = 0; parent && parent !== library.home && depth < 64; depth += 1) {
    path.unshift(library.folders.get(parent)?.title ?? "");
    parent = library.parents.get(parent);
  }
  return path;
}

/** Where an item goes: wherever the folders around it go, all of them together, and where it came from. */
export function destinations(library: LibraryIndex, id: ItemId): string[] {
  const all = new Set(library.notes.get(id)?.goesTo ?? []);
  let parent = library.folders.has(id) ? id : library.parents.get(id);
  for (let depth = 0; parent && depth < 64; depth += 1) {
    for (const address of library.folders.get(parent)?.goesTo ?? []) all.add(address);
    parent = library.parents.get(parent);
  }
  return [...all];
}

/** The note that `[[title]]` means: the one of that title that changed last. */
export function noteByTitle(library: LibraryIndex, title: string): NoteEntry | null {
  const wanted = title.trim().toLowerCase();
  let best: NoteEntry | null = null;
  for (const note of reachableNotes(library)) {
    if (note.title.toLowerCase() === wanted && (!best || note.updated > best.updated)) best = note;
  }
  return best;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

/**
 * A folder's entries: folders first, then notes in the order that the person chose. `times` says
 * when the notes changed, for that order.
 */
export function orderedItems(
  library: LibraryIndex,
  folder: FolderEntry,
  order: NoteOrder,
  times: ReadonlyMap<ItemId, NoteEntry> = library.notes,
): ItemId[] {
  const known = folder.items.filter((id) => library.folders.has(id) || library.notes.has(id));
  if (order === "manual") return known;
  const folders = known.filter((id) => library.folders.has(id));
  const notes = known.filter((id) => !library.folders.has(id));
  const title = (id: ItemId) => library.folders.get(id)?.title ?? library.notes.get(id)?.title ?? "";
  folders.sort((a, b) => collator.compare(title(a), title(b)));
  if (order === "title") notes.sort((a, b) => collator.compare(title(a), title(b)));
  else notes.sort((a, b) => changed(library, times, b) - changed(library, times, a));
  return [...folders, ...notes];
}

function changed(library: LibraryIndex, times: ReadonlyMap<ItemId, NoteEntry>, id: ItemId): number {
  return (times.get(id) ?? library.notes.get(id))?.updated ?? 0;
}
