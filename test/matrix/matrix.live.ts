/** Every path and every failure in the lab, once: no verdict is wrong, and each is as strong as this kernel allows. */
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';
import { findObstacle, GROUPS } from './groups.js';
import { listProblems, runGroup } from './run.js';

const test = suite('matrix');
test.skipUnless(findObstacle());

for (const group of GROUPS) {
  test(group.name, async () => {
    assert.equal(listProblems(await runGroup(group)), []);
  });
}

test.run();
