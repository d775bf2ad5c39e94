// @vitest-environment jsdom
import axe from "axe-core";
import { flushSync } from "svelte";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type MemoryBackend, MemoryWorld, type MemoryWorldOptions } from "../backend/memory";
import { App } from "./app.svelte";
import { commands, runShortcut } from "./commands";
import { paletteEntries } from "./palette";
import { strings } from "./strings";
import { clearPage, openWindow, preparePage, press, rest, type } from "./test-window";

const ana = { id: "ana", name: "Ana", colour: 3 };

let world: MemoryWorld;
let app: App;

beforeEach(preparePage);
afterEach(clearPage);

async function start(options: MemoryWorldOptions = {}): Promise<void> {
  ({ world, app } = await openWindow(options));
}

const textOf = (id: string) => world.note(id).document.shared.toString();

describe("a note that comes late", () => {
  test("shows although its text was told before the answer to its opening", async () => {
    await start();
    const { backend } = app;
    const openNote = backend.openNote.bind(backend);
    backend.openNote = async (id, onEvent) => {
      const opened = await openNote(id, onEvent);
      onEvent({ kind: "reset", version: 1, text: "# Late", readOnly: false });
      return { ...opened, text: "", version: 0, available: false };
    };
    await app.openNote("b");
    await rest();
    expect(app.note?.available).toBe(true);
    expect(app.note?.view?.state.doc.toString()).toBe("# Late");
  });
});

describe("the focus", () => {
  const focused = () => document.activeElement;
  // The web view acts on that attribute late, and takes the focus from where one types by then.
  const late = () => document.querySelectorAll("[autofocus]").length;

  test("begins at the name on the first page", async () => {
    await start({ firstRun: true });
    expect(focused()?.id).toBe("welcome-name");
    expect(late()).toBe(0);
  });

  test.each([
    ["the palette", { kind: "palette", commands: true } as const, "combobox"],
    ["the settings", { kind: "settings", page: "writing" } as const, "tab"],
  ])("begins in %s where one goes on", async (_, dialog, role) => {
    await start();
    app.dialog = dialog;
    await rest();
    expect(focused()?.getAttribute("role")).toBe(role);
    expect(late()).toBe(0);
  });
});

describe("the window", () => {
  test("shows what this note has cost, in numbers and as a chart", async () => {
    await start();
    const report = await app.backend.syncReport(app.note!.id);
    app.backend.syncReport = async () => ({
      ...report,
      commits: 4,
      changesSent: 7,
      changesReceived: 2,
      messagesSent: 12,
      messagesReceived: 9,
      bytesSent: 4000,
      bytesReceived: 1500,
      bytesOnDisk: 812,
      samples: [{ at: 0, sent: 300, received: 0 }, { at: 1000, sent: 0, received: 0 }],
    });
    app.panel = "sync";
    await rest();
    const rows = [...document.querySelectorAll("dl > dt")].map((row) => [row.textContent, row.nextElementSibling?.textContent]);
    expect(rows).toEqual([
      [strings.sync.commits, "4"],
      [strings.sync.changes, "7 / 2"],
      [strings.sync.messages, "12 / 9"],
      [strings.sync.bytes, "4.0 kB / 1.5 kB"],
      [strings.sync.perCommit, "1.0 kB"],
      [strings.sync.disk, "812 B"],
    ]);
    expect(document.querySelector("svg path.sent.edge")?.getAttribute("d")).toMatch(/^M0\.0 /);
    // A quiet minute is an empty chart, and what is zero is said to be zero.
    app.backend.syncReport = async () => ({ ...report, messagesSent: 0, messagesReceived: 0, samples: [] });
    app.panel = null;
    await rest();
    app.panel = "sync";
    await rest();
    expect(document.querySelector("svg[role=img]")).not.toBeNull();
    expect(document.querySelector("dl")?.textContent).toContain("0 / 0");
  });

  test("opens the newest note and saves what is typed", async () => {
    await start();
    expect(app.note?.title).toBe("Apples");
    type(app, "Red ");
    await rest();
    expect(textOf("a")).toBe("Red # Apples\n\nSee [[Bread]].\n");
  });

  test("opens the note that was open last time", async () => {
    await start();
    await app.openNote("b");
    const again = new App(world.backend());
    await again.start();
    expect(again.note?.id).toBe("b");
    again.closeNote();
  });

  test("shows what others write, who they are, and says who came and left", async () => {
    await start();
    const other: MemoryBackend = world.backend(ana);
    const opened = await other.openNote("a", () => undefined);
    await rest();
    expect(app.note?.peers.map((peer) => peer.name)).toEqual(["Ana"]);
    expect(app.announcement).toBe("Ana is here");
    await other.push("a", { version: opened.version, confirms: null, changes: [[0, "Hello "], opened.text.length], selection: { anchor: 6, head: 6 } });
    await rest();
    expect(app.note?.view?.state.doc.toString()).toMatch(/^Hello # Apples/);
    expect(document.querySelector<HTMLElement>(".peer-flag")?.dataset["name"]).toBe("Ana");
    await other.closeNote("a");
    await rest();
    expect(app.announcement).toBe("Ana left");
  });

  test("follows someone until the person acts", async () => {
    await start();
    await world.backend(ana).openNote("a", () => undefined);
    await rest();
    runShortcut(app, { key: "L", ctrlKey: true, shiftKey: true, metaKey: false, altKey: false });
    expect(app.note?.following).toBe("ana");
    expect(app.announcement).toBe("Following Ana");
    app.note?.view?.contentDOM.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
    expect(app.note?.following).toBeNull();
  });

  test("undoes only what was typed here", async () => {
    await start();
    type(app, "mine");
    await rest();
    const other = world.backend(ana);
    const opened = await other.openNote("a", () => undefined);
    await other.push("a", { version: opened.version, confirms: null, changes: [opened.text.length, [0, "theirs"]], selection: null });
    await rest();
    app.note?.undo();
    await rest();
    expect(textOf("a")).toBe("# Apples\n\nSee [[Bread]].\ntheirs");
    app.note?.redo();
    await rest();
    expect(textOf("a")).toMatch(/^mine# Apples/);
  });

  test("takes the title from the text as it is typed", async () => {
    await start();
    const view = app.note!.view!;
    view.dispatch({ changes: { from: 2, to: 8, insert: "Pears" } });
    await rest();
    expect(app.note?.title).toBe("Pears");
    expect(app.library.notes.get("a")?.title).toBe("Pears");
  });

  test("is where it was when a note is opened again", async () => {
    await start();
    app.note?.view?.dispatch({ selection: { anchor: 5 } });
    await app.openNote("b");
    await app.openNote("a");
    await rest();
    expect(app.note?.view?.state.selection.main.head).toBe(5);
  });

  test("keeps the last keystrokes when another note is opened at once", async () => {
    await start();
    type(app, "quick ");
    await app.openNote("b");
    await rest();
    expect(textOf("a")).toMatch(/^quick # Apples/);
    expect(app.note?.id).toBe("b");
  });

  test("keeps them when the backend is slow, and when the person comes back at once", async () => {
    await start({ delay: () => new Promise((resolve) => setTimeout(resolve, 15)) });
    await expect.poll(() => app.note?.view ?? null).not.toBeNull();
    for (const letter of "slowly") {
      type(app, letter);
      await new Promise((resolve) => setTimeout(resolve, 4));
    }
    void app.openNote("b");
    await app.openNote("a");
    await expect.poll(() => app.note?.view?.state.doc.toString().slice(0, 6)).toBe("slowly");
    type(app, "!");
    await expect.poll(() => textOf("a").includes("!")).toBe(true);
    expect(textOf("a").replace("!", "")).toBe("slowly# Apples\n\nSee [[Bread]].\n");
  });

  test("gives the keys to a drawer that is opened by them, and takes them back", async () => {
    await start();
    const resize = async (width: number) => {
      window.innerWidth = width;
      window.dispatchEvent(new Event("resize"));
      await rest();
    };
    const { innerWidth } = window;
    await resize(800);
    const toggle = commands(app).find((command) => command.id === "list")!;
    toggle.run();
    await expect.poll(() => document.activeElement?.getAttribute("role")).toBe("tree");
    toggle.run();
    await rest();
    expect(document.activeElement?.classList.contains("cm-content")).toBe(true);
    await resize(innerWidth);
  });

  test("writes, renames, moves, pins, trashes and puts back", async () => {
    await start();
    await app.newNote("Plums");
    const id = app.note!.id;
    expect(app.library.notes.get(id)?.title).toBe("Plums");
    await app.rename(id, "Prunes");
    await app.moveItem(id, "work", 0);
    await app.setPinned(id, true);
    expect(app.library.notes.get(id)).toMatchObject({ title: "Prunes", pinned: true });
    expect(app.library.parents.get(id)).toBe("work");
    await app.trash(id);
    expect(app.note).toBeNull();
    expect(app.library.trash.map((entry) => entry.id)).toEqual([id]);
    await app.restore(id);
    expect(app.library.parents.get(id)).toBe("work");
    await app.trash(id);
    await app.deleteForever([id]);
    expect(app.library.notes.has(id)).toBe(false);
  });

  test("follows note links and offers to write what is missing", async () => {
    await start();
    await app.openTitle("bread");
    expect(app.note?.id).toBe("b");
    await app.openTitle("Nowhere yet");
    expect(app.toasts[0]?.message).toBe(strings.note.createFromLink("Nowhere yet"));
    app.toasts[0]?.action?.run();
    await rest();
    expect(app.note?.title).toBe("Nowhere yet");
  });

  test("shows failures in words", async () => {
    await start();
    await app.moveItem("work", "work", 0);
    expect(app.toasts[0]).toMatchObject({ level: "error", message: "That did not work: A folder cannot be moved into itself." });
    await app.openNote("not there");
    expect(app.note?.load).toEqual({ kind: "failed", message: "This note is not here." });
  });

  test("keeps a batched note's edits until they are committed", async () => {
    await start();
    await app.setMode("batched");
    type(app, "later ");
    await rest();
    expect(textOf("a")).not.toContain("later");
    expect(app.note?.draft?.edits).toBe(1);
    await app.note?.commit("a reason");
    await rest();
    expect(textOf("a")).toMatch(/^later /);
    expect(world.note("a").document.log.at(-1)?.message).toBe("a reason");
    expect(app.note?.draft).toBeNull();
  });

  test("greets, and goes nowhere unasked", async () => {
    await start({ firstRun: true });
    expect(app.phase.kind).toBe("welcome");
    await app.welcome({ name: "Kim", colour: 2, server: null, profile: null });
    await rest();
    expect(app.note?.title).toBe(strings.welcome.noteTitle);
    expect(world.network.servers).toEqual([]);
    expect(world.folder(world.home).goesTo).toEqual([]);
    expect(world.settings).toMatchObject({ name: "Kim", colour: 2 });
  });

  test("sends to a server that was chosen in the beginning", async () => {
    await start({ firstRun: true });
    await app.welcome({ name: "Kim", colour: 2, server: { address: "wss://a.example", token: "t" }, profile: null });
    expect(world.folder(world.home).goesTo).toEqual(["wss://a.example"]);
    expect(world.network.servers[0]).toMatchObject({ address: "wss://a.example", hasToken: true, token: null });
  });

  test("reads everything anew when it takes over a profile", async () => {
    await start({ firstRun: true });
    await app.welcome({ name: "Kim", colour: 2, server: null, profile: "automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf" });
    await rest();
    expect(app.phase.kind).toBe("ready");
    expect(app.notices[0]?.message).toBe(strings.settings.adopted);
  });

  test("says when it cannot start, and tries again", async () => {
    world = new MemoryWorld();
    const backend = world.backend();
    const good = backend.start.bind(backend);
    backend.start = () => Promise.reject({ code: "storage", message: "Another window has it open." });
    app = new App(backend);
    await app.start();
    expect(app.phase).toEqual({ kind: "failed", message: "Another window has it open." });
    backend.start = good;
    await app.start();
    expect(app.phase.kind).toBe("ready");
  });
});

describe("keys", () => {
  test("open and leave what they are for", async () => {
    await start();
    press("H", { ctrlKey: true, shiftKey: true });
    expect(app.panel).toBe("history");
    press("Escape");
    expect(app.panel).toBeNull();
    press("P", { ctrlKey: true, shiftKey: true });
    expect(app.dialog).toEqual({ kind: "palette", commands: true });
    app.dialog = null;
    flushSync();
    press("e", { ctrlKey: true });
    expect(app.preview).toBe(false);
  });

  test("belong to one command each", async () => {
    await start();
    const keys = commands(app).flatMap((command) => command.keys ?? []);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("do nothing that cannot be done", async () => {
    await start();
    expect(runShortcut(app, { key: "Enter", ctrlKey: true, shiftKey: true, metaKey: false, altKey: false })).toBe(true);
    expect(app.dialog).toBeNull();
  });
});

describe("the palette", () => {
  test("goes to notes, and offers to write a missing one", async () => {
    await start();
    expect(paletteEntries(app, "", false).map((entry) => entry.title)).toEqual(["Apples", "Bread"]);
    const [found, create] = paletteEntries(app, "bre", false);
    expect([found?.title, create?.title]).toEqual(["Bread", "Create “bre”"]);
    found?.run();
    await rest();
    expect(app.note?.id).toBe("b");
  });

  test("has every command that can be given now", async () => {
    await start();
    const titles = paletteEntries(app, ">", false).map((entry) => entry.title);
    expect(titles).toContain(strings.commands.newNote);
    expect(titles).not.toContain(strings.commands.commit);
  });
});

describe("accessibility", () => {
  async function check(): Promise<void> {
    await rest();
    // Colours need a layout; they are checked in a browser.
    const result = await axe.run(document.body, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
    const found = result.violations.filter((violation) => violation.impact === "serious" || violation.impact === "critical");
    expect(found.map((violation) => `${violation.id}: ${violation.nodes.map((node) => node.html).join(" ")}`)).toEqual([]);
  }

  test("of the note and its list", async () => {
    await start();
    await check();
  });

  test("of the first run", async () => {
    await start({ firstRun: true });
    await check();
  });

  test.each(["history", "sync", "backlinks", "review"] as const)("of the panel %s", async (panel) => {
    await start();
    type(app, "x");
    await rest();
    app.panel = panel;
    await check();
  });

  test.each(["profile", "writing", "sharing", "network"] as const)("of the settings' page %s", async (page) => {
    await start();
    app.dialog = { kind: "settings", page };
    await check();
  });

  test("of the other dialogs", async () => {
    await start();
    await app.setMode("batched");
    type(app, "x");
    await rest();
    for (const dialog of [
      { kind: "palette", commands: true },
      { kind: "commit" },
      { kind: "share", item: "a" },
      { kind: "openLink" },
      { kind: "delete", items: ["a"], title: "A" },
    ] as const) {
      app.dialog = dialog as typeof app.dialog;
      await check();
    }
  });

  test("of the search, the trash and a menu", async () => {
    await start();
    app.searchText = "app";
    await check();
    app.searchText = "";
    await app.trash("b");
    app.showTrash = true;
    await check();
    app.showTrash = false;
    await rest();
    document.querySelector<HTMLElement>(".mode")?.click();
    await check();
  });
});
