/** How a hypothetical connection ends. */
import type { HostPort, Reason, RuledPlace, RulePlace } from '../../model/reason.js';
import type { Path } from '../../model/verdict.js';
import { addressText, type TrialPacket } from './packet.js';
import type { Leaving } from './routing/router.js';
import type { RouteStop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { HookEnd } from './hook-end.js';

export interface TrialEnd {
  readonly end: 'answered' | 'refused' | 'dropped' | 'unknown';
  /** How it got as far as it did; null when it got nowhere. */
  readonly way: Path | null;
  readonly deciding: RuleRef | null;
  /** What happened. */
  readonly why: Reason;
  readonly sourceSeen: string | null;
  readonly target: string | null;
  readonly obstacles: readonly Reason[];
  /** Where the rule or policy that stops it, its answer or what follows is: a container, or null for the host; left out where none does. */
  readonly ruledIn?: string | null;
  /** The rule that gave it another source on its way to a container. */
  readonly masked?: RuleRef | null;
  /** What of routing or of the wire stops it, or makes it unknown; left out where nothing of that does. */
  readonly stop?: RouteStop;
  /** How a container itself refuses it by a rule or a route of its own; the message then has the host's rules before it. */
  readonly refusal?: 'reset' | 'message';
  /** The way that the answer leaves by, where that was looked up. */
  readonly back?: Leaving | null;
}

export interface EndFacts {
  readonly why: Reason;
  readonly obstacles: readonly Reason[];
  readonly way?: Path;
}

export function endJourney(
  packet: TrialPacket,
  deciding: RuleRef | null,
  end: TrialEnd['end'],
  told: EndFacts,
): TrialEnd {
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
export function endByStop(packet: TrialPacket, nat: RuleRef | null, stop: RouteStop): TrialEnd {
  const { end, why, obstacle } = stop;
  const led = { code: 'led', translated: true, to: targetOf(packet) } as const;
  const told = {
    why: packet.dnat ? ({ code: 'but', first: led, but: why } as const) : why,
    obstacles: obstacle === null ? [] : [obstacle],
  };
  return { ...endJourney(packet, nat, end, told), sourceSeen: null, stop };
}

/** Where a packet goes to. */
export function targetOf({ destination, destinationPort }: TrialPacket): HostPort {
  return { address: addressText(destination), port: destinationPort };
}

/** A rule or a policy has stopped it. */
export function stopJourney(packet: TrialPacket, end: HookEnd, place: RuledPlace): TrialEnd {
  const rejects = end.verdict === 'reject';
  const stopped = { by: placeRule(end.by), place, rejects };
  return {
    ...endJourney(packet, end.by, rejects ? 'refused' : 'dropped', {
      why: { code: 'stopped-in', ...stopped, translated: packet.dnat },
      obstacles: [{ code: 'stopped-by', ...stopped }],
    }),
    sourceSeen: null,
    ruledIn: null,
  };
}

/** The rule or the policy that has stopped a packet. */
export function placeRule(by: RuleRef): RulePlace;
export function placeRule(by: RuleRef | null): RulePlace | null;
export function placeRule(by: RuleRef | null): RulePlace | null {
  return by && { rule: by.rule?.text ?? null, chain: by.chain.name, table: by.table.name };
}

export function formatTarget(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
