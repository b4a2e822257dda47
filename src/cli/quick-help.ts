/** Answers a plain call for help or the version from a file that the build wrote, without loading oclif. */
import { readFileSync, writeSync } from 'node:fs';
import { arch, platform } from 'node:process';

/** Written by bin/write-manifest.js: oclif's own help, 80 columns wide, by command; `''` is the program's. */
const WRITTEN = new URL('../help.json', import.meta.url);
const HELP = new Set(['--help', '-h']);
const VERSION = new Set(['--version', '-v']);
/** Stands for the version, because no command has this name. */
const ASKS_VERSION = '--version';

interface WrittenHelp {
  /** `trace-flow/0.2.0` */
  readonly version: string;
  /** Placeholder in the texts for version, system and Node. */
  readonly placeholder: string;
  readonly texts: Readonly<Record<string, string>>;
}

/** @returns the text for standard output; null where oclif has to answer itself. */
function findQuickHelp(argv: readonly string[], load: () => WrittenHelp): string | null {
  const topic = findTopic(argv);
  if (topic === null) return null;
  try {
    const { version, placeholder, texts } = load();
    const agent = `${version} ${platform}-${arch} node-${process.version}`;
    return topic === ASKS_VERSION
      ? `${agent}\n`
      : (texts[topic]?.replaceAll(placeholder, agent) ?? null);
  } catch {
    return null; // not built yet
  }
}

/** The topic that exactly these arguments ask for; null leaves the arguments to oclif. */
function findTopic(argv: readonly string[]): string | null {
  const [first = '', second = ''] = argv;
  if (argv.length === 0) return '';
  if (argv.length === 1) {
    if (VERSION.has(first)) return ASKS_VERSION;
    return HELP.has(first) || first === 'help' ? '' : null;
  }
  if (argv.length > 2) return null;
  if (first === 'help' && !second.startsWith('-')) return second;
  return HELP.has(second) && !first.startsWith('-') ? first : null;
}

/** Prints the text when nothing else is asked for; false when the program has to start. */
export function answerQuickly(argv: readonly string[]): boolean {
  const text = findQuickHelp(argv, () => JSON.parse(readFileSync(WRITTEN, 'utf8')) as WrittenHelp);
  if (text === null) return false;
  const bytes = Buffer.from(text);
  try {
    for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
  } catch {
    return false; // a full disk or a slow pipe: the usual way handles it
  }
  return true;
}
