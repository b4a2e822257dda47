/** Worlds of ends: each connection is reported as it ended, and missing events lower the proof. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../../src/model/report.js';
import { analyse } from '../../../src/prove/analyse.js';
import { suite } from '../../support/suite.js';
import { FATES } from './fates.js';
import { makeFateWorld, type Ended, type FateWorld } from './fate-world.js';

const test = suite('worlds of ends');

/** More by TRACE_FLOW_WORLDS=2000. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 500);

interface Tally {
  seen: number;
  proven: number;
}

/** What is wrong with the report of a world, one line each. */
function findFaults({ trace, truths, harm }: FateWorld, tally: Map<string, Tally>): string[] {
  const { connections } = analyse(trace, { hops: 1 });
  const faults: string[] = [];
  for (const one of connections) {
    const may = truths.filter(({ port }) => port === one.client.port);
    if (one.proof === 'proven' && !may.some((truth) => isSo(one, truth)))
      faults.push(`${may.map(({ name }) => name).join(' or ')}: ${tell(one)}`);
  }
  if (harm !== 'none') return faults;
  for (const port of new Set(truths.map((truth) => truth.port))) {
    // From one port, one after the other.
    const own = truths.filter((truth) => truth.port === port);
    const told = connections.filter(({ client }) => client.port === port);
    if (told.length !== own.length)
      faults.push(`${own.map(({ name }) => name).join()}: told ${told.map(tell).join(' | ')}`);
    for (const [index, truth] of own.entries()) {
      const one = told[index];
      const count = tally.get(truth.name) ?? { seen: 0, proven: 0 };
      tally.set(truth.name, count);
      count.seen += 1;
      if (one?.proof === 'proven') count.proven += 1;
      if (one && !isTold(one, truth)) faults.push(`${truth.name} ${port}: ${tell(one)}`);
    }
  }
  return faults;
}

function isSo({ path, outcome }: Connection, { fate }: Ended): boolean {
  return path === fate.path && outcome === fate.outcome;
}

/** In a trace that lacks nothing. */
function isTold(one: Connection, truth: Ended): boolean {
  const { fate } = truth;
  const { proof, path, outcome, end } = one;
  const ends = { ...end, ...fate.end };
  if (JSON.stringify(ends) !== JSON.stringify(end) || outcome !== fate.outcome) return false;
  return fate.proven ? isSo(one, truth) && proof === 'proven' : path === 'unknown';
}

function tell({ client, path, proof, outcome, end, reason }: Connection): string {
  return `${client.port} ${path} ${proof} ${outcome} ${JSON.stringify(end)}: ${reason}`;
}

test(`${COUNT} seeds: every end is told as it was, and none is proven that was not so`, () => {
  const tally = new Map<string, Tally>();
  for (let seed = 1; seed <= COUNT; seed++) {
    assert.equal(findFaults(makeFateWorld(seed), tally), [], `seed ${seed}`);
  }
  for (const name of Object.keys(FATES)) {
    const seen = tally.get(name)?.seen ?? 0;
    assert.ok(seen > COUNT / 100, `${name}: seen ${seen} times`);
  }
});

test.run();
