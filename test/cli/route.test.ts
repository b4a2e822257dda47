/** The root command: which words go to `trace`, which to oclif, and the answer to an unknown word. */
import { readFileSync } from 'node:fs';
import * as assert from 'uvu/assert';
import { findNearest } from '../../src/cli/nearest.js';
import { COMMANDS, routeArguments } from '../../src/cli/route.js';
import { splitTargets } from '../../src/cli/targets.js';
import { describeUnknown } from '../../src/cli/unknown-command.js';
import { suite } from '../support/suite.js';

const test = suite('route');

const ROUTES: [string, string][] = [
  ['', '--help'],
  ['--help', '--help'],
  ['-h', '-h'],
  ['--version', '--version'],
  ['-v', '-v'],
  ['help', '--help'],
  ['help read', 'read --help'],
  ['-p 6379', 'trace -p 6379'],
  ['--port 6379 --help', 'trace --port 6379 --help'],
  ['-- redis-cli ping', 'trace -- redis-cli ping'],
  ['trace --port 1', 'trace --port 1'],
  ['read a.pcap --json', 'read a.pcap --json'],
  ['6379', 'trace 6379'],
  ['redis --json', 'trace redis --json'],
  ['web-1 -- curl x', 'trace web-1 -- curl x'],
  ['redd --json', 'redd --json'],
  ['./dump --json', './dump --json'],
  ['dump.pcap', 'dump.pcap'],
];

for (const [from, to] of ROUTES) {
  test(`takes [${from}] as [${to}]`, () => {
    assert.equal(routeArguments(from.split(' ').filter(Boolean)), to.split(' '));
  });
}

test('leaves the arguments it was given alone', () => {
  const argv = Object.freeze(['--port', '1']);
  assert.equal(routeArguments(argv), ['trace', '--port', '1']);
});

test('finds the nearest name, and none for nonsense', () => {
  assert.is(findNearest('redd', COMMANDS), 'read');
  assert.is(findNearest('explian', COMMANDS), 'explain');
  assert.is(findNearest('doc', COMMANDS), 'doctor');
  assert.is(findNearest('zzzzzzz', COMMANDS), undefined);
  assert.is(findNearest('read', []), undefined);
});

test('answers an unknown command with what was probably meant', () => {
  const answer = (id: string): string => describeUnknown(id, 'trace-flow', COMMANDS);
  assert.match(answer('redd'), 'Error: redd is not a command of trace-flow.\nRemedy: Did you mean');
  assert.match(answer('dump.pcap'), '`trace-flow read dump.pcap`');
  assert.match(answer('redd'), '`trace-flow --container redd`');
  assert.match(answer('zzzzzzz'), 'Commands: demo, doctor, explain, read, trace.');
});

test('words without a flag are ports, or names of containers', () => {
  assert.equal(splitTargets(['6379', 'redis', '70000', '0'], { port: [80] }), {
    ports: [80, 6379],
    containers: ['redis', '70000', '0'],
  });
  assert.equal(splitTargets([], { container: ['web'] }), { ports: [], containers: ['web'] });
});

test('every command that is there can be routed to', () => {
  const manifest = JSON.parse(
    readFileSync(new URL('../../../oclif.manifest.json', import.meta.url), 'utf8'),
  ) as { commands: Record<string, unknown> };
  assert.equal(Object.keys(manifest.commands).sort(), [...COMMANDS].sort());
});

test.run();
