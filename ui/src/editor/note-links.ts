// `[[title]]`: completion while it is typed.

import { autocompletion, type CompletionContext, type CompletionResult } from "@codemirror/autocomplete";
import type { Extension } from "@codemirror/state";

export function noteLinkCompletion(titles: () => string[]): Extension {
  return autocompletion({
    override: [(context) => completeNoteLink(context, titles)],
    icons: false,
    activateOnTypingDelay: 30,
  });
}

/** `titles` is asked inside of `[[` only: this runs at every key, and a list may be long. */
export function completeNoteLink(context: CompletionContext, titles: () => string[]): CompletionResult | null {
  const before = context.matchBefore(/\[\[[^[\]\n]*$/);
  if (!before) return null;
  const closed = context.state.sliceDoc(context.pos, context.pos + 2) === "]]";
  return {
    from: before.from + 2,
    options: [...new Set(titles())]
      .filter((title) => title && !/[[\]\n]/.test(title))
      .map((title) => ({ label: title, apply: closed ? title : `${title}]]` })),
    validFor: /^[^[\]\n]*$/,
  };
}
