// Tables in columns, while nobody edits them.
//
// The text stays what it is, line by line, so that carets, selections and others' edits need nothing new: a cell is a
// piece of its line that is as wide as its column. How wide that wants to be, and has to be for its longest word, comes
// from the letters of the rows in sight; where they do not fit, the widest columns give way.
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

/** Behind each column, in widths of an em; the style sheet has it as a padding. */
const gap = 1.4;
/** What the letters may be wider than they are taken for. */
const slack = 0.3;
/** What a column asks for at most. */
const widest = 30;
/** A longer word is broken, if need be. */
const longestWord = 12;
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
  const header = table.firstChild;
  const delimiter = header?.nextSibling;
  if (header?.name !== "TableHeader" || delimiter?.name !== "TableDelimiter") return null;
  const rows = [header, ...rowsIn(table, measured)];
  if (rows.some((row) => row.to - row.from > longestRow)) return null;

  const cells = rows.map((row) => cellsOf(state, row));
  const wanted: number[] = [];
  const needed: number[] = [];
  for (const cell of cells.flat()) {
    const text = shownText(state, cell);
    // The head is bold.
    const weight = cell.node?.parent?.name === "TableHeader" ? 1.1 : 1;
    const words = text.split(/\s+/).map(textWidth);
    wanted[cell.column] = Math.max(wanted[cell.column] ?? 1, textWidth(text) * weight + slack);
    needed[cell.column] = Math.max(needed[cell.column] ?? 1, Math.max(...words) * weight + slack);
  }
  const alignments = alignmentsOf(state.sliceDoc(delimiter.from, delimiter.to));
  const styles = wanted.map((width, column) => {
    const basis = Math.min(width, widest) + gap;
    const least = Math.min(needed[column] ?? 1, longestWord) + gap;
    const alignment = alignments[column] ?? "left";
    const sizes = `flex:0 ${Math.ceil(basis)} ${basis.toFixed(2)}em;min-width:min(${least.toFixed(2)}em,${(100 / wanted.length).toFixed(2)}%)`;
    return alignment === "left" ? sizes : `${sizes};text-align:${alignment}`;
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
    for (const style of styles.slice(cells[index]?.length ?? 0)) {
      look.replaced.push(Decoration.widget({ widget: new EmptyCellWidget(style), side: 1 }).range(row.to));
    }
  });
  if (touches(delimiter, visible)) {
    look.lines.push(rule.range(state.doc.lineAt(delimiter.from).from));
    look.replaced.push(hidden.range(delimiter.from, delimiter.to));
  }
  return look;
}

/** The rows that touch a span, without looking at all others: a table may be as long as the note. */
function rowsIn(table: SyntaxNode, span: Span): SyntaxNode[] {
  const rows: SyntaxNode[] = [];
  for (let row = table.childAfter(span.from - 1); row && row.from <= span.to; row = row.nextSibling) {
    if (row.name === "TableRow") rows.push(row);
  }
  return rows;
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

/** What the preview hides of a cell. */
const unseen = new Set(["EmphasisMark", "StrikethroughMark", "NoteLinkMark"]);

/** The text of a cell as it is shown, in letters as wide as it is. */
function shownText(state: EditorState, cell: Cell): string {
  const cuts: (Span & { instead?: string })[] = [];
  cell.node?.cursor().iterate((node) => {
    const { from, to, name } = node;
    if (unseen.has(name)) cuts.push({ from, to });
    // Its letters are all as wide, and its marks leave a margin.
    else if (name === "InlineCode") cuts.push({ from, to, instead: "0".repeat(to - from) });
    else if (name === "Link") {
      const [open, close] = node.node.getChildren("LinkMark");
      if (open && close && node.node.getChild("URL")) cuts.push({ from: open.from, to: open.to }, { from: close.from, to });
    }
    return name !== "InlineCode";
  });
  let text = "";
  let at = cell.from;
  for (const cut of cuts) {
    if (cut.from >= at) text += state.sliceDoc(at, cut.from) + (cut.instead ?? "");
    at = Math.max(at, cut.to);
  }
  return (text + state.sliceDoc(at, cell.to)).trim();
}

/** About how wide a text is in the fonts of notes, in widths of an em; rather too much than too little. */
export function textWidth(text: string): number {
  let width = 0;
  for (const letter of text) {
    let known = widths.get(letter);
    if (known === undefined) widths.set(letter, (known = letterWidth(letter)));
    width += known;
  }
  return width;
}

/** Of the letters that there were. */
const widths = new Map<string, number>();

function letterWidth(letter: string): number {
  if (/[ijlI.,:;'!|()[\]\s]/.test(letter)) return 0.32;
  if (/[a-z0-9]/.test(letter)) return /[mw]/.test(letter) ? 0.9 : 0.62;
  if (/\p{Mark}/u.test(letter)) return 0;
  if (/[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u.test(letter)) return 1.05;
  if (/\p{Extended_Pictographic}/u.test(letter)) return 1.4;
  return /\p{Lu}/u.test(letter) ? (/[MW]/.test(letter) ? 1.02 : 0.78) : 0.68;
}
