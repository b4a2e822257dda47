/** Reads this kernel's tracepoints and functions from tracefs, which need not be mounted. */
import { execa } from 'execa';
import { cleanEnvironment } from '../../model/environment.js';
import { explainAbsence, explainFailure } from './failure.js';
import { FORMATS_SCRIPT, parseFormats, type Formats } from './formats.js';

const CLEAN = {
  env: cleanEnvironment(process.env['PATH'], process.getuid?.() === 0),
  extendEnv: false,
} as const;

/**
 * Reads tracefs, and which of `functions` a kprobe can be set on. When tracefs is not mounted, a child mounts it in its
 * own mount namespace; `tracefs`, its folder, is null then. Throws UserError when neither can be done.
 */
export async function readTracefs(
  functions: readonly string[],
): Promise<{ formats: Formats; tracefs: string | null }> {
  for (const folder of ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']) {
    const result = await execa('sh', ['-c', FORMATS_SCRIPT, 'sh', folder, ...functions], {
      reject: false,
      ...CLEAN,
    });
    if (result.exitCode === 0) return { formats: parseFormats(result.stdout), tracefs: folder };
  }
  const mounted = `mount -t tracefs tracefs /sys/kernel/tracing && ${FORMATS_SCRIPT}`;
  const own = [
    '--mount',
    '--propagation',
    'private',
    'sh',
    '-c',
    mounted,
    'sh',
    '/sys/kernel/tracing',
    ...functions,
  ];
  const result = await execa('unshare', own, { reject: false, ...CLEAN });
  if (result.exitCode === undefined) throw explainAbsence('unshare');
  if (result.exitCode !== 0) throw explainFailure(`tracefs: ${result.stderr}`, 'was not started');
  return { formats: parseFormats(result.stdout), tracefs: null };
}
