/** Whatever bpftrace prints, reading it never throws and never yields a number that is not one. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import { createLineReader } from '../../src/capture/bpftrace/lines.js';
import { readHopKey, readTotalKey } from '../../src/capture/bpftrace/map-keys.js';
import { LINES as KINDS } from '../../src/capture/bpftrace/probes/index.js';
import { suite } from '../support/suite.js';
import { BEGIN, LINES } from './samples.js';

const test = suite('lines: properties');

const letters = [...KINDS.keys(), 'B', 'E'];
const field = fc.oneof(
  fc.nat().map((value) => value.toString(16)),
  fc.string({ maxLength: 20 }),
  fc.constantFrom('', 'in', 'out', 'r', 'w', 'constructor', '__proto__', 'ffffffffffffffff', '-1'),
);
const arbitraryLine = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.oneof(fc.constantFrom(...letters), field), fc.array(field, { maxLength: 45 }))
    .map(([first, rest]) => [first, ...rest].join(' ')),
  fc
    .tuple(field, fc.array(field), field)
    .map(([map, keys, value]) => `@${map}[${keys.join(', ')}]: ${value}`),
);
/** A real line with one field replaced, one taken out, or cut anywhere. */
const mutatedLine = fc
  .tuple(fc.constantFrom(...Object.values(LINES)), fc.nat(45), field, fc.nat(3), fc.nat(300))
  .map(([line, at, replacement, kind, cut]) => {
    const fields = line.split(' ');
    if (kind === 0) return fields.with(at % fields.length, replacement).join(' ');
    if (kind === 1) return fields.toSpliced(at % fields.length, 1).join(' ');
    if (kind === 2) return fields.toSpliced(at % fields.length, 0, replacement).join(' ');
    return line.slice(0, cut);
  });

function checkNumbers(value: unknown, line: string): void {
  if (typeof value === 'number') assert.ok(Number.isFinite(value), line);
  else if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) checkNumbers(inner, line);
  }
}

test('no line throws', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof(arbitraryLine, mutatedLine), { maxLength: 10 }),
      fc.boolean(),
      fc.boolean(),
      (lines, littleEndian, begun) => {
        const reader = createLineReader({ dropReasons: new Map(), littleEndian, mark: '.' });
        if (begun) reader.read(BEGIN);
        for (const line of lines) {
          const result = reader.read(line);
          if (result.kind !== 'map') checkNumbers(result, line);
          else {
            readHopKey(result.keys, littleEndian);
            readTotalKey(result.map, result.keys);
          }
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test('a mutated line is that letter’s event or none', () => {
  fc.assert(
    fc.property(mutatedLine, (line) => {
      const reader = createLineReader({ dropReasons: new Map(), littleEndian: true, mark: '.' });
      const result = reader.read(line);
      if (result.kind === 'event') assert.is(result.event.kind, KINDS.get(line[0] ?? '')?.kind);
    }),
    { numRuns: 3000 },
  );
});

test.run();
