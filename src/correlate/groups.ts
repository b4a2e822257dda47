/**
 * Groups legs that are judged together, and finds finished groups that a still open connection of the same process
 * needs.
 */
import type { TraceEvent } from '../model/event.js';
import type { Correlation } from './connections.js';
import type { Leg } from './leg.js';
import type { RelayLink } from './relays.js';

/** A client's leg with the legs of the relays behind it, or a leg that nobody asked for. */
export interface LegGroup {
  readonly legs: readonly Leg[];
  readonly begin: number;
  readonly end: number;
  /** Oldest known ancestors of the processes at its ends. */
  readonly roots: ReadonlySet<number>;
}

/** Puts every leg into one group. */
export function groupLegs({ legs, relaying }: Correlation): LegGroup[] {
  const { links, calls, kinship } = relaying;
  const parents = new Map<Leg, Leg>();
  const find = (leg: Leg): Leg => {
    let at = leg;
    for (let next = parents.get(at); next; next = parents.get(at)) at = next;
    return at;
  };
  const known = new Set(legs);
  for (const { client, upstream } of links) {
    for (const leg of known.has(upstream) ? [upstream] : listJoined(upstream, legs)) {
      const [one, other] = [find(client), find(leg)];
      if (one !== other) parents.set(other, one);
    }
  }
  return [...Map.groupBy(legs, find).values()].map((own) => {
    const times = own.flatMap((leg) => [
      leg.events.at(-1)?.time ?? 0,
      calls.of(leg, 'client').at(-1)?.time ?? 0,
      calls.of(leg, 'server').at(-1)?.time ?? 0,
    ]);
    const pids = own.flatMap((leg) => listProcesses(leg, calls));
    return {
      legs: own,
      begin: Math.min(...own.map(({ events: [first] }) => first?.time ?? 0)),
      end: Math.max(...times),
      roots: new Set(pids.map((pid) => kinship.rootOf(pid))),
    };
  });
}

/** The legs that were joined into this one: a relay of datagrams may open several sockets for one client. */
function listJoined({ events }: Leg, legs: readonly Leg[]): Leg[] {
  const joined = new Set<TraceEvent>(events);
  return legs.filter(({ events: [first] }) => first !== undefined && joined.has(first));
}

function listProcesses(leg: Leg, calls: Correlation['relaying']['calls']): number[] {
  const own = [...calls.of(leg, 'client'), ...calls.of(leg, 'server')].map(({ pid }) => pid);
  return [leg.dialled?.pid, leg.accepted?.pid, ...own].filter((pid) => pid !== undefined);
}

/**
 * Lists the groups that are over and no longer needed. If a process may have passed bytes on in an unexplained way, its
 * group stays while an overlapping connection of that process is open: the group may be a rival of that connection, or
 * another way for its bytes.
 */
export function listFree(
  groups: readonly LegGroup[],
  isOver: (group: LegGroup) => boolean,
  correlation: Correlation,
  events: readonly TraceEvent[],
): Set<LegGroup> {
  const loose = findLoose(correlation, events);
  const free = new Set(groups.filter(isOver));
  const byRoot = new Map<number, LegGroup[]>();
  for (const group of groups) {
    for (const root of group.roots) {
      if (loose.has(root)) byRoot.set(root, [...(byRoot.get(root) ?? []), group]);
    }
  }
  const families = [...byRoot.values()].map((own) => own.sort((a, b) => b.end - a.end));
  for (let changed = true; changed;) {
    changed = false;
    for (const family of families) {
      let since = Math.min(...family.filter((one) => !free.has(one)).map(({ begin }) => begin));
      for (const group of family) {
        if (!free.has(group) || group.end < since) continue;
        free.delete(group);
        changed = true;
        since = Math.min(since, group.begin);
      }
    }
  }
  return free;
}

/** Finds processes that serve connections and did something that no pair of legs explains. */
function findLoose(
  { legs, relaying, spoken }: Correlation,
  events: readonly TraceEvent[],
): Set<number> {
  const { links, shared, calls, kinship } = relaying;
  const explained = new Set(links.filter(isExplained).map(({ client }) => client));
  const serving = new Set<number>();
  const open = new Set<number>();
  const doing = new Set<number>();
  const dialling = new Set<number>();
  for (const leg of legs) {
    const served = calls.of(leg, 'server').map(({ pid }) => pid);
    if (leg.accepted) served.push(leg.accepted.pid);
    for (const pid of served) {
      serving.add(kinship.rootOf(pid));
      if (!explained.has(leg)) open.add(kinship.rootOf(pid));
    }
    if (leg.dialled) {
      const root = kinship.rootOf(leg.dialled.pid);
      dialling.add(root);
      if (!spoken.has(leg)) doing.add(root);
    }
  }
  for (const { event } of shared.values()) doing.add(kinship.rootOf(event.pid));
  for (const event of events) {
    const elsewhere = event.kind === 'aside' || (event.kind === 'copy' && !calls.legOf(event));
    if (elsewhere) doing.add(kinship.rootOf(event.pid));
  }
  return new Set(
    [...serving].filter((root) => doing.has(root) || (dialling.has(root) && open.has(root))),
  );
}

/** Whether everything read from one leg was written to the other, so that none of it can turn up elsewhere. */
function isExplained({ how, flows, sockets }: RelayLink): boolean {
  if (how !== 'moved' || flows === null || sockets !== 'own') return false;
  const { there, back } = flows;
  const isSpent = ({ taken, given }: typeof there): boolean => taken !== null && taken === given;
  return isSpent(there) && isSpent(back);
}
