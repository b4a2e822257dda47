/** What a trace tells while it runs, on standard error: in place on a terminal, few lines elsewhere. */
import type { Tally } from './tally.js';

export interface Progress {
  starting(): void;
  ready(ports: readonly number[], missing: readonly string[]): void;
  update(tally: Tally): void;
  lost(count: number): void;
  stopping(): void;
  warn(text: string): void;
}

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** Whether lines may be drawn over. */
  readonly terminal: boolean;
  /** How the user may end it, e.g. `Ctrl-C ends it`. */
  readonly hint: string;
}

export function createProgress({ write, terminal, hint }: ProgressOptions): Progress {
  let shown = '';
  let lost = 0;
  let tally: Tally = { connections: 0, ended: 0, packets: 0 };
  const clear = (): void => {
    if (shown !== '') write('\r\u001b[K');
    shown = '';
  };
  const line = (text: string): void => {
    clear();
    write(`${text}\n`);
  };
  const draw = (text: string): void => {
    if (!terminal || text === shown) return;
    write(`\r\u001b[K${text}`);
    shown = text;
  };
  const counts = (): string =>
    `${count(tally.packets, 'packet')}, ${count(tally.connections, 'connection')} (${tally.ended} ended), ${count(lost, 'event')} lost`;
  return {
    starting: () => {
      draw('starting the probes …');
    },
    ready: (ports, missing) => {
      line(`ready: tracing port${ports.length === 1 ? '' : 's'} ${listPorts(ports)}; ${hint}`);
      if (missing.length > 0) line(`without ${missing.join(', ')}: this kernel has no such probe`);
    },
    update: (next) => {
      tally = next;
      draw(counts());
    },
    lost: (count) => {
      lost = count;
    },
    stopping: () => {
      line(`stopped: ${counts()}`);
    },
    warn: (text) => {
      line(`warning: ${text}`);
    },
  };
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

function listPorts(ports: readonly number[]): string {
  const few = ports.slice(0, 8).join(', ');
  return ports.length > 8 ? `${few} and ${ports.length - 8} more` : few;
}
