// @vitest-environment jsdom
// What crosses what: keys that mean two things, others who take away what is open, answers that overtake the list.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { LibraryChange } from "../backend/bindings";
import type { MemoryWorld, MemoryWorldOptions } from "../backend/memory";
import { restTime } from "../notes/open-note.svelte";
import type { App } from "./app.svelte";
import { runShortcut } from "./commands";
import { strings } from "./strings";
import { clearPage, openWindow, preparePage, press, rest, type } from "./test-window";

const ana = { id: "ana", name: "Ana", colour: 3 };
const ben = { id: "ben", name: "", colour: 4 };
const follow = { key: "L", ctrlKey: true, shiftKey: true, metaKey: false, altKey: false };

let world: MemoryWorld;
let app: App;

beforeEach(preparePage);
afterEach(clearPage);

async function start(options: MemoryWorldOptions = {}): Promise<void> {
  ({ world, app } = await openWindow(options));
}

const after = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const inText = () => app.note!.view!.contentDOM;
const toasts = () => app.toasts.map((toast) => toast.message);
const library = (change: Partial<LibraryChange>) => world.changed(change);

describe("following", () => {
  test("goes on to the next person and then to nobody, by the same keys", async () => {
    await start();
    await world.backend(ana).openNote("a", () => undefined);
    await world.backend(ben).openNote("a", () => undefined);
    await rest();
    const followed = [];
    for (let i = 0; i < 3; i += 1) {
      // As pressed: the modifiers come first, and the text has the focus.
      press("Control", { ctrlKey: true }, inText());
      press("Shift", { ctrlKey: true, shiftKey: true }, inText());
      runShortcut(app, follow);
      followed.push(app.note?.following);
    }
    expect(followed).toEqual(["ana", "ben", null]);
  });
});

describe("people without a name", () => {
  test("are called someone wherever they show", async () => {
    await start();
    const theirs = world.backend(ben);
    const opened = await theirs.openNote("a", () => undefined);
    await theirs.push("a", { version: opened.version, confirms: null, changes: [[0, "x"], opened.text.length], selection: { anchor: 1, head: 1 } });
    await rest();
    expect(document.querySelector(".peers")?.getAttribute("aria-label")).toBe("Who is here: Someone");
    expect(document.querySelector<HTMLElement>(".peer-flag")?.dataset["name"]).toBe("Someone");
    expect(app.announcement).toBe("Someone is here");
    await app.note?.showAuthors(true);
    app.panel = "history";
    await rest();
    await expect.poll(() => document.querySelector(".session .who")?.textContent).toBe("Someone");
    expect(document.querySelector(".legend")?.textContent).toBe("Someone");
    expect(strings.note.away(["Someone"], "yesterday")).toBe("Someone changed this note since yesterday");
  });
});

describe("Escape", () => {
  test("leaves a menu and not the panel behind it", async () => {
    await start();
    app.panel = "sync";
    await rest();
    document.querySelector<HTMLElement>(".mode")?.click();
    await rest();
    press("Escape", {}, document.activeElement ?? document.body);
    await rest();
    expect([app.menu, app.panel]).toEqual([null, "sync"]);
    press("Escape");
    expect(app.panel).toBeNull();
  });

  test("gives up a new name, and only that", async () => {
    await start();
    app.panel = "sync";
    app.renaming = "b";
    await rest();
    const input = document.querySelector<HTMLInputElement>(".name-input")!;
    input.value = "Buns";
    press("Escape", {}, input);
    await rest();
    expect([app.renaming, app.panel]).toEqual([null, "sync"]);
    expect(app.library.notes.get("b")?.title).toBe("Bread");
  });
});

describe("an open note that others take away", () => {
  test("stays open when it only moved", async () => {
    await start();
    const home = world.folder(world.home);
    const note = world.note("a").entry;
    library({ folders: [{ ...home, items: ["b", "work"] }], removed: ["a"] });
    expect(app.note?.id).toBe("a");
    type(app, "still ");
    library({ folders: [{ ...world.folder("work"), items: ["a"] }], notes: [note] });
    await after(1700);
    expect([app.note?.id, toasts()]).toEqual(["a", []]);
    expect(world.note("a").document.shared.toString()).toMatch(/^still /);
  });

  test("is closed with a word when it is gone", async () => {
    await start();
    library({ folders: [{ ...world.folder(world.home), items: ["b", "work"] }], removed: ["a"] });
    await expect.poll(() => app.note === null, { timeout: 5000 }).toBe(true);
    expect(toasts()).toEqual(["“Apples” is no longer in your list"]);
  });

  test("can be put back when they threw it away", async () => {
    await start();
    const trash = [{ id: "a", title: "Apples", kind: "note" as const, trashed: 1 }];
    library({ folders: [{ ...world.folder(world.home), items: ["b", "work"] }], removed: ["a"], trash });
    await expect.poll(() => app.note === null, { timeout: 5000 }).toBe(true);
    expect(app.toasts[0]).toMatchObject({ message: "“Apples” is in the trash", action: { label: strings.list.putBack } });
  });
});

describe("throwing away", () => {
  test("a folder closes the open note in it", async () => {
    await start();
    await app.moveItem("a", "work", 0);
    await app.trash("work");
    expect(app.note).toBeNull();
    expect(toasts()).toEqual(["“Work” is in the trash"]);
  });

  test("for good asks by name, or says how much the trash holds", async () => {
    await start();
    await app.trash("a");
    await app.trash("b");
    app.showTrash = true;
    await rest();
    document.querySelector<HTMLElement>(".trash .empty")?.click();
    await rest();
    expect(document.querySelector("dialog h2")?.textContent).toBe("Delete all 2 notes and folders in the trash forever?");
    app.dialog = null;
    await rest();
    document.querySelector<HTMLElement>(".trash .danger")?.click();
    await rest();
    expect(document.querySelector("dialog h2")?.textContent).toMatch(/^Delete “(Apples|Bread)” forever\?$/);
  });
});

describe("the trash", () => {
  test("keeps the focus when the row that had it goes", async () => {
    await start();
    await app.trash("work");
    app.showTrash = true;
    await rest();
    document.querySelector<HTMLElement>(".trash .danger")?.focus();
    await app.deleteForever(["work"]);
    await rest();
    expect(app.library.trash).toEqual([]);
    expect(document.activeElement?.getAttribute("aria-label")).toBe(strings.list.back);
  });
});

describe("a title of ten thousand characters", () => {
  test("is cut where it stands in a sentence", async () => {
    await start();
    const title = "long ".repeat(2000).trim();
    await app.rename("a", title);
    await app.trash("a");
    expect(toasts()[0]?.length).toBeLessThan(90);
    expect(toasts()[0]).toMatch(/…” is in the trash$/);
  });
});

describe("the first run", () => {
  test("ends with the first note open, although the answer overtook the list", async () => {
    await start({ firstRun: true });
    const changed = world.changed.bind(world);
    world.changed = (change) => void setTimeout(() => changed(change), 30);
    await app.welcome({ name: "Kim", colour: 2, server: null, profile: null });
    expect(app.note?.view?.state.doc.toString()).toBe(strings.welcome.note);
  });
});

describe("a link", () => {
  test("opens its note although the answer overtook the list", async () => {
    await start();
    const home = { ...world.folder(world.home) };
    app.backend.openLink = async () => {
      setTimeout(() => library({ folders: [{ ...home, items: [...home.items, "late"] }], notes: [{ ...world.note("a").entry, id: "late" }] }), 30);
      return "late";
    };
    await app.openLink("automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf", "item");
    expect(app.note?.id).toBe("late");
  });

  test("of what is put back opens it, although the answer overtook the list", async () => {
    await start();
    const { entry } = world.note("b");
    await app.trash("b");
    library({ removed: ["b"] });
    app.backend.setTrashed = async () => {
      setTimeout(() => library({ notes: [entry] }), 30);
    };
    await app.restore("b");
    expect(app.note?.id).toBe("b");
  });

  test("to a folder says that it is there", async () => {
    await start();
    app.backend.openLink = async () => "work";
    await app.openLink("automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf", "item");
    expect([app.note?.id, toasts()]).toEqual(["a", ["The folder “Work” is in your list"]]);
  });

  test("to what was thrown away offers to put it back", async () => {
    await start();
    await app.trash("b");
    app.toasts = [];
    app.backend.openLink = async () => "b";
    await app.openLink("automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf", "item");
    expect(app.toasts[0]).toMatchObject({ message: "“Bread” is in the trash", action: { label: strings.list.putBack } });
  });
});

describe("the status", () => {
  const saving = { disk: { kind: "saving" as const }, places: [] };
  const saved = (at: number) => ({ disk: { kind: "saved" as const, at }, places: [] });
  const said = () => document.querySelector(".where .text")?.textContent;

  test("says at once what is not saved, and does not flicker while one types", async () => {
    await start();
    expect(said()).toBe("On this computer only");
    for (let i = 0; i < 5; i += 1) {
      world.setStatus("a", saving);
      await rest();
      expect(said()).toBe("Saving…");
      world.setStatus("a", saved(i));
      await rest();
      expect(said()).toBe("Saving…");
    }
    await after(restTime + 50);
    await rest();
    expect(said()).toBe("On this computer only");
  });

  test("says of a failure at once", async () => {
    await start();
    world.setStatus("a", saving);
    world.setStatus("a", saved(1));
    world.setStatus("a", { disk: { kind: "failed", message: "the disk is full", at: 2 }, places: [] });
    await rest();
    expect(said()).toBe("Not saved: the disk is full. Trying again.");
    await after(restTime + 50);
    expect(said()).toMatch(/^Not saved/);
  });

  test("lists two places of one name", async () => {
    await start();
    const place = { name: "Ana", kind: "peer" as const, state: "received" as const, at: 1 };
    world.setStatus("a", { disk: { kind: "saved", at: 1 }, places: [place, place] });
    app.panel = "sync";
    await rest();
    const names = [...document.querySelectorAll("aside li span:nth-child(2)")].map((name) => name.textContent);
    expect(names.filter((name) => name === "Ana")).toHaveLength(2);
  });
});

describe("what is asked for by the mouse", () => {
  const choose = async (label: string) => {
    await rest();
    const entries = [...document.querySelectorAll<HTMLElement>("[role^=menuitem]")];
    entries.find((entry) => entry.textContent?.includes(label))?.click();
    await rest();
  };
  const titles = () => [...document.querySelectorAll(".row .name")].map((name) => name.textContent?.trim());

  test("orders the list by time, by title and as arranged", async () => {
    await start();
    const menu = () => document.querySelector<HTMLElement>("nav.list header button")?.click();
    await app.moveItem("b", world.home, 0);
    menu();
    await choose(strings.list.orders.title);
    expect(titles()).toEqual(["Home", "Work", "Apples", "Bread"]);
    menu();
    await choose(strings.list.orders.manual);
    expect(titles()).toEqual(["Home", "Bread", "Apples", "Work"]);
    await app.rename("b", "Buns");
    menu();
    await choose(strings.list.orders.updated);
    await expect.poll(() => (app.now, titles())).toEqual(["Home", "Work", "Buns", "Apples"]);
    expect(world.settings.order).toBe("updated");
  });

  test("follows a link only where it may lead", async () => {
    await start();
    const opened: string[] = [];
    app.backend.openExternal = async (url) => void opened.push(url);
    app.backend.openLink = async () => "b";
    for (const address of ["javascript:alert(1)", "file:///etc/passwd", "https://example.org/x", "mailto:a@b.c", "data:text/html,x", "example.org"]) await app.openAddress(address);
    expect(opened).toEqual(["https://example.org/x", "mailto:a@b.c"]);
    await app.openAddress("automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf#part");
    expect(app.note?.id).toBe("b");
  });

  test("shows what others have selected, in their colour and under their name", async () => {
    await start();
    const theirs = world.backend(ana);
    const opened = await theirs.openNote("a", () => undefined);
    await theirs.setPresence("a", { version: opened.version, selection: { anchor: 2, head: 8 } });
    await rest();
    const selection = document.querySelector(".peer-selection");
    expect([selection?.textContent, selection?.classList.contains("hue-3")]).toEqual(["Apples", true]);
    expect(document.querySelector<HTMLElement>(".peer-caret.hue-3 .peer-flag")?.dataset["name"]).toBe("Ana");
  });
});
