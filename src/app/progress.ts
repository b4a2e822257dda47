/** Shows the progress of a running trace on standard error: in place on a terminal, else in a few lines. */
import type { Connection } from '../model/report.js';
import { escapeLines } from '../model/visible.js';
import { renderWatch, renderWatchLine, type Screen } from '../render/terminal/watch.js';
import type { Tally } from './tally.js';

export interface Progress {
  starting(): void;
  ready(ports: readonly number[], missing: readonly string[]): void;
  update(tally: Tally): void;
  lost(count: number): void;
  /** Called once per connection, when it or the trace ends. Prints a line where nothing can be drawn in place. */
  ended(connection: Connection): void;
  stopping(): void;
  /** Takes the total of lost events, which may be known only when the kernel tells how much it has printed. */
  finished(lost: number): void;
  warn(text: string): void;
}

export interface ProgressOptions {
  /** Receives all text, cursor movements included. */
  readonly write: (text: string) => void;
  /** Whether lines may be drawn over. */
  readonly terminal: boolean;
  /** How the user may end it, e.g. `Ctrl-C ends it`. */
  readonly hint: string;
  /** Where it is traced, e.g. ` on a and b`; this machine when left out. */
  readonly where?: string;
  /** Returns the current screen. When given, connections are drawn too, on a terminal only. */
  readonly watch?: (() => Screen) | undefined;
}

export function createProgress({
  write,
  terminal,
  hint,
  where = '',
  watch,
}: ProgressOptions): Progress {
  let shown: readonly string[] = [];
  let lost = 0;
  let told = 0;
  let tally: Tally = { connections: 0, ended: 0, packets: 0, seen: [] };
  const line = (text: string): void => {
    write(`${eraser(shown)}${escapeLines(text)}\n`);
    shown = [];
  };
  const draw = (lines: readonly string[]): void => {
    if (!terminal || lines.join('\n') === shown.join('\n')) return;
    write(eraser(shown) + lines.join('\n'));
    shown = lines;
  };
  const view = (): string[] => {
    if (!terminal || !watch) return [counts()];
    const { columns, rows, color } = watch();
    return [...renderWatch(tally.seen, { columns, rows: rows - 1, color }), counts()];
  };
  const counts = (): string =>
    `${count(tally.packets, 'packet')}, ${count(tally.connections, 'connection')} (${tally.ended} ended), ${count(lost, 'event')} lost`;
  return {
    starting: () => {
      draw([`starting the probes${where} …`]);
    },
    ready: (ports, missing) => {
      line(
        `ready: tracing port${ports.length === 1 ? '' : 's'} ${listPorts(ports)}${where}; ${hint}`,
      );
      if (missing.length > 0) line(`without ${missing.join(', ')}: this kernel has no such probe`);
    },
    update: (next) => {
      tally = next;
      draw(view());
    },
    lost: (count) => {
      lost = count;
    },
    ended: (connection) => {
      if (!terminal) write(`${escapeLines(renderWatchLine(connection))}\n`);
    },
    stopping: () => {
      told = lost;
      line(`stopped: ${counts()}`);
    },
    finished: (all) => {
      if (all <= told) return;
      line(`warning: ${count(all, 'event')} lost in all: what rests on them is not proven`);
    },
    warn: (text) => {
      line(`warning: ${text}`);
    },
  };
}

/** Drops all progress except warnings. */
export function silence(progress: Progress): Progress {
  const nothing = (): void => undefined;
  return {
    ...progress,
    starting: nothing,
    ready: nothing,
    update: nothing,
    ended: nothing,
    stopping: nothing,
  };
}

/** Escape codes that move to the start of the first drawn line and erase everything from there. */
function eraser({ length }: readonly string[]): string {
  if (length === 0) return '';
  return length === 1 ? '\r\u001b[K' : `\r\u001b[${length - 1}A\u001b[J`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

function listPorts(ports: readonly number[]): string {
  const few = ports.slice(0, 8).join(', ');
  return ports.length > 8 ? `${few} and ${ports.length - 8} more` : few;
}
