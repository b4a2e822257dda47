/**
 * Edited, replayed and anonymised copies of packets, and those of another day, prove no NAT; what a router rewrites
 * does.
 */
import * as assert from 'uvu/assert';
import type { Report } from '../../src/model/report.js';
import { analyse } from '../../src/prove/analyse.js';
import { readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import {
  ipPacket,
  PLAIN,
  writeCapture,
  type End,
  type Form,
  type Shot,
} from '../support/wire-packets.js';

const test = suite('captures, copies');

const CLIENT: End = { address: '198.51.100.2', port: 40_000 };
const HOST: End = { address: '198.51.100.1', port: 8009 };
const BEHIND: End = { address: '172.17.0.2', port: 80 };
const HARDWARE = { client: '02:00:00:00:00:01', host: '02:00:00:00:00:02' } as const;
const STEP = 1_000_000;
const TURNS = [
  { back: false, flags: 0x02, seq: 1000, ack: 0, text: '' },
  { back: true, flags: 0x12, seq: 5000, ack: 1001, text: '' },
  { back: false, flags: 0x10, seq: 1001, ack: 5001, text: '' },
  { back: false, flags: 0x18, seq: 1001, ack: 5001, text: 'PING\r\n' },
  { back: true, flags: 0x18, seq: 5001, ack: 1007, text: '+PONG\r\n' },
] as const;

/** How one device shows the exchange. */
interface View {
  readonly client: End;
  readonly server: End;
  readonly device?: string;
  /** Nanoseconds after the first view's requests, and after its answers. */
  readonly delay?: readonly [number, number];
  /** TTL of requests and of answers. */
  readonly ttl?: readonly [number, number];
  readonly hardware?: readonly [string, string];
  readonly way?: 'in' | 'out';
  /** Without the marks of the sender: no IP identification. */
  readonly bare?: boolean;
}

function see(view: View, turns: readonly (typeof TURNS)[number][] = TURNS): Shot[] {
  const { client, server, device = 'eth0', delay = [0, 0], ttl = [64, 64], way = 'in' } = view;
  const hardware = view.hardware ?? [HARDWARE.client, HARDWARE.host];
  return turns.map(({ back, flags, seq, ack, text }) => {
    const side = back ? 1 : 0;
    const index = TURNS.findIndex((turn) => turn.seq === seq && turn.flags === flags);
    return {
      time: STEP * (index + 1) + delay[side],
      device,
      way: back === (way === 'in') ? 'out' : 'in',
      hardware: hardware[side],
      bytes: ipPacket({
        protocol: 'tcp',
        flags,
        seq,
        ack,
        payload: Buffer.from(text),
        ttl: ttl[side],
        source: back ? server : client,
        destination: back ? client : server,
        id: view.bare ? 0 : 7000 + index + side * 2000,
      }),
    };
  });
}

const NEAR: View = { client: CLIENT, server: HOST, device: 'ext0', ttl: [64, 63] };
/** What a router makes of it: later on the way there, earlier on the way back, the TTL and the hardware to fit. */
const ROUTED: View = {
  client: CLIENT,
  server: BEHIND,
  device: 'docker0',
  ttl: [63, 64],
  way: 'out',
  delay: [5_000, -5_000],
  hardware: [HARDWARE.host, '02:42:ac:11:00:02'],
};
const PLAIN_WIRE: Form = { ...PLAIN, link: 'ethernet' };

async function read(views: readonly (readonly Shot[])[], form: Form = PLAIN_WIRE): Promise<Report> {
  const shots = views.flat().sort((a, b) => a.time - b.time);
  return analyse(await readTogether([writeCapture(shots, form)]));
}

const told = ({ connections }: Report): string[] =>
  connections.map(({ path, proof }) => `${path}/${proof}`).sort();
const NOTHING = ['unknown/inconclusive', 'unknown/inconclusive'];

test('a router in between is proof, at two devices or on one wire', async () => {
  assert.equal(told(await read([see(NEAR), see(ROUTED)], PLAIN)), ['dnat/proven']);
  assert.equal(told(await read([see(NEAR), see(ROUTED)])), ['dnat/proven']);
});

const COPIES: Readonly<Record<string, View>> = {
  'edited, at the same time': { client: CLIENT, server: { ...HOST, port: 8010 } },
  'edited, later': { client: CLIENT, server: BEHIND, delay: [700_000, 700_000] },
  'edited, with a lower TTL both ways': {
    client: CLIENT,
    server: BEHIND,
    delay: [700_000, 700_000],
    ttl: [63, 62],
  },
  'replayed, both ends others': {
    client: { address: '10.0.0.15', port: 59_898 },
    server: { address: '10.0.0.8', port: 21 },
    delay: [700_000, 700_000],
    ttl: [63, 62],
  },
  'replayed by the same machine, as if routed': { ...ROUTED, hardware: NEAR.hardware ?? ['', ''] },
  'behind a router, but earlier than before it': { ...ROUTED, delay: [-300_000, 300_000] },
};

for (const [name, view] of Object.entries(COPIES)) {
  test(`a copy is no NAT: ${name}`, async () => {
    const hardware = [HARDWARE.client, HARDWARE.host] as const;
    const copy = see({ ...view, device: 'ext0', way: 'in', hardware });
    assert.equal(told(await read([see(NEAR), copy])), NOTHING);
    assert.equal(told(await read([see(NEAR), copy], PLAIN)), NOTHING);
  });
}

test('a copy at another device, merged into the capture: no NAT whenever it was taken', async () => {
  for (const delay of [0, 3_000, 700_000, -3_000]) {
    const copy = see({ client: CLIENT, server: BEHIND, device: 'docker0', delay: [delay, delay] });
    const near = see({ ...NEAR, ttl: [64, 64] });
    assert.equal(
      told(await read([near, copy], { ...PLAIN, nanoseconds: true })),
      NOTHING,
      `${delay}`,
    );
  }
});

test('only requests, from one machine: in at one device and out at another proves it, two wires do not', async () => {
  const syn = TURNS.slice(0, 1);
  const views = [see(NEAR, syn), see(ROUTED, syn)];
  assert.equal(told(await read(views, PLAIN)), ['dnat/proven']);
  const undirected = await read(views);
  assert.equal(told(undirected), ['dnat/likely']);
  assert.match(undirected.connections[0]?.reason ?? '', /only one direction shows/);
});

test('a scan whose SYNs are all alike is no NAT, also where a router passes them on', async () => {
  const syn = TURNS.slice(0, 1);
  const targets = [11, 12, 13].map((last) => ({ address: `172.17.0.${last}`, port: 80 }));
  const shots = targets.flatMap((server, index) => {
    const delay = [index * 50_000, 0] as const;
    const near: View = { ...NEAR, server, delay };
    const far: View = { ...ROUTED, server, delay: [delay[0] + 5_000, 0] };
    return [see(near, syn), see(far, syn)];
  });
  for (const { path } of (await read(shots, PLAIN)).connections) assert.is.not(path, 'dnat');
});

test('without a mark of the sender it is likely', async () => {
  const report = await read([see({ ...NEAR, bare: true }), see({ ...ROUTED, bare: true })], PLAIN);
  assert.equal(told(report), ['dnat/likely']);
  assert.match(report.connections[0]?.reason ?? '', /neither IP identification nor timestamps/);
});

test('both ends changed: proven where the new source was dialled, else likely', async () => {
  const masqueraded = (address: string): View => ({
    ...ROUTED,
    client: { address, port: 61_000 },
  });
  const own = await read([see(NEAR), see(masqueraded(HOST.address))], PLAIN);
  assert.equal(told(own), ['dnat/proven']);
  const other = await read([see(NEAR), see(masqueraded('10.244.0.1'))], PLAIN);
  assert.equal(told(other), ['dnat/likely']);
  assert.match(other.connections[0]?.reason ?? '', /both ends changed/);
});

test('two files: a router between them is proof, a copy of another day or of the same is none', async () => {
  const file = (view: View, later = 0): Buffer =>
    writeCapture(
      see(view).map((shot) => ({ ...shot, time: shot.time + later })),
      PLAIN_WIRE,
    );
  const both = async (a: Buffer, b: Buffer): Promise<string[]> =>
    told(analyse(await readTogether([a, b])));
  const hour = 3600e9;
  assert.equal(await both(file(NEAR), file(ROUTED)), ['dnat/proven']);
  assert.equal(await both(file(NEAR), file(ROUTED, hour)), ['dnat/proven']);
  assert.equal(await both(file(NEAR), file(ROUTED, 30 * hour)), NOTHING);
  const copy: View = { client: CLIENT, server: BEHIND, ttl: [64, 63] };
  for (const later of [0, hour, 17_520 * hour]) {
    assert.equal(await both(file(NEAR), file(copy, later)), NOTHING, `${later}`);
  }
  const lower: View = { ...copy, ttl: [63, 62] };
  assert.equal(await both(file(NEAR), file(lower)), NOTHING);
});

/** What a copy of the packets behind the router shows, edited as it was made. */
const FORGED: View = { ...ROUTED, server: { address: '10.9.9.9', port: 80 }, device: 'copy0' };

async function readFiles(...files: (readonly Shot[])[]): Promise<string[]> {
  const captures = files.map((shots) =>
    writeCapture(
      [...shots].sort((a, b) => a.time - b.time),
      PLAIN,
    ),
  );
  const report = analyse(await readTogether(captures));
  return report.connections
    .filter(({ path }) => path === 'dnat')
    .map(({ proof, container }) => `${proof} to ${container?.address}`);
}

test('an edited copy beside the client is no NAT where another file has the original, whatever its clock says', async () => {
  const near = [...see(NEAR), ...see(FORGED)];
  // Nothing else there tells it from a rewriting.
  assert.equal(await readFiles(near), ['proven to 10.9.9.9']);
  const original = see(ROUTED);
  const hour = 3_600_000 * STEP;
  // Its times are all the same: its clock cannot be compared.
  const timeless = original.map((shot) => ({ ...shot, time: 0 }));
  assert.equal(await readFiles(near, timeless), []);
  assert.equal(
    await readFiles(
      near,
      timeless.map((shot) => ({ ...shot, time: 5 * hour })),
    ),
    [],
  );
  assert.equal(
    await readFiles(
      near,
      original.map((shot) => ({ ...shot, time: shot.time + hour })),
    ),
    [],
  );
  // Taken on another day it is another capture, and says nothing of this one.
  const otherDay = original.map((shot) => ({ ...shot, time: shot.time + 40 * hour }));
  assert.equal(await readFiles(near, otherDay), ['proven to 10.9.9.9']);
});

test('the true rewriting stays proven beside a file of the same packets whose clock is not known', async () => {
  const both = [...see(NEAR), ...see(ROUTED)];
  for (const view of [NEAR, ROUTED]) {
    const timeless = see(view).map((shot) => ({ ...shot, time: 0 }));
    assert.equal(await readFiles(both, timeless), ['proven to 172.17.0.2']);
  }
});

test('packets that another file shows unchanged behind the router were not rewritten there', async () => {
  const onward: View = { ...ROUTED, server: HOST };
  assert.equal(await readFiles([...see(NEAR), ...see(FORGED)], see(onward)), []);
  const timeless = see(onward).map((shot) => ({ ...shot, time: 0 }));
  assert.equal(await readFiles([...see(NEAR), ...see(FORGED)], timeless), []);
});

test('packets seen under both addresses where they came in were not rewritten behind that', async () => {
  const requests = TURNS.filter(({ back }) => !back);
  const straight: View = { ...NEAR, server: BEHIND };
  const copy: View = { ...NEAR, server: { address: '10.9.9.9', port: 80 }, delay: [3_000, 3_000] };
  assert.equal(await readFiles([...see(straight), ...see(ROUTED), ...see(copy, requests)]), []);
});

test('why edited copies are inconclusive is told', async () => {
  const report = await read([see(NEAR), see(ROUTED), see(FORGED)], PLAIN);
  assert.ok(report.connections.length > 0);
  for (const { reason } of report.connections) {
    assert.match(reason, /also seen under other addresses/);
  }
});

test.run();
