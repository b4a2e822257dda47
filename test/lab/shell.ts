/**
 * A lab by hand: starts one with a Redis, prints how to reach it, and takes it down on Ctrl-C.
 * node dist/test/lab/shell.js [--no-proxy] | --clean
 */
import { once } from 'node:events';
import { cleanStale, REDIS, up, type Lab } from '../../src/lab/index.js';

const interrupt = new AbortController();
const { signal } = interrupt;

async function main(): Promise<void> {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      interrupt.abort(new Error(name));
    });
  }
  if (process.argv.includes('--clean')) {
    for (const id of await cleanStale()) say(`removed ${id}`);
    return;
  }
  const lab = await up({
    signal,
    userlandProxy: !process.argv.includes('--no-proxy'),
    progress: say,
  });
  try {
    await show(lab);
    const alive = setInterval(() => undefined, 1 << 30);
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(alive);
  } finally {
    await lab.down();
  }
}

async function show(lab: Lab): Promise<void> {
  const redis = await lab.run({ name: 'redis', command: REDIS, publish: ['6380:6379'] }, signal);
  process.stdout.write(
    [
      `export DOCKER_HOST=${lab.dockerHost}`,
      `HOST=${lab.host.netns}      # nsenter --net=$HOST redis-cli -p 6380 ping`,
      `CLIENT=${lab.client.netns}    # nsenter --net=$CLIENT redis-cli -h ${lab.host.ipv4} -p 6380 ping`,
      `REDIS=${redis.netns}     # ${redis.ipv4}:6379`,
      '',
    ].join('\n'),
  );
  say(`up after ${performance.now().toFixed(0)} ms; Ctrl-C takes it down`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main().catch((error: unknown) => {
  process.exitCode = 1;
  say(String(error));
});
