// A note in memory, and the windows that look at it: the authority's side of the edit protocol.
//
// `shared` is what everybody has. A window in batched mode sees `shared` plus its draft. Each
// window has been told of its text up to `version`; what it has not been told is `pending`.

import { history, redo, redoDepth, undo, undoDepth } from "@codemirror/commands";
import { ChangeSet, EditorState, Text, Transaction } from "@codemirror/state";
import type {
  Author,
  ChangeSetJson,
  DraftState,
  Mode,
  NoteEvent,
  PresentPeer,
  PushReply,
  PushRequest,
  RemoteOrigin,
  TextSelection,
  UndoReply,
  UndoRequest,
} from "./bindings";

/** One change of the shared text, kept for the history. */
interface Committed {
  at: number;
  author: Author;
  message: string | null;
  changes: ChangeSet;
}

export interface DocumentWindowOptions {
  author: Author;
  peer: string;
  mode: Mode;
  now: () => number;
  onEvent: (event: NoteEvent) => void;
  /** What the document makes of a push, when that is not what was pushed. For tests. */
  amend?: (pushed: ChangeSet, text: Text) => ChangeSet;
}

export class MemoryDocument {
  readonly log: Committed[] = [];
  readonly windows = new Set<DocumentWindow>();
  shared: Text;
  readonly start: Text;
  onChange: (() => void) | null = null;

  constructor(text: string) {
    this.start = Text.of(text.split("\n"));
    this.shared = this.start;
  }

  open(options: DocumentWindowOptions): DocumentWindow {
    const window = new DocumentWindow(this, options);
    this.windows.add(window);
    this.announcePresence();
    return window;
  }

  /** Writes to the shared text; every window but `from` hears of it. */
  commit(changes: ChangeSet, author: Author, at: number, message: string | null, from: DocumentWindow | null, origin: RemoteOrigin): void {
    if (changes.empty) return;
    this.shared = changes.apply(this.shared);
    this.log.push({ at, author, message, changes });
    for (const window of this.windows) if (window !== from) window.hear(changes, origin, author.id);
    this.onChange?.();
  }

  /** The shared text after the first `position` changes. */
  textAt(position: number): Text {
    return this.log.slice(0, position).reduce((text, entry) => entry.changes.apply(text), this.start);
  }

  /** What leads from version `position` to the shared text. */
  changesSince(position: number): ChangeSet {
    return this.log
      .slice(position)
      .reduce((sum, entry) => sum.compose(entry.changes), ChangeSet.empty(this.textAt(position).length));
  }

  announcePresence(): void {
    for (const window of this.windows) window.announcePresence();
  }
}

export class DocumentWindow {
  version = 0;
  mode: Mode;
  /** Edits waiting to be committed. */
  draftEdits = 0;
  /** Where this window's person is, in its current text. */
  selection: TextSelection | null = null;
  private readonly document: MemoryDocument;
  private readonly options: DocumentWindowOptions;
  /** The window's current text, with a history of its own edits only. */
  private state: EditorState;
  /** The text at `version` while something is pending. */
  private known: Text = Text.empty;
  private draft: ChangeSet | null = null;
  private draftSince = 0;
  /** Leads from the text that the window knows to `state`. */
  private pending: ChangeSet | null = null;
  private pendingOrigin: { origin: RemoteOrigin; peer: string | null } = { origin: "peer", peer: null };
  private unconfirmed: number | null = null;
  private flushScheduled = false;
  private closed = false;

  constructor(document: MemoryDocument, options: DocumentWindowOptions) {
    this.document = document;
    this.options = options;
    this.mode = options.mode;
    this.state = EditorState.create({
      doc: document.shared,
      extensions: [history({ newGroupDelay: 500 }), EditorState.lineSeparator.of("\n")],
    });
  }

  get author(): Author {
    return this.options.author;
  }

  get text(): Text {
    return this.state.doc;
  }

  /** The text that the window has at `version`, if it follows the protocol. */
  get knownText(): Text {
    return this.pending ? this.known : this.state.doc;
  }

  /**
   * A reloaded window: it gets the current text under a version above all it was told before, so
   * that requests of its former life are stale.
   */
  reopen(onEvent: (event: NoteEvent) => void): void {
    this.options.onEvent = onEvent;
    this.pending = null;
    this.unconfirmed = null;
    this.version += 1;
  }

  close(): void {
    this.closed = true;
    this.document.windows.delete(this);
    this.document.announcePresence();
  }

  push(request: PushRequest): PushReply {
    if (!this.current(request.version, request.confirms)) return { kind: "stale", version: this.version };
    const pushed = ChangeSet.fromJSON(request.changes);
    const effective = this.options.amend?.(pushed, this.knownText) ?? pushed;
    this.write(effective);
    if (request.selection && effective === pushed) {
      this.selection = this.pending ? mapSelection(request.selection, this.pending) : request.selection;
      this.document.announcePresence();
    }
    const amended = effective === pushed ? null : (effective.toJSON() as ChangeSetJson);
    return { kind: "accepted", version: this.version, effective: amended };
  }

  /** Tells the window the whole text, as after it has lost step. */
  resync(): void {
    this.pending = null;
    this.unconfirmed = null;
    this.version += 1;
    this.emit({ kind: "reset", version: this.version, text: this.text.toString(), readOnly: false });
  }

  confirm(version: number): void {
    if (this.unconfirmed !== null && version >= this.unconfirmed) this.unconfirmed = null;
    this.scheduleFlush();
  }

  undo(request: UndoRequest): UndoReply {
    if (!this.current(request.version, request.confirms)) return { kind: "stale", version: this.version };
    const back = request.direction === "undo";
    if ((back ? undoDepth(this.state) : redoDepth(this.state)) === 0) return { kind: "nothing" };
    let reply: UndoReply = { kind: "nothing" };
    (back ? undo : redo)({
      state: this.state,
      dispatch: (transaction) => {
        // The reply may only speak of what the window knows, so everything pending goes along.
        const changes = this.pending ? this.pending.compose(transaction.changes) : transaction.changes;
        this.state = transaction.state;
        this.pending = null;
        this.version += 1;
        const { anchor, head } = this.state.selection.main;
        this.selection = { anchor, head };
        this.share(transaction.changes);
        reply = { kind: "accepted", version: this.version, changes: changes.toJSON() as ChangeSetJson, selection: { anchor, head } };
      },
    });
    return reply;
  }

  setPresence(version: number, selection: TextSelection | null): void {
    if (version !== this.version && this.pending) return;
    const clip = (position: number) => Math.min(position, this.state.doc.length);
    this.selection = selection && { anchor: clip(selection.anchor), head: clip(selection.head) };
    this.document.announcePresence();
  }

  /** Shares the draft as one change. */
  commit(message: string | null): void {
    const draft = this.draft;
    this.draft = null;
    this.draftEdits = 0;
    if (draft) this.document.commit(draft, this.author, this.options.now(), message, this, "peer");
    this.announceMode();
  }

  setMode(mode: Mode): void {
    if (this.mode === "batched" && mode !== "batched") this.commit(null);
    this.mode = mode;
    this.announceMode();
  }

  get draftState(): DraftState | null {
    if (!this.draft) return null;
    let inserted = 0;
    let deleted = 0;
    this.draft.iterChanges((from, to, newFrom, newTo) => {
      deleted += to - from;
      inserted += newTo - newFrom;
    });
    return { edits: this.draftEdits, inserted, deleted, since: this.draftSince };
  }

  get draftChanges(): ChangeSet {
    return this.draft ?? ChangeSet.empty(this.document.shared.length);
  }

  /** A change of the shared text by someone else. */
  hear(changes: ChangeSet, origin: RemoteOrigin, peer: string | null): void {
    const mapped = this.draft ? changes.map(this.draft, true) : changes;
    if (this.draft) this.draft = this.draft.map(changes);
    if (this.selection) this.selection = mapSelection(this.selection, mapped);
    this.known = this.pending ? this.known : this.state.doc;
    this.state = this.state.update({ changes: mapped, annotations: Transaction.addToHistory.of(false) }).state;
    this.pending = this.pending ? this.pending.compose(mapped) : mapped;
    this.pendingOrigin = { origin, peer };
    this.scheduleFlush();
  }

  /** The peers that this window's person sees here. */
  get peers(): PresentPeer[] {
    const peers: PresentPeer[] = [];
    for (const window of this.document.windows) {
      if (window === this || window.closed) continue;
      peers.push({ peer: window.options.peer, name: window.author.name, colour: window.author.colour, selection: this.seen(window) });
    }
    return peers;
  }

  announcePresence(): void {
    // With changes on their way the others' places would not fit; they are told after those.
    if (this.pending) return;
    this.emit({ kind: "presence", version: this.version, peers: this.peers });
  }

  /** Another window's selection in this window's text, or null when that is not certain. */
  private seen(other: DocumentWindow): TextSelection | null {
    if (!other.selection || other.draft) return null;
    const toMine = this.draft;
    return toMine ? mapSelection(other.selection, toMine) : other.selection;
  }

  private announceMode(): void {
    this.emit({ kind: "mode", mode: this.mode, draft: this.draftState });
  }

  private current(version: number, confirms: number | null): boolean {
    if (version !== this.version) return false;
    if (confirms !== null && this.unconfirmed !== null && confirms >= this.unconfirmed) this.unconfirmed = null;
    this.scheduleFlush();
    return true;
  }

  /** Applies a push, which stands on the text that the window knows. */
  private write(pushed: ChangeSet): void {
    const changes = this.pending ? pushed.map(this.pending) : pushed;
    if (this.pending) {
      this.known = pushed.apply(this.known);
      this.pending = this.pending.map(pushed, true);
    }
    this.state = this.state.update({
      changes,
      userEvent: "input",
      annotations: Transaction.time.of(this.options.now()),
    }).state;
    this.version += 1;
    if (this.selection) this.selection = mapSelection(this.selection, changes);
    this.share(changes);
  }

  private share(changes: ChangeSet): void {
    if (this.mode === "batched") {
      if (!this.draft) this.draftSince = this.options.now();
      this.draft = this.draft ? this.draft.compose(changes) : changes;
      this.draftEdits += 1;
      this.announceMode();
    } else {
      this.document.commit(changes, this.author, this.options.now(), null, this, "peer");
    }
  }

  private scheduleFlush(): void {
    if (this.flushScheduled) return;
    this.flushScheduled = true;
    queueMicrotask(() => {
      this.flushScheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.closed || !this.pending || this.unconfirmed !== null) return;
    const changes = this.pending;
    this.pending = null;
    this.version += 1;
    this.unconfirmed = this.version;
    this.emit({ kind: "remote", version: this.version, changes: changes.toJSON() as ChangeSetJson, ...this.pendingOrigin });
    this.announcePresence();
  }

  emit(event: NoteEvent): void {
    if (!this.closed) this.options.onEvent(event);
  }
}

function mapSelection(selection: TextSelection, changes: ChangeSet): TextSelection {
  return { anchor: changes.mapPos(selection.anchor, -1), head: changes.mapPos(selection.head, -1) };
}
