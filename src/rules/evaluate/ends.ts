/** How a hypothetical connection ends, in words. */
import type { Hook } from '../../model/rules.js';
import type { Path } from '../../model/verdict.js';
import { addressText, type Packet } from './packet.js';
import type { Way } from './routing/router.js';
import type { Stop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { HookEnd } from './hook-end.js';

export interface Journey {
  readonly end: 'answered' | 'refused' | 'dropped' | 'unknown';
  /** How it got as far as it did; null when it got nowhere. */
  readonly way: Path | null;
  readonly deciding: RuleRef | null;
  /** What happened, in plain words. */
  readonly why: string;
  readonly sourceSeen: string | null;
  readonly target: string | null;
  readonly obstacles: readonly string[];
  /** Where the rule or policy that stops it, its answer or what follows is: a container, or null for the host; left out where none does. */
  readonly ruledIn?: string | null;
  /** The rule that gave it another source on its way to a container. */
  readonly masked?: RuleRef | null;
  /** What of routing or of the wire stops it, or makes it unknown; left out where nothing of that does. */
  readonly stop?: Stop;
  /** How a container itself refuses it by a rule or a route of its own; the message then has the host's rules before it. */
  readonly refusal?: 'reset' | 'message';
  /** The way that the answer leaves by, where that was looked up. */
  readonly back?: Extract<Way, { kind: 'device' }> | null;
}

export interface Told {
  readonly why: string;
  readonly obstacles: readonly string[];
  readonly way?: Path;
}

export function endJourney(
  packet: Packet,
  deciding: RuleRef | null,
  end: Journey['end'],
  told: Told,
): Journey {
  const to = addressText(packet.destination);
  const way = told.way ?? (packet.dnat ? 'dnat' : null);
  const arrived = end === 'answered' || (end === 'refused' && way !== null);
  return {
    end,
    way,
    deciding,
    why: told.why,
    obstacles: told.obstacles,
    sourceSeen: arrived ? addressText(packet.source) : null,
    target: to === null ? null : formatTarget(to, packet.destinationPort),
  };
}

/** Routing or the wire has stopped it. */
export function endByStop(packet: Packet, nat: RuleRef | null, stop: Stop): Journey {
  const { end, why, obstacle } = stop;
  const lead = packet.dnat ? `a rule sends it to ${writeTarget(packet)}, but ${why}` : why;
  const told = { why: lead, obstacles: obstacle === null ? [] : [obstacle] };
  return { ...endJourney(packet, nat, end, told), sourceSeen: null, stop };
}

function writeTarget({ destination, destinationPort }: Packet): string {
  const to = addressText(destination);
  return to === null ? `port ${destinationPort}` : formatTarget(to, destinationPort);
}

/** A rule or a policy has stopped it. */
export function stopJourney(packet: Packet, end: HookEnd, hook: string): Journey {
  const { by } = end;
  const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook;
  const what = by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
  const rejects = end.verdict === 'reject';
  const act = rejects ? 'rejects' : 'drops';
  const where = packet.dnat ? ' after a rule has rewritten it' : '';
  return {
    ...endJourney(packet, by, rejects ? 'refused' : 'dropped', {
      why: `${what} ${act} it in ${hook}${where}`,
      obstacles: [`${what} ${act} it`],
    }),
    sourceSeen: null,
    ruledIn: null,
  };
}

/** The rule or the policy that has stopped a packet. */
export function nameRule(by: RuleRef | null, hook: Hook): string {
  const place = by ? `chain ${by.chain.name} of table ${by.table.name}` : hook.toUpperCase();
  return by?.rule ? `the rule "${by.rule.text}" in ${place}` : `the policy of ${place}`;
}

export function formatTarget(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
