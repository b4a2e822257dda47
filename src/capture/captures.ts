/** Turns capture files into one trace: reads them in bounded memory, aligns clocks and sorts the packets by time. */
import { basename } from 'node:path';
import type { CaptureFacts, CaptureWitness, ClockShift } from '../model/conversation.js';
import { UserError } from '../model/errors.js';
import { CAPTURE_PLACE, CapturedPacket } from '../model/captured-packet.js';
import type { TraceEvent } from '../model/event.js';
import { PacketTable } from '../model/packet-table.js';
import type { Device, Topology } from '../model/topology.js';
import type { Trace, TraceHeader, TraceTail } from '../model/trace.js';
import { countUnparsed, listNotes, tellUnset, type Finished } from './capture-notes.js';
import { Budget } from './conversations/budget.js';
import { Collector, type Reading } from './conversations/collector.js';
import { MAX_CONVERSATIONS } from './conversations/table.js';
import { listEvents, numberEvents, numberPackets, orderRows } from './conversations/order.js';
import { MAX_FRAMES } from './conversations/time-order.js';
import { BytePool } from './conversations/pool.js';
import { estimateSkew } from './conversations/skew.js';
import type { CaptureInput } from './file/input.js';
import { isPcap, PcapReader } from './file/pcap.js';
import { isPcapng, PcapngReader } from './file/pcapng.js';
import type { ChunkReader, FrameSink, ReadEnd } from './file/sink.js';

/** Nanoseconds of clock skew below which no note is written: packets take that long to travel as well. */
const WORTH_TELLING = 1_000_000;

export function isCapture(start: Buffer): boolean {
  return isPcap(start) || isPcapng(start);
}

/** The part of a capture that is held in memory while the file is being read. */
export interface CapturePiece {
  readonly header: TraceHeader;
  readonly capture: CaptureFacts;
  /** Nanoseconds since the epoch; all packets before this time have arrived. */
  readonly horizon: number;
}

/** Looks at what was read so far. @returns the numbers of the conversations that may be released */
export type LookAtPiece = (piece: CapturePiece) => ReadonlySet<number>;

/** Packets between two looks; when more packets are held, that many instead. */
const PIECE = 30_000;
/** With fewer open conversations than this, the pause between two looks may grow, up to LONGEST times. */
const FEW_OPEN = 5_000;
const LONGEST = 8;
/** Nanoseconds by which a packet may come after later ones. */
const LAG = 200_000_000;

export interface ReadingOptions {
  /** More than one file: devices are named with their file's name. */
  readonly several: boolean;
  /** The program that the trace is of. */
  readonly program: string;
  /** Called repeatedly while a file is read. Without it, everything is kept until the end. */
  readonly look?: LookAtPiece;
  /** Reading ends at a packet that is so late that packets of its time were already released. */
  readonly endsWhenLate?: boolean;
  /** For tests: packets between two looks, and the number of frames that are sorted by time first. */
  readonly piece?: number;
  readonly ordered?: number;
}

/** Reads files one by one, then makes the trace. */
export class CaptureReading {
  readonly #options: ReadingOptions;
  readonly #reading: Reading;
  readonly #files: Finished[] = [];
  #nextLook: number;
  /** Packets from one look to the next. */
  #pause: number;
  #nextEvent = 1;

  constructor(options: ReadingOptions) {
    const { several } = options;
    this.#options = options;
    this.#pause = options.piece ?? PIECE;
    this.#nextLook = this.#pause;
    this.#reading = {
      budget: new Budget(),
      packets: new PacketTable(),
      pool: new BytePool(),
      nextId: 1,
      held: 0,
      ordered: options.ordered ?? MAX_FRAMES,
      horizon: -Infinity,
      epoch: null,
      devices: [],
      several,
      seen: 0,
    };
  }

  get packets(): number {
    return this.#reading.seen;
  }

  /** Packets that were so late that packets of their time had already been released. */
  get late(): number {
    return sum(this.#files.map(({ collector }) => collector.late));
  }

  /** Reads one file, a damaged one as far as possible. Throws UserError when no packet of it can be read. */
  async readFile(
    name: string,
    input: CaptureInput,
    onBytes: (bytes: number) => void,
  ): Promise<void> {
    const label = basename(name).replace(/(\.(pcapng|pcap|cap|gz))+$/, '');
    const collector = new Collector(this.#files.length, label, this.#reading);
    const reader = chooseReader(name, input.start, collector);
    for await (const chunk of input.chunks) {
      onBytes(chunk.length);
      if (!reader.push(chunk)) break;
      if (collector.late > 0 && this.#options.endsWhenLate) break;
      if (this.#reading.seen >= this.#nextLook) this.#look(collector);
    }
    const end = reader.end();
    collector.finish();
    const problem = input.problem() ?? end.problem;
    if (problem !== null && collector.packets === 0) throw describeDamaged(name, problem);
    this.#files.push({ name, collector, end: { ...end, problem } });
  }

  /** Calls `look` and releases the conversations that it no longer needs. */
  #look(collector: Collector): void {
    const { look, piece = PIECE } = this.#options;
    if (!look) return;
    const { packets, budget } = this.#reading;
    const { table } = collector;
    const held = packets.size;
    const horizon = table.until - LAG;
    this.#reading.horizon = Math.max(horizon, this.#reading.horizon);
    this.#nextEvent = numberPackets(packets, this.#nextEvent, this.#reading.horizon);
    const gone = look({
      header: this.#makeHeader(),
      capture: {
        packets,
        files: [],
        witnesses: [],
        conversations: table.entries,
        errors: table.errors,
        omitted: 0,
      },
      horizon: this.#reading.horizon,
    });
    if (gone.size > 0) {
      table.release(gone, this.#reading.horizon);
      packets.dropRows(gone);
      budget.hold(packets.size);
    }
    // When almost nothing was released, another look soon would be useless.
    const inVain = packets.size * 4 > held * 3 && table.entries.length < FEW_OPEN;
    this.#pause = inVain ? Math.min(this.#pause * 2, piece * LONGEST) : piece;
    this.#nextLook = this.#reading.seen + Math.max(this.#pause, packets.size);
  }

  #makeHeader(): TraceHeader {
    return {
      program: this.#options.program,
      epoch: BigInt(this.#reading.epoch ?? 0) * 1_000_000_000n,
      target: {
        protocol: 'all',
        asked: [],
        ports: [],
        containers: [],
        addresses: [],
        mappings: [],
      },
      client: null,
      topology: describePlace(this.#reading.devices),
      probes: { attached: [], missing: [] },
    };
  }

  makeTrace(): Trace {
    const notes = this.#files.flatMap((file) => listNotes(file));
    const clocks = this.#setClocks(notes);
    const { packets } = this.#reading;
    const counting = this.#files.flatMap(({ collector }) => collector.table.counting);
    numberEvents(packets, counting, this.#nextEvent);
    let events: TraceEvent[] | null = null;
    const omitted = sum(this.#files.map(({ collector }) => collector.table.omitted));
    if (omitted > 0)
      notes.push(
        `${omitted} packets were not kept: more than ${MAX_CONVERSATIONS} conversations were open at the same time`,
      );
    const strays = sum(this.#files.map(({ collector }) => collector.table.strays));
    if (strays > 0) {
      notes.push(
        `${strays} packets with bytes came more than 2 s after their connections had ended and are not told`,
      );
    }
    // A damaged file may claim any number.
    const lost = Math.min(sum(this.#files.map(({ end }) => end.lost)), Number.MAX_SAFE_INTEGER);
    const tail: TraceTail = {
      lostEvents: lost,
      unparsedPackets: sum(this.#files.map(({ collector }) => countUnparsed(collector))),
      truncated: this.#files.some(
        ({ end, collector }) => end.problem !== null || collector.late > 0,
      ),
      sealed: false,
      notes,
    };
    return {
      source: 'capture',
      header: this.#makeHeader(),
      // Made on first use: for a large capture, nobody needs all events.
      get events() {
        return (events ??= listEvents(packets, counting));
      },
      tail,
      capture: {
        packets,
        files: this.#files.map(({ name }) => name),
        witnesses: this.#files.map(({ collector, end }) => describeWitness(collector, end)),
        ...(clocks.length > 0 && { clocks }),
        conversations: this.#files.flatMap(({ collector }) => collector.table.entries),
        errors: this.#files.flatMap(({ collector }) => collector.table.errors),
        omitted,
      },
    };
  }

  /** Aligns each file's clock with the first file's, and reports it in the notes. */
  #setClocks(notes: string[]): ClockShift[] {
    const [reference, ...others] = this.#files;
    if (!reference) return [];
    if (others.length === 0) return [];
    const table = this.#reading.packets;
    const rows = orderRows(table);
    const of = (file: number): CapturedPacket[] =>
      Array.from(
        rows.filter((row) => table.file[row] === file),
        (row) => new CapturedPacket(table, row),
      );
    const base = of(0);
    return others.map(({ name, collector }, index) => {
      const skew = estimateSkew(base, of(index + 1));
      if (!skew.known) {
        notes.push(`${name} ${tellUnset(skew.why, reference.name)}`);
        return { file: name, shift: null, packets: skew.packets };
      }
      if (Math.abs(skew.shift) >= WORTH_TELLING) {
        const way = skew.shift > 0 ? 'behind' : 'ahead of';
        const seconds = (Math.abs(skew.shift) / 1e9).toFixed(3);
        notes.push(
          `the clock of ${name} was ${seconds} s ${way} that of ${reference.name} (by ${skew.packets} packets seen in both); its times are corrected`,
        );
      }
      collector.table.shiftTimes(skew.shift);
      return { file: name, shift: String(skew.shift), packets: skew.packets };
    });
  }
}

function chooseReader(name: string, start: Buffer, sink: FrameSink): ChunkReader {
  if (start.length === 0) throw describeDamaged(name, 'it is empty (0 bytes)');
  if (isPcapng(start)) return new PcapngReader(sink);
  if (isPcap(start)) return new PcapReader(sink);
  if (start.length < 4) throw describeDamaged(name, `it ends at byte ${start.length}`);
  throw new UserError(`${name} is neither a capture (pcap, pcapng) nor a recording of trace-flow`, {
    code: 'not-a-capture',
    exit: 1,
    remedy: `it begins with the bytes ${start.subarray(0, 4).toString('hex')}; other formats can be converted to pcapng`,
  });
}

function describeDamaged(name: string, problem: string): UserError {
  return new UserError(`${name}: nothing could be read, because ${problem}`, {
    code: 'damaged-capture',
    exit: 1,
    remedy: 'copy it again, or take it again',
  });
}

function describeWitness(collector: Collector, { problem, lost }: ReadEnd): CaptureWitness {
  const { acks, until, holed } = collector.table;
  return {
    acks,
    until,
    lossy: problem !== null || lost > 0 || holed > 0 || collector.apart + collector.refused > 0,
  };
}

/** The pseudo host and namespace of a capture, with the devices of all files. */
function describePlace(devices: readonly Device[]): Topology {
  return {
    host: CAPTURE_PLACE,
    namespaces: [{ inode: CAPTURE_PLACE, name: 'unknown', role: 'other', devices }],
    containers: [],
    relays: [],
    listeners: [],
    engine: null,
    problems: [],
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
