// The one port between the UI and whatever owns the documents.
//
// Every method is one command; a rejected promise carries a `BackendError`. Two implementations:
// `tauri.ts` (the app) and `memory.ts` (tests, and the UI in a browser).
//
// The edit protocol. A window has a version per open note. It applies a keystroke at once and
// pushes it with the version that it is based on, one push in flight. A push at the window's
// current version is accepted and makes the next version. What others do comes as a `remote`
// event that makes the next version too; until the window has confirmed it, the backend sends no
// further one. A push that crossed a `remote` event is `stale`: the window takes in the event,
// rebases its unconfirmed edits, and pushes again with the confirmation in the same request, which
// cannot be stale. Replies and events travel separately and may overtake each other: the version
// orders them. A confirmation of a version that is confirmed already is ignored.
//
// Opening a note again from the same window (after a reload) starts over: the earlier channel is
// closed, and the version given is above all that were given before, so that requests of the
// window's former life are stale.

import type {
  AppEvent,
  Attribution,
  BackendError,
  Difference,
  History,
  ItemId,
  LinkTarget,
  MirrorAction,
  MirrorReply,
  Mode,
  Network,
  NewItem,
  NoteEvent,
  OpenedNote,
  OpenLink,
  PresenceUpdate,
  PushReply,
  PushRequest,
  SearchHit,
  SearchRequest,
  Session,
  Settings,
  SyncReport,
  UndoReply,
  UndoRequest,
  VersionRef,
  VersionView,
} from "./bindings";

export interface Backend {
  /** Called once per page load; a later call replaces the earlier listener. */
  start(onEvent: (event: AppEvent) => void): Promise<Session>;

  // Notes and folders.

  /** Resolves with the new item's id, after the library event that announces it. */
  create(item: NewItem): Promise<ItemId>;
  /** A note's title is its front matter or first heading, which this rewrites. */
  rename(item: ItemId, title: string): Promise<void>;
  /** Puts an item into a folder before the entry at `index` (of the folder without the item). */
  moveItem(item: ItemId, folder: ItemId, index: number): Promise<void>;
  setPinned(note: ItemId, pinned: boolean): Promise<void>;
  /** Into the trash, or back to the folder that it came from. */
  setTrashed(item: ItemId, trashed: boolean): Promise<void>;
  /** Only for what is in the trash. */
  deleteForever(item: ItemId): Promise<void>;
  search(request: SearchRequest): Promise<SearchHit[]>;

  // Editing.

  openNote(note: ItemId, onEvent: (event: NoteEvent) => void): Promise<OpenedNote>;
  push(note: ItemId, request: PushRequest): Promise<PushReply>;
  /** The window has taken in the remote batch that made `version` and has nothing to push. */
  confirm(note: ItemId, version: number): Promise<void>;
  /** Own edits only. Sent when nothing is unconfirmed; later keystrokes wait for the reply. */
  undo(note: ItemId, request: UndoRequest): Promise<UndoReply>;
  setPresence(note: ItemId, update: PresenceUpdate): Promise<void>;
  closeNote(note: ItemId): Promise<void>;

  // Sharing.

  setMode(note: ItemId, mode: Mode): Promise<void>;
  /** Shares a batched note's draft as one change. */
  commit(note: ItemId, message: string): Promise<void>;
  /** From what others have to what the draft makes of it. */
  draftPreview(note: ItemId): Promise<Difference>;
  link(target: LinkTarget): Promise<string>;
  /** Resolves with the note or folder, which is put into `parent` or Home; for a profile with its home. */
  openLink(request: OpenLink): Promise<ItemId>;
  /** Which addresses a folder's notes go to. */
  setSharing(folder: ItemId, goesTo: string[]): Promise<void>;

  // Network.

  syncReport(note: ItemId): Promise<SyncReport>;
  /** Replaces the whole network configuration. */
  setNetwork(network: Network): Promise<void>;
  /** Dials now: one connection, or (null) all that wait. */
  retry(connection: string | null): Promise<void>;

  // History.

  history(note: ItemId): Promise<History>;
  versionAt(note: ItemId, version: VersionRef): Promise<VersionView>;
  /** Makes the note's text that of `position` again, as a new change. */
  restoreVersion(note: ItemId, position: number): Promise<void>;
  attribution(note: ItemId): Promise<Attribution>;
  /** The person has seen everything up to now; `away` becomes null. */
  markSeen(note: ItemId): Promise<void>;

  // Files.

  /** The folder whose files are the notes, imports and exports; what comes of it is told by events. */
  mirror(action: MirrorAction): Promise<MirrorReply>;

  // Settings.

  setSettings(settings: Settings): Promise<void>;
  /** Opens `https`, `http` and `mailto` addresses in the person's browser; refuses others. */
  openExternal(url: string): Promise<void>;
}

function isBackendError(value: unknown): value is BackendError {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as BackendError).code === "string" &&
    typeof (value as BackendError).message === "string"
  );
}

/** Runs something for a place that says itself what went wrong: why it did, or null. */
export async function failureOf(run: () => Promise<unknown>): Promise<string | null> {
  try {
    await run();
    return null;
  } catch (error) {
    return errorMessage(error);
  }
}

/** A sentence to show for whatever a command rejected with. */
export function errorMessage(value: unknown): string {
  if (isBackendError(value)) return value.message;
  return value instanceof Error ? value.message : String(value);
}
