// Languages of fenced code. Each is loaded when a note first uses it.

import { LanguageDescription, LanguageSupport, StreamLanguage, type StreamParser } from "@codemirror/language";

type Loader = () => Promise<LanguageSupport>;

function language(name: string, alias: string[], load: Loader): LanguageDescription {
  return LanguageDescription.of({ name, alias, load });
}

function legacy(name: string, alias: string[], load: () => Promise<StreamParser<unknown>>): LanguageDescription {
  return language(name, alias, async () => new LanguageSupport(StreamLanguage.define(await load())));
}

export const codeLanguages: LanguageDescription[] = [
  language("JavaScript", ["js", "mjs", "jsx", "node"], async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true })),
  language("TypeScript", ["ts", "tsx"], async () => (await import("@codemirror/lang-javascript")).javascript({ jsx: true, typescript: true })),
  language("Rust", ["rs"], async () => (await import("@codemirror/lang-rust")).rust()),
  language("Python", ["py"], async () => (await import("@codemirror/lang-python")).python()),
  language("JSON", ["json5", "jsonc"], async () => (await import("@codemirror/lang-json")).json()),
  language("HTML", ["htm", "svelte", "vue"], async () => (await import("@codemirror/lang-html")).html()),
  language("CSS", ["scss", "less"], async () => (await import("@codemirror/lang-css")).css()),
  language("C++", ["c", "cpp", "h", "hpp"], async () => (await import("@codemirror/lang-cpp")).cpp()),
  language("Java", ["kotlin"], async () => (await import("@codemirror/lang-java")).java()),
  language("Go", ["golang"], async () => (await import("@codemirror/lang-go")).go()),
  language("SQL", ["postgres", "sqlite"], async () => (await import("@codemirror/lang-sql")).sql()),
  language("YAML", ["yml"], async () => (await import("@codemirror/lang-yaml")).yaml()),
  legacy("Shell", ["sh", "bash", "zsh", "console"], async () => (await import("@codemirror/legacy-modes/mode/shell")).shell),
  legacy("TOML", [], async () => (await import("@codemirror/legacy-modes/mode/toml")).toml),
  legacy("Diff", ["patch"], async () => (await import("@codemirror/legacy-modes/mode/diff")).diff),
];
