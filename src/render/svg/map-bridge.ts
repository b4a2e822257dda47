/** Draws a bridge of the map with its ports, and the containers at the other ends of their veths. */
import type { Explanation } from '../../model/explain.js';
import { listGlobal } from '../layout/wiring.js';
import { printable } from '../text.js';
import { inset, nothing, paragraph, space, stack, TEXT, type Draw } from './block.js';
import { card, type CardLine } from './card.js';
import { listContainer, markPlaces } from './map-container.js';
import { CONTAINER_WIDTH, INSIDE, type Plan } from './map-plan.js';
import { box, line, shape, type Shape } from './shapes.js';

/** Width of the cards of the veths' host ends. */
const PORT_WIDTH = 212;
/** At most this many members of a bridge are drawn; the others are counted. */
const MOST_MEMBERS = 12;
/** Distance between two arrows that lead to one port of a bridge. */
const ARROW_GAP = 8;

type Bridge = Explanation['bridges'][number];

export function drawBridge(planned: Plan, { name, addresses, members }: Bridge): Draw {
  const { explanation, left, concerned } = planned;
  const inside = inset({ left, width: INSIDE }, 12, 12);
  const shown = members
    .filter(({ container }) => concerned?.has(container ?? '') ?? true)
    .sort((a, b) => rank(explanation, a.container) - rank(explanation, b.container))
    .slice(0, MOST_MEMBERS);
  const hidden = members.length - shown.length;
  const own = listGlobal(addresses).join('  ');
  const content = stack([
    paragraph(printable(name), inside, { size: 13, face: 'strong' }),
    paragraph(own, inside, { size: 12, face: 'mono' }),
    space(6),
    ...shown.map((member) => drawMember(planned, member)),
    hidden > 0 ? paragraph(`and ${hidden} more`, inside, TEXT.note) : nothing,
    space(4),
  ]);
  return (top) => {
    const { shapes, bottom } = content(top + 6);
    const look = { rx: 8, class: 'f-paper s-lane thin' };
    const frame = box([left, top, INSIDE, bottom - top], look);
    const marked = markPlaces('host', [name], { shapes: [frame], bottom });
    return { shapes: [...marked.shapes, ...shapes], bottom };
  };
}

/** Sorts containers that listen first, then those that publish, then the rest. */
function rank({ containers, sockets }: Explanation, name: string | null): number {
  if (sockets.some(({ namespace }) => namespace === name)) return 0;
  return containers.some((one) => one.name === name && one.published.length > 0) ? 1 : 2;
}

function drawMember(planned: Plan, member: Bridge['members'][number]): Draw {
  const { hostRight, containerLeft } = planned;
  const { interface: port, ifindex, peerName, peerIfindex, container } = member;
  const frame = { left: hostRight - 16 - 12 - PORT_WIDTH, width: PORT_WIDTH };
  const near = card(frame, 'lane', [{ text: `${port} (${ifindex})`, face: 'mono' }]);
  if (peerIfindex === null) return stack([markAs('host', port, near), space(8)]);
  const place = { left: containerLeft, width: CONTAINER_WIDTH };
  const far = card(place, 'request', listFarEnd(planned.explanation, member));
  const ends = [markAs('host', port, near), markAs(container ?? '', peerName ?? '', far)];
  return (top) => {
    const drawn = ends.map((end) => end(top));
    const wire = drawWire(planned, container, {
      top,
      left: frame.left,
      end: drawn[0]?.bottom ?? top,
    });
    return {
      shapes: [...drawn.flatMap(({ shapes }) => shapes), ...wire.shapes],
      bottom: Math.max(wire.bottom, drawn[1]?.bottom ?? top) + 8,
    };
  };
}

function markAs(namespace: string, device: string, draw: Draw): Draw {
  return (top) => markPlaces(namespace, [device], draw(top));
}

function listFarEnd(explanation: Explanation, member: Bridge['members'][number]): CardLine[] {
  const { peerName, peerIfindex, container, address } = member;
  const inner = `${peerName ?? '?'} (${peerIfindex ?? '?'})${address === null ? '' : `  ${address}`}`;
  const [head, ...rest] = listContainer(explanation, container ?? 'unknown');
  return [...(head ? [head] : []), { text: inner, face: 'mono' }, ...rest];
}

/** Joins both ends of a veth, and notes where arrows may arrive. */
function drawWire(
  { routes, anchors, hostRight, containerLeft }: Plan,
  container: string | null,
  { top, left, end }: { readonly top: number; readonly left: number; readonly end: number },
): { readonly shapes: readonly Shape[]; readonly bottom: number } {
  const [from, y] = [left + PORT_WIDTH, top + 14];
  const arrows = routes.routes.filter((one) => [one.client, one.container].includes(container));
  const bottom = Math.max(end, top + 8 + arrows.length * ARROW_GAP);
  if (container !== null) {
    const wire = { right: from, edge: hostRight, far: containerLeft };
    anchors.joints.set(container, { left, top, bottom, ...wire });
  }
  return {
    shapes: [
      ...(bottom > end ? [line([left, top + 6, left, bottom], { class: 's-lane thick' })] : []),
      line([from, y, containerLeft, y], { class: 's-request shaft' }),
      ...[from, containerLeft].map((x) =>
        shape('circle', { cx: x, cy: y, r: 4, class: 'f-request' }),
      ),
    ],
    bottom,
  };
}
