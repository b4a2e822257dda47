/** Pairs the two legs of a relay: the one that its process accepted and the one that it dialled for that client. */
import { sameEndpoint } from '../model/address.js';
import type { Process } from '../model/claim.js';
import type { CopyEvent, TraceEvent } from '../model/event.js';
import type { Topology } from '../model/topology.js';
import { countFlow, type RelayedFlow } from './accounts.js';
import { LegCalls } from './calls.js';
import { countBy } from './count-by.js';
import { couldServe, pairByExclusion, type Excluded } from './exclusion.js';
import { Kinship } from './kinship.js';
import type { Leg } from './leg.js';
import { findSide, LegIndex } from './locate.js';
import { Counts } from './call-counts.js';
import { pairByTaps, type Tapped } from './taps.js';
import { findTransfers, type Transfer } from './transfers.js';

/** A transfer between the two legs of one relay. */
export interface Move extends Transfer {
  /** True from the client's leg to the upstream leg, false for the way back. */
  readonly request: boolean;
}

export interface RelayLink {
  /** The relay's process; null where no process was seen, as in captures. */
  readonly process: Process | null;
  readonly client: Leg;
  readonly upstream: Leg;
  /**
   * How the pair was found. `moved`: bytes were seen to go from one leg's socket into the other's. `alike`: both legs
   * carried the same number of bytes, and each piece on one begins like a piece on the other. `tls`: each piece is
   * longer on one leg by as much as TLS adds. `only`: no transfer was seen, but the process dialled only this leg while
   * the client's leg was open, and it is a relay by its arguments or waits for what it dialled. `content`: packets of
   * both legs carried the same bytes. `tap`: a port driver wrote the upstream leg's frames into its tap device, from the
   * client's port.
   */
  readonly how: 'moved' | 'alike' | 'tls' | 'only' | 'content' | 'tap';
  readonly moves: readonly Move[];
  /** Bytes moved from the client's socket into the upstream socket, and back; null where no bytes were followed. */
  readonly toUpstream: number | null;
  readonly toClient: number | null;
  /** Both directions, as the calls of the process add up; null where no calls were traced. */
  readonly flows: { readonly there: RelayedFlow; readonly back: RelayedFlow } | null;
  /**
   * Who made the two sockets. `own`: the process (or one that it forked) was seen to accept one and dial the other.
   * `handed`: another process did, and passed the descriptor on. `older`: one of the sockets was made before the trace
   * began. Null in a capture.
   */
  readonly sockets: 'own' | 'handed' | 'older' | null;
}

export interface Relaying {
  readonly links: readonly RelayLink[];
  /** By leg: the first datagram that a process read, which corresponds to the accept of a connection. */
  readonly received: ReadonlyMap<Leg, CopyEvent>;
  /** By leg: the first datagram that a process answered. Its read may be missing because it began before the trace. */
  readonly replied: ReadonlyMap<Leg, CopyEvent>;
  /** By leg: the first call of the process at the client's end, which corresponds to the dial of a connection. */
  readonly sent: ReadonlyMap<Leg, CopyEvent>;
  /** Legs whose bytes went into an upstream connection that others share, with the first transfer that shows it. */
  readonly shared: ReadonlyMap<Leg, Move>;
  /** Legs that relays dialled themselves: these are not clients' connections. */
  readonly beyond: ReadonlySet<Leg>;
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly counts: Counts;
}

/** The indexes that pairing uses. */
interface Context {
  readonly index: LegIndex;
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly counts: Counts;
  readonly topology: Topology;
}

/**
 * Pairs the legs that certainly belong together. A leg is the client's leg of at most one pair, and the upstream leg of
 * at most one.
 */
export function pairRelays(
  legs: readonly Leg[],
  events: readonly TraceEvent[],
  topology: Topology,
): Relaying {
  const index = new LegIndex(legs);
  const kinship = new Kinship(events);
  const calls = new LegCalls(index, events);
  const counts = new Counts(events);
  const context = { index, kinship, calls, counts, topology };
  const pairs = mergeDatagrams(chooseFollowed(findPairs(context, events)));
  const asClient = countBy(pairs, ({ client }) => client);
  const asUpstream = countBy(
    pairs.flatMap(({ upstream, again }) => [upstream, ...again]),
    (leg) => leg,
  );
  const isAlone = ({ client, upstream, again }: Pair): boolean =>
    asClient.get(client) === 1 && [upstream, ...again].every((leg) => asUpstream.get(leg) === 1);
  const rivals = pairs.filter((pair) => !isAlone(pair));
  const byMoves = pairs.filter(isAlone).flatMap((pair) => describePair(pair, context) ?? []);
  const shared = new Map(
    rivals.flatMap(({ client, moves: [first] }) => (first ? [[client, first]] : [])),
  );
  const clients = new Set([...byMoves.map(({ client }) => client), ...shared.keys()]);
  const upstreams = new Set([
    ...byMoves.map(({ upstream }) => upstream),
    ...pairs.flatMap(({ upstream, again }) => [upstream, ...again]),
  ]);
  const byExclusion = pairByExclusion(
    legs.filter((leg) => !clients.has(leg)),
    legs.filter((leg) => !upstreams.has(leg)),
    context,
  ).map(describeExclusion);
  for (const { client, upstream } of byExclusion) {
    clients.add(client);
    upstreams.add(upstream);
  }
  const byTaps = pairByTaps(
    legs.filter((leg) => !clients.has(leg)),
    legs.filter((leg) => !upstreams.has(leg)),
    context,
  ).map(describeTapped);
  const beyond = new Set([...upstreams, ...byTaps.map(({ upstream }) => upstream)]);
  const links = [...byMoves, ...byExclusion, ...byTaps];
  return { links, ...findDatagrams(legs, calls), shared, beyond, kinship, calls, counts };
}

interface Pair {
  readonly client: Leg;
  readonly upstream: Leg;
  /** Later legs of datagrams to the same destination. */
  readonly again: Leg[];
  readonly moves: Move[];
}

/**
 * Finds pairs of legs with transfers between them, where the process is the server of one leg and the client of the
 * other.
 */
function findPairs({ index, kinship }: Context, events: readonly TraceEvent[]): Pair[] {
  const pairs = new Map<Leg, Map<Leg, Pair>>();
  for (const transfer of findTransfers(events)) {
    const { protocol, namespace, event } = transfer;
    const use = { protocol, namespace, time: event.time };
    const from = index.find({ ...use, ends: transfer.from });
    const to = index.find({ ...use, ends: transfer.to });
    if (!from || !to || from === to) continue;
    const request = findSide(from, transfer.from) === 'server';
    const [client, upstream] = request ? [from, to] : [to, from];
    const [near, far] = request ? [transfer.from, transfer.to] : [transfer.to, transfer.from];
    // Echo servers, chats and brokers write what they read to other clients: both sockets are accepted ones.
    if (findSide(client, near) !== 'server' || findSide(upstream, far) !== 'client') continue;
    const own = pairs.get(client) ?? new Map<Leg, Pair>();
    pairs.set(client, own);
    const pair = own.get(upstream) ?? { client, upstream, again: [], moves: [] };
    own.set(upstream, pair);
    pair.moves.push({ ...transfer, request });
  }
  const all = [...pairs.values()].flatMap((own) => [...own.values()]);
  // An answer that was cached from another client's connection does not show that this client's request was relayed.
  return all.filter(
    ({ client, upstream, moves }) =>
      moves.some(({ request }) => request) || couldServe(client, upstream.dialled, kinship),
  );
}

/** Prefers pairs with an exactly followed transfer: their likeness to other legs is then coincidence. */
function chooseFollowed(pairs: readonly Pair[]): Pair[] {
  const followed = pairs.filter(({ moves }) => moves.some(({ exact }) => exact));
  const known = new Set(followed.flatMap(({ client, upstream }) => [client, upstream]));
  const chosen = new Set(followed);
  return pairs.filter(
    (pair) => chosen.has(pair) || !(known.has(pair.client) || known.has(pair.upstream)),
  );
}

/**
 * Merges upstream legs of datagrams: a relay opens a new socket for a client when the last one idled or was refused.
 */
function mergeDatagrams(pairs: readonly Pair[]): Pair[] {
  const merged = new Map<Leg, Pair>();
  return pairs.flatMap((pair) => {
    if (pair.client.protocol !== 'udp') return [pair];
    const first = merged.get(pair.client);
    if (first && sameEndpoint(first.upstream.destination, pair.upstream.destination)) {
      first.again.push(pair.upstream);
      first.moves.push(...pair.moves);
      return [];
    }
    merged.set(pair.client, pair);
    return [pair];
  });
}

function describePair(
  { client, upstream, again, moves }: Pair,
  { kinship, calls, counts, topology }: Context,
): RelayLink | null {
  const [first] = moves;
  if (!first) return null;
  const near = [{ leg: client, calls: calls.of(client, 'server') }];
  const far = [upstream, ...again].map((leg) => ({ leg, calls: calls.of(leg, 'client') }));
  const there = countFlow(
    moves.filter(({ request }) => request),
    near,
    far,
    counts,
  );
  const back = countFlow(
    moves.filter(({ request }) => !request),
    far,
    near,
    counts,
  );
  const moved = there.followed || back.followed;
  // A pair that is only alike must have the same number of bytes on both legs.
  if (!moved && !(isEqual(there) && isEqual(back))) return null;
  const { pid, command } = first.event;
  const accepted =
    client.accepted && kinship.descends(pid, client.accepted.pid) ? client.accepted : null;
  return {
    process: accepted ? { pid: accepted.pid, command: accepted.command } : { pid, command },
    client,
    upstream: again.length === 0 ? upstream : joinLegs(upstream, again),
    how: moved ? 'moved' : 'alike',
    moves,
    toUpstream: there.moved,
    toClient: back.moved,
    flows: { there, back },
    sockets: leadsTo(topology, client, upstream)
      ? 'own'
      : findMaker(client, upstream, pid, kinship),
  };
}

function isEqual({ taken, given }: RelayedFlow): boolean {
  return taken !== null && taken === given;
}

/**
 * Whether a port driver accepted the one and the other was dialled in the namespace that it leads to: it has a child
 * there that dials for it and hands the socket on.
 */
function leadsTo({ drivers = [], host }: Topology, { accepted }: Leg, { dialled }: Leg): boolean {
  if (accepted?.namespace !== host || dialled?.namespace == null) return false;
  const { namespace } = dialled;
  return drivers.some(
    ({ pid, namespaces }) => pid === accepted.pid && namespaces.includes(namespace),
  );
}

/** Finds who made the two sockets that a process moved bytes between. */
function findMaker(
  { protocol, accepted }: Leg,
  { dialled }: Leg,
  pid: number,
  kinship: Kinship,
): RelayLink['sockets'] {
  // Datagrams have neither accept nor dial: only the sides of the sockets are known.
  if (protocol === 'udp') return 'own';
  if (!accepted || !dialled) return 'older';
  const dialledItself =
    kinship.descends(dialled.pid, accepted.pid) || kinship.descends(pid, dialled.pid);
  return kinship.descends(pid, accepted.pid) && dialledItself ? 'own' : 'handed';
}

function describeExclusion({ client, upstream, how, accepted }: Excluded): RelayLink {
  const { pid, command } = accepted;
  const none = { moves: [], toUpstream: null, toClient: null, flows: null };
  return { process: { pid, command }, client, upstream, how, ...none, sockets: 'own' };
}

function describeTapped(tapped: Tapped): RelayLink {
  const none = { moves: [], toUpstream: null, toClient: null, flows: null };
  return { ...tapped, how: 'tap', ...none, sockets: 'own' };
}

function joinLegs(leg: Leg, more: readonly Leg[]): Leg {
  const events = [leg, ...more].flatMap((one) => one.events);
  return { ...leg, events: events.sort((a, b) => a.time - b.time || a.id - b.id) };
}

/** Finds the first calls of processes at either end of legs of datagrams. */
function findDatagrams(
  legs: readonly Leg[],
  calls: LegCalls,
): Pick<Relaying, 'received' | 'replied' | 'sent'> {
  const received = new Map<Leg, CopyEvent>();
  const replied = new Map<Leg, CopyEvent>();
  const sent = new Map<Leg, CopyEvent>();
  for (const leg of legs) {
    if (leg.protocol !== 'udp') continue;
    const served = calls.of(leg, 'server');
    const read = served.find(({ operation }) => operation === 'read');
    const write = served.find(({ operation }) => operation === 'write');
    const [first] = calls.of(leg, 'client');
    if (read) received.set(leg, read);
    if (write) replied.set(leg, write);
    if (first) sent.set(leg, first);
  }
  return { received, replied, sent };
}
