/** Tells in one sentence per port which path each kind of client takes. */
import type { Explanation, Prediction, Vantage } from '../model/explain.js';

const CLIENTS: Readonly<Record<Vantage, string>> = {
  outside: 'outside',
  loopback: '127.0.0.1',
  'own-address': 'own address',
  loopback6: '::1',
  'same-bridge': 'same bridge',
  self: 'the container itself',
  'other-bridge': 'another bridge',
  'container-address': "the container's address",
};

/** At most this many ports get a sentence; the others are counted. */
const MOST_PORTS = 8;

/** One sentence for each port, the one that was asked for first. */
export function answer({ predictions }: Pick<Explanation, 'predictions'>): string[] {
  const published = predictions.filter(({ vantage }) => vantage !== 'container-address');
  const ports = new Map<string, Prediction[]>();
  for (const one of published.length > 0 ? published : predictions) {
    const port = one.to.replace(/^.*:/, '') + (one.protocol === 'udp' ? '/udp' : '');
    ports.set(port, [...(ports.get(port) ?? []), one]);
  }
  const told = [...ports].map(([port, list]) => `${port}: ${answerPort(list)}`);
  const more = told.length - MOST_PORTS;
  return more > 0 ? [...told.slice(0, MOST_PORTS), `and ${more} more ports`] : told;
}

function answerPort(predictions: readonly Prediction[]): string {
  const [first] = predictions;
  if (first && predictions.every(({ path }) => path === 'unknown')) {
    const same = predictions.every((one) => nameReason(one) === nameReason(first));
    return `not known${same ? `, as ${nameReason(first)}` : ' for any client'}`;
  }
  const ways = new Map<string, string[]>();
  for (const vantage of new Set(predictions.map((one) => one.vantage))) {
    const own = predictions.filter((one) => one.vantage === vantage);
    for (const way of new Set(own.map(nameWay))) {
      ways.set(way, [...(ways.get(way) ?? []), nameClients(way, own)]);
    }
  }
  return [...ways].map(([way, clients]) => `${way} for ${clients.join(', ')}`).join('; ');
}

/** The reason, without what the known rules alone would predict. */
function nameReason({ why, byKnownRules }: Prediction): string {
  return byKnownRules === undefined ? why : 'not all rules could be read';
}

function nameWay({ path, obstacles }: Prediction): string {
  if (path === 'unknown') return 'not known';
  const stopped = path === 'dropped' || path === 'refused';
  return obstacles.length > 0 && !stopped ? `${path}, in vain,` : path;
}

/** Names a kind of client; if its connections go different ways, also which of them go this way. */
function nameClients(way: string, own: readonly Prediction[]): string {
  const [same, others] = [true, false].map((goes) =>
    own.filter((one) => (nameWay(one) === way) === goes).map(({ to }) => to),
  ) as [string[], string[]];
  const name = CLIENTS[own[0]?.vantage ?? 'outside'];
  if (others.length === 0) return name;
  const has = (list: readonly string[], six: boolean): boolean =>
    list.some((to) => to.startsWith('[') === six);
  if (!has(same, true) && !has(others, false)) return name;
  if (!has(same, false) && !has(others, true)) return `${name} over IPv6`;
  return `${name} ${same.map((to) => to.replace(/:\d+$/, '')).join(' and ')}`;
}
