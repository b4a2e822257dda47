// A live trace beside its prediction: they agree, and the counters of the rules are the second witness.

import { execa } from 'execa';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { foresee } from '../../src/app/beside.js';
import { REDIS, up } from '../../src/lab/index.js';
import { reportSchema } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const test = suite('beside, live');
test.skipUnless(findLiveObstacle());

const PROGRAM = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

test('through docker-proxy and by OUTPUT DNAT: predicted and observed alike', async () => {
  const lab = await up();
  try {
    await lab.run({ name: 'redis', command: REDIS, publish: ['6379:6379'] });
    const holder = lab.state.processes.find(({ role }) => role === 'host');
    const netns = `/proc/${String(holder?.pid)}/ns/net`;
    const dockerHost = lab.dockerHost;
    const compare = await foresee({ query: { ports: [6379] }, netns, dockerHost });
    const ping = (address: string): string => `redis-cli -h ${address} ping`;
    const script = `${ping('127.0.0.1')}; ${ping(lab.host.ipv4)}`;
    const traced = ['--port', '6379', '--netns', netns, '--json', '--', 'sh', '-c', script];
    const { stdout } = await execa('node', [PROGRAM, 'trace', ...traced], {
      env: { DOCKER_HOST: dockerHost },
    });
    const { predictions, findings, counted } = await compare(
      reportSchema.parse(JSON.parse(stdout)),
    );
    const paths = [...predictions.values()].map(({ to, path }) => `${to} ${path}`);
    assert.equal(
      paths.sort(),
      ['127.0.0.1:6379 docker-proxy', `${lab.host.ipv4}:6379 dnat`].sort(),
    );
    assert.equal(findings, []);
    assert.ok(
      counted.some((line) => /-j DNAT .* counted 1 packet$/.test(line)),
      counted.join('\n'),
    );
  } finally {
    await lab.down();
  }
});

test.run();
