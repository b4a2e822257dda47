/** Why routing stops a packet, as a code and in words. */
import type { Input, Martian } from './input.js';
import { writePolicyRule, writeRoute, type Decision, type Flow } from './lookup.js';

export type StopCode =
  | ('no-route' | 'refusing-route' | 'odd-route' | 'no-carrier' | 'forwarding')
  | ('rp-filter' | 'own-source' | 'odd-source' | 'loopback' | 'setting')
  | ('elsewhere' | 'gateway' | 'neighbour' | 'bridge-port' | 'macvlan' | 'filter' | 'inside');

export interface Stop {
  readonly code: StopCode;
  /** Refused: the host says so to the client. */
  readonly end: 'dropped' | 'refused' | 'unknown';
  readonly why: string;
  /** Null for what is only not known. */
  readonly obstacle: string | null;
  /** Whether the message is one that sockets of UDP are not told of. */
  readonly mute?: boolean;
}

/** @param told whether the kernel tells the sender: it does where it forwards. */
export function stopByRoute(
  decision: Exclude<Decision, { kind: 'route' }>,
  to: string,
  told: boolean,
): Stop {
  const loud = told ? 'refused' : 'dropped';
  if (decision.kind === 'none') {
    const why = `no route leads to ${to}`;
    return { code: 'no-route', end: loud, why, obstacle: why, mute: true };
  }
  const { how, route, rule } = decision;
  const what = route
    ? `the route "${writeRoute(route)}"`
    : `the routing rule "${writePolicyRule(rule)}"`;
  const why = `${what} stops what goes to ${to}`;
  return {
    code: 'refusing-route',
    end: how === 'blackhole' ? 'dropped' : loud,
    why,
    obstacle: why,
    mute: how === 'unreachable',
  };
}

export function stopByMartian(
  { martian }: Extract<Input, { kind: 'martian' }>,
  { source, destination, inDevice }: Flow,
): Stop {
  const from = source ?? 'its source';
  switch (martian.code) {
    case 'rp-filter':
      return stopByReversePath(martian, from, inDevice);
    case 'own-source': {
      const why = `it comes in on ${inDevice} with ${from}, an address of this host, as its source`;
      return { code: 'own-source', end: 'dropped', why, obstacle: why };
    }
    case 'odd-source': {
      const why = `it comes in on ${inDevice} from ${from}, which no client can have: ${tellBack(martian.back)}`;
      return { code: 'odd-source', end: 'dropped', why, obstacle: why };
    }
    case 'loopback': {
      const setting = `net.ipv4.conf.${inDevice}.route_localnet`;
      const of = destination.startsWith('127.') ? 'to' : 'from';
      return {
        code: 'loopback',
        end: 'dropped',
        why: `a packet ${of} 127.0.0.0/8 may not come in on ${inDevice}: route_localnet is 0`,
        obstacle: `${setting} is 0`,
      };
    }
    case 'unknown': {
      const why = `it depends on ${martian.setting}, which is not known`;
      return { code: 'setting', end: 'unknown', why, obstacle: null };
    }
  }
}

function stopByReversePath(
  { mode, back }: Extract<Martian, { code: 'rp-filter' }>,
  from: string,
  device: string,
): Stop {
  const kind = mode === 1 ? 'strict' : 'loose';
  const setting = `rp_filter of ${device} is ${mode} (${kind})`;
  return {
    code: 'rp-filter',
    end: 'dropped',
    why: `it comes in on ${device}, but ${tellBack(back)} to ${from}, and ${setting}`,
    obstacle: `${setting}, and the way back to ${from} does not lead by ${device}`,
  };
}

function tellBack(back: Decision): string {
  if (back.kind === 'none') return 'no route leads back';
  if (back.kind === 'refused') {
    return back.route
      ? `the route "${writeRoute(back.route)}" is the way back`
      : `the routing rule "${writePolicyRule(back.rule)}" stops the way back`;
  }
  return `the route "${writeRoute(back.route)}" leads back`;
}

/** The same where nobody is told. */
export function hush(stop: Stop): Stop {
  return stop.end === 'refused' ? { ...stop, end: 'dropped' } : stop;
}
