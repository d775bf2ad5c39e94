// The smallest single replacement that makes one text into another.

import { ChangeSet, type Text } from "@codemirror/state";

/** Leaves the common beginning and end alone, and never cuts a surrogate pair. */
export function difference(before: Text, after: Text): ChangeSet {
  if (before.eq(after)) return ChangeSet.empty(before.length);
  const old = before.toString();
  const now = after.toString();
  const shorter = Math.min(old.length, now.length);
  let start = 0;
  while (start < shorter && old.charCodeAt(start) === now.charCodeAt(start)) start += 1;
  if (start > 0 && isHighSurrogate(old.charCodeAt(start - 1))) start -= 1;
  let end = 0;
  while (end < shorter - start && old.charCodeAt(old.length - 1 - end) === now.charCodeAt(now.length - 1 - end)) end += 1;
  if (end > 0 && isLowSurrogate(old.charCodeAt(old.length - end))) end -= 1;
  return ChangeSet.of(
    { from: start, to: old.length - end, insert: after.slice(start, now.length - end) },
    before.length,
  );
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
