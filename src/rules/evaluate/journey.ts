/** Takes one hypothetical connection, hook by hook, from its vantage to whatever answers. */
import type { RuledPlace } from '../../model/reason.js';
import { Arrival } from './arrival.js';
import { bridged, forwarded, fromHost, toHost, turnedBack, type MakeCourse } from './course.js';
import { findContainerAt } from './deliver.js';
import {
  askNeighbours,
  checkDiscovery,
  checkDiscoveryAcross,
  checkDiscoveryBeyond,
} from './discovery.js';
import { wonder } from './doubt.js';
import { endByStop, endJourney, type TrialEnd } from './journey-end.js';
import { checkDialler } from './group-programs.js';
import { ContainerSide, indexRules, joinInside, within } from './inside.js';
import { addressText, createPacket, exactAddress, type TrialPacket } from './packet.js';
import { checkHairpin, checkLeaving, checkLink, checkReturn } from './routing/delivery.js';
import { findPortProgram, findProgramAt, findWire, isStacked } from './routing/link.js';
import { checkPorts } from './routing/segment.js';
import { PASSING, refuseByRoute, stopCrossing, stopPacket } from './refusal.js';
import { blockLoopback, checkLoopbackSource, mayRouteLoopback } from './loopback.js';
import { Router, type Leaving } from './routing/router.js';
import type { Ask } from './routing/lookup.js';
import { doubt, hush, misplace, type RouteStop } from './routing/stops.js';
import { createFirst, type Start } from './start.js';
import type { RuleRef } from './rule-index.js';
import { goOn, lose } from './following.js';
import { Walk } from './walk.js';
import type { Decide, HookEnd } from './hook-end.js';
import {
  callsRules,
  findBridgeOf,
  isOwnAddress,
  type World,
  type WorldContainer,
} from './world.js';

/** A packet that has passed PREROUTING. */
interface Entering {
  readonly nat: RuleRef | null;
  /** The bridge whose port it came in by; null for other devices. */
  readonly bridge: string | null;
  /** The dialled address and the client's address; null if unknown. */
  readonly dialled: string | null;
  readonly client: string | null;
}

/** Takes a packet step by step; every return is an end. */
export class Traveller {
  readonly router: Router;
  readonly #arrival: Arrival;
  readonly #side: ContainerSide;
  readonly #ask: Ask;

  readonly #world: World;
  readonly #decide: Decide;

  constructor(
    world: World,
    readonly walk: Walk,
    decide: Decide,
  ) {
    this.#world = world;
    this.#decide = decide;
    this.#ask = (about) => decide(wonder(about), null);
    this.router = new Router(world, this.#ask);
    this.#side = new ContainerSide(world, decide);
    this.#arrival = new Arrival(world, walk, {
      dial: (start) => this.go(start),
      router: this.router,
    });
  }

  go(start: Start): TrialEnd {
    const { by } = start;
    const packet = createFirst(this.#world, start);
    if (by.kind === 'host') {
      const owner = by.pid === undefined ? 'client' : { pid: by.pid };
      const program = checkDialler(this.#world, owner, packet);
      return program ? endByStop(packet, null, program) : this.#goFromHost(packet);
    }
    if (by.kind === 'container') return this.#goFromContainer(packet, by.bridge);
    const end = this.#goFromOutside(packet);
    return by.places ? end : this.#checkWayBack(packet, end);
  }

  /** The answer must leave by the device that the request came in on. */
  #checkWayBack(packet: TrialPacket, end: TrialEnd): TrialEnd {
    const { back } = end;
    if (!back || (end.end !== 'answered' && end.end !== 'refused')) return end;
    const stop = checkLeaving(this.#world, back, packet, this.#ask);
    return stop ? lose(end, stop) : end;
  }

  #goFromOutside(packet: TrialPacket): TrialEnd {
    const to = addressText(packet.destination);
    const container = to === null ? null : findContainerAt(this.#world, to);
    const wire = container && to !== null ? findWire(this.#world, container, to) : null;
    const { inDevice } = packet;
    // A macvlan takes its frames from the wire: the host's rules and routes never see them.
    if (container && wire && isStacked(wire.inner) && wire.outer?.name === inDevice) {
      const arrived = this.#arrival.reachContainer(packet, null);
      const end = this.#enterContainer(packet, container, arrived);
      const reach = end.back && this.#side.reach(container, end.back, addressText(packet.source));
      const alone = { ...end, back: null };
      if (reach?.kind === 'stop') return lose(alone, reach.stop);
      const other = reach && reach.device !== inDevice ? reach.device : null;
      return other === null
        ? alone
        : lose(alone, doubt({ code: 'leaves-by-another', device: other }));
    }
    const { routing } = this.#world;
    const program =
      routing && typeof inDevice === 'string'
        ? findPortProgram(routing.facts, inDevice, 'ingress')
        : null;
    return program ? endByStop(packet, null, program) : this.#arrive(packet, null);
  }

  #goFromContainer(packet: TrialPacket, bridge: string): TrialEnd {
    const client = findContainerAt(this.#world, addressText(packet.source) ?? '');
    const program = client?.inside ? checkDialler(client.inside, 'client', packet) : null;
    if (client && program) return endByStop(packet, null, within(client, program));
    const reach = client && this.#side.leave(client, packet);
    if (reach?.kind === 'stop') return endByStop(packet, null, reach.stop);
    const to = addressText(packet.destination);
    const own = to === null || isOwnAddress(this.#world, to);
    const neighbours = !own && findBridgeOf(this.#world, to)?.name === (reach?.device ?? bridge);
    if (!reach || !client) {
      return neighbours ? this.#crossBridge(packet, bridge) : this.#arrive(packet, bridge);
    }
    const { device, direct, wire } = reach;
    const source = reach.source === null ? packet.source : exactAddress(reach.source);
    const fields = { source, client: source, inDevice: device, clientDevice: device };
    const sent = createPacket({ ...packet, ...fields });
    if (direct && !own && !neighbours) {
      return endByStop(sent, null, misplace(client.name, to, wire.inner.name));
    }
    const end =
      direct && neighbours
        ? this.#crossBridge(sent, device)
        : this.#checkWayBack(sent, this.#arrive(sent, device, reach.misled ?? null));
    if (end.end !== 'answered' && end.end !== 'refused') return end;
    const stop = this.#side.receive(client, wire.inner.name, sent);
    const { inside } = client;
    if (stop || !inside) return stop ? lose(end, stop) : end;
    return askNeighbours(end, () => checkDiscovery(inside, wire.inner.name, packet.family));
  }

  /** Starts from a process of the host: OUTPUT, then over lo or out by a device. */
  #goFromHost(packet: TrialPacket): TrialEnd {
    const dialled = this.router.dial(packet);
    if (dialled.kind === 'stop') return endByStop(packet, null, dialled.stop);
    packet.outDevice = dialled.kind === 'host' ? 'lo' : dialled.device;
    if (dialled.source !== null) packet.source = exactAddress(dialled.source);
    else if (dialled.kind === 'device') packet.source = { kind: 'own' };
    packet.client = packet.source;
    const asked = packet.outDevice;
    const output = this.walk.run('output', packet, true);
    if (output.verdict !== 'accept') return this.#stop(packet, output, 'OUTPUT');
    const way = packet.rerouted ? this.router.leaveAgain(packet) : dialled;
    // If only this second lookup finds no route, the dialling process gets no error: the packet is dropped.
    if (way.kind === 'stop') return endByStop(packet, output.nat, hush(way.stop));
    packet.outDevice = way.kind === 'host' ? 'lo' : way.device;
    const blocked =
      way.kind === 'device' ? checkLoopbackSource(this.#world, packet, output.nat) : null;
    if (blocked) return blocked;
    const postrouting = this.walk.run('postrouting', packet, true);
    if (postrouting.verdict !== 'accept') return this.#stop(packet, postrouting, 'POSTROUTING');
    if (way.kind === 'device') {
      return this.#deliver(packet, output.nat, way, (sent, returns) =>
        fromHost(sent, asked, returns),
      );
    }
    const program =
      findProgramAt(this.#world, 'lo', 'egress') ?? findProgramAt(this.#world, 'lo', 'ingress');
    if (program) return endByStop(packet, output.nat, program);
    // Over lo the packet comes in again; NAT was decided on the way out.
    packet.inDevice = 'lo';
    packet.outDevice = null;
    const prerouting = this.walk.run('prerouting', packet, false);
    if (prerouting.verdict !== 'accept') return this.#stop(packet, prerouting, 'PREROUTING');
    return this.#takeIn(packet, output.nat, false);
  }

  #takeIn(packet: TrialPacket, nat: RuleRef | null, open = true): TrialEnd {
    return goOn(this, packet, this.#arrival.reachHost(packet, nat, open), toHost(packet));
  }

  /** Takes in a packet on a device: PREROUTING, then to the host or through it. */
  #arrive(packet: TrialPacket, bridge: string | null, misled: RouteStop | null = null): TrialEnd {
    const dialled = addressText(packet.destination);
    const client = addressText(packet.source);
    const program = findProgramAt(this.#world, packet.inDevice, 'ingress');
    if (program) return endByStop(packet, null, program);
    const prerouting = this.walk.run('prerouting', packet, true);
    if (prerouting.verdict !== 'accept') return this.#stop(packet, prerouting, 'PREROUTING');
    if (misled && addressText(packet.destination) === dialled) {
      return endByStop(packet, null, misled);
    }
    const end = this.#enter(packet, { nat: prerouting.nat, bridge, dialled, client });
    return askNeighbours(end, () => checkDiscovery(this.#world, packet.inDevice, packet.family));
  }

  /** Continues after PREROUTING: to the host or through it. */
  #enter(packet: TrialPacket, { nat, bridge, dialled, client }: Entering): TrialEnd {
    const to = addressText(packet.destination);
    if (to !== null && (to === '::1' || to.startsWith('127.'))) {
      const allowed = mayRouteLoopback(this.#world, packet.inDevice);
      if (allowed !== true) return blockLoopback(packet, nat, allowed);
    }
    const calls = bridge === null ? null : callsRules(this.#world, bridge, packet.family);
    const turns = to !== dialled && calls === true ? bridge : null;
    const way = this.router.enter(packet, turns);
    if (way.kind === 'stop') return refuseByRoute(this, packet, nat, way.stop);
    if (way.kind === 'host') return this.#takeIn(packet, nat);
    packet.outDevice = way.device;
    const turned = turns !== null && way.device === turns;
    const pair = turned ? checkPorts(this.#world, client, to) : null;
    if (pair) return endByStop(packet, nat, pair);
    let masked: RuleRef | null = null;
    for (const [hook, name] of PASSING) {
      const end = this.walk[turned ? 'runHook' : 'run'](hook, packet, true);
      if (end.verdict !== 'accept') return this.#stop(packet, end, name, turned);
      masked = end.nat;
    }
    const returns = bridge === null ? null : checkReturn(this.#world, packet, bridge, dialled);
    if (returns) return endJourney(packet, nat, 'dropped', returns);
    const container = to === null ? null : findContainerAt(this.#world, to);
    const hairpin =
      to !== null && to === client ? checkHairpin(this.#world, packet, container) : null;
    if (hairpin) return endByStop(packet, nat, hairpin);
    return { ...this.#deliver(packet, nat, way, turned ? turnedBack : forwarded), masked };
  }

  #deliver(packet: TrialPacket, nat: RuleRef | null, way: Leaving, course: MakeCourse): TrialEnd {
    const end = this.#bring(packet, nat, way, course);
    return askNeighbours(end, () => checkDiscoveryBeyond(this.#world, packet));
  }

  /** Sends the packet out by a device to the owner of its address, and the answer back. */
  #bring(packet: TrialPacket, nat: RuleRef | null, way: Leaving, course: MakeCourse): TrialEnd {
    const to = addressText(packet.destination);
    const container = to === null ? null : findContainerAt(this.#world, to);
    const stop = to === null ? null : checkLink(this.#world, way, to, container);
    if (stop) return endByStop(packet, nat, stop);
    const arrived = this.#arrival.reachContainer(packet, nat);
    const end = container ? this.#enterContainer(packet, container, arrived) : arrived;
    if (!container || (end.end !== 'answered' && end.end !== 'refused')) {
      return goOn(this, packet, end, course(packet));
    }
    const source = addressText(packet.source);
    const reach = end.back ? this.#side.reach(container, end.back, source) : null;
    const alone = { ...end, back: null };
    if (reach?.kind === 'stop') return lose(alone, reach.stop);
    // If NAT changed the client's source address, the answer's destination changes on the bridge.
    if (reach?.misled && !(packet.snat && source !== addressText(packet.client))) {
      return lose(alone, reach.misled);
    }
    const device = reach?.device ?? packet.outDevice;
    const near = source !== null && findBridgeOf(this.#world, source)?.name === device;
    if (reach?.direct === true && packet.source.kind !== 'own' && !near) {
      return lose(alone, misplace(container.name, null, reach.wire.inner.name));
    }
    const program = findProgramAt(this.#world, device, 'ingress');
    return program ? lose(alone, program) : goOn(this, packet, alone, course(packet, device));
  }

  /** Continues inside the container as on a host of its own, with its rules, routes and sockets. */
  #enterContainer(packet: TrialPacket, container: WorldContainer, arrived: TrialEnd): TrialEnd {
    const { inside } = container;
    const to = addressText(packet.destination);
    const wire = to === null ? null : findWire(this.#world, container, to);
    if (!inside || !wire || to === null) return arrived;
    if (arrived.end !== 'answered' && arrived.end !== 'refused') return arrived;
    const { protocol, family, destinationPort: port } = packet;
    const source = addressText(packet.source);
    const places = this.router.listPlaces(packet.source, packet);
    const { clientPorts: ports } = packet;
    const by = { kind: 'outside', device: wire.inner.name, source, places, ports } as const;
    const walk = new Walk(inside, indexRules(inside), this.#decide);
    const inner = new Traveller(inside, walk, this.#decide);
    return joinInside(arrived, inner.go({ protocol, family, port, to, by }), container);
  }

  /** Crosses a bridge from one port to another: the IP rules apply only if br_netfilter says so. */
  #crossBridge(packet: TrialPacket, bridge: string): TrialEnd {
    const calls = callsRules(this.#world, bridge, packet.family);
    const dialled = addressText(packet.destination);
    const from = addressText(packet.source);
    const target = findContainerAt(this.#world, dialled ?? '');
    const stopped = this.walk.cross(packet);
    if (stopped) return this.#stop(packet, stopped, 'bridge', true);
    // If it is unknown whether the rules apply, run them: only a packet that they stop makes a difference.
    if (calls !== false) {
      packet.outDevice = null;
      const first = this.walk.runHook('prerouting', packet, true);
      if (first.verdict !== 'accept') {
        return stopCrossing(this, { packet, stop: first, place: 'PREROUTING' }, calls);
      }
      if (calls === true && addressText(packet.destination) !== dialled) {
        return this.#enter(packet, { nat: first.nat, bridge, dialled, client: from });
      }
    }
    const pair = checkPorts(this.#world, from, dialled);
    if (pair) return endByStop(packet, null, pair);
    packet.outDevice = bridge;
    for (const [hook, name] of calls === false ? [] : PASSING) {
      const stop = this.walk.runHook(hook, packet, true);
      if (stop.verdict !== 'accept')
        return stopCrossing(this, { packet, stop, place: name }, calls);
    }
    const arrived = this.#arrival.reachContainer(packet, null);
    const end = target ? this.#enterContainer(packet, target, arrived) : arrived;
    const reach =
      end.back && target && this.#side.reach(target, end.back, addressText(packet.source));
    const alone = { ...end, back: null };
    if (reach?.kind === 'stop') return lose(alone, reach.stop);
    if (reach?.misled) return lose(alone, { ...reach.misled, end: 'unknown', obstacle: null });
    if (reach && (!reach.direct || reach.device !== bridge)) {
      const fields = { container: target?.name ?? '', device: reach.device };
      return lose(alone, doubt({ code: 'not-straight', ...fields }));
    }
    const there = calls === true ? goOn(this, packet, alone, bridged(packet)) : alone;
    return askNeighbours(there, () => checkDiscoveryAcross(this.#world, bridge, packet.family));
  }

  #stop(packet: TrialPacket, stop: HookEnd, place: RuledPlace, bridged = false): TrialEnd {
    return stopPacket(this, { packet, stop, place, bridged });
  }
}
