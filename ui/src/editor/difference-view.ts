// A difference shown as one text: what went away struck through, what came highlighted.

import { ChangeSet, EditorState, type Range, Text } from "@codemirror/state";
import { Decoration, EditorView } from "@codemirror/view";
import type { Difference } from "../backend/bindings";
import { noteLanguage } from "./markdown";

export interface MergedText {
  text: Text;
  /** Ranges of `text`, in order. */
  parts: { from: number; to: number; kind: "inserted" | "deleted" }[];
}

/** The text before the changes with the deleted parts kept and the inserted ones put behind them. */
export function mergeDifference(difference: Difference): MergedText {
  const before = Text.of(difference.text.split("\n"));
  const changes = ChangeSet.fromJSON(difference.changes);
  const parts: MergedText["parts"] = [];
  const insertions: { from: number; insert: Text }[] = [];
  let shift = 0;
  changes.iterChanges(
    (from, to, _newFrom, _newTo, inserted) => {
      if (to > from) parts.push({ from: from + shift, to: to + shift, kind: "deleted" });
      if (inserted.length > 0) {
        insertions.push({ from: to, insert: inserted });
        parts.push({ from: to + shift, to: to + shift + inserted.length, kind: "inserted" });
        shift += inserted.length;
      }
    },
    true,
  );
  return { text: ChangeSet.of(insertions, before.length, "\n").apply(before), parts };
}

/** A read-only editor that shows a difference and scrolls to where it begins. */
export function showDifference(parent: HTMLElement, difference: Difference, label: string): EditorView {
  const { text, parts } = mergeDifference(difference);
  const marks: Range<Decoration>[] = parts.map(({ from, to, kind }) =>
    Decoration.mark({ class: `diff-${kind}`, tagName: kind === "deleted" ? "del" : "ins" }).range(from, to),
  );
  const first = parts[0];
  return new EditorView({
    parent,
    state: EditorState.create({
      doc: text,
      extensions: [
        EditorState.readOnly.of(true),
        EditorView.editable.of(false),
        EditorState.lineSeparator.of("\n"),
        EditorView.lineWrapping,
        text.length < 500_000 ? noteLanguage() : [],
        EditorView.decorations.of(Decoration.set(marks)),
        EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
      ],
    }),
    ...(first ? { scrollTo: EditorView.scrollIntoView(first.from, { y: "center" }) } : {}),
  });
}
