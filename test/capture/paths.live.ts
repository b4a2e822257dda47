/** What proves a path, seen by the real probes: conntrack's rewriting in a namespace of its own, and a relay's splices. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import * as assert from 'uvu/assert';
import { CONNTRACK, TCP, type DropEvent, type PacketEvent } from '../../src/model/event.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { trace, waitUntil } from './tracing.js';

const test = suite('tracer and paths');
test.skipUnless(findLiveObstacle('docker-proxy', 'ip6tables'));

const NETNS = `trace-flow-test-${process.pid}`;

test.before(async () => {
  await execa('ip', ['netns', 'add', NETNS]);
  await inside('ip link set lo up');
});
test.after(async () => {
  await execa('ip', ['netns', 'del', NETNS]);
});

async function inside(script: string): Promise<void> {
  await execa('nsenter', [`--net=/run/netns/${NETNS}`, 'sh', '-c', script]);
}

/** One connection inside the namespace, from its handshake to its end. */
async function dialInside(host: string, port: number): Promise<void> {
  const script = `require('net').connect(${port}, '${host}', function () { this.end('x'); }).on('error', () => 0).resume()`;
  await inside(`exec '${process.execPath}' -e "${script}"`);
}

for (const [host, iptables] of [
  ['127.0.0.1', 'iptables'],
  ['::1', 'ip6tables'],
] as const) {
  test(`a redirect of ${host}: the packets carry the original destination, in their own namespace`, async () => {
    await inside(`${iptables} -t nat -A OUTPUT -p tcp --dport 18080 -j REDIRECT --to-ports 16379`);
    const serving = spawn(
      'nsenter',
      [
        `--net=/run/netns/${NETNS}`,
        process.execPath,
        '-e',
        `require('net').createServer((s) => s.on('error', () => 0).resume()).listen(16379, '${host}', () => console.log('ready'))`,
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    try {
      await once(serving.stdout, 'data');
      const { tracer, events } = await trace([16_379, 18_080]);
      for (let round = 0; round < 7; round += 1) await dialInside(host, 18_080);
      const end = await tracer.finish();
      assert.is(end.sealed, true);
      const { ino } = await stat(`/run/netns/${NETNS}`);
      const packets = events.filter((event): event is PacketEvent => event.kind === 'packet');
      const opening = packets.filter(
        ({ flags, direction }) => flags === TCP.SYN && direction === 'out',
      );
      assert.is(opening.length, 7);
      for (const packet of opening) {
        assert.is(packet.namespace, ino);
        assert.equal(packet.destination, { address: host, port: 16_379 });
        assert.equal(packet.conntrack?.original.destination, { address: host, port: 18_080 });
        assert.equal(packet.conntrack?.reply.source, { address: host, port: 16_379 });
        assert.ok(((packet.conntrack?.status ?? 0) & CONNTRACK.DST_NAT) !== 0);
      }
    } finally {
      serving.kill('SIGKILL');
    }
  });
}

test('a rule that drops: its reason, its function, its conntrack entry, and the SYN sent again', async () => {
  await inside('iptables -A INPUT -p tcp --dport 18081 -j DROP');
  const { tracer, events } = await trace([18_081]);
  const script = `require('net').connect(18081, '127.0.0.1')`;
  const client = spawn('nsenter', [`--net=/run/netns/${NETNS}`, process.execPath, '-e', script], {
    stdio: 'ignore',
  });
  await waitUntil(() => events.some(({ kind }) => kind === 'retransmit'), 'a retransmit');
  const end = await tracer.finish();
  client.kill('SIGKILL');
  assert.is(end.sealed, true);
  const drops = events.filter((event): event is DropEvent => event.kind === 'drop');
  assert.ok(drops.length > 0);
  for (const drop of drops) {
    assert.is(drop.reason, 'NETFILTER_DROP');
    assert.match(drop.function, /^(nft_do_chain|ipt_do_table|nf_hook_slow)/);
    assert.is(drop.conntrack?.original.destination.port, 18_081);
  }
});

test('a machine that swallows its own loopback: an error that says so, no endless wait', async () => {
  const module = fileURLToPath(new URL('tracing.js', import.meta.url));
  const script = `import(${JSON.stringify(module)}).then((m) => m.trace([6379], { patience: 20000 })).catch((e) => console.log(e.code, e.message))`;
  const rule = 'ip link set lo up; iptables -A INPUT -i lo -p tcp -j DROP; exec "$@"';
  const args = ['--net', 'sh', '-c', rule, 'sh', process.execPath, '-e', script];
  const { stdout } = await execa('unshare', args);
  assert.match(stdout, /^not-ready .*: missing the connection itself/);
});

test('docker-proxy: every byte of 7 connections is traced from socket to socket, also beyond the budget', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).resume();
    socket.on('end', () => socket.end(Buffer.alloc(30_011, 'y')));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: inner } = server.address() as AddressInfo;
  const outer = inner === 65_535 ? 20_000 : inner + 1;
  const ends = { 'host-ip': '127.0.0.1', 'container-ip': '127.0.0.1' };
  const ports = { 'host-port': outer, 'container-port': inner };
  const args = Object.entries({ proto: 'tcp', ...ends, ...ports }).flatMap(([name, value]) => [
    `-${name}`,
    String(value),
  ]);
  // It reports on descriptor 3 when it listens.
  const proxy = spawn('docker-proxy', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const told = proxy.stdio[3];
  if (!told) throw new Error('no pipe');
  await once(told, 'data');
  try {
    const { tracer, events } = await trace([outer, inner], { budget: 1 });
    for (let round = 0; round < 7; round += 1) {
      const socket = connect({ port: outer, host: '127.0.0.1', allowHalfOpen: true });
      socket.resume().end(Buffer.alloc(20_011, 'x'));
      await once(socket, 'end');
    }
    const end = await tracer.finish();
    assert.is(end.sealed, true);
    // Told when both sockets of a pair have closed, and of those that are open at the end by the end.
    const moved = [...events, ...end.remainder].filter(
      (event) => event.kind === 'total' && event.operation === 'move',
    );
    assert.is(moved.length, 14);
    for (const event of moved) {
      if (event.kind !== 'total') continue;
      const there = event.from.localPort === outer;
      assert.is(event.bytes, there ? 20_011 : 30_011);
      const port = there ? event.to?.remotePort : event.from.remotePort;
      assert.is(port, inner);
    }
    const printed = events.filter((event) => event.kind === 'move');
    assert.is(printed.length, 14);
    for (const event of printed) {
      assert.is(event.command, 'docker-proxy');
      assert.is(event.pid, proxy.pid);
    }
  } finally {
    proxy.kill('SIGKILL');
    server.close();
  }
});

test.run();
