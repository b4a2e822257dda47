/** Tells the facts of one connection: short ones in a line, the rules that it met, the functions of the kernel. */
import { formatEndpoint } from '../model/address.js';
import type { Crossing } from '../model/hosts.js';
import type { Connection } from '../model/report.js';
import { formatBytes, formatDuration, plural } from './numbers.js';
import { namePredicted, nameSeen } from './seen.js';
import { tellTunnels } from './tunnels.js';

/** Bytes, times, relay, drop and prediction of a connection in a few words each; the outcome stands before them. */
export function writeFacts(connection: Connection): string[] {
  const { bytes, relay, drop, outcome } = connection;
  const { connect, firstReply } = connection.timing;
  const facts = [
    `${formatBytes(bytes.fromClient)} sent, ${formatBytes(bytes.fromServer)} received`,
  ];
  if (connect !== null) facts.push(`connected in ${formatDuration(connect)}`);
  if (firstReply !== null && outcome === 'answered') {
    facts.push(`answered after ${formatDuration(firstReply)}`);
  }
  for (const crossing of connection.crossings ?? []) facts.push(...tellCrossing(crossing));
  if (connection.via) facts.push(tellTunnels(connection.via));
  if (relay) {
    const pid = relay.pid === null ? '' : ` (pid ${relay.pid})`;
    const from = relay.client ? ` from ${formatEndpoint(relay.client)}` : '';
    facts.push(`relayed by ${relay.command ?? 'an unnamed relay'}${pid}${from}`);
  }
  if (drop) {
    const after = drop.after === null ? '' : ` after ${drop.after}`;
    const hook = drop.hook === undefined ? '' : ` in ${drop.hook}`;
    facts.push(`dropped: ${drop.reason} at ${drop.function}${hook}${after}`);
  }
  const mtu = connection.stall?.mtu ?? null;
  if (mtu !== null) facts.push(`too big for an MTU of ${mtu}`);
  const predicted = tellPredicted(connection);
  if (predicted !== null) facts.push(predicted);
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
  return told.length === 0 ? [] : [`${from} to ${to}: ${told.join(', ')}`];
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

export function writeRuleMet(met: NonNullable<Connection['rules']>[number]): string {
  const { leg, family, table, chain, rule, verdict } = met;
  const whose = leg === 'container' ? "the relay's own: " : '';
  return `${whose}${family} ${table} ${chain}: ${rule ?? `policy ${verdict}`}`;
}

/** One line per way through a namespace: its kernel functions in order, netfilter hooks by name. */
export function writeFunctions(passed: NonNullable<Connection['functions']>): string[] {
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
  return lines.map(({ head, names }) => `${head}: ${names.join(' ')}`);
}
