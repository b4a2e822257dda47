/** Recordings that hosts streamed become the report that `read` makes of them, live. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { nameFile } from '../../../src/app/hosts/host-file.js';
import { joinHosts, type Joined } from '../../../src/app/hosts/join.js';
import { writeParameters } from '../../../src/app/hosts/parameters.js';
import { readHosts } from '../../../src/app/read-hosts.js';
import { DEFAULT_REQUEST } from '../../../src/app/trace-request.js';
import { openInput } from '../../../src/capture/file/input.js';
import { HostStream } from '../../../src/capture/ssh/host-stream.js';
import { suite } from '../../support/suite.js';

const test = suite('joined hosts');
const [A = '', B = ''] = ['a', 'b'].map((name) =>
  fileURLToPath(new URL(`../../../../samples/hosts/${name}.ndjson`, import.meta.url)),
);
const HOW = { hops: 64, anonymize: false };

async function join(
  scripts: Readonly<Record<string, string>>,
  how: typeof HOW = HOW,
): Promise<Joined> {
  const streams = Object.entries(scripts).map(([name, script]) => ({
    name,
    stream: new HostStream({ command: ['sh', '-c', script], onWarning: () => undefined }),
  }));
  await Promise.all(streams.map(({ stream }) => stream.ended));
  const joined = await joinHosts(streams, how);
  for (const { stream } of streams) stream.close();
  return joined;
}

test('two hosts: as read, but live', async () => {
  const { report } = await join({ a: `cat ${A}`, b: `cat ${B}` });
  const stop = new AbortController();
  const read = await readHosts({
    files: [A, B],
    open: async (name) => openInput(name, process.stdin, stop.signal),
    narrow: (header) => header,
    ...HOW,
  });
  assert.is(report.source, 'live');
  assert.equal({ ...report, source: 'recording' }, read.report);
});

test('one host: a report of its own', async () => {
  const { report } = await join({ b: `cat ${B}` });
  assert.is(report.hosts, undefined);
  assert.ok(report.connections.length > 0);
});

test('a host that was cut off is said to be, and nothing rests on it', async () => {
  const size = readFileSync(B).length;
  const { report } = await join({ a: `cat ${A}`, b: `head -c ${size - 300} ${B}` });
  const [a, b] = report.hosts ?? [];
  assert.equal([a?.coverage.truncated, b?.coverage.truncated], [false, true]);
  assert.ok(report.connections.every(({ proof }) => proof !== 'proven'));
});

test('a machine that is named twice counts once', async () => {
  const { report, same } = await join({ a: `cat ${A}`, b: `cat ${B}`, again: `cat ${A}` });
  assert.equal(same, [['a', 'again']]);
  assert.equal(
    report.hosts?.map(({ name }) => name),
    ['a', 'b'],
  );
});

test('pseudonyms hide the names of hosts too', async () => {
  const { report } = await join({ secret: `cat ${A}`, b: `cat ${B}` }, { ...HOW, anonymize: true });
  assert.not.match(JSON.stringify(report), /secret|10\.0\.1\./);
});

test('each host has a file of its own', () => {
  assert.is(nameFile('both.tflow', 'a'), 'both-a.tflow');
  assert.is(nameFile('/tmp/x.y/both.tflow.gz', 'fd00::1'), '/tmp/x.y/both-fd00__1.tflow.gz');
  assert.is(nameFile('both', '../a'), 'both-.._a');
  assert.is(nameFile('/tmp/.hidden', 'a'), '/tmp/.hidden-a');
});

test('hosts are told what concerns the trace, and nothing of the report', () => {
  const words = writeParameters({
    ...DEFAULT_REQUEST,
    query: { ports: [80, 443], containers: ['web'], protocol: 'tcp' },
    client: '192.0.2.1',
    netns: 'lab',
    duration: 3,
    connections: 5,
    command: ['true'],
    traceRules: true,
  });
  assert.equal(words.slice(0, 2), ['trace', '--lifeline']);
  for (const word of [
    ...['--port=80', '--port=443', '--container=web', '--protocol=tcp', '--client=192.0.2.1'],
    ...['--netns=lab', '--connections=5', '--trace-rules', '--record=-', '--quiet'],
  ]) {
    assert.ok(words.includes(word), word);
  }
  assert.not.ok(words.some((word) => /duration|true|json|svg/.test(word)));
});

test.run();
