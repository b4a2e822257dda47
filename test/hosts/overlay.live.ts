/** A real swarm of two engines: what each host reports alone. */

import { writeFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { formatRecording } from '../../src/capture/recording.js';
import { REDIS, type LabContainer } from '../../src/lab/index.js';
import type { Connection } from '../../src/model/report.js';
import type { Trace } from '../../src/model/trace.js';
import { analyse } from '../../src/prove/analyse.js';
import { analyseHosts } from '../../src/prove/hosts/analyse-hosts.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { traceWhile } from '../support/tracing.js';
import { keepOwnPart } from './own-part.js';
import { runIdle, runRedis, upSwarm, type Swarm, type SwarmHost } from './swarm.js';

const test = suite('overlay');
test.skipUnless(findLiveObstacle());

const PORTS = [6379, 16379];
let swarm: Swarm;
let redis: LabContainer;
let client: LabContainer;

test.before(async () => {
  swarm = await upSwarm();
  redis = await runRedis(swarm.b, 'redis');
  client = await runIdle(swarm.a, 'client');
  await swarm.b.lab.run({ name: 'web', command: REDIS, publish: ['16379:6379'] });
});

test.after(() => swarm.down());

/** Traces both hosts at once, each by a trace of its own. */
async function traceBoth(traffic: () => Promise<unknown>): Promise<{ a: Trace; b: Trace }> {
  const traceOne = async ({ lab }: SwarmHost, within: () => Promise<void>): Promise<Trace> =>
    keepOwnPart((await traceWhile(lab, PORTS, within)).trace);
  let b: Trace | null = null;
  const a = await traceOne(swarm.a, async () => {
    b = await traceOne(swarm.b, async () => void (await traffic()));
  });
  if (b === null) throw new Error('the second trace was not made');
  return { a, b };
}

/** The places that the client's first bytes passed, without the numbers of devices. */
function listWay({ hops }: Connection): string[] {
  const first = hops.find(({ flow, bytes, journey }) => flow === 'request' && bytes > 0 && journey);
  return hops
    .filter(({ journey }) => journey?.id === first?.journey?.id)
    .map(({ namespace, interface: device, direction }) =>
      [namespace, device.replace(/\d+$/, ''), direction].join(' '),
    );
}

const SENT = ['client eth out', 'overlay-ov veth in', 'overlay-ov vxlan out', 'host wire out'];
const TAKEN = ['host wire in', 'overlay-ov vxlan in', 'overlay-ov veth out', 'redis eth in'];

test('container to container on another node: each host tells its part and no more', async () => {
  const { a, b } = await traceBoth(async () => {
    const { lab } = swarm.a;
    for (const [where, address, port] of [
      [client, redis.ipv4, 6379],
      [client, swarm.b.address, 16379],
      ['host', swarm.b.address, 16379],
    ] as const) {
      const ask = ['redis-cli', '-h', address, '-p', String(port), 'ping'];
      const { stdout } = await lab.exec(where, ask);
      assert.is(stdout, 'PONG\n');
    }
  });
  const keep = process.env['TRACE_FLOW_KEEP_RECORDINGS'];
  if (keep !== undefined) {
    writeFileSync(`${keep}/a.tflow`, formatRecording(a));
    writeFileSync(`${keep}/b.tflow`, formatRecording(b));
  }
  const way = [{ kind: 'vxlan', id: 4097, from: swarm.a.address, to: swarm.b.address }];
  const [sent] = analyse(a).connections.filter(({ server }) => server?.address === redis.ipv4);
  assert.ok(sent, 'the host of the client saw it');
  assert.is(sent.path, 'unknown');
  assert.match(sent.reason, /it left this host through VXLAN \d+ \(vxlan\d\)/);
  assert.is(sent.outcome, 'answered');
  assert.equal(sent.via, way);
  assert.equal(listWay(sent), SENT);
  const [taken] = analyse(b).connections.filter(({ server }) => server?.address === redis.ipv4);
  assert.ok(taken, 'the host of the server saw it');
  assert.is(taken.path, 'unknown');
  assert.match(taken.reason, /it came from another host through VXLAN \d+ \(vxlan\d\)/);
  assert.is(taken.container?.name, 'redis');
  assert.equal(taken.via, way);
  assert.equal(listWay(taken), TAKEN);
  const named = [
    { name: 'a', trace: a },
    { name: 'b', trace: b },
  ];
  const { report } = analyseHosts(named, { hops: null });
  const whole = report.connections.filter(({ server }) => server?.address === redis.ipv4);
  const told = whole.map(({ path, proof, outcome, via }) => ({ path, proof, outcome, via }));
  assert.equal(told, [{ path: 'direct', proof: 'proven', outcome: 'answered', via: way }]);
  for (const one of whole)
    assert.equal(listWay(one), [...SENT.map((at) => `a/${at}`), ...TAKEN.map((at) => `b/${at}`)]);
});

test.run();
