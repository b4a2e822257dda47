/** Worlds of datagrams: each flow is reported once and correctly, also from a port that is used again. */
import * as assert from 'uvu/assert';
import type { Connection } from '../../../src/model/report.js';
import { analyse } from '../../../src/prove/analyse.js';
import { suite } from '../../support/suite.js';
import { DATAGRAMS, makeDatagramWorld, type DatagramWorld, type Flown } from './datagram-world.js';

const test = suite('worlds of datagrams');

/** More by TRACE_FLOW_WORLDS=2000. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 500);

interface Tally {
  seen: number;
  proven: number;
}

/** What is wrong with the report of a world, one line each. */
function findFaults({ trace, truths, harm }: DatagramWorld, tally: Map<string, Tally>): string[] {
  const { connections } = analyse(trace, { hops: 1 });
  const faults: string[] = [];
  for (const one of connections) {
    const truth = truths.find(({ port }) => port === one.client.port);
    if (one.proof === 'proven' && (!truth || truth.kind.proven === 'never' || !isSo(one, truth)))
      faults.push(`${truth?.name ?? 'nobody'}: ${tell(one)}`);
  }
  if (harm !== 'none') return faults;
  for (const port of new Set(truths.map((truth) => truth.port))) {
    const own = truths.filter((truth) => truth.port === port);
    const told = connections.filter(({ client }) => client.port === port);
    if (told.length !== own.length)
      faults.push(`${own.map(({ name }) => name).join()}: told ${told.map(tell).join(' | ')}`);
    for (const [index, { name, kind }] of own.entries()) {
      const one = told[index];
      const count = tally.get(name) ?? { seen: 0, proven: 0 };
      tally.set(name, count);
      count.seen += 1;
      if (one?.proof === 'proven') count.proven += 1;
      else if (kind.proven === 'always') faults.push(`${name}: only ${one && tell(one)}`);
      if (one && one.outcome !== kind.outcome) faults.push(`${name}: ${tell(one)}`);
    }
  }
  return faults;
}

function isSo({ path, outcome }: Connection, { kind }: Flown): boolean {
  return path === kind.path && outcome === kind.outcome;
}

function tell({ client, path, proof, outcome, reason }: Connection): string {
  return `${client.port} ${path} ${proof} ${outcome}: ${reason}`;
}

test(`${COUNT} seeds: flows of datagrams are told one by one, and none is proven that was not so`, () => {
  const tally = new Map<string, Tally>();
  for (let seed = 1; seed <= COUNT; seed++) {
    assert.equal(findFaults(makeDatagramWorld(seed), tally), [], `seed ${seed}`);
  }
  for (const name of Object.keys(DATAGRAMS)) {
    const count = tally.get(name);
    assert.ok(count && count.seen > COUNT / 100, `${name}: seen ${count?.seen ?? 0} times`);
    if (name === 'relay') assert.ok(count.proven > 0, 'relays are proven');
  }
});

test.run();
