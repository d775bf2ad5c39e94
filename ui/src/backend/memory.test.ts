import { ChangeSet } from "@codemirror/state";
import { describe, expect, test } from "vitest";
import type { NoteEvent } from "./bindings";
import { MemoryWorld } from "./memory";

const ana = { id: "ana", name: "Ana", colour: 3 };
const ben = { id: "ben", name: "Ben", colour: 0 };

function world(text = "one\ntwo\n"): MemoryWorld {
  let time = 1_000_000_000_000;
  const result = new MemoryWorld({ now: () => (time += 1000), settings: { name: "Kim" } });
  result.addNote("note", text, result.home);
  return result;
}

describe("the backend in memory", () => {
  test("attributes text to who wrote it", async () => {
    const all = world("abc");
    const { document } = all.note("note");
    document.commit(ChangeSet.of({ from: 1, insert: "XX" }, 3), ana, 1, null, null, "peer");
    document.commit(ChangeSet.of({ from: 2, to: 4, insert: "y" }, 5), ben, 2, null, null, "peer");
    const attribution = await all.backend().attribution("note");
    expect(document.shared.toString()).toBe("aXyc");
    expect(attribution.spans).toEqual([
      { from: 1, to: 2, author: 0 },
      { from: 2, to: 3, author: 1 },
    ]);
  });

  test("groups the history into sessions and gives every version", async () => {
    const all = world("");
    const { document } = all.note("note");
    document.commit(ChangeSet.of({ from: 0, insert: "a" }, 0), ana, 1000, null, null, "peer");
    document.commit(ChangeSet.of({ from: 1, insert: "b" }, 1), ben, 2000, null, null, "peer");
    document.commit(ChangeSet.of({ from: 2, insert: "c" }, 2), ana, 3_600_000, "more", null, "peer");
    const backend = all.backend();
    const { sessions, length } = await backend.history("note");
    expect(length).toBe(3);
    expect(sessions.map(({ first, last, message }) => ({ first, last, message }))).toEqual([
      { first: 1, last: 2, message: null },
      { first: 3, last: 3, message: "more" },
    ]);
    const version = await backend.versionAt("note", { kind: "position", position: 1 });
    expect(version.difference.text).toBe("a");
    expect(ChangeSet.fromJSON(version.difference.changes).newLength).toBe(3);
    await backend.restoreVersion("note", 1);
    expect(document.shared.toString()).toBe("a");
    expect((await backend.history("note")).length).toBe(4);
  });

  test("refuses what cannot be", async () => {
    const all = world();
    const backend = all.backend();
    await expect(backend.openNote("none", () => undefined)).rejects.toMatchObject({ code: "notFound" });
    await expect(backend.push("note", { version: 0, confirms: null, changes: [], selection: null })).rejects.toMatchObject({ code: "notFound" });
    await expect(backend.deleteForever("note")).rejects.toMatchObject({ code: "invalid" });
    await expect(backend.openLink({ link: "https://x", target: "item", parent: null })).rejects.toMatchObject({ code: "invalid" });
    await expect(backend.openExternal("javascript:alert(1)")).rejects.toMatchObject({ code: "refused" });
    const folder = await backend.create({ kind: "folder", parent: all.home, title: "F", text: null });
    await expect(backend.moveItem(folder, folder, 0)).rejects.toMatchObject({ code: "invalid" });
  });

  test("tells the other window what happened, one batch at a time", async () => {
    const all = world("");
    const events: NoteEvent[] = [];
    const mine = all.backend();
    const theirs = all.backend(ana);
    const opened = await mine.openNote("note", (event) => events.push(event));
    const other = await theirs.openNote("note", () => undefined);
    let version = other.version;
    for (const letter of ["a", "b", "c"]) {
      const at = version - other.version;
      const reply = await theirs.push("note", { version, confirms: null, changes: at ? [at, [0, letter]] : [[0, letter]], selection: null });
      expect(reply.kind).toBe("accepted");
      version = reply.version;
    }
    const remotes = () => events.filter((event) => event.kind === "remote");
    expect(remotes()).toHaveLength(1);
    await mine.confirm("note", opened.version + 1);
    await Promise.resolve();
    expect(remotes()).toHaveLength(2);
    expect(mine.window("note").text.toString()).toBe("abc");
  });
});
