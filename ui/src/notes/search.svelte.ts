// Search as one types: titles at once from what the window knows, full text from the backend.

import { failureOf } from "../backend/backend";
import type { ItemId, SearchHit, TextRange } from "../backend/bindings";
import type { App } from "../shared/app.svelte";
import { rank } from "../shared/fuzzy";
import { pathOf, reachableNotes } from "./library";

export interface Result {
  note: ItemId;
  title: string;
  path: string;
  excerpt: string;
  marks: TextRange[];
}

const titleLimit = 8;
const textLimit = 60;
const typingPause = 40;

export class Search {
  private readonly app: App;
  private hits = $state.raw<SearchHit[]>([]);
  /** The query that `hits` answer. */
  answered = $state("");
  failure = $state<string | null>(null);
  active = $state(0);
  private timer: ReturnType<typeof setTimeout> | null = null;

  readonly results: Result[] = $derived.by(() => {
    const query = this.app.searchText.trim();
    if (!query) return [];
    const { library } = this.app;
    const titles = rank(query, reachableNotes(library), (note) => note.title, titleLimit).filter(({ match }) => match.score > 20);
    const seen = new Set<ItemId>();
    const results: Result[] = [];
    const add = (note: ItemId, title: string, excerpt: string, marks: TextRange[]) => {
      if (seen.has(note)) return;
      seen.add(note);
      results.push({ note, title, path: pathOf(library, note).join(" / "), excerpt, marks });
    };
    const byNote = new Map(this.hits.map((hit) => [hit.note, hit]));
    for (const { item } of titles) {
      const hit = byNote.get(item.id);
      add(item.id, item.title, hit?.excerpt ?? "", hit?.marks ?? []);
    }
    for (const hit of this.hits) add(hit.note, hit.title, hit.excerpt, hit.marks);
    return results;
  });

  constructor(app: App) {
    this.app = app;
  }

  /** Call when the query changed. */
  ask(): void {
    this.active = 0;
    if (this.timer) clearTimeout(this.timer);
    const query = this.app.searchText.trim();
    if (!query) {
      this.hits = [];
      this.failure = null;
      this.answered = "";
      return;
    }
    this.timer = setTimeout(() => void this.run(query), typingPause);
  }

  private async run(query: string): Promise<void> {
    let hits: SearchHit[] = [];
    const failure = await failureOf(async () => {
      hits = await this.app.backend.search({ kind: "text", query, limit: textLimit });
    });
    // Something else is asked by now.
    if (this.app.searchText.trim() !== query) return;
    this.failure = failure;
    if (!failure) this.hits = hits;
    this.answered = query;
  }

  key(key: string): boolean {
    const last = this.results.length - 1;
    if (key === "ArrowDown") this.active = Math.min(this.active + 1, last);
    else if (key === "ArrowUp") this.active = Math.max(this.active - 1, 0);
    else if (key === "Enter") this.open(this.active);
    else return false;
    return true;
  }

  open(index: number): void {
    const result = this.results[index];
    if (result) void this.app.openNote(result.note);
  }
}

/** An excerpt cut at its marks. */
export function cutAtMarks(text: string, marks: TextRange[]): { text: string; marked: boolean }[] {
  const parts: { text: string; marked: boolean }[] = [];
  let at = 0;
  for (const { from, to } of [...marks].sort((a, b) => a.from - b.from)) {
    if (from < at || to <= from || to > text.length) continue;
    if (from > at) parts.push({ text: text.slice(at, from), marked: false });
    parts.push({ text: text.slice(from, to), marked: true });
    at = to;
  }
  if (at < text.length) parts.push({ text: text.slice(at), marked: false });
  return parts;
}
