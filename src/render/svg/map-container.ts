/** Lists what a container's card says: its name, who listens in it, and what it publishes. */
import { formatEndpoint } from '../../model/address.js';
import type { Explanation } from '../../model/explain.js';
import { escapeJson } from '../../model/visible.js';
import type { Block } from './block.js';
import type { CardLine } from './card.js';
import { group } from './shapes.js';

export function listContainer({ containers, sockets }: Explanation, name: string): CardLine[] {
  const owner = containers.find((one) => one.name === name);
  const listening = sockets.filter(({ namespace }) => namespace === name);
  const listens = joinAddresses(listening, tellOwner, (one) => `${one.address}/${one.protocol}`);
  const published = joinAddresses(
    owner?.published ?? [],
    ({ containerPort, protocol }) => `→ ${containerPort}/${protocol}`,
    ({ hostAddress, hostPort }) => formatEndpoint({ address: hostAddress, port: hostPort }),
  );
  return [
    { text: name, face: 'strong' },
    ...listens.map(([about, addresses]) => ({
      text: `${about} ${addresses}`,
      colour: 'process' as const,
    })),
    ...published.map(([about, addresses]) => ({
      text: `published ${addresses} ${about}`,
      colour: 'muted' as const,
    })),
  ];
}

/** Joins the addresses of items that share a text, so that the text is written once. */
function joinAddresses<T>(
  items: readonly T[],
  about: (item: T) => string,
  address: (item: T) => string,
): [about: string, addresses: string][] {
  const groups = Map.groupBy(items, about);
  return [...groups].map(([text, own]) => [text, own.map(address).join(', ')]);
}

/** `nginx (pid 42) listens on`. */
export function tellOwner({ pid, command }: Explanation['sockets'][number]): string {
  const owner = command === null ? '' : `${command}${pid === null ? '' : ` (pid ${pid})`} `;
  return `${owner}listens on`;
}

/** Notes in `data-places` which devices a part of the picture stands for, so that a page can light it up. */
export function markPlaces(
  namespace: string,
  devices: readonly string[],
  { shapes, bottom }: Block,
): Block {
  const places = devices.map((device) => placeOf(namespace, device));
  return { shapes: [group(shapes, { 'data-places': escapeJson(JSON.stringify(places)) })], bottom };
}

/** A device's key in `data-places`. */
export function placeOf(namespace: string, device: string): string {
  return JSON.stringify([namespace, device]);
}
