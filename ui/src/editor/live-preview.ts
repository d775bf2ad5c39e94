// Markdown shown as what it means, its markup only on the lines being edited.
//
// Decorations are made for the visible part from the syntax tree; the text itself stays as it is.

import { syntaxTree } from "@codemirror/language";
import { type EditorState, type Extension, type Range, StateEffect } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView, ViewPlugin, type ViewUpdate } from "@codemirror/view";
import type { SyntaxNodeRef } from "@lezer/common";
import { linkScheme } from "../shared/links";
import { BulletWidget, CheckboxWidget, ImageWidget, RuleWidget } from "./preview-widgets";
import { tableLook } from "./tables";

export function livePreview(): Extension {
  return [plugin, EditorView.editorAttributes.of({ class: "live-preview" })];
}

/** Line styles alone: markup stays visible everywhere. */
export function plainPreview(): Extension {
  return [plainPlugin];
}

/** The mouse has been let go: markup may show and hide again. */
const released = StateEffect.define<null>();

interface Shown {
  decorations: DecorationSet;
  /** Around all else, so that nothing takes a cell apart. */
  cells: DecorationSet;
}

class Preview {
  shown: Shown;
  private readonly hides: boolean;
  /** While the mouse is down the lines keep their shape, so that a drag selects what it points at. */
  private dragging = false;
  private readonly release: () => void;

  constructor(view: EditorView, hides: boolean) {
    this.hides = hides;
    this.shown = decorate(view, hides);
    this.release = () => {
      if (!this.dragging) return;
      this.dragging = false;
      requestAnimationFrame(() => {
        if (view.dom.isConnected) view.dispatch({ effects: released.of(null) });
      });
    };
    window.addEventListener("mouseup", this.release);
  }

  press(): void {
    this.dragging = true;
  }

  update(update: ViewUpdate): void {
    const parsed = syntaxTree(update.startState) !== syntaxTree(update.state);
    const selected = update.selectionSet && this.hides && !this.dragging;
    const free = update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(released)));
    if (update.docChanged || update.viewportChanged || update.focusChanged || parsed || selected || free) {
      this.shown = decorate(update.view, this.hides);
    }
  }

  destroy(): void {
    window.removeEventListener("mouseup", this.release);
  }
}

function previewPlugin(hides: boolean): Extension {
  return ViewPlugin.define((view) => new Preview(view, hides), {
    decorations: (preview) => preview.shown.decorations,
    provide: (plugin) => EditorView.outerDecorations.of((view) => view.plugin(plugin)?.shown.cells ?? Decoration.none),
    eventHandlers: {
      mousedown() {
        this.press();
      },
    },
  });
}

const plugin = previewPlugin(true);
const plainPlugin = previewPlugin(false);

const hidden = Decoration.replace({});
const bullet = Decoration.replace({ widget: new BulletWidget() });
const rule = Decoration.replace({ widget: new RuleWidget() });
const lines = new Map<string, Decoration>();

function lineClass(name: string): Decoration {
  let decoration = lines.get(name);
  if (!decoration) lines.set(name, (decoration = Decoration.line({ class: name })));
  return decoration;
}

const marks = {
  code: Decoration.mark({ class: "md-inline-code" }),
  listMark: Decoration.mark({ class: "md-list-mark" }),
  done: Decoration.mark({ class: "md-done" }),
};

/** The decorations of the visible text. */
function decorate(view: EditorView, hides: boolean): Shown {
  const { state } = view;
  const ranges: Range<Decoration>[] = [];
  const cells: Range<Decoration>[] = [];
  const builder = new Builder(view, ranges, cells, hides);
  for (const { from, to } of view.visibleRanges) {
    builder.visible = { from, to };
    syntaxTree(state).iterate({ from, to, enter: (node) => builder.enter(node) });
  }
  return { decorations: Decoration.set(ranges, true), cells: Decoration.set(cells, true) };
}

class Builder {
  visible = { from: 0, to: 0 };
  private readonly state: EditorState;
  private readonly viewport: { from: number; to: number };
  private readonly ranges: Range<Decoration>[];
  private readonly cells: Range<Decoration>[];
  private readonly hides: boolean;
  private readonly focused: boolean;

  constructor(view: EditorView, ranges: Range<Decoration>[], cells: Range<Decoration>[], hides: boolean) {
    this.state = view.state;
    this.viewport = view.viewport;
    this.focused = view.hasFocus;
    this.ranges = ranges;
    this.cells = cells;
    this.hides = hides;
  }

  /** Returns false where the children are of no interest. */
  enter(node: SyntaxNodeRef): boolean | undefined {
    const heading = /^(?:ATX|Setext)Heading(\d)$/.exec(node.name);
    if (heading) {
      this.eachLine(node.from, node.to, `md-heading md-h${heading[1]}`);
      return undefined;
    }
    switch (node.name) {
      case "HeaderMark":
        this.headerMark(node);
        return false;
      case "EmphasisMark":
      case "StrikethroughMark":
      case "NoteLinkMark":
        this.hide(node.from, node.to);
        return false;
      case "InlineCode":
        this.mark(marks.code, node.from, node.to);
        return undefined;
      case "CodeMark":
        if (node.node.parent?.name === "InlineCode") this.hide(node.from, node.to);
        return false;
      case "FencedCode":
      case "CodeBlock":
        this.codeBlock(node);
        return undefined;
      case "Blockquote":
        this.eachLine(node.from, node.to, "md-quote");
        return undefined;
      case "QuoteMark":
        this.hideWithSpace(node.from, node.to);
        return false;
      case "HorizontalRule":
        if (this.hides && !this.edited(node.from, node.to)) this.ranges.push(rule.range(node.from, node.to));
        return false;
      case "ListItem":
        this.listItem(node);
        return undefined;
      case "Table":
        this.table(node);
        return undefined;
      case "FrontMatter":
        this.eachLine(node.from, node.to, "md-front-matter");
        return false;
      case "Link":
        this.link(node);
        return undefined;
      case "NoteLink":
        this.noteLink(node);
        return undefined;
      case "Autolink":
        this.autolink(node);
        return false;
      case "URL":
        if (node.node.parent?.name !== "Link" && node.node.parent?.name !== "Image") this.address(node.from, node.to);
        return false;
      case "Image":
        return this.image(node);
      default:
        return undefined;
    }
  }

  /** Whether the person is at work on one of the lines; without the focus nobody is. */
  private edited(from: number, to: number): boolean {
    if (!this.focused) return false;
    const { doc, selection } = this.state;
    const start = doc.lineAt(from).from;
    const end = doc.lineAt(to).to;
    return selection.ranges.some((range) => range.from <= end && range.to >= start);
  }

  private touched(from: number, to: number): boolean {
    if (!this.focused) return false;
    return this.state.selection.ranges.some((range) => range.from <= to && range.to >= from);
  }

  private mark(decoration: Decoration, from: number, to: number): void {
    if (from < to) this.ranges.push(decoration.range(from, to));
  }

  private hide(from: number, to: number): void {
    if (!this.hides || from >= to || this.edited(from, to)) return;
    // A plugin may not replace a line break.
    if (to <= this.state.doc.lineAt(from).to) this.ranges.push(hidden.range(from, to));
  }

  private hideWithSpace(from: number, to: number): void {
    this.hide(from, this.state.sliceDoc(to, to + 1) === " " ? to + 1 : to);
  }

  private eachLine(from: number, to: number, name: string): void {
    const { doc } = this.state;
    const end = Math.min(to, this.visible.to);
    for (let at = Math.max(from, this.visible.from); at <= end; ) {
      const line = doc.lineAt(at);
      this.ranges.push(lineClass(name).range(line.from));
      at = line.to + 1;
    }
  }

  private headerMark(node: SyntaxNodeRef): void {
    const line = this.state.doc.lineAt(node.from);
    if (node.from > line.from && this.state.sliceDoc(line.from, node.from).trim() !== "") {
      this.hide(node.from - 1, node.to);
    } else if (/^\s*(=+|-+)\s*$/.test(line.text)) {
      // The underline of a setext heading stays: an empty line in its place would confuse.
      return;
    } else this.hideWithSpace(node.from, node.to);
  }

  private codeBlock(node: SyntaxNodeRef): void {
    const { doc } = this.state;
    this.eachLine(node.from, node.to, "md-code");
    const first = doc.lineAt(node.from);
    const last = doc.lineAt(node.to);
    this.ranges.push(lineClass("md-code-first").range(first.from));
    this.ranges.push(lineClass("md-code-last").range(last.from));
    if (node.name !== "FencedCode") return;
    this.ranges.push(lineClass("md-fence").range(first.from));
    const fence = first.text.trimStart().slice(0, 3);
    if (last.number > first.number && last.text.trimStart().startsWith(fence)) {
      this.ranges.push(lineClass("md-fence").range(last.from));
      if (!this.edited(node.from, node.to)) {
        const mark = node.node.getChild("CodeMark");
        if (mark) this.hide(mark.from, mark.to);
        this.hide(last.from + last.text.search(/\S/), last.to);
      }
    }
  }

  private table(node: SyntaxNodeRef): void {
    const look = this.hides && !this.edited(node.from, node.to) ? tableLook(this.state, node.node, this.visible, this.viewport) : null;
    if (!look) return this.eachLine(node.from, node.to, "md-table");
    this.ranges.push(...look.lines, ...look.replaced);
    this.cells.push(...look.cells);
  }

  private listItem(node: SyntaxNodeRef): void {
    const mark = node.node.getChild("ListMark");
    if (!mark) return;
    const { doc } = this.state;
    const line = doc.lineAt(node.from);
    const depth = listDepth(node);
    this.ranges.push(
      Decoration.line({ class: "md-list", attributes: { style: `--depth:${Math.min(depth, 9)}` } }).range(line.from),
    );
    const indentation = mark.from - line.from;
    if (this.hides && indentation > 0 && /^\s*$/.test(line.text.slice(0, indentation))) {
      this.ranges.push(hidden.range(line.from, mark.from));
    }
    const marker = node.node.getChild("Task")?.getChild("TaskMarker");
    const ordered = node.node.parent?.name === "OrderedList";
    if (marker) {
      const checked = /[xX]/.test(this.state.sliceDoc(marker.from + 1, marker.to - 1));
      if (this.hides && !this.touched(mark.from, marker.to)) {
        this.ranges.push(
          Decoration.replace({ widget: new CheckboxWidget(checked, this.state.readOnly) }).range(mark.from, marker.to),
        );
      } else this.mark(marks.listMark, mark.from, marker.to);
      if (checked) this.mark(marks.done, marker.to + 1, doc.lineAt(marker.to).to);
    } else if (this.hides && !ordered && !this.touched(mark.from, mark.to)) {
      this.ranges.push(bullet.range(mark.from, mark.to));
    } else this.mark(marks.listMark, mark.from, mark.to);
  }

  private link(node: SyntaxNodeRef): void {
    const [open, close] = node.node.getChildren("LinkMark");
    const url = node.node.getChild("URL");
    if (!open || !close || !url) return;
    const address = this.state.sliceDoc(url.from, url.to);
    this.mark(linkMark(address), open.to, close.from);
    this.hide(open.from, open.to);
    this.hide(close.from, node.to);
  }

  private noteLink(node: SyntaxNodeRef): void {
    const title = this.state.sliceDoc(node.from + 2, node.to - 2);
    this.mark(
      Decoration.mark({ class: "md-link md-note-link", attributes: { "data-note": title } }),
      node.from + 2,
      node.to - 2,
    );
  }

  private autolink(node: SyntaxNodeRef): void {
    const url = node.node.getChild("URL");
    if (!url) return;
    this.hide(node.from, url.from);
    this.address(url.from, url.to);
    this.hide(url.to, node.to);
  }

  private address(from: number, to: number): void {
    const text = this.state.sliceDoc(from, to);
    this.mark(linkMark(linkScheme(text) ? text : `https://${text}`), from, to);
  }

  private image(node: SyntaxNodeRef): boolean | undefined {
    const url = node.node.getChild("URL");
    if (!url || !this.hides || this.edited(node.from, node.to)) return undefined;
    const [open, close] = node.node.getChildren("LinkMark");
    const description = open && close ? this.state.sliceDoc(open.to, close.from) : "";
    if (node.to > this.state.doc.lineAt(node.from).to) return undefined;
    const address = this.state.sliceDoc(url.from, url.to);
    this.ranges.push(Decoration.replace({ widget: new ImageWidget(address, description) }).range(node.from, node.to));
    return false;
  }
}

function linkMark(address: string): Decoration {
  return Decoration.mark({ class: "md-link", attributes: { "data-url": address, title: address } });
}

function listDepth(node: SyntaxNodeRef): number {
  let depth = 0;
  for (let parent = node.node.parent; parent; parent = parent.parent) {
    if (parent.name === "ListItem") depth += 1;
  }
  return depth;
}
