/** The map of the host: every namespace that took part, its devices, and which device leads where. */
import type { Hop, Report } from '../../../model/report.js';
import { printable } from '../../text.js';
import { element } from './dom.js';
import type { Lighting } from './light.js';

/** Draws the map; devices that lit events passed are lit. */
export function createMap(
  places: Report['places'],
  hopOf: (event: number) => Hop | undefined,
  lighting: Lighting,
): HTMLElement {
  if (places.length === 0) {
    return element('p', { class: 'muted' }, 'This source knows no namespaces and devices.');
  }
  const devices = new Map<string, HTMLElement>();
  const boxes = places.map(({ namespace, role, devices: owned }) => {
    const lines = owned.map(({ name, kind, addresses, peer }) => {
      const line = element('li', { class: 'mono' }, [
        element('strong', {}, printable(name)),
        ` ${printable([kind, ...addresses].join(' '))}`,
        peer === null ? null : element('span', { class: 'muted' }, ` ⇄ ${printable(peer)}`),
      ]);
      devices.set(keyOf(namespace, name), line);
      return line;
    });
    return element('li', {}, [
      element('strong', {}, printable(namespace)),
      role === 'other' || role === namespace ? '' : ` (${role})`,
      element('ul', {}, lines),
    ]);
  });
  lighting.alwaysOnChange((events) => {
    const hops = [...events].flatMap((event) => hopOf(event) ?? []);
    const lit = new Set(hops.map((hop) => keyOf(hop.namespace, hop.interface)));
    for (const [key, line] of devices) line.classList.toggle('lit-place', lit.has(key));
  });
  return element('ul', { class: 'map' }, boxes);
}

function keyOf(namespace: string, device: string): string {
  return JSON.stringify([namespace, device]);
}
