/** The demo and the package: what a newcomer runs first, and what npm installs. */
import { execa } from 'execa';
import { chmod, chown, cp, mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
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

/** Ids of nobody, who may do nothing here. */
const PLAIN = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs'];

test('the packed package installs into a path with spaces, and a plain user runs it', async () => {
  const { stdout: packed } = await execa(
    'npm',
    ['pack', '--ignore-scripts', '--json', '--pack-destination', folder],
    { cwd: ROOT },
  );
  const [{ filename = '' } = {}] = JSON.parse(packed) as { filename?: string }[];
  const prefix = join(folder, 'a prefix');
  const options = ['--no-fund', '--no-audit', '--prefix', prefix];
  await execa('npm', ['install', '--global', ...options, join(folder, filename)]);
  const command = join(prefix, 'bin/trace-flow');
  const own = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
  const { stdout: told } = await execa(command, ['--version']);
  assert.match(told, new RegExp(own.version.replaceAll('.', '\\.')));
  // Overrides do not reach who installs; what they change is in the package.
  const modules = join(prefix, 'lib/node_modules/trace-flow/node_modules');
  const jsdom = await readFile(join(modules, 'jsdom/package.json'), 'utf8');
  assert.is((JSON.parse(jsdom) as Manifest).version, own.overrides['d3-node']?.jsdom);
  const live = await execa(command, ['--port', '6379', '-d', '0.2'], { reject: false });
  assert.is(live.exitCode, 3, live.stderr);

  await chmod(folder, 0o755);
  const outputs = join(folder, 'of nobody');
  await mkdir(outputs);
  await chown(outputs, 65_534, 65_534);
  const run = async (...words: string[]): Promise<string> => {
    const line = [
      ...PLAIN,
      process.execPath,
      join(prefix, 'lib/node_modules/trace-flow/bin/run.js'),
    ];
    const { stdout } = await execa('setpriv', [...line, ...words], {
      env: { HOME: '/nonexistent' },
      cwd: outputs,
      reject: false,
    });
    return stdout;
  };
  const samples = join(outputs, 'samples');
  await cp(join(ROOT, 'samples'), samples, { recursive: true });
  const sample = join(samples, 'proxy-loopback.ndjson');
  const read = await run('read', sample, '--svg', 'one.svg', '--html', 'one.html');
  assert.match(read, /^8080: answered, through docker-proxy \(proven\)/);
  assert.match(await readFile(join(outputs, 'one.svg'), 'utf8'), /<\/svg>/);
  assert.match(await readFile(join(outputs, 'one.html'), 'utf8'), /<\/html>\n$/);
  const rules = join(samples, 'host/rules.iptables');
  assert.match(await run('explain', '--iptables', rules, '--port', '8080'), /8080/);
  assert.match(await run('doctor'), /cannot trace live/);
  // Who may have no lab sees a trace that was recorded earlier, which is in the package.
  assert.match(await run('demo'), /^8080: 20 connections answered, 10 by DNAT in PREROUTING/);
});

interface Manifest {
  readonly version: string;
  readonly overrides: Readonly<Record<string, { readonly jsdom: string } | undefined>>;
}

test.run();
