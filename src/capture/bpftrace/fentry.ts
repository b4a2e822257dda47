/** Replaces kprobes by fentry in probe files: the kernel does not skip them while another probe runs, and bpftrace 0.17
 * attaches them sooner. */
import type { ProbeFile } from './probe-file.js';
import { isSince } from './version.js';

/** How bpftrace calls such a probe: `fentry` since 0.20, `kfunc` before. */
export type FentryWord = 'fentry' | 'kfunc';

const FENTRY_SINCE = [0, 20] as const;

/** The word for fentry that this bpftrace knows; `version` is what `bpftrace --version` prints. */
export function wordFor(version: string): FentryWord {
  return isSince(version, FENTRY_SINCE) ? 'fentry' : 'kfunc';
}

/**
 * The file with each kprobe as a fentry probe. Each function gets its own block, because fentry names arguments:
 * a line that reads `arg0` ends in a comment with the name, `// fentry: skb`. Throws RangeError when that is missing.
 */
export function useFentry(file: ProbeFile, word: FentryWord): ProbeFile {
  const text = file.text.replaceAll(
    /^((?:kprobe:\w+,?\n)+)(\{\n[\s\S]*?^\}\n)/gm,
    (_, heads: string, body: string) =>
      [...heads.matchAll(/kprobe:(\w+)/g)]
        .map(([, name = '']) => `${word}:${name}\n${nameArguments(body, name, file.name)}`)
        .join('\n'),
  );
  return { name: file.name, text };
}

function nameArguments(body: string, functionName: string, file: string): string {
  return body
    .split('\n')
    .map((line) => {
      const argument = /\/\/ fentry: (\w+)$/.exec(line)?.[1];
      if (argument === undefined && /\barg\d\b/.test(line)) {
        throw new RangeError(`${file}: an argument of ${functionName} has no name: ${line.trim()}`);
      }
      return line.replace(/\barg\d\b/, `args->${argument}`);
    })
    .join('\n')
    .replace(/, func\);$/m, `, "${functionName}");`);
}
