/** Decides where the host sends a packet: to itself, out by a device, or nowhere. Uses its routing if that was read. */
import {
  addressText,
  exactAddress,
  UNNAMED,
  type TrialPacket,
  type PacketAddress,
  type StandIn,
} from '../packet.js';
import {
  chooseSource,
  findBridgeOf,
  findWorldRoute as findPlainRoute,
  isOwnAddress,
  type World,
} from '../world.js';
import type { Question } from '../../../model/question.js';
import { findInput } from './input.js';
import { lookUpRoute, type Ask, type RouteDecision, type RouteQuery } from './lookup.js';
import { listPlaces } from './places.js';
import { readOwn, readSetting } from './sysctl.js';
import { stopByMartian, stopByRoute, type RouteStop } from './stops.js';

export type RoutedWay =
  | { readonly kind: 'host'; readonly source: string | null }
  | {
      readonly kind: 'device';
      readonly device: string | typeof UNNAMED;
      readonly gateway: string | null;
      /** The source address that the host would choose. */
      readonly source: string | null;
    }
  | { readonly kind: 'stop'; readonly stop: RouteStop };

/** A packet that leaves by a device. */
export type Leaving = Extract<RoutedWay, { kind: 'device' }>;

export class Router {
  readonly #world: World;
  readonly #ask: Ask;

  constructor(world: World, ask: Ask) {
    this.#world = world;
    this.#ask = ask;
  }

  /** Whether the host's routing was read. */
  get isKnown(): boolean {
    return this.#world.routing != null;
  }

  /** The address from which the host answers a client, if the socket leaves it open; null if it is unknown. */
  chooseSource(packet: TrialPacket): string | null {
    const way = this.dial({ ...packet, source: { kind: 'own' }, destination: packet.source });
    return way.kind === 'device' ? way.source : null;
  }

  /** Whether an address is the host's own. */
  isOwn(address: PacketAddress): boolean {
    const text = addressText(address);
    return text === null ? address.kind === 'own' : isOwnAddress(this.#world, text);
  }

  /** Routes a message of the kernel itself to the client. */
  tell(packet: TrialPacket): RoutedWay {
    const ways = this.listPlaces(packet.destination, packet).map(({ address, about }) => ({
      about,
      way: this.dial({ ...packet, destination: exactAddress(address) }, 0),
    }));
    return this.#choose(ways) ?? this.#guess(packet);
  }

  /**
   * Routes a packet of a host process that has no source address yet.
   * @param user the owner of the socket; null if unknown.
   */
  dial(packet: TrialPacket, user: number | null = null): RoutedWay {
    const to = addressText(packet.destination);
    const { routing } = this.#world;
    if (to === null || !routing) return this.#guess(packet);
    // An ICMP message about a packet to the host's own address comes from that address.
    const source = packet.icmp && this.isOwn(packet.source) ? addressText(packet.source) : null;
    const flow = { ...this.#toFlow(packet, 'lo'), source, destination: to, user };
    // TCP chooses its port after the route is known, and then looks the route up again.
    const portless = packet.protocol === 'tcp' && packet.turn === 'first';
    const open = portless ? { ...flow, clientPorts: { low: 0, high: 0 } } : flow;
    const first = this.#follow(lookUpRoute(routing.facts, open, this.#ask), to);
    if (first.kind === 'stop' || first.source === null) return first;
    // An ICMP message takes the source that its only lookup gives (icmp_route_lookup in net/ipv4/icmp.c).
    if (packet.icmp) return first;
    // A socket's route is looked up again, and rules are tested with the chosen source.
    const again = lookUpRoute(routing.facts, { ...flow, source: first.source }, this.#ask);
    const second = this.#follow(again, to);
    return second.kind === 'stop' ? second : { ...second, source: first.source };
  }

  /**
   * Routes a packet that leaves the host and already has a source address: an answer, or one that a rule has rewritten.
   */
  leave(packet: TrialPacket): RoutedWay {
    const { routing } = this.#world;
    if (!routing) return this.#guess(packet);
    return this.#each(packet, (flow) =>
      this.#follow(lookUpRoute(routing.facts, flow, this.#ask), flow.destination),
    );
  }

  /** Routes a packet that the host has sent, with the mark that it had when OUTPUT caused the new lookup. */
  leaveAgain(packet: TrialPacket): RoutedWay {
    return this.leave({ ...packet, mark: packet.rerouted ? packet.rerouted.mark : 0 });
  }

  /**
   * Routes a packet that came in by a device and has passed PREROUTING.
   * @param turns the bridge on which NAT may send the packet back: for that, IPv6 needs no forwarding.
   */
  enter(packet: TrialPacket, turns: TrialPacket['inDevice'] = null): RoutedWay {
    const { routing } = this.#world;
    if (!routing) return this.#guessEntering(packet);
    return this.#each(packet, (flow) => {
      const input = findInput(routing.facts, routing.values, flow, this.#ask);
      if (input.kind === 'martian') return { kind: 'stop', stop: stopByMartian(input, flow) };
      const forwards = this.#mayForward(packet);
      const way = this.#follow(input.decision, flow.destination, forwards !== false);
      if (way.kind !== 'device' || forwards === true) return way;
      if (packet.family === 6 && way.device === turns) return way;
      return { kind: 'stop', stop: this.#stopForwarding(packet, flow.destination, forwards) };
    });
  }

  /** Looks up the route from and to each place where the client may be, and asks only if the routes differ. */
  #each(packet: TrialPacket, look: (flow: RouteQuery) => RoutedWay): RoutedWay {
    const inDevice = packet.inDevice ?? 'lo';
    if (typeof inDevice !== 'string') return this.#guess(packet);
    const places = (address: PacketAddress): readonly StandIn[] => this.listPlaces(address, packet);
    const flow = this.#toFlow(packet, inDevice);
    const ways = places(packet.source).flatMap((source) =>
      places(packet.destination).map((destination) => ({
        about: source.about ?? destination.about,
        way: look({ ...flow, source: source.address, destination: destination.address }),
      })),
    );
    return this.#choose(ways) ?? this.#guess(packet);
  }

  /** Returns null for an empty list. */
  #choose(
    ways: readonly { readonly about: Question | null; readonly way: RoutedWay }[],
  ): RoutedWay | null {
    const [first] = ways;
    if (!first) return null;
    const known = [first.way];
    for (const { about, way } of ways) {
      if (known.some((one) => isSame(one, way))) continue;
      if (this.#ask(about ?? { code: 'client-place' })) return way;
      known.push(way);
    }
    return first.way;
  }

  /** Lists the addresses that stand for an unknown one. */
  listPlaces(address: PacketAddress, { family, clientDevice }: TrialPacket): readonly StandIn[] {
    return listPlaces(this.#world, address, family, clientDevice);
  }

  #toFlow(packet: TrialPacket, inDevice: string): RouteQuery {
    const answer = packet.turn === 'answer' || packet.turn === 'refusal';
    const { family, protocol, destinationPort } = packet;
    return {
      family,
      protocol,
      inDevice,
      outDevice: null,
      mark: packet.mark,
      source: null,
      destination: '',
      sourcePort: answer ? destinationPort : null,
      destinationPort: answer ? null : destinationPort,
      clientPorts: packet.clientPorts,
      // A forwarded packet counts as root's.
      user: inDevice === 'lo' ? null : 0,
    };
  }

  #follow(decision: RouteDecision, to: string, told = true): RoutedWay {
    if (decision.kind !== 'route') return { kind: 'stop', stop: stopByRoute(decision, to, told) };
    const { route } = decision;
    if (route.type === 'local') return { kind: 'host', source: route.source ?? to };
    if (route.type !== 'unicast') {
      const why = { code: 'odd-route', to, type: route.type } as const;
      return { kind: 'stop', stop: { code: 'odd-route', end: 'unknown', why, obstacle: null } };
    }
    const hop = this.#chooseHop(decision, to);
    const { device, gateway } = hop;
    if (device === null) {
      const why = { code: 'route-without-device', to } as const;
      return { kind: 'stop', stop: { code: 'odd-route', end: 'unknown', why, obstacle: null } };
    }
    if (hop.down) {
      const obstacle = { code: 'no-carrier', device, to } as const;
      return {
        kind: 'stop',
        stop: { code: 'no-carrier', end: 'dropped', why: obstacle, obstacle },
      };
    }
    return {
      kind: 'device',
      device,
      gateway,
      source: route.source ?? this.#sourceOf(device, gateway ?? to),
    };
  }

  #chooseHop({ hops, route }: Extract<RouteDecision, { kind: 'route' }>, to: string) {
    const [first, ...others] = hops;
    if (!first) throw new RangeError('no-hops');
    const other = others.find(({ device }) => device !== first.device);
    if (!other) return first;
    const devices = [...new Set(hops.map(({ device }) => device ?? '?'))];
    const { table } = route;
    return this.#ask({ code: 'multipath', to, devices, table }) ? other : first;
  }

  #sourceOf(name: string, to: string): string | null {
    const { devices } = this.#world;
    const own = devices.find((device) => device.name === name);
    const source = own && chooseSource(own, to);
    if (source != null) return source;
    // A device without an address borrows that of another device.
    for (const device of devices) {
      const borrowed = device.kind === 'loopback' ? null : chooseSource(device, to);
      if (borrowed !== null) return borrowed;
    }
    return null;
  }

  #mayForward({ family, inDevice }: TrialPacket): boolean | null {
    const { routing, settings } = this.#world;
    if (family === 6) return settings.forward6;
    const own =
      typeof inDevice === 'string' && routing
        ? readOwn(routing.values, 'forwarding', inDevice)
        : null;
    const all = routing ? readSetting(routing.values, 'ipv4/ip_forward') : null;
    const value = own ?? all;
    return value === null ? settings.forward4 : value !== 0;
  }

  #stopForwarding(packet: TrialPacket, to: string | null, forwards: boolean | null): RouteStop {
    const setting = this.#nameForwarding(packet);
    const code = 'forwarding';
    const why = { code: 'not-forwarded', to, setting, known: forwards !== null } as const;
    if (forwards === null) return { code, end: 'unknown', why, obstacle: null };
    const of = setting.includes('.conf.') && packet.family === 4 ? 'device' : 'host';
    return { code, end: 'dropped', why, obstacle: { code: 'forwarding-off', setting, of } };
  }

  #nameForwarding({ family, inDevice }: TrialPacket): string {
    if (family === 6) return 'net.ipv6.conf.all.forwarding';
    const { routing } = this.#world;
    const off = !routing || readSetting(routing.values, 'ipv4/ip_forward') !== 1;
    return off || typeof inDevice !== 'string'
      ? 'net.ipv4.ip_forward'
      : `net.ipv4.conf.${inDevice}.forwarding`;
  }

  /** Guesses without routing: own addresses stay, other packets follow the devices' networks and known routes. */
  #guess(packet: TrialPacket): RoutedWay {
    const world = this.#world;
    const to = addressText(packet.destination);
    if (to === null) {
      const stays = packet.destination.kind === 'own' && !packet.dnat;
      if (stays) return { kind: 'host', source: null };
      return { kind: 'device', device: UNNAMED, gateway: null, source: null };
    }
    if (isOwnAddress(world, to)) return { kind: 'host', source: to };
    const route = findPlainRoute(world, to);
    const device = findBridgeOf(world, to)?.name ?? route?.device ?? UNNAMED;
    return { kind: 'device', device, gateway: null, source: route?.source ?? null };
  }

  #guessEntering(packet: TrialPacket): RoutedWay {
    const way = this.#guess(packet);
    const forwards = this.#mayForward(packet);
    if (way.kind !== 'device' || forwards !== false) return way;
    const to = addressText(packet.destination);
    return { kind: 'stop', stop: this.#stopForwarding(packet, to, forwards) };
  }
}

function isSame(a: RoutedWay, b: RoutedWay): boolean {
  if (a.kind === 'device') return b.kind === 'device' && a.device === b.device;
  if (a.kind === 'host') return b.kind === 'host';
  return b.kind === 'stop' && a.stop.code === b.stop.code && a.stop.end === b.stop.end;
}
