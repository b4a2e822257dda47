/** Reads a host's namespace, those of its containers and, wave by wave, every namespace that veths connect to them. */
import type { Container, Device } from '../model/topology.js';
import type { RunCommand } from './command.js';
import { parseLinks } from './links.js';
import {
  closeNamespaces,
  openNamespaces,
  type NamespaceFile,
  type OpenNamespace,
} from './namespaces.js';
import { listUnresolved, pairDevices } from './pairs.js';
import { parseNamespaceLink, readLink } from './procfs.js';
import { surveyNamespaces, type NamespaceReading } from './survey.js';

export interface ConnectedInput {
  readonly run: RunCommand;
  readonly proc: string;
  readonly host: NamespaceFile;
  /** Every namespace of the machine; namespaces that are found later are added. */
  readonly files: Map<number, NamespaceFile>;
  /** Lists the namespaces of containers, which are read as well; called once the host was read. */
  readonly containers: () => Promise<readonly NamespaceFile[]>;
  /** Milliseconds for reading all of them. */
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
    const readings: Connected['readings'] = new Map(own ? [[input.host.inode, own] as const] : []);
    return { readings, problems: found.problems };
  } finally {
    closeNamespaces(open);
  }
}

async function readWaves(input: ConnectedInput, open: OpenNamespace[]): Promise<Connected> {
  const { run, host, files, signal, budget } = input;
  const deadline = performance.now() + budget;
  const readings = new Map<number, NamespaceReading>();
  const problems = new Set<string>();

  const read = async (wave: readonly number[], ids: boolean): Promise<void> => {
    const timeout = Math.ceil(deadline - performance.now());
    const inodes = new Set(wave);
    const wanted = open.filter(({ inode }) => inodes.has(inode));
    if (timeout <= 0) problems.add(describeBudget(budget));
    if (timeout <= 0 || wanted.length === 0) return;
    const survey = await surveyNamespaces(run, wanted, open, { ids, timeout, signal });
    signal?.throwIfAborted();
    for (const [inode, reading] of survey.readings) readings.set(inode, reading);
    if (survey.failure === 'timeout') problems.add(describeBudget(budget));
    else if (!readings.has(host.inode)) problems.add(describeFailure(survey.problem));
  };

  await read([host.inode], true);
  if (!readings.has(host.inode) && problems.size === 0) problems.add(describeFailure('denied'));
  const first = addFiles(await input.containers(), files, open);
  const tried = new Set([host.inode]);
  let wave = [...first, ...listNext(readings, files)].filter((inode) => !tried.has(inode));
  while (wave.length > 0) {
    for (const inode of wave) tried.add(inode);
    await read(wave, false);
    // Most have one veth, to a host that was already read; only the others need a second look.
    await read(listUnresolved(readings, pairDevices(readings)), true);
    wave = listNext(readings, files).filter((inode) => !tried.has(inode));
  }
  return { readings, problems: [...problems] };
}

/**
 * Namespaces that veths of those read so far lead to. When the kernel could not name one, every namespace of the
 * machine is a candidate.
 */
function listNext(
  readings: ReadonlyMap<number, NamespaceReading>,
  files: ReadonlyMap<number, NamespaceFile>,
): number[] {
  const devices = [...pairDevices(readings)];
  const guess = devices.some(
    ([inode, list]) =>
      readings.get(inode)?.named === 'some' &&
      list.some(({ kind, peerNamespace }) => kind === 'veth' && peerNamespace === null),
  );
  if (guess) return [...files.keys()];
  return [
    ...new Set(devices.flatMap(([, list]) => list.flatMap((device) => device.peerNamespace ?? []))),
  ];
}

/** Adds and opens namespaces that appeared after the list was made. */
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
    return { links: parseLinks(stdout), ids: new Map(), named: 'none' };
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
  if (/not permitted|denied/i.test(problem)) {
    return 'Other network namespaces could not be entered, so their devices have no names; run trace-flow as root.';
  }
  const remedy = /not installed|not found/.test(problem)
    ? 'install the packages iproute2 and util-linux'
    : 'check that `ip -j -d addr` and `unshare -m true` work';
  return `Network namespaces could not be read (${problem}); ${remedy}.`;
}

/** The host and the containers' namespaces, and what veths connect to them over any number of others; the host first. */
export function keepConnected(
  host: number,
  devices: ReadonlyMap<number, readonly Device[]>,
  containers: readonly Container[],
): number[] {
  const kept = new Set([host]);
  const follow = (): void => {
    for (const inode of kept) {
      for (const device of devices.get(inode) ?? []) {
        if (device.peerNamespace !== null) kept.add(device.peerNamespace);
      }
    }
  };
  follow();
  for (const { namespace } of containers) if (namespace !== null) kept.add(namespace);
  // An overlay's bridge stands in a namespace that no veth ties to the host.
  follow();
  return [...kept];
}
