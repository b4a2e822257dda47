/** No verdict on an incomplete capture is wrong: packets lost, cut, late or reordered, or of one device only. */
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { formatEndpoint, type Endpoint } from '../../src/model/address.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import {
  countPackets,
  cutPackets,
  damageBytes,
  keepDevice,
  keepPackets,
  listDevices,
  moveClock,
  renamePort,
  reorderPackets,
  swapHalves,
  swapOrder,
} from '../support/capture-edit.js';
import { randomizer } from '../decode/frames.js';
import { CAPTURES, captureFile, pathOf, readCapture, readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { icmpError, ipPacket } from '../support/wire-packets.js';

const test = suite('captures, never wrong');

const samples = Object.entries(CAPTURES).filter(([, { files }]) =>
  files.every((file) => !file.endsWith('.gz')),
);

/** Which connection of the relay belongs to which client, by the captures as they are. */
const PAIRS = new Map<string, string>();
for (const [name, { files, ports }] of samples) {
  const { connections } = analyse(await readCapture(files, ports), { hops: 1 });
  for (const { client, relay } of connections) {
    if (relay?.client) PAIRS.set(keyOf(name, client), formatEndpoint(relay.client));
  }
}

function keyOf(name: string, client: Endpoint): string {
  return `${name}|${formatEndpoint(client)}`;
}

function checkNotWrong(name: string, trace: Trace): void {
  for (const connection of analyse(trace, { hops: 1 }).connections) {
    const { path, server, client, relay, reason } = connection;
    if (path === 'unknown') continue;
    const truth = server && pathOf(server, client, name.startsWith('hairpin'));
    // Routed from outside without NAT, and the samples say so.
    const routed = name === 'direct-routed' && path === 'direct';
    assert.ok(path === truth || routed, `${name}: ${path}, not ${truth}: ${reason}`);
    if (!relay?.client || reason.includes('this pair may be another')) continue;
    assert.is(formatEndpoint(relay.client), PAIRS.get(keyOf(name, client)), `${name}: ${reason}`);
  }
}

function load(files: readonly string[]): Buffer[] {
  return files.map((file) => readFileSync(captureFile(file)));
}

for (const [name, { files, ports, found }] of samples) {
  test(`${name}: packets lost at random`, async () => {
    const whole = load(files);
    const seeds = fc.record({ seed: fc.nat(), share: fc.double({ min: 0, max: 1, noNaN: true }) });
    await fc.assert(
      fc.asyncProperty(seeds, async ({ seed, share }) => {
        let state = seed;
        const kept = whole.map((file) =>
          keepPackets(file, () => {
            state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
            return state / 2 ** 32 >= share;
          }),
        );
        checkNotWrong(name, await readTogether(kept, ports));
      }),
      { numRuns: 40 },
    );
  });

  test(`${name}: packets up to 5 ms late, and half of them lost`, async () => {
    const whole = load(files);
    for (let seed = 0; seed < 10; seed++) {
      const random = randomizer(seed);
      const late = whole.map((file) => reorderPackets(file, 0.005, random));
      checkNotWrong(name, await readTogether(late, ports));
      const kept = late.map((file) => keepPackets(file, () => random(2) === 0));
      checkNotWrong(name, await readTogether(kept, ports));
    }
  });

  test(`${name}: bytes damaged at random`, async () => {
    const whole = load(files);
    for (let seed = 0; seed < 30; seed++) {
      const random = randomizer(seed);
      const among = [5, 20, 50, 200, 1000][seed % 5] ?? 50;
      checkNotWrong(
        name,
        await readTogether(
          whole.map((file) => damageBytes(file, among, random)),
          ports,
        ),
      );
    }
  });

  test(`${name}: the later half first`, async () => {
    const swapped = load(files).map(swapHalves);
    const summary: Record<string, number> = {};
    for (const { path, proof, outcome } of analyse(await readTogether(swapped, ports))
      .connections) {
      const told = `${path}/${proof}/${outcome}`;
      summary[told] = (summary[told] ?? 0) + 1;
    }
    assert.equal(summary, found);
  });

  test(`${name}: each device alone`, async () => {
    for (const file of load(files)) {
      for (const device of listDevices(file)) {
        checkNotWrong(name, await readTogether([keepDevice(file, device)], ports));
      }
    }
  });

  test(`${name}: other ports`, async () => {
    for (const to of [7, 50_000]) {
      const [published, ...others] = ports;
      if (published === undefined) throw new Error('a port');
      const renamed = load(files).map((file) => renamePort(file, published, to));
      const { connections } = analyse(await readTogether(renamed, [to, ...others]), { hops: 1 });
      for (const { path, proof, outcome } of connections) {
        assert.ok(`${path}/${proof}/${outcome}` in found, `${to}: ${path}/${proof}/${outcome}`);
      }
      const total = Object.values(found).reduce((sum, count) => sum + count, 0);
      assert.is(connections.length, total);
    }
  });

  test(`${name}: begun in its midst, anywhere`, async () => {
    const whole = load(files);
    const count = Math.max(...whole.map(countPackets));
    for (let from = 1; from < count; from += Math.ceil(count / 40)) {
      const late = whole.map((file) => keepPackets(file, (index) => index >= from));
      checkNotWrong(name, await readTogether(late, ports));
    }
  });
}

for (const [name, { files, ports, found }] of samples) {
  if (!files.every((file) => file.endsWith('.pcap'))) continue;
  test(`${name}: only the first bytes of every packet`, async () => {
    for (const length of [54, 64, 68, 80, 96]) {
      const cut = load(files).map((file) => cutPackets(file, length));
      checkNotWrong(name, await readTogether(cut, ports));
    }
  });

  test(`${name}: the other byte order is the same`, async () => {
    const { connections } = analyse(await readTogether(load(files).map(swapOrder), ports));
    const total = Object.values(found).reduce((sum, count) => sum + count, 0);
    assert.is(connections.length, total);
    for (const { path, proof, outcome } of connections) {
      assert.ok(`${path}/${proof}/${outcome}` in found, `${name}: ${path}/${proof}/${outcome}`);
    }
  });
}

test('clocks that differ by hours are set to each other, and it is said', async () => {
  const { files, ports } = CAPTURES['dnat-two-files'] ?? { files: [], ports: [] };
  const [host, container] = load(files);
  if (!host || !container) throw new Error('two files');
  const straight = analyse(await readCapture(files, ports));
  for (const hours of [-13, -2, 3, 13]) {
    const moved = await readTogether([host, moveClock(container, hours * 3600)], ports);
    const { connections, coverage } = analyse(moved);
    assert.equal([connections[0]?.path, connections[0]?.proof], ['dnat', 'proven']);
    assert.is(connections[0]?.hops.length, straight.connections[0]?.hops.length);
    const way = hours < 0 ? 'behind' : 'ahead of';
    const told = new RegExp(`was ${Math.abs(hours) * 3600}\\.000 s ${way} .* corrected`);
    assert.match(coverage.notes[0] ?? '', told);
    const [clock] = coverage.clocks ?? [];
    // Within a millisecond of what was done to it.
    assert.ok(Math.abs(Number(clock?.shift) + hours * 3.6e12) < 1e6, clock?.shift ?? 'none');
    assert.ok((clock?.packets ?? 0) > 5);
  }
});

test('captures of different days are two captures: no clock is corrected, and nothing is proven by both', async () => {
  const { files, ports } = CAPTURES['dnat-two-files'] ?? { files: [], ports: [] };
  const [host, container] = load(files);
  if (!host || !container) throw new Error('two files');
  for (const hours of [-30, 15, 24, 17_520]) {
    const moved = await readTogether([host, moveClock(container, hours * 3600)], ports);
    const { connections, coverage } = analyse(moved);
    assert.equal(
      connections.map(({ path, proof }) => `${path}/${proof}`),
      ['unknown/inconclusive'],
    );
    assert.is(coverage.clocks?.[0]?.shift, null);
    assert.match(coverage.notes[0] ?? '', /taken for two captures of different days/);
  }
});

test('what ICMP said is moved with the clock of its file', async () => {
  const [host, container] = load(['dnat-host-side.pcap', 'dnat-container-side.pcap']);
  if (!host || !container) throw new Error('two files');
  // A record of its own, an hour late like the whole file: the port of a datagram is unreachable.
  const about = ipPacket({
    protocol: 'udp',
    source: { address: '198.51.100.2', port: 5 },
    destination: { address: '172.17.0.2', port: 6 },
  });
  const bytes = Buffer.concat([
    Buffer.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]),
    icmpError('172.17.0.2', 3, 3, about),
  ]);
  const record = Buffer.alloc(16);
  container.copy(record, 0, 24, 32);
  record.writeUInt32LE(bytes.length, 8);
  record.writeUInt32LE(bytes.length, 12);
  const late = moveClock(Buffer.concat([container, record, bytes]), 3600);
  const { capture } = await readTogether([host, late], [6380]);
  const [error] = capture?.errors ?? [];
  assert.equal(error?.message, { version: 4, type: 3, code: 3 });
  assert.ok(Math.abs(error?.time ?? Infinity) < 60e9, `${error?.time}`);
});

test('files that share no packet: their clocks are not compared, and it is said', async () => {
  const files = load(['dnat-host-side.pcap', 'relay-loopback.pcap']);
  const { coverage } = analyse(await readTogether(files));
  assert.equal(coverage.clocks, [{ file: 'file-2.pcap', shift: null, packets: 0 }]);
  assert.match(coverage.notes.join(), /their clocks could not be compared/);
});

test.run();
