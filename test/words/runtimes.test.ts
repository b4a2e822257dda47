/** Commands of the engine that runs a container: `docker` knows nothing of what Podman runs, nor root's Podman of a user's. */
import * as assert from 'uvu/assert';
import { writeCommand, writeLogs, writeLogsHint } from '../../src/words/runtimes.js';
import { suite } from '../support/suite.js';

const test = suite('commands of engines');

test('each engine has a tool of its own, and a user’s own engine is asked as that user', () => {
  assert.is(writeLogs('redis', {}), 'docker logs redis');
  assert.is(writeLogs('redis', { engine: 'podman' }), 'podman logs redis');
  assert.is(
    writeLogs('redis', { engine: 'podman', user: 1000 }),
    'podman logs redis, as user 1000',
  );
  assert.is(writeLogs('web', { engine: 'containerd' }), 'nerdctl logs web');
  assert.is(writeCommand('ps', { engine: 'cri-o' }), 'crictl ps');
});

test('a container of a pod of Kubernetes is asked for by its pod', () => {
  const command = 'kubectl logs -n shop cart-7d -c redis';
  assert.is(writeLogs('shop/cart-7d/redis', { engine: 'containerd' }), command);
  assert.is(writeLogs('shop/cart-7d/redis', { engine: 'cri-o' }), command);
});

test('no command where nobody knows the engine', () => {
  assert.is(writeLogs('redis', { engine: 'unknown' }), null);
  assert.is(writeLogsHint('redis', { engine: 'unknown' }), '');
  assert.is(writeLogsHint('redis', {}), ' (docker logs redis)');
});

test.run();
