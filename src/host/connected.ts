// Reads a host's namespace and, wave by wave, every namespace that veths connect to it, with the containers' own.

import type { Run } from './command.js';
import { parseLinks } from './links.js';
import {
  closeNamespaces,
  openNamespaces,
  type NamespaceFile,
  type OpenNamespace,
} from './namespaces.js';
import { hasUnknownNeighbour, listNeighbours } from './pairs.js';
import { parseNamespaceLink, readLink } from './procfs.js';
import { surveyNamespaces, type NamespaceReading } from './survey.js';

export interface ConnectedInput {
  readonly run: Run;
  readonly proc: string;
  readonly host: NamespaceFile;
  /** Every namespace of the machine; those that are found late are added. */
  readonly files: Map<number, NamespaceFile>;
  /** Namespaces of containers, read too, whenever they are known. */
  readonly containers: Promise<readonly NamespaceFile[]>;
  /** Milliseconds for all of them. */
  readonly budget: number;
  readonly signal: AbortSignal | undefined;
}

export interface Connected {
  readonly readings: ReadonlyMap<number, NamespaceReading>;
  readonly problems: readonly string[];
}

/** Throws only the signal's reason. */
export async function readConnected(input: ConnectedInput): Promise<Connected> {
  const open = openNamespaces(input.files.values());
  try {
    const found = await readWaves(input, open);
    if (found.readings.has(input.host.inode)) return found;
    const own = await readOwnNamespace(input);
    const readings = new Map(own ? [[input.host.inode, own] as const] : []);
    return { readings, problems: found.problems };
  } finally {
    closeNamespaces(open);
  }
}

async function readWaves(input: ConnectedInput, open: OpenNamespace[]): Promise<Connected> {
  const { run, host, signal, budget } = input;
  const deadline = performance.now() + budget;
  const readings = new Map<number, NamespaceReading>();
  const problems = new Set<string>();
  const tried = new Set<number>();
  let wave = new Set([host.inode]);
  while (wave.size > 0) {
    const timeout = Math.ceil(deadline - performance.now());
    if (timeout <= 0) {
      problems.add(describeBudget(budget));
      break;
    }
    for (const inode of wave) tried.add(inode);
    const wanted = open.filter(({ inode }) => wave.has(inode));
    const survey = await surveyNamespaces(run, wanted, open, { timeout, signal });
    signal?.throwIfAborted();
    for (const [inode, reading] of survey.readings) readings.set(inode, reading);
    if (survey.failure === 'timeout') problems.add(describeBudget(budget));
    else if (!readings.has(host.inode)) problems.add(describeFailure(survey.problem));
    const next = [...wave].flatMap((inode) => listNext(readings.get(inode), input.files));
    if (wave.has(host.inode)) next.push(...addFiles(await input.containers, input.files, open));
    wave = new Set(next.filter((inode) => !tried.has(inode)));
  }
  return { readings, problems: [...problems] };
}

/** Where a veth leads to a namespace that the kernel could not be asked to name, every namespace is a candidate. */
function listNext(
  reading: NamespaceReading | undefined,
  files: ReadonlyMap<number, NamespaceFile>,
): number[] {
  if (!reading) return [];
  const guess = !reading.exact && hasUnknownNeighbour(reading);
  return guess ? [...files.keys()] : listNeighbours(reading);
}

/** Adds and opens those that came up after the namespaces were listed. */
function addFiles(
  late: readonly NamespaceFile[],
  files: Map<number, NamespaceFile>,
  open: OpenNamespace[],
): number[] {
  const fresh = late.filter(({ inode }) => !files.has(inode));
  for (const file of fresh) files.set(file.inode, file);
  open.push(...openNamespaces(fresh));
  return late.map(({ inode }) => inode);
}

/** Without the right to enter namespaces, `ip` still shows the one that this process is in. */
async function readOwnNamespace(input: ConnectedInput): Promise<NamespaceReading | null> {
  const own = parseNamespaceLink(readLink(`${input.proc}/self/ns/net`) ?? '');
  if (own !== input.host.inode) return null;
  const { signal } = input;
  const { stdout } = await input.run('ip', ['-j', '-d', 'addr'], { timeout: 1_000, signal });
  try {
    return { links: parseLinks(stdout), ids: new Map(), exact: false };
  } catch {
    return null;
  }
}

function describeBudget(budget: number): string {
  return (
    `Not all network namespaces were read within ${budget} ms, so some containers and devices have no name here; ` +
    'try again when the machine is less busy.'
  );
}

function describeFailure(problem: string): string {
  const remedy = /not installed|not found/.test(problem)
    ? 'install the packages iproute2 and util-linux'
    : 'run trace-flow as root';
  return `Network namespaces could not be read (${problem}); ${remedy}.`;
}
