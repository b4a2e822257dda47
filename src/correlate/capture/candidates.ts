/**
 * Finds legs that a relay may have dialled for a client: those that began while it lasted, except those that an address
 * rules out.
 */
import { mayBeUpstream, SLACK } from './edges.js';
import type { CapturedLeg } from './legs.js';
import { Prints, takePrint } from './prints.js';

export class Candidates {
  /** In order of time. */
  readonly #legs: readonly CapturedLeg[];
  readonly #numbers = new Map<string, number>();
  readonly #clients: Int32Array;
  readonly #servers: Int32Array;
  /** By leg: the index of the next leg with another address. Runs of legs with the same client or server are common. */
  readonly #otherClient: Int32Array;
  readonly #otherServer: Int32Array;
  readonly #prints: Prints;
  /** The print of the client being visited: one buffer, reused for every client. */
  #print: Float64Array | undefined;

  constructor(legs: readonly CapturedLeg[]) {
    this.#legs = legs.filter(mayBeUpstream).sort((a, b) => a.first.first - b.first.first);
    this.#clients = Int32Array.from(this.#legs, ({ leg }) => this.#numberOf(leg.client.address));
    this.#servers = Int32Array.from(this.#legs, ({ leg }) => this.#numberOf(leg.server.address));
    this.#prints = new Prints(this.#legs);
    this.#otherClient = findRuns(this.#clients);
    this.#otherServer = findRuns(this.#servers);
  }

  /** Passes candidates to `visit` in order of time until it returns false. */
  visit(client: CapturedLeg, visit: (upstream: CapturedLeg) => boolean): void {
    const { leg, first } = client;
    const own = this.#numberOf(leg.client.address);
    const dialled = this.#numberOf(leg.server.address);
    const until = this.#findFirst((time) => time > first.last + SLACK);
    let at = this.#findFirst((time) => time >= first.first - SLACK);
    if (at >= until) return;
    const print = (this.#print = takePrint(client, this.#print));
    while (at < until) {
      const upstream = this.#legs[at];
      if (this.#servers[at] === dialled) at = this.#otherServer[at] ?? until;
      else if (this.#clients[at] === own && dialled !== own) at = this.#otherClient[at] ?? until;
      else if (this.#prints.differ(at, print)) at += 1;
      else if (upstream && !visit(upstream)) return;
      else at += 1;
    }
  }

  #numberOf(address: string): number {
    const number = this.#numbers.get(address) ?? this.#numbers.size;
    this.#numbers.set(address, number);
    return number;
  }

  #findFirst(isLate: (time: number) => boolean): number {
    let [low, high] = [0, this.#legs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isLate(this.#legs[middle]?.first.first ?? 0)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** For each element, the index after the run of equal elements that it is in. */
function findRuns(numbers: Int32Array): Int32Array {
  const ends = new Int32Array(numbers.length);
  for (let i = numbers.length - 1; i >= 0; i--) {
    ends[i] = numbers[i] === numbers[i + 1] ? (ends[i + 1] ?? 0) : i + 1;
  }
  return ends;
}
