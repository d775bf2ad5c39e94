// Plain data that crosses between the UI and the backend.
// Written by `cargo xtask bindings` from the types in `src-tauri/src/port`; a difference fails the tests.
// Times are milliseconds since 1970. Text positions are UTF-16 code units.

// --- errors ---

/** Why a command was rejected, for the page to act on. */
export type ErrorCode = "notFound" | "unavailable" | "readOnly" | "invalid" | "refused" | "storage" | "internal";

/** What a rejected command carries. `message` is fit to be shown. */
export type BackendError = {
  /** What kind of failure this is. */
  code: ErrorCode,
  /** One sentence for the person. */
  message: string,
};

// --- start ---

/** Everything that a page needs before it shows anything. */
export type Session = {
  /** All folders and notes. */
  library: Library,
  /** The person's settings. */
  settings: Settings,
  /** Where notes may go. */
  network: Network,
  /** The connections as they are now. */
  connections: Array<Connection>,
  /** The folder of files that says what the notes say. */
  mirror: MirrorState,
  /** The folder on this computer that holds everything. */
  dataFolder: string,
  /** The version of the app. */
  version: string,
  /** No settings were found: the welcome page is shown. */
  firstRun: boolean,
};

/** What concerns the whole app. */
export type AppEvent = { "kind": "library",
  /** What is new. */
  change: LibraryChange, } | { "kind": "connections",
  /** All connections. */
  connections: Array<Connection>, } | { "kind": "network",
  /** All of it. */
  network: Network, } | { "kind": "settings",
  /** All of them. */
  settings: Settings, } | { "kind": "mirror",
  /** All of it. */
  mirror: MirrorState, } | { "kind": "notice",
  /** What. */
  notice: Notice,
};

/** How much a notice matters. */
export type NoticeLevel = "info" | "warn" | "error";

/** Something that needs the person now. */
export type Notice = {
  /** How much it matters. */
  level: NoticeLevel,
  /** A sentence that says what to do. */
  message: string,
  /** When. */
  at: number,
  /** The note that it is about. */
  note: ItemId | null,
};

// --- library ---

/** The id of a note or folder: its document id in text form. */
export type ItemId = string;

/** All folders and notes, flat; `FolderEntry.items` holds the tree. */
export type Library = {
  /** The folder that everything hangs on. */
  home: ItemId,
  /** Every folder, home included. */
  folders: Array<FolderEntry>,
  /** Every note. */
  notes: Array<NoteEntry>,
  /** What was thrown away. */
  trash: Array<TrashEntry>,
};

/** One folder. */
export type FolderEntry = {
  /** Its id. */
  id: ItemId,
  /** Its name. */
  title: string,
  /** The notes and folders in it, in the order of the folder. */
  items: Array<ItemId>,
  /** Addresses that this folder's notes go to; empty: this computer only. */
  goesTo: Array<string>,
  /** False while no connected peer has had it. */
  available: boolean,
};

/** One note. */
export type NoteEntry = {
  /** Its id. */
  id: ItemId,
  /** Its front matter title or first heading. */
  title: string,
  /** When it was last changed. */
  updated: number,
  /** Whether it stands at the top. */
  pinned: boolean,
  /** How it is shared. */
  mode: Mode,
  /** Addresses that it goes to besides those of its folder: where it came from. */
  goesTo: Array<string>,
  /** Others changed it since this person last looked. */
  unseen: boolean,
  /** False while no connected peer has had it. */
  available: boolean,
};

/** Something that was thrown away. */
export type TrashEntry = {
  /** Its id. */
  id: ItemId,
  /** Its title. */
  title: string,
  /** What it is. */
  kind: ItemKind,
  /** When it was thrown away. */
  trashed: number,
};

/** What an item is. */
export type ItemKind = "note" | "folder";

/** What is set of an item. */
export type ItemFlag = "pinned" | "trashed";

/** Entries that are new or changed replace those of the same id. */
export type LibraryChange = {
  /** New or changed folders. */
  folders: Array<FolderEntry>,
  /** New or changed notes. */
  notes: Array<NoteEntry>,
  /** What is gone from folders and trash alike. */
  removed: Array<ItemId>,
  /** The whole trash when it changed. */
  trash: Array<TrashEntry> | null,
};

/** `title` of a new note becomes its first heading; `text` replaces that. */
export type NewItem = {
  /** What to make. */
  kind: ItemKind,
  /** The folder that it goes into. */
  parent: ItemId,
  /** Its title. */
  title: string,
  /** The text of a note. */
  text: string | null,
};

/** What to look for. */
export type SearchRequest = { "kind": "text",
  /** What was typed. */
  query: string,
  /** The most hits to return. */
  limit: number, } | { "kind": "linksTo",
  /** The note that is linked to. */
  note: ItemId,
  /** The most hits to return. */
  limit: number,
};

/** A note that was found. */
export type SearchHit = {
  /** The note. */
  note: ItemId,
  /** Its title. */
  title: string,
  /** One line around the match. */
  excerpt: string,
  /** Ranges of the match within `excerpt`. */
  marks: Array<TextRange>,
};

/** A stretch of text. */
export type TextRange = {
  /** Where it begins. */
  from: number,
  /** Where it ends, exclusive. */
  to: number,
};

// --- editing ---

/** When a note's edits are committed and shared. */
export type Mode = "live" | "hybrid" | "batched";

/** CodeMirror's `ChangeSet.toJSON()`: a kept length, or `[deleted, ...insertedLines]`. */
export type ChangeSetJson = Array<number | [number, ...Array<string>]>;

/** A caret or a selection. */
export type TextSelection = {
  /** Where it began. */
  anchor: number,
  /** Where the caret is. */
  head: number,
};

/** A note as a window opens it. */
export type OpenedNote = {
  /** The note. */
  id: ItemId,
  /** Its title. */
  title: string,
  /** Its text at `version`. */
  text: string,
  /** The window's version of it. */
  version: number,
  /** How it is shared. */
  mode: Mode,
  /** It can only be read. */
  readOnly: boolean,
  /** False: no connected peer has had it yet; a `reset` event brings the text. */
  available: boolean,
  /** What waits for a commit. */
  draft: DraftState | null,
  /** Where it is. */
  status: NoteStatus,
  /** Who is here. */
  peers: Array<PresentPeer>,
  /** Others' changes since this person last looked. */
  away: AwaySummary | null,
};

/** Edits of a batched note that wait for a commit. */
export type DraftState = {
  /** How many edits wait. */
  edits: number,
  /** UTF-16 units that came in. */
  inserted: number,
  /** UTF-16 units that went. */
  deleted: number,
  /** When the first of them was made. */
  since: number,
};

/** What others did since this person last looked. */
export type AwaySummary = {
  /** When that was. */
  since: number,
  /** Who changed something. */
  authors: Array<Author>,
  /** UTF-16 units that came in. */
  inserted: number,
  /** UTF-16 units that went. */
  deleted: number,
};

/** A person's edit, on its way to the document. */
export type PushRequest = {
  /** The version that the changes are based on. */
  version: number,
  /** The version of the remote batch that the window has taken in, when this push is also its confirmation. */
  confirms: number | null,
  /** The edit. */
  changes: ChangeSetJson,
  /** Holds after the changes. */
  selection: TextSelection | null,
};

/** What became of a push. */
export type PushReply = { "kind": "accepted",
  /** The version that it made. */
  version: number,
  /** There when the document's change differs from the pushed one: it starts at the same
   * version and takes the place of the pushed changes. */
  effective: ChangeSetJson | null, } | { "kind": "stale",
  /** The current version. */
  version: number,
};

/** Backwards or forwards. */
export type UndoDirection = "undo" | "redo";

/** A wish to undo or redo the last own edit. */
export type UndoRequest = {
  /** Which of the two. */
  direction: UndoDirection,
  /** The window's version. */
  version: number,
  /** As in a push. */
  confirms: number | null,
};

/** What became of it. */
export type UndoReply = { "kind": "accepted",
  /** The version that it made. */
  version: number,
  /** Lead from the request's version to `version`. */
  changes: ChangeSetJson,
  /** Where the caret goes. */
  selection: TextSelection | null, } | { "kind": "stale",
  /** The current version. */
  version: number, } | { "kind": "nothing" };

/** Where a remote batch comes from. */
export type RemoteOrigin = "peer" | "window" | "folder" | "restore";

/** What happens to an open note. */
export type NoteEvent = { "kind": "remote",
  /** The version that it makes. */
  version: number,
  /** The change. */
  changes: ChangeSetJson,
  /** Where it comes from. */
  origin: RemoteOrigin,
  /** Who, when one person is known. */
  peer: string | null, } | { "kind": "reset",
  /** The version from here on. */
  version: number,
  /** The text. */
  text: string,
  /** It can only be read. */
  readOnly: boolean, } | { "kind": "presence",
  /** The version that the selections hold in. */
  version: number,
  /** Who is here. */
  peers: Array<PresentPeer>, } | { "kind": "title",
  /** The new title. */
  title: string, } | { "kind": "status",
  /** Where it is now. */
  status: NoteStatus, } | { "kind": "mode",
  /** How it is shared. */
  mode: Mode,
  /** What waits. */
  draft: DraftState | null, } | { "kind": "readOnly",
  /** It can only be read. */
  readOnly: boolean, } | { "kind": "away",
  /** What they did. */
  away: AwaySummary | null,
};

/** Somebody who has the note open. */
export type PresentPeer = {
  /** Their peer id. */
  peer: string,
  /** Their name. */
  name: string,
  /** One of the eight presence hues, 0 to 7. */
  colour: number,
  /** Where they are in the text. */
  selection: TextSelection | null,
};

/** Where this person is in the text. */
export type PresenceUpdate = {
  /** The version that the selection holds in. */
  version: number,
  /** Nothing: this person looks elsewhere. */
  selection: TextSelection | null,
};

// --- where a note is ---

/** Where a note is, on this disk and elsewhere. */
export type NoteStatus = {
  /** On this disk. */
  disk: DiskState,
  /** On servers and at peers. */
  places: Array<Place>,
};

/** Whether a note is on this disk. */
export type DiskState = { "kind": "saving" } | { "kind": "saved",
  /** Since when. */
  at: number, } | { "kind": "failed",
  /** Why. */
  message: string,
  /** When. */
  at: number,
};

/** `saved`: on its disk. `received`: in its memory. `behind`: it lacks changes of ours. */
export type PlaceState = "saved" | "received" | "behind";

/** What is at the other end. */
export type PlaceKind = "server" | "peer";

/** Another place that has the note, or lacks some of it. */
export type Place = {
  /** What to call it. */
  name: string,
  /** What it is. */
  kind: PlaceKind,
  /** What it has. */
  state: PlaceState,
  /** Since when, if that is known. */
  at: number | null,
};

// --- sharing ---

/** A text and the changes that lead on from it, for showing the difference. */
export type Difference = {
  /** The text before. */
  text: string,
  /** What leads on. */
  changes: ChangeSetJson,
};

/** Gives a link to an item, or to the profile. */
export type LinkTarget = { "kind": "item",
  /** Which. */
  id: ItemId, } | { "kind": "profile" };

/** `profile`: this device takes on the profile behind the link. */
export type OpenLink = {
  /** An `automerge:` link. */
  link: string,
  /** What it leads to. */
  target: LinkKind,
  /** The folder that the item goes into; home when there is none. */
  parent: ItemId | null,
};

/** What a link leads to. */
export type LinkKind = "item" | "profile";

// --- network ---

/** The network configuration. */
export type Network = {
  /** Nothing is dialled and nobody let in. */
  offline: boolean,
  /** What is dialled. */
  servers: Array<Server>,
  /** Who may dial us. */
  listen: Listen,
};

/** `token`: null keeps the one that is stored, an empty string removes it; always null when read. */
export type Server = {
  /** `ws://` or `wss://` and so on. */
  address: string,
  /** What is there. */
  kind: PlaceKind,
  /** A new token. */
  token: string | null,
  /** Whether one is stored. */
  hasToken: boolean,
};

/** `everywhere`: any address of this computer, which needs a token; otherwise the loopback address. */
export type Listen = {
  /** Whether anybody may dial us. */
  enabled: boolean,
  /** The port; 0 takes any that is free. */
  port: number,
  /** Beyond this computer. */
  everywhere: boolean,
  /** A new token. */
  token: string | null,
  /** Whether one is stored. */
  hasToken: boolean,
  /** Under which addresses others reach us now; told to the page, never by it. */
  addresses: Array<string>,
};

/** How a connection is. */
export type ConnectionState = "connected" | "connecting" | "waiting" | "refused" | "offline";

/** One connection. */
export type Connection = {
  /** Names it in `retry`. */
  id: string,
  /** Where to or from. */
  address: string,
  /** What to call it. */
  name: string,
  /** What is there. */
  kind: PlaceKind,
  /** True for one that dialled us. */
  incoming: boolean,
  /** How it is. */
  state: ConnectionState,
  /** Since when. */
  since: number,
  /** Why it last failed. */
  lastError: string | null,
  /** When it is dialled again. */
  nextRetry: number | null,
};

/** What the note costs, in numbers. */
export type SyncReport = {
  /** Commits by this app since it started. */
  commits: number,
  /** Changes in the note's history. */
  changes: number,
  /** Changes sent since the note was first opened, once for each peer that they went to. */
  changesSent: number,
  /** Changes received since then that were new here. */
  changesReceived: number,
  /** Sync messages sent since then. */
  messagesSent: number,
  /** Sync messages received since then. */
  messagesReceived: number,
  /** Their bytes. */
  bytesSent: number,
  /** Their bytes. */
  bytesReceived: number,
  /** What the store on this disk holds of the note: its history, and what peers have of it. */
  bytesOnDisk: number,
  /** Where the note is. */
  status: NoteStatus,
  /** The last sixty whole seconds, newest last. */
  samples: Array<TrafficSample>,
};

/** The sync messages of one second. */
export type TrafficSample = {
  /** When. */
  at: number,
  /** Bytes sent. */
  sent: number,
  /** Bytes received. */
  received: number,
};

// --- history ---

/** A person who wrote something. */
export type Author = {
  /** Their author id, in hexadecimal. */
  id: string,
  /** Their name, as far as it is known. */
  name: string,
  /** One of the eight presence hues, 0 to 7. */
  colour: number,
};

/** Changes are numbered from 1 in the order of the history; 0 is the empty note. */
export type History = {
  /** How many changes there are. */
  length: number,
  /** The first position at which there is something to see: making a note writes no text. */
  first: number,
  /** Their groups, oldest first, less those before there was something to see. */
  sessions: Array<HistorySession>,
};

/** Changes `first` to `last` (both included) that lie close together in time. */
export type HistorySession = {
  /** The first change. */
  first: number,
  /** The last change. */
  last: number,
  /** When the first was made. */
  started: number,
  /** When the last was made. */
  ended: number,
  /** Who made them. */
  authors: Array<Author>,
  /** What a commit said about itself. */
  message: string | null,
  /** UTF-16 units that came in. */
  inserted: number,
  /** UTF-16 units that went. */
  deleted: number,
};

/** `seen`: what this person last looked at. `session`: the version after it, and in place of the way to
 * now what the session did. */
export type VersionRef = { "kind": "position",
  /** How many. */
  position: number, } | { "kind": "session",
  /** Its first change, from 1. */
  first: number,
  /** Its last change. */
  last: number, } | { "kind": "seen" };

/** The note after change `position`, and a difference to show with it. */
export type VersionView = {
  /** After how many changes. */
  position: number,
  /** When the last of them was made. */
  at: number | null,
  /** Who made it. */
  author: Author | null,
  /** The text then, and what leads to now; for a session the text before it, and what it did. */
  difference: Difference,
};

/** Who wrote which part of the text. */
export type Attribution = {
  /** The version that the spans hold in. */
  version: number,
  /** Everybody who wrote something. */
  authors: Array<Author>,
  /** The text from end to end, less what nobody is known for. */
  spans: Array<AuthorSpan>,
};

/** `author` is an index into `Attribution.authors`. */
export type AuthorSpan = {
  /** Where it begins. */
  from: number,
  /** Where it ends, exclusive. */
  to: number,
  /** Who wrote it. */
  author: number,
};

// --- files ---

/** The folder on this computer whose files are the notes. */
export type MirrorState = {
  /** Where it is; none was chosen when there is none. */
  directory: string | null,
  /** How it is doing. */
  phase: MirrorPhase,
  /** How many notes have a file. */
  notes: number,
  /** Files that are no notes, and why. */
  leftAlone: Array<LeftAloneFile>,
  /** Where notes took in an edit that was made on an old text. */
  toReview: Array<ReviewSpot>,
  /** The import or export that is under way, or that ended last. */
  transfer: Transfer | null,
};

/** How the folder is doing. */
export type MirrorPhase = { "kind": "off" } | { "kind": "working" } | { "kind": "inStep" } | { "kind": "vanished" } | { "kind": "manyGone",
  /** How many. */
  count: number, } | { "kind": "failed",
  /** What, in a sentence. */
  message: string,
};

/** A file that is no note. */
export type LeftAloneFile = {
  /** Where it is, from the folder down. */
  path: string,
  /** Why. */
  reason: string,
};

/** A spot where an edit was kept beside what came after the text that it was made on. */
export type ReviewSpot = {
  /** The note. */
  note: ItemId,
  /** The first words of what was kept. */
  excerpt: string,
};

/** An import or export. */
export type Transfer = {
  /** Whether files become notes; otherwise notes become files. */
  importing: boolean,
  /** Notes that are done. */
  done: number,
  /** Notes in all. */
  total: number,
  /** What became of it, when it has ended. */
  report: TransferReport | null,
  /** Why it failed, if it did. */
  failed: string | null,
};

/** What became of an import or export. */
export type TransferReport = {
  /** How many notes were made or written. */
  notes: number,
  /** How many were here already, as an earlier import of the same files had made them. */
  known: number,
  /** How many folders were. */
  folders: number,
  /** How many links were adapted. */
  links: number,
  /** Files that were not taken in because they are not Markdown. */
  others: number,
  /** What was not taken in, or could not be had, and why. */
  leftOut: Array<LeftAloneFile>,
  /** Links to files that are not there, with the file that they stand in. */
  broken: Array<LeftAloneFile>,
};

/** What a person does about the folder. */
export type MirrorAction = { "kind": "choose",
  /** Where it is; it is made when it is not there. */
  directory: string | null, } | { "kind": "pause",
  /** Which. */
  paused: boolean, } | { "kind": "confirmDeletions" } | { "kind": "reviewed",
  /** The note. */
  note: ItemId, } | { "kind": "reveal",
  /** The note. */
  note: ItemId | null, } | { "kind": "pick" } | { "kind": "import",
  /** Where they are. */
  directory: string, } | { "kind": "export",
  /** Where. */
  directory: string,
  /** As documents with their history, instead of Markdown. */
  history: boolean,
};

/** What an action gives. */
export type MirrorReply = {
  /** The directory that was picked. */
  directory: string | null,
  /** Where the mark was in the note, in UTF-16 units. */
  position: number | null,
};

// --- settings ---

/** Light or dark. */
export type Theme = "system" | "light" | "dark";

/** The type of a note's text. */
export type NoteFont = "sans" | "serif";

/** The order of notes in a folder. */
export type NoteOrder = "manual" | "updated" | "title";

/** The person's settings. */
export type Settings = {
  /** The name that others see. */
  name: string,
  /** One of the eight presence hues, 0 to 7. */
  colour: number,
  /** Light or dark. */
  theme: Theme,
  /** The type of a note's text. */
  noteFont: NoteFont,
  /** Pixels, 14 to 22. */
  textSize: number,
  /** Whether spelling is checked. */
  spellCheck: boolean,
  /** The order of notes. */
  order: NoteOrder,
  /** How a new note is shared. */
  defaultMode: Mode,
};
