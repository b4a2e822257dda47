/** TCP connections with every kind of end, from a seed: what was sent is decided first, and the outcome follows from it. */
import type { Outcome } from '../../src/model/verdict.js';
import { randomizer } from '../decode/frames.js';
import { ipPacket, type End, type Shot } from './wire-packets.js';

const MS = 1_000_000;
const FLAG = { SYN: 0x02, AGREE: 0x12, ACK: 0x10, DATA: 0x18, FIN: 0x11, RST: 0x04, REFUSE: 0x14 };
const CLIENT = '198.51.100.2';
const DIALLED: End = { address: '198.51.100.1', port: 8080 };
const BEHIND: End = { address: '172.17.0.2', port: 80 };
const PLACES = { near: '02:00:00:00:00:02', host: '02:42:00:00:00:01', far: '02:42:ac:11:00:02' };

export type Ending =
  | 'answered'
  | 'kept alive'
  | 'probed'
  | 'sent again'
  | 'half-open'
  | 'unanswered'
  | 'refused'
  | 'reset by the server'
  | 'left by the client'
  | 'stray reset'
  | 'stalled request'
  | 'stalled answer'
  | 'black hole'
  | 'both dial';

/** What each kind ends in. */
const OUTCOMES: Readonly<Record<Ending, Outcome>> = {
  answered: 'answered',
  'kept alive': 'answered',
  probed: 'answered',
  'sent again': 'answered',
  'half-open': 'unanswered',
  unanswered: 'unanswered',
  refused: 'refused',
  'reset by the server': 'reset',
  'left by the client': 'reset',
  'stray reset': 'answered',
  'stalled request': 'stalled',
  'stalled answer': 'stalled',
  'black hole': 'stalled',
  'both dial': 'answered',
};
const KINDS = Object.keys(OUTCOMES) as Ending[];

export interface Told {
  readonly client: End;
  readonly kind: Ending;
  readonly outcome: Outcome;
}

export interface Endings {
  readonly shots: readonly Shot[];
  /** In order of time. */
  readonly told: readonly Told[];
  /** Seen on both sides of a router that rewrote its destination. */
  readonly rewritten: boolean;
}

/** Some connections, one after the other; two in turn may use one port. */
export function playEndings(seed: number): Endings {
  const random = randomizer(seed);
  for (let i = 0; i < 8; i++) random(2);
  const rewritten = random(2) === 0;
  const shots: Shot[] = [];
  const told: Told[] = [];
  for (let index = 0, at = 0; index < 1 + random(4); index++) {
    const kind = KINDS[random(KINDS.length)] ?? 'answered';
    const again = index > 0 && random(3) === 0;
    const client = { address: CLIENT, port: again ? 40_000 + index - 1 : 40_000 + index };
    const talk = new Talk(shots, client, rewritten, random, at);
    talk.play(kind, random);
    at = talk.at + 3_000 + random(3_000);
    told.push({ client, kind, outcome: OUTCOMES[kind] });
  }
  return { shots: shots.sort((a, b) => a.time - b.time), told, rewritten };
}

class Talk {
  readonly #shots: Shot[];
  readonly #client: End;
  readonly #rewritten: boolean;
  readonly #next: [number, number];
  readonly #id: [number, number];
  /** Milliseconds. */
  at: number;

  constructor(
    shots: Shot[],
    client: End,
    rewritten: boolean,
    random: (below: number) => number,
    at: number,
  ) {
    this.#shots = shots;
    this.#client = client;
    this.#rewritten = rewritten;
    this.at = at;
    // Every other one wraps within its first bytes.
    const soon = (): number => 2 ** 32 - 1 - random(40) - 64 * (Math.floor(at / 1_000) % 64);
    const start = (): number => (random(2) === 0 ? soon() >>> 0 : random(2 ** 32));
    this.#next = [start(), start()];
    this.#id = [1 + random(60_000), 1 + random(60_000)];
  }

  play(kind: Ending, random: (below: number) => number): void {
    // As offloading hands them on: segments of many packets at once.
    const sizes = [10, 600, 1_448, 20_000, 60_000];
    const size = (): number => sizes[random(sizes.length)] ?? 10;
    switch (kind) {
      case 'unanswered':
        for (const wait of [0, 1_000, 2_000, 4_000]) this.#again(0, FLAG.SYN, wait);
        return;
      case 'refused':
        this.#send(0, FLAG.SYN);
        this.#send(1, FLAG.REFUSE, 0, { seq: 0 });
        return;
      case 'half-open':
        this.#send(0, FLAG.SYN);
        for (const wait of [0, 1_000, 2_000]) this.#again(1, FLAG.AGREE, wait);
        return;
      case 'both dial':
        this.#send(0, FLAG.SYN);
        this.#send(1, FLAG.SYN);
        this.#send(1, FLAG.AGREE, 0, { seq: this.#next[1] - 1 });
        this.#send(0, FLAG.AGREE, 0, { seq: this.#next[0] - 1 });
        this.#exchange(size(), size());
        this.#close();
        return;
      default:
    }
    this.#send(0, FLAG.SYN);
    this.#send(1, FLAG.AGREE);
    this.#send(0, FLAG.ACK);
    if (kind === 'stalled request') {
      const length = size();
      for (const wait of [0, 300, 600, 1_200]) this.#again(0, FLAG.DATA, wait, length);
      return;
    }
    if (kind === 'stalled answer') {
      this.#say(0, 20);
      for (const wait of [0, 300, 600, 1_200]) this.#again(1, FLAG.DATA, wait, 700);
      return;
    }
    this.#exchange(size(), size());
    if (kind === 'black hole') {
      // Small ones pass, full ones die.
      this.#say(0, 20);
      for (const wait of [0, 300, 600, 1_200]) this.#again(1, FLAG.DATA, wait, 1_448);
      return;
    }
    if (kind === 'reset by the server') {
      this.#send(0, FLAG.DATA, 20);
      this.#send(1, FLAG.RST);
      return;
    }
    if (kind === 'left by the client') {
      this.#send(0, FLAG.DATA, 20);
      this.#send(1, FLAG.REFUSE);
      return;
    }
    if (kind === 'stray reset') {
      const off = 2 ** 26 + random(2 ** 31 - 2 ** 27);
      const way = random(2) === 0 ? 0 : 1;
      this.#send(way, FLAG.RST, 0, { seq: this.#next[way] + (random(2) === 0 ? off : -off) });
      this.#exchange(size(), size());
    }
    if (kind === 'sent again') {
      for (const wait of [0, 300]) this.#again(0, FLAG.DATA, wait, 20);
      this.#next[0] = (this.#next[0] + 20) >>> 0;
      this.#send(1, FLAG.ACK);
    }
    if (kind === 'kept alive') {
      for (const wait of [0, 1_000, 1_000, 1_000]) {
        this.at += wait;
        // One byte before what comes next, as some do with and some without that byte.
        this.#send(0, FLAG.ACK, 0, { seq: this.#next[0] - 1 });
        this.#send(1, FLAG.ACK);
      }
    }
    if (kind === 'probed') {
      for (const wait of [300, 600, 1_200]) {
        this.at += wait;
        this.#send(1, FLAG.ACK, 0, { seq: this.#next[1] - 1 });
        this.#send(0, FLAG.ACK);
      }
      this.#exchange(10, size());
    }
    this.#close();
  }

  #exchange(request: number, reply: number): void {
    this.#say(0, request);
    this.#say(1, reply);
  }

  #say(way: 0 | 1, length: number): void {
    this.#send(way, FLAG.DATA, length);
    this.#send(way === 0 ? 1 : 0, FLAG.ACK);
  }

  #close(): void {
    this.#send(0, FLAG.FIN);
    this.#send(1, FLAG.FIN);
    this.#send(0, FLAG.ACK);
  }

  /** Sent, and its number is not counted: the next one is the same again. */
  #again(way: 0 | 1, flags: number, wait: number, length = 0): void {
    this.at += wait;
    const before = this.#next[way];
    this.#send(way, flags, length);
    if (length > 0 || wait > 0 || flags === FLAG.SYN || flags === FLAG.AGREE) {
      this.#next[way] = before;
    }
  }

  #send(way: 0 | 1, flags: number, length = 0, change: { seq?: number } = {}): void {
    const other = way === 0 ? 1 : 0;
    const seq = (change.seq ?? this.#next[way]) >>> 0;
    this.at += 1;
    const ttl = [64, 63] as const;
    const views = this.#rewritten
      ? ([
          ['ext0', DIALLED],
          ['docker0', BEHIND],
        ] as const)
      : ([['ext0', DIALLED]] as const);
    const id = this.#id[way]++ & 0xffff;
    for (const [hop, [device, server]] of (way === 0
      ? [...views]
      : [...views].reverse()
    ).entries()) {
      const near = device === 'ext0';
      this.#shots.push({
        time: this.at * MS + hop * 5_000,
        device,
        way: near === (way === 0) ? 'in' : 'out',
        hardware: way === 0 ? (near ? PLACES.near : PLACES.host) : near ? PLACES.host : PLACES.far,
        bytes: ipPacket({
          protocol: 'tcp',
          flags,
          id,
          seq,
          ttl: ttl[hop] ?? 64,
          ack: (flags & FLAG.ACK) === 0 ? 0 : this.#next[other],
          payload: Buffer.alloc(length, 65 + (length % 26)),
          source: way === 0 ? this.#client : server,
          destination: way === 0 ? server : this.#client,
        }),
      });
    }
    const taken = length + ((flags & 3) === 0 ? 0 : 1);
    if (change.seq === undefined) this.#next[way] = (this.#next[way] + taken) >>> 0;
  }
}
