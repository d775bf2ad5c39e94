// The window: what is open, what is shown around it, and what the person can ask for.

import { type Backend, errorMessage } from "../backend/backend";
import type {
  AppEvent,
  Connection,
  ItemId,
  LibraryChange,
  MirrorAction,
  MirrorState,
  Mode,
  Network,
  NoteEntry,
  Notice,
  NoticeLevel,
  Settings,
} from "../backend/bindings";
import { toggleFind } from "../editor/find";
import { applyChange, destinations, emptyLibrary, indexLibrary, isInside, isTrashed, type LibraryIndex, noteByTitle, reachableNotes } from "../notes/library";
import { type NotePlace, OpenNote } from "../notes/open-note.svelte";
import type { OpenMenu } from "./menu";
import { isNoteLink, isOpenable } from "./links";
import { strings } from "./strings";

export type Panel = "history" | "sync" | "backlinks" | "review";

export type SettingsPage = "profile" | "writing" | "sharing" | "network" | "files";

export type Dialog =
  | { kind: "palette"; commands: boolean }
  | { kind: "settings"; page: SettingsPage }
  | { kind: "commit" }
  | { kind: "share"; item: ItemId }
  | { kind: "openLink" }
  /** `title`: of the one item; null for the whole trash. */
  | { kind: "delete"; items: ItemId[]; title: string | null };

export interface Toast {
  id: number;
  level: NoticeLevel;
  message: string;
  action: { label: string; run: () => void } | null;
}

export type Phase = { kind: "starting" } | { kind: "failed"; message: string } | { kind: "welcome" } | { kind: "ready" };

/** What the first-run page gathers. */
export interface WelcomeChoice {
  name: string;
  colour: number;
  server: { address: string; token: string } | null;
  profile: string | null;
}

const toastTime = 6000;
const noticeLimit = 50;
/** Milliseconds. */
const gatherTime = 1000;
/** Milliseconds in which a note that left a folder appears in another. */
const moveTime = 1500;
/** Milliseconds that the list may be behind an answer. */
const listTime = 2000;
const openKey = "rejoin.open";

export class App {
  readonly backend: Backend;
  phase = $state<Phase>({ kind: "starting" });
  library = $state.raw<LibraryIndex>(emptyLibrary);
  settings = $state.raw<Settings>(null as unknown as Settings);
  network = $state.raw<Network>(null as unknown as Network);
  connections = $state.raw<Connection[]>([]);
  mirror = $state.raw<MirrorState>(null as unknown as MirrorState);
  dataFolder = $state("");
  version = $state("");
  note = $state.raw<OpenNote | null>(null);
  panel = $state<Panel | null>(null);
  dialog = $state.raw<Dialog | null>(null);
  menu = $state.raw<OpenMenu | null>(null);
  /** The list of notes: a column, or a drawer in a narrow window. */
  listOpen = $state(true);
  narrow = $state(false);
  showTrash = $state(false);
  searchText = $state("");
  /** The item whose name is being edited in the list. */
  renaming = $state<ItemId | null>(null);
  preview = $state(true);
  toasts = $state.raw<Toast[]>([]);
  notices = $state.raw<Notice[]>([]);
  announcement = $state("");
  now = $state(Date.now());
  private nextToast = 1;
  /** Where the person was in the notes that were open before. */
  private readonly places = new Map<ItemId, NotePlace>();
  private readonly closing = new Map<ItemId, Promise<void>>();
  private readonly gathered = new Map<ItemId, NoteEntry>();
  private gathering: ReturnType<typeof setTimeout> | null = null;

  constructor(backend: Backend) {
    this.backend = backend;
  }

  async start(): Promise<void> {
    this.phase = { kind: "starting" };
    try {
      const session = await this.backend.start((event) => this.receive(event));
      this.library = indexLibrary(session.library);
      this.settings = session.settings;
      this.network = session.network;
      this.connections = session.connections;
      this.mirror = session.mirror;
      this.dataFolder = session.dataFolder;
      this.version = session.version;
      this.phase = session.firstRun ? { kind: "welcome" } : { kind: "ready" };
      if (!session.firstRun) await this.reopenLast();
    } catch (error) {
      this.phase = { kind: "failed", message: errorMessage(error) };
    }
  }

  /** Ends the first run with what the person chose, and opens the first note. */
  async welcome(choice: WelcomeChoice): Promise<void> {
    await this.backend.setSettings({ ...this.settings, name: choice.name, colour: choice.colour });
    this.settings = { ...this.settings, name: choice.name, colour: choice.colour };
    if (choice.server) {
      const { address, token } = choice.server;
      // A first try may have got this far already.
      const others = this.network.servers.filter((server) => server.address !== address);
      const servers = [...others, { address, kind: "server" as const, token, hasToken: token !== "" }];
      await this.backend.setNetwork({ ...this.network, servers });
      await this.backend.setSharing(this.library.home, [address]);
    }
    if (choice.profile) {
      // The server has to be reached first; the backend waits for it.
      await this.openLink(choice.profile, "profile");
      return;
    }
    const isFirst = reachableNotes(this.library).length === 0;
    const { noteTitle: title, note: text } = strings.welcome;
    const first = isFirst ? await this.backend.create({ kind: "note", parent: this.library.home, title, text }) : null;
    this.phase = { kind: "ready" };
    // The list may not have heard of it yet.
    await (first ? this.openNote(first) : this.reopenLast());
  }

  private receive(event: AppEvent): void {
    switch (event.kind) {
      case "library":
        this.takeIn(event.change);
        break;
      case "connections":
        this.connections = event.connections;
        break;
      case "network":
        this.network = event.network;
        break;
      case "mirror":
        this.mirror = event.mirror;
        break;
      case "settings":
        this.settings = event.settings;
        break;
      case "notice":
        this.notify(event.notice);
        break;
    }
  }

  /**
   * Typing changes a note's entry many times a second, and the list of ten thousand notes is not
   * made anew each time: such changes are gathered.
   */
  private takeIn(change: LibraryChange): void {
    const onlyNotes = change.folders.length === 0 && change.removed.length === 0 && change.trash === null;
    const renamed = change.notes.some((note) => {
      const known = this.library.notes.get(note.id);
      return !known || known.title !== note.title || known.pinned !== note.pinned || known.available !== note.available;
    });
    for (const note of change.notes) this.gathered.set(note.id, note);
    if (onlyNotes && !renamed) this.gathering ??= setTimeout(() => this.applyGathered(), gatherTime);
    else this.applyGathered({ ...change, notes: [] });
    if (this.note && change.removed.includes(this.note.id)) this.noteIsGone(this.note);
  }

  /**
   * The open note is listed nowhere any more. When somebody moves it, the folder that it left may be
   * heard of before the one that it went to, so it stays open for a moment.
   */
  private noteIsGone(note: OpenNote): void {
    setTimeout(() => {
      if (this.note !== note || this.library.notes.has(note.id)) return;
      this.closeNote();
      if (isTrashed(this.library, note.id)) this.offerRestore(note.id);
      else this.toast(strings.list.gone(note.title || strings.list.untitled), "warn", null);
    }, moveTime);
  }

  private applyGathered(change: LibraryChange = { folders: [], notes: [], removed: [], trash: null }): void {
    if (this.gathering) clearTimeout(this.gathering);
    this.gathering = null;
    this.library = applyChange(this.library, { ...change, notes: [...this.gathered.values()] });
    this.gathered.clear();
  }

  // --- opening --------------------------------------------------------------------

  async openNote(id: ItemId, focus = true): Promise<void> {
    if (this.narrow) this.listOpen = false;
    if (this.note?.id === id && this.note.load.kind !== "failed") {
      if (focus) this.note.focus();
      return;
    }
    this.closeOpenNote();
    const title = this.library.notes.get(id)?.title ?? "";
    const note = new OpenNote(id, title, {
      backend: this.backend,
      announce: (text) => this.announce(text),
      editor: () => ({
        spellCheck: this.settings.spellCheck,
        preview: this.preview,
        titles: () => reachableNotes(this.library).map((each) => each.title),
        onNoteLink: (wanted) => void this.openTitle(wanted),
        onLink: (address) => void this.openAddress(address),
      }),
    });
    note.place = this.places.get(id) ?? null;
    this.note = note;
    remember(id);
    // The same note may be on its way out: its last edits come first.
    await this.closing.get(id);
    if (this.note !== note) return;
    await note.open();
    if (focus && this.note === note) queueMicrotask(() => note.focus());
  }

  private closeOpenNote(): void {
    const { note } = this;
    if (!note) return;
    const place = note.currentPlace;
    if (place) this.places.set(note.id, place);
    const done = note.close().finally(() => {
      if (this.closing.get(note.id) === done) this.closing.delete(note.id);
    });
    this.closing.set(note.id, done);
  }

  closeNote(): void {
    this.closeOpenNote();
    this.note = null;
    this.panel = null;
  }

  private async reopenLast(): Promise<void> {
    const last = recall();
    const notes = reachableNotes(this.library);
    const known = notes.find((note) => note.id === last);
    const newest = notes.reduce<(typeof notes)[number] | null>((best, note) => (!best || note.updated > best.updated ? note : best), null);
    const id = (known ?? newest)?.id;
    if (id) await this.openNote(id);
  }

  /** Opens the note that `[[title]]` means, or offers to write it. */
  async openTitle(title: string): Promise<void> {
    const note = noteByTitle(this.library, title);
    if (note) return this.openNote(note.id);
    this.toast(strings.note.createFromLink(title), "info", {
      label: strings.note.create,
      run: () => void this.newNote(title),
    });
  }

  async openAddress(address: string): Promise<void> {
    // A part of a note is not gone to, only the note.
    const [whole = ""] = address.split("#");
    if (isNoteLink(whole)) await this.try(() => this.openLink(whole, "item"));
    else if (isOpenable(address)) await this.try(() => this.backend.openExternal(address));
  }

  async openLink(link: string, target: "item" | "profile"): Promise<void> {
    const id = await this.backend.openLink({ link: link.trim(), target, parent: null });
    if (target === "profile") {
      // Another profile is another home: everything is read anew.
      this.closeNote();
      await this.start();
      this.notify({ level: "info", message: strings.settings.adopted, at: Date.now(), note: null });
      return;
    }
    if (isTrashed(this.library, id)) return this.offerRestore(id);
    await this.listed(id);
    if (this.library.folders.has(id)) this.toast(strings.openLink.folder(this.titleOf(id)), "info", null);
    else await this.openNote(id);
  }

  /** Waits until an item is in the list: an answer may have overtaken what it says of the list. */
  private async listed(id: ItemId): Promise<void> {
    const end = Date.now() + listTime;
    const isListed = () => this.library.notes.has(id) || this.library.folders.has(id);
    while (!isListed() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  // --- files ------------------------------------------------------------------------

  /** What was picked, for an action that picks; undefined when it failed. */
  async files(action: MirrorAction): Promise<string | null | undefined> {
    let directory: string | null | undefined;
    await this.try(async () => {
      directory = (await this.backend.mirror(action)).directory;
    });
    return directory;
  }

  /** Shows a spot that is marked for review, with which the mark goes. */
  async lookAtSpot(id: ItemId): Promise<void> {
    this.dialog = null;
    await this.try(async () => {
      const { position } = await this.backend.mirror({ kind: "reviewed", note: id });
      await this.openNote(id);
      const view = this.note?.id === id ? this.note.view : null;
      if (!view || position === null) return;
      const at = Math.min(position, view.state.doc.length);
      view.dispatch({ selection: { anchor: at, head: view.state.doc.lineAt(at).to }, scrollIntoView: true });
    });
  }

  // --- changing the library ---------------------------------------------------------

  async newNote(title = "", parent: ItemId = this.currentFolder): Promise<void> {
    await this.try(async () => {
      const id = await this.backend.create({ kind: "note", parent, title, text: null });
      this.searchText = "";
      this.showTrash = false;
      await this.openNote(id);
      const view = this.note?.view;
      view?.dispatch({ selection: { anchor: view.state.doc.length } });
    });
  }

  async newFolder(parent: ItemId = this.currentFolder): Promise<void> {
    await this.try(async () => {
      const id = await this.backend.create({ kind: "folder", parent, title: strings.list.newFolder, text: null });
      this.showTrash = false;
      this.searchText = "";
      this.listOpen = true;
      this.renaming = id;
    });
  }

  /** The folder of the open note. */
  get currentFolder(): ItemId {
    return (this.note && this.library.parents.get(this.note.id)) ?? this.library.home;
  }

  async rename(item: ItemId, title: string): Promise<void> {
    this.renaming = null;
    const name = title.trim();
    if (name) await this.try(() => this.backend.rename(item, name));
  }

  async moveItem(item: ItemId, folder: ItemId, index: number): Promise<void> {
    const title = this.titleOf(item);
    await this.try(async () => {
      await this.backend.moveItem(item, folder, index);
      this.announce(strings.list.movedTo(title, this.titleOf(folder)));
    });
  }

  async setPinned(note: ItemId, pinned: boolean): Promise<void> {
    await this.try(() => this.backend.setPinned(note, pinned));
  }

  async trash(item: ItemId): Promise<void> {
    const title = this.titleOf(item);
    const open = this.note?.id;
    const goesAlong = open !== undefined && (open === item || isInside(this.library, open, item));
    await this.try(async () => {
      await this.backend.setTrashed(item, true);
      if (goesAlong && this.note?.id === open) this.closeNote();
      this.offerRestore(item, title);
    });
  }

  private offerRestore(item: ItemId, title = this.titleOf(item)): void {
    this.toast(strings.list.trashed(title), "info", { label: strings.list.putBack, run: () => void this.restore(item) });
  }

  async restore(item: ItemId): Promise<void> {
    await this.try(async () => {
      await this.backend.setTrashed(item, false);
      await this.listed(item);
      if (this.library.notes.has(item)) await this.openNote(item);
    });
  }

  async deleteForever(items: ItemId[]): Promise<void> {
    this.dialog = null;
    await this.try(async () => {
      for (const item of items) {
        if (this.note?.id === item) this.closeNote();
        await this.backend.deleteForever(item);
      }
    });
  }

  titleOf(item: ItemId): string {
    const title = this.library.folders.get(item)?.title ?? this.library.notes.get(item)?.title;
    return title || this.library.trash.find((entry) => entry.id === item)?.title || strings.list.untitled;
  }

  /** Addresses that the open note goes to. */
  get goesTo(): string[] {
    return this.note ? destinations(this.library, this.note.id) : [];
  }

  // --- sharing and network ------------------------------------------------------------

  async setMode(mode: Mode): Promise<void> {
    const { note } = this;
    if (note) await this.try(() => note.setMode(mode));
  }

  async copyLink(item: ItemId): Promise<void> {
    const link = this.backend.link({ kind: "item", id: item });
    try {
      // The clipboard must be asked at once, while the key press still counts as the person's wish.
      const text = link.then((value) => new Blob([value], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": text })]);
      this.toast(strings.app.copied, "info", null);
    } catch {
      this.dialog = { kind: "share", item };
    }
  }

  /** Puts a text onto the clipboard. False when that cannot be, which is said. */
  async copy(text: string): Promise<boolean> {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      this.toast(strings.app.notCopied, "warn", null);
      return false;
    }
  }

  async setNetwork(network: Network): Promise<boolean> {
    // What it is then the backend tells: it knows more than was wanted, as where others reach us.
    return this.try(() => this.backend.setNetwork(network));
  }

  async setOffline(offline: boolean): Promise<void> {
    await this.setNetwork({ ...this.network, offline });
  }

  async retry(connection: string | null): Promise<void> {
    await this.try(() => this.backend.retry(connection));
  }

  async setSettings(change: Partial<Settings>): Promise<void> {
    const settings = { ...this.settings, ...change };
    this.settings = settings;
    if (change.spellCheck !== undefined) this.note?.setSpellCheck(change.spellCheck);
    await this.try(() => this.backend.setSettings(settings));
  }

  // --- what is shown --------------------------------------------------------------------

  togglePanel(panel: Panel): void {
    this.panel = this.panel === panel ? null : panel;
    if (!this.panel) this.note?.focus();
  }

  togglePreview(): void {
    this.preview = !this.preview;
    this.note?.setPreview(this.preview);
  }

  find(): void {
    if (this.note?.view) toggleFind(this.note.view);
  }

  /** Escape: the innermost thing that can be left is left. False when there is none. */
  leave(): boolean {
    if (this.menu) {
      const { from } = this.menu;
      this.menu = null;
      from?.focus();
      return true;
    }
    if (this.renaming) {
      this.renaming = null;
      return true;
    }
    if (this.dialog) this.dialog = null;
    else if (this.panel) this.panel = null;
    else if (this.searchText) this.searchText = "";
    else if (this.narrow && this.listOpen) this.listOpen = false;
    else return false;
    if (!this.dialog) this.note?.focus();
    return true;
  }

  setNarrow(narrow: boolean): void {
    if (narrow === this.narrow) return;
    this.narrow = narrow;
    this.listOpen = !narrow;
  }

  /** Something that needs the person now; it can be read again in the sync panel. */
  private notify(notice: Notice): void {
    this.notices = [notice, ...this.notices].slice(0, noticeLimit);
    this.toast(notice.message, notice.level, null);
  }

  toast(message: string, level: NoticeLevel, action: Toast["action"]): void {
    const toast = { id: this.nextToast++, level, message, action };
    this.toasts = [...this.toasts.filter((other) => other.message !== message), toast].slice(-3);
    this.announce(message);
    if (level === "info") setTimeout(() => this.dismiss(toast.id), toastTime);
  }

  dismiss(id: number): void {
    this.toasts = this.toasts.filter((toast) => toast.id !== id);
  }

  /** Says something to screen readers. */
  announce(text: string): void {
    this.announcement = text;
  }

  /** Runs something that may fail; a failure is shown. */
  async try(run: () => Promise<void>): Promise<boolean> {
    try {
      await run();
      return true;
    } catch (error) {
      this.toast(strings.app.failed(errorMessage(error)), "error", null);
      return false;
    }
  }
}

/** Which note was open is a matter of this window, not of the person's data. */
function remember(id: ItemId): void {
  try {
    localStorage.setItem(openKey, id);
  } catch {
    // A window without storage opens the newest note instead.
  }
}

function recall(): ItemId | null {
  try {
    return localStorage.getItem(openKey);
  } catch {
    return null;
  }
}
