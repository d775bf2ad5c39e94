// Markdown as notes use it: GitHub's dialect, front matter, `[[note links]]`, fenced code.

import { markdown, markdownLanguage } from "@codemirror/lang-markdown";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import type { Extension } from "@codemirror/state";
import { tags } from "@lezer/highlight";
import type { MarkdownConfig } from "@lezer/markdown";
import { codeLanguages } from "./languages";

/** `---` on the first line up to the next `---`. */
const frontMatter: MarkdownConfig = {
  defineNodes: [{ name: "FrontMatter", block: true, style: tags.meta }],
  parseBlock: [
    {
      name: "FrontMatter",
      before: "HorizontalRule",
      parse(context, line) {
        if (context.lineStart !== 0 || line.text.trimEnd() !== "---") return false;
        for (let lines = 0; lines < 200 && context.nextLine(); lines += 1) {
          if (line.text.trimEnd() === "---") {
            context.nextLine();
            break;
          }
        }
        context.addElement(context.elt("FrontMatter", 0, context.prevLineEnd()));
        return true;
      },
    },
  ],
};

const opening = 91; // [
const closing = 93; // ]
const newline = 10;

/** `[[title]]` on one line. */
const noteLink: MarkdownConfig = {
  defineNodes: [{ name: "NoteLink", style: tags.link }, { name: "NoteLinkMark", style: tags.processingInstruction }],
  parseInline: [
    {
      name: "NoteLink",
      before: "Link",
      parse(context, next, position) {
        if (next !== opening || context.char(position + 1) !== opening) return -1;
        for (let at = position + 2; at < context.end; at += 1) {
          const unit = context.char(at);
          if (unit === newline || unit === opening) return -1;
          if (unit !== closing) continue;
          if (context.char(at + 1) !== closing || at === position + 2) return -1;
          return context.addElement(
            context.elt("NoteLink", position, at + 2, [
              context.elt("NoteLinkMark", position, position + 2),
              context.elt("NoteLinkMark", at, at + 2),
            ]),
          );
        }
        return -1;
      },
    },
  ],
};

const longestParagraph = 10_000;

/**
 * A paragraph is read as a whole, also after each keystroke in it. One of a megabyte, such as a log
 * without empty lines, is read as several.
 */
const endlessParagraph: MarkdownConfig = {
  parseBlock: [{ name: "EndlessParagraph", endLeaf: (_context, _line, leaf) => leaf.content.length > longestParagraph }],
};

export function noteLanguage(): Extension {
  return [
    markdown({ base: markdownLanguage, codeLanguages, extensions: [frontMatter, noteLink, endlessParagraph], completeHTMLTags: false }),
    syntaxHighlighting(noteHighlighting),
  ];
}

const noteHighlighting = HighlightStyle.define([
  { tag: tags.strong, fontWeight: "650" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: tags.strikethrough, textDecoration: "line-through", color: "var(--ink-soft)" },
  { tag: tags.processingInstruction, color: "var(--ink-soft)" },
  { tag: tags.contentSeparator, color: "var(--ink-soft)" },
  { tag: tags.labelName, color: "var(--ink-soft)" },
  { tag: tags.url, color: "var(--ink-soft)" },
  { tag: tags.atom, color: "var(--ink-soft)" },
  { tag: tags.meta, color: "var(--ink-soft)" },
  { tag: [tags.keyword, tags.operatorKeyword, tags.modifier, tags.controlKeyword], color: "var(--code-keyword)" },
  { tag: [tags.string, tags.special(tags.string), tags.regexp, tags.inserted], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--code-number)" },
  { tag: [tags.typeName, tags.className, tags.namespace, tags.tagName], color: "var(--code-type)" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.macroName], color: "var(--code-function)" },
  { tag: [tags.propertyName, tags.attributeName], color: "var(--code-property)" },
  { tag: [tags.comment, tags.lineComment, tags.blockComment], color: "var(--ink-soft)", fontStyle: "italic" },
  { tag: [tags.deleted, tags.invalid], color: "var(--error)" },
]);
