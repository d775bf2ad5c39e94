// The one sentence at the bottom: where this note is, in the person's terms, never more than is true.

import type { Connection, DraftState, Network, NoteStatus, Place } from "../backend/bindings";
import { strings } from "../shared/strings";
import { clockMoment } from "../shared/time";

export type Tone = "good" | "warn" | "error" | "busy";

export interface StatusSentence {
  tone: Tone;
  text: string;
}

export interface StatusInput {
  status: NoteStatus;
  draft: DraftState | null;
  network: Network;
  connections: Connection[];
  /** Addresses that the note's folder goes to. */
  goesTo: string[];
  /** A request of this window failed and is being repeated. */
  trouble: boolean;
  now: number;
}

export function statusSentence(input: StatusInput): StatusSentence {
  const { status, draft, network, goesTo } = input;
  const words = strings.status;
  if (input.trouble) return { tone: "error", text: strings.note.trouble };
  if (status.disk.kind === "failed") return { tone: "error", text: words.notSaved(sentence(status.disk.message)) };
  if (status.disk.kind === "saving") return { tone: "busy", text: words.saving };

  const parts: string[] = [];
  let tone: Tone = "good";
  const servers = status.places.filter((place) => place.kind === "server" && place.state !== "behind");
  const peers = status.places.filter((place) => place.kind === "peer" && place.state !== "behind");
  const elsewhere = servers.length + peers.length > 0;
  const waiting = draft !== null && draft.edits > 0;
  parts.push(elsewhere || waiting || goesTo.length > 0 ? words.savedHere : words.onlyHere);
  if (waiting) {
    // What others have is the note without these edits, so nothing is said of others.
    parts.push(words.waiting(draft.edits));
    if (network.offline) parts.push(words.offline);
    return { tone: "warn", text: parts.join(" · ") };
  }
  for (const place of servers) parts.push(place.state === "saved" ? words.onServer(place.name) : words.receivedBy(place.name));
  if (peers.length === 1 && peers[0]) parts.push(words.peerHas(peers[0].name));
  else if (peers.length > 1) parts.push(words.peersHave(peers.map((place) => place.name)));
  if (network.offline) {
    parts.push(words.offline);
    tone = goesTo.length > 0 ? "warn" : tone;
  } else {
    const trouble = missing(input, status.places);
    if (trouble.length > 0) {
      parts.push(...trouble.slice(0, 2));
      tone = "warn";
    }
  }
  return { tone, text: parts.join(" · ") };
}

/** What keeps the note from where it should go. */
function missing({ connections, goesTo, now }: StatusInput, places: Place[]): string[] {
  const words = strings.status;
  const result: string[] = [];
  for (const address of goesTo) {
    const connection = connections.find((each) => each.address === address);
    if (!connection) continue;
    const { name, state, since } = connection;
    if (state === "waiting") result.push(words.notAnswered(name, clockMoment(since, now)));
    else if (state === "refused") result.push(words.refused(name));
    else if (state === "connecting") result.push(words.connecting(name));
    else if (state === "connected" && places.some((place) => place.name === name && place.state === "behind")) {
      result.push(words.sending(name));
    }
  }
  return result;
}

function sentence(message: string): string {
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

export function placeWords(place: Place, now: number): string {
  if (place.state === "behind") return strings.sync.placeBehind;
  const time = place.at === null ? null : clockMoment(place.at, now);
  return place.state === "saved" ? strings.sync.placeSaved(time) : strings.sync.placeReceived(time);
}
