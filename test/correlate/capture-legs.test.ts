/** A leg of a capture: who opened it, where its packets came from, and the hardware addresses that it shows. */
import * as assert from 'uvu/assert';
import { buildCapturedLeg, type CapturedLeg } from '../../src/correlate/capture/legs.js';
import { linkConversations } from '../../src/correlate/capture/links.js';
import { PacketRange } from '../../src/correlate/capture/packet-range.js';
import type { Twin } from '../../src/correlate/capture/twins.js';
import type { Conversation } from '../../src/model/conversation.js';
import type { CapturedPacket } from '../../src/model/captured-packet.js';
import { TCP } from '../../src/model/event.js';
import type { Device } from '../../src/model/topology.js';
import { Capture, CLIENT_LEG, type Shape } from '../support/captured-leg.js';
import { suite } from '../support/suite.js';
import { at } from '../support/story.js';
import { listTwins, Rows, type Row } from '../support/wire-rows.js';

const test = suite('legs of captures');

const leg = (shape: Partial<Shape>, ports: readonly number[] = [8080]): CapturedLeg =>
  new Capture(ports).leg({ ...CLIENT_LEG, ...shape });

const ends = ({ leg: { client, server } }: CapturedLeg): string =>
  `${client.address}:${client.port} ${server.address}:${server.port}`;

const FORTH = '198.51.100.2:40000 198.51.100.1:8080';
const BACK = '198.51.100.1:8080 198.51.100.2:40000';

test('who began it: by the handshake, whatever the ports', () => {
  assert.is(ends(leg({})), FORTH);
  assert.is(ends(leg({ clientWay: 1 })), FORTH);
  assert.is(ends(leg({}, [40_000])), FORTH);
});

test('without a handshake: the port that was asked for, else the larger one', () => {
  const guess = (client: string, server: string, ports: readonly number[]): string =>
    ends(leg({ client, server, clientWay: null, syn: null, synTime: null }, ports));
  const [a, b] = ['198.51.100.2#40000', '198.51.100.1#8080'];
  for (const [ports, name] of [
    [[], 'none'],
    [[8080], 'the smaller'],
    [[8080, 40_000], 'both'],
  ] as const) {
    assert.is(guess(a, b, ports), FORTH, name);
    assert.is(guess(b, a, ports), FORTH, `${name}, answers first`);
  }
  assert.is(guess(a, b, [40_000]), BACK, 'the larger');
  assert.is(guess(b, a, [40_000]), BACK, 'the larger, answers first');
  assert.is(guess('10.0.0.1#7', '10.0.0.2#7', []), '10.0.0.1:7 10.0.0.2:7', 'equal: the first');
});

test('a first datagram may be an answer: it comes from a port that was asked for, or from a small one to a large one', () => {
  const first = (client: string, server: string, ports: readonly number[]): string =>
    ends(leg({ client, server, protocol: 'udp', clientWay: 0 }, ports));
  const [a, b] = ['198.51.100.2#40000', '198.51.100.1#8080'];
  assert.is(first(a, b, []), FORTH);
  assert.is(first(b, a, []), FORTH, 'from a small port to a large one');
  assert.is(first(b, a, [8080]), FORTH, 'from a port that was asked for');
  assert.is(first(b, a, [40_000]), BACK, 'to a port that was asked for');
  assert.is(first(b, a, [8080, 40_000]), FORTH, 'both');
  assert.is(first('10.0.0.1#53', '10.0.0.2#500', []), '10.0.0.1:53 10.0.0.2:500', 'both small');
  assert.is(
    first('10.0.0.1#32768', '10.0.0.2#40000', []),
    '10.0.0.1:32768 10.0.0.2:40000',
    'both large',
  );
  assert.is(
    first('10.0.0.1#32767', '10.0.0.2#32768', []),
    '10.0.0.2:32768 10.0.0.1:32767',
    'the bound',
  );
});

test('where its requests came from: all of the first say the same, or it is not known', () => {
  const origin = (shape: Partial<Shape>, devices: ReadonlyMap<number, Device> = new Map()) =>
    new Capture([8080], devices).leg({ ...CLIENT_LEG, ...shape });
  assert.is(origin({}).origin, null);
  assert.is(origin({ request: { way: 'in' } }).origin, 'elsewhere');
  assert.is(origin({ request: { way: 'out' } }).origin, 'local');
  assert.is(origin({ request: { way: 'out' } }).serverOrigin, null);
  assert.is(origin({ reply: { way: 'out' } }).serverOrigin, 'local');
  assert.is(origin({ client: '127.0.0.1#40000', server: '127.0.0.1#8080' }).origin, 'local');
  const lo = { ifindex: 1, kind: 'loopback' } as Device;
  assert.is(origin({}, new Map([[1, lo]])).origin, 'local');
  assert.is(origin({}, new Map([[2, lo]])).origin, null);
});

test('of the packets that are alike the first device that saw them tells', () => {
  const rows = new Rows();
  const tell = (...shown: readonly Partial<Row>[]): unknown => {
    const from = rows.table.size;
    const packets = shown.map((row) => rows.add(row));
    return assemble(rows, [packets], from).origin;
  };
  const seen = (seq: number, way: 'in' | 'out', device = 1, ipId = seq): Partial<Row> => ({
    seq,
    way,
    device,
    ipId,
  });
  assert.is(tell(seen(1, 'in', 1), seen(1, 'out', 2)), 'elsewhere', 'in at one, out at another');
  assert.is(tell(seen(1, 'in'), seen(2, 'out')), null, 'two that say otherwise');
  assert.is(tell(seen(1, 'in', 1, 5), seen(1, 'out', 2, 6)), null, 'of another identification');
  assert.is(tell(seen(1, 'in', 1, 5), { ...seen(1, 'out', 2, 5), length: 6 }), null, 'longer');
  assert.is(
    tell(seen(1, 'in', 1, 5), { ...seen(1, 'out', 2, 5), flags: TCP.FIN }),
    null,
    'other flags',
  );
  assert.is(tell(seen(1, 'in', 1, 5), seen(2, 'out', 2, 5)), null, 'another number');
  const eight = Array.from({ length: 8 }, (_, i) => seen(i + 1, 'in'));
  assert.is(tell(...eight, seen(9, 'out')), 'elsewhere', 'the ninth is not asked');
});

/** Conversations in this order, each with its packets; requests come from the first one's end. */
function assemble(
  rows: Rows,
  groups: readonly (readonly CapturedPacket[])[],
  from = 0,
): CapturedLeg {
  const conversations = groups.map((packets, index) => describe(packets, index, 0));
  const all = Uint32Array.from({ length: rows.table.size - from }, (_, i) => from + i);
  const packets = new PacketRange(rows.table, all, 0, all.length);
  const group = { conversations, packets, links: [], disputed: false };
  return buildCapturedLeg(group, { ports: new Set([8080]), devices: new Map() });
}

function describe(packets: readonly CapturedPacket[], index: number, client: 0 | 1 | null) {
  const [first] = packets;
  if (!first) throw new RangeError('no packet');
  const none = { syn: null, synAck: null, synTime: null, established: null, via: null };
  const streams = [{ from: first.source }, { from: first.destination }];
  return {
    id: first.conversation,
    file: 0,
    protocol: first.protocol,
    client,
    first: index,
    ...none,
    last: 9,
    streams,
    hasCounters: false,
    counters: [],
  } as unknown as Conversation;
}

test('highest and lowest TTL, and answers that had been routed before anybody saw them', () => {
  assert.equal(leg({}).ttl, { first: 64, last: 64 });
  assert.equal(leg({ request: { ttl: 60 } }).ttl, { first: 60, last: 60 });
  assert.is(leg({ reply: { ttl: 60 } }).answeredFromAfar, true);
  assert.is(leg({ reply: { ttl: 64 } }).answeredFromAfar, false);
  assert.is(leg({ answers: '', synAck: null }).answeredFromAfar, false);
});

test('the hardware address that Docker made of an address is a container’s', () => {
  const docker = 0x0242_ac11_0002;
  const to = (server: string, hardware: number | null): boolean =>
    leg({ server, reply: { hardware } }).toContainer;
  assert.is(to('172.17.0.2#6379', docker), true);
  assert.is(to('172.17.0.2#6379', docker + 1), false);
  assert.is(to('172.17.0.2#6379', 0x0243_ac11_0002), false);
  assert.is(to('172.17.0.2#6379', null), false);
  assert.is(to('172.17.0.3#6379', docker), false);
  assert.is(to('fd00::2#6379', docker), false);
  assert.is(to('10.0.0.9#6379', 0x0242_0a00_0009), true);
  assert.is(leg({ client: '172.17.0.2#40000', request: { hardware: docker } }).ofContainer, true);
  assert.is(leg({ client: '172.17.0.2#40000', reply: { hardware: docker } }).ofContainer, false);
});

/** A flow under two pairs of addresses, seen before and behind a machine; which conversation comes first is given. */
function rewritten(turned: boolean, known: 'near' | 'far' | 'none'): CapturedLeg {
  const [client, dialled, behind] = [
    '198.51.100.2#40000',
    '198.51.100.1#8080',
    '172.17.0.2#6379',
  ].map(at);
  if (!client || !dialled || !behind) throw new RangeError('three ends');
  const rows = new Rows();
  const near = { ttl: 64, device: 1, way: 'in' } as const;
  const far = { ttl: 63, device: 2, way: 'out' } as const;
  const twins: Twin[] = [];
  for (const seq of [1, 2, 3]) {
    const time = 1_000_000 + seq * 10_000;
    const a = rows.add({ ...near, source: client, destination: dialled, seq, ipId: seq, time });
    const b = rows.add({
      ...far,
      source: client,
      destination: behind,
      seq,
      ipId: seq,
      time: time + 500,
    });
    twins.push({ a, b });
    const back = { seq: 50 + seq, ipId: 50 + seq, time: time + 2_000 };
    const d = rows.add({
      ...back,
      ttl: 64,
      device: 2,
      way: 'in',
      source: behind,
      destination: client,
    });
    const c = rows.add({
      ...back,
      ttl: 63,
      device: 1,
      way: 'out',
      source: dialled,
      destination: client,
      time: time + 2_500,
    });
    twins.push({ a: c, b: d });
  }
  const [one, two] = [twins[0]?.a, twins[0]?.b];
  if (!one || !two) throw new RangeError('no twins');
  const conversations = [
    describe([one], 5, known === 'near' ? 0 : null),
    describe([two], 3, known === 'far' ? 0 : null),
  ] as const;
  const found = linkConversations(conversations[0], conversations[1], listTwins(twins));
  if (!found) throw new RangeError('no link');
  const all = Uint32Array.from({ length: rows.table.size }, (_, i) => i);
  return buildCapturedLeg(
    {
      conversations: turned ? [...conversations].reverse() : conversations,
      packets: new PacketRange(rows.table, all, 0, all.length),
      links: [found],
      disputed: false,
    },
    { ports: new Set(), devices: new Map() },
  );
}

test('from the client’s side to the container’s, in whichever order the conversations were found', () => {
  for (const turned of [false, true]) {
    for (const known of ['near', 'far', 'none'] as const) {
      const captured = rewritten(turned, known);
      const { leg: built, rewriting } = captured;
      const name = `${turned} ${known}`;
      assert.is(ends(captured), FORTH, name);
      assert.equal(built.destination, at('172.17.0.2#6379'), name);
      assert.is(built.nat?.destinationRewritten, true, name);
      assert.is(built.nat?.sourceRewritten, false, name);
      assert.is(built.nat?.hook, 'PREROUTING', name);
      assert.equal(built.nat?.view.original, {
        source: at(CLIENT_LEG.client),
        destination: at(CLIENT_LEG.server),
      });
      assert.equal(built.nat?.view.reply, {
        source: at('172.17.0.2#6379'),
        destination: at(CLIENT_LEG.client),
      });
      assert.is(rewriting?.doubt, null, name);
      assert.is(rewriting?.twins.length, 6);
      assert.equal(captured.ttl, { first: 64, last: 63 }, name);
      assert.is(captured.uniform, false);
      assert.is(captured.origin, 'elsewhere');
      assert.equal(
        built.split().requests.map(({ seq }) => seq),
        [1, 1, 2, 2, 3, 3],
        name,
      );
    }
  }
});

test.run();
