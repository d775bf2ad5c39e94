import { CompletionContext } from "@codemirror/autocomplete";
import { ChangeSet, EditorState, Text } from "@codemirror/state";
import { SearchQuery } from "@codemirror/search";
import { describe, expect, test } from "vitest";
import { attributionMarks } from "./authors";
import { difference } from "./difference";
import { mergeDifference } from "./difference-view";
import { countLimit, matchCount } from "./find";
import { completeNoteLink } from "./note-links";
import { normalise } from "./paste";
import { Random } from "./simulation";
import { countWords } from "./words";

const text = (value: string) => Text.of(value.split("\n"));

describe("the difference of two texts", () => {
  test("leads from one to the other", () => {
    const random = new Random(3);
    const word = () => ["a", "b", "\n", "😀", "é"][random.below(5)]!;
    for (let i = 0; i < 500; i += 1) {
      const before = Array.from({ length: random.below(12) }, word).join("");
      const after = Array.from({ length: random.below(12) }, word).join("");
      const changes = difference(text(before), text(after));
      expect(changes.apply(text(before)).toString()).toBe(after);
      changes.iterChanges((from, to) => {
        for (const at of [from, to]) expect(/^[\udc00-\udfff]/.test(before.slice(at))).toBe(false);
      });
    }
  });

  test("is empty for equal texts", () => {
    expect(difference(text("a\nb"), text("a\nb")).empty).toBe(true);
  });

  test("is shown as one text, the deleted before the inserted", () => {
    const changes = ChangeSet.of(
      [
        { from: 0, to: 3, insert: "new" },
        { from: 8, insert: "!" },
      ],
      8,
    );
    const merged = mergeDifference({ text: "old text", changes: changes.toJSON() as never });
    expect(merged.text.toString()).toBe("oldnew text!");
    expect(merged.parts).toEqual([
      { from: 0, to: 3, kind: "deleted" },
      { from: 3, to: 6, kind: "inserted" },
      { from: 11, to: 12, kind: "inserted" },
    ]);
  });
});

describe("words", () => {
  test.each([
    ["", 0],
    ["  one  two\nthree ", 3],
    ["don’t count **marks**, or - dashes", 5],
    ["naïve café 42", 3],
  ])("%j has %i", (value, count) => expect(countWords(value)).toBe(count));

  test("are found in scripts without spaces", () => {
    expect(countWords("今日は良い天気です")).toBeGreaterThan(2);
  });
});

describe("pasted text", () => {
  test("has one kind of line break", () => expect(normalise("a\r\nb\rc\u2028d")).toBe("a\nb\nc\nd"));
  test("is well-formed", () => {
    expect(normalise("x\ud83dy\ude00z")).toBe("x\ufffdy\ufffdz");
    expect(normalise("😀")).toBe("😀");
    expect(normalise("a\0b")).toBe("ab");
  });
});

describe("the completion of note links", () => {
  const complete = (doc: string, position: number) =>
    completeNoteLink(new CompletionContext(EditorState.create({ doc }), position, false), () => ["Plan", "Trip", "Trip", "a]b", ""]);

  test("begins after two brackets", () => {
    const result = complete("see [[Tr", 8);
    expect(result?.from).toBe(6);
    expect(result?.options.map((option) => option.label)).toEqual(["Plan", "Trip"]);
    expect(result?.options[1]?.apply).toBe("Trip]]");
  });

  test("does not close what is closed", () => expect(complete("[[Tr]]", 4)?.options[1]?.apply).toBe("Trip"));
  test("leaves other text alone", () => expect(complete("see [Tr", 7)).toBeNull());
});

describe("find in note", () => {
  test("counts matches and knows the current one", () => {
    const state = EditorState.create({ doc: "the other the", selection: { anchor: 10, head: 13 } });
    expect(matchCount(state, new SearchQuery({ search: "the" }))).toEqual({ current: 3, total: 3 });
    expect(matchCount(state, new SearchQuery({ search: "none" }))).toEqual({ current: 0, total: 0 });
    expect(matchCount(state, new SearchQuery({ search: "" }))).toEqual({ current: 0, total: 0 });
  });

  test("stops counting somewhere", () => {
    const state = EditorState.create({ doc: "x".repeat(5000) });
    expect(matchCount(state, new SearchQuery({ search: "x" })).total).toBe(countLimit);
  });
});

describe("author colours", () => {
  test("leave out spans that do not fit", () => {
    const authors = [{ id: "a", name: "Ana", colour: 1 }];
    const marks = attributionMarks({ version: 1, authors, spans: [{ from: 0, to: 4, author: 0 }, { from: 4, to: 9, author: 0 }, { from: 9, to: 12, author: 0 }, { from: 12, to: 13, author: 7 }] }, 8);
    expect(marks.size).toBe(2);
  });
});
