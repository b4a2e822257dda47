/** Tunnels are looked into, also inside each other; packets that only look like tunnels are not. */
import * as assert from 'uvu/assert';
import { decodeFrame } from '../../src/decode/link.js';
import { Packet } from '../../src/decode/packet.js';
import { analyse } from '../../src/prove/analyse.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { carry, ipPacket, PLAIN, writeCapture, type Shot } from '../support/wire-packets.js';
import { randomizer } from './frames.js';
import { World, type Exchange } from '../support/wire-world.js';

const test = suite('tunnels');

const OUTER = { from: '192.0.2.11', to: '192.0.2.12' } as const;
const INNER = ipPacket({
  protocol: 'tcp',
  flags: 0x02,
  seq: 7,
  ttl: 63,
  id: 9,
  stamp: 5,
  source: { address: '10.0.0.2', port: 40_001 },
  destination: { address: '10.0.0.5', port: 8080 },
});
const RAW = 101;
const KINDS = ['vxlan', 'geneve', 'gre', 'gre-ethernet', 'ipip'] as const;

function decode(bytes: Uint8Array): { result: string; packet: Packet } {
  const packet = new Packet();
  return { result: decodeFrame(bytes, bytes.length, RAW, packet), packet };
}

for (const kind of KINDS) {
  test(`${kind}: the inner connection is told`, () => {
    const { result, packet } = decode(carry(INNER, { kind, id: 4097, ...OUTER }));
    assert.is(result, 'ok');
    const { sourcePort, destinationPort, ttl, ipId, seq, tunnels } = packet;
    assert.equal([sourcePort, destinationPort, ttl, ipId, seq], [40_001, 8080, 63, 9, 7]);
    const [tunnel] = tunnels;
    assert.is(tunnels.length, 1);
    assert.is(tunnel?.kind, kind.replace('-ethernet', ''));
    assert.is(tunnel?.id, kind === 'ipip' ? null : 4097);
  });
}

test('tunnels inside tunnels are looked into four deep, and no further', () => {
  let bytes = INNER;
  for (let depth = 1; depth <= 6; depth++) {
    bytes = carry(bytes, { kind: depth % 2 === 0 ? 'vxlan' : 'gre', id: depth, ...OUTER });
    const { result, packet } = decode(bytes);
    if (depth <= 4) assert.equal([result, packet.tunnels.length], ['ok', depth]);
    else assert.is.not(packet.destinationPort, 8080, `${depth}`);
  }
});

test('a datagram to the port of a tunnel that is none keeps its own ports', () => {
  for (const port of [4789, 8472, 6081]) {
    for (const payload of [
      'hello',
      'hello, this is no tunnel',
      '\x08\0\0\0\0\0\x01\0 not a frame at all',
    ]) {
      const plain = ipPacket({
        protocol: 'udp',
        payload: Buffer.from(payload, 'latin1'),
        ttl: 61,
        source: { address: '192.0.2.1', port: 5000 },
        destination: { address: '192.0.2.2', port },
      });
      const { result, packet } = decode(plain);
      if (result === 'other') continue;
      assert.equal([result, packet.destinationPort, packet.ttl], ['ok', port, 61], payload);
      assert.is(packet.tunnels.length, 0);
      assert.is(packet.payloadLength, payload.length);
    }
  }
});

test('damaged tunnels: any bytes give an answer', () => {
  const random = randomizer(11);
  for (let round = 0; round < 50_000; round++) {
    const kind = KINDS[random(KINDS.length)] ?? 'gre';
    let bytes: Buffer = Buffer.from(carry(INNER, { kind, id: random(2 ** 24), ...OUTER }));
    if (random(2) === 0) bytes = carry(bytes, { kind: 'vxlan', id: 1, ...OUTER });
    for (let count = random(5); count > 0; count--) bytes[random(bytes.length)] = random(256);
    const cut = bytes.subarray(0, random(4) === 0 ? random(bytes.length + 1) : bytes.length);
    const { result, packet } = decode(cut);
    assert.ok(packet.payloadAt + packet.payloadCaptured <= cut.length || result !== 'ok');
  }
});

const EXCHANGE: Exchange = {
  kind: 'routed',
  protocol: 'tcp',
  at: 1_000_000,
  clientPort: 50_000,
  turns: [{ request: Buffer.from('PING\r\n'), reply: Buffer.from('+PONG\r\n') }],
  container: 2,
  port: 6379,
  published: 6380,
};

test('one flow inside and outside its tunnel is one connection, and no NAT; via names the tunnel', async () => {
  const world = new World(randomizer(3));
  world.add(EXCHANGE);
  const shots = world.shots.map((shot): Shot => {
    if (shot.device !== 'ext0') return shot;
    const back = shot.way === 'out';
    const [from, to] = back ? [OUTER.to, OUTER.from] : [OUTER.from, OUTER.to];
    return { ...shot, bytes: carry(shot.bytes, { kind: 'vxlan', id: 4097, from, to }) };
  });
  const sorted = shots.sort((a, b) => a.time - b.time);
  const { connections } = analyse(await readTogether([writeCapture(sorted, PLAIN)]));
  assert.is(connections.length, 1);
  const [connection] = connections;
  assert.equal(connection?.via, [{ kind: 'vxlan', id: 4097, ...OUTER }]);
  assert.is(connection?.nat, null);
  assert.is(connection?.outcome, 'answered');
});

test('the same addresses in two networks are two connections', async () => {
  const one = new World(randomizer(3));
  one.add(EXCHANGE);
  const shots = one.shots
    .filter(({ device }) => device === 'ext0')
    .flatMap((shot) =>
      [1, 2].map((id) => {
        const back = shot.way === 'out';
        const [from, to] = back ? [OUTER.to, OUTER.from] : [OUTER.from, OUTER.to];
        const bytes = Buffer.from(shot.bytes);
        bytes.writeUInt32BE((bytes.readUInt32BE(24) + id * 1000) >>> 0, 24);
        return { ...shot, bytes: carry(bytes, { kind: 'geneve', id, from, to }) };
      }),
    );
  const { connections } = analyse(await readTogether([writeCapture(shots, PLAIN)]));
  assert.equal(connections.map(({ via }) => via?.[0]?.id).sort(), [1, 2]);
});

test.run();
