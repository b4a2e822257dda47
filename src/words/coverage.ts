/** Tells what the trace may have missed: warnings, and what speaks for it. */
import type { HostSeen } from '../model/hosts.js';
import type { Coverage, Report } from '../model/report.js';
import { formatDuration, plural } from './numbers.js';

/** Sentences on what may be missing and on what is known to be complete; `good` is empty where nothing is. */
export function writeCoverage({ coverage, source, verdict, findings = [], hosts = [] }: Report): {
  readonly warnings: string[];
  readonly good: string;
} {
  return {
    warnings: [
      // The headline already tells the verdict's remedy.
      ...findings.map(({ evidence, remedy }) =>
        remedy === verdict.remedy ? evidence : `${evidence}; ${remedy}`,
      ),
      ...findWarnings(coverage, source),
    ],
    good: [findGood(coverage), ...tellClocks(hosts)].filter((text) => text !== '').join('; '),
  };
}

/** Tells the known offset of each host's clock from the first host's. */
function tellClocks(hosts: readonly HostSeen[]): string[] {
  const [first, ...others] = hosts;
  return others.flatMap(({ name, clock: { offset, error } }) => {
    if (offset === null || error === null) return [];
    const way = offset < 0 ? 'behind' : 'ahead of';
    const [by, within] = [Math.abs(offset), error].map(formatDuration);
    return [
      `the clock of ${name} is ${by} ${way} that of ${first?.name ?? ''}, give or take ${within}`,
    ];
  });
}

function findWarnings(coverage: Coverage, source: Report['source']): string[] {
  const { lostEvents, skippedRuns, reduced, unparsedPackets, truncated, probes, sealed, notes } =
    coverage;
  const warnings: string[] = [];
  if (lostEvents > 0) warnings.push(`${plural(lostEvents, 'event')} lost`);
  if (skippedRuns !== undefined) {
    const runs = plural(skippedRuns, 'run');
    warnings.push(
      `the kernel skipped ${runs} of packet probes: packets may be missing, and bytes told too few`,
    );
  }
  if (reduced !== undefined) {
    const first = reduced.packets === 1 ? 'packet' : `${reduced.packets} packets`;
    warnings.push(
      `for ${formatDuration(reduced.duration)} connections came too fast to list every packet: only the first ${first} of each direction at each device, and every SYN, FIN and RST`,
    );
  }
  if (!sealed && source !== 'capture')
    warnings.push('not sealed: events may be missing at the start or the end');
  if (truncated) warnings.push('the input ends in the middle of a packet or line');
  if (unparsedPackets > 0) warnings.push(`${plural(unparsedPackets, 'packet')} not understood`);
  if (probes.missing.length > 0) warnings.push(`probes missing: ${probes.missing.join(', ')}`);
  return [...warnings, ...notes];
}

function findGood({ lostEvents, skippedRuns, sealed, probes, truncated }: Coverage): string {
  const good: string[] = [];
  if (sealed) good.push('sealed');
  if (lostEvents === 0 && skippedRuns === undefined && !truncated) good.push('no event lost');
  if (probes.attached.length > 0) good.push(`${plural(probes.attached.length, 'probe')} attached`);
  return good.join(', ');
}
