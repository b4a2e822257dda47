/** Chooses the routes to draw on the map: predictions that take the same route share a number. */
import type { Explanation, Prediction } from '../../model/explain.js';

export interface Route {
  readonly number: number;
  readonly prediction: Prediction;
  /** Name of the container that the client is in; null for a client outside or on the host. */
  readonly client: string | null;
  /** Listening address of the relay that takes the connection; null if none does. */
  readonly relay: string | null;
  /** Name of the target container; null if the target is no container of this host. */
  readonly container: string | null;
}

export interface Routes {
  readonly routes: readonly Route[];
  readonly numberOf: ReadonlyMap<Prediction, number>;
}

/** More arrows than this cannot be told apart. */
const MOST_ROUTES = 12;

/** Lists the first routes; predictions with an unknown path get none. */
export function listRoutes(explanation: Explanation): Routes {
  const routes: Route[] = [];
  const numberOf = new Map<Prediction, number>();
  for (const prediction of explanation.predictions) {
    if (prediction.path === 'unknown') continue;
    const ends = {
      client: prediction.client ?? null,
      relay: findRelay(explanation, prediction),
      container: findContainer(explanation, prediction.target),
    };
    const known = routes.find(
      (route) =>
        isAlike(route.prediction, prediction) &&
        route.relay === ends.relay &&
        route.container === ends.container,
    );
    if (!known && routes.length === MOST_ROUTES) continue;
    const number = known?.number ?? routes.length + 1;
    if (!known) routes.push({ number, prediction, ...ends });
    numberOf.set(prediction, number);
  }
  return { routes, numberOf };
}

function isAlike(a: Prediction, b: Prediction): boolean {
  return a.from === b.from && a.path === b.path && a.way === b.way && a.target === b.target;
}

/** Names of the containers on the routes, of those that listen, and of those that publish a predicted port. */
export function listConcerned(explanation: Explanation, { routes }: Routes): Set<string> {
  const ports = new Set(explanation.predictions.map(({ to }) => portOf(to)));
  return new Set([
    ...routes
      .flatMap(({ client, container }) => [client, container])
      .filter((name) => name !== null),
    ...explanation.sockets.map(({ namespace }) => namespace),
    ...explanation.containers
      .filter(({ published }) => published.some(({ hostPort }) => ports.has(hostPort)))
      .map(({ name }) => name),
  ]);
}

function findRelay(
  { relays }: Explanation,
  { path, way, to, protocol }: Prediction,
): string | null {
  const taken = [path, way].some((one) => one === 'docker-proxy' || one === 'relay');
  if (!taken) return null;
  const same = relays.filter(
    (one) => portOf(one.listens) === portOf(to) && (one.protocol ?? protocol) === protocol,
  );
  const six = (address: string): boolean => address.startsWith('[');
  return (same.find(({ listens }) => six(listens) === six(to)) ?? same[0])?.listens ?? null;
}

function findContainer({ containers, bridges }: Explanation, target: string | null): string | null {
  if (target === null) return null;
  const address = target.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const owner = containers.find(({ places }) =>
    places.some((place) => place.address.replace(/\/\d+$/, '') === address),
  );
  const members = bridges.flatMap((bridge) => bridge.members);
  return owner?.name ?? members.find((member) => member.address === address)?.container ?? null;
}

function portOf(endpoint: string): number {
  return Number(/:(\d+)$/.exec(endpoint)?.[1]);
}
