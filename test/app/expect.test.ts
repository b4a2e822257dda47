/** `--expect` and the filters: what meets an expectation, and what never does. */
import * as assert from 'uvu/assert';
import { findUnmet } from '../../src/app/expect.js';
import { select } from '../../src/app/selection.js';
import { parseExpectation } from '../../src/model/expectation.js';
import type { Connection } from '../../src/model/report.js';
import type { Selection } from '../../src/model/selection.js';
import { connection, report } from '../render/fixtures/build.js';
import { suite } from '../support/suite.js';

const test = suite('app: expectations and filters');

const one = (given: Partial<Connection> = {}): Connection => connection({ hops: [], ...given });
const VERDICT = { path: 'dnat', proof: 'proven', reason: '' } as const;

function meets(text: string, ...connections: Connection[]): boolean {
  const expected = parseExpectation(text);
  if (expected === null) throw new Error(`${text} is no expectation`);
  return findUnmet(report(VERDICT, connections), expected) === null;
}

test('a path asks for an answer too, and dnat/any for the path alone', () => {
  const dropped = one({ outcome: 'dropped' });
  assert.ok(meets('dnat', one()));
  assert.not(meets('dnat', dropped));
  assert.not(meets('dnat', one(), dropped));
  assert.ok(meets('dnat/any', one(), dropped));
  assert.ok(meets('dnat/dropped', dropped));
  assert.not(meets('dnat/dropped', one()));
  assert.not(meets('dnat/any', one({ path: 'host' })));
});

test('an outcome asks for no path', () => {
  assert.ok(meets('refused', one({ outcome: 'refused', path: 'host' })));
  assert.not(meets('refused', one()));
  assert.ok(meets('any/answered', one(), one({ path: 'docker-proxy' })));
});

test('a relay may be docker-proxy, and docker-proxy is no unnamed relay', () => {
  assert.ok(meets('relay', one({ path: 'docker-proxy' })));
  assert.not(meets('docker-proxy', one({ path: 'relay' })));
});

test('what is inconclusive meets nothing', () => {
  for (const text of ['dnat', 'dnat/any', 'answered', 'any/any']) {
    assert.not(meets(text, one({ proof: 'inconclusive' })), text);
  }
});

test('nothing else is an expectation', () => {
  for (const text of [
    '',
    'any',
    'magic',
    'dnat/',
    '/answered',
    'dnat/answered/any',
    'answered/dnat',
  ]) {
    assert.is(parseExpectation(text), null, text);
  }
});

const ALL: Selection = { paths: [], outcomes: [], ids: [], slowest: null };
const timing = { start: null, connect: null, duration: null, relay: null };
const GIVEN = report(VERDICT, [
  one({ id: 1, timing: { ...timing, firstReply: 10 } }),
  one({ id: 2, path: 'docker-proxy', timing: { ...timing, firstReply: 30 } }),
  one({ id: 3, outcome: 'dropped', timing: { ...timing, firstReply: null } }),
  one({ id: 4, timing: { ...timing, firstReply: 20 } }),
]);
const idsOf = (selection: Partial<Selection>): number[] =>
  select(GIVEN, { ...ALL, ...selection }).connections.map(({ id }) => id);

test('filters narrow what is shown, and leave the verdict as it is', () => {
  assert.equal(idsOf({}), [1, 2, 3, 4]);
  assert.equal(idsOf({ paths: ['docker-proxy'] }), [2]);
  assert.equal(idsOf({ outcomes: ['dropped', 'refused'] }), [3]);
  assert.equal(idsOf({ ids: [4, 1] }), [1, 4]);
  assert.equal(idsOf({ slowest: 2 }), [2, 4]);
  assert.equal(idsOf({ slowest: 9 }), [1, 2, 4]);
  assert.equal(idsOf({ paths: ['dnat'], slowest: 1 }), [4]);
  assert.is(select(GIVEN, { ...ALL, paths: ['relay'] }).verdict, GIVEN.verdict);
});

test.run();
