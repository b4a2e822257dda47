/** Finds the headline of a report as data: what failed, who did it, where, by which rule, and what to do. */
import { sameEndpoint } from '../../model/address.js';
import type { Finding } from '../../model/explain.js';
import type { Failure, Headline, SeenSource, Way } from '../../model/headline.js';
import type { Connection, Report } from '../../model/report.js';
import { runtimeOf } from '../../model/runtime.js';
import { nameSubject } from '../../words/headline.js';
import { findFix, isAbout } from './fix.js';

/** Most groups of failures in a headline, and most ids in each. */
const MOST_FAILURES = 8;
const MOST_IDS = 8;

export interface HeadlineInput {
  readonly connections: readonly Connection[];
  readonly target: Pick<Report['target'], 'ports' | 'containers'>;
  /** Faults of the host that its rules and sockets show. */
  readonly faults: readonly Finding[];
  readonly unpublished: Headline['unpublished'];
}

export function findHeadline(input: HeadlineInput): Headline {
  const { connections, target, faults, unpublished } = input;
  const failures = groupFailures(connections).map((failure) => withInside(failure, faults));
  const failed = failures.reduce((sum, { count }) => sum + count, 0);
  return {
    subject: nameSubject(target.ports.length > 0 ? target.ports : target.containers),
    connections: connections.length,
    answered: connections.length - failed,
    failed,
    failures: failures.slice(0, MOST_FAILURES),
    ways: countWays(connections),
    sources: countSources(connections),
    fix: findFix(failures, faults, unpublished),
    unpublished,
  };
}

function groupFailures(connections: readonly Connection[]): Failure[] {
  const groups = new Map<string, Failure>();
  for (const connection of connections) {
    const failure = describeFailure(connection);
    if (failure === null) continue;
    const { count, connections: ids, ...likeness } = failure;
    const key = JSON.stringify(likeness);
    const group = groups.get(key);
    if (!group) groups.set(key, failure);
    else {
      const known = group.connections;
      const more = known.length < MOST_IDS ? [...known, ...ids] : known;
      groups.set(key, { ...group, count: group.count + count, connections: more });
    }
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

/** Marks a failure where nothing listens on the container's address but a process listens on its loopback. */
function withInside(failure: Failure, faults: readonly Finding[]): Failure {
  const inside = faults.some((one) => one.code === 'listens-on-loopback' && isAbout(one, failure));
  return inside ? { ...failure, insideOnly: true } : failure;
}

/** What became of one connection; null where it was answered. */
export function describeFailure(connection: Connection): Failure | null {
  const { outcome } = connection;
  // Return early: the other fields of a captured connection are computed on access.
  if (outcome === 'answered') return null;
  const { id, path, protocol, end, drop, stall, handshake, relay } = connection;
  const target = connection.container ?? connection.server;
  return {
    count: 1,
    connections: [id],
    outcome,
    path,
    protocol,
    by: end.by,
    how: end.how,
    // The kernel's drop reason, where the drop came too late to end the connection.
    cause: end.cause ?? (drop?.reason === 'NO_SOCKET' ? 'not-listening' : null),
    rule: end.rule,
    table: end.at?.table ?? null,
    chain: end.at?.chain ?? null,
    hook: drop?.hook ?? null,
    after: drop?.after ?? null,
    reason: drop?.reason ?? null,
    flow: drop?.flow ?? stall?.flow ?? null,
    dialled: connection.server?.port ?? null,
    target: target && {
      name: connection.container?.name ?? null,
      address: target.address,
      port: target.port,
      ...runtimeOf(connection.container ?? {}),
    },
    relay: relay && { pid: relay.pid, command: relay.command },
    ...findPredicted(connection),
    ...findStop(connection),
    ...findReached(connection),
    halfOpen: outcome === 'unanswered' && handshake?.completed === false && handshake.synAck > 0,
    stall: stall && { length: stall.length, sent: stall.sent, mtu: stall.mtu },
  };
}

/** The prediction, only where nothing else shows why the connection failed. */
function findPredicted({ outcome, end, drop, predicted }: Connection): Pick<Failure, 'predicted'> {
  if (outcome !== 'unanswered' || end.cause !== null || drop !== null || !predicted) return {};
  const { path, at, rule } = predicted;
  if (path !== 'dropped' && path !== 'refused') return {};
  return { predicted: { fate: path, chain: at?.chain ?? null, rule } };
}

/** The predicted stop, only where the connection came as predicted and no rule ended it. */
function findStop({ outcome, end, predicted }: Connection): Pick<Failure, 'stop'> {
  const stopped = outcome === 'dropped' || outcome === 'refused';
  if (!stopped || end.rule !== null || predicted?.agrees !== true || !predicted.stop) return {};
  return { stop: predicted.stop };
}

function findReached(connection: Connection): Pick<Failure, 'reached'> {
  const { reached, handshake, path, bytes } = connection;
  if (reached === undefined) return {};
  // Behind a relay, the client's handshake is with the relay and not with the container.
  const whole = path === 'dnat' || path === 'direct';
  const agreed = whole && handshake?.completed === true && bytes.fromServer === 0;
  return { reached: agreed ? 'handshake' : reached };
}

function countWays(connections: readonly Connection[]): Way[] {
  const ways = new Map<Way['path'], { count: number; hooks: Set<Way['hooks'][number]> }>();
  for (const { path, nat } of connections) {
    const way = ways.get(path) ?? { count: 0, hooks: new Set() };
    ways.set(path, way);
    way.count += 1;
    if (path === 'dnat' && nat?.hook) way.hooks.add(nat.hook);
  }
  return [...ways]
    .map(([path, { count, hooks }]) => ({ path, count, hooks: [...hooks].sort() }))
    .sort((a, b) => b.count - a.count);
}

/** Counts the client addresses that containers see, the most frequent first. */
function countSources(connections: readonly Connection[]): SeenSource[] {
  const found = new Map<string, SeenSource>();
  for (const { sourceSeen, client, container, relay, nat } of connections) {
    if (sourceSeen === null || container === null) continue;
    const of = nameOwner({ sourceSeen, client, relay, nat });
    const key = JSON.stringify([container.name, of, of === 'client' ? null : sourceSeen]);
    const known = found.get(key);
    const address = known && known.address !== sourceSeen ? null : sourceSeen;
    found.set(key, { address, of, container: container.name, count: (known?.count ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.count - a.count);
}

function nameOwner({
  sourceSeen,
  client,
  relay,
  nat,
}: Pick<Connection, 'sourceSeen' | 'client' | 'relay' | 'nat'>): SeenSource['of'] {
  // A port driver that writes frames keeps the client's address and port.
  const kept = relay?.client != null && sameEndpoint(relay.client, client);
  if (relay && !kept && relay.client?.address === sourceSeen) return 'relay';
  if (client.address === sourceSeen) return 'client';
  return nat?.sourceRewritten ? 'nat' : 'other';
}
