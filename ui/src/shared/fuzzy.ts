// Finding by a few letters, as palettes do.

export interface FuzzyMatch {
  score: number;
  /** Indices of the matched units. */
  at: number[];
}

/**
 * Matches the letters of `query` in order, anywhere in `text`. Higher scores are better: letters
 * that follow each other and letters that begin words count more, and shorter texts win.
 */
export function fuzzyMatch(query: string, text: string): FuzzyMatch | null {
  const needle = query.toLowerCase().replace(/\s+/g, "");
  const hay = text.toLowerCase();
  if (needle === "") return { score: 0, at: [] };
  const whole = hay.indexOf(query.toLowerCase().trim());
  if (whole >= 0) {
    const length = query.trim().length;
    const atWord = startsWord(hay, whole);
    return {
      score: 100 + (whole === 0 ? 40 : atWord ? 20 : 0) + length * 4 - text.length / 50,
      at: Array.from({ length }, (_, i) => whole + i),
    };
  }
  const at: number[] = [];
  let score = 0;
  let from = 0;
  for (const letter of needle) {
    const found = hay.indexOf(letter, from);
    if (found < 0) return null;
    if (startsWord(hay, found)) score += 8;
    if (at.length > 0 && at[at.length - 1] === found - 1) score += 5;
    score -= Math.min(found - from, 10) / 5;
    at.push(found);
    from = found + letter.length;
  }
  return { score: score - text.length / 50, at };
}

function startsWord(text: string, index: number): boolean {
  return index === 0 || /[\s\-_/.([]/.test(text.charAt(index - 1));
}

export interface Ranked<T> {
  item: T;
  match: FuzzyMatch;
}

/** The best matches first; items of equal score keep their order. */
export function rank<T>(query: string, items: readonly T[], text: (item: T) => string, limit: number): Ranked<T>[] {
  const ranked: Ranked<T>[] = [];
  for (const item of items) {
    const match = fuzzyMatch(query, text(item));
    if (match) ranked.push({ item, match });
  }
  if (query.trim() !== "") ranked.sort((a, b) => b.match.score - a.match.score);
  return ranked.slice(0, limit);
}
