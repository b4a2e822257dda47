/** Finds where a packet ends: at a socket of the host, at the relay behind that socket, or in a container. */
import { isPortDriver } from '../../model/port-drivers.js';
import type { HostPort, Reason } from '../../model/reason.js';
import {
  findContainerAt,
  findDeafness,
  findPortRelay,
  findSocket,
  listSocketsFor,
} from './deliver.js';
import { checkServer } from './group-programs.js';
import { endByStop, endJourney, formatTarget, targetOf, type TrialEnd } from './journey-end.js';
import { isLoopbackSource } from './loopback.js';
import type { Start } from './start.js';
import { addressText, exactAddress, type TrialPacket } from './packet.js';
import type { RuleRef } from './rule-index.js';
import { stopPacket } from './refusal.js';
import type { Router } from './routing/router.js';
import type { Walk } from './walk.js';
import {
  findBridgeOf,
  isOwnAddress,
  type World,
  type WorldRelay,
  type WorldSocket,
} from './world.js';

export class Arrival {
  readonly #world: World;
  readonly #walk: Walk;
  /** Relays whose own connection is under way. */
  readonly #dialling = new Set<WorldRelay>();
  readonly #ways: {
    /** Makes the relay's own connection. */
    readonly dial: (start: Start) => TrialEnd;
    readonly router: Router;
  };

  constructor(
    world: World,
    walk: Walk,
    ways: {
      /** Makes the relay's own connection. */
      readonly dial: (start: Start) => TrialEnd;
      readonly router: Router;
    },
  ) {
    this.#world = world;
    this.#walk = walk;
    this.#ways = ways;
  }

  /** @param open whether INPUT may still change the source: over lo, POSTROUTING has already decided it. */
  reachHost(packet: TrialPacket, nat: RuleRef | null, open = true): TrialEnd {
    const input = this.#walk.run('input', packet, open);
    if (input.verdict !== 'accept') {
      const walk = this.#walk;
      const ways = this.#ways;
      return stopPacket({ walk, router: ways.router }, { packet, stop: input, place: 'INPUT' });
    }
    const to = addressText(packet.destination);
    const { destinationPort: port, protocol, family } = packet;
    const sockets = listSocketsFor(this.#world, port);
    const query = { protocol, address: to, port, family };
    const socket = sockets && findSocket(sockets, query);
    const relay = findPortRelay(this.#world, query, socket);
    const at = targetOf(packet);
    if (packet.dnat && socket !== null) {
      // A rule redirects the packet and a process takes it: no single path describes both.
      return endJourney(packet, nat, 'unknown', {
        why: { code: 'redirected-to-process', at, command: socket.command },
        obstacles: [],
      });
    }
    if (packet.dnat) {
      const known = sockets !== null;
      return endJourney(packet, nat, known ? 'refused' : 'unknown', {
        why: { code: 'redirected', at, listenersKnown: known },
        obstacles: known ? [{ code: 'nothing-listens', at }] : [],
      });
    }
    const owner = { pid: socket?.pid ?? relay?.pid ?? null };
    const program = socket || relay ? checkServer(this.#world, owner, packet) : null;
    if (program) return endByStop(packet, nat, program);
    if (relay && (socket !== null || sockets === null)) return this.#reachRelay(packet, relay);
    if (sockets === null) return this.#guessRelay(packet, at);
    if (socket === null) {
      return endJourney(packet, nat, 'refused', {
        why: { code: 'unserved', at },
        obstacles: [{ code: 'nothing-listens', at }],
      });
    }
    return this.#reachProcess(packet, nat, socket);
  }

  /** A process of the host that is no relay which is known. */
  #reachProcess(packet: TrialPacket, nat: RuleRef | null, socket: WorldSocket): TrialEnd {
    const at = targetOf(packet);
    const { command } = socket;
    if (command === 'dockerd' || command === 'conmon') {
      return endJourney(packet, nat, 'unknown', {
        why: { code: 'held', at, command },
        obstacles: [{ code: 'no-rule-takes-it' }],
      });
    }
    if (command !== null && isPortDriver({ command })) {
      const taken = endJourney(packet, nat, 'answered', {
        way: 'relay',
        why: { code: 'port-driver', at, command },
        obstacles: [],
      });
      return { ...taken, sourceSeen: null, target: null };
    }
    const why = { code: 'served', at, command } as const;
    const stray = this.#findStray(packet, socket.address);
    if (stray) {
      const but = { code: 'may-stray', source: stray.source } as const;
      return endJourney(packet, nat, 'unknown', {
        why: { code: 'but', first: why, but },
        obstacles: [],
      });
    }
    return endJourney(packet, nat, 'answered', { way: 'host', why, obstacles: [] });
  }

  /** Guesses docker-proxy when the host's sockets are unknown: the rules show whether it is used at all. */
  #guessRelay(packet: TrialPacket, at: HostPort): TrialEnd {
    if (this.#world.userlandProxy === true && this.#isPublishedAt(packet)) {
      const guessed = endJourney(packet, this.#findException(), 'answered', {
        way: 'docker-proxy',
        why: { code: 'relay-assumed', at },
        obstacles: [],
      });
      return { ...guessed, sourceSeen: null, target: null };
    }
    return endJourney(packet, null, 'unknown', {
      why: { code: 'listener-unknown', at },
      obstacles: [],
    });
  }

  #isPublishedAt(packet: TrialPacket): boolean {
    const any = packet.family === 4 ? '0.0.0.0' : '::';
    const to = addressText(packet.destination);
    return this.#world.published.some(
      ({ protocol, address, port }) =>
        protocol === packet.protocol &&
        port === packet.destinationPort &&
        (address === any || address === to),
    );
  }

  #dial(relay: WorldRelay, start: Start): TrialEnd {
    this.#dialling.add(relay);
    try {
      return this.#ways.dial(start);
    } finally {
      this.#dialling.delete(relay);
    }
  }

  #reachRelay(packet: TrialPacket, relay: WorldRelay): TrialEnd {
    const { target, command, pid, listens } = relay;
    const name = { command, pid, listens };
    const way = 'docker-proxy';
    if (target === null) {
      return endJourney(packet, this.#findException(), 'answered', {
        way,
        why: { code: 'relayed', relay: name, leg: null },
        obstacles: [],
      });
    }
    if (this.#dialling.has(relay)) {
      const why = { code: 'relay-loops', command, to: target } as const;
      return endJourney(packet, this.#findException(), 'unknown', { why, obstacles: [] });
    }
    const leg = this.#dial(relay, {
      protocol: packet.protocol,
      port: target.port,
      to: target.address,
      family: target.address.includes(':') ? 6 : 4,
      by: { kind: 'host', pid },
    });
    const to = formatTarget(target.address, target.port);
    if (leg.end === 'answered' || leg.end === 'unknown') {
      const doubt = leg.end === 'unknown' ? leg.why : null;
      const found = this.#findStray(packet, listens.address);
      const dialled = addressText(packet.destination);
      const stray =
        found && ({ code: 'stray-reply', command, source: found.source, dialled } as const);
      return {
        end: found?.source === null ? 'unknown' : leg.end,
        way,
        deciding: this.#findException(),
        why: { code: 'relayed', relay: name, leg: { to: target, doubt, stray } },
        sourceSeen: leg.sourceSeen,
        target: to,
        obstacles: [...leg.obstacles, ...(stray?.source != null ? [stray] : [])],
      };
    }
    const { protocol } = packet;
    const fate = { code: 'relay-fails', protocol, command, to: target } as const;
    return {
      end: 'answered',
      way,
      deciding: this.#findException(),
      why: { code: 'relayed', relay: name, leg: { fails: fate } },
      sourceSeen: null,
      target: to,
      obstacles: [...leg.obstacles, fate],
    };
  }

  /**
   * Finds the source address of a UDP answer from a socket on all addresses: the host chooses it for each client.
   * @returns null if that is the dialled address; else the source, which is null if it is unknown.
   */
  #findStray(packet: TrialPacket, listens: string): { readonly source: string | null } | null {
    const [client, dialled] = [addressText(packet.source), addressText(packet.destination)];
    if (packet.protocol !== 'udp' || dialled === null) return null;
    if (listens !== '0.0.0.0' && listens !== '::') return null;
    // It is unknown which of its own addresses a host masquerades with over lo.
    if (client === null && packet.source.kind === 'own')
      return packet.snat ? { source: null } : null;
    if (client === null) return this.#findStrayTo(packet, dialled);
    const own = isOwnAddress(this.#world, client);
    const source = own ? client : this.#ways.router.chooseSource(packet);
    return source === null || source === dialled ? null : { source };
  }

  /** Does the same for a client whose address is unknown, with the addresses that stand for it. */
  #findStrayTo(packet: TrialPacket, dialled: string): { readonly source: string | null } | null {
    const { router } = this.#ways;
    const sources = router
      .listPlaces(packet.source, packet)
      .map(({ address }) => router.chooseSource({ ...packet, source: exactAddress(address) }));
    const other = sources.find((source) => source !== null && source !== dialled);
    if (other === undefined) return null;
    return { source: sources.every((source) => source === other) ? other : null };
  }

  /** Finds the rule that kept NAT from translating the packet: one that returned it, or one that excepts it. */
  #findException(): RuleRef | null {
    const { met, spared } = this.#walk;
    const returned = met.find(
      ({ table, chain, rule }) =>
        table.chains.some(({ base }) => base?.type === 'nat') &&
        chain.base === null &&
        rule?.steps.some((step) => step.kind === 'verdict' && step.verdict.do === 'return'),
    );
    return returned ?? spared.find(({ chain }) => chain.base?.hook !== 'postrouting') ?? null;
  }

  reachContainer(packet: TrialPacket, nat: RuleRef | null): TrialEnd {
    const to = addressText(packet.destination);
    const way = packet.dnat ? 'dnat' : 'direct';
    const port = packet.destinationPort;
    const lead = { code: 'led', translated: packet.dnat, to: targetOf(packet) } as const;
    const leads = (more: Reason): Reason => ({ code: 'with', first: lead, more });
    if (isLoopbackSource(packet)) {
      return endJourney(packet, nat, 'dropped', {
        why: leads({ code: 'from-loopback' }),
        obstacles: [{ code: 'loopback-unmasked' }],
      });
    }
    const container = to === null ? null : findContainerAt(this.#world, to);
    const bridge = to === null ? null : findBridgeOf(this.#world, to);
    if (nat?.chain.name === 'DOCKER-INGRESS') {
      return endJourney(packet, nat, 'unknown', {
        why: leads({ code: 'balancer' }),
        obstacles: [],
      });
    }
    // Others may attach machines to bridges of their own. Only on the engine's bridges is an address without a
    // container known to be unused.
    const isEngines = this.#world.containers.some(({ places }) =>
      places.some((place) => place.bridge === bridge?.name),
    );
    if (!container && this.#world.measured && bridge && isEngines) {
      return endJourney(packet, nat, 'dropped', {
        why: leads({ code: 'address-unheld', bridge: bridge.name }),
        obstacles: [{ code: 'address-unused', address: to ?? '' }],
      });
    }
    if (!container && !bridge && this.#world.measured && !packet.dnat) {
      return endJourney(packet, nat, 'unknown', {
        why: leads({ code: 'off-bridge' }),
        obstacles: [],
      });
    }
    const deaf =
      container && to !== null ? findDeafness(container, packet.protocol, to, port) : null;
    if (deaf !== null) {
      return endJourney(packet, nat, 'refused', {
        way,
        why: { code: 'but', first: lead, but: deaf },
        obstacles: [deaf],
      });
    }
    return endJourney(packet, nat, 'answered', { way, why: lead, obstacles: [] });
  }
}
