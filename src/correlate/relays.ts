/** Pairs the two legs of a relay: the one that a process accepted and the one that it dialled for it. */
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
import { findTransfers, type Transfer } from './transfers.js';

/** A transfer between the two legs of one relay. */
export interface Move extends Transfer {
  /** From the client's leg to the upstream one, and not back. */
  readonly request: boolean;
}

export interface RelayLink {
  /** The process between; null where nobody was seen, as in captures. */
  readonly process: Process | null;
  readonly client: Leg;
  readonly upstream: Leg;
  /**
   * `moved`: bytes were seen to go from one leg's socket into the other's. `alike`: what was read from one and
   * written to the other is as much to the last byte, and each piece begins like a piece there. `tls`: each piece is
   * as much longer on one leg as TLS makes it. `only`: nothing was moved, but the process dialled this leg, and no
   * other, while that one was open, and is a relay by its arguments or waits for what it dialled. `content`: packets of both
   * legs carried the same.
   */
  readonly how: 'moved' | 'alike' | 'tls' | 'only' | 'content';
  readonly moves: readonly Move[];
  /** Bytes moved from the client's socket into the upstream one, and back; null where no bytes were followed. */
  readonly toUpstream: number | null;
  readonly toClient: number | null;
  /** Both directions as the calls of the process add up; null where none were watched. */
  readonly flows: { readonly there: RelayedFlow; readonly back: RelayedFlow } | null;
  /**
   * `own`: the process (or one that it forked) was seen to accept the one socket and to dial the other. `handed`: another one did, and
   * passed the descriptor on. `older`: one of the two sockets was made before the trace began. Null in a capture.
   */
  readonly sockets: 'own' | 'handed' | 'older' | null;
}

export interface Relaying {
  readonly links: readonly RelayLink[];
  /** The first datagram of a leg that a process read: what an accept is to a connection. */
  readonly received: ReadonlyMap<Leg, CopyEvent>;
  /** The first that it answered: it had waited for the request before the trace began. */
  readonly replied: ReadonlyMap<Leg, CopyEvent>;
  /** A call of the process that has the near end of a leg of datagrams: what a dial is to a connection. */
  readonly sent: ReadonlyMap<Leg, CopyEvent>;
  /** Legs whose bytes went into a connection that others share, with the first transfer that shows it. */
  readonly shared: ReadonlyMap<Leg, Move>;
  /** Legs that relays began themselves: no client's. */
  readonly beyond: ReadonlySet<Leg>;
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly counts: Counts;
}

/** What pairing looks things up in. */
interface Context {
  readonly index: LegIndex;
  readonly kinship: Kinship;
  readonly calls: LegCalls;
  readonly counts: Counts;
  readonly topology: Topology;
}

/** Pairs what can be paired for certain; a leg is the client's in one pair at most, and the upstream one in one at most. */
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
  const beyond = new Set([...upstreams, ...byExclusion.map(({ upstream }) => upstream)]);
  const links = [...byMoves, ...byExclusion];
  return { links, ...findDatagrams(legs, calls), shared, beyond, kinship, calls, counts };
}

interface Pair {
  readonly client: Leg;
  readonly upstream: Leg;
  /** Later legs of datagrams to the same place. */
  readonly again: Leg[];
  readonly moves: Move[];
}

/** Two legs are a relay's only where the process serves the one and is the client of the other. */
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
    // Echoes, chats and brokers write what they read to other clients: two accepted sockets.
    if (findSide(client, near) !== 'server' || findSide(upstream, far) !== 'client') continue;
    const own = pairs.get(client) ?? new Map<Leg, Pair>();
    pairs.set(client, own);
    const pair = own.get(upstream) ?? { client, upstream, again: [], moves: [] };
    own.set(upstream, pair);
    pair.moves.push({ ...transfer, request });
  }
  const all = [...pairs.values()].flatMap((own) => [...own.values()]);
  // An answer that was kept from another client's connection is no relaying of this one's request.
  return all.filter(
    ({ client, upstream, moves }) =>
      moves.some(({ request }) => request) || couldServe(client, upstream.dialled, kinship),
  );
}

/** What was followed decides; likeness to other legs is then coincidence. */
function chooseFollowed(pairs: readonly Pair[]): Pair[] {
  const followed = pairs.filter(({ moves }) => moves.some(({ exact }) => exact));
  const known = new Set(followed.flatMap(({ client, upstream }) => [client, upstream]));
  return pairs.filter(
    (pair) => followed.includes(pair) || !(known.has(pair.client) || known.has(pair.upstream)),
  );
}

/** A relay of datagrams takes a new socket for its client when the last one idled or was refused: one leg all the same. */
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
  { kinship, calls, counts }: Context,
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
  // What is only alike has to be alike to the last byte.
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
    sockets: findMaker(client, upstream, pid, kinship),
  };
}

function isEqual({ taken, given }: RelayedFlow): boolean {
  return taken !== null && taken === given;
}

/** Who made the two sockets that a process moved bytes between. */
function findMaker(
  { protocol, accepted }: Leg,
  { dialled }: Leg,
  pid: number,
  kinship: Kinship,
): RelayLink['sockets'] {
  // Datagrams have neither accept nor dial: the sides of its sockets are all that there is.
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

function joinLegs(leg: Leg, more: readonly Leg[]): Leg {
  const events = [leg, ...more].flatMap((one) => one.events);
  return { ...leg, events: events.sort((a, b) => a.time - b.time || a.id - b.id) };
}

/** The first calls of processes at either end of legs of datagrams. */
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
