/** A seal is whole when every probe has reported it, and nothing of the traffic is taken for one. */
import { createServer, type AddressInfo } from 'node:net';
import * as assert from 'uvu/assert';
import { createLineReader } from '../../src/capture/bpftrace/lines.js';
import type { SealSign } from '../../src/capture/bpftrace/probes/index.js';
import { Sealer, SealWatch, signsOf } from '../../src/capture/bpftrace/seal.js';
import type { Unnumbered } from '../../src/model/event.js';
import { suite } from '../support/suite.js';
import { BEGIN, LINES } from './samples.js';

const test = suite('seal');

const OPEN = 40_001;
const REFUSED = 40_002;
const FINAL = 40_003;
const CLIENT = 50_001;
const FLOW = 6379;
const SIGNS: SealSign[] = ['out', 'in', 'drop', 'state', 'accept'];

function createWatch(required: readonly SealSign[] = SIGNS): SealWatch {
  return new SealWatch([OPEN, REFUSED, FINAL], required, [FLOW]);
}

const PACKET = {
  namespace: 1,
  ifindex: 1,
  skb: null,
  socket: null,
  protocol: 'tcp',
  seq: 0,
  ack: 0,
  flags: 0,
  length: 0,
} as const;
const TASK = { namespace: 1, pid: 1, tid: 1, command: 'x', socket: '1' } as const;

function between(from: number, to: number, a = '127.0.0.1', b = a) {
  return { source: { address: a, port: from }, destination: { address: b, port: to } };
}

function eventsOf(client: number, time = 100): Record<string, Unnumbered> {
  const ends = {
    local: { address: '127.0.0.1', port: client },
    remote: { address: '127.0.0.1', port: OPEN },
  };
  const there = between(client, OPEN);
  return {
    state: { kind: 'state', time, ...TASK, ...ends, from: 7, to: 2 },
    out: {
      kind: 'packet',
      time: time + 1,
      ...PACKET,
      ...there,
      direction: 'out',
      conntrack: null,
    },
    in: { kind: 'packet', time: time + 2, ...PACKET, ...there, direction: 'in', conntrack: null },
    accept: {
      kind: 'accept',
      time: time + 3,
      ...TASK,
      local: ends.remote,
      remote: ends.local,
      fd: 5,
    },
  };
}

function refusal(from: number, time = 110): Unnumbered {
  const drop = { reason: 'NO_SOCKET', function: 'tcp_v4_rcv', conntrack: null };
  return { kind: 'drop', time, ...PACKET, ...between(from, REFUSED), ...drop };
}

test('is complete only with every sign', () => {
  const parts = { ...eventsOf(CLIENT), drop: refusal(50_002) };
  for (const left of Object.keys(parts)) {
    const watch = createWatch();
    for (const [name, event] of Object.entries(parts)) {
      if (name !== left) assert.ok(watch.observe(event), name);
    }
    assert.equal(watch.missing(CLIENT), [left]);
  }
  const watch = createWatch();
  for (const event of Object.values(parts)) watch.observe(event);
  assert.equal(watch.missing(CLIENT), []);
  assert.is(watch.timeOf(CLIENT), 100);
});

test('an older attempt does not stand for a newer one', () => {
  const watch = createWatch();
  for (const event of Object.values(eventsOf(CLIENT))) watch.observe(event);
  watch.observe(refusal(50_002));
  assert.equal(watch.missing(CLIENT), []);
  assert.equal(watch.missing(50_003), SIGNS);
  for (const event of Object.values(eventsOf(50_003, 200))) watch.observe(event);
  assert.equal(watch.missing(50_003), ['drop']);
  watch.observe(refusal(50_004, 210));
  assert.equal(watch.missing(50_003), []);
  assert.is(watch.timeOf(50_003), 200);
  assert.is(watch.timeOf(50_099), null);
});

test('the refusal of an older attempt that comes late does not stand for a newer one', () => {
  const watch = createWatch();
  for (const event of Object.values(eventsOf(CLIENT))) watch.observe(event);
  for (const event of Object.values(eventsOf(50_003, 200)).reverse()) watch.observe(event);
  watch.observe(refusal(50_002));
  assert.equal(watch.missing(CLIENT), []);
  assert.equal(watch.missing(50_003), ['drop']);
  assert.is(watch.timeOf(50_003), 200);
});

test('traffic stays traffic, also of a client that was given a port of ours', () => {
  const watch = createWatch();
  const packet = (ends: ReturnType<typeof between>): Unnumbered =>
    ({
      ...eventsOf(CLIENT)['out'],
      ...(ends as object),
    }) as Unnumbered;
  assert.not.ok(watch.observe(packet(between(50_000, FLOW))));
  assert.not.ok(watch.observe(packet(between(OPEN, FLOW, '198.51.100.2', '198.51.100.1'))));
  assert.not.ok(watch.observe(packet(between(FLOW, FINAL, '172.17.0.2', '172.17.0.1'))));
  // Let through by the filter for our port's sake, and neither a seal nor traffic.
  assert.ok(watch.observe(packet(between(CLIENT, OPEN, '198.51.100.2', '198.51.100.1'))));
  assert.equal(watch.missing(CLIENT), SIGNS);
});

test('a drop elsewhere is no refused seal', () => {
  const watch = createWatch();
  const there = between(50_002, REFUSED, '198.51.100.2', '198.51.100.1');
  for (const event of Object.values(eventsOf(CLIENT))) watch.observe(event);
  assert.ok(watch.observe({ ...refusal(50_002), ...there }));
  assert.equal(watch.missing(CLIENT), ['drop']);
});

test('its counters and totals are no traffic', () => {
  const watch = createWatch();
  const counter = (from: number, to: number): Unnumbered => ({
    kind: 'counter',
    time: 1,
    namespace: 1,
    ifindex: 1,
    direction: 'in',
    protocol: 'tcp',
    ...between(from, to),
    packets: 1,
    bytes: 1,
  });
  const total = (localPort: number, remotePort: number): Unnumbered => ({
    kind: 'total',
    time: 1,
    operation: 'read',
    from: { socket: '1', localPort, remotePort },
    to: null,
    bytes: 1,
  });
  assert.ok(watch.observe(counter(CLIENT, OPEN)));
  assert.ok(watch.observe(total(OPEN, CLIENT)));
  assert.not.ok(watch.observe(counter(CLIENT, FLOW)));
  assert.not.ok(watch.observe(total(FLOW, CLIENT)));
});

test('events of every kind are sorted without a throw', () => {
  const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: '.' });
  reader.read(BEGIN);
  const watch = createWatch();
  for (const line of Object.values(LINES)) {
    const result = reader.read(line);
    if (result.kind !== 'event') throw new Error(line);
    assert.not.ok(watch.observe(result.event), line);
  }
});

test('the chosen files decide what is required', () => {
  const files = ['hops-out.bt', 'hops-in.bt', 'tcp-resets.bt', 'relay-copy.bt'];
  assert.equal(signsOf(files.map((name) => ({ name }))), ['out', 'in', 'read', 'write']);
});

test('the sealer connects, is refused, and ends', async () => {
  const sealer = await Sealer.create();
  assert.is(new Set(sealer.ports).size, 3);
  assert.ok(sealer.ports.includes(sealer.finalPort));
  const first = await sealer.attempt();
  const second = await sealer.attempt();
  if (first === null || second === null) throw new Error('no connection over loopback');
  assert.is.not(first.port, second.port);
  assert.ok(second.wall > first.wall);
  await sealer.final();
  sealer.close();
  assert.is(await sealer.attempt(), null);
});

test('the sealer keeps off the ports of the traffic', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const around = Array.from({ length: 20_000 }, (_, at) => Math.max(1, port - 10_000) + at);
  for (let round = 0; round < 5; round += 1) {
    const sealer = await Sealer.create(around);
    for (const own of sealer.ports) assert.not.ok(around.includes(own), String(own));
    sealer.close();
  }
});

test.run();
