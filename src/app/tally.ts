/** Counts connections while a trace runs, and says which have ended; costs at most a tenth of the time. */
import { analyse } from '../prove/analyse.js';
import type { Connection } from '../model/report.js';
import type { Trace } from '../model/trace.js';

export interface Tally {
  readonly connections: number;
  readonly ended: number;
  readonly packets: number;
  /** The connections themselves, as far as they are known by now. */
  readonly seen: readonly Connection[];
}

export class ConnectionTally {
  readonly #trace: () => Trace;
  readonly #onEnded: (connection: Connection) => void;
  readonly #told = new Set<string>();
  #analysed = 0;
  #nextAt = 0;
  #latest: Tally = { connections: 0, ended: 0, packets: 0, seen: [] };

  constructor(trace: () => Trace, onEnded: (connection: Connection) => void) {
    this.#trace = trace;
    this.#onEnded = onEnded;
  }

  /** Looks at what is new since the last time, unless that was too recent for what it costs. */
  update(now: number): Tally {
    const trace = this.#trace();
    if (trace.events.length === this.#analysed || now < this.#nextAt) return this.#latest;
    const began = performance.now();
    const { connections } = analyse(trace);
    this.#nextAt = now + 10 * (performance.now() - began);
    this.#analysed = trace.events.length;
    const ended = connections.filter(hasEnded);
    for (const connection of ended) {
      const key = identify(connection);
      if (this.#told.has(key)) continue;
      this.#told.add(key);
      this.#onEnded(connection);
    }
    const packets = trace.events.reduce((sum, { kind }) => sum + (kind === 'packet' ? 1 : 0), 0);
    this.#latest = {
      connections: connections.length,
      ended: ended.length,
      packets,
      seen: connections,
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
