// Every path and every failure in the lab, once: no verdict is wrong, and each is as strong as this kernel allows.

import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { GROUPS } from './groups.js';
import { listProblems, runGroup } from './run.js';

const test = suite('matrix');
test.skipUnless(findLiveObstacle('busybox', 'socat'));

for (const group of GROUPS) {
  test(group.name, async () => {
    assert.equal(listProblems(await runGroup(group)), []);
  });
}

test.run();
