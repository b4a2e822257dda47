/** Worlds of live events with busy servers and missing events: no wrong verdict is proven. */
import * as assert from 'uvu/assert';
import { sameEndpoint } from '../../../src/model/address.js';
import { analyse } from '../../../src/prove/analyse.js';
import { suite } from '../../support/suite.js';
import { BEHIND, KINDS } from './servers.js';
import { makeLiveWorld, type LiveWorld, type Truth } from './world.js';

const test = suite('worlds of live events');

/** More by TRACE_FLOW_WORLDS=2000; 2,000 take half a minute on an idle machine. */
const COUNT = Number(process.env['TRACE_FLOW_WORLDS'] ?? 500);

interface Tally {
  seen: number;
  proven: number;
}

/** What is wrong with the report of a world, one line each. */
function findFaults({ trace, truths, clean }: LiveWorld, tally: Map<string, Tally>): string[] {
  const { connections } = analyse(trace, { hops: 1 });
  const faults: string[] = [];
  for (const { client, server, path, proof, reason, protocol } of connections) {
    // What a server asked a container of its own accord is a connection of its own.
    if (path === 'direct' && server && sameEndpoint(server, BEHIND)) continue;
    const truth = truths.find((one) => sameEndpoint(one.client, client));
    const told = `${truth?.kind ?? 'nobody'} ${protocol} ${client.port}: ${path}, ${proof}: ${reason}`;
    if (proof === 'proven' && !mayBeProven(truth, path)) faults.push(told);
  }
  for (const truth of truths) {
    const own = connections.filter(({ client }) => sameEndpoint(client, truth.client));
    if (!clean) continue;
    if (own.length !== 1)
      faults.push(`${truth.kind} ${truth.client.port}: listed ${own.length} times`);
    const count = tally.get(truth.kind) ?? { seen: 0, proven: 0 };
    tally.set(truth.kind, count);
    count.seen += 1;
    if (own[0]?.proof === 'proven') count.proven += 1;
    else if (truth.proven === 'always') {
      faults.push(`${truth.kind} ${truth.client.port}: only ${own[0]?.proof}: ${own[0]?.reason}`);
    }
  }
  return faults;
}

function mayBeProven(truth: Truth | undefined, path: string): boolean {
  if (!truth || truth.proven === 'never' || truth.did.size > 1) return false;
  // What was answered from a cache alone was answered by the host.
  const [did = truth.path] = truth.kind === 'caches' ? truth.did : [];
  return path === did;
}

test(`${COUNT} seeds: nothing proven is wrong, every client is listed, and what shows itself is proven`, () => {
  const tally = new Map<string, Tally>();
  for (let seed = 1; seed <= COUNT; seed++) {
    assert.equal(findFaults(makeLiveWorld(seed), tally), [], `seed ${seed}`);
  }
  for (const [kind, { proven }] of Object.entries(KINDS)) {
    const count = tally.get(kind);
    assert.ok(count && count.seen > COUNT / 100, `${kind}: seen ${count?.seen ?? 0} times`);
    if (proven === 'always')
      assert.ok(count.proven > count.seen / 3, `${kind}: ${count.proven} of ${count.seen}`);
  }
});

test.run();
