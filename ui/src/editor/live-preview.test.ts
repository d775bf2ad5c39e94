// @vitest-environment jsdom
import { ensureSyntaxTree } from "@codemirror/language";
import { EditorState, type Extension } from "@codemirror/state";
import { Decoration, EditorView } from "@codemirror/view";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lineDirection } from "./direction";
import { livePreview, plainPreview } from "./live-preview";
import { noteLanguage } from "./markdown";
import { toggleTask } from "./preview-widgets";
import { wrapWith } from "./setup";

let view: EditorView;

beforeEach(() => {
  // The page that the tests run in does not lay out text.
  Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
});

afterEach(() => view.destroy());

function show(doc: string, cursor: number | null = null, preview: Extension = livePreview()): void {
  view = new EditorView({
    parent: document.body,
    state: EditorState.create({ doc, extensions: [EditorState.lineSeparator.of("\n"), noteLanguage(), preview] }),
  });
  if (cursor !== null) {
    view.focus();
    view.dispatch({ selection: { anchor: cursor } });
  }
}

const lines = () => [...view.contentDOM.querySelectorAll(".cm-line")].map((line) => line.textContent);
const line = (number: number) => view.contentDOM.querySelectorAll(".cm-line")[number]!;

describe("live preview", () => {
  test("hides the markup of what is not edited", () => {
    show("# Title\n\nsome **strong** and *weak* and `code`\n~~gone~~ > no quote");
    expect(lines()).toEqual(["Title", "", "some strong and weak and code", "gone > no quote"]);
    expect(line(0).classList.contains("md-h1")).toBe(true);
  });

  test("shows it on the line that is edited", () => {
    show("# Title\n\n**strong** text", 12);
    expect(lines()).toEqual(["Title", "", "**strong** text"]);
    view.dispatch({ selection: { anchor: 2 } });
    expect(lines()).toEqual(["# Title", "", "strong text"]);
  });

  test("shows all of it when the preview is off", () => {
    show("# Title\n- [ ] task", null, plainPreview());
    expect(lines()).toEqual(["# Title", "- [ ] task"]);
    expect(line(0).classList.contains("md-h1")).toBe(true);
  });

  test("shows links by their text and keeps where they go", () => {
    show("[a page](https://example.org/x) and [[A note]] and https://example.com");
    expect(lines()).toEqual(["a page and A note and https://example.com"]);
    const links = [...view.contentDOM.querySelectorAll<HTMLElement>(".md-link")];
    expect(links.map((link) => link.dataset["url"] ?? link.dataset["note"])).toEqual([
      "https://example.org/x",
      "A note",
      "https://example.com",
    ]);
  });

  test("draws bullets, boxes, rules and quotes", () => {
    show("- one\n- [x] two\n\n> said\n\n---\n1. first");
    expect(line(0).textContent).toBe("• one");
    expect(line(1).querySelector<HTMLInputElement>("input")?.checked).toBe(true);
    expect(line(3).textContent).toBe("said");
    expect(line(3).classList.contains("md-quote")).toBe(true);
    expect(line(5).querySelector("[role=separator]")).not.toBeNull();
    expect(line(6).textContent).toBe("1. first");
  });

  test("ticks a box that is clicked", () => {
    show("- [ ] milk");
    line(0).querySelector<HTMLInputElement>("input")!.click();
    expect(view.state.doc.toString()).toBe("- [x] milk");
    line(0).querySelector<HTMLInputElement>("input")!.click();
    expect(view.state.doc.toString()).toBe("- [ ] milk");
  });

  test("says which task a box is of", () => {
    show("- [ ] **milk**");
    const box = line(0).querySelector<HTMLInputElement>("input")!;
    view.dispatch({ changes: { from: view.state.doc.length, insert: " today" } });
    box.dispatchEvent(new FocusEvent("focus"));
    expect(line(0).querySelector("input")?.getAttribute("aria-label")).toBe("Done: **milk** today");
  });

  test("ticks nothing where there is no box", () => {
    show("plain");
    expect(toggleTask(view, 2)).toBe(false);
  });

  test("fetches no image until asked", () => {
    show("text\n![a cake](https://example.org/cake.jpg)\n![local](file:///etc/passwd)");
    expect(view.contentDOM.querySelector("img[src]")).toBeNull();
    const offers = view.contentDOM.querySelectorAll<HTMLElement>(".md-image");
    expect(offers[0]?.textContent).toContain("a cake");
    expect(offers[1]?.querySelector("button")).toBeNull();
    offers[0]!.querySelector("button")!.click();
    expect(view.contentDOM.querySelector<HTMLImageElement>("img[src]")?.src).toBe("https://example.org/cake.jpg");
  });

  test("takes the first lines for front matter, not for a heading", () => {
    show("---\ntitle: Trip\n---\ntext");
    expect(line(1).classList.contains("md-front-matter")).toBe(true);
    expect(line(1).classList.contains("md-heading")).toBe(false);
    expect(line(3).classList.contains("md-front-matter")).toBe(false);
  });

  test("tints code and hides its fences while it is not edited", () => {
    show("```rust\nfn main() {}\n```\nend");
    expect(lines()).toEqual(["rust", "fn main() {}", "", "end"]);
    expect(line(1).classList.contains("md-code")).toBe(true);
    expect(line(3).classList.contains("md-code")).toBe(false);
  });

  test("reads a paragraph that does not end in pieces", () => {
    show("a log line with **strong** words\n".repeat(2_000));
    const paragraphs = [];
    const tree = ensureSyntaxTree(view.state, view.state.doc.length, 5_000)!;
    for (let node = tree.topNode.firstChild; node; node = node.nextSibling) paragraphs.push(node.to - node.from);
    expect(paragraphs.length).toBeGreaterThan(5);
    expect(Math.max(...paragraphs)).toBeLessThan(11_000);
  });

  test("bears markup that is half written", () => {
    for (const doc of ["[[", "[[a", "[[]]", "![](", "```", "- [", "> ", "#", "---", "---\n", "| a |\n|--", "[a](\n)", "![a\nb](c\nd)", "<http://", "\u0000\ufffc"]) {
      show(doc, 0);
      for (let at = 0; at <= doc.length; at += 1) view.dispatch({ selection: { anchor: at } });
      expect(view.state.doc.toString()).toBe(doc);
      view.destroy();
    }
    show("");
  });
});

describe("lines from right to left", () => {
  test("have a direction of their own, as others have not", () => {
    show("milk\nحليب\nmilk and שלום\n", null, [livePreview(), lineDirection()]);
    const directions = () => [...view.contentDOM.querySelectorAll(".cm-line")].map((each) => each.getAttribute("dir"));
    expect(directions()).toEqual([null, "auto", "auto", null]);
    view.dispatch({ changes: { from: 0, insert: "ש" } });
    expect(directions()).toEqual(["auto", "auto", "auto", null]);
  });
});

describe("tables", () => {
  const table = "| what | how much |\n|:---|---:|\n| the *train* | 84 |\n|| 210 |\n";
  const cells = (number: number) => [...line(number).querySelectorAll<HTMLElement>(".md-cell")];
  const widths = (number: number) => cells(number).map((cell) => cell.getAttribute("style")?.replace(/;text-align.*/, ""));

  test("stand in columns while nobody edits them", () => {
    show(`${table}\nend`);
    expect(lines()).toEqual(["whathow much", "", "the train84", "210", "", "end"]);
    expect(cells(2).map((cell) => cell.textContent)).toEqual(["the train", "84"]);
    expect(cells(3).map((cell) => cell.textContent)).toEqual(["", "210"]);
    expect(line(0).classList.contains("md-row-head")).toBe(true);
    expect(line(1).classList.contains("md-row-rule")).toBe(true);
    expect(widths(0)).toHaveLength(2);
    expect(widths(2)).toEqual(widths(0));
    expect(widths(3)).toEqual(widths(0));
    expect(cells(2).map((cell) => cell.style.textAlign)).toEqual(["", "right"]);
  });

  test("show their text on all of their lines when one is edited", () => {
    show(`${table}\nend`, table.indexOf("84"));
    expect(lines().slice(0, 4)).toEqual(table.split("\n").slice(0, 4));
    expect(cells(2)).toEqual([]);
    view.dispatch({ selection: { anchor: view.state.doc.length } });
    expect(cells(2)).toHaveLength(2);
  });

  test("keep a cell in one piece around marks and carets in it", () => {
    const mark = Decoration.mark({ class: "found" });
    show("| one | two three |\n|---|---|\n| a | b |\n\nend", null, [livePreview(), EditorView.decorations.of(Decoration.set([mark.range(9, 13)]))]);
    expect(cells(0).map((cell) => cell.textContent)).toEqual(["one", "two three"]);
    expect(line(0).querySelector(".md-cell .found")?.textContent).toBe("wo t");
  });

  test("take in what others write elsewhere in them", () => {
    show(`${table}\nend`);
    const at = table.indexOf("84");
    view.dispatch({ changes: { from: at, to: at + 2, insert: "a good 1,000 euros" } });
    expect(cells(2).map((cell) => cell.textContent)).toEqual(["the train", "a good 1,000 euros"]);
    expect(widths(0)).toEqual(widths(2));
  });

  test("bear what is hardly one", () => {
    for (const doc of ["a|b\n-|-\nc", "| a |\n|---|\n| b | c | d |\n||||", "|a\n|-\n|", "> | a | b |\n> |---|---|\n> | c |", "- | a |\n  |---|\n  | b \\| c |", `| ${"x ".repeat(2000)} |\n|---|\n| y |`]) {
      show(doc);
      view.focus();
      for (let at = 0; at <= Math.min(doc.length, 60); at += 1) view.dispatch({ selection: { anchor: at } });
      view.dispatch({ changes: { from: doc.length, insert: "\n\nend" }, selection: { anchor: doc.length + 4 } });
      expect(view.state.doc.toString()).toBe(`${doc}\n\nend`);
      view.destroy();
    }
    show("");
  });

  test("lay out the part in sight of a long one", () => {
    show(`| n | text |\n|---|---|\n${"| 1 | some words that fill it |\n".repeat(3_000)}`);
    ensureSyntaxTree(view.state, view.state.doc.length, 5_000);
    expect(view.contentDOM.querySelectorAll(".md-cell").length).toBeLessThan(1_500);
  });
});

describe("marking text", () => {
  test("puts stars around it and takes them away", () => {
    show("a word here");
    view.dispatch({ selection: { anchor: 2, head: 6 } });
    wrapWith("**")(view);
    expect(view.state.doc.toString()).toBe("a **word** here");
    wrapWith("*")(view);
    expect(view.state.doc.toString()).toBe("a ***word*** here");
    wrapWith("**")(view);
    expect(view.state.doc.toString()).not.toContain("****");
  });
});
