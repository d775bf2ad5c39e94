// A backend that lives in this page: for tests, and for the UI in a browser.
//
// A `MemoryWorld` holds the notes; each call of `backend()` is another person's window on them.

import { ChangeSet } from "@codemirror/state";
import { difference } from "../editor/difference";
import { noteTitle, retitle } from "../notes/title";
import type { Backend } from "./backend";
import type {
  AppEvent,
  Author,
  BackendError,
  ChangeSetJson,
  Connection,
  ErrorCode,
  FolderEntry,
  History,
  HistorySession,
  ItemId,
  Library,
  LibraryChange,
  MirrorAction,
  MirrorReply,
  MirrorState,
  Network,
  NoteEntry,
  NoteStatus,
  OpenedNote,
  SearchHit,
  Session,
  Settings,
  TrashEntry,
} from "./bindings";
import { type DocumentWindow, MemoryDocument } from "./memory-document";

const defaultSettings: Settings = {
  name: "",
  colour: 5,
  theme: "system",
  noteFont: "sans",
  textSize: 16,
  spellCheck: true,
  order: "updated",
  defaultMode: "hybrid",
};

export const defaultNetwork: Network = {
  offline: false,
  servers: [],
  listen: { enabled: false, port: 3030, everywhere: false, token: null, hasToken: false, addresses: [] },
};

export const noMirror: MirrorState = { directory: null, phase: { kind: "off" }, notes: 0, leftAlone: [], toReview: [], transfer: null };

export interface MemoryWorldOptions {
  now?: () => number;
  firstRun?: boolean;
  settings?: Partial<Settings>;
  network?: Partial<Network>;
  connections?: Connection[];
  /** Resolves before each reply. */
  delay?: () => Promise<void>;
}

interface MemoryNote {
  document: MemoryDocument;
  entry: NoteEntry;
  /** How far the person has read. */
  seen: number;
  status: NoteStatus;
}

/** Two changes further apart than this belong to different sessions. */
const sessionGap = 10 * 60_000;

export class MemoryWorld {
  readonly home: ItemId = "home";
  readonly notes = new Map<ItemId, MemoryNote>();
  readonly folders = new Map<ItemId, FolderEntry>();
  trash: (TrashEntry & { from: ItemId })[] = [];
  connections: Connection[];
  network: Network;
  mirror: MirrorState = noMirror;
  settings: Settings;
  readonly options: MemoryWorldOptions;
  private listeners = new Set<(event: AppEvent) => void>();
  private nextId = 1;

  constructor(options: MemoryWorldOptions = {}) {
    this.options = options;
    this.connections = options.connections ?? [];
    this.network = { ...defaultNetwork, ...options.network };
    this.settings = { ...defaultSettings, ...options.settings };
    this.addFolder(this.home, "Home", null);
  }

  setMirror(change: Partial<MirrorState>): void {
    this.mirror = { ...this.mirror, ...change };
    this.emit({ kind: "mirror", mirror: this.mirror });
  }

  now(): number {
    return this.options.now?.() ?? Date.now();
  }

  freshId(): ItemId {
    return `item-${this.nextId++}`;
  }

  addFolder(id: ItemId, title: string, parent: ItemId | null, goesTo: string[] = []): ItemId {
    this.folders.set(id, { id, title, items: [], goesTo, available: true });
    if (parent) this.folder(parent).items.push(id);
    return id;
  }

  addNote(id: ItemId, text: string, parent: ItemId, entry: Partial<NoteEntry> = {}): MemoryDocument {
    const document = new MemoryDocument(text);
    const note: MemoryNote = {
      document,
      entry: {
        id,
        title: noteTitle(text),
        updated: this.now(),
        pinned: false,
        mode: this.settings.defaultMode,
        goesTo: [],
        unseen: false,
        available: true,
        ...entry,
      },
      seen: 0,
      status: { disk: { kind: "saved", at: this.now() }, places: [] },
    };
    this.notes.set(id, note);
    this.folder(parent).items.push(id);
    document.onChange = () => this.touched(id);
    return document;
  }

  note(id: ItemId): MemoryNote {
    const note = this.notes.get(id);
    if (!note) throw refusal("notFound", "This note is not here.");
    return note;
  }

  folder(id: ItemId): FolderEntry {
    const folder = this.folders.get(id);
    if (!folder) throw refusal("notFound", "This folder is not here.");
    return folder;
  }

  parentOf(id: ItemId): FolderEntry | null {
    for (const folder of this.folders.values()) if (folder.items.includes(id)) return folder;
    return null;
  }

  library(): Library {
    return structuredClone({
      home: this.home,
      folders: [...this.folders.values()],
      notes: [...this.notes.values()].map((note) => note.entry),
      trash: this.trash.map(({ id, title, kind, trashed }) => ({ id, title, kind, trashed })),
    });
  }

  listen(listener: (event: AppEvent) => void): void {
    this.listeners.add(listener);
  }

  emit(event: AppEvent): void {
    for (const listener of this.listeners) listener(structuredClone(event));
  }

  changed(change: Partial<LibraryChange>): void {
    this.emit({ kind: "library", change: { folders: [], notes: [], removed: [], trash: null, ...change } });
  }

  setStatus(id: ItemId, status: NoteStatus): void {
    const note = this.note(id);
    note.status = status;
    for (const window of note.document.windows) window.emit({ kind: "status", status });
  }

  /** Another window of the same world; `author` defaults to the person of the settings. */
  backend(author?: Author): MemoryBackend {
    return new MemoryBackend(this, author ?? null);
  }

  private touched(id: ItemId): void {
    const note = this.note(id);
    const title = noteTitle(note.document.shared.sliceString(0, 4096));
    const renamed = title !== note.entry.title;
    note.entry = { ...note.entry, title, updated: this.now() };
    if (renamed) for (const window of note.document.windows) window.emit({ kind: "title", title });
    this.changed({ notes: [note.entry] });
  }
}

export class MemoryBackend implements Backend {
  private readonly world: MemoryWorld;
  private readonly someone: Author | null;
  private readonly windows = new Map<ItemId, DocumentWindow>();

  constructor(world: MemoryWorld, someone: Author | null) {
    this.world = world;
    this.someone = someone;
  }

  private get author(): Author {
    const { name, colour } = this.world.settings;
    return this.someone ?? { id: "me", name: name || "Me", colour };
  }

  async start(onEvent: (event: AppEvent) => void): Promise<Session> {
    await this.pause();
    const { world } = this;
    world.listen(onEvent);
    return structuredClone({
      library: world.library(),
      settings: world.settings,
      network: world.network,
      connections: world.connections,
      mirror: world.mirror,
      dataFolder: "~/.local/share/rejoin",
      version: "0.1.0",
      firstRun: (world.options.firstRun ?? false) && world.settings.name === "",
    });
  }

  async create(item: { kind: "note" | "folder"; parent: ItemId; title: string; text: string | null }): Promise<ItemId> {
    await this.pause();
    const { world } = this;
    const id = world.freshId();
    if (item.kind === "folder") world.addFolder(id, item.title, item.parent);
    else world.addNote(id, item.text ?? (item.title ? `# ${item.title}\n\n` : ""), item.parent);
    const note = world.notes.get(id);
    const folder = world.folders.get(id);
    world.changed({
      folders: [world.folder(item.parent), ...(folder ? [folder] : [])],
      notes: note ? [note.entry] : [],
    });
    return id;
  }

  async rename(item: ItemId, title: string): Promise<void> {
    await this.pause();
    const { world } = this;
    const folder = world.folders.get(item);
    if (folder) {
      folder.title = title;
      world.changed({ folders: [folder] });
      return;
    }
    const { document } = world.note(item);
    const changes = ChangeSet.of(retitle(document.shared.toString(), title), document.shared.length, "\n");
    document.commit(changes, this.author, world.now(), null, null, "window");
  }

  async moveItem(item: ItemId, folder: ItemId, index: number): Promise<void> {
    await this.pause();
    const { world } = this;
    if (this.contains(item, folder)) throw refusal("invalid", "A folder cannot be moved into itself.");
    const from = world.parentOf(item);
    const to = world.folder(folder);
    if (from) from.items = from.items.filter((other) => other !== item);
    to.items = to.items.toSpliced(Math.min(index, to.items.length), 0, item);
    world.changed({ folders: from && from !== to ? [from, to] : [to] });
  }

  async setPinned(note: ItemId, pinned: boolean): Promise<void> {
    await this.pause();
    const entry = this.world.note(note).entry;
    entry.pinned = pinned;
    this.world.changed({ notes: [entry] });
  }

  async setTrashed(item: ItemId, trashed: boolean): Promise<void> {
    await this.pause();
    const { world } = this;
    if (trashed) {
      const parent = world.parentOf(item);
      if (!parent) throw refusal("notFound", "This is not here any more.");
      parent.items = parent.items.filter((other) => other !== item);
      const folder = world.folders.get(item);
      const title = folder?.title ?? world.note(item).entry.title;
      world.trash = [{ id: item, title, kind: folder ? "folder" : "note", trashed: world.now(), from: parent.id }, ...world.trash];
      world.changed({ folders: [parent], trash: world.trash });
    } else {
      const entry = world.trash.find((other) => other.id === item);
      if (!entry) throw refusal("notFound", "This is not in the trash.");
      const parent = world.folders.get(entry.from) ?? world.folder(world.home);
      parent.items.push(item);
      world.trash = world.trash.filter((other) => other !== entry);
      world.changed({ folders: [parent], trash: world.trash });
    }
  }

  async deleteForever(item: ItemId): Promise<void> {
    await this.pause();
    const { world } = this;
    if (!world.trash.some((entry) => entry.id === item)) throw refusal("invalid", "Only what is in the trash can be deleted.");
    world.trash = world.trash.filter((entry) => entry.id !== item);
    world.notes.delete(item);
    world.folders.delete(item);
    world.changed({ removed: [item], trash: world.trash });
  }

  async search(request: Parameters<Backend["search"]>[0]): Promise<SearchHit[]> {
    await this.pause();
    const { world } = this;
    const trashed = new Set(world.trash.map((entry) => entry.id));
    const needle = (request.kind === "text" ? request.query : `[[${world.note(request.note).entry.title}]]`).trim().toLowerCase();
    if (!needle) return [];
    const hits: SearchHit[] = [];
    for (const { document, entry } of world.notes.values()) {
      if (trashed.has(entry.id) || hits.length >= request.limit) continue;
      const text = document.shared.toString();
      const at = text.toLowerCase().indexOf(needle);
      if (at < 0) continue;
      const line = document.shared.lineAt(at);
      const from = Math.max(line.from, at - 40);
      const excerpt = text.slice(from, Math.min(line.to, at + 80));
      hits.push({ note: entry.id, title: entry.title, excerpt, marks: [{ from: at - from, to: at - from + needle.length }] });
    }
    return hits;
  }

  async openNote(note: ItemId, onEvent: Parameters<Backend["openNote"]>[1]): Promise<OpenedNote> {
    await this.pause();
    const { world } = this;
    const { document, entry, status, seen } = world.note(note);
    let window = this.windows.get(note);
    if (window) window.reopen(onEvent);
    else {
      window = document.open({
        author: this.author,
        peer: this.someone?.id ?? "me",
        mode: entry.mode,
        now: () => world.now(),
        onEvent,
      });
      this.windows.set(note, window);
    }
    const missed = document.log.slice(seen).filter((change) => change.author.id !== this.author.id);
    const first = missed[0];
    return structuredClone({
      id: note,
      title: entry.title,
      text: entry.available ? window.text.toString() : "",
      version: window.version,
      mode: window.mode,
      readOnly: !entry.available,
      available: entry.available,
      draft: window.draftState,
      status,
      peers: window.peers,
      away: first ? { since: first.at, authors: distinct(missed.map((change) => change.author)), ...counts(missed.map((change) => change.changes)) } : null,
    });
  }

  async push(note: ItemId, request: Parameters<Backend["push"]>[1]): ReturnType<Backend["push"]> {
    await this.pause();
    return this.window(note).push(request);
  }

  async confirm(note: ItemId, version: number): Promise<void> {
    await this.pause();
    this.window(note).confirm(version);
  }

  async undo(note: ItemId, request: Parameters<Backend["undo"]>[1]): ReturnType<Backend["undo"]> {
    await this.pause();
    return this.window(note).undo(request);
  }

  async setPresence(note: ItemId, update: Parameters<Backend["setPresence"]>[1]): Promise<void> {
    await this.pause();
    this.window(note).setPresence(update.version, update.selection);
  }

  async closeNote(note: ItemId): Promise<void> {
    await this.pause();
    this.windows.get(note)?.close();
    this.windows.delete(note);
  }

  async setMode(note: ItemId, mode: NoteEntry["mode"]): Promise<void> {
    await this.pause();
    const entry = this.world.note(note).entry;
    entry.mode = mode;
    this.windows.get(note)?.setMode(mode);
    this.world.changed({ notes: [entry] });
  }

  async commit(note: ItemId, message: string): Promise<void> {
    await this.pause();
    this.window(note).commit(message || null);
  }

  async draftPreview(note: ItemId): ReturnType<Backend["draftPreview"]> {
    await this.pause();
    const { document } = this.world.note(note);
    return { text: document.shared.toString(), changes: this.window(note).draftChanges.toJSON() as ChangeSetJson };
  }

  async link(target: Parameters<Backend["link"]>[0]): Promise<string> {
    await this.pause();
    return target.kind === "profile" ? "automerge:2NHRxGzKPkYJrqsSDkdmTQcJ9hFf" : `automerge:4NMNnkMhL8jXrdJ9jamS58PAVdXu${target.id.replace(/\W/g, "")}`;
  }

  async openLink(request: Parameters<Backend["openLink"]>[0]): Promise<ItemId> {
    await this.pause();
    if (!/^automerge:[1-9A-HJ-NP-Za-km-z]+$/.test(request.link)) throw refusal("invalid", "This is not an automerge: link.");
    if (request.target === "profile") return this.world.home;
    const id = this.world.freshId();
    const parent = request.parent ?? this.world.home;
    this.world.addNote(id, "", parent, { available: false });
    this.world.changed({ folders: [this.world.folder(parent)], notes: [this.world.note(id).entry] });
    return id;
  }

  async setSharing(folder: ItemId, goesTo: string[]): Promise<void> {
    await this.pause();
    const entry = this.world.folder(folder);
    entry.goesTo = goesTo;
    this.world.changed({ folders: [entry] });
  }

  async syncReport(note: ItemId): ReturnType<Backend["syncReport"]> {
    await this.pause();
    const { document, status } = this.world.note(note);
    const bytes = document.log.length * 96;
    const now = this.world.now();
    const samples = Array.from({ length: 60 }, (_, i) => {
      const at = now - (59 - i) * 1000;
      const wave = Math.max(0, Math.sin(i / 5) * Math.sin(i / 17));
      return { at, sent: Math.round(wave * 900), received: Math.round(Math.max(0, Math.cos(i / 7)) * 400) };
    });
    return structuredClone({
      commits: document.log.length,
      changes: document.log.length,
      changesSent: document.log.length,
      changesReceived: 0,
      messagesSent: document.log.length * 2,
      messagesReceived: document.log.length,
      bytesSent: bytes,
      bytesReceived: Math.round(bytes * 0.4),
      bytesOnDisk: 400 + document.shared.length + bytes,
      status,
      samples,
    });
  }

  async setNetwork(network: Network): Promise<void> {
    await this.pause();
    const { world } = this;
    const servers = network.servers.map((server) => ({
      ...server,
      hasToken: server.token === null ? server.hasToken : server.token !== "",
      token: null,
    }));
    const { listen } = network;
    const hasToken = listen.token === null ? listen.hasToken : listen.token !== "";
    if (listen.enabled && listen.everywhere && !hasToken) throw refusal("invalid", "Listening on every address needs a token.");
    const addresses = listen.enabled ? [`ws://${listen.everywhere ? "192.168.1.20" : "127.0.0.1"}:${listen.port}`] : [];
    world.network = { ...network, servers, listen: { ...listen, token: null, hasToken, addresses } };
    const known = new Map(world.connections.map((connection) => [connection.address, connection]));
    world.connections = servers.map((server) => ({
      ...(known.get(server.address) ?? {
        id: server.address,
        address: server.address,
        name: hostOf(server.address),
        kind: server.kind,
        incoming: false,
        since: world.now(),
        lastError: null,
        nextRetry: null,
      }),
      state: network.offline ? "offline" : "connected",
    }));
    world.emit({ kind: "network", network: world.network });
    world.emit({ kind: "connections", connections: world.connections });
  }

  async retry(connection: string | null): Promise<void> {
    await this.pause();
    const { world } = this;
    world.connections = world.connections.map((each) =>
      connection === null || each.id === connection
        ? { ...each, state: "connected", since: world.now(), lastError: null, nextRetry: null }
        : each,
    );
    world.emit({ kind: "connections", connections: world.connections });
  }

  async history(note: ItemId): Promise<History> {
    await this.pause();
    const { document } = this.world.note(note);
    const { log } = document;
    const sessions: HistorySession[] = [];
    log.forEach((change, index) => {
      const position = index + 1;
      const { inserted, deleted } = counts([change.changes]);
      const last = sessions[sessions.length - 1];
      if (last && change.at - last.ended < sessionGap && !change.message && !last.message) {
        last.last = position;
        last.ended = change.at;
        last.authors = distinct([...last.authors, change.author]);
        last.inserted += inserted;
        last.deleted += deleted;
      } else {
        sessions.push({ first: position, last: position, started: change.at, ended: change.at, authors: [change.author], message: change.message, inserted, deleted });
      }
    });
    return { length: log.length, first: document.start.length > 0 ? 0 : 1, sessions };
  }

  async versionAt(note: ItemId, version: Parameters<Backend["versionAt"]>[1]): ReturnType<Backend["versionAt"]> {
    await this.pause();
    const { document, seen } = this.world.note(note);
    const position = version.kind === "seen" ? seen : version.kind === "session" ? version.last : version.position;
    const change = document.log[position - 1];
    const from = version.kind === "session" ? version.first - 1 : position;
    const before = document.textAt(from);
    const changes = version.kind === "session" ? difference(before, document.textAt(position)) : document.changesSince(position);
    return {
      position,
      at: change?.at ?? null,
      author: change?.author ?? null,
      difference: { text: before.toString(), changes: changes.toJSON() as ChangeSetJson },
    };
  }

  async restoreVersion(note: ItemId, position: number): Promise<void> {
    await this.pause();
    const { document } = this.world.note(note);
    document.commit(difference(document.shared, document.textAt(position)), this.author, this.world.now(), null, null, "restore");
  }

  async attribution(note: ItemId): ReturnType<Backend["attribution"]> {
    await this.pause();
    const { document } = this.world.note(note);
    const authors: Author[] = [];
    let owners: number[] = new Array<number>(document.start.length).fill(-1);
    for (const { author, changes } of document.log) {
      let index = authors.findIndex((other) => other.id === author.id);
      if (index < 0) index = authors.push(author) - 1;
      const next: number[] = [];
      let taken = 0;
      changes.iterChanges((from, to, newFrom, newTo) => {
        next.push(...owners.slice(taken, from), ...new Array<number>(newTo - newFrom).fill(index));
        taken = to;
      });
      next.push(...owners.slice(taken));
      owners = next;
    }
    const spans: { from: number; to: number; author: number }[] = [];
    owners.forEach((author, at) => {
      const last = spans[spans.length - 1];
      if (author < 0) return;
      if (last && last.author === author && last.to === at) last.to = at + 1;
      else spans.push({ from: at, to: at + 1, author });
    });
    return { version: this.windows.get(note)?.version ?? 0, authors, spans };
  }

  async markSeen(note: ItemId): Promise<void> {
    await this.pause();
    const entry = this.world.note(note);
    entry.seen = entry.document.log.length;
    entry.entry.unseen = false;
    this.windows.get(note)?.emit({ kind: "away", away: null });
    this.world.changed({ notes: [entry.entry] });
  }

  async setSettings(settings: Settings): Promise<void> {
    await this.pause();
    this.world.settings = settings;
    this.world.emit({ kind: "settings", settings });
  }

  async mirror(action: MirrorAction): Promise<MirrorReply> {
    await this.pause();
    const { world } = this;
    const notes = world.notes.size;
    switch (action.kind) {
      case "choose":
        if (action.directory !== null && !action.directory.startsWith("/")) throw refusal("invalid", "Give the whole path of the folder, from the root.");
        world.setMirror(action.directory === null ? { ...noMirror, transfer: world.mirror.transfer } : { directory: action.directory, phase: { kind: "inStep" }, notes });
        break;
      case "pause":
        world.setMirror({ phase: { kind: action.paused ? "off" : "inStep" } });
        break;
      case "confirmDeletions":
        world.setMirror({ phase: { kind: "inStep" } });
        break;
      case "reviewed": {
        const spot = world.mirror.toReview.find((each) => each.note === action.note);
        world.setMirror({ toReview: world.mirror.toReview.filter((each) => each !== spot) });
        const at = spot ? world.note(action.note).document.shared.toString().indexOf(spot.excerpt) : -1;
        return { directory: null, position: at < 0 ? null : at };
      }
      case "pick":
        return { directory: "/home/kim/Notes", position: null };
      case "import":
      case "export": {
        const importing = action.kind === "import";
        const transfer = { importing, done: 0, total: notes, report: null, failed: null };
        world.setMirror({ transfer });
        const report = { notes, known: 0, folders: world.folders.size - 1, links: 0, others: 0, leftOut: [], broken: [] };
        world.setMirror({ transfer: { ...transfer, done: notes, report } });
        break;
      }
    }
    return { directory: null, position: null };
  }

  async openExternal(url: string): Promise<void> {
    if (!/^(https?:|mailto:)/i.test(url)) throw refusal("refused", "Only web and mail addresses can be opened.");
    window.open(url, "_blank", "noopener");
  }

  /** The window on a note that this backend has open. */
  window(note: ItemId): DocumentWindow {
    const window = this.windows.get(note);
    if (!window) throw refusal("notFound", "This note is not open.");
    return window;
  }

  private contains(outer: ItemId, inner: ItemId): boolean {
    if (outer === inner) return true;
    return this.world.folders.get(outer)?.items.some((item) => this.contains(item, inner)) ?? false;
  }

  private async pause(): Promise<void> {
    await this.world.options.delay?.();
  }
}

function refusal(code: ErrorCode, message: string): BackendError {
  return { code, message };
}

function counts(changes: ChangeSet[]): { inserted: number; deleted: number } {
  let inserted = 0;
  let deleted = 0;
  for (const each of changes) {
    each.iterChanges((from, to, newFrom, newTo) => {
      deleted += to - from;
      inserted += newTo - newFrom;
    });
  }
  return { inserted, deleted };
}

function distinct(authors: Author[]): Author[] {
  return [...new Map(authors.map((author) => [author.id, author])).values()];
}

function hostOf(address: string): string {
  try {
    return new URL(address).hostname;
  } catch {
    return address;
  }
}
