// A lab by hand: starts one, prints how to reach it, and takes it down on Ctrl-C.

import { once } from 'node:events';
import { cleanStale, REDIS, up } from '../../src/lab/index.js';

const interrupt = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    interrupt.abort(new Error(name));
  });
}

if (process.argv.includes('--clean')) {
  process.stdout.write(`${(await cleanStale()).join('\n')}\n`);
} else {
  const start = performance.now();
  const lab = await up({
    signal: interrupt.signal,
    userlandProxy: !process.argv.includes('--no-proxy'),
    progress: (line) => process.stderr.write(`${line}\n`),
  });
  const redis = await lab.run({
    name: 'redis',
    command: REDIS,
    publish: ['6380:6379'],
  });
  process.stderr.write(
    `up in ${((performance.now() - start) / 1000).toFixed(2)} s; Ctrl-C takes it down\n`,
  );
  process.stdout.write(
    [
      `export DOCKER_HOST=${lab.dockerHost}`,
      `HOST=${lab.host.netns}      # nsenter --net=$HOST redis-cli -p 6380 ping`,
      `CLIENT=${lab.client.netns}    # nsenter --net=$CLIENT redis-cli -h ${lab.host.ipv4} -p 6380 ping`,
      `REDIS=${redis.netns}     # ${redis.ipv4}:6379`,
      '',
    ].join('\n'),
  );
  const forever = setInterval(() => undefined, 1 << 30);
  if (!interrupt.signal.aborted) await once(interrupt.signal, 'abort');
  clearInterval(forever);
  await lab.down();
}
