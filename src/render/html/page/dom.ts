/** Makes elements in one call; strings are only added as text, so that no name can become markup. */
import type { Shape } from '../../svg/shapes.js';

type Child = Node | string | null;

/** An HTML element with attributes (`true` sets an empty one, `false` and null none) and children. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | number | boolean | null>> = {},
  children: readonly Child[] | string = [],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    made.setAttribute(name, value === true ? '' : String(value));
  }
  if (typeof children === 'string') made.textContent = children;
  else made.append(...children.filter((child) => child !== null));
  return made;
}

/** A button that calls `act` when clicked. */
export function button(text: string, label: string | null, act: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', 'aria-label': label, title: label }, text);
  made.addEventListener('click', act);
  return made;
}

/** The SVG element that a shape describes. */
export function svgElement({ tag, attributes, text, children }: Shape): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  made.append(...children.map(svgElement));
  return made;
}
