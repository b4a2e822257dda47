/** `explain` without root: it shows what it can read, names what it cannot read, and guesses nothing. */
import { execa } from 'execa';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { explanationSchema } from '../../src/model/explain.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

const test = suite('explain without root');
test.skipUnless(findLiveObstacle('setpriv', 'iptables-nft-save'));

async function explain(...more: string[]): Promise<string> {
  const drop = ['--reuid=65534', '--regid=65534', '--clear-groups'];
  const command = [...drop, process.execPath, RUN, 'explain', ...more];
  const env = { NO_COLOR: '1', HOME: '/nowhere', DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  const { stdout } = await execa('setpriv', command, { env });
  return stdout;
}

test('the port that something listens on is shown; rules and containers are said to be unknown', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    const document = explanationSchema.parse(
      JSON.parse(await explain('--port', String(port), '--json')),
    );
    assert.ok(document.host.devices.some(({ name }) => name === 'lo'));
    assert.ok(document.sockets.some(({ address }) => address === `127.0.0.1:${port}`));
    assert.ok(document.predictions.length > 0);
    assert.equal([...new Set(document.predictions.map(({ path }) => path))], ['unknown']);
    assert.equal([...new Set(document.predictions.map(({ rule }) => rule))], [null]);
    const problems = document.problems.join('\n');
    assert.match(problems, /iptables-nft-save shows could not be read: that needs root/);
    assert.match(problems, /Containers are unknown/);
    const told = await explain('--port', String(port));
    assert.match(told, /not known\n/);
    assert.match(told, /needs root/);
  } finally {
    server.close();
  }
});

test.run();
