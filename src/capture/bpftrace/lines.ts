/** Reads the lines that bpftrace prints: events (by the slices of their probes), losses, counters and messages. */
import type { Unnumbered } from '../../model/event.js';
import { FieldReader, type FieldReaderOptions } from './field-reader.js';
import type { LineCount } from './ledger.js';
import { areHex, hex, isHex, splitFields } from './line-fields.js';
import { LINES } from './probes/index.js';

/** The budget by which packets are listed since then. */
export interface ListingBudget {
  readonly since: number;
  readonly budget: number;
}

export type TracerLine =
  | { readonly kind: 'event'; readonly event: Unnumbered }
  /** BEGIN and END of the program, in nanoseconds of the kernel's clock. */
  | { readonly kind: 'begin' | 'end'; readonly clock: bigint }
  | { readonly kind: 'lost'; readonly count: number }
  /** How many lines the program has printed so far, see ledger.ts. */
  | { readonly kind: 'count'; readonly count: LineCount; readonly budget: ListingBudget | null }
  /** A map that is printed at the end: exact counts of the events that were not printed. */
  | {
      readonly kind: 'map';
      readonly map: string;
      readonly keys: readonly bigint[];
      readonly value: bigint;
    }
  /** A message of bpftrace itself, such as `Attaching 20 probes...`. */
  | { readonly kind: 'other'; readonly text: string };

export interface LineReader {
  read(line: string): TracerLine;
}

export interface LineReaderOptions extends FieldReaderOptions {
  /** The word behind the name of a task that ends such a line (see ProgramParameters). */
  readonly mark: string;
}

/** Most characters of a task's name. */
const NAME_LIMIT = 15;

/** A reader for one run of one program. */
export function createLineReader({ mark, ...options }: LineReaderOptions): LineReader {
  const fields = new FieldReader(options);
  const end = ` ${mark}`;
  /** A line that a newline in the name of a task has broken, as far as it has come. */
  let broken: string | null = null;
  return {
    read(line) {
      const text: string = broken === null ? line : `${broken}\n${line}`;
      broken = null;
      const event = readEvent(text, fields, end);
      if (event === 'broken') broken = text;
      else if (event !== null) return event;
      return (
        readMark(text, fields) ??
        readCount(text, fields) ??
        readLoss(text) ??
        readMap(text) ?? { kind: 'other', text: line }
      );
    },
  };
}

function readEvent(line: string, reader: FieldReader, end: string): TracerLine | 'broken' | null {
  const spec = LINES.get(line.slice(0, line.indexOf(' ')));
  if (spec === undefined) return null;
  const fields = splitFields(line, spec.named ? spec.fields[0] : undefined);
  if (!spec.fields.includes(fields.length)) return null;
  if (!areHex(fields, ...spec.numbers)) return null;
  if (spec.named) {
    const name = fields.pop() ?? '';
    if (!name.endsWith(end)) return name.length <= NAME_LIMIT + end.length ? 'broken' : null;
    fields.push(name.slice(0, -end.length));
  }
  const event = spec.read(fields, reader);
  return event && { kind: 'event', event };
}

function readMark(line: string, reader: FieldReader): TracerLine | null {
  const [, letter, time] = /^([BE]) ([0-9a-f]{1,16})$/.exec(line) ?? [];
  if (time === undefined) return null;
  const clock = BigInt(`0x${time}`);
  if (letter === 'B') reader.begin(clock);
  return { kind: letter === 'B' ? 'begin' : 'end', clock };
}

function readCount(line: string, reader: FieldReader): TracerLine | null {
  if (!line.startsWith('C ')) return null;
  const [, before, printed, after, budget, since, ...more] = line.split(' ');
  if (before === undefined || printed === undefined || after === undefined) return null;
  if (more.length > 0 || ![before, printed, after].every(isHex)) return null;
  const count = { before: reader.time(before), printed: hex(printed), after: reader.time(after) };
  if (budget === undefined || since === undefined) return { kind: 'count', count, budget: null };
  if (!isHex(budget) || !isHex(since)) return null;
  const at = since === '0' ? null : { since: reader.time(since), budget: hex(budget) };
  return { kind: 'count', count, budget: at };
}

/** Reads a loss: bpftrace prints it on stdout up to 0.23, and as a warning on stderr since. */
function readLoss(line: string): TracerLine | null {
  const lost = /^(?:WARNING: )?Lost (\d+) events?$/.exec(line);
  return lost && { kind: 'lost', count: Number(lost[1]) };
}

function readMap(line: string): TracerLine | null {
  const map = /^@(\w+)(?:\[(-?\d+(?:, ?-?\d+)*)\])?: (-?\d+)$/.exec(line);
  if (!map) return null;
  const keys = (map[2]?.split(',') ?? []).map((key) => BigInt.asUintN(64, BigInt(key.trim())));
  return { kind: 'map', map: map[1] ?? '', keys, value: BigInt(map[3] ?? '0') };
}
