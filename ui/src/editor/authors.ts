// The text underlined by who wrote it. Spans move with the text; what is typed after has none.

import { type Extension, RangeSetBuilder, StateEffect, StateField } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import type { Attribution } from "../backend/bindings";

/** Null turns it off. The spans must hold in the current text. */
export const setAttribution = StateEffect.define<Attribution | null>();

export function authorColours(): Extension {
  return field;
}

const field = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setAttribution)) next = effect.value ? attributionMarks(effect.value, transaction.newDoc.length) : Decoration.none;
    }
    return next;
  },
  provide: (self) => EditorView.decorations.from(self),
});

export function attributionMarks(attribution: Attribution, length: number): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  for (const { from, to, author } of attribution.spans) {
    const who = attribution.authors[author];
    const end = Math.min(to, length);
    if (!who || from >= end) continue;
    builder.add(from, end, Decoration.mark({ class: `author hue-${who.colour}`, attributes: { title: who.name } }));
  }
  return builder.finish();
}
