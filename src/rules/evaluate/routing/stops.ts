/** Describes why routing stops a packet. */
import type { Reason } from '../../../model/reason.js';
import type { WayBack } from '../../../model/route-reason.js';
import type { InputDecision } from './input.js';
import { writePolicyRule, writeRoute } from './ip-text.js';
import type { RouteDecision, RouteQuery } from './lookup.js';

export type StopCode =
  | ('no-route' | 'refusing-route' | 'odd-route' | 'no-carrier' | 'forwarding')
  | ('rp-filter' | 'own-source' | 'odd-source' | 'loopback' | 'setting')
  | (
      | 'elsewhere'
      | 'gateway'
      | 'neighbour'
      | 'discovery'
      | 'bridge-port'
      | 'macvlan'
      | 'filter'
      | 'inside'
    );

export interface RouteStop {
  readonly code: StopCode;
  /** `refused` means that the host tells the client. */
  readonly end: 'dropped' | 'refused' | 'unknown';
  readonly why: Reason;
  /** Null if the end is only unknown. */
  readonly obstacle: Reason | null;
  /** Whether the kernel does not report the refusal to UDP sockets. */
  readonly mute?: boolean;
}

/** @param told whether the kernel tells the sender, as it does when it forwards. */
export function stopByRoute(
  decision: Exclude<RouteDecision, { kind: 'route' }>,
  to: string,
  told: boolean,
): RouteStop {
  const loud = told ? 'refused' : 'dropped';
  if (decision.kind === 'none') {
    const why = { code: 'no-route', to } as const;
    return { code: 'no-route', end: loud, why, obstacle: why, mute: true };
  }
  const { how, route, rule } = decision;
  const why: Reason = route
    ? { code: 'route-refuses', route: writeRoute(route), to }
    : { code: 'routing-rule-refuses', rule: writePolicyRule(rule), to };
  return {
    code: 'refusing-route',
    end: how === 'blackhole' ? 'dropped' : loud,
    why,
    obstacle: why,
    mute: how === 'unreachable',
  };
}

export function stopByMartian(
  { martian }: Extract<InputDecision, { kind: 'martian' }>,
  { source: from, destination, inDevice: device }: RouteQuery,
): RouteStop {
  switch (martian.code) {
    case 'rp-filter': {
      const { mode, back } = martian;
      return {
        code: 'rp-filter',
        end: 'dropped',
        why: { code: 'reverse-path', device, from, mode, back: describeBack(back) },
        obstacle: { code: 'reverse-path-elsewhere', device, from, mode },
      };
    }
    case 'own-source':
      return drop('own-source', { code: 'own-source', device, from });
    case 'odd-source': {
      const back = describeBack(martian.back);
      return drop('odd-source', { code: 'odd-source', device, from, back });
    }
    case 'loopback': {
      const end = destination.startsWith('127.') ? 'to' : 'from';
      return {
        code: 'loopback',
        end: 'dropped',
        why: { code: 'loopback-barred', device, end },
        obstacle: { code: 'localnet-off', device },
      };
    }
    case 'unknown': {
      const { setting, device: of } = martian;
      const why = { code: 'setting-unknown', setting, device: of } as const;
      return { code: 'setting', end: 'unknown', why, obstacle: null };
    }
  }
}

/** Drops a packet: the reason is also the obstacle. */
export function drop(code: StopCode, why: Reason): RouteStop {
  return { code, end: 'dropped', why, obstacle: why };
}

/** Leaves the end unknown: an unknown fact is not an obstacle. */
export function leaveOpen(code: StopCode, why: Reason): RouteStop {
  return { code, end: 'unknown', why, obstacle: null };
}

function describeBack(back: RouteDecision): WayBack {
  if (back.kind === 'none') return back;
  if (back.kind === 'route') return { kind: 'leads', route: writeRoute(back.route) };
  return back.route
    ? { kind: 'refused', route: writeRoute(back.route) }
    : { kind: 'ruled-out', rule: writePolicyRule(back.rule) };
}

/** Returns the same stop without a message to the client. */
export function hush(stop: RouteStop): RouteStop {
  return stop.end === 'refused' ? { ...stop, end: 'dropped' } : stop;
}

/** The packet may not arrive where it should. */
export function doubt(why: Reason): RouteStop {
  return leaveOpen('elsewhere', why);
}

/** A container takes an address for a neighbour's although it is not one; a null address is the client's. */
export function misplace(container: string, address: string | null, device: string): RouteStop {
  return doubt({ code: 'false-neighbour', container, address, device });
}
