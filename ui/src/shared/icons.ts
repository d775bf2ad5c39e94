// The line icons, each drawn in 16 units.

export const icons = {
  plus: "M8 3v10M3 8h10",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9ZM10.5 10.5 14 14",
  chevron: "m6 4 4 4-4 4",
  down: "m4 6 4 4 4-4",
  more: "M3.5 8h.01M8 8h.01M12.5 8h.01",
  trash: "M2.5 4h11M6.5 4V2.5h3V4M4 4l.7 9.5h6.6L12 4M6.7 6.8v4M9.3 6.8v4",
  close: "m4 4 8 8M12 4l-8 8",
  list: "M2.5 4h11M2.5 8h11M2.5 12h11",
  back: "M13 8H3M7 4 3 8l4 4",
  pin: "M6 2.5h4l-.4 4 2 2.2H4.4l2-2.2-.4-4ZM8 8.8v4.7",
  folder: "M2 4.2c0-.6.4-1 1-1h3.2l1.4 1.6H13c.6 0 1 .4 1 1V12c0 .6-.4 1-1 1H3c-.6 0-1-.4-1-1V4.2Z",
  settings: "M2.5 4.5h6M12 4.5h1.5M2.5 11.5H4M7.5 11.5h6M10.2 6.4a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8ZM5.8 13.4a1.9 1.9 0 1 0 0-3.8 1.9 1.9 0 0 0 0 3.8Z",
  check: "m3 8.5 3.2 3.2L13 4.8",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  up: "M8 13V3M4 7l4-4 4 4",
  below: "M8 3v10M4 9l4 4 4-4",
} as const;

export type IconName = keyof typeof icons;

/** An icon for what is made without a component. */
export function iconElement(name: IconName, size: number): SVGElement {
  const namespace = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(namespace, "svg");
  const attributes = { width: size, height: size, viewBox: "0 0 16 16", fill: "none", stroke: "currentColor", "stroke-width": 1.4 };
  for (const [attribute, value] of Object.entries({ ...attributes, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" }))
    svg.setAttribute(attribute, String(value));
  const path = document.createElementNS(namespace, "path");
  path.setAttribute("d", icons[name]);
  svg.append(path);
  return svg;
}
