// @vitest-environment jsdom
import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryWorld, noMirror } from "../backend/memory";
import { App } from "../shared/app.svelte";
import { strings } from "../shared/strings";
import { clearPage, preparePage, rest, show } from "../shared/test-window";
import { filesStatus, phaseSentence, reportLines } from "./words";

const words = strings.files;
let world: MemoryWorld;
let app: App;

beforeEach(async () => {
  preparePage();
  world = new MemoryWorld({ settings: { name: "Kim" } });
  world.addNote("a", "# Apples\n\nred\n", world.home, { updated: 2 });
  world.addNote("b", "# Bread\n\nrye, by Vim\n", world.home, { updated: 1 });
  app = new App(world.backend());
  await show(app);
  app.dialog = { kind: "settings", page: "files" };
  await rest();
});

afterEach(clearPage);

function button(name: string): HTMLButtonElement {
  const found = [...document.querySelectorAll("button")].find((each) => each.textContent === name || each.getAttribute("aria-label") === name);
  if (!found) throw new Error(`no button ${name}`);
  return found;
}

async function fill(id: string, text: string): Promise<void> {
  const input = document.querySelector<HTMLInputElement>(`#${id}`);
  if (!input) throw new Error(`no field ${id}`);
  input.value = text;
  input.dispatchEvent(new Event("input", { bubbles: true }));
  await rest();
}

async function press(name: string): Promise<void> {
  button(name).click();
  await rest();
}

const shown = () => document.body.textContent ?? "";

describe("the folder of files", () => {
  test("is chosen by its path, paused, and given up", async () => {
    expect(button(words.use).disabled).toBe(true);
    await fill("mirror-folder", "/home/kim/Notes");
    await press(words.use);
    expect(world.mirror.directory).toBe("/home/kim/Notes");
    expect(shown()).toContain(words.phase.inStep(2));
    expect(shown()).toContain(words.status.inStep);
    await press(words.pause);
    expect(shown()).toContain(words.status.off);
    await press(words.resume);
    await press(words.stop);
    expect(world.mirror.directory).toBeNull();
    expect(document.querySelector("#mirror-folder")).not.toBeNull();
  });

  test("can be picked, and says what is wrong with a path", async () => {
    await press(words.pick);
    expect(document.querySelector<HTMLInputElement>("#mirror-folder")?.value).toBe("/home/kim/Notes");
    await fill("mirror-folder", "Notes");
    await press(words.use);
    expect(world.mirror.directory).toBeNull();
    const alerts = () => [...document.querySelectorAll("#settings-page [role=alert]")].map((each) => each.textContent).join("");
    expect(alerts()).toContain("the whole path");
    // What is wrong is said in its place, and only until one tries again.
    expect(app.toasts).toEqual([]);
    await fill("mirror-folder", "/home/kim/Notes");
    await press(words.use);
    expect(alerts()).toBe("");
  });

  test("asks before many notes are thrown away, and lists what it leaves alone", async () => {
    const leftAlone = [{ path: "odd.md", reason: "it is not UTF-8 text" }];
    world.setMirror({ directory: "/notes", phase: { kind: "manyGone", count: 25 }, leftAlone });
    await rest();
    expect(shown()).toContain(words.phase.manyGone(25));
    expect(shown()).toContain("odd.md");
    await press(words.confirm);
    expect(world.mirror.phase.kind).toBe("inStep");
  });

  test("shows a marked spot, with which the mark goes", async () => {
    world.setMirror({ directory: "/notes", phase: { kind: "inStep" }, toReview: [{ note: "b", excerpt: "rye, by Vim" }] });
    await rest();
    expect(shown()).toContain(words.status.review(1));
    await press(words.lookAt("Bread"));
    await rest();
    expect(world.mirror.toReview).toEqual([]);
    expect(app.dialog).toBeNull();
    expect(app.note?.id).toBe("b");
    const selection = app.note?.view?.state.selection.main;
    expect([selection?.from, selection?.to]).toEqual([9, 20]);
  });

  test("has no faults that a reader of screens would meet", async () => {
    world.setMirror({ directory: "/notes", phase: { kind: "manyGone", count: 25 }, leftAlone: [{ path: "a.md", reason: "why" }] });
    await rest();
    const result = await axe.run(document.body, { rules: { "color-contrast": { enabled: false }, region: { enabled: false } } });
    const found = result.violations.filter((violation) => violation.impact === "serious" || violation.impact === "critical");
    expect(found.map((violation) => violation.id)).toEqual([]);
  });
});

describe("imports and exports", () => {
  test("show what became of them", async () => {
    await fill("import-folder", "/home/kim/Old");
    await press(words.importRun);
    expect(shown()).toContain(words.imported(2, 0));
    await fill("export-folder", "/home/kim/Out");
    await press(words.exportRun);
    expect(shown()).toContain(words.exported(2, 0));
  });

  test("show how far they are, and do not begin twice", async () => {
    world.setMirror({ transfer: { importing: true, done: 3, total: 10, report: null, failed: null } });
    await fill("import-folder", "/home/kim/Old");
    const bar = document.querySelector("progress");
    expect([bar?.value, bar?.max]).toEqual([3, 10]);
    expect(button(words.importRun).disabled).toBe(true);
  });
});

test("every state of the folder has its words", () => {
  const mirror = { ...noMirror, directory: "/notes", notes: 1 };
  expect(filesStatus(noMirror)).toBeNull();
  expect(filesStatus(mirror)).toEqual({ tone: "warn", text: words.status.off });
  expect(filesStatus({ ...mirror, phase: { kind: "working" } })?.tone).toBe("busy");
  expect(filesStatus({ ...mirror, phase: { kind: "failed", message: "full" } })?.tone).toBe("error");
  expect(phaseSentence({ ...mirror, phase: { kind: "failed", message: "full" } })).toBe(words.phase.failed("full"));
  expect(phaseSentence({ ...mirror, phase: { kind: "vanished" } })).toBe(words.phase.vanished);
  expect(reportLines({ importing: true, done: 0, total: 0, report: null, failed: "full" })).toEqual([words.failed("full")]);
});
