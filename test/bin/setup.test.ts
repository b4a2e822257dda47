/** The functions of bin/setup, each with fake commands and paths; they never touch this machine. */
import { execa } from 'execa';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { suite } from '../support/suite.js';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));

const test = suite<{ folder: string }>('bin/setup', { folder: '' });
test.before.each((context) => {
  context.folder = mkdtempSync(join(tmpdir(), 'trace-flow-setup-'));
});
test.after.each(({ folder }) => {
  rmSync(folder, { recursive: true });
});

test('every script parses', async () => {
  const parts = readdirSync(join(PROJECT, 'bin/setup.d')).filter((name) => name.endsWith('.sh'));
  const scripts = [
    'setup',
    'demo',
    'test',
    '../.ci/run',
    ...parts.map((name) => `setup.d/${name}`),
  ];
  for (const script of scripts) await execa('sh', ['-n', join(PROJECT, 'bin', script)]);
});

test('names each missing package once, and none when nothing is missing', async ({ folder }) => {
  const all = await runPart(folder, 'packages', 'has() { false; }\nlist_missing');
  assert.match(all, /^bpftrace busybox-static conntrack docker-cli docker\.io haproxy iproute2 /);
  assert.is(all.match(/redis-tools/g)?.length, 1);
  assert.is(await runPart(folder, 'packages', 'has() { true; }\nlist_missing'), '');
  const some = 'has() { [ "$1" != nft ] && [ "$1" != dockerd ]; }\nlist_missing';
  assert.is(await runPart(folder, 'packages', some), 'docker.io nftables');
});

test('denies services, and puts back what was there', async ({ folder }) => {
  const file = join(folder, 'policy');
  const moved = 'policy=$root/policy policy_aside=$root/aside\n';
  await runPart(folder, 'packages', `${moved}deny_services`);
  assert.match(readFileSync(file, 'utf8'), /exit 101/);
  assert.is((await execa(file, { reject: false })).exitCode, 101);
  await runPart(folder, 'packages', `${moved}restore_policy`);
  assert.equal(readdirSync(folder), []);

  writeFileSync(file, 'of the user');
  await runPart(folder, 'packages', `${moved}restore_policy`);
  assert.is(readFileSync(file, 'utf8'), 'of the user');
  await runPart(folder, 'packages', `${moved}deny_services\nrestore_policy\nrestore_policy`);
  assert.is(readFileSync(file, 'utf8'), 'of the user');
  assert.equal(readdirSync(folder), ['policy']);
});

test('installs nothing where it may not', async ({ folder }) => {
  const stubs =
    'is_linux_root() { true; }\nhas() { [ "$1" = apt-get ]; }\nrestore_policy() { :; }\n';
  const output = await runPart(
    folder,
    'packages',
    `${stubs}install_packages() { echo INSTALLED; }\nTRACE_FLOW_NO_INSTALL=1\nensure_packages`,
  );
  assert.match(output, /not installed here .*: bpftrace .*socat/);
  assert.not.match(output, /INSTALLED/);
});

test('takes the versions of Node that package.json asks for, and no others', async ({ folder }) => {
  const tried =
    'v20.20.2 v22.22.1 v22.22.2 v22.23.0 v23.11.0 v24.14.9 v24.15.0 v26.0.0-rc.1 v30.1.2 x';
  const script = `for one in ${tried}; do is_version_recent $one && printf '%s ' $one; done; :`;
  const said = await runPart(folder, 'node', script);
  assert.is(said.trim(), 'v22.22.2 v22.23.0 v24.15.0 v26.0.0-rc.1 v30.1.2');
  const { engines } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8')) as {
    engines: { node: string };
  };
  assert.is(engines.node, '^22.22.2 || ^24.15.0 || >=26.0.0');
});

test('replaces a private Node that has become too old', async ({ folder }) => {
  const stubs =
    'mkdir -p "$private_node/bin"\n' +
    'printf "#!/bin/sh\necho v20.20.2\n" >"$private_node/bin/node"\nchmod +x "$private_node/bin/node"\n' +
    'has() { true; }\nnode() { echo v20.19.2; }\nuname() { echo Linux; }\nis_linux_root() { false; }\n';
  const fetched = 'fetch_node() { echo FETCHED; node() { echo v24.22.3; }; }\nensure_node';
  assert.is(await runPart(folder, 'node', stubs + fetched), 'FETCHED');
});

test('builds only when a source is newer than the manifest', async ({ folder }) => {
  const stubs =
    'npm() { echo BUILT; }\ncd "$root"\nmkdir -p src test dist/src\ntouch package.json tsconfig.json\n';
  assert.match(await runPart(folder, 'project', `${stubs}ensure_build`), 'BUILT');
  const fresh = `${stubs}touch -d '1 minute' oclif.manifest.json\nensure_build`;
  assert.is(await runPart(folder, 'project', fresh), '');
  const stale = `${stubs}touch -d '2 minutes' src/x.ts\nensure_build`;
  assert.match(await runPart(folder, 'project', stale), 'BUILT');
});

test.run();

/** @returns what SCRIPT, run after sourcing one part of bin/setup, wrote to stdout and stderr. */
async function runPart(root: string, part: string, script: string): Promise<string> {
  const prelude = `set -eu\nroot='${root}'\nsay() { printf '%s\\n' "$*" >&2; }\n`;
  const source = `. '${PROJECT}bin/setup.d/${part}.sh'\n`;
  const { all } = await execa('sh', ['-c', prelude + source + script], { all: true });
  return all;
}
