/** Makes the lab's one image from the machine's own programs and the libraries that they load. */
import { readFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { callEngine } from './api.js';
import { runChecked } from './enter.js';
import { writeTar, type TarEntry } from './tar.js';
import type { LabTools } from './tools.js';

/** The image of every container that the lab runs. */
export const IMAGE = 'trace-flow-lab:local';

/**
 * Takes the files from what `ldd` prints: `name => /path (address)` and `/loader (address)`.
 * A static program prints neither.
 */
export function parseLdd(text: string): { libraries: string[]; missing: string[] } {
  const libraries: string[] = [];
  const missing: string[] = [];
  for (const line of text.split('\n')) {
    const absent = /^\s*(\S+) => not found/.exec(line);
    const found = /(?:=> )?(\/\S+) \(0x[0-9a-f]+\)$/.exec(line);
    if (absent?.[1]) missing.push(absent[1]);
    else if (found?.[1]) libraries.push(found[1]);
  }
  return { libraries, missing };
}

/** Reads the programs and their libraries, which get the same paths in the image. */
export async function collectImage(tools: LabTools, signal?: AbortSignal): Promise<TarEntry[]> {
  const { busybox, socat, redisBenchmark } = tools.extras;
  const programs = new Map([
    ['usr/bin/redis-server', tools.redisServer],
    ['usr/bin/redis-cli', tools.redisCli],
  ]);
  if (redisBenchmark) programs.set('usr/bin/redis-benchmark', redisBenchmark);
  if (socat) programs.set('usr/bin/socat', socat);
  if (busybox) programs.set('bin/busybox', busybox);

  const files = await collectPrograms(programs, signal);
  const applets = busybox ? await listApplets(busybox, signal) : [];
  const links = applets
    .filter((name) => !programs.has(`usr/bin/${name}`))
    .map((name): TarEntry => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }));
  return [
    { kind: 'folder', path: 'tmp', mode: 0o1777 },
    { kind: 'folder', path: 'bin', mode: 0o755 },
    ...files,
    ...links,
  ];
}

/**
 * Reads programs and the libraries that they load.
 * @param programs path in the image, without a leading slash, to path on this machine
 */
export async function collectPrograms(
  programs: ReadonlyMap<string, string>,
  signal?: AbortSignal,
): Promise<TarEntry[]> {
  const libraries = new Set<string>();
  await Promise.all(
    [...programs.values()].map(async (program) => {
      const options = { allowFailure: true, signal }; // ldd fails for a static program
      for (const path of parseLdd((await runChecked(['ldd', program], options)).stdout).libraries) {
        libraries.add(path);
      }
    }),
  );
  const sources = [
    ...programs,
    ...[...libraries].sort().map((path): [string, string] => [path.slice(1), path]),
  ];
  const files = sources.map(async ([path, source]): Promise<TarEntry> => {
    return { kind: 'file', path, mode: 0o755, content: await readFile(source) };
  });
  return Promise.all(files);
}

async function listApplets(busybox: string, signal?: AbortSignal): Promise<string[]> {
  const { stdout } = await runChecked([busybox, '--list'], { signal });
  return stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
}

export async function importImage(
  socket: string,
  entries: readonly TarEntry[],
  signal?: AbortSignal,
): Promise<void> {
  const [repo = '', tag = ''] = IMAGE.split(':');
  const query = new URLSearchParams({ fromSrc: '-', repo, tag });
  query.append('changes', 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin');
  const answer = await callEngine(socket, {
    method: 'POST',
    path: `/images/create?${query.toString()}`,
    body: Readable.from(writeTar(entries)),
    signal,
  });
  // Failures while unpacking come with status 200, in the progress stream.
  if (answer.includes('"errorDetail"')) throw new Error(`docker import: ${answer.trim()}`);
}
