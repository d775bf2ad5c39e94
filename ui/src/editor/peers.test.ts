import { EditorState, type TransactionSpec } from "@codemirror/state";
import { describe, expect, test } from "vitest";
import { remoteChange } from "./collab";
import { type PeerCaret, peerCarets, setPeers } from "./peers";

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
