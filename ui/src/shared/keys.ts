// Keyboard shortcuts: written as "Mod+Shift+P", where Mod is Ctrl, or Cmd on a Mac.

export interface KeyPress {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  shiftKey: boolean;
  altKey: boolean;
}

const isMac = typeof navigator !== "undefined" && /Mac/.test(navigator.platform);

export function matchesKeys(keys: string, event: KeyPress, mac = isMac): boolean {
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  const mod = parts.includes("Mod");
  const pressedMod = mac ? event.metaKey : event.ctrlKey;
  const otherMod = mac ? event.ctrlKey : event.metaKey;
  return (
    event.key.toLowerCase() === key.toLowerCase() &&
    pressedMod === mod &&
    !otherMod &&
    event.shiftKey === parts.includes("Shift") &&
    event.altKey === parts.includes("Alt")
  );
}

/** How the shortcut is shown: "Ctrl+Shift+P" or "⇧⌘P". */
export function showKeys(keys: string, mac = isMac): string {
  if (!mac) return keys.replace("Mod", "Ctrl").replace("Enter", "↵");
  const parts = keys.split("+");
  const key = parts.pop() ?? "";
  const symbol = (name: string, sign: string) => (parts.includes(name) ? sign : "");
  return symbol("Alt", "⌥") + symbol("Shift", "⇧") + symbol("Mod", "⌘") + key.replace("Enter", "↩");
}
