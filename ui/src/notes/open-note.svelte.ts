// The note that is open in this window: its state for the page around the text, and its editor.

import type { EditorView } from "@codemirror/view";
import { type EditorState, Text, type TransactionSpec } from "@codemirror/state";
import type { Backend } from "../backend/backend";
import { errorMessage } from "../backend/backend";
import type {
  Attribution,
  AwaySummary,
  DraftState,
  ItemId,
  Mode,
  NoteEvent,
  NoteStatus,
  PresentPeer,
} from "../backend/bindings";
import { setAttribution } from "../editor/authors";
import { NoteSession, type Surface } from "../editor/collab";
import { peerCarets, setPeers } from "../editor/peers";
import { type EditorOptions, formattingLimit, NoteEditor } from "../editor/setup";
import { countWords } from "../editor/words";
import { named } from "../shared/people";
import { strings } from "../shared/strings";

/** What the note needs from the window around it. */
export interface NoteSurroundings {
  backend: Backend;
  announce: (text: string) => void;
  editor: () => Pick<EditorOptions, "spellCheck" | "preview" | "titles" | "onNoteLink" | "onLink">;
}

export type LoadState = { kind: "loading" } | { kind: "ready" } | { kind: "failed"; message: string };

/** Milliseconds after which words are counted: while one types, or, in long notes, after one has paused. */
const wordDelay = 250;
const wordPause = 1500;
const longNote = 100_000;
/** Milliseconds without a change until it is said that the note is saved. */
export const restTime = 250;
/** Milliseconds between renewals of what is derived from the text. */
const renewInterval = 1500;
/** Milliseconds that closing waits for the backend to take the last edits. */
const closeLimit = 5000;

/** Where the person is in a note. */
export interface NotePlace {
  selection: number;
  scrollTop: number;
}

export class OpenNote {
  /** Where the text is shown first; null: from its beginning. */
  place: NotePlace | null = null;
  readonly id: ItemId;
  load = $state<LoadState>({ kind: "loading" });
  title = $state("");
  mode = $state<Mode>("hybrid");
  draft = $state<DraftState | null>(null);
  status = $state<NoteStatus>({ disk: { kind: "saving" }, places: [] });
  peers = $state.raw<PresentPeer[]>([]);
  away = $state<AwaySummary | null>(null);
  readOnly = $state(false);
  available = $state(true);
  large = $state(false);
  trouble = $state(false);
  words = $state(0);
  selectedWords = $state(0);
  /** The peer that the view keeps in sight. */
  following = $state<string | null>(null);
  authors = $state.raw<Attribution | null>(null);
  /** Grows when the note's history does, for the panels. */
  revision = $state(0);

  private readonly around: NoteSurroundings;
  private session: NoteSession | null = null;
  private editor: NoteEditor | null = null;
  private opened: { text: string; version: number } | null = null;
  /** Events that came before there was a session. */
  private early: NoteEvent[] = [];
  private channel = 0;
  private opening: Promise<void> = Promise.resolve();
  private wordTimer: ReturnType<typeof setTimeout> | null = null;
  private statusTimer: ReturnType<typeof setTimeout> | null = null;
  private renewed = 0;
  private closed = false;

  constructor(id: ItemId, title: string, around: NoteSurroundings) {
    this.id = id;
    this.title = title;
    this.around = around;
  }

  /** Asks the backend for the note; the text shows once `mount` has been called too. */
  open(): Promise<void> {
    this.opening = this.ask();
    return this.opening;
  }

  private async ask(): Promise<void> {
    this.load = { kind: "loading" };
    try {
      this.opened = await this.request();
      if (!this.closed) this.load = { kind: "ready" };
    } catch (error) {
      if (!this.closed) this.load = { kind: "failed", message: errorMessage(error) };
    }
  }

  private async request(): Promise<{ text: string; version: number }> {
    const channel = ++this.channel;
    const opened = await this.around.backend.openNote(this.id, (event) => {
      if (channel === this.channel) this.receive(event);
    });
    this.title = opened.title;
    this.mode = opened.mode;
    this.draft = opened.draft;
    this.status = opened.status;
    this.away = opened.away;
    // The note may have come while the answer was on its way.
    const arrived = this.early.some((event) => event.kind === "reset");
    this.available = opened.available || arrived;
    if (!arrived) this.setReadOnly(opened.readOnly);
    this.showPeers(opened.peers);
    return { text: opened.text, version: opened.version };
  }

  /** Puts the editor into the page. Call after `load` is ready. */
  mount(parent: HTMLElement): void {
    if (!this.opened || this.editor) return;
    const { text, version } = this.opened;
    this.opened = null;
    this.large = text.length > formattingLimit;
    this.session?.close();
    const doc = Text.of(text.split("\n"));
    const session = new NoteSession({
      backend: this.around.backend,
      note: this.id,
      version,
      text: doc,
      reopen: () => this.request(),
      onPeers: (peers) => this.showPeers(peers),
      onTrouble: (error) => (this.trouble = error !== null),
    });
    this.session = session;
    this.editor = new NoteEditor({
      parent,
      doc,
      session,
      readOnly: this.readOnly,
      label: this.label,
      onChange: (view) => this.changed(view),
      onOwnAction: () => (this.following = null),
      ...this.around.editor(),
    });
    const early = this.early;
    this.early = [];
    for (const event of early) session.receive(event);
    this.editor.view.dispatch({ effects: setPeers.of(this.peers) });
    if (this.place) this.goTo(this.place);
    // In a long note the text shows first.
    if (doc.length > longNote) this.wordTimer = setTimeout(() => this.countRested(), wordDelay);
    else this.countWords();
  }

  get currentPlace(): NotePlace | null {
    const view = this.editor?.view;
    return view ? { selection: view.state.selection.main.head, scrollTop: view.scrollDOM.scrollTop } : null;
  }

  private goTo(place: NotePlace): void {
    const view = this.editor?.view;
    if (!view) return;
    view.dispatch({ selection: { anchor: Math.min(place.selection, view.state.doc.length) } });
    view.requestMeasure({ read: () => null, write: () => (view.scrollDOM.scrollTop = place.scrollTop) });
  }

  /** Takes the editor off the page; what was typed last still goes to the backend. */
  unmount(): void {
    const { editor, session } = this;
    if (!editor) return;
    const stand = new OffPage(editor.view.state);
    editor.destroy();
    this.editor = null;
    session?.attach(stand);
  }

  /** Resolves when the last keystrokes have reached the backend and the note is closed there. */
  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    if (this.wordTimer) clearTimeout(this.wordTimer);
    if (this.statusTimer) clearTimeout(this.statusTimer);
    this.unmount();
    const { session } = this;
    if (session) {
      await waitUntil(() => session.settled, closeLimit);
      session.close();
    }
    await this.opening;
    await this.around.backend.closeNote(this.id).catch(() => undefined);
  }

  get view(): EditorView | null {
    return this.editor?.view ?? null;
  }

  private get label(): string {
    return strings.note.label(this.title || strings.list.untitled);
  }

  private receive(event: NoteEvent): void {
    if (this.closed) {
      // Only the last keystrokes matter any more.
      this.session?.receive(event);
      return;
    }
    switch (event.kind) {
      case "title":
        this.title = event.title;
        this.editor?.setLabel(this.label);
        break;
      case "status":
        this.showStatus(event.status);
        break;
      case "mode":
        this.mode = event.mode;
        this.draft = event.draft;
        this.revision += 1;
        break;
      case "readOnly":
        this.setReadOnly(event.readOnly);
        break;
      case "away":
        this.away = event.away;
        break;
      default:
        if (event.kind === "reset") {
          this.available = true;
          this.setReadOnly(event.readOnly);
        }
        if (this.session) this.session.receive(event);
        else if (this.opened && event.kind === "reset") this.opened = { text: event.text, version: event.version };
        else this.early.push(event);
    }
  }

  /**
   * While one types, each keystroke is unsaved for a few milliseconds. That it is not saved shows at
   * once; that it is, once the typing pauses: the line is calm, and the page is not drawn anew for it
   * between two keystrokes.
   */
  private showStatus(status: NoteStatus): void {
    if (this.statusTimer) clearTimeout(this.statusTimer);
    this.statusTimer = null;
    if (this.status.disk.kind !== "saving" || status.disk.kind !== "saved") {
      this.status = status;
      return;
    }
    this.statusTimer = setTimeout(() => {
      this.statusTimer = null;
      this.status = status;
    }, restTime);
  }

  private setReadOnly(readOnly: boolean): void {
    this.readOnly = readOnly;
    this.editor?.setReadOnly(readOnly);
  }

  private showPeers(present: PresentPeer[]): void {
    const peers = present.map(named);
    const before = new Map(this.peers.map((peer) => [peer.peer, peer.name]));
    const now = new Map(peers.map((peer) => [peer.peer, peer.name]));
    if (this.load.kind === "ready") {
      for (const [peer, name] of now) if (!before.has(peer)) this.around.announce(strings.note.joined(name));
      for (const [peer, name] of before) if (!now.has(peer)) this.around.announce(strings.note.left(name));
    }
    this.peers = peers;
    if (this.following && !now.has(this.following)) this.following = null;
    this.editor?.view.dispatch({ effects: setPeers.of(peers) });
    this.keepInSight();
  }

  private changed(view: EditorView): void {
    const { main } = view.state.selection;
    if (main.empty && this.selectedWords > 0) this.selectedWords = 0;
    this.keepInSight();
    const long = view.state.doc.length > longNote;
    if (long && this.wordTimer) {
      clearTimeout(this.wordTimer);
      this.wordTimer = null;
    }
    this.wordTimer ??= setTimeout(
      () => {
        this.countRested();
        this.rested();
      },
      long ? wordPause : wordDelay,
    );
  }

  private countRested(): void {
    this.wordTimer = null;
    this.countWords();
  }

  /** The text has changed and its writers paused: what is derived from it is made anew. */
  private rested(): void {
    if (Date.now() - this.renewed < renewInterval) return;
    this.renewed = Date.now();
    this.revision += 1;
    if (this.authors) void this.showAuthors(true).catch(() => undefined);
  }

  private countWords(): void {
    const state = this.editor?.view.state;
    if (!state) return;
    // Counting megabytes would be felt; a large note is counted by its beginning.
    this.words = state.doc.length > formattingLimit ? 0 : countWords(state.doc.toString());
    const { from, to } = state.selection.main;
    this.selectedWords = from === to ? 0 : countWords(state.sliceDoc(from, Math.min(to, from + formattingLimit)));
  }

  // --- what the person asks for -------------------------------------------------

  focus(): void {
    this.editor?.view.focus();
  }

  undo(): void {
    this.editor?.undo();
  }

  redo(): void {
    this.editor?.redo();
  }

  setPreview(on: boolean): void {
    this.editor?.setPreview(on);
  }

  setSpellCheck(on: boolean): void {
    this.editor?.setSpellCheck(on);
  }

  async setMode(mode: Mode): Promise<void> {
    await this.around.backend.setMode(this.id, mode);
    this.mode = mode;
  }

  async commit(message: string): Promise<void> {
    await this.settle();
    await this.around.backend.commit(this.id, message);
    this.revision += 1;
  }

  /** Waits until what was typed so far has reached the backend. */
  async settle(): Promise<void> {
    const session = this.session;
    if (session) await waitUntil(() => session.settled, 5000);
  }

  follow(peer: string | null): void {
    this.following = peer;
    const name = this.peers.find((each) => each.peer === peer)?.name;
    if (name) this.around.announce(strings.note.following(name));
    this.keepInSight();
  }

  private keepInSight(): void {
    if (!this.following || !this.editor) return;
    const peer = this.editor.view.state.field(peerCarets).find((each) => each.peer === this.following);
    if (peer?.selection) this.editor.scrollTo(peer.selection.head);
  }

  async showAuthors(on: boolean): Promise<void> {
    if (!on) {
      this.authors = null;
      this.editor?.view.dispatch({ effects: setAttribution.of(null) });
      return;
    }
    await this.settle();
    const attribution = await this.around.backend.attribution(this.id);
    const authors = { ...attribution, authors: attribution.authors.map(named) };
    const at = this.session?.positionsFrom(authors.version);
    this.authors = authors;
    if (!at) return;
    const spans = authors.spans.map((span) => ({ ...span, from: at(span.from), to: at(span.to) }));
    this.editor?.view.dispatch({ effects: setAttribution.of({ ...authors, spans }) });
  }

  async markSeen(): Promise<void> {
    await this.around.backend.markSeen(this.id);
    this.away = null;
  }
}

/** The text of a note that is no longer shown, while its last edits are on their way. */
class OffPage implements Surface {
  readonly composing = false;
  state: EditorState;

  constructor(state: EditorState) {
    this.state = state;
  }

  dispatch(spec: TransactionSpec): void {
    this.state = this.state.update(spec).state;
  }
}

async function waitUntil(done: () => boolean, limit: number): Promise<void> {
  const end = Date.now() + limit;
  while (!done() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 5));
}
