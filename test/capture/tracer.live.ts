/** The tracer with the real bpftrace on loopback traffic, counted exactly and cross-checked with tcpdump. */
import { createSocket, type Socket } from 'node:dgram';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import * as assert from 'uvu/assert';
import type { TracerEnd } from '../../src/capture/bpftrace/tracer.js';
import { TCP, type PacketFields, type TraceEvent } from '../../src/model/event.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { findTracers, FIXTURES, trace, waitUntil } from './tracing.js';
import { watchWire, type WirePacket } from './wire.js';

const test = suite('tracer and bpftrace');
test.skipUnless(findLiveObstacle());
test.after.each(async () => {
  await waitUntil(async () => (await findTracers()).length === 0, 'the end of every tracer');
});

/** Swallows what it is sent and ends when the client does. */
async function serve(host: string): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on('error', () => undefined).resume());
  server.listen(0, host);
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function send(port: number, host: string, bytes: number): Promise<void> {
  const socket = connect(port, host, () => socket.end(Buffer.alloc(bytes, 'x')));
  socket.resume();
  await once(socket, 'close');
}

async function bind(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4_194_304 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { socket, port: socket.address().port };
}

interface Sums {
  readonly packets: number;
  readonly bytes: number;
}

/** What the tracer saw going one way at the loopback device, printed and counted. */
function sumTrace(
  events: readonly TraceEvent[],
  end: TracerEnd,
  direction: 'in' | 'out',
  wanted: (ends: Pick<PacketFields, 'source' | 'destination'>) => boolean,
): Sums {
  let packets = 0;
  let bytes = 0;
  for (const event of [...events, ...end.remainder]) {
    if (event.kind === 'packet' && event.direction === direction && wanted(event)) {
      packets += 1;
      bytes += event.length;
    }
    if (event.kind === 'counter' && event.direction === direction && wanted(event)) {
      packets += event.packets;
      bytes += event.bytes;
    }
  }
  return { packets, bytes };
}

function sumWire(packets: readonly WirePacket[]): Sums {
  return {
    packets: packets.length,
    bytes: packets.reduce((sum, { length }) => sum + length, 0),
  };
}

for (const host of ['127.0.0.1', '::1']) {
  test(`13 connections to ${host}, budget 3: the rest is left out, and both sockets of each tell all bytes`, async () => {
    const { server, port } = await serve(host);
    const { tracer, events } = await trace([port], { budget: 3 });
    const sums = () =>
      events.flatMap((event) => (event.kind === 'state' && event.sums ? [event] : []));
    for (let round = 0; round < 13; round += 1) await send(port, host, 10_007);
    await waitUntil(() => sums().length === 26, 'the sums of all sockets');
    const end = await tracer.finish();
    server.close();
    assert.equal([end.sealed, end.lost, end.notes], [true, 0, []]);
    assert.is(
      end.remainder.some(({ kind }) => kind === 'counter'),
      false,
    );
    for (const { local, sums: own } of sums()) {
      const isServer = local.port === port;
      assert.is(isServer ? own?.received : own?.sent, 10_007);
      assert.is(isServer ? own?.sent : own?.received, 0);
    }
    const listed = new Map<string, number>();
    for (const event of events) {
      if (event.kind !== 'packet' || (event.flags & (TCP.SYN | TCP.FIN | TCP.RST)) !== 0) continue;
      const hop = `${event.direction} ${event.source.port} ${event.destination.port}`;
      listed.set(hop, (listed.get(hop) ?? 0) + 1);
    }
    assert.ok(listed.size >= 26, 'every direction of each connection');
    assert.ok(Math.max(...listed.values()) <= 3);
  });

  test(`13 connections to ${host}, budget 1000: as many packets and bytes as tcpdump`, async () => {
    const { server, port } = await serve(host);
    const endWire = await watchWire(port);
    const { tracer, events, losses } = await trace([port], { budget: 1000 });
    for (let round = 0; round < 13; round += 1) await send(port, host, 10_007);
    await waitUntil(
      () => events.filter(({ kind }) => kind === 'accept').length === 13,
      'all accepts',
    );
    const wire = await endWire();
    const end = await tracer.finish();
    server.close();
    assert.equal([end.sealed, end.lost, end.notes, losses], [true, 0, [], []]);
    for (const direction of ['out', 'in'] as const) {
      assert.equal(
        sumTrace(events, end, direction, () => true),
        sumWire(wire),
        direction,
      );
      assert.is(
        sumTrace(events, end, direction, ({ destination }) => destination.port === port).bytes,
        13 * 10_007,
      );
    }
    const clients = new Set(wire.map(({ from }) => from).filter((from) => from !== port));
    assert.is(clients.size, 13);
    for (const event of events) {
      if (event.kind === 'packet') {
        assert.ok([event.source.port, event.destination.port].includes(port));
        assert.is(event.source.address, host);
      }
    }
  });
}

test('1,009 datagrams and a budget of 5: 5 are printed, all are counted', async () => {
  const { socket, port } = await bind();
  const client = createSocket('udp4');
  const endWire = await watchWire(port);
  const { tracer, events } = await trace([port], { budget: 5 });
  let received = 0;
  let bytes = 0;
  socket.on('message', (message) => {
    received += 1;
    bytes += message.length;
  });
  for (let sent = 1; sent <= 1009; sent += 1) {
    client.send(Buffer.alloc(sent % 97), port, '127.0.0.1');
    if (sent % 50 === 0) await waitUntil(() => received === sent, 'the datagrams');
  }
  await waitUntil(() => received === 1009, 'the datagrams');
  const wire = await endWire();
  const end = await tracer.finish();
  client.close();
  socket.close();
  assert.is(end.sealed, true);
  assert.equal(sumWire(wire), { packets: 1009, bytes });
  for (const direction of ['out', 'in'] as const) {
    const printed = events.filter(
      (event) => event.kind === 'packet' && event.direction === direction,
    );
    assert.is(printed.length, 5, direction);
    assert.equal(
      sumTrace(events, end, direction, () => true),
      { packets: 1009, bytes },
    );
  }
});

test('37 ports, and reads and writes: the program is accepted and sees the last port too', async () => {
  const { server, port } = await serve('127.0.0.1');
  const ports = [...Array.from({ length: 36 }, (_, at) => 1 + at), port];
  const options = { copyingRelays: true, relays: [process.pid] };
  const { tracer, events } = await trace(ports, options);
  for (let round = 0; round < 5; round += 1) await send(port, '127.0.0.1', 101);
  const end = await tracer.finish();
  server.close();
  assert.is(end.sealed, true);
  assert.is(events.filter(({ kind }) => kind === 'accept').length, 5);
  const written = end.remainder.filter(
    (event) => event.kind === 'total' && event.operation === 'write',
  );
  assert.equal(
    written.map((event) => event.kind === 'total' && event.bytes),
    Array.from({ length: 5 }, () => 101),
  );
});

test('a refused connection: the drop, its reason, the reset', async () => {
  const { server, port } = await serve('127.0.0.1');
  await new Promise((resolve) => server.close(resolve));
  const { tracer, events } = await trace([port]);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'error');
  const end = await tracer.finish();
  assert.is(end.sealed, true);
  const drops = events.filter((event) => event.kind === 'drop');
  assert.equal(
    drops.map(({ reason, function: name }) => [reason, name]),
    [['NO_SOCKET', 'tcp_v4_rcv']],
  );
  assert.is(drops[0]?.destination.port, port);
});

test('the name of a task may hold spaces and a forged line', async () => {
  const { server, port } = await serve('127.0.0.1');
  const { tracer, events } = await trace([port]);
  const script = `process.title = 'a b\\nB 1\\nE 2'; require('net').connect(${port}, '127.0.0.1').on('connect', () => process.exit())`;
  await once(spawn(process.execPath, ['-e', script], { stdio: 'ignore' }), 'exit');
  const end = await tracer.finish();
  server.close();
  assert.is(end.sealed, true);
  const dialled = events.find((event) => event.kind === 'state' && event.to === 2);
  assert.is(dialled?.kind === 'state' && dialled.command, String.raw`a b\x0aB 1\x0aE 2`);
});

test('bpftrace is killed in mid-trace', async () => {
  const { server, port } = await serve('127.0.0.1');
  const { tracer, events } = await trace([port]);
  await send(port, '127.0.0.1', 7);
  await waitUntil(() => events.some(({ kind }) => kind === 'accept'), 'the connection');
  const [pid = 0] = await findTracers();
  assert.ok(pid > 1, 'the tracer is there');
  process.kill(pid, 'SIGKILL');
  await tracer.died;
  await send(port, '127.0.0.1', 7);
  const end = await tracer.finish();
  server.close();
  assert.equal([end.sealed, end.lost], [false, 0]);
  assert.match(end.died ?? '', /killed by SIGKILL while tracing/);
});

test('bpftrace is interrupted in mid-trace', async () => {
  const { server, port } = await serve('127.0.0.1');
  const { tracer } = await trace([port]);
  const [pid = 0] = await findTracers();
  assert.ok(pid > 1, 'the tracer is there');
  process.kill(pid, 'SIGINT');
  await tracer.died;
  const end = await tracer.finish();
  server.close();
  assert.is(end.sealed, false);
  assert.match(end.died ?? '', /while tracing/);
});

test('a buffer that overflows: losses are known, and nothing is sealed', async () => {
  const { socket, port } = await bind();
  const client = createSocket('udp4');
  const { tracer, events } = await trace([port], {
    budget: 1e6,
    bpftrace: `${FIXTURES}tiny-buffer`,
  });
  for (let sent = 0; sent < 50_000; sent += 1) {
    client.send('x', port, '127.0.0.1');
    if (sent % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const end = await tracer.finish();
  client.close();
  socket.close();
  assert.ok(end.lost > 0, 'something is lost');
  assert.is(end.sealed, false);
  assert.ok(events.length > 0);
});

test('a script around bpftrace is ended with it', async () => {
  const { server, port } = await serve('127.0.0.1');
  const { tracer } = await trace([port], { bpftrace: `${FIXTURES}wrapper` });
  assert.is((await findTracers()).length, 2);
  await send(port, '127.0.0.1', 7);
  const end = await tracer.finish();
  assert.is(end.sealed, true);
  await end.closed;
  server.close();
  await waitUntil(async () => (await findTracers()).length === 0, 'the end of both');
});

test.run();
