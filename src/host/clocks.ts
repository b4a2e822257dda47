/** Compares the machine's clocks before and after a trace, to report a clock that was set or a machine that slept. */
import { readText } from './procfs.js';

export interface ClockReading {
  /** Milliseconds of the wall clock. */
  readonly wall: number;
  /** Milliseconds since boot that the machine was awake: the probes' clock. */
  readonly awake: number;
  /** Milliseconds since boot, sleep included; null when it cannot be read. */
  readonly up: number | null;
}

/** Milliseconds; smaller differences are inaccuracy: /proc/uptime has hundredths, and slewing is less than this. */
const TOLERANCE = 500;

export function readClocks(): ClockReading {
  return { wall: Date.now(), awake: Number(process.hrtime.bigint()) / 1e6, up: readUptime() };
}

/** One sentence for each thing that happened between two readings. */
export function compareClocks(before: ClockReading, after: ClockReading): string[] {
  const awake = after.awake - before.awake;
  const slept = before.up === null || after.up === null ? 0 : after.up - before.up - awake;
  const set = after.wall - before.wall - awake - Math.max(0, slept);
  const notes: string[] = [];
  if (slept > TOLERANCE) {
    notes.push(
      `the machine slept for ${seconds(slept)} while tracing: nothing was seen then, and times after that are too early by as much`,
    );
  }
  if (Math.abs(set) > TOLERANCE) {
    const way = set > 0 ? 'forward' : 'back';
    notes.push(
      `the machine's clock was set ${way} by ${seconds(Math.abs(set))} while tracing: times are told by the clock as it was at the start`,
    );
  }
  return notes;
}

/** The clock of /proc/uptime goes on while the machine sleeps. */
function readUptime(): number | null {
  const text = /^\d+\.\d+/.exec(readText('/proc/uptime') ?? '')?.[0];
  return text === undefined ? null : Number(text) * 1000;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
