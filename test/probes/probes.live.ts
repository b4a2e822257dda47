/** Every probe file, and every way of joining them, compiles with the bpftrace of this machine. */
import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { PROBE_FILES } from '../../src/capture/bpftrace/plan.js';
import { assembleProgram } from '../../src/capture/bpftrace/program.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const PROBES = fileURLToPath(new URL('../../../probes/', import.meta.url));

const test = suite('probes on bpftrace');
test.skipUnless(findLiveObstacle());

/** Compiles without attaching, with tracefs mounted where only this child sees it. */
async function compile(args: readonly string[], input = ''): Promise<void> {
  const help = await execa('bpftrace', ['--help'], { all: true, reject: false });
  const dry = help.all.includes('--dry-run') ? '--dry-run' : '-d';
  const script = 'mount -t tracefs tracefs /sys/kernel/tracing; exec bpftrace "$@"';
  const own = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', dry, ...args];
  const { exitCode, stderr } = await execa('unshare', own, { input, reject: false });
  assert.is(exitCode, 0, stderr);
  assert.not.match(stderr, /^ERROR: (?!.*RLIMIT_MEMLOCK)/m);
}

for (const name of PROBE_FILES) {
  test(`${name} alone, with the parameters of its header`, async () => {
    const text = readFileSync(PROBES + name, 'utf8');
    const [, example = ''] = /USAGE: .* e\.g\. ([\d ]+)\n/.exec(text) ?? [];
    assert.ok(example, 'an example of its parameters');
    await compile([PROBES + name, ...example.split(' ')]);
  });
}

for (const copying of [false, true]) {
  for (const count of [1, 8, 40]) {
    test(`joined, ${count} ports, ${copying ? 'with' : 'without'} relay-copy.bt`, async () => {
      const names = PROBE_FILES.filter((name) => copying || name !== 'relay-copy.bt');
      const files = names.map((name) => ({ name, text: readFileSync(PROBES + name, 'utf8') }));
      const ports = Array.from({ length: count }, (_, at) => 65_535 - at);
      const parameters = {
        ports,
        budget: 16,
        relays: [4711, 4712],
        owner: 4713,
        finalPort: 65_535,
        counting: { kind: 'keyed', cpus: 4 } as const,
        mark: '5eed',
      };
      await compile(['-'], assembleProgram(files, parameters));
    });
  }
}

test.run();
