// Which addresses may be opened, and how they are called.

/** The lower-case scheme of an address, or an empty string. */
export function linkScheme(address: string): string {
  return /^([a-z][a-z0-9+.-]*):/i.exec(address.trim())?.[1]?.toLowerCase() ?? "";
}

/** Whether the person's browser or mail program may be asked to open it. */
export function isOpenable(address: string): boolean {
  if (!["https", "http", "mailto"].includes(linkScheme(address))) return false;
  try {
    new URL(address);
    return true;
  } catch {
    return false;
  }
}

export function isNoteLink(address: string): boolean {
  return /^automerge:[1-9A-HJ-NP-Za-km-z]+$/.test(address.trim());
}

/** The host of an address, or the address itself. */
export function hostOf(address: string): string {
  try {
    return new URL(address).host || address;
  } catch {
    return address;
  }
}

/** The address of a server or peer as people know it: without `wss://`, which goes without saying. */
export function shortAddress(address: string): string {
  return address.replace(/^wss:\/\//, "").replace(/^ws:\/\/(?=localhost\b|127\.|\[::1\])/, "").replace(/\/$/, "");
}

/** Whether `address` is one that a server or peer can be dialled at. */
export function isSocketAddress(address: string): boolean {
  try {
    const { protocol, host } = new URL(address);
    return (protocol === "ws:" || protocol === "wss:") && host !== "";
  } catch {
    return false;
  }
}
