/** What proves a relay in a capture, and what only resembles one: little content, other legs with the same content. */
import * as assert from 'uvu/assert';
import type { Report } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { ipPacket, PLAIN, writeCapture, type End, type Shot } from '../support/wire-packets.js';

const test = suite('captures, relays');

const HOST = '198.51.100.1';
const GATEWAY = '172.17.0.1';
const CONTAINER: End = { address: '172.17.0.2', port: 6379 };

/** One TCP connection at one device; times in microseconds, null for what never happens. */
interface Talk {
  readonly client: End;
  readonly server: End;
  readonly at: number;
  readonly dialled: number;
  readonly asked: number;
  readonly answered: number;
  /** When each side sends its FIN. */
  readonly ends: readonly [client: number | null, server: number | null];
  readonly request?: string;
  readonly reply?: string;
}

let isn = 1;

function record({ client, server, at, ...talk }: Talk): Shot[] {
  const { dialled, asked, answered, ends, request = 'PING\r\n', reply = '+PONG\r\n' } = talk;
  const inner = server.address === CONTAINER.address;
  const first = (isn += 1_000_003);
  const second = first ^ 0x3333333;
  const shots: Shot[] = [];
  const put = (
    time: number,
    back: boolean,
    flags: number,
    from: readonly number[],
    text = '',
  ): void => {
    const out = inner ? !back : back;
    shots.push({
      time: (at + time) * 1000,
      device: inner ? 'docker0' : 'ext0',
      way: out ? 'out' : 'in',
      hardware: out ? '02:42:00:00:00:01' : inner ? '02:42:ac:11:00:02' : '02:00:00:00:00:02',
      bytes: ipPacket({
        protocol: 'tcp',
        flags,
        seq: from[0] ?? 0,
        ack: from[1] ?? 0,
        payload: Buffer.from(text),
        ttl: 64,
        id: ((first & 0x7fff) + shots.length) | 1,
        source: back ? server : client,
        destination: back ? client : server,
      }),
    });
  };
  const [sent, got] = [first + 1 + request.length, second + 1 + reply.length];
  put(dialled, false, 0x02, [first, 0]);
  put(dialled + 20, true, 0x12, [second, first + 1]);
  put(dialled + 40, false, 0x10, [first + 1, second + 1]);
  put(asked, false, 0x18, [first + 1, second + 1], request);
  put(asked + 10, true, 0x10, [second + 1, sent]);
  put(answered, true, 0x18, [second + 1, sent], reply);
  put(answered + 10, false, 0x10, [sent, got]);
  if (ends[0] !== null) put(ends[0], false, 0x11, [sent, got]);
  if (ends[1] !== null) put(ends[1], true, 0x11, [got, sent + 1]);
  return shots;
}

interface Times {
  readonly outer: readonly [number | null, number | null];
  readonly inner: readonly [number | null, number | null];
}

/** A client's connection to the host, and one of the host's to the container that fits into it. */
function pair(port: number, at: number, { outer, inner }: Times, text: Partial<Talk> = {}): Shot[] {
  const client = { address: '198.51.100.2', port };
  const own = { address: GATEWAY, port: port + 1000 };
  const common = { at, ...text };
  return [
    ...record({
      ...common,
      client,
      server: { address: HOST, port: 8080 },
      dialled: 0,
      asked: 300,
      answered: 900,
      ends: outer,
    }),
    ...record({
      ...common,
      client: own,
      server: CONTAINER,
      dialled: 100,
      asked: 400,
      answered: 600,
      ends: inner,
    }),
  ];
}

const ENDED: Times = { outer: [2000, 2300], inner: [2100, 2200] };
const OPEN: Times = { outer: [null, null], inner: [null, null] };

async function read(...shots: readonly (readonly Shot[])[]): Promise<Report> {
  const all = shots.flat().sort((a, b) => a.time - b.time);
  return analyse(await readTogether([writeCapture(all, PLAIN)], [8080]));
}

async function tell(...shots: readonly (readonly Shot[])[]): Promise<string> {
  const { connections } = await read(...shots);
  return connections
    .filter(({ server }) => server?.port === 8080)
    .map(({ path, proof }) => `${path}/${proof}`)
    .join();
}

test('a few bytes, passed on in turn from the dial to the end, and carried by nobody else', async () => {
  assert.is(await tell(pair(40_000, 1000, ENDED)), 'relay/proven');
});

test('a connection of its own that ended while the client went on is no relay', async () => {
  for (const inner of [
    [1200, 1300],
    [700, 1950],
    [1999, 2400],
  ] as const) {
    assert.is(
      await tell(pair(40_000, 1000, { ...ENDED, inner })),
      'unknown/inconclusive',
      `${inner[0]}`,
    );
  }
});

test('a relay that gives up both sides by itself is likely', async () => {
  const gaveUp = await read(pair(40_000, 1000, { outer: [3000, 2000], inner: [2000, 3000] }));
  assert.is(gaveUp.connections[0]?.proof, 'likely');
  assert.match(gaveUp.connections[0]?.reason ?? '', /not to be seen that one leg ended because/);
});

test('a few bytes without an end are likely; with enough content they are proof', async () => {
  const report = await read(pair(40_000, 1000, OPEN));
  assert.equal([report.connections[0]?.path, report.connections[0]?.proof], ['relay', 'likely']);
  assert.match(report.connections[0]?.reason ?? '', /so little content may be carried by chance/);
  const text = Array.from({ length: 40 }, (_, i) => `${i * 7919}`).join();
  assert.is(await tell(pair(40_000, 1000, OPEN, { reply: text })), 'relay/proven');
  // A filler is no content.
  assert.is(await tell(pair(40_000, 1000, OPEN, { reply: 'x'.repeat(900) })), 'relay/likely');
});

test('the end of the client missing from the capture: likely', async () => {
  const shots = pair(40_000, 1000, ENDED).filter(({ time }) => time !== 3000e3);
  assert.is(await tell(shots), 'relay/likely');
});

test('others that carried the same bytes, at whatever time, make it likely', async () => {
  for (const server of [{ address: HOST, port: 9090 }, CONTAINER]) {
    const client = { address: server === CONTAINER ? GATEWAY : '198.51.100.3', port: 50_000 };
    const other = record({
      client,
      server,
      at: 5_000_000,
      dialled: 0,
      asked: 100,
      answered: 200,
      ends: [300, 400],
    });
    assert.is(await tell(pair(40_000, 1000, ENDED), other), 'relay/likely', server.address);
  }
});

test('one service whose every connection has its pair: proven from eight on, unless one is left over', async () => {
  const pairs = (count: number): Shot[] =>
    Array.from({ length: count }, (_, i) => pair(40_000 + i, 1000 + i * 20_000, OPEN)).flat();
  assert.is(await tell(pairs(8)), Array<string>(8).fill('relay/proven').join());
  assert.is(await tell(pairs(7)), Array<string>(7).fill('relay/likely').join());
  const direct = record({
    client: { address: GATEWAY, port: 50_000 },
    server: CONTAINER,
    at: 500_000,
    dialled: 0,
    asked: 100,
    answered: 200,
    ends: [300, 400],
  });
  assert.is(await tell(pairs(8), direct), Array<string>(8).fill('relay/likely').join());
});

test.run();
