/** Counts connections while a trace runs, and hands on those that have ended; costs at most a part of the time. */
import type { Connection } from '../model/report.js';
import type { IncrementalAnalysis } from '../prove/incremental.js';

/** Looking at what is new takes at most this part of the time … */
const SHARE = 0.1;
/** … or, where very much is held, this one: what is let go takes no room. */
const SHARE_FULL = 0.5;
const FULL = 50_000;

export interface Tally {
  readonly connections: number;
  readonly ended: number;
  readonly packets: number;
  /** Those that have not been let go, as far as they are known by now, and a few that were let go last. */
  readonly seen: readonly Connection[];
}

/** Connections that were let go and are still shown. */
const SHOWN = 200;

export class ConnectionTally {
  readonly #analysis: IncrementalAnalysis;
  readonly #clock: () => number | null;
  readonly #onEnded: (connection: Connection) => void;
  #nextAt = 0;
  #latest: Tally = { connections: 0, ended: 0, packets: 0, seen: [] };
  #recent: readonly Connection[] = [];

  /**
   * @param clock nanoseconds of the trace's clock before which everything has come; null while that is not known
   * @param onEnded called with each connection that has ended, again and again until it is let go
   */
  constructor(
    analysis: IncrementalAnalysis,
    clock: () => number | null,
    onEnded: (connection: Connection) => void,
  ) {
    this.#analysis = analysis;
    this.#clock = clock;
    this.#onEnded = onEnded;
  }

  /** Looks at what is new since the last time, unless that was too recent for what it costs. */
  update(now: number): Tally {
    const analysis = this.#analysis;
    if (analysis.held === 0 || now < this.#nextAt) return this.#latest;
    const began = performance.now();
    const { over, open } = analysis.advance(this.#clock());
    const took = performance.now() - began;
    this.#nextAt = now + took / (analysis.held > FULL ? SHARE_FULL : SHARE);
    const ended = open.filter(hasEnded);
    for (const connection of [...over, ...ended]) this.#onEnded(connection);
    this.#recent = [...this.#recent, ...over].slice(-SHOWN);
    this.#latest = {
      connections: analysis.settled + open.length,
      ended: analysis.settled + ended.length,
      packets: analysis.packets,
      seen: [...this.#recent, ...open],
    };
    return this.#latest;
  }
}

/** What a connection stays known by while a trace goes on: its number may change when an earlier one comes to light. */
export function identify({ protocol, client, timing }: Connection): string {
  return `${protocol} ${client.address} ${client.port} ${timing.start}`;
}

/** Both sides have said their last word on every leg, or one has refused. */
function hasEnded({ hops, outcome, protocol }: Connection): boolean {
  if (protocol === 'udp') return outcome === 'answered';
  const over = (leg: 'client' | 'container'): boolean => {
    const own = hops.filter((hop) => hop.leg === leg && hop.kind === 'packet');
    if (own.length === 0) return true;
    const fin = (flow: 'request' | 'reply'): boolean =>
      own.some((hop) => hop.flow === flow && hop.flags.includes('FIN'));
    return own.some(({ flags }) => flags.includes('RST')) || (fin('request') && fin('reply'));
  };
  return over('client') && over('container');
}
