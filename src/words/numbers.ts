/** Formats numbers for people: durations, bytes, counts, event lists, moments; reads the moments of a report. */

/** `850 ns`, `84 µs`, `1.20 ms`, `2.35 s`, `12 min`: never wider than eight columns. */
export function formatDuration(nanoseconds: number): string {
  if (!Number.isFinite(nanoseconds)) return '?';
  const value = Math.max(0, nanoseconds);
  if (value === 0) return '0';
  if (value < 999.5) return `${Math.round(value)} ns`;
  if (value < 999.5e3) return `${threeDigits(value / 1e3)} µs`;
  if (value < 999.5e6) return `${threeDigits(value / 1e6)} ms`;
  if (value < 119.5e9) return `${threeDigits(value / 1e9)} s`;
  if (value < 119.5 * 60e9) return `${Math.round(value / 60e9)} min`;
  if (value < 99.5 * 3600e9) return `${Math.round(value / 3600e9)} h`;
  const days = Math.round(value / 86_400e9);
  return days > 9999 ? '> 9999 d' : `${days} d`;
}

function threeDigits(value: number): string {
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

/** `14 B`, `1.2 kB`, `1.07 GB` (decimal units). */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let value = Math.max(0, bytes);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  if (unit === 0) return `${Math.round(value)} B`;
  return `${threeDigits(value)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '')} ${units[unit] ?? ''}`;
}

/** `1,234,567`. */
export function formatCount(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 segment`, `212 segments`. */
export function plural(count: number, word: string): string {
  return `${formatCount(count)} ${count === 1 ? word : `${word}s`}`;
}

/** `3–7, 12`. */
export function formatEvents(events: readonly number[]): string {
  const ranges: { first: number; last: number }[] = [];
  for (const event of [...new Set(events)].sort((a, b) => a - b)) {
    const open = ranges.at(-1);
    if (open && event === open.last + 1) open.last = event;
    else ranges.push({ first: event, last: event });
  }
  return ranges
    .map(({ first, last }) => {
      if (first === last) return String(first);
      return last === first + 1 ? `${first}, ${last}` : `${first}–${last}`;
    })
    .join(', ');
}

/** With more numbers than this, a stop shows only the first. */
const MOST_AT_STOP = 3;

/**
 * The event numbers of a stop: `7`, or `612,613` if there are at most three and they fit into `width` columns. `7…` is
 * the first of many packets, `612+` the first of several events. A number is never cut.
 */
export function formatStop(events: readonly number[], count: number, width = Infinity): string {
  const [first] = events;
  if (first === undefined) return '';
  if (count > 1) return `${first}…`;
  const all = events.join(',');
  const fits = events.length === 1 || (events.length <= MOST_AT_STOP && all.length <= width);
  return fits ? all : `${first}+`;
}

/** `2026-11-23 19:54:50.123456 UTC` from nanoseconds since 1970; microseconds are cut, not rounded. */
export function formatMoment(nanoseconds: string): string {
  const micros = BigInt(nanoseconds) / 1000n;
  const millis = Number(micros / 1000n);
  if (millis > 8.64e15) return `${nanoseconds} ns`;
  const iso = new Date(millis).toISOString();
  const rest = String(micros % 1000n).padStart(3, '0');
  return `${iso.slice(0, -1).replace('T', ' ')}${rest} UTC`;
}

/** Nanoseconds from `start` to `end`, both nanoseconds since 1970 as text. */
export function elapsed(start: string, end: string): number {
  return Number(BigInt(end) - BigInt(start));
}

/**
 * @param iso time in UTC with up to nine fractional digits, as in `timing.start`
 * @returns nanoseconds since 1970; null if `iso` is no time
 */
export function parseNanoseconds(iso: string | null): bigint | null {
  const parts = /^(.+?)(?:\.(\d{1,9}))?Z$/.exec(iso ?? '');
  const milliseconds = Date.parse(`${parts?.[1] ?? ''}Z`);
  if (parts === null || Number.isNaN(milliseconds)) return null;
  return BigInt(milliseconds) * 1_000_000n + BigInt((parts[2] ?? '').padEnd(9, '0'));
}
