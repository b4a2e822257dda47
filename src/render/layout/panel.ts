/** Lays out one connection: heading, facts, ladder, evidence. */
import { formatEndpoint } from '../../model/address.js';
import type { Connection, Report } from '../../model/report.js';
import { writeFacts, writeFunctions, writeRuleMet } from '../../words/facts.js';
import { printable } from '../text.js';
import { tellEvidence } from './evidence.js';
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
    facts: writeFacts(connection).map(printable),
    started,
    ladder: buildLadder(connection, places, items, started ?? '0'),
    evidence: tellEvidence(connection.evidence),
    why: connection.why === null ? null : printable(connection.why),
    rules: connection.rules?.map((met) => printable(writeRuleMet(met))) ?? null,
    functions: connection.functions ? writeFunctions(connection.functions).map(printable) : null,
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
  return {
    lanes: plan.lanes,
    groups: plan.groups,
    hosts: plan.hosts,
    rows: foldRows(drafts, connection.hopsOmitted),
  };
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
