/** Evaluates a container's namespace: its rules and routes, and the host device on which its packets reach the host. */
import type { Question } from '../../model/question.js';
import type { ContainerReason, Reason } from '../../model/reason.js';
import { TCP_FLAGS } from '../../model/rules.js';
import { wonder } from './doubt.js';
import type { TrialEnd } from './journey-end.js';
import { addressText, createPacket, UNZONED, type TrialPacket } from './packet.js';
import { findContainerAt } from './deliver.js';
import {
  checkNeighbour,
  checkPort,
  findProgramAt,
  findWireOf,
  isStacked,
  type Wire,
} from './routing/link.js';
import { forwardsNothing, isNobodys, isUnanswered } from './routing/segment.js';
import { findInput } from './routing/input.js';
import { Router, type Leaving } from './routing/router.js';
import { stopByMartian, type RouteStop } from './routing/stops.js';
import { RuleIndex } from './rule-index.js';
import { Walk } from './walk.js';
import type { Decide } from './hook-end.js';
import { callsRules, stripPrefix, type World, type WorldContainer } from './world.js';

/** How a packet that a container sends reaches the host. */
export type Reach =
  | { readonly kind: 'stop'; readonly stop: RouteStop }
  /** On a device of the host. `direct` means that the packet reaches the other end without the host's routing. */
  | {
      readonly kind: 'reached';
      readonly device: string;
      readonly wire: Wire;
      readonly direct: boolean;
      readonly source: string | null;
      /**
       * The frame has another machine's hardware address: the host takes it only if NAT changes its destination on the
       * bridge.
       */
      readonly misled?: RouteStop;
    };

/** Who has the address of a container's gateway. */
type GatewayOwner = Extract<ContainerReason, { code: 'to-gateway' }>['owner'];

const indices = new WeakMap<World, RuleIndex>();

export function indexRules(world: World): RuleIndex {
  const known = indices.get(world) ?? new RuleIndex(world.rules);
  indices.set(world, known);
  return known;
}

export class ContainerSide {
  readonly #world: World;
  readonly #decide: Decide;

  constructor(world: World, decide: Decide) {
    this.#world = world;
    this.#decide = decide;
  }

  /** Finds where a packet from a process in the container leaves it; null if the container's namespace was not read. */
  leave(container: WorldContainer, packet: TrialPacket): Reach | null {
    const { inside } = container;
    if (!inside?.routing) return null;
    const sent = createPacket({ ...packet, inDevice: null, outDevice: null, mark: 0 });
    const way = new Router(inside, this.#ask).dial(sent);
    if (way.kind === 'stop') return { kind: 'stop', stop: within(container, way.stop) };
    if (way.kind === 'host') {
      const why = { code: 'own-address', container: container.name } as const;
      return { kind: 'stop', stop: { code: 'elsewhere', end: 'unknown', why, obstacle: null } };
    }
    sent.outDevice = way.device;
    const stop = this.#run(container, sent, ['output', 'postrouting'], true);
    return stop
      ? { kind: 'stop', stop }
      : this.reach(container, way, addressText(packet.destination));
  }

  /** Finds the host device on which a packet from the container arrives. */
  reach(container: WorldContainer, way: Leaving, to: string | null): Reach | null {
    const { facts } = this.#world.routing ?? {};
    const { device, gateway, source } = way;
    if (!facts || typeof device !== 'string') return null;
    const wire = findWireOf(this.#world, container, device);
    if (!wire?.outer) {
      const why = { code: 'leads-elsewhere', container: container.name, device } as const;
      return { kind: 'stop', stop: { code: 'elsewhere', end: 'unknown', why, obstacle: null } };
    }
    const { inner, outer } = wire;
    const host = isStacked(inner) ? outer.name : (outer.master ?? outer.name);
    const reached = { kind: 'reached' as const, device: host, wire, source };
    const program = container.inside && findProgramAt(container.inside, device, 'egress');
    if (program) return { kind: 'stop', stop: within(container, program) };
    const port = isStacked(inner) ? null : checkPort(facts, outer, 'from');
    if (port) return { kind: 'stop', stop: port };
    if (isStacked(inner)) return this.#reachWire(reached, gateway ?? to, container);
    const next = gateway ?? to;
    if (next === null) return { ...reached, direct: false };
    const owner = this.#findOwner(next, host);
    const plain = { ...reached, direct: false };
    if (owner === 'host') {
      const lladdr = facts.links.find(({ name }) => name === host)?.address ?? null;
      const inside = container.inside?.routing?.facts;
      const wrong = inside && checkNeighbour(inside, device, next, lladdr);
      if (!wrong) return plain;
      const named = inside.neighbours.find(
        (entry) => entry.device === device && entry.address === next,
      )?.lladdr;
      const nobody = named != null && isNobodys(this.#world, host, named);
      const stop: RouteStop =
        wrong.end !== 'dropped' || nobody ? wrong : { ...wrong, end: 'unknown', obstacle: null };
      return this.#mislead(plain, next, within(container, stop));
    }
    if (gateway === null) return { ...reached, direct: true };
    const lead = (who: GatewayOwner): Reason => ({
      code: 'to-gateway',
      container: container.name,
      gateway,
      device,
      owner: who,
    });
    const asked = { bridge: host, device, address: gateway };
    if (owner === null && isUnanswered(this.#world, container, asked)) {
      const why = lead({ kind: 'nobody', bridge: host });
      return { kind: 'stop', stop: { code: 'neighbour', end: 'dropped', why, obstacle: why } };
    }
    const other = owner === null ? null : findContainerAt(this.#world, gateway);
    if (other && forwardsNothing(other, gateway)) {
      const why = lead({ kind: 'idle', name: other.name });
      return this.#mislead(plain, next, { code: 'neighbour', end: 'dropped', why, obstacle: why });
    }
    const why = lead(owner === null ? { kind: 'unknown' } : { kind: 'known', name: owner });
    return { kind: 'stop', stop: { code: 'gateway', end: 'unknown', why, obstacle: null } };
  }

  /**
   * Where bridged frames meet the IP rules, the host takes a frame that NAT rewrites, whatever its hardware address.
   */
  #mislead(
    reached: Extract<Reach, { kind: 'reached' }>,
    next: string,
    stop: RouteStop,
  ): Extract<Reach, { kind: 'reached' | 'stop' }> {
    const calls = callsRules(this.#world, reached.device, next.includes(':') ? 6 : 4);
    if (stop.end === 'dropped' && calls === true) return { ...reached, misled: stop };
    const open = stop.end === 'dropped' && calls === null;
    return { kind: 'stop', stop: open ? { ...stop, end: 'unknown', obstacle: null } : stop };
  }

  /** A macvlan sends every packet to the wire, so none reaches an address of this host. */
  #reachWire(
    reached: Omit<Extract<Reach, { kind: 'reached' }>, 'direct'>,
    next: string | null,
    { name }: WorldContainer,
  ): Reach {
    const own = next !== null && this.#findOwner(next, reached.device) === 'host';
    if (!own) return { ...reached, direct: true };
    const { device } = reached;
    const why = { code: 'wire-misses-host', container: name, device, address: next } as const;
    return { kind: 'stop', stop: { code: 'macvlan', end: 'dropped', why, obstacle: why } };
  }

  /** Finds what keeps the container from taking the packet that comes back to it. */
  receive(container: WorldContainer, device: string, packet: TrialPacket): RouteStop | null {
    const { inside } = container;
    const source = addressText(packet.dialled.address);
    const destination = addressText(packet.client);
    if (!inside?.routing || source === null || destination === null) return null;
    const outer = findWireOf(this.#world, container, device)?.outer?.name;
    const before = findProgramAt(this.#world, outer, 'egress');
    if (before) return before;
    const program = findProgramAt(inside, device, 'ingress');
    if (program) return within(container, program);
    const { facts, values } = inside.routing;
    const { family, protocol, dialled } = packet;
    const flow = {
      family,
      protocol,
      source,
      destination,
      inDevice: device,
      outDevice: null,
      sourcePort: dialled.port,
      destinationPort: null,
      mark: 0,
      user: 0,
      clientPorts: packet.clientPorts,
    };
    const input = findInput(facts, values, flow, this.#ask);
    if (input.kind === 'martian') return within(container, stopByMartian(input, flow));
    const answer = createPacket({
      ...packet,
      source: packet.dialled.address,
      destination: packet.client,
      turn: 'answer',
      destinationPort: dialled.port,
      inDevice: device,
      outDevice: null,
      mark: 0,
      dnat: false,
      snat: false,
      tracking: 'none',
      zone: UNZONED,
      expected: null,
      entry: { zones: UNZONED, answered: false },
      flags: protocol === 'tcp' ? TCP_FLAGS.syn | TCP_FLAGS.ack : 0,
    });
    return this.#run(container, answer, ['prerouting', 'input'], false);
  }

  #run(
    container: WorldContainer,
    packet: TrialPacket,
    hooks: readonly ('output' | 'postrouting' | 'prerouting' | 'input')[],
    nat: boolean,
  ): RouteStop | null {
    const { inside } = container;
    if (!inside) return null;
    const walk = new Walk(inside, indexRules(inside), this.#decide);
    const before = addressText(packet.destination);
    for (const hook of hooks) {
      const { verdict, by } = walk.run(hook, packet, nat);
      if (verdict !== 'accept') {
        const why = {
          code: 'container-rule',
          container: container.name,
          rule: by?.rule?.text ?? null,
          chain: by?.chain.name ?? hook,
          rejects: verdict === 'reject',
        } as const;
        return {
          code: 'inside',
          end: verdict === 'reject' ? 'refused' : 'dropped',
          why,
          obstacle: why,
        };
      }
    }
    if (addressText(packet.destination) === before) return null;
    const why = { code: 'container-redirects', container: container.name } as const;
    return { code: 'inside', end: 'unknown', why, obstacle: null };
  }

  /** Finds who has an address on a device of the host: `host`, a container's name, or null if unknown. */
  #findOwner(address: string, device: string): string | null {
    const { devices, containers } = this.#world;
    const own = devices.some(
      ({ name, networks }) =>
        name === device && networks.some((network) => stripPrefix(network) === address),
    );
    if (own) return 'host';
    const other = containers.find(({ places }) =>
      places.some((place) => place.address === address),
    );
    return other ? other.name : null;
  }

  readonly #ask = (about: Question): boolean => this.#decide(wonder(about), null);
}

/** Tells of a stop that it is inside the container. */
export function within({ name }: WorldContainer, stop: RouteStop): RouteStop {
  const tell = (reason: Reason): Reason => ({ code: 'inside', container: name, reason });
  return {
    ...stop,
    why: tell(stop.why),
    obstacle: stop.obstacle === null ? null : tell(stop.obstacle),
  };
}

/** Joins the end on the host with the end inside the container. */
export function joinInside(outer: TrialEnd, inner: TrialEnd, container: WorldContainer): TrialEnd {
  const { name } = container;
  const { back = null } = inner;
  if (inner.end === 'answered') return { ...outer, back };
  // Keep the host's reason: it knows only the sockets, so it is the simpler one.
  if (inner.end === 'refused' && outer.end === 'refused') return { ...outer, back };
  const refusal = inner.end === 'refused' ? (inner.refusal ?? readRefusal(inner)) : null;
  const taken = { code: 'taken-to', target: outer.target ?? name } as const;
  const first = outer.end === 'answered' ? outer.why : taken;
  const tell = (reason: Reason): Reason => ({ code: 'inside', container: name, reason });
  return {
    ...outer,
    end: inner.end,
    back,
    deciding: inner.deciding ?? outer.deciding,
    ...(inner.end === 'refused' ? {} : { sourceSeen: null }),
    ...(refusal && { refusal }),
    ...(inner.ruledIn !== undefined && { ruledIn: name }),
    ...(inner.stop && { stop: within(container, inner.stop) }),
    why: { code: 'but', first, but: tell(inner.why) },
    obstacles: inner.obstacles.map(tell),
  };
}

/** A rule may refuse with a TCP reset; a route always refuses with an ICMP message. */
function readRefusal({ deciding, stop }: TrialEnd): 'reset' | 'message' {
  const verdict = deciding?.rule?.steps.findLast((step) => step.kind === 'verdict')?.verdict;
  return !stop && verdict?.do === 'reject' && verdict.reset ? 'reset' : 'message';
}
