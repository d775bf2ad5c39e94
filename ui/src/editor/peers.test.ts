// @vitest-environment jsdom
import { EditorState, type TransactionSpec } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { preparePage } from "../shared/test-window";
import { remoteChange } from "./collab";
import { type PeerCaret, peerCarets, peerDisplay, setPeers } from "./peers";

const peer = (name: string, head: number, anchor = head) => ({ peer: name, name, colour: 1, selection: { anchor, head } });
const remote = remoteChange.of({ kind: "peer", peer: null });

let state: EditorState;

function begin(...peers: ReturnType<typeof peer>[]): void {
  state = EditorState.create({ doc: "0123456789", extensions: peerCarets });
  apply({ effects: setPeers.of(peers) });
}

function apply(spec: TransactionSpec): PeerCaret[] {
  state = state.update(spec).state;
  return state.field(peerCarets);
}

describe("peers' carets", () => {
  test("move with the text", () => {
    begin(peer("ana", 4), peer("ben", 8, 6));
    const [ana, ben] = apply({ changes: { from: 5, insert: "xx" } });
    expect(ana?.selection).toEqual({ anchor: 4, head: 4 });
    expect(ben?.selection).toEqual({ anchor: 8, head: 10 });
  });

  test("count as moved by their own typing and by going elsewhere, not by the text around them", () => {
    begin(peer("ana", 4), peer("ben", 8));
    const moves = (peers: PeerCaret[]) => peers.map((each) => each.moves);
    expect(moves(state.field(peerCarets))).toEqual([1, 1]);
    expect(moves(apply({ changes: { from: 0, insert: "mine" } }))).toEqual([1, 1]);
    expect(moves(apply({ changes: { from: 8, insert: "a" }, annotations: remote }))).toEqual([2, 1]);
    expect(moves(apply({ effects: setPeers.of([peer("ana", 9), peer("ben", 13)]) }))).toEqual([2, 1]);
    expect(moves(apply({ effects: setPeers.of([peer("ana", 9), peer("ben", 2)]) }))).toEqual([2, 2]);
  });

  test("go when their people go", () => {
    begin(peer("ana", 4), peer("ben", 8));
    expect(apply({ effects: setPeers.of([peer("ben", 8)]) }).map((each) => each.name)).toEqual(["ben"]);
  });
});

describe("a peer's name", () => {
  test("is no text of the line, whose spelling is checked", () => {
    const view = new EditorView({ state: EditorState.create({ doc: "0123456789", extensions: peerDisplay() }), parent: document.body });
    view.dispatch({ effects: setPeers.of([peer("Zbigniew", 4)]) });
    expect(view.contentDOM.querySelector<HTMLElement>(".peer-flag")?.dataset["name"]).toBe("Zbigniew");
    expect(view.contentDOM.textContent).toBe("0123456789");
    view.destroy();
  });
});

describe("what others write", () => {
  let view: EditorView;
  let updates = 0;
  const fresh = () => [...view.contentDOM.querySelectorAll(".fresh-text")].map((mark) => mark.textContent);
  const write = (from: number, insert: string) => view.dispatch({ changes: { from, insert }, annotations: remote });

  beforeEach(() => {
    preparePage();
    vi.useFakeTimers();
    view = new EditorView({
      parent: document.body,
      doc: "0123456789\n".repeat(5000),
      extensions: [peerDisplay(), EditorView.updateListener.of(() => (updates += 1))],
    });
  });

  afterEach(() => {
    view.destroy();
    vi.useRealTimers();
  });

  test("glows for a moment, also while they go on", () => {
    write(1, "one");
    expect(fresh()).toEqual(["one"]);
    vi.advanceTimersByTime(400);
    write(20, "two");
    expect(fresh()).toEqual(["one", "two"]);
    vi.advanceTimersByTime(400);
    write(40, "three");
    expect(fresh()).toEqual(["two", "three"]);
    vi.advanceTimersByTime(2000);
    expect(fresh()).toEqual([]);
  });

  test("out of sight, changes nothing later", () => {
    write(50_000, "far away");
    updates = 0;
    vi.advanceTimersByTime(2000);
    expect(updates).toBe(0);
  });
});
