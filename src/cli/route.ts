// Decides which command an argument list means, before oclif sees it: the root command is `trace`.

const OCLIF_OWN = new Set(['--help', '-h', '--version', '-v']);

/**
 * `trace-flow --port 6379` is `trace-flow trace --port 6379`; nothing at all asks for help; `help read` is `read --help`.
 * @param argv the arguments after the program's name.
 */
export function routeArguments(argv: readonly string[]): string[] {
  const [first, ...rest] = argv;
  if (first === undefined) return ['--help'];
  if (first === 'help') return [...rest, '--help'];
  if (OCLIF_OWN.has(first) || !first.startsWith('-')) return [...argv];
  return ['trace', ...argv];
}
