/** Builds the map of the host: its wiring as a picture, and every namespace that took part with its devices. */
import type { Explanation } from '../../../model/explain.js';
import type { Hop, Report } from '../../../model/report.js';
import { printable } from '../../text.js';
import { placeOf } from '../../svg/map-container.js';
import { drawTopology } from '../../svg/topology.js';
import { element } from './dom.js';
import type { Lighting } from './light.js';
import { createPicture } from './picture.js';

/** Draws the map, and lights the devices of lit events. */
export function createMap(
  places: Report['places'],
  host: Explanation | null,
  hopOf: (event: number) => Hop | undefined,
  lighting: Lighting,
): HTMLElement {
  if (places.length === 0) {
    return element('p', { class: 'muted' }, 'This source knows no namespaces and devices.');
  }
  const list = listDevices(places);
  const picture = host && drawHost(host);
  const marks = [...list.marks, ...(picture?.marks ?? [])];
  lighting.alwaysOnChange((events) => {
    const hops = [...events].flatMap((event) => hopOf(event) ?? []);
    const lit = new Set(hops.map((hop) => placeOf(hop.namespace, hop.interface)));
    for (const { keys, mark } of marks) {
      mark.classList.toggle(
        'lit-place',
        keys.some((key) => lit.has(key)),
      );
    }
  });
  if (!picture) return list.element;
  return element('div', {}, [
    picture.element,
    element('details', {}, [
      element('summary', {}, 'Every namespace with its devices'),
      list.element,
    ]),
  ]);
}

/** An element, and the devices whose lit events light it. */
interface Mark {
  readonly keys: readonly string[];
  readonly mark: Element;
}

function drawHost(host: Explanation): { element: SVGElement; marks: Mark[] } {
  const { width, height, description, shapes } = drawTopology(host);
  const frame = createPicture({ shapes, bottom: height - 4 }, width, description);
  const marks = [...frame.querySelectorAll('[data-places]')].map((mark): Mark => {
    return { mark, keys: JSON.parse(mark.getAttribute('data-places') ?? '[]') as string[] };
  });
  return { element: frame, marks };
}

function listDevices(places: Report['places']): { element: HTMLElement; marks: Mark[] } {
  const marks: Mark[] = [];
  const boxes = places.map(({ namespace, devices: owned }) => {
    const lines = owned.map(({ name, kind, addresses, peer }) => {
      const line = element('li', { class: 'mono' }, [
        element('strong', {}, printable(name)),
        ` ${printable([kind, ...addresses].join(' '))}`,
        peer === null ? null : element('span', { class: 'muted' }, ` ⇄ ${printable(peer)}`),
      ]);
      marks.push({ keys: [placeOf(namespace, name)], mark: line });
      return line;
    });
    return element('li', {}, [
      element('strong', {}, printable(namespace)),
      element('ul', {}, lines),
    ]);
  });
  return { element: element('ul', { class: 'map' }, boxes), marks };
}
