// Where the focus begins on a page or in a dialog.

/**
 * Puts the focus on an element that has just appeared. Deliberately not the attribute `autofocus`: the web view of
 * Linux acts on that with the next frame that it draws, which may be a moment later, and what one types meanwhile
 * into another field goes on in this one.
 */
export function takeFocus(element: HTMLElement | null): void {
  element?.focus();
}
