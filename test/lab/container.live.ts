/**
 * trace-flow in a container: docs/container/Dockerfile is built and run on a real engine with the flags of its page.
 */

import { execa } from 'execa';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { collectPrograms } from '../../src/lab/image.js';
import { REDIS, up, type Lab } from '../../src/lab/index.js';
import { writeTar, type TarEntry } from '../../src/lab/tar.js';
import { reportSchema } from '../../src/model/report.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PAGE = join(ROOT, 'docs/container/README.md');
/** What Dockerfile looks for, and the shell's own tools. */
const PROGRAMS = [
  'bpftrace',
  'conntrack',
  'ip',
  'iptables-save',
  'iptables-legacy-save',
  'nft',
  'nsenter',
];
const MORE = [
  'mount',
  'ps',
  'setpriv',
  'unshare',
  'sh',
  'cat',
  'sed',
  'sort',
  'readlink',
  'ln',
  'timeout',
];
const BASE = 'trace-flow-base:local';

const test = suite('container image');
test.skipUnless(findLiveObstacle());

let lab: Lab;
let folder: string;

test.before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'trace-flow-container-'));
  lab = await up();
  await lab.run({ name: 'redis', command: REDIS, publish: ['8080:6379'] });
});

test.after(async () => {
  await lab.down();
  await rm(folder, { recursive: true, force: true });
});

/** A root of the machine's own programs: what a registry's image and Debian's packages bring elsewhere. */
async function importBase(): Promise<void> {
  const find = async (name: string): Promise<[string, string]> => {
    const { stdout } = await execa('sh', ['-c', 'command -v "$0"', name]);
    return [`usr/bin/${name}`, stdout];
  };
  const programs = new Map(await Promise.all([...PROGRAMS, ...MORE].map(find)));
  programs.set('usr/bin/node', process.execPath);
  const [modules] = (await execa('sh', ['-c', 'echo /usr/lib/*/xtables'])).stdout.split(' ');
  const extensions = await Promise.all(
    (await readdir(modules ?? '')).map(async (name): Promise<TarEntry> => {
      const path = join(modules ?? '', name);
      return { kind: 'file', path: path.slice(1), mode: 0o644, content: await readFile(path) };
    }),
  );
  const entries: TarEntry[] = [
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'folder', path: 'usr/local/bin', mode: 0o755 },
    { kind: 'link', path: 'bin', target: 'usr/bin' },
    ...(await collectPrograms(programs)),
    ...extensions,
  ];
  const file = join(folder, 'base.tar');
  await pipeline(Readable.from(writeTar(entries)), createWriteStream(file));
  await lab.docker(['import', file, BASE]);
}

/** The package as `npm pack` makes it, unpacked, with the modules that it needs; the page's commands ask a registry for them. */
async function unpack(): Promise<string> {
  const packed = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
  const { stdout } = await execa('npm', packed, { cwd: ROOT });
  await execa('tar', ['-xzf', join(folder, stdout.trim()), '-C', folder]);
  const context = join(folder, 'package');
  const listed = await execa('npm', ['ls', '--omit=dev', '--all', '--parseable'], {
    cwd: ROOT,
    reject: false, // it minds versions that package.json overrides
  });
  const modules = listed.stdout.split('\n').filter((path) => path.includes('/node_modules/'));
  for (const path of modules) {
    const target = join(context, path.slice(path.indexOf('/node_modules/')));
    await cp(path, target, { recursive: true, force: true });
  }
  return context;
}

/** The flags of `docker run` as the page has them, on the lab's socket. */
async function readFlags(): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8');
  const [, flags] = /^docker run --rm (.*?) trace-flow /ms.exec(page) ?? [];
  assert.ok(flags, 'the page has a command');
  const socket = lab.dockerHost.replace('unix://', '');
  return flags.replace('/var/run/docker.sock:', `${socket}:`).split(/[\s\\]+/);
}

test('the image is built, sees what doctor asks for, and traces both ways in', async () => {
  await importBase();
  const file = join(ROOT, 'docs/container/Dockerfile');
  const context = await unpack();
  await lab.docker([
    'build',
    '--build-arg',
    `BASE=${BASE}`,
    '-t',
    'trace-flow',
    '-f',
    file,
    context,
  ]);
  const run = ['run', '--rm', ...(await readFlags()), 'trace-flow'];

  const trace = async (address: string): Promise<string[]> => {
    const command = ['node', '-e', PING, address];
    const text = await lab.docker([...run, '8080', '--json', '--', ...command]);
    const report = reportSchema.parse(JSON.parse(text));
    assert.equal(report.places.map(({ role }) => role).sort(), ['container', 'host']);
    return report.connections.map(
      ({ path, proof, outcome, container, relay }) =>
        `${path} ${proof} ${outcome} ${container?.name ?? ''} ${relay?.command ?? ''}`,
    );
  };
  assert.equal(await trace('127.0.0.1'), ['docker-proxy proven answered redis docker-proxy']);
  assert.equal(await trace(lab.host.ipv4), ['dnat proven answered redis ']);
});

/** A client of Redis for a root that has none. */
const PING = `const s = require('net').connect(8080, process.argv[1]);
s.on('data', () => s.end()).write('PING\\r\\n');`;

test.run();
