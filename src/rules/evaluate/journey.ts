/** One hypothetical connection from its vantage to whoever answers, hook by hook. */
import type { Protocol } from '../../model/event.js';
import { Arrival, isLoopbackSource } from './arrival.js';
import { endJourney, stopJourney, type Journey } from './ends.js';
import { addressText, createPacket, exactAddress, UNNAMED, type Packet } from './packet.js';
import type { RuleRef } from './rule-index.js';
import type { Walk } from './walk.js';
import { forwarded, fromHost, goOn, toHost } from './turns.js';
import { findBridgeOf, findRoute, isOwnAddress, type World } from './world.js';

/** Where a connection starts. */
export interface Start {
  readonly protocol: Protocol;
  readonly port: number;
  readonly family: 4 | 6;
  /** Null for the host's own address where that is not known. */
  readonly to: string | null;
  readonly by:
    | { readonly kind: 'host' }
    /** From elsewhere by a device of the host. */
    | {
        readonly kind: 'outside';
        readonly device: string | null;
        readonly source: string | null;
      }
    /** From a container by its bridge. */
    | { readonly kind: 'container'; readonly bridge: string; readonly address: string };
}

/** Takes the way step by step; every return is an end. */
export class Traveller {
  private readonly arrival: Arrival;

  constructor(
    private readonly world: World,
    private readonly walk: Walk,
  ) {
    this.arrival = new Arrival(world, walk, (start) => this.go(start));
  }

  go(start: Start): Journey {
    const { by, protocol, family, port } = start;
    const destination = start.to === null ? ({ kind: 'own' } as const) : exactAddress(start.to);
    const fields = { family, protocol, destination, destinationPort: port };
    if (by.kind === 'host')
      return this.goFromHost(createPacket({ ...fields, source: destination }));
    if (by.kind === 'outside') {
      const source =
        by.source === null ? ({ kind: 'elsewhere' } as const) : exactAddress(by.source);
      return this.arrive(createPacket({ ...fields, source, inDevice: by.device ?? UNNAMED }), null);
    }
    const packet = createPacket({
      ...fields,
      source: exactAddress(by.address),
      inDevice: by.bridge,
    });
    const target = start.to === null ? null : findBridgeOf(this.world, start.to);
    const bridged = target?.name === by.bridge && !isOwnAddress(this.world, start.to ?? '');
    return bridged ? this.crossBridge(packet, by.bridge) : this.arrive(packet, by.bridge);
  }

  /** A process of the host: OUTPUT, and then over lo or out to a container. */
  private goFromHost(packet: Packet): Journey {
    const dialled = addressText(packet.destination);
    const local = dialled === null || isOwnAddress(this.world, dialled);
    const route = local ? null : findRoute(this.world, dialled);
    packet.outDevice = local ? 'lo' : (route?.device ?? UNNAMED);
    packet.source =
      dialled === null || local
        ? packet.destination
        : route?.source == null
          ? { kind: 'own' }
          : exactAddress(route.source);
    packet.client = packet.source;
    const output = this.walk.run('output', packet, true);
    if (output.verdict !== 'accept') return stopJourney(packet, output, 'OUTPUT');
    const to = addressText(packet.destination);
    const stays = to === null ? !packet.dnat : isOwnAddress(this.world, to);
    packet.outDevice = stays ? 'lo' : this.leadTo(to);
    if (!stays && isLoopbackSource(packet)) {
      if (packet.family === 6) {
        return endJourney(packet, output.nat, 'dropped', {
          why: 'a rule sends it on, but nothing beyond the host talks with ::1: IPv6 has no route_localnet',
          obstacles: ['a packet from ::1 cannot be routed to a container'],
        });
      }
      const allowed = this.mayRouteLoopback(packet.outDevice);
      if (allowed !== true) return this.blockLoopback(packet, output.nat, allowed);
    }
    const postrouting = this.walk.run('postrouting', packet, true);
    if (postrouting.verdict !== 'accept') return stopJourney(packet, postrouting, 'POSTROUTING');
    if (!stays) {
      const end = this.arrival.reachContainer(packet, output.nat);
      return goOn(this.walk, packet, end, fromHost(packet));
    }
    // Over lo it comes in again; NAT has been settled on the way out.
    packet.inDevice = 'lo';
    packet.outDevice = null;
    const prerouting = this.walk.run('prerouting', packet, false);
    if (prerouting.verdict !== 'accept') return stopJourney(packet, prerouting, 'PREROUTING');
    const end = this.arrival.reachHost(packet, output.nat);
    return goOn(this.walk, packet, end, toHost(packet));
  }

  /** Comes in on a device: PREROUTING, and then to the host or through it. */
  private arrive(packet: Packet, bridge: string | null): Journey {
    const dialled = addressText(packet.destination);
    const client = addressText(packet.source);
    const prerouting = this.walk.run('prerouting', packet, true);
    if (prerouting.verdict !== 'accept') return stopJourney(packet, prerouting, 'PREROUTING');
    const to = addressText(packet.destination);
    if (to !== null && (to === '::1' || to.startsWith('127.'))) {
      const allowed = this.mayRouteLoopback(packet.inDevice);
      if (allowed !== true) return this.blockLoopback(packet, prerouting.nat, allowed);
    }
    if (to === null ? !packet.dnat : isOwnAddress(this.world, to)) {
      const end = this.arrival.reachHost(packet, prerouting.nat);
      return goOn(this.walk, packet, end, toHost(packet));
    }
    const { forward4, forward6 } = this.world.settings;
    const setting = packet.family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding';
    if ((packet.family === 4 ? forward4 : forward6) === false) {
      return endJourney(packet, prerouting.nat, 'dropped', {
        why: `it would have to be forwarded to ${to ?? 'its target'}, and ${setting} is 0`,
        obstacles: [`${setting} is 0: this host forwards nothing`],
      });
    }
    packet.outDevice = this.leadTo(to);
    const forward = this.walk.run('forward', packet, true);
    if (forward.verdict !== 'accept') return stopJourney(packet, forward, 'FORWARD');
    const postrouting = this.walk.run('postrouting', packet, true);
    if (postrouting.verdict !== 'accept') return stopJourney(packet, postrouting, 'POSTROUTING');
    const returns = bridge === null ? null : this.checkReturn(packet, bridge, dialled);
    if (returns) return endJourney(packet, prerouting.nat, 'dropped', returns);
    // Docker lets frames return by the port that they came from where there is no docker-proxy; others may not.
    if (to !== null && to === client && this.world.userlandProxy !== false) {
      return endJourney(packet, prerouting.nat, 'unknown', {
        why: 'it would have to go back by the port of the bridge that it came from, and whether that port is in hairpin mode is not known',
        obstacles: [],
      });
    }
    const end = this.arrival.reachContainer(packet, prerouting.nat);
    return goOn(this.walk, packet, end, forwarded(packet));
  }

  /** From one port of a bridge to another: the rules are only asked where br_netfilter says so. */
  private crossBridge(packet: Packet, bridge: string): Journey {
    const { bridgeCalls4, bridgeCalls6 } = this.world.settings;
    const calls = packet.family === 4 ? bridgeCalls4 : bridgeCalls6;
    // When it is not known whether the rules are asked, they are, and only a drop would tell the difference.
    if (calls !== false) {
      const hooks = [
        ['prerouting', 'PREROUTING'],
        ['forward', 'FORWARD'],
        ['postrouting', 'POSTROUTING'],
      ] as const;
      for (const [hook, name] of hooks) {
        if (hook !== 'prerouting') packet.outDevice = bridge;
        const end = this.walk.run(hook, packet, true);
        if (end.verdict === 'accept') continue;
        if (calls === true) return stopJourney(packet, end, name);
        return endJourney(packet, null, 'unknown', {
          why: `${name} would drop it, but whether bridged packets meet the rules is not known`,
          obstacles: [],
        });
      }
    }
    const end = this.arrival.reachContainer(packet, null);
    return calls === true ? goOn(this.walk, packet, end, forwarded(packet)) : end;
  }

  private leadTo(to: string | null): Packet['outDevice'] {
    if (to === null) return UNNAMED;
    return findBridgeOf(this.world, to)?.name ?? findRoute(this.world, to)?.device ?? UNNAMED;
  }

  private mayRouteLoopback(device: Packet['outDevice']): boolean | null {
    const { routeLocalnet } = this.world.settings;
    if (routeLocalnet === null) return null;
    if (routeLocalnet.includes('all')) return true;
    return typeof device === 'string' && routeLocalnet.includes(device);
  }

  private blockLoopback(packet: Packet, nat: RuleRef | null, allowed: boolean | null): Journey {
    const device = packet.outDevice ?? packet.inDevice;
    const named = typeof device === 'string' && !device.startsWith('(');
    const name = named ? device : "the container's bridge";
    const setting = named ? `net.ipv4.conf.${name}.route_localnet` : `route_localnet of ${name}`;
    if (allowed === null) {
      return endJourney(packet, nat, 'unknown', {
        why: `it depends on ${setting}, which is not known`,
        obstacles: [`${setting} would have to be 1`],
      });
    }
    return endJourney(packet, nat, 'dropped', {
      why: `a packet of 127.0.0.0/8 may not be routed over ${name}: route_localnet is 0`,
      obstacles: [`${setting} is 0`],
    });
  }

  /** A reply that the bridge hands straight to the client never meets the connection's NAT. */
  private checkReturn(
    packet: Packet,
    bridge: string,
    dialled: string | null,
  ): { why: string; obstacles: string[] } | null {
    if (!packet.dnat || packet.snat || packet.outDevice !== bridge) return null;
    const source = addressText(packet.source);
    if (source !== null && source === addressText(packet.destination)) {
      return {
        why: `the container would get a packet from its own address ${source}, and drops it`,
        obstacles: ['no rule masquerades what a container sends to its own published port'],
      };
    }
    const { bridgeCalls4, bridgeCalls6 } = this.world.settings;
    if ((packet.family === 4 ? bridgeCalls4 : bridgeCalls6) !== false) return null;
    const setting = `net.bridge.bridge-nf-call-ip${packet.family === 4 ? '' : '6'}tables`;
    return {
      why: `the reply would come straight over ${bridge} from another address than ${dialled ?? 'the one dialled'}`,
      obstacles: [`${setting} is off, so replies inside ${bridge} are not translated back`],
    };
  }
}
