import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

const css = readFileSync(new URL("./theme.css", import.meta.url), "utf8");

/** The six-digit colours of a theme's block; the dark one overrides the light one. */
function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("}", start));
  return new Map([...block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g)].map((match) => [match[1]!, match[2]!]));
}

const light = tokens(":root");
const themes = { light, dark: new Map([...light, ...tokens(':root[data-theme="dark"]')]) };

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}

function contrast(a: string, b: string): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (bright! + 0.05) / (dim! + 0.05);
}

describe.each(Object.entries(themes))("the %s theme", (_name, theme) => {
  const colour = (token: string) => {
    const value = theme.get(token);
    if (!value) throw new Error(`no colour ${token}`);
    return value;
  };

  test("has a note's text at AAA", () => {
    expect(contrast(colour("ink"), colour("paper"))).toBeGreaterThanOrEqual(7);
    expect(contrast(colour("ink"), colour("code-tint"))).toBeGreaterThanOrEqual(7);
  });

  test.each([
    ["hover", "surface"],
    ["hover", "raised"],
    ["control", "raised"],
    ["chosen", "control"],
  ])("shows %s on %s", (one, other) => {
    expect(contrast(colour(one), colour(other))).toBeGreaterThanOrEqual(1.1);
  });

  test.each([
    ["ink", "surface"],
    ["ink", "raised"],
    ["ink", "hover"],
    ["ink", "control"],
    ["ink", "chosen"],
    ["ink-soft", "paper"],
    ["ink-soft", "surface"],
    ["ink-soft", "raised"],
    ["ink-soft", "hover"],
    ["ink-soft", "code-tint"],
    ["accent", "paper"],
    ["accent", "surface"],
    ["accent", "raised"],
    ["warn", "paper"],
    ["warn", "surface"],
    ["error", "paper"],
    ["error", "surface"],
    ["error", "raised"],
    ["on-accent", "accent"],
    ["paper", "error"],
    ["code-keyword", "code-tint"],
    ["code-string", "code-tint"],
    ["code-number", "code-tint"],
    ["code-type", "code-tint"],
    ["code-function", "code-tint"],
    ["code-property", "code-tint"],
  ])("has %s on %s at AA", (text, ground) => {
    expect(contrast(colour(text), colour(ground))).toBeGreaterThanOrEqual(4.5);
  });
});
