// One window's side of the edit protocol (see `backend.ts`), for one open note.
//
// What the person types is applied to the surface at once and queued here; the head of the queue
// is pushed, one request in flight. What others do is taken in by version, in order, and every
// queued edit is rebased over it. Undo and redo are entries of the same queue, so they act on what
// the person saw when asking. Nothing here touches the DOM: the surface may be an `EditorView` or,
// in tests, a bare `EditorState`.

import {
  Annotation,
  ChangeSet,
  EditorSelection,
  type EditorState,
  Text,
  type Transaction,
  type TransactionSpec,
} from "@codemirror/state";
import type { Backend } from "../backend/backend";
import type {
  ItemId,
  NoteEvent,
  PresentPeer,
  PushReply,
  TextSelection,
  UndoDirection,
  UndoReply,
} from "../backend/bindings";
import { difference } from "./difference";

/** What the session edits: an `EditorView`, or a stand-in with the same three members. */
export interface Surface {
  readonly state: EditorState;
  readonly composing: boolean;
  dispatch(spec: TransactionSpec): void;
}

/** Marks a transaction as not typed here; the value says who it came from. */
export const remoteChange = Annotation.define<RemoteSource>();

export type RemoteSource =
  | { kind: "peer"; peer: string | null }
  | { kind: "undo" }
  | { kind: "correction" }
  | { kind: "reset" };

/** What runs later; each gives what calls it off. */
export interface Timers {
  after(milliseconds: number, run: () => void): () => void;
  /** When the page has next been drawn, or would have been if it were in sight. */
  afterFrame(run: () => void): () => void;
}

export interface NoteSessionOptions {
  backend: Backend;
  note: ItemId;
  /** The version and text that `openNote` gave; the surface shows this text. */
  version: number;
  text: Text;
  timers?: Timers;
  onPeers?: (peers: PresentPeer[]) => void;
  /** Opens the note afresh after a request failed: only its text tells whether that was applied. */
  reopen: () => Promise<{ version: number; text: string }>;
  /** A request failed; it is tried again. Null: it works again. */
  onTrouble?: (error: unknown | null) => void;
}

/** Milliseconds for which others' changes gather before the window asks for more of them. */
export const gatherTime = 40;

/**
 * The same while the person types: the next push asks for more, and what it brings is shown between two
 * keys. Somebody who has not typed for so long is reading.
 */
export const gatherTimeTyping = 100;

/** Milliseconds between reports of a selection that moved without an edit. */
export const presenceTime = 60;

/**
 * The same for one that only others' changes moved. Others carry it along with the text by themselves; what is
 * left is to put right where their changes and our last report crossed.
 */
export const presenceTimeCarried = 1_000;

/** While an input method composes, others' changes wait at most this long (milliseconds). */
export const compositionHold = 10_000;

type Entry = { kind: "edits"; changes: ChangeSet } | { kind: "undo"; direction: UndoDirection };

type RemoteEvent = Extract<NoteEvent, { kind: "remote" }>;
type PresenceEvent = Extract<NoteEvent, { kind: "presence" }>;

const recentLimit = 128;
const firstRetry = 100;
const longestRetry = 5_000;
/** A page that is out of sight draws no frames. */
const longestFrame = 100;

const realTimers: Timers = {
  after(milliseconds, run) {
    const id = setTimeout(run, milliseconds);
    return () => clearTimeout(id);
  },
  afterFrame(run) {
    const cancel = () => {
      cancelAnimationFrame(frame);
      clearTimeout(drawn);
      clearTimeout(late);
    };
    const once = () => {
      cancel();
      run();
    };
    let drawn: ReturnType<typeof setTimeout> | undefined;
    const frame = requestAnimationFrame(() => (drawn = setTimeout(once, 0)));
    const late = setTimeout(once, longestFrame);
    return cancel;
  },
};

export class NoteSession {
  private readonly backend: Backend;
  private readonly note: ItemId;
  private readonly timers: Timers;
  private readonly options: NoteSessionOptions;

  private surface: Surface | null = null;
  private versionNow: number;
  /** The text at `versionNow`, without the queue. */
  private confirmed: Text;
  private queue: Entry[] = [];
  /** The head of the queue has been sent and its reply has not come. */
  private inFlight = false;
  /** Replies to requests of an earlier epoch are void: a reset came between. */
  private epoch = 0;
  /** Events that wait for their turn, by version. */
  private remotes = new Map<number, RemoteEvent>();
  /** The backend has said that it is at this version. */
  private knownVersion: number;
  private toConfirm: number | null = null;
  private confirming = false;
  private cancelConfirmation: (() => void) | null = null;
  private heldReset: { version: number; text: Text } | null = null;
  /** Changes that led to the latest versions, to bring old positions forward. */
  private recent: { version: number; changes: ChangeSet }[] = [];
  private presence: PresenceEvent | null = null;
  private sentSelection: TextSelection | null = null;
  /** Where others see it by now: moved by what they did since. */
  private carriedSelection: TextSelection | null = null;
  private presenceDue: { carried: boolean; cancel: () => void } | null = null;
  private cancelHold: (() => void) | null = null;
  private holdExpired = false;
  /** Set while something that was typed here is not drawn yet. */
  private cancelFrame: (() => void) | null = null;
  /** Set from a keystroke until there was time for another. */
  private cancelTyping: (() => void) | null = null;
  private cancelRetry: (() => void) | null = null;
  private retryDelay = firstRetry;
  private closed = false;

  constructor(options: NoteSessionOptions) {
    this.options = options;
    this.backend = options.backend;
    this.note = options.note;
    this.timers = options.timers ?? realTimers;
    this.versionNow = options.version;
    this.knownVersion = options.version;
    this.confirmed = options.text;
  }

  /** The surface must show the text that the session was made with. */
  attach(surface: Surface): void {
    this.surface = surface;
    this.advance();
  }

  get version(): number {
    return this.versionNow;
  }

  /** The text at `version`: equal, by the protocol, to the backend's at that version. */
  get textAtVersion(): Text {
    return this.confirmed;
  }

  /** True when everything typed here has reached the backend. */
  get settled(): boolean {
    return this.queue.length === 0;
  }

  /** Every transaction of the surface, in order, must be passed here. */
  observe(transaction: Transaction): void {
    if (this.closed || transaction.annotation(remoteChange) !== undefined) return;
    if (transaction.docChanged) {
      const last = this.queue[this.queue.length - 1];
      const sent = this.queue.length === 1 && this.inFlight;
      if (last?.kind === "edits" && !sent) last.changes = last.changes.compose(transaction.changes);
      else this.queue.push({ kind: "edits", changes: transaction.changes });
      this.typed();
      // The surface updates its own state after its transactions were observed.
      queueMicrotask(() => this.advance());
    } else if (transaction.selection) {
      this.schedulePresence();
    }
  }

  undo(direction: UndoDirection): void {
    if (this.closed) return;
    this.queue.push({ kind: "undo", direction });
    this.advance();
  }

  /** Every event of the note's channel, in order, must be passed here. */
  receive(event: NoteEvent): void {
    if (this.closed) return;
    switch (event.kind) {
      case "remote":
        if (event.version > this.versionNow) {
          this.remotes.set(event.version, event);
          this.knownVersion = Math.max(this.knownVersion, event.version);
        }
        this.advance();
        break;
      case "presence":
        this.presence = event;
        this.showPresence();
        break;
      case "reset":
        this.heldReset = { version: event.version, text: Text.of(event.text.split("\n")) };
        this.knownVersion = Math.max(this.knownVersion, event.version);
        this.advance();
        break;
      default:
        break;
    }
  }

  /** The input method has finished; what was held is taken in. */
  compositionEnded(): void {
    this.advance();
  }

  close(): void {
    this.closed = true;
    this.presenceDue?.cancel();
    this.cancelConfirmation?.();
    this.cancelHold?.();
    this.cancelFrame?.();
    this.cancelTyping?.();
    this.cancelRetry?.();
  }

  // --- taking in what others did ---------------------------------------------

  private advance(): void {
    if (this.closed || !this.surface) return;
    // Whether the request in flight came before the reset is known when its reply is here.
    if (this.heldReset && !this.inFlight) {
      const { version, text } = this.heldReset;
      this.reset(version, text);
      return;
    }
    while (this.remotes.size > 0) {
      const next = this.remotes.get(this.versionNow + 1);
      if (!next) break;
      // Showing others' changes takes about as long as showing a key: the key comes first.
      if (this.holding() || this.cancelFrame) return;
      this.remotes.delete(next.version);
      const changes = ChangeSet.fromJSON(next.changes);
      this.takeIn(changes, next.version, { kind: "peer", peer: next.peer }, null);
      this.toConfirm = next.version;
      this.cancelConfirmation?.();
      this.cancelConfirmation = null;
    }
    this.send();
    this.showPresence();
  }

  /** Others' changes wait for the frame that shows what was typed, but not for what is typed until then. */
  private typed(): void {
    this.cancelFrame ??= this.timers.afterFrame(() => {
      this.cancelFrame = null;
      this.advance();
    });
    this.cancelTyping?.();
    this.cancelTyping = this.timers.after(gatherTimeTyping, () => (this.cancelTyping = null));
  }

  /** Whether an input method composes and its ten seconds are not over. */
  private holding(): boolean {
    if (!this.surface?.composing) {
      this.cancelHold?.();
      this.cancelHold = null;
      this.holdExpired = false;
      return false;
    }
    if (this.holdExpired) return false;
    this.cancelHold ??= this.timers.after(compositionHold, () => {
      this.cancelHold = null;
      this.holdExpired = true;
      this.advance();
    });
    return true;
  }

  /** Applies changes that lead from the confirmed text to the next version, under the queue. */
  private takeIn(changes: ChangeSet, version: number, source: RemoteSource, selection: TextSelection | null): void {
    this.confirmed = changes.apply(this.confirmed);
    this.remember(version, changes);
    this.versionNow = version;
    this.knownVersion = Math.max(this.knownVersion, version);
    this.show(this.rebase(changes), source, selection);
  }

  /** Moves the queue onto `changes`; returns the changes as they apply after the queue. */
  private rebase(changes: ChangeSet): { changes: ChangeSet; queued: ChangeSet | null } {
    let over = changes;
    let queued: ChangeSet | null = null;
    for (const entry of this.queue) {
      if (entry.kind !== "edits") continue;
      const mine = entry.changes.map(over);
      over = over.map(entry.changes, true);
      entry.changes = mine;
      queued = queued ? queued.compose(mine) : mine;
    }
    return { changes: over, queued };
  }

  private show(
    rebased: { changes: ChangeSet; queued: ChangeSet | null },
    source: RemoteSource,
    selection: TextSelection | null,
  ): void {
    const { changes, queued } = rebased;
    if (changes.empty && !selection) return;
    const spec: TransactionSpec = { changes, annotations: remoteChange.of(source) };
    if (selection) {
      const at = (position: number) => (queued ? queued.mapPos(position, 1) : position);
      spec.selection = EditorSelection.single(at(selection.anchor), at(selection.head));
      spec.scrollIntoView = true;
    }
    const carried = this.carriedSelection;
    // What was typed since may have made the text shorter than it was then.
    const moved = (position: number) => changes.mapPos(Math.min(position, changes.length), -1);
    if (carried) this.carriedSelection = { anchor: moved(carried.anchor), head: moved(carried.head) };
    this.surface?.dispatch(spec);
  }

  private remember(version: number, changes: ChangeSet): void {
    this.recent.push({ version, changes });
    if (this.recent.length > recentLimit) this.recent.shift();
  }

  /** After a request whose reply was lost: the way to the new text is shorter if it was applied. */
  private judgeLostRequest(text: Text): void {
    const head = this.queue[0];
    if (!this.inFlight || !head) return;
    this.inFlight = false;
    if (head.kind === "undo") {
      this.queue.shift();
      return;
    }
    const landed = head.changes.apply(this.confirmed);
    if (extent(difference(landed, text)) < extent(difference(this.confirmed, text))) {
      this.queue.shift();
      this.confirmed = landed;
    }
  }

  /** Starts over from the backend's text and keeps what is queued. */
  private reset(version: number, text: Text): void {
    const changes = difference(this.confirmed, text);
    this.epoch += 1;
    this.heldReset = null;
    this.confirming = false;
    for (const known of this.remotes.keys()) if (known <= version) this.remotes.delete(known);
    this.recent = [];
    if (this.presence && this.presence.version < version) this.presence = null;
    this.toConfirm = null;
    this.knownVersion = Math.max(version, ...this.remotes.keys());
    this.confirmed = text;
    this.versionNow = version;
    this.show(this.rebase(changes), { kind: "reset" }, null);
    this.advance();
  }

  // --- sending ----------------------------------------------------------------

  private send(): void {
    if (this.closed || this.inFlight || this.cancelRetry || this.heldReset || this.knownVersion > this.versionNow) return;
    const head = this.queue[0];
    if (!head) {
      this.scheduleConfirmation();
      this.schedulePresence();
      return;
    }
    this.inFlight = true;
    const epoch = this.epoch;
    const confirms = this.toConfirm;
    const request = { version: this.versionNow, confirms };
    const failed = (error: unknown) => {
      if (epoch === this.epoch && !this.closed) this.failed(error);
    };
    if (head.kind === "edits") {
      const pushed = head.changes;
      const selection = this.queue.length === 1 ? this.selection() : null;
      if (selection) this.sentSelection = this.carriedSelection = selection;
      this.backend
        .push(this.note, { ...request, changes: pushed.toJSON() as never, selection })
        .then((reply) => {
          if (epoch === this.epoch && !this.closed) this.pushed(reply, head, confirms);
        }, failed);
    } else {
      this.backend.undo(this.note, { ...request, direction: head.direction }).then((reply) => {
        if (epoch === this.epoch && !this.closed) this.undone(reply, confirms);
      }, failed);
    }
  }

  private pushed(reply: PushReply, head: Extract<Entry, { kind: "edits" }>, confirms: number | null): void {
    this.succeeded(confirms);
    if (reply.kind === "stale") {
      this.knownVersion = Math.max(this.knownVersion, reply.version);
    } else {
      this.queue.shift();
      const pushed = head.changes;
      const before = this.confirmed;
      this.confirmed = pushed.apply(before);
      this.versionNow = reply.version;
      this.knownVersion = Math.max(this.knownVersion, reply.version);
      if (reply.effective) {
        const effective = ChangeSet.fromJSON(reply.effective);
        const text = effective.apply(before);
        const correction = difference(this.confirmed, text);
        this.confirmed = text;
        this.show(this.rebase(correction), { kind: "correction" }, null);
        this.remember(reply.version, effective);
      } else {
        this.remember(reply.version, pushed);
      }
    }
    this.advance();
  }

  private undone(reply: UndoReply, confirms: number | null): void {
    this.succeeded(confirms);
    if (reply.kind === "stale") {
      this.knownVersion = Math.max(this.knownVersion, reply.version);
    } else {
      this.queue.shift();
      if (reply.kind === "accepted") {
        this.takeIn(ChangeSet.fromJSON(reply.changes), reply.version, { kind: "undo" }, reply.selection);
      }
    }
    this.advance();
  }

  private succeeded(confirms: number | null): void {
    this.inFlight = false;
    if (confirms !== null && this.toConfirm === confirms) this.toConfirm = null;
    this.retryDelay = firstRetry;
  }

  private failed(error: unknown): void {
    this.epoch += 1;
    this.options.onTrouble?.(error);
    this.cancelRetry?.();
    this.cancelRetry = this.timers.after(this.retryDelay, () => {
      this.options.reopen().then(
        (opened) => {
          this.cancelRetry = null;
          if (this.closed) return;
          const text = Text.of(opened.text.split("\n"));
          this.judgeLostRequest(text);
          this.reset(opened.version, text);
          this.options.onTrouble?.(null);
        },
        (again: unknown) => {
          if (!this.closed) this.failed(again);
        },
      );
    });
    this.retryDelay = Math.min(this.retryDelay * 2, longestRetry);
  }

  /** Each batch costs the page a frame, so a crowd's changes come a few at a time. A push confirms at once. */
  private scheduleConfirmation(): void {
    if (this.toConfirm === null || this.confirming) return;
    this.cancelConfirmation ??= this.timers.after(this.cancelTyping ? gatherTimeTyping : gatherTime, () => {
      this.cancelConfirmation = null;
      if (!this.inFlight && !this.cancelRetry && !this.heldReset) this.sendConfirmation();
    });
  }

  private sendConfirmation(): void {
    const version = this.toConfirm;
    if (version === null || this.confirming || this.closed) return;
    this.confirming = true;
    const done = () => {
      this.confirming = false;
      if (this.toConfirm === version) this.toConfirm = null;
      else if (!this.closed) this.advance();
    };
    const epoch = this.epoch;
    this.backend.confirm(this.note, version).then(
      () => {
        if (epoch === this.epoch) done();
      },
      (error: unknown) => {
        if (epoch === this.epoch && !this.closed) this.failed(error);
      },
    );
  }

  // --- who is where -----------------------------------------------------------

  private selection(): TextSelection | null {
    const main = this.surface?.state.selection.main;
    return main ? { anchor: main.anchor, head: main.head } : null;
  }

  private schedulePresence(): void {
    const now = this.selection();
    if (!now || isSame(this.sentSelection, now)) return;
    const carried = isSame(this.carriedSelection, now);
    if (this.presenceDue && (carried || !this.presenceDue.carried)) return;
    this.presenceDue?.cancel();
    const cancel = this.timers.after(carried ? presenceTimeCarried : presenceTime, () => {
      this.presenceDue = null;
      const selection = this.selection();
      // With edits in the queue the next push says where the caret is.
      if (this.closed || !selection || this.queue.length > 0) return;
      this.sentSelection = this.carriedSelection = selection;
      this.backend.setPresence(this.note, { version: this.versionNow, selection }).catch(() => undefined);
    });
    this.presenceDue = { carried, cancel };
  }

  /**
   * Brings positions in the text of `version` to where they are on the surface; null when that
   * version has not been taken in yet, or is too long ago to be known.
   */
  positionsFrom(version: number): ((position: number) => number) | null {
    const oldest = this.recent[0]?.version ?? this.versionNow + 1;
    if (version > this.versionNow || version < oldest - 1) return null;
    const since = this.recent.filter((entry) => entry.version > version).map((entry) => entry.changes);
    for (const entry of this.queue) if (entry.kind === "edits") since.push(entry.changes);
    const length = this.surface?.state.doc.length ?? 0;
    return (position) => {
      let mapped = position;
      for (const changes of since) mapped = changes.mapPos(Math.min(mapped, changes.length), 1);
      return Math.min(mapped, length);
    };
  }

  private showPresence(): void {
    const event = this.presence;
    if (!event || event.version > this.versionNow) return;
    this.presence = null;
    const at = this.positionsFrom(event.version);
    const place = (selection: TextSelection | null) =>
      at && selection && { anchor: at(selection.anchor), head: at(selection.head) };
    this.options.onPeers?.(event.peers.map((peer) => ({ ...peer, selection: place(peer.selection) })));
  }
}

function isSame(one: TextSelection | null, other: TextSelection): boolean {
  return one?.anchor === other.anchor && one.head === other.head;
}

/** How many units a change deletes and inserts. */
function extent(changes: ChangeSet): number {
  let sum = 0;
  changes.iterChanges((from, to, newFrom, newTo) => {
    sum += to - from + (newTo - newFrom);
  });
  return sum;
}
