import { describe, expect, test } from "vitest";
import { MemoryWorld } from "../backend/memory";
import { App } from "../shared/app.svelte";
import { strings } from "../shared/strings";
import { isItem, NoteList } from "./list.svelte";
import { Search } from "./search.svelte";

const press = (key: string, altKey = false) => ({ key, altKey, ctrlKey: false, metaKey: false });

async function start(order: "manual" | "updated" = "manual"): Promise<{ world: MemoryWorld; app: App; list: NoteList }> {
  const world = new MemoryWorld({ settings: { name: "Kim", order } });
  world.addNote("a", "# Apples\n\nred ones\n", world.home, { updated: 2 });
  world.addFolder("work", "Work", world.home);
  world.addNote("b", "# Bread\n\nwith apples\n", "work", { updated: 1 });
  world.addNote("c", "# Cake\n", world.home, { updated: 3 });
  const app = new App(world.backend());
  await app.start();
  return { world, app, list: new NoteList(app) };
}

const shown = (list: NoteList) => list.rows.map((row) => (isItem(row) ? row.id : row.kind));
const settled = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("keys in the list", () => {
  test("step through the rows", async () => {
    const { list } = await start();
    expect(shown(list)).toEqual(["home", "a", "work", "b", "c"]);
    list.key(press("Home"));
    const seen = [];
    for (let i = 0; i < 6; i += 1) {
      seen.push(list.active);
      list.key(press("ArrowDown"));
    }
    expect(seen).toEqual(["home", "a", "work", "b", "c", "c"]);
    list.key(press("ArrowUp"));
    expect(list.active).toBe("b");
  });

  test("fold and unfold folders", async () => {
    const { list } = await start();
    list.active = "b";
    list.key(press("ArrowLeft"));
    expect(list.active).toBe("work");
    list.key(press("ArrowLeft"));
    expect(shown(list)).toEqual(["home", "a", "work", "c"]);
    list.key(press("ArrowRight"));
    list.key(press("ArrowRight"));
    expect(list.active).toBe("b");
  });

  test("open, move, rename and throw away", async () => {
    const { app, list, world } = await start();
    list.active = "c";
    list.key(press("Enter"));
    await settled();
    expect(app.note?.id).toBe("c");
    list.key(press("ArrowUp", true));
    await settled();
    expect(world.folder(world.home).items).toEqual(["a", "c", "work"]);
    list.key(press("F2"));
    expect(app.renaming).toBe("c");
    list.key(press("Delete"));
    await settled();
    expect(world.trash.map((entry) => entry.id)).toEqual(["c"]);
    expect(app.toasts[0]?.message).toBe(strings.list.trashed("Cake"));
  });

  test("never throw Home away", async () => {
    const { list, world } = await start();
    list.active = "home";
    list.key(press("Delete"));
    await settled();
    expect(world.trash).toEqual([]);
  });

  test("leave other keys alone", async () => {
    const { list } = await start();
    expect(list.key(press("x"))).toBe(false);
    expect(list.key({ ...press("ArrowDown"), ctrlKey: true })).toBe(false);
  });
});

describe("dragging", () => {
  test("moves a note into a folder", async () => {
    const { list, world } = await start("updated");
    list.dragged = "a";
    const row = list.rows.find((each) => isItem(each) && each.id === "work")!;
    expect(list.over(row, 0.5)).toBe(true);
    list.letGo();
    await settled();
    expect(world.folder("work").items).toContain("a");
    expect(list.dragged).toBeNull();
  });

  test("does nothing when it is let go elsewhere", async () => {
    const { list, world } = await start();
    list.dragged = "a";
    list.letGo();
    await settled();
    expect(world.folder(world.home).items).toEqual(["a", "work", "c"]);
  });
});

test("a folded folder opens when something in it is to be seen", async () => {
  const { list } = await start();
  list.toggle("work", false);
  list.reveal("b");
  expect(shown(list)).toContain("b");
});

test("rows keep their places while the pointer is over them", async () => {
  const { app, list } = await start("updated");
  list.hold(true);
  app.library = { ...app.library, notes: new Map(app.library.notes).set("a", { ...app.library.notes.get("a")!, updated: 99 }) };
  expect(shown(list)).toEqual(["home", "work", "b", "c", "a"]);
  list.hold(false);
  expect(shown(list)).toEqual(["home", "work", "b", "a", "c"]);
});

describe("search", () => {
  test("finds titles at once, then text, titles first", async () => {
    const { app } = await start();
    const search = new Search(app);
    app.searchText = "apples";
    search.ask();
    expect(search.results.map((result) => result.note)).toEqual(["a"]);
    await expect.poll(() => search.answered).toBe("apples");
    expect(search.results.map((result) => [result.note, result.path])).toEqual([
      ["a", ""],
      ["b", "Work"],
    ]);
    search.key("ArrowDown");
    search.key("ArrowDown");
    search.key("Enter");
    await settled();
    expect(app.note?.id).toBe("b");
  });

  test("says that nothing was found only when it knows", async () => {
    const { app } = await start();
    const search = new Search(app);
    app.searchText = "zzz";
    search.ask();
    expect(search.answered).toBe("");
    await expect.poll(() => search.answered).toBe("zzz");
    expect(search.results).toEqual([]);
    app.searchText = "";
    search.ask();
    expect(search.answered).toBe("");
  });

  test("shows why it failed", async () => {
    const { app } = await start();
    app.backend.search = () => Promise.reject({ code: "storage", message: "The index is being built." });
    const search = new Search(app);
    app.searchText = "x";
    search.ask();
    await expect.poll(() => search.failure).toBe("The index is being built.");
  });

  test("passes over a failure of what is no longer asked", async () => {
    const { app } = await start();
    const refusals: ((reason: unknown) => void)[] = [];
    const { search: find } = app.backend;
    app.backend.search = () => new Promise((_, reject) => refusals.push(reject));
    const search = new Search(app);
    app.searchText = "app";
    search.ask();
    await expect.poll(() => refusals.length).toBe(1);
    app.backend.search = find.bind(app.backend);
    app.searchText = "apples";
    search.ask();
    refusals[0]?.({ code: "storage", message: "The index is being built." });
    await expect.poll(() => search.answered).not.toBe("");
    expect([search.answered, search.failure]).toEqual(["apples", null]);
  });
});
