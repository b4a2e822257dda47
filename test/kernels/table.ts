// The support table in docs/kernels.md: rows of the machines that ran are written anew, the others stay.

import type { Examined } from './examine.js';
import { countVerdicts } from './scenarios.js';

export interface Row {
  readonly machine: string;
  readonly examined: Examined;
}

const HEAD = [
  'machine',
  'kernel',
  'bpftrace',
  'Docker',
  'probes',
  'right',
  'inconclusive',
  'wrong',
];

const INTRODUCTION = `# Kernels

Written by \`npm run kernels\`, which boots Debian in virtual machines (software emulation) and traces every scenario of
the lab there: outside, loopback, own address, IPv6, containers, nothing listening, host network, firewall. How the
traffic was sent says what is true. *right* is the true path, outcome, hook, relay and bytes, proven. "here" is the
machine that ran it.
`;

/** The document's text. `before` is what it was, or empty. */
export function renderTable(rows: readonly Row[], before: string): string {
  const ran = new Set(rows.map(({ machine }) => machine));
  const kept = before
    .split('\n')
    .filter((line) => /^\| (?!machine|-)/.test(line))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
    .filter(([machine = '']) => !ran.has(machine));
  const fresh = rows.flatMap(({ machine, examined }) =>
    examined.profiles.map((result) => {
      const { kernel, bpftrace, docker } = examined;
      const count = (verdict: 'right' | 'inconclusive' | 'wrong'): string =>
        result.failure === null ? String(countVerdicts(result, verdict)) : '–';
      const used = result.coverage?.probes.profile ?? result.profile;
      const probes = result.failure === null ? used : `${result.profile}: no trace`;
      const right = result.failure === null ? `${count('right')} of ${result.judged.length}` : '–';
      return [
        machine,
        kernel,
        bpftrace,
        docker,
        probes,
        right,
        count('inconclusive'),
        count('wrong'),
      ];
    }),
  );
  const all = [...kept, ...fresh].sort((a, b) =>
    a.slice(0, 3).join().localeCompare(b.slice(0, 3).join()),
  );
  const widths = HEAD.map((_, column) =>
    Math.max(...[HEAD, ...all].map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  return [INTRODUCTION, line(HEAD), rule, ...all.map(line), ''].join('\n');
}
