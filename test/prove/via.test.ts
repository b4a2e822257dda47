/** Tunnels seen live: the packet that carries another is told on that one's way, and only where both are one packet. */
import * as assert from 'uvu/assert';
import { TCP, type OuterEvent, type PacketEvent } from '../../src/model/event.js';
import type { Connection } from '../../src/model/report.js';
import { LiveScene } from '../support/live-scene.js';
import { suite } from '../support/suite.js';

const test = suite('via');

const THERE = { kind: 'vxlan', id: 4097, from: '192.0.2.1', to: '192.0.2.2' } as const;
const BACK = { ...THERE, from: THERE.to, to: THERE.from };
const WIRE = 77;

/** The tunnel's packet that carried a packet. */
function wrap(packet: PacketEvent | undefined, more: Partial<OuterEvent> = {}): OuterEvent {
  if (!packet) throw new Error('no packet');
  return { ...packet, kind: 'outer', ifindex: WIRE, tunnel: THERE, ...more };
}

/** A SYN and its answer come by DNAT; `more` are changes to the tunnel's packets of both. */
function tell(more: { in?: Partial<OuterEvent>; out?: Partial<OuterEvent> }): Connection {
  const scene = new LiveScene()
    .request({ flags: TCP.SYN, seq: 100 })
    .reply({ flags: TCP.SYN | TCP.ACK, seq: 300, ack: 101 });
  const seen = scene.events.filter((event) => event.kind === 'packet');
  const first = seen.find(({ direction }) => direction === 'in');
  const last = seen.findLast(({ direction }) => direction === 'out');
  const outer = [
    ...(more.in ? [wrap(first, { time: (first?.time ?? 0) - 500, ...more.in })] : []),
    ...(more.out ? [wrap(last, { time: (last?.time ?? 0) + 500, tunnel: BACK, ...more.out })] : []),
  ].map((event, index) => ({ ...event, id: scene.events.length + 1 + index }));
  for (const event of outer) scene.add(() => event);
  scene.events.sort((a, b) => a.time - b.time);
  return scene.tell();
}

const inside = ({ hops }: Connection) =>
  hops
    .filter((hop) => hop.inside)
    .map(({ direction, journey, kind, inside: tunnel }) => [
      kind,
      direction,
      journey?.passage,
      journey?.passages,
      tunnel?.from,
    ]);

test('the tunnel is told as requests go through it, once, and both its packets are hops', () => {
  const one = tell({ in: {}, out: {} });
  assert.equal(one.via, [THERE]);
  assert.equal(inside(one), [
    ['packet', 'in', 0, 5, THERE.from],
    ['packet', 'out', 4, 5, THERE.to],
  ]);
  assert.match(
    one.hops.find((hop) => hop.inside)?.summary ?? '',
    /^SYN seq 100, inside VXLAN 4097/,
  );
});

test('either direction alone tells it', () => {
  assert.equal(tell({ in: {} }).via, [THERE]);
  assert.equal(tell({ out: {} }).via, [THERE]);
});

test('a second tunnel is told beside the first', () => {
  const other = { ...BACK, id: 4098 };
  assert.equal(tell({ in: {}, out: { tunnel: other } }).via, [THERE, { ...THERE, id: 4098 }]);
});

test('the rest of the connection is as without the tunnel', () => {
  const bare = tell({});
  const { hops, via, timing, ...one } = tell({ in: {}, out: {} });
  const { hops: own, timing: taken, ...other } = bare;
  assert.is(bare.via, undefined);
  assert.ok(via);
  assert.equal(one, other);
  assert.is(timing.connect, taken.connect);
  assert.is(hops.length, own.length + 2);
});

for (const [what, change] of [
  ['another skb', { skb: 'ffff88ffff' }],
  ['an unknown skb', { skb: null }],
  ['another number', { seq: 99 }],
  ['another acknowledgement', { ack: 7 }],
  ['another client', { source: { address: '198.51.100.9', port: 40_000 } }],
  ['another server', { destination: { address: '198.51.100.9', port: 8080 } }],
  ['another protocol', { protocol: 'udp' }],
] as const) {
  test(`a tunnel's packet with ${what} carried something else`, () => {
    for (const one of [tell({ in: change }), tell({ out: change })]) {
      assert.is(one.via, undefined);
      assert.equal(inside(one), []);
    }
  });
}

test('a tunnel carries what left before it, and what comes after it', () => {
  const late = 3_000_000_000;
  const first = 10_000;
  for (const change of [
    { in: { time: first + 1 } },
    { in: { time: first - late } },
    { in: { direction: 'out' } },
    { out: { direction: 'in' } },
    { out: { time: 1 } },
    { out: { time: late } },
  ] as const) {
    assert.is(tell(change).via, undefined, JSON.stringify(change));
  }
});

test.run();
