// A few set-ups with fixed seeds: every prediction is tried with a real connection, and none goes otherwise.

import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { listEngines, makePlan } from './catalogue.js';
import { trySetup } from './try.js';

const test = suite('set-ups, live');
test.skipUnless(findLiveObstacle('docker-proxy', 'conntrack', 'bridge', 'sysctl', 'tc'));

const FIRST = 1;
const COUNT = 20;

const engines = listEngines();
let tried = 0;
let open = 0;

for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
  const plan = makePlan(seed, engines);
  const changes = plan.changes.map(({ name }) => name).join(' + ') || 'as it is';
  test(`${plan.engine.name}: ${changes}`, async () => {
    const { trials, problems } = await trySetup(plan);
    assert.equal(problems, []);
    assert.ok(trials.length >= 8, `${trials.length} predictions`);
    for (const { way, prediction, seen, right } of trials) {
      const told = `${way}: ${prediction.path} (${prediction.why}); seen ${JSON.stringify(seen)}`;
      assert.is.not(right, false, told);
      tried += 1;
      if (right === null) open += 1;
    }
  });
}

test('most are known', () => {
  assert.ok(open * 4 <= tried, `${open} of ${tried} are unknown`);
});

test.run();
