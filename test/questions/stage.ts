/** The host that the questions are asked on: one engine, and containers that are each broken in one way. */

import { REDIS, type Lab, type LabContainer } from '../../src/lab/index.js';
import { SNAPPING } from '../matrix/failing.js';
import { Stage } from '../matrix/stage.js';

const SLEEP = ['sleep', '1000'];

/** Starts everything that stays as it is; what only one question needs is done and undone by it. */
export async function furnish(lab: Lab): Promise<Stage> {
  await lab.docker(['network', 'create', 'backend']);
  await lab.docker([
    'network',
    'create',
    '-d',
    'macvlan',
    '--subnet',
    '198.51.100.0/24',
    '-o',
    'parent=ext0',
    'lan',
  ]);
  const run = async (name: string, publish: string[], command = REDIS): Promise<LabContainer> =>
    lab.run({ name, command, publish });
  const containers = [
    await run('redis', ['8080:6379']),
    await run('app', [], SLEEP),
    await run('unpublished', [], [...REDIS, '--port', '7379']),
    await run('wrongport', ['8081:8000']),
    await run('inside', ['8082:6379'], [...REDIS, '--bind', '127.0.0.1']),
    await run('barred', ['8083:6379']),
    await run('local', ['127.0.0.1:8084:6379']),
    await run('v4only', ['0.0.0.0:8085:6379']),
    await run('crashing', ['8086:6379'], SNAPPING),
    await run('lost', ['8087:6379']),
    await run('frozen', ['8088:6379']),
    await lab.run({ name: 'db', command: REDIS, network: 'backend' }),
    await lab.run({
      name: 'onlan',
      command: REDIS,
      network: 'lan',
      extra: ['--ip', '198.51.100.77'],
    }),
    await lab.run({ name: 'hostnet', command: [...REDIS, '--port', '7000'], network: 'host' }),
  ];
  const stage = new Stage(lab, containers);
  await lab.exec(stage.container('lost'), ['ip', 'route', 'del', 'default']);
  await lab.docker(['pause', 'frozen']);
  return stage;
}
