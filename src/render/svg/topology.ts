/** Draws the map of a host: its devices, relays and bridges, the containers joined by veths, the predicted paths. */
import { formatEndpoint } from '../../model/address.js';
import type { Explanation } from '../../model/explain.js';
import { answer } from '../explain-answer.js';
import { plural } from '../format.js';
import { printable } from '../text.js';
import { nothing, paragraph, space, stack, type Block } from './block.js';
import { card, type CardLine } from './card.js';
import { drawArrows } from './map-arrows.js';
import { CONTAINER_WIDTH, INSIDE, MARGIN, planMap, type Plan } from './map-plan.js';
import { describeEngine, describeWhole, drawFindings } from './map-words.js';
import { drawPredictions } from './predictions.js';
import { box, group, line, shape, type Picture, type Shape } from './shapes.js';
import { styleSheet } from './style.js';

/** Width of the cards of the veths' host ends. */
const PORT_WIDTH = 212;
/** At most this many members of a bridge are drawn; the others are counted. */
const MOST_MEMBERS = 12;
/** Distance between two arrows that lead to one port of a bridge. */
const ARROW_GAP = 8;

/** The whole picture as shapes; pure. */
export function drawTopology(explanation: Explanation): Picture {
  const planned = planMap(explanation);
  const { width, routes } = planned;
  const inner = width - 2 * MARGIN;
  const title = 'How traffic gets into the containers';
  const body = stack(MARGIN, [
    (y) => paragraph(title, [MARGIN, y, inner], { size: 22, face: 'strong' }),
    ...answer(explanation).map(
      (line) => (y: number) => paragraph(printable(line), [MARGIN, y + 4, inner], { size: 14 }),
    ),
    (y) => drawFindings(explanation, MARGIN, y + 4, inner),
    (y) =>
      paragraph(describeEngine(explanation), [MARGIN, y + 8, inner], { size: 12, colour: 'muted' }),
    space(14),
    (y) => drawOutside(planned, y),
    (y) => drawHost(planned, y),
    space(20),
    (y) =>
      drawPredictions(explanation.predictions, routes.numberOf, {
        left: MARGIN,
        top: y,
        width: inner,
      }),
  ]);
  const height = Math.ceil(body.bottom + MARGIN);
  return {
    name: 'trace-flow-map',
    width,
    height,
    title,
    style: styleSheet(),
    description: describeWhole(explanation),
    shapes: [box([0, 0, width, height], { class: 'f-paper' }), ...body.shapes],
  };
}

/** Draws the card of clients on other machines, if any route begins there. */
function drawOutside({ routes, left, anchors }: Plan, top: number): Block {
  const comes = routes.routes.some(({ prediction }) => prediction.from === 'outside');
  if (!comes) return nothing(top);
  const place = { left: MARGIN, top, width: left - MARGIN + 200, colour: 'edge' as const };
  const block = card(place, [{ text: 'outside: other machines', face: 'strong' }]);
  anchors.outside = block.bottom + 14;
  return { shapes: block.shapes, bottom: block.bottom + 28 };
}

function drawHost(planned: Plan, top: number): Block {
  const { explanation, left, anchors, concerned, routes, containerLeft } = planned;
  const members = new Set(
    explanation.bridges.flatMap(({ members: list }) => list.map(({ container }) => container)),
  );
  const alone = explanation.containers.filter(
    ({ name }) => !members.has(name) && (concerned?.has(name) ?? true),
  );
  const bridges = explanation.bridges.filter((bridge) => isDrawn(planned, bridge));
  const hidden = explanation.bridges.length - bridges.length;
  anchors.host = top + 32;
  const content = stack(top + 8, [
    (y) => paragraph('host', [left, y, INSIDE], { size: 15, face: 'strong' }),
    space(4),
    (y) => {
      const block = card({ left, top: y, width: INSIDE, colour: 'edge' }, listDevices(explanation));
      anchors.devices = { left, top: y, bottom: Math.max(block.bottom, y + 20) };
      return mark(
        'host',
        explanation.host.devices.map(({ name }) => name),
        block,
      );
    },
    ...explanation.relays.map((relay) => (y: number) => drawRelay(planned, relay, y + 8)),
    ...bridges.map((bridge) => (y: number) => drawBridge(planned, bridge, y + 12)),
    hidden > 0
      ? (y) =>
          paragraph(
            `and ${plural(hidden, 'bridge')} that it does not concern`,
            [left, y + 8, INSIDE],
            {
              size: 12,
              colour: 'muted',
            },
          )
      : nothing,
    space(12),
  ]);
  const frame = box([MARGIN, top, planned.hostRight - MARGIN, content.bottom - top], {
    rx: 10,
    class: 'f-band s-lane shaft',
  });
  const others = stack(
    content.bottom + 8,
    alone.map((container) => (y: number) => {
      const { name } = container;
      const lines = [...listContainer(explanation, name), { text: 'on no bridge of this host' }];
      return card({ left: containerLeft, top: y, width: CONTAINER_WIDTH, colour: 'edge' }, lines);
    }),
  );
  const arrows = drawArrows(routes.routes, anchors, MARGIN + 14);
  return { shapes: [frame, ...content.shapes, ...others.shapes, ...arrows], bottom: others.bottom };
}

function drawRelay(
  { left, anchors }: Plan,
  { pid, command, listens, target }: Explanation['relays'][number],
  top: number,
): Block {
  const block = card({ left, top, width: INSIDE, colour: 'relay' }, [
    { text: `${command} (pid ${pid})`, face: 'strong', colour: 'relay' },
    { text: `${listens} → ${target ?? '?'}`, face: 'mono' },
  ]);
  anchors.relays.set(listens, { left, top, bottom: block.bottom });
  return block;
}

/** Whether a bridge is drawn: it leads to a concerned container, or nothing is predicted. */
function isDrawn({ concerned }: Plan, { members }: Explanation['bridges'][number]): boolean {
  return concerned === null || members.some(({ container }) => concerned.has(container ?? ''));
}

/** Lists the devices other than bridges, and the host's listening sockets other than those of relays. */
function listDevices({ host, sockets, relays }: Explanation): CardLine[] {
  const known = new Set(relays.map(({ pid }) => pid));
  const devices = host.devices
    .filter(({ kind }) => kind !== 'bridge')
    .map(({ name, addresses }) => ({ name, shown: addresses.filter(isGlobal) }))
    .filter(({ shown }) => shown.length > 0);
  const own = sockets.filter(
    ({ namespace, pid }) => namespace === 'host' && !(pid !== null && known.has(pid)),
  );
  return [
    ...devices.map(({ name, shown }) => ({
      text: `${name}  ${shown.join('  ')}`,
      face: 'mono' as const,
    })),
    ...own.map((socket) => ({ text: tellSocket(socket), colour: 'process' as const })),
  ];
}

function drawBridge(
  planned: Plan,
  { name, addresses, members }: Explanation['bridges'][number],
  top: number,
): Block {
  const { explanation, left, concerned } = planned;
  const shown = members
    .filter(({ container }) => concerned?.has(container ?? '') ?? true)
    .sort((a, b) => rank(explanation, a.container) - rank(explanation, b.container))
    .slice(0, MOST_MEMBERS);
  const hidden = members.length - shown.length;
  const content = stack(top + 6, [
    (y) => paragraph(printable(name), [left + 12, y, INSIDE - 24], { size: 13, face: 'strong' }),
    (y) =>
      paragraph(addresses.filter(isGlobal).join('  '), [left + 12, y, INSIDE - 24], {
        size: 12,
        face: 'mono',
      }),
    space(6),
    ...shown.map((member) => (y: number) => drawMember(planned, member, y)),
    hidden > 0
      ? (y) =>
          paragraph(`and ${hidden} more`, [left + 12, y, INSIDE], { size: 12, colour: 'muted' })
      : nothing,
    space(4),
  ]);
  const frame = box([left, top, INSIDE, content.bottom - top], {
    rx: 8,
    class: 'f-paper s-lane thin',
  });
  return {
    shapes: [...mark('host', [name], { shapes: [frame], bottom: 0 }).shapes, ...content.shapes],
    bottom: content.bottom,
  };
}

/** Sorts containers that listen first, then those that publish, then the rest. */
function rank({ containers, sockets }: Explanation, name: string | null): number {
  if (sockets.some(({ namespace }) => namespace === name)) return 0;
  return containers.some((one) => one.name === name && one.published.length > 0) ? 1 : 2;
}

function drawMember(
  { explanation, anchors, hostRight, containerLeft, routes }: Plan,
  member: Explanation['bridges'][number]['members'][number],
  top: number,
): Block {
  const { interface: port, ifindex, peerName, peerIfindex, container, address } = member;
  const left = hostRight - 16 - 12 - PORT_WIDTH;
  const end = mark(
    'host',
    [port],
    card({ left, top, width: PORT_WIDTH, colour: 'lane' }, [
      { text: `${port} (${ifindex})`, face: 'mono' },
    ]),
  );
  if (peerIfindex === null) return { shapes: end.shapes, bottom: end.bottom + 8 };
  const inner = `${peerName ?? '?'} (${peerIfindex})${address === null ? '' : `  ${address}`}`;
  const [head, ...rest] = listContainer(explanation, container ?? 'unknown');
  const lines = [...(head ? [head] : []), { text: inner, face: 'mono' as const }, ...rest];
  const far = mark(
    container ?? '',
    [peerName ?? ''],
    card({ left: containerLeft, top, width: CONTAINER_WIDTH, colour: 'request' }, lines),
  );
  const [from, y] = [left + PORT_WIDTH, top + 14];
  const arrows = routes.routes.filter((one) => [one.client, one.container].includes(container));
  const bottom = Math.max(end.bottom, top + 8 + arrows.length * ARROW_GAP);
  if (container !== null) {
    const wire = { right: from, edge: hostRight, far: containerLeft };
    anchors.joints.set(container, { left, top, bottom, ...wire });
  }
  const joint: Shape[] = [
    ...(bottom > end.bottom
      ? [line([left, top + 6, left, bottom], { class: 's-lane thick' })]
      : []),
    line([from, y, containerLeft, y], { class: 's-request shaft' }),
    ...[from, containerLeft].map((x) =>
      shape('circle', { cx: x, cy: y, r: 4, class: 'f-request' }),
    ),
  ];
  return {
    shapes: [...end.shapes, ...far.shapes, ...joint],
    bottom: Math.max(bottom, far.bottom) + 8,
  };
}

/** Notes in `data-places` which devices a part of the picture stands for, so that a page can light it up. */
function mark(namespace: string, devices: readonly string[], { shapes, bottom }: Block): Block {
  const places = devices.map((device) => placeOf(namespace, device));
  return { shapes: [group(shapes, { 'data-places': JSON.stringify(places) })], bottom };
}

/** A device's key in `data-places`. */
export function placeOf(namespace: string, device: string): string {
  return JSON.stringify([namespace, device]);
}

function listContainer({ containers, sockets }: Explanation, name: string): CardLine[] {
  const owner = containers.find((one) => one.name === name);
  return [
    { text: name, face: 'strong' },
    ...gather(
      sockets
        .filter(({ namespace }) => namespace === name)
        .map((socket) => [tellOwner(socket), `${socket.address}/${socket.protocol}`]),
    ).map(({ about, addresses }) => ({
      text: `${about} ${addresses}`,
      colour: 'process' as const,
    })),
    ...gather(
      (owner?.published ?? []).map(({ hostAddress, hostPort, containerPort, protocol }) => [
        `→ ${containerPort}/${protocol}`,
        formatEndpoint({ address: hostAddress, port: hostPort }),
      ]),
    ).map(({ about, addresses }) => ({
      text: `published ${addresses} ${about}`,
      colour: 'muted' as const,
    })),
  ];
}

/** Joins the addresses that share a text, so that the text is written once. */
function gather(
  pairs: readonly (readonly [about: string, address: string])[],
): { readonly about: string; readonly addresses: string }[] {
  const found = new Map<string, string[]>();
  for (const [about, address] of pairs) found.set(about, [...(found.get(about) ?? []), address]);
  return [...found].map(([about, addresses]) => ({ about, addresses: addresses.join(', ') }));
}

function tellSocket(socket: Explanation['sockets'][number]): string {
  return `${tellOwner(socket)} ${socket.address}/${socket.protocol}`;
}

function tellOwner({ pid, command }: Explanation['sockets'][number]): string {
  const owner = command === null ? '' : `${command}${pid === null ? '' : ` (pid ${pid})`} `;
  return `${owner}listens on`;
}

/** Link-local addresses are on every device and tell nothing. */
function isGlobal(address: string): boolean {
  return !/^fe80:/i.test(address);
}
