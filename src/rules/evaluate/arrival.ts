/** The last part of a way: a socket of the host, the relay behind it, or a container. */
import { isPortDriver } from '../../model/port-drivers.js';
import { findContainerAt, findDeafness, findRelay, findSocket, listSocketsFor } from './deliver.js';
import { endJourney, formatTarget, type Journey } from './ends.js';
import { isLoopbackSource } from './loopback.js';
import type { Start } from './start.js';
import { addressText, type Packet } from './packet.js';
import type { RuleRef } from './rule-index.js';
import { stopPacket } from './refusal.js';
import type { Router } from './routing/router.js';
import type { Walk } from './walk.js';
import { findBridgeOf, isOwnAddress, type World } from './world.js';

export class Arrival {
  readonly #world: World;
  readonly #walk: Walk;
  readonly #ways: {
    /** Makes the relay's own connection. */
    readonly dial: (start: Start) => Journey;
    readonly router: Router;
  };

  constructor(
    world: World,
    walk: Walk,
    ways: {
      /** Makes the relay's own connection. */
      readonly dial: (start: Start) => Journey;
      readonly router: Router;
    },
  ) {
    this.#world = world;
    this.#walk = walk;
    this.#ways = ways;
  }

  /** @param open whether INPUT may still give it another source: over lo, POSTROUTING has settled that. */
  reachHost(packet: Packet, nat: RuleRef | null, open = true): Journey {
    const input = this.#walk.run('input', packet, open);
    if (input.verdict !== 'accept') {
      const walk = this.#walk;
      const ways = this.#ways;
      return stopPacket({ walk, router: ways.router }, { packet, stop: input, place: 'INPUT' });
    }
    const to = addressText(packet.destination);
    const { destinationPort: port, protocol, family } = packet;
    const sockets = listSocketsFor(this.#world, port);
    const socket = sockets && findSocket(sockets, protocol, to, port, family);
    const relay = findRelay(
      this.#world,
      protocol,
      to ?? (family === 4 ? '0.0.0.0' : '::'),
      port,
      socket,
    );
    const at = `${to ?? 'the host'} port ${port}`;
    if (packet.dnat && socket !== null) {
      // Both the rule and the process have a hand in it: no single path tells that.
      const owner = socket.command ?? 'a process';
      return endJourney(packet, nat, 'unknown', {
        why: `a rule sends it to ${at} of this host, where ${owner} listens: whether it answers or hands on is not known`,
        obstacles: [],
      });
    }
    if (packet.dnat) {
      const known = sockets !== null;
      return endJourney(packet, nat, known ? 'refused' : 'unknown', {
        why: `a rule sends it to ${at} of this host, where ${known ? 'nothing listens' : 'who listens is not known'}`,
        obstacles: known ? [`nothing listens on ${at}`] : [],
      });
    }
    if (relay && (socket !== null || sockets === null)) return this.#reachRelay(packet, relay);
    if (sockets === null) return this.#guessRelay(packet, at);
    if (socket === null) {
      return endJourney(packet, nat, 'refused', {
        why: `no rule sends it on, and nothing listens on ${at}`,
        obstacles: [`nothing listens on ${at}`],
      });
    }
    const owner = socket.command ?? 'a process';
    if (socket.command === 'dockerd' || socket.command === 'conmon') {
      return endJourney(packet, nat, 'unknown', {
        why: `${owner} holds ${at} without serving it: only the rules lead to the container`,
        obstacles: [`no rule takes this packet to the container`],
      });
    }
    if (isPortDriver({ command: owner })) {
      const taken = endJourney(packet, nat, 'answered', {
        way: 'relay',
        why: `no rule sends it on, and ${owner}, the port driver of a rootless engine, takes it on ${at} and hands it on`,
        obstacles: [],
      });
      return { ...taken, sourceSeen: null, target: null };
    }
    const listens = `no rule sends it on, and ${owner} listens on ${at}`;
    const stray = this.#findStray(packet, socket.address);
    if (stray) {
      return endJourney(packet, nat, 'unknown', {
        why: `${listens}, but answers from ${stray.source ?? 'another address'} unless it minds the one that was dialled`,
        obstacles: [],
      });
    }
    return endJourney(packet, nat, 'answered', { way: 'host', why: listens, obstacles: [] });
  }

  /** Nothing is known of the host's sockets: the rules tell whether docker-proxy is used at all. */
  #guessRelay(packet: Packet, at: string): Journey {
    if (this.#world.userlandProxy === true && this.#isPublishedAt(packet)) {
      const guessed = endJourney(packet, this.#findException(), 'answered', {
        way: 'docker-proxy',
        why: `no rule sends it on, so it goes to whoever listens on ${at}: docker-proxy, as the rules are those of an engine that uses it`,
        obstacles: [],
      });
      return { ...guessed, sourceSeen: null, target: null };
    }
    return endJourney(packet, null, 'unknown', {
      why: `no rule sends it on, so it goes to whoever listens on ${at}, which is not known`,
      obstacles: [],
    });
  }

  #isPublishedAt(packet: Packet): boolean {
    const any = packet.family === 4 ? '0.0.0.0' : '::';
    const to = addressText(packet.destination);
    return this.#world.published.some(
      ({ protocol, address, port }) =>
        protocol === packet.protocol &&
        port === packet.destinationPort &&
        (address === any || address === to),
    );
  }

  #reachRelay(packet: Packet, relay: World['relays'][number]): Journey {
    const { target, command, listens } = relay;
    const lead = `no rule sends it on, so ${command} (pid ${relay.pid}), which listens on ${formatTarget(listens.address, listens.port)}, takes it`;
    const way = 'docker-proxy';
    if (target === null) {
      return endJourney(packet, this.#findException(), 'answered', {
        way,
        why: lead,
        obstacles: [],
      });
    }
    const leg = this.#ways.dial({
      protocol: packet.protocol,
      port: target.port,
      to: target.address,
      family: target.address.includes(':') ? 6 : 4,
      by: { kind: 'host' },
    });
    const to = formatTarget(target.address, target.port);
    if (leg.end === 'answered' || leg.end === 'unknown') {
      const doubt = leg.end === 'unknown' ? `; beyond that, ${leg.why}` : '';
      const found = this.#findStray(packet, listens.address);
      const stray = found && writeStray(packet, command, found.source);
      return {
        end: found?.source === null ? 'unknown' : leg.end,
        way,
        deciding: this.#findException(),
        why: `${lead} and connects to ${to}${doubt}${stray === null ? '' : `, but ${stray}`}`,
        sourceSeen: leg.sourceSeen,
        target: to,
        obstacles: [...leg.obstacles, ...(found?.source ? [stray ?? ''] : [])],
      };
    }
    const fate =
      packet.protocol === 'udp'
        ? `nothing comes back, as ${command} cannot reach ${to}`
        : `its handshake with ${command} succeeds, and then it is reset, as ${command} cannot reach ${to}`;
    return {
      end: 'answered',
      way,
      deciding: this.#findException(),
      why: `${lead}: ${fate}`,
      sourceSeen: null,
      target: to,
      obstacles: [...leg.obstacles, fate],
    };
  }

  /**
   * Who listens on every address answers UDP from the one that the host chooses for the client.
   * @returns that address where it is another one than was dialled, with null for one that is not known.
   */
  #findStray(packet: Packet, listens: string): { readonly source: string | null } | null {
    const [client, dialled] = [addressText(packet.source), addressText(packet.destination)];
    if (packet.protocol !== 'udp' || dialled === null) return null;
    if (listens !== '0.0.0.0' && listens !== '::') return null;
    // Which of its own addresses a host masquerades with over lo is not known.
    if (client === null && packet.source.kind === 'own')
      return packet.snat ? { source: null } : null;
    if (client === null) return null;
    const own = isOwnAddress(this.#world, client);
    const source = own ? client : this.#ways.router.chooseSource(packet);
    return source === null || source === dialled ? null : { source };
  }

  /** The rule that kept the packet from being translated: one that returned it, or whose exception it is. */
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

  reachContainer(packet: Packet, nat: RuleRef | null): Journey {
    const to = addressText(packet.destination);
    const way = packet.dnat ? 'dnat' : 'direct';
    const port = packet.destinationPort;
    const target = to === null ? `port ${port}` : formatTarget(to, port);
    const lead = packet.dnat ? `a rule sends it to ${target}` : `it is routed to ${target}`;
    if (isLoopbackSource(packet)) {
      return endJourney(packet, nat, 'dropped', {
        why: `${lead}, where a packet from 127.0.0.1 is taken for a fault`,
        obstacles: ['no rule masquerades what comes from 127.0.0.1'],
      });
    }
    const container = to === null ? null : findContainerAt(this.#world, to);
    const bridge = to === null ? null : findBridgeOf(this.#world, to);
    if (nat?.chain.name === 'DOCKER-INGRESS') {
      return endJourney(packet, nat, 'unknown', {
        why: `${lead}, the balancer (IPVS) of the swarm, which chooses a task: which one, and what it sees, is not known`,
        obstacles: [],
      });
    }
    // Others may put machines on bridges of their own: only the engine's are known to be empty.
    const isEngines = this.#world.containers.some(({ places }) =>
      places.some((place) => place.bridge === bridge?.name),
    );
    if (!container && this.#world.measured && bridge && isEngines) {
      return endJourney(packet, nat, 'dropped', {
        why: `${lead}, an address on ${bridge.name} that no running container has`,
        obstacles: [`no running container has the address ${to ?? ''}`],
      });
    }
    if (!container && !bridge && this.#world.measured && !packet.dnat) {
      return endJourney(packet, nat, 'unknown', {
        why: `${lead}, which is on no bridge of this host: who answers there is not known`,
        obstacles: [],
      });
    }
    const deaf =
      container && to !== null ? findDeafness(container, packet.protocol, to, port) : null;
    if (deaf !== null) {
      return endJourney(packet, nat, 'refused', {
        way,
        why: `${lead}, but ${deaf}`,
        obstacles: [deaf],
      });
    }
    return endJourney(packet, nat, 'answered', { way, why: lead, obstacles: [] });
  }
}

function writeStray(packet: Packet, command: string, source: string | null): string {
  const from = source ?? 'an own address that is not known';
  const dialled = addressText(packet.destination) ?? 'the one that was dialled';
  return `${command} answers from ${from} and not from ${dialled}, so the client takes the answer for a stranger's`;
}
