/** Lays out one connection: heading, facts, ladder, evidence. */
import { formatEndpoint } from '../../model/address.js';
import type { Crossing } from '../../model/hosts.js';
import type { Connection, Report } from '../../model/report.js';
import { namePredicted, nameSeen } from '../../words/seen.js';
import { tellTunnels } from '../../words/tunnels.js';
import { formatBytes, formatDuration, plural } from '../format.js';
import { printable } from '../text.js';
import { tellEvidence } from './evidence.js';
import { foldRows } from './fold.js';
import { planLanes } from './lanes.js';
import { timeToAnswer, timeToConnect } from './latency.js';
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
    evidence: tellEvidence(connection.evidence),
    why: connection.why === null ? null : printable(connection.why),
    rules: connection.rules?.map((met) => printable(describeRule(met))) ?? null,
    functions: connection.functions ? tellFunctions(connection.functions) : null,
  };
}

function describeRule(met: NonNullable<Connection['rules']>[number]): string {
  const { leg, family, table, chain, rule, verdict } = met;
  const whose = leg === 'container' ? "the relay's own: " : '';
  return `${whose}${family} ${table} ${chain}: ${rule ?? `policy ${verdict}`}`;
}

/** One line per way through a namespace: its kernel functions in order, netfilter hooks by name. */
function tellFunctions(passed: NonNullable<Connection['functions']>): string[] {
  const lines: { head: string; names: string[] }[] = [];
  for (const { leg, flow, namespace, function: name, hook } of passed) {
    // Hooks of bridges and devices have no name of their own.
    if (hook === null && name === 'nf_hook_slow') continue;
    const whose = leg === 'container' ? "relay's " : '';
    const head = `${whose}${flow}, ${namespace}`;
    const last = lines.at(-1);
    const line = last?.head === head ? last : { head, names: [] };
    if (line !== last) lines.push(line);
    line.names.push(hook ?? name);
  }
  return lines.map(({ head, names }) => printable(`${head}: ${names.join(' ')}`));
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

/** The client, what it dialled, and where that led; each printable. */
export function routeOf({ client, server, container }: Connection): string[] {
  const stations = [formatEndpoint(client)];
  const [dialled, target] = [server, container].map((end) => (end ? formatEndpoint(end) : null));
  const named = container && container.name !== container.address ? `${container.name} ` : '';
  if (dialled && dialled !== target) stations.push(dialled);
  if (target) stations.push(named + target);
  return stations.map(printable);
}

function factsOf(connection: Connection): string[] {
  const { bytes, relay, drop, outcome } = connection;
  const facts = [
    `${formatBytes(bytes.fromClient)} sent, ${formatBytes(bytes.fromServer)} received`,
  ];
  const connected = timeToConnect(connection);
  if (connected !== null) facts.push(`connected in ${formatDuration(connected)}`);
  const answered = timeToAnswer(connection);
  if (answered !== null && outcome === 'answered')
    facts.push(`answered after ${formatDuration(answered)}`);
  for (const crossing of connection.crossings ?? []) facts.push(...tellCrossing(crossing));
  if (connection.via) facts.push(printable(tellTunnels(connection.via)));
  if (relay) {
    const pid = relay.pid === null ? '' : ` (pid ${relay.pid})`;
    const from = relay.client ? ` from ${formatEndpoint(relay.client)}` : '';
    facts.push(printable(`relayed by ${relay.command ?? 'an unnamed relay'}${pid}${from}`));
  }
  if (drop) {
    const after = drop.after === null ? '' : ` after ${drop.after}`;
    const hook = drop.hook === undefined ? '' : ` in ${drop.hook}`;
    facts.push(printable(`dropped: ${drop.reason} at ${drop.function}${hook}${after}`));
  }
  const mtu = connection.stall?.mtu ?? null;
  if (mtu !== null) facts.push(`too big for an MTU of ${mtu}`);
  const predicted = tellPredicted(connection);
  if (predicted !== null) facts.push(printable(predicted));
  return facts;
}

/** `a to b: 44 µs to 184 µs there, 50 µs to 190 µs back`, and what was lost between them. */
function tellCrossing({ from, to, latency, lost }: Crossing): string[] {
  if (to === null) return [];
  const span = (one: Crossing['latency']['request'], way: string): string[] =>
    one === null ? [] : [`${formatDuration(one.least)} to ${formatDuration(one.most)} ${way}`];
  const took = [...span(latency.request, 'there'), ...span(latency.reply, 'back')];
  const gone = (lost.fromClient ?? 0) + (lost.fromServer ?? 0);
  const told = [...took, ...(gone > 0 ? [`${plural(gone, 'packet')} lost`] : [])];
  return told.length === 0 ? [] : [printable(`${from} to ${to}: ${told.join(', ')}`)];
}

/** Compares the prediction with what was seen; the findings tell why they differ. */
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
