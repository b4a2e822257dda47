/** Decides which command an argument list means, before oclif sees it: the root command is `trace`. */
import { findNearest } from './nearest.js';

/** Words that are commands. */
export const COMMANDS = ['demo', 'doctor', 'explain', 'read', 'trace'] as const;

const OCLIF_OWN = new Set(['--help', '-h', '--version', '-v']);

/**
 * `trace-flow --port 6379` is `trace-flow trace --port 6379`; so are `trace-flow 6379` and
 * `trace-flow redis`; nothing at all asks for help; `help read` is `read --help`.
 * @param argv the arguments after the program's name.
 */
export function routeArguments(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  if (first === undefined) return ['--help'];
  if (first === 'help') return [...rest, '--help'];
  if (OCLIF_OWN.has(first)) return [...argv];
  return first.startsWith('-') || isTarget(first) ? ['trace', ...argv] : [...argv];
}

/** A port or a container's name: no command, nothing that looks like a mistyped one, and no file. */
function isTarget(word: string): boolean {
  if (/^\d+$/.test(word)) return true;
  const name = /^[a-zA-Z0-9][a-zA-Z0-9_-]+$/.test(word);
  return name && findNearest(word, COMMANDS) === undefined;
}
