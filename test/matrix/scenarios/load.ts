/** Load and shape: many at once, many in a row, a gigabyte, odd segments, losses, used ports, old connections. */
import type { Play, Sent, Truth } from '../scenario.js';
import type { Stage } from '../stage.js';
import type { Order } from '../traffic.js';
import { dnat, relayed } from '../truths.js';

interface Way {
  readonly from: string;
  readonly to: string;
  readonly truth: Truth;
}

const outside: Way = {
  from: 'client',
  to: '{host}',
  truth: dnat('PREROUTING', '{client}'),
};
const loopback: Way = { from: 'host', to: '127.0.0.1', truth: relayed() };
const PORT = 8080;
const GIGABYTE = 1_073_741_824;

/** The same by DNAT from outside, and through docker-proxy over loopback. */
function bothWays(
  name: string,
  run: (way: Way) => Play['play'],
  change: Partial<Truth> = {},
): Play[] {
  return [
    { name: `${name}, from outside`, way: outside },
    { name: `${name}, by 127.0.0.1`, way: loopback },
  ].map(({ name: full, way }) => ({
    name: full,
    truth: { ...way.truth, ...change },
    play: run(way),
  }));
}

function order(stage: Stage, { to, truth }: Way, more: Partial<Order> = {}): Order {
  return {
    ...stage.order(stage.fill(to), PORT, truth),
    timeoutMs: 20_000,
    ...more,
  };
}

/** Each with a payload of its own, so that a relay's pairs are told apart by what the server saw. */
function many(count: number, inRow: boolean) {
  return (way: Way) => (stage: Stage) => {
    const orders = Array.from({ length: count }, () => order(stage, way));
    return async () => stage.send(way.from, orders, inRow, 1);
  };
}

function one(more: Partial<Order>) {
  return (way: Way) => (stage: Stage) => async () =>
    stage.send(way.from, [order(stage, way, more)]);
}

/** Two connections from one port, one after the other; a reset spares the port its minute of rest. */
function reuse(way: Way) {
  return (stage: Stage) => async () => {
    const first = order(stage, way, { resets: true });
    return stage.send(way.from, [first, { ...first, payload: `${first.payload}-again` }], true);
  };
}

function openBefore(way: Way) {
  return async (stage: Stage) => stage.hold(way.from, order(stage, way));
}

/** One segment in `every` is lost where the client or, for a relay, the container takes it in. */
function losing(every: number) {
  return (way: Way) => (stage: Stage) => {
    const place = stage.where(way.truth.relay ? 'redis' : 'client');
    const rule = `ip protocol tcp numgen random mod ${every} == 0 drop`;
    return async (): Promise<Sent[]> => {
      const table = `table ip loss { chain in { type filter hook input priority 0; ${rule}; }; }`;
      await stage.lab.exec(place, ['nft', table]);
      const sent = await stage.send(way.from, [order(stage, way, { pad: 300_000 })]);
      await stage.lab.exec(place, ['nft', 'delete table ip loss']);
      return sent;
    };
  };
}

export const AT_ONCE = bothWays('one half of 200 connections at once', many(100, false));
export const IN_ROW = bothWays('1,000 short connections in a row', many(1000, true));
/** A trace of its own: so many packets in a burst cost all that share it some of theirs. */
export const BULK = [
  // The server, socat, tells nobody whom it saw.
  ...bothWays('1 GB with offload', one({ talk: 'read', port: 7100, pad: GIGABYTE }), {
    container: 'bulk',
    source: undefined,
  }),
];
const OLDER: Play['atLeast'] = {
  proof: 'likely',
  because: 'where runs were skipped, an acknowledgement of an older connection may be missing',
  whenSkipped: true,
};
export const SHAPES = [
  ...bothWays('segments of one byte', one({ tiny: true })),
  ...bothWays('a message of 5 MB', one({ pad: 5_000_000 })),
  ...bothWays('a client port used twice', reuse),
  ...bothWays('open before the trace', openBefore).map((play) => ({ ...play, atLeast: OLDER })),
];
export const LOSSES = bothWays('one segment in 20 lost', losing(20));
