/** Servers of the host that were once taken for relays: real traces of a web server with a database, echo and chat servers. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { parseRecording } from '../../src/capture/recording.js';
import { analyse } from '../../src/prove/analyse.js';
import type { Report } from '../../src/model/report.js';
import { suite } from '../support/suite.js';

const test = suite('servers of the host');

function read(name: string): Report {
  const file = fileURLToPath(new URL(`../../../test/prove/fixtures/${name}`, import.meta.url));
  return analyse(parseRecording(readFileSync(file, 'utf8'), name));
}

test('a web server that asks its database is no relay: the reason names where it dialled', () => {
  const { connections } = read('asks-its-database.ndjson');
  assert.equal(
    connections.map(({ path, proof }) => [path, proof]),
    [['host', 'likely']],
  );
  assert.match(connections[0]?.reason ?? '', /it also dialled 127\.0\.0\.1:19090/);
});

test('echo and chat servers are no relays between their clients, and every client is listed', () => {
  const { connections } = read('echo-and-chat.ndjson');
  assert.equal(
    connections.map(({ client, path, proof }) => [client.port, path, proof]),
    [45902, 44524, 56680, 40180, 48344, 54252, 53327].map((port) => [port, 'host', 'likely']),
  );
  // That recording does not tell what else they wrote.
  for (const { reason } of connections) assert.match(reason, /was not watched/);
});

test.run();
