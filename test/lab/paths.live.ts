/** The usual ways into a container and the usual failures in one trace: the verdicts are proven and right, told by how the traffic was sent. */
import * as assert from 'uvu/assert';
import { up, type Lab } from '../../src/lab/index.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';
import { connectionsTo, traceWhile } from '../support/tracing.js';
import {
  furnish,
  listFaults,
  listScenarios,
  SCENARIO_PORTS,
  send,
  type Scenario,
} from './scenarios.js';

const test = suite('paths');
test.skipUnless(findLiveObstacle());

let lab: Lab;
let scenarios: readonly Scenario[];

test.before(async () => {
  lab = await up();
  scenarios = listScenarios(await furnish(lab));
});

test.after(() => lab.down());

test('all at once', async () => {
  const { report } = await traceWhile(lab, SCENARIO_PORTS, async () => {
    await Promise.all(
      scenarios.map(async (scenario) => {
        const answer = await send(lab, scenario);
        if (scenario.outcome === 'answered') assert.is(answer, 'PONG', scenario.name);
      }),
    );
  });
  assert.ok(report.coverage.sealed, report.coverage.notes.join());
  for (const scenario of scenarios) {
    const { client, address, port, name } = scenario;
    const [one, ...more] = connectionsTo(report.connections, client, address, port);
    assert.ok(one, `${name}: not seen`);
    // redis-cli dials a second time when the first attempt is refused.
    if (scenario.outcome === 'answered') assert.is(more.length, 0, `${name}: seen once`);
    for (const each of [one, ...more]) {
      assert.equal(listFaults(scenario, each), [], `${name}: ${each.reason}`);
      assert.is(each.proof, 'proven', `${name}: proof, ${each.reason}`);
    }
  }
  const expected = scenarios.filter(({ outcome }) => outcome === 'answered').length;
  const answered = report.connections.filter(({ outcome }) => outcome === 'answered').length;
  assert.is(answered, expected, 'nothing else was taken for traffic');
});

test.run();
