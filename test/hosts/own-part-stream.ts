/** The trace-flow of a host in the lab: passes on of its recording what a machine of its own would have recorded. */

import { execa } from 'execa';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TraceEvent } from '../../src/model/event.js';
import type { Topology } from '../../src/model/topology.js';
import { AHEAD_NAME } from './ahead.js';
import { cutTopology, findOwn } from './own-part.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

const child = execa(process.execPath, [RUN, ...process.argv.slice(2)], {
  stdin: 'inherit',
  stdout: 'pipe',
  stderr: 'inherit',
  buffer: false,
  reject: false,
});
// The trace itself meets the same: what it writes nobody reads.
process.stdout.on('error', () => process.exit(1));

let isOwn: (event: TraceEvent) => boolean = () => true;
for await (const line of createInterface({ input: child.stdout })) {
  const kept = cut(line);
  if (kept !== null) process.stdout.write(`${kept}\n`);
}
process.exitCode = (await child).exitCode ?? 1;

function cut(line: string): string | null {
  const value = JSON.parse(line) as object;
  if ('kind' in value) return isOwn(value as TraceEvent) ? line : null;
  if ('topology' in value) return JSON.stringify(cutHeader(value as Header));
  if ('header' in value) {
    return JSON.stringify({ header: cutHeader(value.header as Header) });
  }
  return line;
}

interface Header {
  readonly topology: Topology;
  readonly epoch: string;
}

function cutHeader(header: Header): Header {
  isOwn = findOwn(header.topology);
  const epoch = String(BigInt(header.epoch) + BigInt(process.env[AHEAD_NAME] ?? 0));
  return { ...header, epoch, topology: cutTopology(header.topology) };
}
