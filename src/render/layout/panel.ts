/** One connection laid out: heading, facts, ladder, evidence. */
import { formatEndpoint } from '../../model/address.js';
import type { Connection, Hop, Report } from '../../model/report.js';
import { namePredicted, nameSeen } from '../../prove/words.js';
import { elapsed, formatBytes, formatDuration } from '../format.js';
import { printable } from '../text.js';
import { foldRows } from './fold.js';
import { planLanes } from './lanes.js';
import { groupPackets } from './packets.js';
import { draftRows } from './rows.js';
import type { Ladder, Panel } from './scene.js';

/** Lays out one connection; `places` names the devices. */
export function layOutConnection(connection: Connection, places: Report['places']): Panel {
  const items = groupPackets(connection.hops);
  const head = items[0];
  const first = head?.type === 'lone' ? head.hop : (head?.hops[0] ?? head?.drop);
  const started = first?.time ?? null;
  return {
    id: connection.id,
    protocol: connection.protocol,
    route: routeOf(connection),
    path: connection.path,
    proof: connection.proof,
    outcome: connection.outcome,
    reason: printable(connection.reason),
    facts: factsOf(connection),
    started,
    ladder: buildLadder(connection, places, items, started ?? '0'),
    evidence: connection.evidence.map(({ holds, claim, events }) => ({
      holds,
      claim: printable(claim),
      events,
    })),
    why: connection.why === null ? null : printable(connection.why),
  };
}

function buildLadder(
  connection: Connection,
  places: Report['places'],
  items: ReturnType<typeof groupPackets>,
  started: string,
): Ladder {
  const plan = planLanes(connection, items, places);
  const drafts = draftRows(connection, items, plan, started);
  return { lanes: plan.lanes, groups: plan.groups, rows: foldRows(drafts, connection.hopsOmitted) };
}

function routeOf({ client, server, container }: Connection): string[] {
  const stations = [formatEndpoint(client)];
  const [dialled, target] = [server, container].map((end) => (end ? formatEndpoint(end) : null));
  const named = container && container.name !== container.address ? `${container.name} ` : '';
  if (dialled && dialled !== target) stations.push(dialled);
  if (target) stations.push(named + target);
  return stations.map(printable);
}

function factsOf(connection: Connection): string[] {
  const { bytes, relay, drop, hops, outcome } = connection;
  const facts = [
    `${formatBytes(bytes.fromClient)} sent, ${formatBytes(bytes.fromServer)} received`,
  ];
  const connected = latency(
    hops,
    (hop) => hop.flags.includes('SYN') && !hop.flags.includes('ACK'),
    isSynAck,
  );
  const lost = hops.some((hop) => hop.kind === 'drop' && hop.leg === 'client' && isSynAck(hop));
  if (connected !== null && !lost) facts.push(`connected in ${formatDuration(connected)}`);
  const answered = latency(
    hops,
    (hop) => hop.bytes > 0,
    (hop) => hop.bytes > 0,
  );
  if (answered !== null && outcome === 'answered')
    facts.push(`answered after ${formatDuration(answered)}`);
  if (relay) {
    const pid = relay.pid === null ? '' : ` (pid ${relay.pid})`;
    const from = relay.client ? ` from ${formatEndpoint(relay.client)}` : '';
    facts.push(printable(`relayed by ${relay.command ?? 'an unnamed relay'}${pid}${from}`));
  }
  if (drop) {
    const after = drop.after === null ? '' : ` after ${drop.after}`;
    facts.push(printable(`dropped: ${drop.reason} at ${drop.function}${after}`));
  }
  const foretold = tellPredicted(connection);
  if (foretold !== null) facts.push(printable(foretold));
  return facts;
}

/** Prediction beside observation in a few words; why they differ is told with the findings. */
function tellPredicted(connection: Connection): string | null {
  const { predicted } = connection;
  if (!predicted) return null;
  if (predicted.path === 'unknown') return 'predicted: cannot tell';
  const told = namePredicted(predicted);
  if (predicted.agrees === null) return `predicted ${told}`;
  return predicted.agrees
    ? `predicted ${told}, as seen`
    : `predicted ${told}, seen ${nameSeen(connection)}`;
}

function isSynAck(hop: Hop): boolean {
  return hop.flags.includes('SYN') && hop.flags.includes('ACK');
}

/** From the first such request to the last hop of the first such reply on the client's leg, in nanoseconds. */
function latency(
  hops: readonly Hop[],
  asks: (hop: Hop) => boolean,
  answers: (hop: Hop) => boolean,
): number | null {
  const packets = hops.filter((hop) => hop.kind === 'packet' && hop.leg === 'client');
  const asked = packets.find((hop) => hop.flow === 'request' && asks(hop));
  if (!asked) return null;
  const replies = groupPackets(packets.filter((hop) => hop.flow === 'reply' && answers(hop)));
  const reply = replies.find((item) => item.type === 'passage');
  const last = reply?.type === 'passage' ? reply.hops.at(-1) : undefined;
  const took = last ? elapsed(asked.time, last.time) : -1;
  return took >= 0 ? took : null;
}
