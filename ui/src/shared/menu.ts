// What a menu holds. One menu at a time is open in the window.

export type MenuEntry =
  | {
      kind: "item";
      label: string;
      hint?: string;
      keys?: string;
      checked?: boolean;
      danger?: boolean;
      disabled?: boolean;
      run: () => void;
    }
  | { kind: "separator" }
  | { kind: "heading"; text: string };

export interface OpenMenu {
  label: string;
  entries: MenuEntry[];
  x: number;
  y: number;
  /** Which corner of the menu lies at the point. */
  align: "left" | "right";
  /** Gets the focus back. */
  from: HTMLElement | null;
  wide: boolean;
}

/** Below a button, along its left or right edge. */
export function menuAt(button: HTMLElement, align: "left" | "right", label: string, entries: MenuEntry[], wide = false): OpenMenu {
  const box = button.getBoundingClientRect();
  return { label, entries, x: align === "left" ? box.left : box.right, y: box.bottom + 4, align, from: button, wide };
}

/** The next entry that can be chosen, going round; -1 when there is none. */
export function nextItem(entries: MenuEntry[], from: number, step: 1 | -1): number {
  for (let i = 1; i <= entries.length; i += 1) {
    const index = (from + step * i + entries.length * 2) % entries.length;
    const entry = entries[index];
    if (entry?.kind === "item" && !entry.disabled) return index;
  }
  return -1;
}
