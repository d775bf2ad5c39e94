// The note's editor: a CodeMirror view tied to a session of the edit protocol.

import { closeCompletion, completionKeymap, completionStatus } from "@codemirror/autocomplete";
import { defaultKeymap, indentLess, indentMore } from "@codemirror/commands";
import { bracketMatching, forceParsing } from "@codemirror/language";
import { highlightSelectionMatches } from "@codemirror/search";
import { Compartment, EditorSelection, EditorState, type Extension, Prec, type Text } from "@codemirror/state";
import { drawSelection, dropCursor, EditorView, keymap, placeholder } from "@codemirror/view";
import { isNoteLink, isOpenable } from "../shared/links";
import { strings } from "../shared/strings";
import { authorColours } from "./authors";
import type { NoteSession } from "./collab";
import { findInNote } from "./find";
import { livePreview, plainPreview } from "./live-preview";
import { noteLanguage } from "./markdown";
import { lineDirection } from "./direction";
import { noteLinkCompletion } from "./note-links";
import { normalisedPaste } from "./paste";
import { peerDisplay } from "./peers";
import { toggleTask } from "./preview-widgets";

export interface EditorOptions {
  parent: HTMLElement;
  doc: Text;
  session: NoteSession;
  readOnly: boolean;
  spellCheck: boolean;
  preview: boolean;
  label: string;
  /** Titles that `[[` completes to. */
  titles: () => string[];
  onNoteLink: (title: string) => void;
  onLink: (address: string) => void;
  onChange: (view: EditorView) => void;
  /** The person typed, clicked or scrolled: following someone ends. */
  onOwnAction: () => void;
}

/** Milliseconds for what is in sight at first. */
const parseTime = 50;

/** Above this many units the text is shown without formatting, so that typing stays quick. */
export const formattingLimit = 2_000_000;

export class NoteEditor {
  readonly view: EditorView;
  private readonly session: NoteSession;
  private readonly readOnly = new Compartment();
  private readonly spelling = new Compartment();
  private readonly preview = new Compartment();
  private readonly label = new Compartment();

  constructor(options: EditorOptions) {
    const { doc, session } = options;
    this.session = session;
    const formatted = doc.length <= formattingLimit;
    this.view = new EditorView({
      parent: options.parent,
      state: EditorState.create({
        doc,
        selection: { anchor: 0 },
        extensions: [
          EditorState.lineSeparator.of("\n"),
          EditorView.updateListener.of((update) => {
            for (const transaction of update.transactions) session.observe(transaction);
            if (update.docChanged || update.selectionSet) options.onChange(update.view);
          }),
          this.readOnly.of(readOnlyExtension(options.readOnly)),
          this.spelling.of(spellingExtension(options.spellCheck)),
          this.label.of(labelExtension(options.label)),
          formatted ? [noteLanguage(), this.preview.of(previewExtension(options.preview))] : [],
          EditorView.lineWrapping,
          lineDirection(),
          drawSelection({ cursorBlinkRate: 1100 }),
          dropCursor(),
          bracketMatching(),
          highlightSelectionMatches({ minSelectionLength: 3, wholeWords: true }),
          placeholder(strings.editor.placeholder),
          noteLinkCompletion(options.titles),
          findInNote(),
          peerDisplay(),
          authorColours(),
          normalisedPaste(),
          undoKeys(session),
          noteKeys(),
          keymap.of([...completionKeymap, ...defaultKeymap]),
          pointer(options),
        ],
      }),
    });
    session.attach(this.view);
    // On a busy computer the usual time is not enough, and the note would show its markup for a moment.
    if (formatted) forceParsing(this.view, this.view.viewport.to, parseTime);
  }

  setReadOnly(readOnly: boolean): void {
    this.view.dispatch({ effects: this.readOnly.reconfigure(readOnlyExtension(readOnly)) });
  }

  setSpellCheck(on: boolean): void {
    this.view.dispatch({ effects: this.spelling.reconfigure(spellingExtension(on)) });
  }

  setPreview(on: boolean): void {
    this.view.dispatch({ effects: this.preview.reconfigure(previewExtension(on)) });
  }

  setLabel(label: string): void {
    this.view.dispatch({ effects: this.label.reconfigure(labelExtension(label)) });
  }

  undo(): void {
    this.session.undo("undo");
  }

  redo(): void {
    this.session.undo("redo");
  }

  scrollTo(position: number): void {
    const at = Math.min(position, this.view.state.doc.length);
    this.view.dispatch({ effects: EditorView.scrollIntoView(at, { y: "center" }) });
  }

  destroy(): void {
    this.view.destroy();
  }
}

function readOnlyExtension(on: boolean): Extension {
  return [EditorState.readOnly.of(on), EditorView.contentAttributes.of(on ? { "aria-readonly": "true" } : {})];
}

function spellingExtension(on: boolean): Extension {
  return EditorView.contentAttributes.of({ spellcheck: String(on), autocorrect: "off", autocapitalize: "sentences" });
}

function labelExtension(label: string): Extension {
  return EditorView.contentAttributes.of({ "aria-label": label });
}

function previewExtension(on: boolean): Extension {
  return on ? livePreview() : plainPreview();
}

/** Undo belongs to the backend: the keys, and what the system's menus send, become requests. */
function undoKeys(session: NoteSession): Extension {
  const run = (direction: "undo" | "redo") => () => {
    session.undo(direction);
    return true;
  };
  return [
    Prec.high(
      keymap.of([
        { key: "Mod-z", run: run("undo"), shift: run("redo") },
        { key: "Mod-y", run: run("redo") },
      ]),
    ),
    EditorView.domEventHandlers({
      beforeinput(event) {
        if (event.inputType !== "historyUndo" && event.inputType !== "historyRedo") return false;
        event.preventDefault();
        session.undo(event.inputType === "historyUndo" ? "undo" : "redo");
        return true;
      },
      compositionend() {
        // The view reports the end of a composition before it has read the text.
        setTimeout(() => session.compositionEnded(), 60);
        return false;
      },
    }),
  ];
}

function noteKeys(): Extension {
  return keymap.of([
    { key: "Mod-b", run: wrapWith("**") },
    { key: "Mod-i", run: wrapWith("*") },
    { key: "Mod-k", run: makeLink },
    { key: "Mod-Enter", run: (view) => toggleTask(view, view.state.selection.main.head) },
    { key: "Tab", run: indentList, shift: indentLess },
    {
      key: "Escape",
      run: (view) => completionStatus(view.state) !== null && closeCompletion(view),
    },
  ]);
}

/** In a list Tab indents; elsewhere it inserts two spaces. Escape and then Tab leaves the text. */
function indentList(view: EditorView): boolean {
  const { state } = view;
  const { main } = state.selection;
  const line = state.doc.lineAt(main.head);
  if (!main.empty || /^\s*(?:[-*+]|\d+[.)])\s/.test(line.text)) return indentMore(view);
  view.dispatch(state.replaceSelection("  "), { scrollIntoView: true, userEvent: "input" });
  return true;
}

/** Puts `mark` around each selection, or takes it away. */
export function wrapWith(mark: string): (view: EditorView) => boolean {
  return (view) => {
    const { state } = view;
    if (state.readOnly) return false;
    const size = mark.length;
    view.dispatch(
      state.changeByRange((range) => {
        const { from, to } = range;
        const outside = state.sliceDoc(from - size, from) === mark && state.sliceDoc(to, to + size) === mark;
        // A single star beside another one belongs to a double.
        const double = size === 1 && state.sliceDoc(from - 2, from) === mark + mark;
        if (outside && !double) {
          return {
            changes: [
              { from: from - size, to: from },
              { from: to, to: to + size },
            ],
            range: EditorSelection.range(from - size, to - size),
          };
        }
        return {
          changes: [
            { from, insert: mark },
            { from: to, insert: mark },
          ],
          range: EditorSelection.range(from + size, to + size),
        };
      }),
      { userEvent: "input.format" },
    );
    return true;
  };
}

function makeLink(view: EditorView): boolean {
  const { state } = view;
  if (state.readOnly) return false;
  const { from, to } = state.selection.main;
  const text = state.sliceDoc(from, to);
  view.dispatch({
    changes: { from, to, insert: `[${text}]()` },
    selection: { anchor: text ? from + text.length + 3 : from + 1 },
    userEvent: "input.format",
  });
  return true;
}

const modifiers = new Set(["Control", "Shift", "Alt", "AltGraph", "Meta"]);

function pointer(options: EditorOptions): Extension {
  return [
    EditorView.domEventHandlers({
      mousedown(event, view) {
        const link = event.target instanceof Element ? event.target.closest<HTMLElement>(".md-link") : null;
        if (!link || event.button !== 0) return false;
        const line = view.state.doc.lineAt(view.posAtDOM(link));
        const editing = view.hasFocus && view.state.selection.ranges.some((range) => range.from <= line.to && range.to >= line.from);
        if (editing && !event.ctrlKey && !event.metaKey) return false;
        event.preventDefault();
        const { note, url } = link.dataset;
        if (note !== undefined) options.onNoteLink(note);
        else if (url !== undefined && (isOpenable(url) || isNoteLink(url))) options.onLink(url);
        return true;
      },
    }),
    EditorView.domEventObservers({
      mousedown: () => options.onOwnAction(),
      wheel: () => options.onOwnAction(),
      keydown: (event) => {
        // A modifier alone does nothing yet: it may begin the shortcut that goes on to the next person.
        if (!modifiers.has(event.key)) options.onOwnAction();
      },
    }),
  ];
}
