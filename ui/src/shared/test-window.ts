// The whole window over notes in memory, on a page without a layout: for tests.

import { flushSync, mount, unmount } from "svelte";
import { MemoryWorld, type MemoryWorldOptions } from "../backend/memory";
import Shell from "../Shell.svelte";
import { App } from "./app.svelte";

let shell: Record<string, unknown> | null = null;

/** Stands in for what such a page lacks. Call before each test. */
export function preparePage(): void {
  Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
  Range.prototype.getBoundingClientRect = () => new DOMRect();
  Element.prototype.scrollIntoView = () => undefined;
  HTMLDialogElement.prototype.showModal = function () {
    this.setAttribute("open", "");
  };
  HTMLDialogElement.prototype.close = function () {
    this.removeAttribute("open");
  };
  window.ResizeObserver = class {
    observe(): void {}
    unobserve(): void {}
    disconnect(): void {}
  };
  window.matchMedia = () =>
    ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }) as unknown as MediaQueryList;
  // The accessibility check looks for fonts made of icons, of which there are none.
  HTMLCanvasElement.prototype.getContext = () => null;
  localStorage.clear();
}

/** Call after each test. */
export async function clearPage(): Promise<void> {
  if (shell) await unmount(shell);
  shell = null;
  document.body.replaceChildren();
}

/** A window with two notes and a folder, or before its first run with nothing. */
export async function openWindow(options: MemoryWorldOptions = {}): Promise<{ world: MemoryWorld; app: App }> {
  const world = new MemoryWorld({ settings: { name: options.firstRun ? "" : "Kim" }, ...options });
  if (!options.firstRun) {
    world.addNote("a", "# Apples\n\nSee [[Bread]].\n", world.home, { updated: 2 });
    world.addNote("b", "# Bread\n", world.home, { updated: 1 });
    world.addFolder("work", "Work", world.home);
  }
  const app = new App(world.backend());
  await show(app);
  await rest();
  return { world, app };
}

/** Starts an app in the page. */
export async function show(app: App): Promise<void> {
  shell = mount(Shell, { target: document.body, props: { app } });
  await app.start();
}

/** Lets what was asked for be answered and shown. */
export async function rest(): Promise<void> {
  for (let i = 0; i < 6; i += 1) {
    flushSync();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** Types into the note that is open. */
export function type(app: App, text: string): void {
  const view = app.note!.view!;
  const at = view.state.selection.main.head;
  view.dispatch({ changes: { from: at, insert: text }, selection: { anchor: at + text.length }, userEvent: "input.type" });
}

export function press(key: string, more: Partial<KeyboardEventInit> = {}, target: Element = document.body): void {
  target.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
}
