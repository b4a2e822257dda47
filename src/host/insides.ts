/** Reads the rules, routes and settings inside the network namespaces of containers. */
import type { Inside } from '../model/survey.js';
import type { RunCommand } from './command.js';
import { readRules } from './rules.js';
import { readSettings } from './settings.js';

/** A running container. */
export interface InsidePlace {
  readonly name: string;
  readonly namespace: number;
  readonly pid: number;
}

/** One command recognizes a namespace without rules; it exits with 127 when nft is missing. */
const LOOK = String.raw`nft list tables || exit 127
cat /proc/net/ip_tables_names /proc/net/ip6_tables_names 2>/dev/null; true`;

/** @returns by inode the namespaces that could be read, and a sentence for each problem. */
export async function readInsides(
  run: RunCommand,
  places: readonly InsidePlace[],
  signal?: AbortSignal,
): Promise<{ insides: Map<number, Inside>; problems: string[] }> {
  const insides = new Map<number, Inside>();
  const problems: string[] = [];
  await Promise.all(
    places.map(async ({ name, namespace, pid }) => {
      const path = `/proc/${pid}/ns/net`;
      const [settings, rules] = await Promise.all([
        readSettings(run, path, signal),
        readInnerRules(run, path, signal),
      ]);
      if (settings.routing == null) {
        problems.push(`The routes inside ${name} could not be read: they are taken for the usual.`);
        return;
      }
      for (const problem of rules.problems) problems.push(`Inside ${name}: ${problem}`);
      insides.set(namespace, { rules: rules.rules, complete: rules.complete, settings });
    }),
  );
  return { insides, problems };
}

async function readInnerRules(
  run: RunCommand,
  path: string,
  signal: AbortSignal | undefined,
): ReturnType<typeof readRules> {
  const { ok, stdout } = await run('nsenter', [`--net=${path}`, '--', 'sh', '-c', LOOK], {
    signal,
  });
  const empty = ok && stdout.trim() === '';
  if (empty) return { rules: { tables: [], notes: [] }, complete: true, problems: [] };
  return readRules({ run, path, signal });
}
