// Notes to look at in a browser, without the app. The address says which situation:
// ?first-run, ?empty, ?offline, ?refused, ?waiting, ?disk, ?slow, ?many, ?alone; ?large=10 opens a
// note of ten megabytes in which someone else types a hundred characters a second.

import { ChangeSet } from "@codemirror/state";
import type { Backend } from "./backend";
import type { Author, Connection, NoteStatus } from "./bindings";
import { MemoryWorld } from "./memory";
import type { DocumentWindow, MemoryDocument } from "./memory-document";

const minute = 60_000;
const hour = 60 * minute;
const home = "wss://home.example";
const ana: Author = { id: "ana", name: "Ana Ferreira", colour: 3 };
const ben: Author = { id: "ben", name: "Ben", colour: 0 };

const groceries = `# Groceries

For **Saturday**, when everyone comes. Ben brings the *good* bread.

- [x] milk
- [x] coffee, the dark one
- [ ] bread
- [ ] apples
  - [ ] the sour ones for the cake
  - [ ] some to eat

## The cake

> Peel the apples last, or they go brown before the dough has rested.

1. Butter and sugar, until pale
2. Two eggs, one after the other
3. Flour, and a pinch of salt

See [[Trip to Porto]] for when we leave, and the [recipe](https://example.org/apple-cake) for the rest.

\`\`\`rust
/// Minutes in the oven for a tin of \`diameter\` centimetres.
fn baking_time(diameter: f64) -> u32 {
    let area = std::f64::consts::PI * (diameter / 2.0).powi(2);
    (area / 12.5).round() as u32 // thin cakes are done sooner
}
\`\`\`

![The cake of last year](https://example.org/cake.jpg)
`;

const trip = `---
title: Trip to Porto
---

Leave on the **9:40** train. Everything else is in [[Groceries]].

| day | where | who cooks |
|-----|-------|-----------|
| Fri | Porto | Ana |
| Sat | Gaia  | Ben |

---

Bring \`passports\` and the small camera.
`;

export function sampleBackend(parameters: URLSearchParams): Backend {
  const now = Date.now();
  const has = (name: string) => parameters.has(name);
  const world = new MemoryWorld({
    firstRun: has("first-run"),
    settings: { name: has("first-run") ? "" : "Kim", theme: theme(parameters.get("theme")) },
    network: {
      offline: has("offline"),
      servers: has("first-run") ? [] : [{ address: home, kind: "server", token: null, hasToken: true }],
    },
    connections: has("first-run") ? [] : connections(now, parameters),
    ...(has("slow") ? { delay: () => new Promise<void>((resolve) => setTimeout(resolve, 1500)) } : {}),
  });
  if (has("first-run") || has("empty")) return world.backend();

  world.folder(world.home).goesTo = [home];
  const work = world.addFolder("work", "Work", world.home);
  const old = world.addFolder("old", "Ideas", work);
  world.addFolder("bare", "Someday", world.home);
  const shared = world.addNote("groceries", groceries, world.home, { pinned: true, updated: now - 2 * minute });
  world.addNote("trip", trip, world.home, { updated: now - 3 * hour });
  const reading = world.addNote("reading", "# Reading list\n\n- The Dispossessed\n- A Pattern Language\n", world.home, {
    updated: now - 26 * hour,
    unseen: true,
  });
  world.addNote("plan", "# Plan for the quarter\n\nWhat we said we would do.\n", work, { updated: now - 50 * hour, mode: "batched" });
  world.addNote("minutes", "# Minutes\n\n## Monday\n\nAna, Ben, Kim.\n", work, { updated: now - 70 * hour });
  world.addNote("garden", "# A garden on the roof\n", old, { updated: now - 400 * hour });
  world.addNote("from-ana", "", world.home, { updated: now - 90 * hour, available: false, title: "From Ana" });
  world.addNote("gone", "# Old shopping list\n", world.home);
  world.folder(world.home).items = world.folder(world.home).items.filter((id) => id !== "gone");
  world.trash = [{ id: "gone", title: "Old shopping list", kind: "note", trashed: now - 4 * hour, from: world.home }];
  if (has("many")) {
    for (let i = 0; i < 10_000; i += 1) world.addNote(`many-${i}`, `# Note ${i}\n\nNumber ${i} of many.\n`, i % 3 ? old : work, { updated: now - i * minute });
  }

  if (has("large")) large(world, Number(parameters.get("large") || "1"));

  past(shared, now);
  write(reading, reading.shared.length, "- Seeing like a State\n", ben, now - 25 * hour);
  const note = world.notes.get("groceries");
  if (note) note.seen = shared.log.length;
  for (const id of world.notes.keys()) world.setStatus(id, status(now, parameters));
  if (!has("alone")) {
    company(world, shared);
  }
  return world.backend();
}

function theme(value: string | null): "light" | "dark" | "system" {
  return value === "light" || value === "dark" ? value : "system";
}

function connections(now: number, parameters: URLSearchParams): Connection[] {
  const base = { id: home, address: home, name: "home.example", kind: "server" as const, incoming: false, lastError: null, nextRetry: null };
  if (parameters.has("offline")) return [{ ...base, state: "offline", since: now - hour }];
  if (parameters.has("refused")) {
    return [{ ...base, state: "refused", since: now - hour, lastError: "The server does not accept this token.", nextRetry: now + 40_000 }];
  }
  if (parameters.has("waiting")) {
    return [{ ...base, state: "waiting", since: now - 2 * hour, lastError: "The server has not answered.", nextRetry: now + 12_000 }];
  }
  return [
    { ...base, state: "connected", since: now - 3 * hour },
    { id: "peer-ana", address: "ws://192.168.1.20:3030", name: "Ana", kind: "peer", incoming: true, state: "connected", since: now - 20 * minute, lastError: null, nextRetry: null },
  ];
}

function status(now: number, parameters: URLSearchParams): NoteStatus {
  if (parameters.has("disk")) return { disk: { kind: "failed", message: "the disk is full", at: now }, places: [] };
  const disk = { kind: "saved" as const, at: now - 1000 };
  if (["offline", "refused", "waiting"].some((name) => parameters.has(name))) return { disk, places: [] };
  return {
    disk,
    places: [
      { name: "home.example", kind: "server", state: "saved", at: now - 900 },
      { name: "Ana", kind: "peer", state: "received", at: now - 800 },
    ],
  };
}

/** A history of two days, so that the panels have something to show. */
function past(document: MemoryDocument, now: number): void {
  const kim: Author = { id: "me", name: "Kim", colour: 5 };
  const at = (text: string) => document.shared.toString().indexOf(text);
  write(document, at("- [ ] bread"), "- [ ] butter\n", kim, now - 49 * hour);
  write(document, at("## The cake"), "- [ ] candles\n\n", ana, now - 48 * hour);
  cut(document, "- [ ] candles\n\n", kim, now - 30 * hour);
  cut(document, "- [ ] butter\n", ana, now - 5 * hour);
  document.commit(
    ChangeSet.of({ from: at("Ben brings"), insert: "It will be loud. " }, document.shared.length, "\n"),
    ben,
    now - 4 * hour,
    "Warn the neighbours",
    null,
    "peer",
  );
  cut(document, "It will be loud. ", ben, now - 3 * hour);
}

function write(document: MemoryDocument, at: number, insert: string, author: Author, time: number): void {
  document.commit(ChangeSet.of({ from: at, insert }, document.shared.length, "\n"), author, time, null, null, "peer");
}

function cut(document: MemoryDocument, text: string, author: Author, time: number): void {
  const from = document.shared.toString().indexOf(text);
  document.commit(ChangeSet.of({ from, to: from + text.length }, document.shared.length), author, time, null, null, "peer");
}

/** Two people in the note: one types now and then, one has selected something. */
function company(world: MemoryWorld, document: MemoryDocument): void {
  const open = (author: Author) =>
    document.open({ author, peer: author.id, mode: "live", now: () => world.now(), onEvent: () => undefined });
  const anas = open(ana);
  const bens = open(ben);
  const at = (text: string) => document.shared.toString().indexOf(text);
  place(bens, at("*good* bread"), at("*good* bread") + 12);
  place(anas, at("] apples") + 8, at("] apples") + 8);
  const words = [", six of them", "", ", or seven"];
  let word = 0;
  let letter = 0;
  setInterval(() => {
    const text = words[word % words.length] ?? "";
    const end = document.shared.lineAt(Math.max(0, at("] apples"))).to;
    if (letter < text.length) {
      write(document, end, text.charAt(letter), ana, world.now());
      place(anas, end + 1, end + 1);
      letter += 1;
    } else if (Math.random() < 0.08) {
      word += 1;
      letter = 0;
      if (text) cut(document, text, ana, world.now());
    }
  }, 220);
}

function large(world: MemoryWorld, megabytes: number): void {
  const paragraph = "Some words that make a **line** of a note, with a [link](https://example.org) in it.\n\n";
  const text = `# Large\n\n${paragraph.repeat(Math.round((megabytes * 1_000_000) / paragraph.length))}`;
  const document = world.addNote("large", text, world.home, { updated: Date.now() + hour });
  let typed = 0;
  setInterval(() => write(document, 200 + typed++, "x", ana, world.now()), 10);
}

function place(window: DocumentWindow, anchor: number, head: number): void {
  window.selection = { anchor, head };
  window.setPresence(window.version, { anchor, head });
}
