/** Reads what a live trace starts from, beside the host's topology: probe files, the kernel's tracepoints, bpftrace's version. */
import { execa } from 'execa';
import { readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { cleanEnvironment, VERSION_PATIENCE } from '../../model/environment.js';
import { pickTypes, readKernelTypes } from './btf/program-types.js';
import { readCounting, type Counting } from './counting.js';
import type { Formats } from './formats.js';
import { PROBE_FILES } from './plan.js';
import { functionsOf, type ProbeFile } from './probe-file.js';
import { checkRoom } from './room.js';
import { RAW_WORDS } from './raw.js';
import { readTracefs } from './tracefs.js';
import { isSince } from './version.js';

export interface GroundOptions {
  /** Folder of the .bt files. */
  readonly probes: string;
  /** Path or name of bpftrace. */
  readonly bpftrace: string;
  /** Which probes to use: `auto`, the default, takes the deepest that the kernel and bpftrace offer. */
  readonly profile?: ProbeProfile;
}

export type ProbeProfile = 'auto' | 'tracepoint' | 'kprobe' | 'fentry';

export interface Ground {
  readonly files: readonly ProbeFile[];
  readonly formats: Formats;
  /** See readTracefs. */
  readonly tracefs: string | null;
  /** What `bpftrace --version` prints. */
  readonly version: string;
  readonly counting: Counting;
  /** The types of the kernel that the probes use; null where bpftrace is to read all of them. */
  readonly types: Buffer | null;
}

/** Throws UserError where a trace cannot start on this machine. */
export async function readGround({
  probes,
  bpftrace,
  profile = 'auto',
}: GroundOptions): Promise<Ground> {
  checkRoom();
  const asking = readVersion(bpftrace);
  const files = await readProbeFiles(probes);
  const functions = profile === 'tracepoint' ? [] : files.flatMap(functionsOf);
  const reading = readTracefs(functions);
  const picking = asking.then(async (text) => readTypes(text, files));
  const [read, version, types] = await Promise.all([reading, asking, picking]);
  return { ...read, files, version, counting: await readCounting(version, release()), types };
}

async function readProbeFiles(folder: string): Promise<ProbeFile[]> {
  return Promise.all(
    PROBE_FILES.map(async (name) => ({ name, text: await readFile(`${folder}/${name}`, 'utf8') })),
  );
}

/** A bpftrace that does not print its version fails with a better explanation when it starts. */
async function readVersion(bpftrace: string): Promise<string> {
  const { stdout } = await execa(bpftrace, ['--version'], {
    reject: false,
    stdin: 'ignore',
    timeout: VERSION_PATIENCE,
    env: cleanEnvironment(process.env['PATH'], process.getuid?.() === 0),
    extendEnv: false,
  });
  return stdout;
}

/** Later versions look for raw tracepoints among the kernel's own types, and read all of them soon enough. */
const PICKS_UNTIL = [0, 24] as const;

async function readTypes(version: string, files: readonly ProbeFile[]): Promise<Buffer | null> {
  if (isSince(version, PICKS_UNTIL)) return null;
  const words = [...files.map(({ text }) => text), RAW_WORDS].join('\n');
  const all = await readKernelTypes();
  return all && pickTypes(all, words);
}
