// Find in note: a small bar above the text.

import {
  findNext,
  findPrevious,
  getSearchQuery,
  search,
  SearchQuery,
  searchPanelOpen,
  setSearchQuery,
  closeSearchPanel,
  openSearchPanel,
  replaceAll,
  replaceNext,
} from "@codemirror/search";
import type { EditorState, Extension } from "@codemirror/state";
import { type EditorView, keymap, type Panel, type ViewUpdate } from "@codemirror/view";
import { iconElement } from "../shared/icons";
import { strings } from "../shared/strings";

export function findInNote(): Extension {
  return [
    search({ top: true, createPanel: (view) => new FindPanel(view) }),
    keymap.of([
      { key: "F3", run: findNext, shift: findPrevious, preventDefault: true },
      { key: "Mod-g", run: findNext, shift: findPrevious, preventDefault: true },
      { key: "Escape", run: closeSearchPanel },
    ]),
  ];
}

export function toggleFind(view: EditorView): void {
  if (searchPanelOpen(view.state)) {
    closeSearchPanel(view);
    view.focus();
  } else openSearchPanel(view);
}

/** More matches than this are not counted. */
export const countLimit = 999;

/** Which match the selection is on (0: none) and how many there are. */
export function matchCount(state: EditorState, query: SearchQuery): { current: number; total: number } {
  if (!query.valid) return { current: 0, total: 0 };
  const { from, to } = state.selection.main;
  let current = 0;
  let total = 0;
  const cursor = query.getCursor(state);
  for (let next = cursor.next(); !next.done && total < countLimit; next = cursor.next()) {
    total += 1;
    if (next.value.from === from && next.value.to === to) current = total;
  }
  return { current, total };
}

class FindPanel implements Panel {
  readonly dom: HTMLElement;
  readonly top = true;
  private readonly view: EditorView;
  private readonly find: HTMLInputElement;
  private readonly replacement: HTMLInputElement;
  private readonly count: HTMLElement;

  constructor(view: EditorView) {
    this.view = view;
    const query = getSearchQuery(view.state);
    this.find = field(strings.find.placeholder, query.search);
    this.find.setAttribute("main-field", "true");
    this.replacement = field(strings.find.replacement, query.replace);
    this.count = document.createElement("span");
    this.count.className = "find-count";
    this.count.setAttribute("aria-live", "polite");
    this.dom = document.createElement("div");
    this.dom.className = "find-panel";
    this.dom.setAttribute("role", "search");
    this.dom.append(
      this.find,
      this.count,
      button(iconElement("up", 14), strings.find.previous, () => findPrevious(view)),
      button(iconElement("below", 14), strings.find.next, () => findNext(view)),
      this.replacement,
      button(strings.find.replace, strings.find.replace, () => replaceNext(view)),
      button(strings.find.replaceAll, strings.find.replaceAll, () => replaceAll(view)),
      button(iconElement("close", 14), strings.find.close, () => this.close()),
    );
    if (view.state.readOnly) for (const each of [...this.dom.children].slice(4, 7)) each.remove();
    this.dom.addEventListener("input", () => this.commit());
    this.dom.addEventListener("keydown", (event) => this.key(event));
    this.showCount();
  }

  mount(): void {
    this.find.focus();
    this.find.select();
  }

  update(update: ViewUpdate): void {
    const external = update.transactions.some((transaction) => transaction.effects.some((effect) => effect.is(setSearchQuery)));
    if (external) {
      const query = getSearchQuery(update.state);
      if (query.search !== this.find.value) this.find.value = query.search;
    }
    if (external || update.docChanged || update.selectionSet) this.showCount();
  }

  private commit(): void {
    const query = new SearchQuery({ search: this.find.value, replace: this.replacement.value, literal: true });
    if (!query.eq(getSearchQuery(this.view.state))) this.view.dispatch({ effects: setSearchQuery.of(query) });
  }

  private showCount(): void {
    const query = getSearchQuery(this.view.state);
    const { current, total } = matchCount(this.view.state, query);
    this.count.textContent = query.search ? strings.find.count(current, total, countLimit) : "";
  }

  private key(event: KeyboardEvent): void {
    if (event.key === "Escape") this.close();
    else if (event.key === "Enter" && event.target === this.find) (event.shiftKey ? findPrevious : findNext)(this.view);
    else if (event.key === "Enter" && event.target === this.replacement) replaceNext(this.view);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  private close(): void {
    closeSearchPanel(this.view);
    this.view.focus();
  }
}

function field(label: string, value: string): HTMLInputElement {
  const input = document.createElement("input");
  input.type = "text";
  input.value = value;
  input.placeholder = label;
  input.setAttribute("aria-label", label);
  input.spellcheck = false;
  return input;
}

function button(shown: string | SVGElement, label: string, run: () => void): HTMLButtonElement {
  const element = document.createElement("button");
  element.type = "button";
  element.append(shown);
  if (shown !== label) {
    element.setAttribute("aria-label", label);
    element.title = label;
  }
  element.addEventListener("click", run);
  return element;
}
