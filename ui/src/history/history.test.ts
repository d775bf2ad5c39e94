import { ChangeSet } from "@codemirror/state";
import { describe, expect, test } from "vitest";
import type { VersionRef } from "../backend/bindings";
import { MemoryWorld } from "../backend/memory";
import { HistoryView, sessionsByDay } from "./history.svelte";

const day = 24 * 3600_000;
const ana = { id: "ana", name: "Ana", colour: 3 };

function world(): MemoryWorld {
  const result = new MemoryWorld({ now: () => 10 * day });
  const document = result.addNote("note", "", result.home);
  "abcde".split("").forEach((letter, index) => {
    document.commit(ChangeSet.of({ from: index, insert: letter }, index), ana, (index + 1) * day, null, null, "peer");
  });
  return result;
}

describe("the history panel", () => {
  test("begins at now and goes back and forth", async () => {
    const view = new HistoryView(world().backend(), "note");
    await view.load();
    expect([view.position, view.atNow, view.version]).toEqual([5, true, null]);
    await view.show(2);
    expect(view.version?.difference.text).toBe("ab");
    expect(view.session?.first).toBe(2);
    await view.show(99);
    expect([view.position, view.version]).toEqual([5, null]);
    await view.show(-3);
    expect([view.position, view.version?.difference.text]).toEqual([1, "a"]);
  });

  test("counts from the first version that has something to see", async () => {
    const backend = world().backend();
    const whole = backend.history.bind(backend);
    let first = 0;
    backend.history = async (note) => ({ ...(await whole(note)), first });
    const view = new HistoryView(backend, "note");
    await view.load();
    expect(view.place).toEqual({ at: 5, of: 5 });
    await view.show(0);
    expect(view.place, "an empty note is no version that is counted").toEqual({ at: 0, of: 5 });
    first = 3;
    await view.load();
    expect([view.position, view.place]).toEqual([3, { at: 1, of: 3 }]);
  });

  test("asks one thing at a time, and ends where the slider is", async () => {
    const backend = world().backend();
    const asked: VersionRef[] = [];
    const versionAt = backend.versionAt.bind(backend);
    backend.versionAt = (note, version) => {
      asked.push(version);
      return versionAt(note, version);
    };
    const view = new HistoryView(backend, "note");
    await view.load();
    await Promise.all([4, 3, 2, 1].map((position) => view.show(position)));
    expect(asked).toHaveLength(2);
    expect(view.version?.difference.text).toBe("a");
  });

  test("shows what a session did, and the version after it against now", async () => {
    const view = new HistoryView(world().backend(), "note");
    await view.load();
    const [, second] = view.history!.sessions;
    await view.showSession(second!);
    const { difference, position } = view.version!;
    expect([difference.text, position, view.session, view.atNow]).toEqual(["a", 2, second, false]);
    expect(ChangeSet.fromJSON(difference.changes).toJSON()).toEqual([1, [0, "b"]]);
    await view.show(view.position);
    expect([view.version?.difference.text, view.chosen]).toEqual(["ab", null]);
  });

  test("shows what the latest session did, although there is nothing to restore", async () => {
    const view = new HistoryView(world().backend(), "note");
    await view.load();
    await view.showSession(view.history!.sessions.at(-1)!);
    expect([view.version?.difference.text, view.isEarlier]).toEqual(["abcd", false]);
    await view.show(5);
    expect([view.version, view.atNow]).toEqual([null, true]);
  });

  test("restores a version as a new change", async () => {
    const all = world();
    const view = new HistoryView(all.backend(), "note");
    await view.load();
    await view.show(2);
    await view.restore();
    expect(all.note("note").document.shared.toString()).toBe("ab");
    expect([view.history?.length, view.atNow]).toEqual([6, true]);
  });

  test("stays at the version that is looked at when the note changes", async () => {
    const all = world();
    const view = new HistoryView(all.backend(), "note");
    await view.load();
    await view.show(2);
    const { document } = all.note("note");
    document.commit(ChangeSet.of({ from: 0, insert: "x" }, 5), ana, 9 * day, null, null, "peer");
    await view.load();
    expect([view.position, view.history?.length]).toEqual([2, 6]);
    expect(ChangeSet.fromJSON(view.version!.difference.changes).newLength).toBe(6);
  });

  test("says what went wrong", async () => {
    const view = new HistoryView(world().backend(), "missing");
    await view.load();
    expect(view.failure).toBe("This note is not here.");
  });

  test("lists sessions under their day, newest first", async () => {
    const { sessions } = await world().backend().history("note");
    const days = sessionsByDay(sessions);
    expect(days).toHaveLength(5);
    expect(days[0]?.sessions[0]?.last).toBe(5);
  });
});
