/** Recordings and maps of earlier versions, named by day, are still read and give the same verdicts. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { explainHost } from '../../src/app/explain-host.js';
import { readMap } from '../../src/app/explain-topology.js';
import { parseRecording } from '../../src/capture/recording.js';
import { resolvePorts } from '../../src/model/target.js';
import { analyse } from '../../src/prove/analyse.js';
import { parseSaved } from '../../src/rules/read/iptables.js';
import { drawTrace } from '../fuzz/sinks.js';
import { suite } from '../support/suite.js';

const test = suite('earlier versions');
const read = (path: string): string =>
  readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

/** `path/proof/outcome` of every connection. */
const RECORDINGS: Readonly<Record<string, readonly string[]>> = {
  '2026-11-23-dnat-outside': ['dnat/proven/answered'],
  '2026-11-23-proxy-loopback': ['docker-proxy/proven/answered'],
  // What the process did beside it was not watched then.
  '2026-11-23-host': ['host/likely/answered'],
  '2026-11-24-nat-hooks': ['dnat/proven/answered', 'dnat/proven/answered'],
  '2026-11-24-relay-chain': ['relay/proven/answered'],
  '2026-11-24-no-neighbour': ['dnat/proven/dropped'],
  '2026-11-28-nat-hooks': ['dnat/proven/answered', 'dnat/proven/answered'],
  '2026-11-29-asks-database': ['host/likely/answered'],
  // Version 0.2.0: a checkpoint every second.
  '2026-11-30-checkpoints': Array.from({ length: 3 }, () => [
    'docker-proxy/proven/answered',
    'dnat/proven/answered',
  ]).flat(),
};

for (const [name, found] of Object.entries(RECORDINGS)) {
  test(`recording ${name}`, async () => {
    const trace = parseRecording(read(`test/versions/fixtures/${name}.ndjson`), name);
    assert.equal([trace.tail.truncated, trace.tail.sealed], [false, true]);
    const { connections } = analyse(trace);
    assert.equal(
      connections.map(({ path, proof, outcome }) => `${path}/${proof}/${outcome}`),
      found,
    );
    await drawTrace(trace, 0);
  });
}

test('map 2026-11-24-host: the same predictions with its rules', () => {
  const file = 'test/versions/fixtures/2026-11-24-host.explain.json';
  const { topology, settings, insides } = readMap(read(file), file);
  const rules = parseSaved(read('samples/host/rules.iptables'), 'rules');
  const reading = { topology, settings, insides, measured: true };
  const explanation = explainHost(
    { ...reading, rules: { rules, complete: true, problems: [] } },
    resolvePorts(topology, { ports: [6379] }),
  );
  const paths = new Map(
    explanation.predictions.map(({ vantage, to, path }) => [`${vantage} ${to}`, path]),
  );
  assert.is(paths.get('loopback 127.0.0.1:6379'), 'docker-proxy');
  assert.is(paths.get('outside 198.51.100.1:6379'), 'dnat');
  assert.ok(explanation.problems.some((text) => text.includes('does not hold routing rules')));
});

test('map 2026-11-24-captures: names for addresses, and the relays of both protocols', () => {
  const file = 'test/versions/fixtures/2026-11-24-captures.explain.json';
  const { topology } = readMap(read(file), file);
  assert.ok(topology.containers.some(({ name }) => name === 'redis'));
  assert.ok(topology.relays.some(({ protocol }) => protocol === 'udp'));
});

test.run();
