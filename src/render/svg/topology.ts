/** Draws the map of a host: its devices, relays and bridges, the containers joined by veths, the predicted paths. */
import type { Explanation } from '../../model/explain.js';
import { answer } from '../../words/answer.js';
import { plural } from '../../words/numbers.js';
import { listDevices, listOwnSockets } from '../layout/wiring.js';
import { describeEngine, describeWhole } from '../../words/wiring.js';
import { printable } from '../text.js';
import {
  below,
  inset,
  nothing,
  paragraph,
  space,
  stack,
  TEXT,
  type Draw,
  type Frame,
} from './block.js';
import { card, type CardLine } from './card.js';
import { drawArrows } from './map-arrows.js';
import { drawBridge } from './map-bridge.js';
import { listContainer, markPlaces, tellOwner } from './map-container.js';
import { CONTAINER_WIDTH, INSIDE, MARGIN, planMap, type Plan } from './map-plan.js';
import { drawPredictions } from './predictions.js';
import { box, type Picture } from './shapes.js';
import { styleSheet } from './style.js';

/** The whole picture as shapes; pure. */
export function drawTopology(explanation: Explanation): Picture {
  const planned = planMap(explanation);
  const { width, routes } = planned;
  const frame = { left: MARGIN, width: width - 2 * MARGIN };
  const title = 'How traffic gets into the containers';
  const body = stack([
    paragraph(title, frame, TEXT.title),
    ...answer(explanation).map((line) => below(4, paragraph(printable(line), frame, { size: 14 }))),
    below(4, drawFindings(explanation, frame)),
    below(8, paragraph(printable(describeEngine(explanation)), frame, TEXT.note)),
    space(14),
    drawOutside(planned),
    drawHost(planned),
    space(20),
    drawPredictions(explanation.predictions, routes.numberOf, frame),
  ])(MARGIN);
  const height = Math.ceil(body.bottom + MARGIN);
  return {
    name: 'trace-flow-map',
    width,
    height,
    title,
    style: styleSheet(),
    description: printable(describeWhole(explanation)),
    shapes: [box([0, 0, width, height], { class: 'f-paper' }), ...body.shapes],
  };
}

/** Draws the card of clients on other machines, if any route begins there. */
function drawOutside({ routes, left, anchors }: Plan): Draw {
  const comes = routes.routes.some(({ prediction }) => prediction.from === 'outside');
  if (!comes) return nothing;
  const frame = { left: MARGIN, width: left - MARGIN + 200 };
  const draw = card(frame, 'edge', [{ text: 'outside: other machines', face: 'strong' }]);
  return (top) => {
    const { shapes, bottom } = draw(top);
    anchors.outside = bottom + 14;
    return { shapes, bottom: bottom + 28 };
  };
}

function drawHost(planned: Plan): Draw {
  const { explanation, anchors, routes } = planned;
  const inside = { left: planned.left, width: INSIDE };
  const bridges = explanation.bridges.filter((bridge) => isDrawn(planned, bridge));
  const hidden = explanation.bridges.length - bridges.length;
  const more = `and ${plural(hidden, 'bridge')} that it does not concern`;
  const content = stack([
    paragraph('host', inside, TEXT.heading),
    space(4),
    drawDevices(planned),
    ...explanation.relays.map((relay) => below(8, drawRelay(planned, relay))),
    ...bridges.map((bridge) => below(12, drawBridge(planned, bridge))),
    hidden > 0 ? below(8, paragraph(more, inside, TEXT.note)) : nothing,
    space(12),
  ]);
  return (top) => {
    anchors.host = top + 32;
    const { shapes, bottom } = content(top + 8);
    const frame = box([MARGIN, top, planned.hostRight - MARGIN, bottom - top], {
      rx: 10,
      class: 'f-band s-lane shaft',
    });
    const others = drawAlone(planned)(bottom + 8);
    const arrows = drawArrows(routes.routes, anchors, MARGIN + 14);
    return { shapes: [frame, ...shapes, ...others.shapes, ...arrows], bottom: others.bottom };
  };
}

/** Draws the devices other than bridges, and the host's own listening sockets. */
function drawDevices({ explanation, left, anchors }: Plan): Draw {
  const lines: CardLine[] = [
    ...listDevices(explanation).map(({ name, addresses }) => ({
      text: `${name}  ${addresses.join('  ')}`,
      face: 'mono' as const,
    })),
    ...listOwnSockets(explanation).map((socket) => ({
      text: `${tellOwner(socket)} ${socket.address}/${socket.protocol}`,
      colour: 'process' as const,
    })),
  ];
  const draw = card({ left, width: INSIDE }, 'edge', lines);
  const names = explanation.host.devices.map(({ name }) => name);
  return (top) => {
    const block = draw(top);
    anchors.devices = { left, top, bottom: Math.max(block.bottom, top + 20) };
    return markPlaces('host', names, block);
  };
}

/** Draws the containers that are on no bridge. */
function drawAlone({ explanation, concerned, containerLeft }: Plan): Draw {
  const members = new Set(
    explanation.bridges.flatMap((bridge) => bridge.members.map(({ container }) => container)),
  );
  const frame = { left: containerLeft, width: CONTAINER_WIDTH };
  return stack(
    explanation.containers
      .filter(({ name }) => !members.has(name) && (concerned?.has(name) ?? true))
      .map(({ name }) => [
        ...listContainer(explanation, name),
        { text: 'on no bridge of this host' },
      ])
      .map((lines) => card(frame, 'edge', lines)),
  );
}

function drawRelay(
  { left, anchors }: Plan,
  { pid, command, listens, target }: Explanation['relays'][number],
): Draw {
  const draw = card({ left, width: INSIDE }, 'relay', [
    { text: `${command} (pid ${pid})`, face: 'strong', colour: 'relay' },
    { text: `${listens} → ${target ?? '?'}`, face: 'mono' },
  ]);
  return (top) => {
    const block = draw(top);
    anchors.relays.set(listens, { left, top, bottom: block.bottom });
    return block;
  };
}

/** Whether a bridge is drawn: it leads to a concerned container, or nothing is predicted. */
function isDrawn({ concerned }: Plan, { members }: Explanation['bridges'][number]): boolean {
  return concerned === null || members.some(({ container }) => concerned.has(container ?? ''));
}

/** Draws the findings with their fixes. */
function drawFindings({ findings }: Explanation, frame: Frame): Draw {
  const colours = { error: 'bad', warning: 'unsure', note: 'muted' } as const;
  return stack(
    findings.flatMap(({ severity, evidence, remedy }) => {
      const style = { size: 12, colour: colours[severity] };
      return [
        below(6, paragraph(printable(`${severity}: ${evidence}`), frame, style)),
        paragraph(printable(`fix: ${remedy}`), inset(frame, 16), TEXT.note),
      ];
    }),
  );
}
