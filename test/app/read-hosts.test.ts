/**
 * `read` on recordings of two hosts (samples/hosts): together one path over both, alone only each host's part, and
 * refusals.
 */

import { execa } from 'execa';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { nameHosts } from '../../src/app/read-hosts.js';
import { reportSchema, type Report } from '../../src/model/report.js';
import { layOut } from '../../src/render/layout/layout.js';
import { captureFile } from '../support/captures.js';
import { compareGolden } from '../support/golden.js';
import { suite } from '../support/suite.js';

const test = suite('read, several hosts');
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const [A = '', B = ''] = ['a', 'b'].map((name) => join(ROOT, `samples/hosts/${name}.ndjson`));

async function read(...args: string[]) {
  const command = [join(ROOT, 'bin/run.js'), 'read', ...args];
  const env = { NO_COLOR: '1', COLUMNS: '100' };
  return execa(process.execPath, command, { reject: false, stripFinalNewline: false, env });
}

async function readJson(...args: string[]): Promise<Report> {
  const { stdout } = await read(...args, '--json');
  return reportSchema.parse(JSON.parse(stdout));
}

test('the terminal and the picture show both hosts', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-hosts-'));
  const svg = join(folder, 'both.svg');
  const { stdout, exitCode } = await read(A, B, '--svg', svg, '--html', join(folder, 'both.html'));
  const picture = readFileSync(svg, 'utf8');
  rmSync(folder, { recursive: true });
  assert.is(exitCode, 0);
  assert.is(compareGolden('hosts/both.txt', stdout), null);
  assert.is(compareGolden('hosts/both.svg', picture), null);
});

test('each machine is a frame, and no time is told from one to the other', async () => {
  const [panel] = layOut(await readJson(A, B), { panels: 1 }).panels;
  assert.ok(panel);
  const { hosts, rows, lanes } = panel.ladder;
  assert.equal(
    hosts.map(({ name, from, to }) => [name, from, to]),
    [
      ['a', 0, 3],
      ['b', 4, lanes.length - 1],
    ],
  );
  const [dial] = rows.filter((row) => row.type === 'arrow');
  assert.is(dial?.took, null);
  assert.equal(
    dial?.stops.map(({ lane, since }) => [lane, since !== null]),
    [
      [1, false],
      [2, true],
      [3, true],
      [4, false],
      [5, true],
    ],
  );
  const [alone] = layOut(await readJson(A), { panels: 1 }).panels;
  assert.equal(alone?.ladder.hosts, []);
});

test('container to container is direct and proven over both, and inconclusive on each alone', async () => {
  const isOverlay = ({ server }: Report['connections'][number]): boolean =>
    server?.address === '10.0.1.2';
  const both = (await readJson(A, B)).connections.filter(isOverlay);
  assert.equal(
    both.map(({ path, proof, parts }) => [path, proof, ...(parts?.map(({ host }) => host) ?? [])]),
    [['direct', 'proven', 'a', 'b']],
  );
  for (const [file, way] of [
    [A, 'left this host through VXLAN 4097 (vxlan0)'],
    [B, 'came from another host through VXLAN 4097 (vxlan0)'],
  ] as const) {
    const [one, ...more] = (await readJson(file)).connections.filter(isOverlay);
    assert.is(more.length, 0);
    assert.is(one?.proof, 'inconclusive');
    assert.ok(one?.reason.includes(way), one?.reason);
  }
});

test('the order of the files changes the clock that all is set to, and nothing else', async () => {
  const [one, other] = [await readJson(A, B), await readJson(B, A)];
  const tell = ({ connections }: Report): string[] =>
    connections.map(({ client, path, proof, outcome }) =>
      [client.address, client.port, path, proof, outcome].join(' '),
    );
  assert.equal(tell(one), tell(other));
  const [first, second] = [one, other].map(({ hosts }) => hosts?.[1]?.clock);
  assert.ok(Math.abs((first?.offset ?? 9) + (second?.offset ?? 9)) <= 1);
  assert.is(first?.error, second?.error);
});

test('a recording that is cut off proves less, and says so', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'trace-flow-hosts-'));
  const cut = join(folder, 'b.ndjson');
  const text = readFileSync(B, 'utf8');
  writeFileSync(cut, text.slice(0, text.lastIndexOf('{"end"')));
  const report = await readJson(A, cut);
  rmSync(folder, { recursive: true });
  assert.is(report.coverage.sealed, false);
  assert.is(report.hosts?.[1]?.coverage.truncated, true);
  assert.ok(report.connections.length > 0);
  assert.ok(report.connections.every(({ proof }) => proof !== 'proven'));
});

test('what cannot be read together is refused with what to do', async () => {
  const twice = await read(A, A);
  assert.is(twice.exitCode, 2);
  assert.match(twice.stderr, /were recorded on one host/);
  const mixed = await read(captureFile('relay-loopback.pcap'), A);
  assert.is(mixed.exitCode, 2);
  assert.match(mixed.stderr, /relay-loopback\.pcap is a capture, and \S*a\.ndjson is a recording/);
  const foreign = await read(A, captureFile('relay-loopback.pcap'));
  assert.is(foreign.exitCode, 2);
  assert.match(
    foreign.stderr,
    /relay-loopback\.pcap is a capture, and \S*a\.ndjson is a recording/,
  );
  assert.match(foreign.stderr, /record that host too/);
});

test('pseudonyms are the same on both hosts, and hide the names of files', async () => {
  const report = await readJson(A, B, '--anonymize');
  const text = JSON.stringify(report);
  assert.not.match(text, /10\.0\.1\.|172\.18\.|"a"|redis-cli/);
  assert.is(report.connections.filter(({ parts }) => parts?.length === 2).length, 3);
});

test('hosts are called by their files', () => {
  const files = ['/tmp/a.tflow.gz', 'x/a.tflow', '-', 'b.ndjson'];
  assert.equal(nameHosts(files, false), ['a', 'a-2', 'host-3', 'b']);
  assert.equal(nameHosts(files, true), ['host-1', 'host-2', 'host-3', 'host-4']);
});

test.run();
