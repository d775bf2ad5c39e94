// Lines written from right to left.
//
// Each line has the direction of its own first letter, as in a letter in two languages. Only lines with such letters
// are marked: the others need no work.

import { type Extension, type Range } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";

const rightToLeft = /[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const ownDirection = Decoration.line({ attributes: { dir: "auto" } });

export function lineDirection(): Extension {
  return [
    EditorView.perLineTextDirection.of(true),
    ViewPlugin.define(
      (view) => ({
        marks: marked(view),
        update(update: ViewUpdate) {
          if (update.docChanged || update.viewportChanged) this.marks = marked(update.view);
        },
      }),
      { decorations: (plugin) => plugin.marks },
    ),
  ];
}

function marked(view: EditorView): DecorationSet {
  const { doc } = view.state;
  const ranges: Range<Decoration>[] = [];
  for (const { from, to } of view.visibleRanges) {
    if (!rightToLeft.test(doc.sliceString(from, to))) continue;
    for (let at = from; at <= to; ) {
      const line = doc.lineAt(at);
      if (rightToLeft.test(line.text)) ranges.push(ownDirection.range(line.from));
      at = line.to + 1;
    }
  }
  return Decoration.set(ranges, true);
}
