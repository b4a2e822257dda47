/** Reads devices and neighbours of many network namespaces with few forks. */
import { parseLinks, parseNamespaceIds, type DeviceLink } from './links.js';
import type { RunCommand, RunResult } from './command.js';
import type { OpenNamespace } from './namespaces.js';

/** What one namespace holds. */
export interface NamespaceReading {
  readonly links: readonly DeviceLink[];
  /** The numbers by which it knows other namespaces → their inode, null when that could not be found. */
  readonly ids: ReadonlyMap<number, number | null>;
  /**
   * Which namespaces `ids` can name: `all` that were opened; only `some`, by their names under /run/netns; or `none`,
   * because the kernel was not asked.
   */
  readonly named: 'all' | 'some' | 'none';
}

export interface NamespaceSurvey {
  readonly readings: Map<number, NamespaceReading>;
  /** Why something could not be read, as a phrase for people; empty when all was. */
  readonly problem: string;
  readonly failure: RunResult['failure'];
}

export interface SurveyOptions {
  /** Whether to ask what the numbers of neighbouring namespaces mean. */
  ids: boolean;
  /** Milliseconds. */
  timeout: number;
  signal?: AbortSignal | undefined;
}

/**
 * Prints devices, and with `ids` the neighbours' numbers, of each namespace whose path is on standard input.
 *
 * `ip netns list-id` names a namespace by the files under /run/netns. So this runs in its own mount namespace, in which
 * that folder holds one link per namespace ($@), named by file descriptor. The answer is exact for containers too, and
 * nobody else sees the folder. Each number is queried separately, because the whole list ends after 134 entries (seen
 * with iproute2 6.1 on Linux 6.18).
 */
const SCRIPT = String.raw`
ids=$1; shift
if [ "$ids" = ids ]; then
  run=$(readlink -f /var/run) && mount -t tmpfs trace-flow "$run" && mkdir "$run/netns" &&
  ln -s "$@" "$run/netns" && echo "@named"
fi
while read -r path; do
  echo "@links $path"
  devices=$(nsenter --net="$path" ip -j -d addr </dev/null)
  printf '%s\n' "$devices"
  [ "$ids" = ids ] || continue
  echo "@ids $path"
  printf '%s\n' "$devices" | tr ',{}' '\n\n\n' |
  sed -n 's/^"link_netnsid":\([0-9][0-9]*\)$/netns list-id nsid \1/p' | sort -u |
  nsenter --net="$path" ip -j -force -batch -
done
echo "@end"`;

/** Reads these namespaces; `all` are those that may be named as neighbours. */
export async function surveyNamespaces(
  run: RunCommand,
  wanted: readonly OpenNamespace[],
  all: readonly OpenNamespace[],
  options: SurveyOptions,
): Promise<NamespaceSurvey> {
  const { ids, timeout, signal } = options;
  const parameters = ids ? ['ids', ...all.map(({ handle }) => handle)] : ['links'];
  const results = await Promise.all(
    split(wanted, SHARDS).map((shard) => {
      const input = shard.map(({ handle }) => `${handle}\n`).join('');
      const script = ['-m', '--propagation', 'private', 'sh', '-c', SCRIPT, 'survey'];
      return run('unshare', [...script, ...parameters], { timeout, signal, input });
    }),
  );
  const readings = new Map<number, NamespaceReading>();
  const problems: string[] = [];
  for (const result of results) {
    const parsed = parseSurvey(result.stdout, all);
    for (const [inode, reading] of parsed.readings) readings.set(inode, reading);
    if (!result.ok) problems.push(result.message);
    else if (!parsed.complete) problems.push(lastLine(result.stderr));
  }
  const failure = results.find((result) => !result.ok)?.failure ?? null;
  return { readings, problem: problems[0] ?? '', failure };
}

/** Number of processes that read namespaces in parallel. */
const SHARDS = 4;

/** Reads what {@link SCRIPT} printed; a part that is cut off or not JSON counts as not read. */
export function parseSurvey(
  text: string,
  all: readonly OpenNamespace[],
): { readings: Map<number, NamespaceReading>; complete: boolean } {
  const byHandle = new Map(all.map((file) => [file.handle, file]));
  // When the private folder could not be made, the names are those of the machine's own /run/netns.
  const exact = /^@named$/m.test(text);
  const byName = new Map(all.map((file) => [exact ? String(file.fd) : file.name, file.inode]));
  const readings = new Map<number, NamespaceReading>();
  let complete = /^@end$/m.test(text);
  for (const part of text
    .replace(/^@end$/m, '')
    .split(/^@links /m)
    .slice(1)) {
    const [path = '', ...lines] = part.split('\n');
    const [devices = '', ids] = lines.join('\n').split(/^@ids .*$/m);
    const file = byHandle.get(path);
    try {
      if (!file) throw new SyntaxError('a namespace that was not asked for');
      const numbers = [...parseNamespaceIds(ids ?? '')].map(
        ([id, name]) => [id, name === null ? null : (byName.get(name) ?? null)] as const,
      );
      const named = ids === undefined ? 'none' : exact ? 'all' : 'some';
      readings.set(file.inode, { links: parseLinks(devices), ids: new Map(numbers), named });
    } catch {
      complete = false;
    }
  }
  return { readings, complete };
}

function split<T>(list: readonly T[], parts: number): T[][] {
  const size = Math.max(1, Math.ceil(list.length / parts));
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
