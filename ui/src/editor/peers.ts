// Where other people are in the note: carets with a name flag, selections, and fresh text.

import { type ChangeDesc, type EditorState, type Extension, type Range, RangeSet, StateEffect, StateField, type Transaction } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate, WidgetType } from "@codemirror/view";
import type { PresentPeer } from "../backend/bindings";
import { remoteChange } from "./collab";

/** Replaces all peers; their selections hold in the text after the transaction. */
export const setPeers = StateEffect.define<PresentPeer[]>();

/** `moves` grows when the peer moved by itself, and not when the text around it did. */
export type PeerCaret = PresentPeer & { moves: number };

/** The peers who are here; their selections move with the text. */
export const peerCarets = StateField.define<PeerCaret[]>({
  create: () => [],
  update(peers, transaction) {
    let next = peers;
    if (transaction.docChanged && next.length > 0) {
      const remote = transaction.annotation(remoteChange)?.kind === "peer";
      const ends = remote ? changeEnds(transaction.changes) : new Set<number>();
      next = next.map((peer) => carried(peer, transaction.changes, ends));
    }
    for (const effect of transaction.effects) if (effect.is(setPeers)) next = moved(next, effect.value);
    return next;
  },
});

/**
 * A peer's selection after a change. Who wrote a change is not said, as it may have come by way of
 * others; whoever's caret is at its end is taken for the writer, and writing counts as a move.
 */
function carried(peer: PeerCaret, changes: ChangeDesc, ends: ReadonlySet<number>): PeerCaret {
  if (!peer.selection) return peer;
  const anchor = changes.mapPos(peer.selection.anchor, 1);
  const head = changes.mapPos(peer.selection.head, 1);
  return { ...peer, selection: { anchor, head }, moves: peer.moves + (ends.has(head) ? 1 : 0) };
}

/** Where changed ranges end in the new text. */
function changeEnds(changes: ChangeDesc): Set<number> {
  const ends = new Set<number>();
  changes.iterChangedRanges((_from, _to, _newFrom, newTo) => ends.add(newTo), true);
  return ends;
}

function moved(before: PeerCaret[], now: PresentPeer[]): PeerCaret[] {
  return now.map((peer) => {
    const last = before.find((other) => other.peer === peer.peer);
    const still =
      last && last.selection?.head === peer.selection?.head && last.selection?.anchor === peer.selection?.anchor;
    return { ...peer, moves: (last?.moves ?? 0) + (still ? 0 : 1) };
  });
}

/** The peers' carets and selections drawn in the text, and a short glow on what they write. */
export function peerDisplay(): Extension {
  return [peerCarets, EditorView.decorations.compute([peerCarets, "doc"], drawPeers), freshText];
}

function drawPeers(state: EditorState): DecorationSet {
  const ranges = [];
  const length = state.doc.length;
  for (const peer of state.field(peerCarets)) {
    if (!peer.selection) continue;
    const anchor = Math.min(peer.selection.anchor, length);
    const head = Math.min(peer.selection.head, length);
    if (anchor !== head) {
      ranges.push(
        Decoration.mark({ class: `peer-selection hue-${peer.colour}` }).range(Math.min(anchor, head), Math.max(anchor, head)),
      );
    }
    ranges.push(Decoration.widget({ widget: new CaretWidget(peer), side: 1 }).range(head));
  }
  return RangeSet.of(ranges, true);
}

class CaretWidget extends WidgetType {
  private readonly peer: PeerCaret;

  constructor(peer: PeerCaret) {
    super();
    this.peer = peer;
  }

  /** A caret that moved is drawn anew, which shows its flag again. */
  override eq(other: CaretWidget): boolean {
    return (
      other.peer.moves === this.peer.moves &&
      other.peer.peer === this.peer.peer &&
      other.peer.name === this.peer.name &&
      other.peer.colour === this.peer.colour
    );
  }

  toDOM(): HTMLElement {
    const caret = document.createElement("span");
    caret.className = `peer-caret hue-${this.peer.colour}`;
    caret.setAttribute("aria-hidden", "true");
    const flag = document.createElement("span");
    flag.className = "peer-flag";
    // Drawn by the style sheet: as text in the line, its spelling would be checked with that of the words
    // around it, and the mark under a name would stay when the flag has faded.
    flag.dataset["name"] = this.peer.name;
    caret.append(flag);
    return caret;
  }

  override get estimatedHeight(): number {
    return -1;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

const clearFresh = StateEffect.define<null>();
const freshLimit = 40;
/** Milliseconds for which text is fresh: a little longer than it glows. */
const freshTime = 700;

/** Text in sight that others wrote in the last moment. What they write elsewhere costs nothing. */
class FreshText {
  marks: DecorationSet = Decoration.none;
  private readonly view: EditorView;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(view: EditorView) {
    this.view = view;
  }

  update(update: ViewUpdate): void {
    const now = Date.now();
    for (const transaction of update.transactions) {
      this.marks = this.marks.map(transaction.changes);
      const isTime = transaction.effects.some((effect) => effect.is(clearFresh));
      const add = transaction.annotation(remoteChange)?.kind === "peer" ? this.written(transaction, now) : [];
      if (!isTime && add.length === 0) continue;
      this.marks = this.marks.update({ add, filter: (_from, _to, mark) => now - mark.spec.since < freshTime });
    }
    if (this.marks.size > 0) this.timer ??= setTimeout(() => this.clear(), freshTime);
  }

  destroy(): void {
    if (this.timer) clearTimeout(this.timer);
  }

  private written(transaction: Transaction, since: number): Range<Decoration>[] {
    const { from: start, to: end } = this.view.viewport;
    const peers = transaction.state.field(peerCarets, false) ?? [];
    const marks: Range<Decoration>[] = [];
    transaction.changes.iterChanges((_from, _to, from, to) => {
      if (to <= from || to < start || from > end || marks.length >= freshLimit) return;
      const writer = peers.find((peer) => peer.selection?.head === to) ?? peers[0];
      marks.push(Decoration.mark({ class: `fresh-text hue-${writer?.colour ?? 0}`, since }).range(from, to));
    });
    return marks;
  }

  private clear(): void {
    this.timer = null;
    this.view.dispatch({ effects: clearFresh.of(null) });
  }
}

const freshText = ViewPlugin.fromClass(FreshText, { decorations: (plugin) => plugin.marks });
