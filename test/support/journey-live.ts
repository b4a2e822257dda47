/** Plays packets over the places of a live trace: skbs are used again at once, bridges flood, devices cut segments. */
import { TCP, type DropEvent, type PacketEvent } from '../../src/model/event.js';
import type { JourneyEnd } from '../../src/correlate/journeys/journey.js';
import { BACK, CLIENT, CONTAINER, FLOOD, HOST, PUBLISHED, THERE, VIEW } from './journey-places.js';
import type { Place } from './journey-places.js';

export interface LivePacket {
  readonly request: boolean;
  readonly seq: number;
  readonly length: number;
  /** Places that it comes to. */
  readonly places: number;
  /** Whether it is said to be dropped where it does not arrive. */
  readonly fate: 'drop' | 'vanish';
  readonly flooded: boolean;
  readonly segments: number;
}

export interface LiveWorld {
  readonly packets: readonly LivePacket[];
  readonly skbs: number;
  readonly turns: readonly number[];
  readonly pauses: readonly number[];
}

/** What is true of one packet. */
export interface TrueJourney {
  readonly request: boolean;
  readonly events: readonly number[];
  readonly copyOf: number | null;
  /** Events that show it rewritten for the first time. */
  readonly rewritten: readonly number[];
  readonly end: JourneyEnd;
}

type Draft = { -readonly [K in keyof TrueJourney]: TrueJourney[K] } & {
  events: number[];
  rewritten: number[];
};

interface Runner {
  readonly packet: LivePacket;
  readonly way: readonly Place[];
  readonly draft: Draft;
  skb: string;
  at: number;
}

export function playLive(world: LiveWorld): {
  events: (PacketEvent | DropEvent)[];
  truth: TrueJourney[];
} {
  return new Play(world).run();
}

class Play {
  readonly #world: LiveWorld;
  readonly #events: (PacketEvent | DropEvent)[] = [];
  readonly #truth: Draft[] = [];
  readonly #free: string[];
  #time = 0;
  #step = 0;

  constructor(world: LiveWorld) {
    this.#world = world;
    this.#free = Array.from({ length: world.skbs }, (_, i) => `skb${i}`);
  }

  run(): { events: (PacketEvent | DropEvent)[]; truth: TrueJourney[] } {
    const waiting = [...this.#world.packets];
    const underway: Runner[] = [];
    while (waiting.length > 0 || underway.length > 0) {
      const turn = this.#world.turns[this.#step % this.#world.turns.length] ?? 0;
      const skb = this.#free.at(-1);
      // The skb that was freed last is the next to be used.
      if (waiting.length > 0 && skb !== undefined && (underway.length === 0 || turn === 0)) {
        this.#free.pop();
        underway.push(this.#start(waiting.shift() as LivePacket, skb));
      }
      const runner = underway[turn % Math.max(1, underway.length)];
      if (runner === undefined) throw new RangeError('there is no skb left');
      if (!this.#advance(runner)) underway.splice(underway.indexOf(runner), 1);
      this.#step += 1;
    }
    return { events: this.#events, truth: this.#truth };
  }

  #start(packet: LivePacket, skb: string): Runner {
    const way = packet.request ? THERE : BACK;
    return { packet, way, skb, at: 0, draft: this.#draft(packet.request, null) };
  }

  #draft(request: boolean, copyOf: Draft | null): Draft {
    const of = copyOf === null ? null : this.#truth.indexOf(copyOf) + 1;
    return { request, events: [], copyOf: of, rewritten: [], end: 'unknown' };
  }

  /** One place on; false when its way is over. */
  #advance(runner: Runner): boolean {
    const { packet, way, draft } = runner;
    const place = way[runner.at];
    if (place === undefined) return this.#finish(runner, 'delivered');
    if (runner.at >= packet.places) {
      if (packet.fate === 'drop') this.#drop(runner);
      return this.#finish(runner, packet.fate === 'drop' ? 'dropped' : 'unknown');
    }
    this.#see(draft, packet, place, runner.skb, runner.at === 0);
    const before = way[runner.at - 1];
    if (before && before.behind !== place.behind) draft.rewritten.push(this.#events.length);
    runner.at += 1;
    const bridged = packet.request && place.namespace === HOST && place.ifindex === 4;
    if (bridged && packet.flooded) this.#flood(runner);
    if (bridged && packet.segments > 1 && packet.length > 0) {
      this.#cut(runner);
      return this.#finish(runner, 'unknown');
    }
    return true;
  }

  #finish(runner: Runner, end: JourneyEnd): false {
    runner.draft.end = end;
    this.#free.push(runner.skb);
    return false;
  }

  /** A copy in an skb of its own goes to another container, whose kernel sees that it is not for it. */
  #flood({ packet, draft }: Runner): void {
    const copy = this.#draft(packet.request, draft);
    const skb = `copy${this.#events.length}`;
    for (const place of FLOOD) this.#see(copy, packet, place, skb, false);
    this.#dropAt(copy, packet, FLOOD.at(-1) as Place, skb, 'OTHERHOST');
  }

  /** The device cannot send it whole: each segment has an skb of its own. */
  #cut({ packet, way, draft }: Runner): void {
    const share = packet.length / packet.segments;
    for (let i = 0; i < packet.segments; i++) {
      const part = {
        ...packet,
        seq: packet.seq + Math.floor(share * i),
        length: Math.floor(share),
      };
      const copy = this.#draft(packet.request, draft);
      const skb = `part${this.#events.length}`;
      for (const place of way.slice(3)) this.#see(copy, part, place, skb, false);
      copy.end = 'delivered';
    }
  }

  #drop({ packet, way, at, skb, draft }: Runner): void {
    const last = way[at - 1] as Place;
    // The host drops a request when it has rewritten it, in FORWARD.
    const forwarded = packet.request && last.namespace === HOST && !last.behind;
    const place = forwarded ? { ...last, behind: true } : last;
    this.#dropAt(draft, packet, place, skb, 'NETFILTER_DROP');
    if (forwarded) draft.rewritten.push(this.#events.length);
  }

  #dropAt(draft: Draft, packet: LivePacket, place: Place, skb: string, reason: string): void {
    const base = this.#base(packet, place, skb);
    this.#push(draft, { kind: 'drop', ...base, socket: null, reason, function: 'f' });
  }

  #see(draft: Draft, packet: LivePacket, place: Place, skb: string, sent: boolean): void {
    const { direction } = place;
    const socket = sent ? 'sock' : null;
    this.#push(draft, { kind: 'packet', ...this.#base(packet, place, skb), direction, socket });
  }

  #base(
    { request, seq, length }: LivePacket,
    { namespace, ifindex, behind }: Place,
    skb: string,
  ): Omit<PacketEvent, 'kind' | 'direction' | 'socket'> {
    const server = behind ? CONTAINER : PUBLISHED;
    const [source, destination] = request ? [CLIENT, server] : [server, CLIENT];
    this.#time += this.#world.pauses[this.#step % this.#world.pauses.length] ?? 0;
    return {
      id: this.#events.length + 1,
      time: this.#time,
      protocol: 'tcp',
      namespace,
      ifindex,
      skb,
      source,
      destination,
      seq,
      length,
      ack: 1,
      flags: TCP.ACK,
      conntrack: namespace === HOST && (behind || !request) ? VIEW : null,
    };
  }

  #push(draft: Draft, event: PacketEvent | DropEvent): void {
    if (draft.events.length === 0) this.#truth.push(draft);
    this.#events.push(event);
    draft.events.push(event.id);
  }
}
