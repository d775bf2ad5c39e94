// Automerge in JavaScript as the other side of the interop tests.
//
//   node interop.mjs write SEED COUNT DIR   random documents: N.am (a save), N.changes (its changes,
//                                           each after its length in four bytes), N.json (what it holds)
//   node interop.mjs read DIR               for every N.in.am: N.out.json (what it holds), and
//                                           N.edited.am with N.edited.json after an edit of ours
//
// What a document holds is written as heads, values with their conflicts, texts with marks and spans.
import * as A from "@automerge/automerge";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const PIECES = ["a", "b", " ", "hello", "The quick", "\n", "é", "e\u0301", "日本", "😀", "👩‍👩‍👧", "שלום", "\r\n", "xyz"];
const KEYS = ["a", "b", "c", "key", "é", "日本", "😀", "long key with words"];

/** A small generator with a seed. */
function generator(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const below = (limit) => Math.floor(next() * limit);
  return { below, pick: (list) => list[below(list.length)], chance: (part) => next() < part };
}

function text(random, most) {
  return Array.from({ length: random.below(most + 1) }, () => random.pick(PIECES)).join("");
}

function scalar(random) {
  switch (random.below(11)) {
    case 0: return null;
    case 1: return random.chance(0.5);
    case 2: return random.below(100) - 50;
    case 3: return -random.below(2 ** 40);
    case 4: return random.below(1000) / 7;
    case 5: return new Date(random.below(2 ** 40));
    case 6: return new Uint8Array(Array.from({ length: random.below(5) }, () => random.below(256)));
    case 7: return new A.Counter(random.below(100));
    case 8: return new A.ImmutableString(text(random, 2));
    case 9: return BigInt("9223372036854775807") + BigInt(random.below(1000));
    default: return new A.Uint(random.below(1000));
  }
}

function value(random) {
  switch (random.below(8)) {
    case 0: return {};
    case 1: return [1, scalar(random)];
    case 2: case 3: return text(random, 3);
    case 4: return { nested: text(random, 1), list: [scalar(random)] };
    default: return scalar(random);
  }
}

/** Every map, list and text of a document with its path. */
function objects(object, path = [], found = []) {
  found.push({ object, path, kind: Array.isArray(object) ? "list" : "map" });
  for (const [key, child] of Array.isArray(object) ? object.entries() : Object.entries(object)) {
    const at = [...path, key];
    // A path with an empty key is not understood by all of Automerge's functions for texts.
    if (typeof child === "string") {
      if (!at.includes("")) found.push({ object: child, path: at, kind: "text" });
    }
    else if (isObject(child)) objects(child, at, found);
  }
  return found;
}

function isObject(value) {
  return typeof value === "object" && value !== null && !(value instanceof Date) &&
    !(value instanceof Uint8Array) && !A.isCounter(value) && !A.isImmutableString(value);
}

/** A position that does not fall into a surrogate pair. */
function position(random, text) {
  const at = random.below(text.length + 1);
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code < 0xe000 ? at - 1 : at;
}

function edit(random, doc) {
  const { object, path, kind } = random.pick(objects(doc));
  if (kind === "text") return editText(random, doc, object, path);
  if (kind === "list") {
    const at = random.below(object.length + 1);
    const choice = random.below(4);
    if (choice === 0 && at < object.length) object.splice(at, 1 + random.below(2));
    else if (choice === 1 && at < object.length) set(random, object, at);
    else object.splice(at, 0, value(random));
    return;
  }
  const key = random.pick(KEYS);
  if (random.chance(0.2)) delete object[key];
  else set(random, object, key);
}

function set(random, object, key) {
  if (typeof object[key]?.increment === "function" && random.chance(0.7)) object[key].increment(random.below(20) - 5);
  else object[key] = value(random);
}

function editText(random, doc, content, path) {
  const at = position(random, content);
  const other = position(random, content);
  const [start, end] = [Math.min(at, other), Math.max(at, other)];
  const expand = random.pick(["none", "before", "after", "both"]);
  switch (random.below(9)) {
    case 0:
      A.mark(doc, path, { start, end, expand }, random.pick(["strong", "em"]), random.pick([true, "x", 3]));
      return;
    case 1:
      A.unmark(doc, path, { start, end, expand }, random.pick(["strong", "em"]));
      return;
    case 2:
      A.splitBlock(doc, path, at, { type: new A.ImmutableString("paragraph"), parents: [], attrs: {} });
      return;
    case 3:
      A.updateText(doc, path, content.slice(0, start) + text(random, 2) + content.slice(end));
      return;
    default:
      A.splice(doc, path, start, random.chance(0.3) ? Math.min(end - start, 6) : 0, text(random, 3));
  }
}

function program(seed) {
  const random = generator(seed);
  const actor = (n) => `${(0x10 + ((n * 89) % 200)).toString(16)}`.padEnd(32, "0");
  let docs = [A.change(A.init({ actor: actor(0) }), (d) => { d.text = "start"; d.list = []; d.map = {}; })];
  for (let step = 0; step < 10 + random.below(40); step++) {
    const at = random.below(docs.length);
    const choice = random.below(10);
    if (choice === 0 && docs.length < 4) docs.push(A.clone(docs[at], { actor: actor(docs.length) }));
    else if (choice === 1) {
      const from = random.below(docs.length);
      if (from !== at) docs[at] = A.merge(docs[at], A.clone(docs[from]));
    } else if (choice === 2) docs[at] = A.emptyChange(docs[at]);
    else {
      const message = random.chance(0.2) ? text(random, 2) || undefined : undefined;
      const count = random.chance(0.3) ? 1 + random.below(5) : 1;
      docs[at] = A.change(docs[at], { message, time: random.below(2 ** 31) }, (d) => {
        for (let n = 0; n < count; n++) edit(random, d);
      });
    }
  }
  let all = docs[0];
  for (const other of docs.slice(1)) all = A.merge(all, other);
  return all;
}

/** A scalar as a line that is the same on both sides. */
function leaf(value) {
  if (value === null) return "null";
  if (A.isCounter(value)) return `counter ${value.value}`;
  if (A.isImmutableString(value)) return `str ${value.val}`;
  if (value instanceof Date) return `timestamp ${value.getTime()}`;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  if (typeof value === "boolean") return `bool ${value}`;
  if (typeof value === "bigint") return `num ${value}`;
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return `num ${value === 0 ? 0 : value}`;
    const bits = new DataView(new ArrayBuffer(8));
    bits.setFloat64(0, value);
    return `f64 ${bits.getBigUint64(0).toString(16).padStart(16, "0")}`;
  }
  return `unknown ${JSON.stringify(value)}`;
}

/** A value without its conflicts. In a conflict JavaScript shows both kinds of strings alike. */
function plain(value) {
  if (A.isImmutableString(value)) return { text: value.val };
  if (typeof value === "string") return { text: value };
  if (Array.isArray(value)) return { list: value.map(plain) };
  if (isObject(value)) return { map: sorted(Object.entries(value).map(([k, v]) => [k, plain(v)])) };
  return leaf(value);
}

function sorted(entries) {
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

function conflicts(object, key) {
  const found = A.getConflicts(object, key);
  if (!found || Object.keys(found).length < 2) return undefined;
  return sorted(Object.entries(found).map(([id, value]) => [id, plain(value)]));
}

function describe(doc) {
  const walk = (value, path) => {
    // Automerge reads marks of another object when the path has an empty key.
    if (typeof value === "string" && path.includes("")) return { text: value, marks: [], spans: [] };
    if (typeof value === "string") {
      const marks = A.marks(doc, path).map((m) => `${m.start} ${m.end} ${m.name} ${markValue(m.value)}`);
      return { text: value, marks: marks.sort(), spans: spans(A.spans(doc, path)) };
    }
    if (!isObject(value)) return leaf(value);
    const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value);
    const described = entries.map(([key, child]) => [key, { value: walk(child, [...path, key]), conflicts: conflicts(value, key) }]);
    return Array.isArray(value) ? { list: described.map(([, child]) => child) } : { map: sorted(described) };
  };
  return { heads: A.getHeads(doc).sort(), value: walk(doc, []) };
}

/** Spans as lines; what differs only in removed marks is one span. */
function spans(found) {
  const merged = [];
  for (const span of found) {
    if (span.type === "block") {
      merged.push({ line: "block" });
      continue;
    }
    const marks = JSON.stringify(sorted(Object.entries(span.marks ?? {}).map(([k, v]) => [k, markValue(v)])));
    const before = merged.at(-1);
    if (before?.marks === marks) before.line += span.value;
    else merged.push({ line: span.value, marks });
  }
  return merged.map(({ line, marks }) => (marks === undefined ? line : `${line} ${marks}`));
}

/** Marks hold strings as scalars, which JavaScript shows as plain strings. */
function markValue(value) {
  return typeof value === "string" ? `str ${value}` : leaf(value);
}

function write(seed, count, folder) {
  for (let n = 0; n < count; n++) {
    const doc = program(seed + n);
    writeFileSync(join(folder, `${n}.am`), A.save(doc));
    const changes = A.getAllChanges(doc).flatMap((change) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(change.length);
      return [length, change];
    });
    writeFileSync(join(folder, `${n}.changes`), Buffer.concat(changes));
    writeFileSync(join(folder, `${n}.json`), JSON.stringify(describe(doc)));
  }
}

function read(folder) {
  for (const file of readdirSync(folder).filter((file) => file.endsWith(".in.am"))) {
    const name = join(folder, file.slice(0, -".in.am".length));
    try {
      let doc = A.load(readFileSync(join(folder, file)), { actor: "ff".repeat(16) });
      writeFileSync(`${name}.out.json`, JSON.stringify(describe(doc)));
      const random = generator(file.length * 31 + file.charCodeAt(0));
      doc = A.change(doc, { time: 0 }, (d) => { d.edited = text(random, 3); for (let n = 0; n < 3; n++) edit(random, d); });
      writeFileSync(`${name}.edited.am`, A.save(doc));
      writeFileSync(`${name}.edited.json`, JSON.stringify(describe(doc)));
    } catch (error) {
      writeFileSync(`${name}.out.json`, JSON.stringify({ error: String(error?.stack ?? error) }));
    }
  }
}

const [command, ...rest] = process.argv.slice(2);
if (command === "write") write(Number(rest[0]), Number(rest[1]), rest[2]);
else if (command === "read") read(rest[0]);
else {
  console.error("usage: interop.mjs write SEED COUNT DIR | read DIR");
  process.exit(2);
}
