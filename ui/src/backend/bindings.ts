// Plain data that crosses between the UI and the backend.
// The Rust side generates this file; a difference fails the build.
// Times are milliseconds since 1970. Text positions are UTF-16 code units.

export type ItemId = string;

export type Mode = "live" | "hybrid" | "batched";

// --- errors -----------------------------------------------------------------

export type ErrorCode =
  | "notFound"
  | "unavailable"
  | "readOnly"
  | "invalid"
  | "refused"
  | "storage"
  | "internal";

/** What a rejected command carries. `message` is fit to be shown. */
export type BackendError = { code: ErrorCode, message: string, };

// --- start ------------------------------------------------------------------

export type Session = {
  library: Library,
  settings: Settings,
  network: Network,
  connections: Array<Connection>,
  /** The folder on this computer that holds everything. */
  dataFolder: string,
  version: string,
  /** No settings were found: the welcome page is shown. */
  firstRun: boolean,
};

export type AppEvent =
  | { kind: "library", change: LibraryChange, }
  | { kind: "connections", connections: Array<Connection>, }
  | { kind: "network", network: Network, }
  | { kind: "settings", settings: Settings, }
  | { kind: "notice", notice: Notice, };

export type NoticeLevel = "info" | "warn" | "error";

/** Something that needs the person now. */
export type Notice = { level: NoticeLevel, message: string, at: number, note: ItemId | null, };

// --- library ----------------------------------------------------------------

/** All folders and notes, flat; `FolderEntry.items` holds the tree. */
export type Library = {
  home: ItemId,
  folders: Array<FolderEntry>,
  notes: Array<NoteEntry>,
  trash: Array<TrashEntry>,
};

export type FolderEntry = {
  id: ItemId,
  title: string,
  items: Array<ItemId>,
  /** Addresses that this folder's notes go to; empty: this computer only. */
  goesTo: Array<string>,
  /** False while no connected peer has had it. */
  available: boolean,
};

export type NoteEntry = {
  id: ItemId,
  title: string,
  updated: number,
  pinned: boolean,
  mode: Mode,
  /** Others changed it since this person last looked. */
  unseen: boolean,
  available: boolean,
};

export type TrashEntry = { id: ItemId, title: string, kind: ItemKind, trashed: number, };

export type ItemKind = "note" | "folder";

/** Entries that are new or changed replace those of the same id. */
export type LibraryChange = {
  folders: Array<FolderEntry>,
  notes: Array<NoteEntry>,
  removed: Array<ItemId>,
  /** The whole trash when it changed. */
  trash: Array<TrashEntry> | null,
};

/** `title` of a new note becomes its first heading; `text` replaces that. */
export type NewItem = { kind: ItemKind, parent: ItemId, title: string, text: string | null, };

export type SearchRequest =
  | { kind: "text", query: string, limit: number, }
  | { kind: "linksTo", note: ItemId, limit: number, };

export type SearchHit = {
  note: ItemId,
  title: string,
  /** One line around the match. */
  excerpt: string,
  /** Ranges of the match within `excerpt`. */
  marks: Array<TextRange>,
};

export type TextRange = { from: number, to: number, };

// --- editing ----------------------------------------------------------------

/** CodeMirror's `ChangeSet.toJSON()`: a kept length, or `[deleted, ...insertedLines]`. */
export type ChangeSetJson = Array<number | [number, ...Array<string>]>;

export type TextSelection = { anchor: number, head: number, };

export type OpenedNote = {
  id: ItemId,
  title: string,
  text: string,
  version: number,
  mode: Mode,
  readOnly: boolean,
  /** False: no connected peer has had it yet; a `reset` event brings the text. */
  available: boolean,
  draft: DraftState | null,
  status: NoteStatus,
  peers: Array<PresentPeer>,
  /** Others' changes since this person last looked. */
  away: AwaySummary | null,
};

export type DraftState = { edits: number, inserted: number, deleted: number, since: number, };

export type AwaySummary = { since: number, authors: Array<Author>, inserted: number, deleted: number, };

/**
 * `version` is the version that the changes are based on. `confirms` is the version of the
 * remote batch that the window has taken in, when this push is also its confirmation.
 * `selection` holds after the changes.
 */
export type PushRequest = {
  version: number,
  confirms: number | null,
  changes: ChangeSetJson,
  selection: TextSelection | null,
};

/**
 * `effective` is there when the document's change differs from the pushed one: it starts at the
 * same version and takes the place of the pushed changes.
 */
export type PushReply =
  | { kind: "accepted", version: number, effective: ChangeSetJson | null, }
  | { kind: "stale", version: number, };

export type UndoDirection = "undo" | "redo";

export type UndoRequest = { direction: UndoDirection, version: number, confirms: number | null, };

/** `changes` lead from the request's version to `version`. */
export type UndoReply =
  | { kind: "accepted", version: number, changes: ChangeSetJson, selection: TextSelection | null, }
  | { kind: "stale", version: number, }
  | { kind: "nothing", };

export type RemoteOrigin = "peer" | "window" | "folder" | "restore";

export type NoteEvent =
  /** Leads from `version - 1` to `version`. At most one is unconfirmed. */
  | { kind: "remote", version: number, changes: ChangeSetJson, origin: RemoteOrigin, peer: string | null, }
  /** The window starts over from this text (the note arrived, or the window had lost step). */
  | { kind: "reset", version: number, text: string, readOnly: boolean, }
  /** All peers who are here; their selections hold in the text of `version`. */
  | { kind: "presence", version: number, peers: Array<PresentPeer>, }
  | { kind: "title", title: string, }
  | { kind: "status", status: NoteStatus, }
  | { kind: "mode", mode: Mode, draft: DraftState | null, }
  | { kind: "readOnly", readOnly: boolean, }
  | { kind: "away", away: AwaySummary | null, };

export type PresentPeer = {
  peer: string,
  name: string,
  /** One of the eight presence hues, 0 to 7. */
  colour: number,
  selection: TextSelection | null,
};

export type PresenceUpdate = { version: number, selection: TextSelection | null, };

// --- where a note is --------------------------------------------------------

export type NoteStatus = { disk: DiskState, places: Array<Place>, };

export type DiskState =
  | { kind: "saving", }
  | { kind: "saved", at: number, }
  | { kind: "failed", message: string, at: number, };

/** `saved`: on its disk. `received`: in its memory. `behind`: it lacks changes of ours. */
export type PlaceState = "saved" | "received" | "behind";

export type PlaceKind = "server" | "peer";

export type Place = { name: string, kind: PlaceKind, state: PlaceState, at: number | null, };

// --- sharing ----------------------------------------------------------------

/** A text and the changes that lead on from it, for showing the difference. */
export type Difference = { text: string, changes: ChangeSetJson, };

export type LinkTarget = { kind: "item", id: ItemId, } | { kind: "profile", };

/** `profile`: this device takes on the profile behind the link. */
export type OpenLink = { link: string, target: LinkKind, parent: ItemId | null, };

export type LinkKind = "item" | "profile";

// --- network ----------------------------------------------------------------

export type Network = {
  offline: boolean,
  servers: Array<Server>,
  listen: Listen,
};

/** `token`: null keeps the one that is stored, an empty string removes it; always null when read. */
export type Server = { address: string, kind: PlaceKind, token: string | null, hasToken: boolean, };

/** `everywhere`: any address of this computer, which needs a token; otherwise the loopback address. */
export type Listen = { enabled: boolean, port: number, everywhere: boolean, token: string | null, hasToken: boolean, };

export type ConnectionState = "connected" | "connecting" | "waiting" | "refused" | "offline";

export type Connection = {
  id: string,
  address: string,
  name: string,
  kind: PlaceKind,
  /** True for one that dialled us. */
  incoming: boolean,
  state: ConnectionState,
  since: number,
  lastError: string | null,
  nextRetry: number | null,
};

export type SyncReport = {
  commits: number,
  changes: number,
  messagesSent: number,
  messagesReceived: number,
  bytesSent: number,
  bytesReceived: number,
  bytesOnDisk: number,
  status: NoteStatus,
  /** One a second, newest last, at most 60. */
  samples: Array<TrafficSample>,
};

export type TrafficSample = { at: number, sent: number, received: number, };

// --- history ----------------------------------------------------------------

export type Author = { id: string, name: string, colour: number, };

/** Changes are numbered from 1 in the order of the history; 0 is the empty note. */
export type History = { length: number, sessions: Array<HistorySession>, };

/** Changes `first` to `last` (both included) that lie close together in time. */
export type HistorySession = {
  first: number,
  last: number,
  started: number,
  ended: number,
  authors: Array<Author>,
  message: string | null,
  inserted: number,
  deleted: number,
};

/** `seen`: what this person last looked at. */
export type VersionRef = { kind: "position", position: number, } | { kind: "seen", };

/** The note after change `position`, and the way from there to now. */
export type VersionView = { position: number, at: number | null, author: Author | null, difference: Difference, };

export type Attribution = { version: number, authors: Array<Author>, spans: Array<AuthorSpan>, };

/** `author` is an index into `Attribution.authors`. */
export type AuthorSpan = { from: number, to: number, author: number, };

// --- settings ---------------------------------------------------------------

export type Theme = "system" | "light" | "dark";

export type NoteFont = "sans" | "serif";

export type NoteOrder = "manual" | "updated" | "title";

export type Settings = {
  name: string,
  colour: number,
  theme: Theme,
  noteFont: NoteFont,
  /** Pixels, 14 to 22. */
  textSize: number,
  spellCheck: boolean,
  order: NoteOrder,
  defaultMode: Mode,
};
