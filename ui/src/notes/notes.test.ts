import { describe, expect, test } from "vitest";
import type { FolderEntry, Library, NoteEntry } from "../backend/bindings";
import { initials } from "./initials";
import { applyChange, destinations, indexLibrary, noteByTitle, orderedItems, pathOf, reachableNotes } from "./library";
import { dropPlace, listRows, type Row, visibleRows } from "./rows";
import { cutAtMarks } from "./search.svelte";
import { noteTitle, retitle } from "./title";

const folder = (id: string, items: string[], goesTo: string[] = []): FolderEntry => ({ id, title: id.toUpperCase(), items, goesTo, available: true });
const note = (id: string, title: string, updated: number, pinned = false): NoteEntry => ({
  id,
  title,
  updated,
  pinned,
  mode: "hybrid",
  goesTo: [],
  unseen: false,
  available: true,
});

const library: Library = {
  home: "home",
  folders: [folder("home", ["b", "work", "a"], ["wss://home"]), folder("work", ["c", "deep"]), folder("deep", ["d"], ["wss://deep"])],
  notes: [note("a", "Apples", 3), note("b", "bread 10", 1), note("c", "Bread 9", 2, true), note("d", "Dew", 4), note("lost", "Apples", 99)],
  trash: [],
};
const index = indexLibrary(library);

describe("a note's title", () => {
  test.each([
    ["# A title\ntext", "A title"],
    ["text\n\n## Later ##\n", "Later"],
    ["---\ntitle: \"Front\"\n---\n# Heading", "Front"],
    ["---\ntags: x\n---\n# Heading", "Heading"],
    ["no heading", ""],
    ["#hashtag", ""],
  ])("of %j is %j", (text, title) => expect(noteTitle(text)).toBe(title));

  test.each(["# A title\ntext", "text", "---\ntitle: x\n---\n", "---\na: b\n---\n\n# Old", ""])("can be changed in %j", (text) => {
    const { from, to, insert } = retitle(text, "New  one");
    expect(noteTitle(text.slice(0, from) + insert + text.slice(to))).toBe("New one");
  });
});

describe("the library", () => {
  test("knows what can be reached from Home", () => {
    expect(reachableNotes(index).map((each) => each.id)).toEqual(["b", "c", "d", "a"]);
  });

  test("survives folders that hold each other", () => {
    const circle = indexLibrary({ ...library, folders: [folder("home", ["x"]), folder("x", ["home", "x", "a"])] });
    expect(reachableNotes(circle).map((each) => each.id)).toEqual(["a"]);
    expect(listRows(circle, { order: "manual", closed: new Set(), pinnedHeading: "" })).toHaveLength(3);
    expect(pathOf(circle, "a").length).toBeLessThan(70);
  });

  test("takes in changes and leaves the former index alone", () => {
    const next = applyChange(index, { notes: [note("a", "Pears", 9)], folders: [folder("deep", [])], removed: ["d"], trash: null });
    expect(next.notes.get("a")?.title).toBe("Pears");
    expect(next.notes.has("d")).toBe(false);
    expect(next.parents.has("d")).toBe(false);
    expect(index.notes.get("a")?.title).toBe("Apples");
  });

  test("orders by change, by title and as arranged, folders first", () => {
    const home = library.folders[0]!;
    expect(orderedItems(index, home, "updated")).toEqual(["work", "a", "b"]);
    expect(orderedItems(index, home, "manual")).toEqual(["b", "work", "a"]);
    expect(orderedItems(index, home, "title")).toEqual(["work", "a", "b"]);
  });

  test("can be held in the order of an earlier moment", () => {
    const later = applyChange(index, { notes: [note("b", "bread 10", 50)], folders: [], removed: [], trash: null });
    const home = library.folders[0]!;
    expect(orderedItems(later, home, "updated")).toEqual(["work", "b", "a"]);
    expect(orderedItems(later, home, "updated", index.notes)).toEqual(["work", "a", "b"]);
  });

  test("finds the note that a link means", () => {
    expect(noteByTitle(index, "apples")?.id).toBe("a");
    expect(noteByTitle(index, "nothing")).toBeNull();
  });

  test("knows the way to a note and where it goes", () => {
    expect(pathOf(index, "d")).toEqual(["WORK", "DEEP"]);
    expect(destinations(index, "d")).toEqual(["wss://deep", "wss://home"]);
    expect(destinations(index, "c")).toEqual(["wss://home"]);
    const came = indexLibrary({ ...library, notes: [{ ...note("c", "Bread 9", 2), goesTo: ["wss://from", "wss://home"] }] });
    expect(destinations(came, "c")).toEqual(["wss://from", "wss://home"]);
  });
});

describe("the rows of the list", () => {
  const rows = (closed: string[] = []) => listRows(index, { order: "manual", closed: new Set(closed), pinnedHeading: "Pinned" });
  const ids = (all: Row[]) => all.map((row) => ("id" in row ? row.id : row.kind));

  test("begin with what is pinned", () => {
    expect(ids(rows())).toEqual(["heading", "c", "home", "b", "work", "c", "deep", "d", "a"]);
  });

  test("leave out what is in a closed folder, but not what is pinned there", () => {
    expect(ids(rows(["work"]))).toEqual(["heading", "c", "home", "b", "work", "a"]);
  });

  test("have keys of their own", () => {
    const keys = rows().map((row) => row.key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("are drawn near what is seen", () => {
    expect(visibleRows(0, 600, 10_000)).toEqual({ first: 0, last: 28 });
    expect(visibleRows(300_000, 600, 10_000).last).toBe(10_000);
    expect(visibleRows(300_000, 600, 3).first).toBeLessThanOrEqual(visibleRows(300_000, 600, 3).last);
  });

  const row = (id: string) => rows().find((each) => "id" in each && each.id === id && each.key === id)!;

  test("take what is dropped before, after or into them", () => {
    expect(dropPlace(index, row("b"), "a", 0.2, "manual")).toEqual({ folder: "home", index: 0, mark: "before" });
    expect(dropPlace(index, row("b"), "a", 0.8, "manual")).toEqual({ folder: "home", index: 1, mark: "after" });
    expect(dropPlace(index, row("work"), "a", 0.5, "manual")).toEqual({ folder: "work", index: 2, mark: "into" });
    expect(dropPlace(index, row("c"), "a", 0.1, "updated")).toEqual({ folder: "work", index: 2, mark: "into" });
  });

  test("do not take a folder into itself", () => {
    expect(dropPlace(index, row("deep"), "work", 0.5, "manual")).toBeNull();
    expect(dropPlace(index, row("work"), "work", 0.5, "manual")).toBeNull();
    expect(dropPlace(index, row("d"), "work", 0.1, "manual")).toBeNull();
  });
});

describe("small things", () => {
  test("initials", () => {
    expect(initials("Ana Ferreira")).toBe("AF");
    expect(initials("ben")).toBe("B");
    expect(initials("  ")).toBe("?");
    expect(initials("😀 Ørsted")).toBe("😀Ø");
  });

  test("an excerpt is cut at its marks, and bad marks are passed over", () => {
    expect(cutAtMarks("one two", [{ from: 4, to: 7 }])).toEqual([
      { text: "one ", marked: false },
      { text: "two", marked: true },
    ]);
    expect(cutAtMarks("one", [{ from: 2, to: 9 }, { from: 1, to: 1 }])).toEqual([{ text: "one", marked: false }]);
  });
});
