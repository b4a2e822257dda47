// The demo and the package: what a newcomer runs first, and what npm installs.

import { execa } from 'execa';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const RUN = join(ROOT, 'bin/run.js');

const test = suite('demo');
test.skipUnless(findLiveObstacle());

let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-demo-'));
});

test.after(async () => rm(folder, { recursive: true, force: true }));

/** Rows of the demo's table by client: path and outcome as told. */
function readTable(stdout: string): Map<string, string> {
  const rows = stdout
    .split('\n')
    .slice(4, 12)
    .map((line) => line.split(/ {2,}/));
  return new Map(
    rows.map(([client = '', , path = '', outcome = '', proof = '']) => [
      client,
      `${path} ${outcome} ${proof}`,
    ]),
  );
}

test('the demo proves every path on a real engine and leaves its pictures only', async () => {
  const out = join(folder, 'pictures');
  const { stdout, stderr } = await execa(process.execPath, [RUN, 'demo', '--out', out]);
  assert.match(stdout.split('\n')[0] ?? '', /8 of 8 clients proven/);
  assert.equal(Object.fromEntries(readTable(stdout)), {
    'from outside': 'dnat (PREROUTING) ✔ answered proven',
    'host to 127.0.0.1': 'docker-proxy ✔ answered proven',
    'host to own address': 'dnat (OUTPUT) ✔ answered proven',
    'host to ::1': 'docker-proxy ✔ answered proven',
    'container to gateway': 'docker-proxy ✔ answered proven',
    'container to itself': 'docker-proxy ✔ answered proven',
    'container to container': 'direct ✔ answered proven',
    'dropped by a firewall': 'dnat (PREROUTING) ✔ dropped proven',
  });
  assert.match(stderr, /removing the lab/);
  const pictures = await readdir(out);
  assert.is(pictures.length, 11);
  assert.ok(pictures.includes('map.svg'));
  assert.match(await readFile(join(out, 'report.html'), 'utf8'), /<\/html>\n$/);
  for (const picture of pictures.filter((name) => name.endsWith('.svg'))) {
    assert.match(await readFile(join(out, picture), 'utf8'), /<svg[^]*<\/svg>\s*$/, picture);
  }
  const labs = await readdir('/run/trace-flow/labs').catch(() => []);
  assert.not.ok(
    labs.some((lab) => stderr.includes(lab)),
    'no lab is left',
  );
});

test('the packed package installs globally and runs', async () => {
  const { stdout: packed } = await execa(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    { cwd: ROOT },
  );
  const [{ filename = '' } = {}] = JSON.parse(packed) as { filename?: string }[];
  const prefix = join(folder, 'prefix');
  await execa('npm', [
    'install',
    '--global',
    '--no-fund',
    '--no-audit',
    '--prefix',
    prefix,
    join(folder, filename),
  ]);
  const command = join(prefix, 'bin/trace-flow');
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
    version: string;
  };
  assert.match(
    (await execa(command, ['--version'])).stdout,
    new RegExp(version.replaceAll('.', '\\.')),
  );
  const sample = join(ROOT, 'samples/proxy-loopback.ndjson');
  const svg = join(folder, 'sample.svg');
  const html = join(folder, 'sample.html');
  const { stdout } = await execa(command, ['read', sample, '--svg', svg, '--html', html]);
  assert.match(stdout, /^8080: answered, through docker-proxy \(proven\)/);
  assert.match(await readFile(svg, 'utf8'), /<\/svg>/);
  assert.match(await readFile(html, 'utf8'), /<\/html>\n$/);
  const live = await execa(command, ['--port', '6379', '-d', '0.2'], { reject: false });
  assert.is(live.exitCode, 3, live.stderr);
});

test.run();
