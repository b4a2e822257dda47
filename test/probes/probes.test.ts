/** The probe files as text: shared parts are identical, and headers are complete. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { createLineReader } from '../../src/capture/bpftrace/lines.js';
import { PROBES as SLICES } from '../../src/capture/bpftrace/probes/index.js';
import { suite } from '../support/suite.js';

const PROBES = fileURLToPath(new URL('../../../probes/', import.meta.url));
const FILES = readdirSync(PROBES).filter((name) => name.endsWith('.bt'));
/** Events that tell the headers of a packet. */
const OF_PACKETS = new Set(['packet', 'drop', 'function', 'nat', 'reset']);
const PACKET_FILES = SLICES.filter(({ lines }) =>
  lines.some(({ kind }) => OF_PACKETS.has(kind)),
).map(({ file }) => file);

const test = suite('probes');

function read(name: string): string {
  return readFileSync(PROBES + name, 'utf8');
}

function headerOf(name: string): string {
  return /^\/\*[\s\S]*?\*\/$/m.exec(read(name))?.[0] ?? '';
}

test('the decode block is the same in every packet program', () => {
  const [first = '', ...others] = PACKET_FILES.flatMap((name) => {
    const blocks = read(name).match(/^ *\/\/ decode: [\s\S]*?\/\/ end of decode$/gm) ?? [];
    assert.ok(blocks.length > 0, name);
    return blocks;
  });
  for (const block of others) assert.is(block, first);
  for (const name of FILES.filter((one) => !PACKET_FILES.includes(one)))
    assert.not.match(read(name), /decode:/, name);
});

test('incoming and outgoing hops differ in their direction and their tracepoint only', () => {
  const body = (name: string): string => /\/\/ end of decode[\s\S]*/.exec(read(name))?.[0] ?? '';
  const turned = body('hops-in.bt').replaceAll('P in', 'P out').replace('(1 << 8)', '(0 << 8)');
  assert.is(turned, body('hops-out.bt'));
  const tunnel = (name: string): string =>
    /\/\/ outer:[\s\S]*\/\/ end of outer\n.*\n/.exec(read(name))?.[0] ?? '';
  assert.match(tunnel('hops-in.bt'), /printf\("W in/);
  assert.is(tunnel('hops-in.bt').replace('W in', 'W out'), tunnel('hops-out.bt'));
});

test('every header says what it does, how to call it, what it needs and costs', () => {
  for (const name of FILES) {
    const header = headerOf(name);
    assert.ok(read(name).startsWith('#!/usr/bin/env bpftrace\n/*\n'), name);
    assert.ok(header.startsWith(`/*\n * ${name}  `), name);
    for (const part of [`USAGE: bpftrace ${name} `, 'Sample', 'Kernel: ', 'Cost: ']) {
      assert.ok(header.includes(`\n * ${part}`), `${name}: ${part}`);
    }
  }
});

test('the sample in every header is a line that the reader knows', () => {
  for (const name of FILES) {
    const [, sample = ''] = /\n \* Sample.*:\n((?: \* {3,}.*\n)+)/.exec(headerOf(name)) ?? [];
    const line = sample
      .replace(/^ \* +/gm, '')
      .replaceAll('\n', ' ')
      .trim();
    const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: '.' });
    assert.is(reader.read(line).kind, 'event', `${name}: ${line}`);
  }
});

test.run();
