/** Bytes counted from the columns are those counted from events, for every leg of the samples and of random traffic. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { countBytes } from '../../src/correlate/bytes.js';
import { findCaptured } from '../../src/correlate/capture/connections.js';
import { countWireBytes } from '../../src/correlate/capture/wire-bytes.js';
import type { Trace } from '../../src/model/trace.js';
import { makeCapture } from '../bench/make-capture.js';
import { CAPTURES, readCapture, readTogether } from '../support/captures.js';
import { suite } from '../support/suite.js';
import { writeCapture } from '../support/wire-packets.js';
import { play } from '../support/wire-play.js';

const test = suite('bytes of captured legs');

const SEEDS = Number(process.env['TRACE_FLOW_WIRE_SEEDS'] ?? 300);

/** @returns how many legs were compared */
function compare(trace: Trace, name: string): number {
  const legs = findCaptured(trace).flatMap(({ captured, pairing }) =>
    pairing ? [captured.leg, pairing.upstream.leg] : [captured.leg],
  );
  for (const leg of legs) {
    const { address, port } = leg.client;
    assert.equal(countWireBytes(leg), countBytes(leg), `${name}: ${address}:${port}`);
  }
  return legs.length;
}

test('every sample', async () => {
  for (const [name, { files }] of Object.entries(CAPTURES)) {
    assert.ok(compare(await readCapture(files, []), name) > 0);
  }
});

test('random traffic, harmed at random', async () => {
  let legs = 0;
  for (let seed = 0; seed < SEEDS; seed++) {
    const { shots, form } = play(seed);
    if (shots.length === 0) continue;
    const trace = await readTogether([writeCapture(shots, form)], [6379, 6380]).catch(() => null);
    if (trace) legs += compare(trace, `seed ${seed}`);
  }
  assert.ok(legs > 3 * SEEDS, String(legs));
});

test('connections of which some packets were only counted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-bytes-'));
  const file = join(folder, 'long.pcap');
  try {
    makeCapture(file, { format: 'pcap', packets: 4_000, each: 40 });
    const trace = await readTogether([readFileSync(file)], []);
    const legs = findCaptured(trace).map(({ captured }) => captured.leg);
    assert.ok(legs.some(({ counted }) => counted !== null));
    assert.is(compare(trace, 'counted'), 100);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.run();
