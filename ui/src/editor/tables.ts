// Tables in columns, while nobody edits them.
//
// The text stays what it is, line by line, so that carets, selections and others' edits need nothing new: a cell is a
// piece of its line that is as wide as its column. How wide that is comes from the letters of the rows in sight.
// Deliberately not a table element in the place of the lines, which would hide carets and marks in it.

import type { EditorState, Range } from "@codemirror/state";
import { Decoration } from "@codemirror/view";
import type { SyntaxNode } from "@lezer/common";
import { EmptyCellWidget } from "./preview-widgets";

export interface Span {
  from: number;
  to: number;
}

/** What shows a table: what takes the place of its markup, and (around everything else) its cells. */
export interface TableLook {
  lines: Range<Decoration>[];
  replaced: Range<Decoration>[];
  cells: Range<Decoration>[];
}

interface Cell extends Span {
  column: number;
  node: SyntaxNode | null;
  /** Of an empty cell: up to behind its bar, which stands for it. */
  end: number;
}

type Alignment = "left" | "center" | "right";

/** Between columns, in widths of an em. */
const gap = 1.6;
/** A row that is longer than this is no table that one reads. */
const longestRow = 2_000;
const hidden = Decoration.replace({});
const head = Decoration.line({ class: "md-row md-row-head" });
const rule = Decoration.line({ class: "md-row-rule" });
const body = Decoration.line({ class: "md-row" });

/**
 * Lays out the rows of `table` that are in `visible`, with columns that fit all rows in `measured`; null when it cannot
 * be shown as one.
 */
export function tableLook(state: EditorState, table: SyntaxNode, visible: Span, measured: Span): TableLook | null {
  const header = table.getChild("TableHeader");
  const delimiter = table.getChild("TableDelimiter");
  if (!header || !delimiter) return null;
  const rows = [header, ...table.getChildren("TableRow").filter((row) => touches(row, measured))];
  if (rows.some((row) => row.to - row.from > longestRow)) return null;

  const cells = rows.map((row) => cellsOf(state, row));
  const widths: number[] = [];
  for (const cell of cells.flat()) {
    const width = cell.node ? cellWidth(state, cell) * (cell.node.parent?.name === "TableHeader" ? 1.06 : 1) : 0;
    widths[cell.column] = Math.max(widths[cell.column] ?? 1, width);
  }
  const total = widths.reduce((sum, width) => sum + width + gap, 0);
  const alignments = alignmentsOf(state.sliceDoc(delimiter.from, delimiter.to));
  const styles = widths.map((width, column) => {
    const share = (((width + gap) / total) * 99.5).toFixed(2);
    const alignment = alignments[column] ?? "left";
    return `width:min(${(width + gap).toFixed(2)}em,${share}%)${alignment === "left" ? "" : `;text-align:${alignment}`}`;
  });

  const look: TableLook = { lines: [], replaced: [], cells: [] };
  rows.forEach((row, index) => {
    if (!touches(row, visible)) return;
    look.lines.push((row === header ? head : body).range(state.doc.lineAt(row.from).from));
    let at = row.from;
    for (const cell of cells[index] ?? []) {
      const style = styles[cell.column] ?? "";
      if (cell.node) {
        if (at < cell.from) look.replaced.push(hidden.range(at, cell.from));
        look.cells.push(Decoration.mark({ class: "md-cell", attributes: { style } }).range(cell.from, cell.to));
        at = cell.to;
      } else {
        look.replaced.push(Decoration.replace({ widget: new EmptyCellWidget(style) }).range(at, cell.end));
        at = cell.end;
      }
    }
    if (at < row.to) look.replaced.push(hidden.range(at, row.to));
  });
  if (touches(delimiter, visible)) {
    look.lines.push(rule.range(state.doc.lineAt(delimiter.from).from));
    look.replaced.push(hidden.range(delimiter.from, delimiter.to));
  }
  return look;
}

function touches(node: Span, span: Span): boolean {
  return node.from <= span.to && node.to >= span.from;
}

/** The cells of a row, empty ones too, without what the bars at its ends leave open. */
function cellsOf(state: EditorState, row: SyntaxNode): Cell[] {
  const bars = row.getChildren("TableDelimiter");
  const nodes = row.getChildren("TableCell");
  const cells: Cell[] = [];
  let from = row.from;
  for (const [index, bar] of [...bars, null].entries()) {
    const to = bar ? bar.from : row.to;
    const node = nodes.find((each) => each.from >= from && each.to <= to) ?? null;
    const outside = node === null && (bar === null || index === 0) && state.sliceDoc(from, to).trim() === "";
    if (!outside) cells.push({ column: cells.length, node, from: node?.from ?? from, to: node?.to ?? to, end: bar?.to ?? to });
    from = bar?.to ?? to;
  }
  return cells;
}

function alignmentsOf(delimiter: string): Alignment[] {
  const parts = delimiter.trim().replace(/^\||\|$/g, "").split("|");
  return parts.map((part) => {
    const mark = part.trim();
    if (!mark.endsWith(":")) return "left";
    return mark.startsWith(":") ? "center" : "right";
  });
}

/** What the preview hides of a cell takes no room. */
const unseen = new Set(["EmphasisMark", "StrikethroughMark", "NoteLinkMark", "CodeMark"]);

function cellWidth(state: EditorState, cell: Cell): number {
  let width = textWidth(state.sliceDoc(cell.from, cell.to));
  cell.node?.cursor().iterate((node) => {
    if (unseen.has(node.name)) width -= textWidth(state.sliceDoc(node.from, node.to));
    else if (node.name === "InlineCode") width += 0.6;
    else if (node.name === "Link") {
      const [open, close] = node.node.getChildren("LinkMark");
      if (open && close && node.node.getChild("URL")) {
        width -= textWidth(state.sliceDoc(open.from, open.to)) + textWidth(state.sliceDoc(close.from, node.to));
      }
    }
  });
  return width;
}

/** About how wide a text is in the fonts of notes, in widths of an em; rather too much than too little. */
export function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) width += letterWidth(letter);
  return width;
}

function letterWidth(letter: string): number {
  if (/[ijlI.,:;'!|()[\]\s]/.test(letter)) return 0.32;
  if (/[a-z0-9]/.test(letter)) return /[mw]/.test(letter) ? 0.9 : 0.62;
  if (/\p{Mark}/u.test(letter)) return 0;
  if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(letter)) return 1.05;
  if (/\p{Extended_Pictographic}/u.test(letter)) return 1.4;
  return /\p{Lu}/u.test(letter) ? 0.76 : 0.66;
}
