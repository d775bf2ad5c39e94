// Text from outside: one kind of line break and well-formed UTF-16.

import type { Extension } from "@codemirror/state";
import { EditorView } from "@codemirror/view";

export function normalise(text: string): string {
  return text
    .replace(/\r\n?|\u2028|\u2029/g, "\n")
    .replace(/\0/g, "")
    .replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, "\ufffd");
}

/** Applies to paste and to drop. */
export function normalisedPaste(): Extension {
  return EditorView.clipboardInputFilter.of(normalise);
}
