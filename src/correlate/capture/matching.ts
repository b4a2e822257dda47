/** Matches clients one to one with their possible partners, and tells whether that leaves a choice. */

export interface PossiblePair<L> {
  readonly client: L;
  readonly upstream: L;
}

export interface MatchedPair<E> {
  readonly edge: E;
  /** No other matching with as many pairs is possible without this pair. */
  readonly only: boolean;
}

/** Steps after which a search gives up and the choice counts as open. */
const MAX_STEPS = 20_000;

/**
 * Matches as many clients as possible; among equal choices, a client's earlier edges are preferred. When a client stays
 * without a partner, all clients that compete with it stay without too, because nothing tells which of them it is.
 */
export function matchOneToOne<L, E extends PossiblePair<L>>(edges: readonly E[]): MatchedPair<E>[] {
  const choices = new Map<L, E[]>();
  for (const edge of edges) {
    const list = choices.get(edge.client) ?? [];
    list.push(edge);
    choices.set(edge.client, list);
  }
  const owner = new Map<L, E>();
  const taken = new Map<L, E>();
  const without: L[] = [];
  for (const client of choices.keys()) {
    if (!augment(client, { choices, owner, taken }, null)) without.push(client);
  }
  const open = listCompeting(without, choices, owner);
  return [...taken].flatMap(([client, edge]) => {
    if (open.has(client)) return [];
    const spare = (choices.get(client) ?? []).length > 1;
    const only = !spare || !augment(client, { choices, owner, taken }, edge);
    return [{ edge, only }];
  });
}

interface Matching<L, E> {
  readonly choices: ReadonlyMap<L, readonly E[]>;
  /** By the upstream leg, and by the client's. */
  readonly owner: Map<L, E>;
  readonly taken: Map<L, E>;
}

/**
 * Finds `client` a partner, reassigning others where needed (Kuhn's algorithm). With `banned`, an edge that must not be
 * used, it only tells whether there is another partner and changes nothing.
 */
function augment<L, E extends PossiblePair<L>>(
  client: L,
  { choices, owner, taken }: Matching<L, E>,
  banned: E | null,
): boolean {
  const before = new Map<L, { edge: E; from: L | null }>();
  const queue: L[] = [client];
  let steps = 0;
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const edge of choices.get(next) ?? []) {
      steps += 1;
      if (steps > MAX_STEPS) return banned !== null;
      if (edge === banned || before.has(edge.upstream)) continue;
      before.set(edge.upstream, { edge, from: taken.get(next)?.upstream ?? null });
      const holder = owner.get(edge.upstream);
      const free = holder === undefined || holder === banned;
      if (!free) {
        queue.push(holder.client);
        continue;
      }
      if (banned === null) assign(edge.upstream, before, owner, taken);
      return true;
    }
  }
  return false;
}

function assign<L, E extends PossiblePair<L>>(
  last: L,
  before: ReadonlyMap<L, { readonly edge: E; readonly from: L | null }>,
  owner: Map<L, E>,
  taken: Map<L, E>,
): void {
  // The path back ends at the client that had no partner.
  let upstream: L | null = last;
  while (upstream !== null) {
    const step = before.get(upstream);
    if (step === undefined) return;
    owner.set(upstream, step.edge);
    taken.set(step.edge.client, step.edge);
    upstream = step.from;
  }
}

/** Clients that could equally have stayed without a partner in place of one that did. */
function listCompeting<L, E extends PossiblePair<L>>(
  without: readonly L[],
  choices: ReadonlyMap<L, readonly E[]>,
  owner: ReadonlyMap<L, E>,
): Set<L> {
  const open = new Set<L>(without);
  const queue = [...without];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    for (const { upstream } of choices.get(next) ?? []) {
      const holder = owner.get(upstream)?.client;
      if (holder === undefined || open.has(holder)) continue;
      open.add(holder);
      queue.push(holder);
    }
  }
  return open;
}
