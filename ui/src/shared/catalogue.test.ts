// Every word that is shown is in `strings.ts`, so that it can be translated.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "svelte/compiler";
import { expect, test } from "vitest";

const spoken = new Set(["aria-label", "title", "placeholder", "alt", "aria-description"]);
/** Examples of addresses, which are the same in every language. */
const notWords = /^(automerge:\u2026|wss:\/\/notes\.example)$/;

interface Node {
  type: string;
  data?: string;
  name?: string;
  [key: string]: unknown;
}

/** Texts and spoken attributes that stand in a component literally. */
function literals(node: Node, found: string[]): void {
  if (node.type === "Text" && /\p{L}/u.test(node.data ?? "")) found.push(node.data ?? "");
  if (node.type === "StyleDirective") return;
  if (node.type === "Attribute" && !spoken.has(node.name ?? "")) return;
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (child && typeof child === "object" && typeof (child as Node).type === "string") literals(child as Node, found);
    }
  }
}

const folder = join(import.meta.dirname, "..");
const components = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".svelte"));

test.each(components)("%s has no words of its own", (file) => {
  const found: string[] = [];
  const { fragment } = parse(readFileSync(join(folder, file), "utf8"), { modern: true });
  literals(fragment as unknown as Node, found);
  expect(found.filter((text) => !notWords.test(text.trim()))).toEqual([]);
});
