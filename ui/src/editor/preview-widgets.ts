// What the live preview puts in the place of markup.

import { type EditorView, WidgetType } from "@codemirror/view";
import { hostOf, linkScheme } from "../shared/links";
import { strings } from "../shared/strings";

export class BulletWidget extends WidgetType {
  override eq(): boolean {
    return true;
  }

  toDOM(): HTMLElement {
    const dot = document.createElement("span");
    dot.className = "md-bullet";
    dot.textContent = "•";
    return dot;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

export class RuleWidget extends WidgetType {
  override eq(): boolean {
    return true;
  }

  toDOM(): HTMLElement {
    const rule = document.createElement("span");
    rule.className = "md-rule";
    rule.setAttribute("role", "separator");
    return rule;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

/** Keeps the place of a cell without text. */
export class EmptyCellWidget extends WidgetType {
  private readonly style: string;

  constructor(style: string) {
    super();
    this.style = style;
  }

  override eq(other: EmptyCellWidget): boolean {
    return other.style === this.style;
  }

  toDOM(): HTMLElement {
    const cell = document.createElement("span");
    cell.className = "md-cell";
    cell.style.cssText = this.style;
    return cell;
  }

  override ignoreEvent(): boolean {
    return false;
  }
}

export class CheckboxWidget extends WidgetType {
  private readonly checked: boolean;
  private readonly disabled: boolean;

  constructor(checked: boolean, disabled: boolean) {
    super();
    this.checked = checked;
    this.disabled = disabled;
  }

  override eq(other: CheckboxWidget): boolean {
    return other.checked === this.checked && other.disabled === this.disabled;
  }

  toDOM(view: EditorView): HTMLElement {
    const box = document.createElement("input");
    box.type = "checkbox";
    box.className = "md-checkbox";
    box.checked = this.checked;
    box.disabled = this.disabled;
    box.setAttribute("aria-label", strings.editor.task);
    // Which task, for those who do not see what stands beside it. It may have been edited since.
    box.addEventListener("focus", () => {
      const task = taskText(view, view.posAtDOM(box));
      box.setAttribute("aria-label", task ? `${strings.editor.task}: ${task}` : strings.editor.task);
    });
    // The caret stays where it is, and the document decides how the box looks.
    box.addEventListener("mousedown", (event) => event.preventDefault());
    box.addEventListener("click", (event) => {
      event.preventDefault();
      toggleTask(view, view.posAtDOM(box));
    });
    return box;
  }

  override ignoreEvent(): boolean {
    return true;
  }
}

const taskStart = /^(?:\s|>)*(?:[-*+]|\d+[.)])\s+\[([ xX])\]/;

function taskText(view: EditorView, position: number): string {
  return view.state.doc.lineAt(position).text.replace(taskStart, "").trim();
}

/** Ticks or unticks the task on the line of `position`; false when there is none. */
export function toggleTask(view: EditorView, position: number): boolean {
  const line = view.state.doc.lineAt(position);
  const match = taskStart.exec(line.text);
  if (!match || view.state.readOnly) return false;
  const at = line.from + match[0].length - 2;
  view.dispatch({
    changes: { from: at, to: at + 1, insert: match[1] === " " ? "x" : " " },
    userEvent: "input.task",
  });
  return true;
}

/** Images that the person asked to see, for as long as the window lives. */
const shown = new Set<string>();

/** Stands for an image: nothing is fetched until the person asks. */
export class ImageWidget extends WidgetType {
  private readonly address: string;
  private readonly description: string;

  constructor(address: string, description: string) {
    super();
    this.address = address;
    this.description = description;
  }

  override eq(other: ImageWidget): boolean {
    return other.address === this.address && other.description === this.description;
  }

  toDOM(): HTMLElement {
    const frame = document.createElement("span");
    frame.className = "md-image";
    if (shown.has(this.address)) this.show(frame);
    else this.offer(frame);
    return frame;
  }

  private offer(frame: HTMLElement): void {
    const scheme = linkScheme(this.address);
    const label = document.createElement("span");
    label.className = "md-image-label";
    label.textContent = this.description || strings.editor.image;
    frame.append(label);
    if (scheme !== "https") {
      frame.title = this.address;
      return;
    }
    const button = document.createElement("button");
    button.type = "button";
    button.className = "md-image-button";
    button.textContent = strings.editor.showImage(hostOf(this.address));
    button.addEventListener("click", () => {
      shown.add(this.address);
      frame.replaceChildren();
      this.show(frame);
    });
    frame.append(button);
  }

  private show(frame: HTMLElement): void {
    const image = document.createElement("img");
    image.alt = this.description;
    image.referrerPolicy = "no-referrer";
    image.src = this.address;
    image.addEventListener("error", () => {
      frame.textContent = strings.editor.imageFailed(this.description || hostOf(this.address));
    });
    frame.append(image);
  }

  override ignoreEvent(): boolean {
    return true;
  }
}
