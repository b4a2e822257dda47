/** The trace-flow of a host in the lab: passes on of its recording what a machine of its own would have recorded. */

import { execa } from 'execa';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TraceEvent } from '../../src/model/event.js';
import type { Topology } from '../../src/model/topology.js';
import { cutTopology, findOwn } from './own-part.js';

const RUN = fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

const child = execa(process.execPath, [RUN, ...process.argv.slice(2)], {
  stdin: 'inherit',
  stdout: 'pipe',
  stderr: 'inherit',
  buffer: false,
  reject: false,
});
process.stdout.on('error', () => child.stdout.destroy());

let isOwn: (event: TraceEvent) => boolean = () => true;
for await (const line of createInterface({ input: child.stdout })) {
  const kept = cut(line);
  if (kept !== null) process.stdout.write(`${kept}\n`);
}
process.exitCode = (await child).exitCode ?? 1;

function cut(line: string): string | null {
  const value = JSON.parse(line) as object;
  if ('kind' in value) return isOwn(value as TraceEvent) ? line : null;
  if ('topology' in value) return JSON.stringify(cutHeader(value as { topology: Topology }));
  if ('header' in value) {
    return JSON.stringify({ header: cutHeader(value.header as { topology: Topology }) });
  }
  return line;
}

function cutHeader<T extends { readonly topology: Topology }>(header: T): T {
  isOwn = findOwn(header.topology);
  return { ...header, topology: cutTopology(header.topology) };
}
