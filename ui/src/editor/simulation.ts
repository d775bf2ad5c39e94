// Several windows on one document, with every message delayed at random, in virtual time. For tests.

import { EditorState, Text, type Transaction, type TransactionSpec } from "@codemirror/state";
import type { Backend } from "../backend/backend";
import type { ChangeSetJson, NoteEvent, PresentPeer } from "../backend/bindings";
import type { DocumentWindow, DocumentWindowOptions, MemoryDocument } from "../backend/memory-document";
import { NoteSession, remoteChange, type Surface, type Timers } from "./collab";
import { peerCarets, setPeers } from "./peers";

/** mulberry32: small, seeded, good enough to choose interleavings. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }
}

/** Milliseconds until what was typed is drawn. */
export const frameTime = 16;

/** Virtual time: runs what is due, in order of time and then of arrival. */
export class Schedule implements Timers {
  now = 0;
  private order = 0;
  private due: { at: number; order: number; run: () => void }[] = [];

  after(milliseconds: number, run: () => void): () => void {
    const entry = { at: this.now + milliseconds, order: this.order++, run };
    this.due.push(entry);
    return () => {
      this.due = this.due.filter((other) => other !== entry);
    };
  }

  afterFrame(run: () => void): () => void {
    return this.after(frameTime, run);
  }

  get idle(): boolean {
    return this.due.length === 0;
  }

  /** Runs the next thing that is due and everything it sets going at once. */
  async step(): Promise<void> {
    let first = 0;
    for (let i = 1; i < this.due.length; i += 1) {
      const a = this.due[i]!;
      const b = this.due[first]!;
      if (a.at < b.at || (a.at === b.at && a.order < b.order)) first = i;
    }
    const [entry] = this.due.splice(first, 1);
    if (!entry) return;
    this.now = Math.max(this.now, entry.at);
    entry.run();
    await settle();
  }
}

export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i += 1) await Promise.resolve();
}

/** A surface without a page. */
export class BareSurface implements Surface {
  state: EditorState;
  composing = false;
  session: NoteSession | null = null;
  /** Sees every transaction that came from elsewhere, before and after. */
  onRemote: ((transaction: Transaction) => void) | null = null;

  constructor(text: Text) {
    this.state = EditorState.create({
      doc: text,
      extensions: [EditorState.lineSeparator.of("\n"), peerCarets],
    });
  }

  dispatch(spec: TransactionSpec): void {
    const transaction = this.state.update(spec);
    this.state = transaction.state;
    if (transaction.annotation(remoteChange)) this.onRemote?.(transaction);
    this.session?.observe(transaction);
  }

  get text(): string {
    return this.state.doc.toString();
  }
}

export interface SimulatedWindowOptions {
  name: string;
  mode?: "live" | "batched";
  /** The chance that a reply is lost and the request rejects instead. */
  loss?: number;
  amend?: DocumentWindowOptions["amend"];
}

/** One window: a session, its surface, and a slow line to the document. */
export class SimulatedWindow {
  surface!: BareSurface;
  session!: NoteSession;
  readonly window: DocumentWindow;
  /** The document's text at each version this window was told of. */
  texts = new Map<number, Text>();
  /** Changes that the document took from this window. */
  accepted: ChangeSetJson[] = [];
  private life = 0;
  private lastEvent = 0;
  private readonly schedule: Schedule;
  private readonly random: Random;
  private readonly loss: number;
  private readonly maxDelay: number;

  constructor(document: MemoryDocument, schedule: Schedule, random: Random, options: SimulatedWindowOptions) {
    this.schedule = schedule;
    this.random = random;
    this.loss = options.loss ?? 0;
    this.maxDelay = random.chance(0.5) ? 5 : 80;
    this.window = document.open({
      author: { id: options.name, name: options.name, colour: 0 },
      peer: options.name,
      mode: options.mode ?? "live",
      now: () => schedule.now,
      onEvent: () => undefined,
      ...(options.amend ? { amend: options.amend } : {}),
    });
    this.load();
  }

  /** A fresh page: what the former one had not pushed is gone. */
  reload(): void {
    this.session.close();
    this.load();
  }

  private load(): void {
    this.life += 1;
    const opened = this.open();
    this.surface = new BareSurface(Text.of(opened.text.split("\n")));
    this.session = new NoteSession({
      backend: this.backend(this.life),
      note: "note",
      version: opened.version,
      text: this.surface.state.doc,
      timers: this.schedule,
      reopen: () => this.request(this.life, () => this.open()),
      onPeers: (peers: PresentPeer[]) => this.surface.dispatch({ effects: setPeers.of(peers) }),
    });
    this.surface.session = this.session;
    this.session.attach(this.surface);
  }

  private open(): { version: number; text: string } {
    const life = this.life;
    this.window.reopen((event) => {
      this.record();
      this.deliver(life, event);
    });
    this.record();
    return { version: this.window.version, text: this.window.text.toString() };
  }

  private record(): void {
    this.texts.set(this.window.version, this.window.knownText);
  }

  private delay(): number {
    return this.random.below(this.maxDelay);
  }

  /** Events keep their order among themselves and may overtake replies. */
  private deliver(life: number, event: NoteEvent): void {
    const at = Math.max(this.lastEvent, this.schedule.now + this.delay());
    this.lastEvent = at;
    const session = () => this.session;
    this.schedule.after(at - this.schedule.now, () => {
      if (life === this.life) session().receive(event);
    });
  }

  private request<T>(life: number, run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.schedule.after(this.delay(), () => {
        const lostBefore = this.random.chance(this.loss / 2);
        const reply = lostBefore ? null : run();
        const lost = lostBefore || this.random.chance(this.loss / 2);
        this.schedule.after(this.delay(), () => {
          if (life !== this.life) return;
          if (lost) reject(new Error("lost"));
          else resolve(reply as T);
        });
      });
    });
  }

  private backend(life: number): Backend {
    const commands: Partial<Backend> = {
      push: (_note, request) =>
        this.request(life, () => {
          const reply = this.window.push(request);
          this.record();
          if (reply.kind === "accepted") this.accepted.push(request.changes);
          return reply;
        }),
      undo: (_note, request) =>
        this.request(life, () => {
          const reply = this.window.undo(request);
          this.record();
          return reply;
        }),
      confirm: (_note, version) => this.request(life, () => this.window.confirm(version)),
      setPresence: (_note, update) =>
        this.request(life, () => this.window.setPresence(update.version, update.selection)),
    };
    return commands as Backend;
  }
}
