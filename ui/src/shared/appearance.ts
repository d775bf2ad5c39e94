// The person's choice of theme and type, put on the page.

import type { Settings } from "../backend/bindings";

/** Sizes of the text of notes, in pixels. */
export const textSizes = { least: 14, most: 22 };

/** Returns what stops it from following the system's theme. */
export function applyAppearance(settings: Settings | null): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const apply = () => {
    const theme = settings?.theme ?? "system";
    root.dataset["theme"] = theme === "system" ? (system.matches ? "dark" : "light") : theme;
  };
  apply();
  root.style.setProperty("--note-size", `${settings?.textSize ?? 16}px`);
  root.style.setProperty("--note-font", settings?.noteFont === "serif" ? "var(--serif)" : "var(--sans)");
  system.addEventListener("change", apply);
  return () => system.removeEventListener("change", apply);
}
