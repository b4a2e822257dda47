/** The types and tracepoints that bpftrace is shown make the same program as all those of this kernel. */
import { execa } from 'execa';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { pickTypes, readKernelTypes } from '../../src/capture/bpftrace/btf/program-types.js';
import { PROBE_FILES } from '../../src/capture/bpftrace/plan.js';
import { tracepointsOf } from '../../src/capture/bpftrace/probe-file.js';
import { assembleProgram } from '../../src/capture/bpftrace/program.js';
import { writeCommand } from '../../src/capture/bpftrace/start-command.js';
import { findLiveObstacle } from '../support/live.js';
import { suite } from '../support/suite.js';

const PROBES = fileURLToPath(new URL('../../../probes/', import.meta.url));

const test = suite('picked types and tracepoints');
test.skipUnless(findLiveObstacle());

const FILES = PROBE_FILES.filter(
  (name) => !name.startsWith('functions') && name !== 'nat-hooks.bt',
).map((name) => ({ name, text: readFileSync(PROBES + name, 'utf8') }));

/** What bpftrace compiles a program to; it is not attached. */
async function compile(
  program: string,
  { events, btf }: { readonly events: readonly string[] | null; readonly btf: string | null },
): Promise<string> {
  const help = await execa('bpftrace', ['--help'], { all: true, reject: false });
  const dry = help.all.includes('--dry-run') ? ['--dry-run', '-d', 'codegen-opt'] : ['-d'];
  const started = writeCommand({ bpftrace: 'bpftrace', tracefs: null, events }, dry);
  const [file = '', ...args] = started;
  const { exitCode, stdout, stderr } = await execa(file, args, {
    input: program,
    reject: false,
    env: { ...(btf !== null && { BPFTRACE_BTF: btf }) },
  });
  assert.is(exitCode, 0, stderr);
  return stdout;
}

test('they make the same program as all of them', async () => {
  const program = assembleProgram(FILES, {
    ports: [65_533, 65_534, 65_535],
    budget: 16,
    relays: [4711],
    owner: 4713,
    finalPort: 65_535,
    counting: { kind: 'keyed', cpus: 4 },
    mark: '5eed',
  });
  const types = await readKernelTypes();
  const picked = types && pickTypes(types, program);
  assert.ok(picked, 'this kernel describes its types');
  const folder = await mkdtemp(join(tmpdir(), 'trace-flow-types-'));
  try {
    const btf = join(folder, 'btf');
    await writeFile(btf, picked);
    const lean = await compile(program, { btf, events: FILES.flatMap(tracepointsOf) });
    const whole = await compile(program, { btf: null, events: null });
    assert.ok(whole.length > 100_000, 'bpftrace told what it made');
    // A struct without a name is called by the line that describes it.
    const strip = (text: string): string => text.replaceAll(/\.h:\d+:\d+/g, '');
    assert.ok(strip(lean) === strip(whole), 'both are the same');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a tracepoint that is not listed is not found: the list is what bpftrace goes by', async () => {
  const [hops] = FILES;
  const program = assembleProgram(hops ? [hops] : [], {
    ports: [65_535],
    budget: 16,
    relays: [],
    owner: 4713,
    finalPort: 65_535,
    counting: { kind: 'end' },
    mark: '5eed',
  });
  const points = hops ? tracepointsOf(hops) : [];
  await compile(program, { btf: null, events: points });
  const refused = await compile(program, { btf: null, events: ['net:none'] }).catch(() => null);
  assert.is(refused, null);
});

test.run();
