/** The truths of a way in, for the engines that publish by rules, by a relay, or by both. */
import type { Truth } from '../matrix/scenario.js';
import { PUBLISHED, INNER, type Vantage } from './engine.js';
import type { From, EngineHost } from './host.js';

/** A container: where it is, and its addresses. */
export interface Place {
  readonly from: From;
  readonly ipv4: string;
  readonly gateway: string;
}

export interface Places {
  /** The one that is published; the others are clients. */
  readonly redis: Place;
  /** Beside it in the same network. */
  readonly near: Place;
  /** The name that a report must give it. */
  readonly name: string;
}

function byRule(hook: 'PREROUTING' | 'OUTPUT', container: string): Truth {
  return { path: 'dnat', outcome: 'answered', hook, container };
}

export function byProxy(container: string): Truth {
  return { path: 'docker-proxy', outcome: 'answered', container, relay: 'docker-proxy' };
}

export function byAddress(container: string): Truth {
  return { path: 'direct', outcome: 'answered', container };
}

/** Which way each vantage takes; see FACTS of the design: rules for what comes by an address, and what takes the rest. */
export interface Ways {
  readonly loopback: Truth;
  readonly neighbour: Truth;
  readonly self: Truth;
}

/** Every vantage of a container that is published over TCP and UDP on IPv4. */
export function listWays(host: EngineHost, places: Places, ways: Ways): Vantage[] {
  const { redis, near, name } = places;
  const own = host.host.ipv4;
  const tcp = { port: PUBLISHED.tcp, talk: 'redis' as const };
  const udp = { port: PUBLISHED.udp, talk: 'udp' as const };
  const inner = { to: redis.ipv4, port: INNER.tcp, talk: 'redis' as const, truth: byAddress(name) };
  const outside = { from: 'client' as const, to: own, truth: byRule('PREROUTING', name) };
  const ownAddress = { from: 'host' as const, to: own, truth: byRule('OUTPUT', name) };
  const loopback = { from: 'host' as const, to: '127.0.0.1', truth: ways.loopback };
  const gateway = { from: near.from, to: redis.gateway, truth: ways.neighbour };
  return [
    { name: 'outside', ...outside, ...tcp },
    { name: 'loopback', ...loopback, ...tcp },
    { name: 'own address', ...ownAddress, ...tcp },
    { name: 'container, same bridge', ...gateway, ...tcp },
    { name: 'container, its own port', from: redis.from, to: own, truth: ways.self, ...tcp },
    { name: 'container to container', from: near.from, ...inner },
    { name: 'host to container', from: 'host', ...inner },
    { name: 'outside, UDP', ...outside, ...udp },
    { name: 'loopback, UDP', ...loopback, ...udp },
    { name: 'own address, UDP', ...ownAddress, ...udp },
    { name: 'container, same bridge, UDP', ...gateway, ...udp },
  ];
}

/** Of a bridge that gives nothing back through the port that it came from, as netavark leaves it. */
export function withoutHairpin(container: string): Ways {
  const drop = { reason: 'NOT_SPECIFIED' };
  const self: Truth = { ...byRule('PREROUTING', container), outcome: 'dropped', drop };
  return { ...onlyRules(container), self };
}

/** Rules take all of it: netavark, CNI's portmap, and Docker without its proxy. */
export function onlyRules(container: string): Ways {
  const neighbour = byRule('PREROUTING', container);
  return { loopback: byRule('OUTPUT', container), neighbour, self: neighbour };
}

/** Docker with its proxy: rules leave out 127.0.0.0/8 and what comes from the container's own bridge. */
export function rulesAndProxy(container: string): Ways {
  const proxy = byProxy(container);
  return { loopback: proxy, neighbour: proxy, self: proxy };
}
