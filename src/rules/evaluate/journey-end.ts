/** The end of a hypothetical connection, and the functions that create it. */
import type { HostPort, Reason, RuledPlace, RulePlace } from '../../model/reason.js';
import type { Path } from '../../model/verdict.js';
import { addressText, type TrialPacket } from './packet.js';
import type { Leaving } from './routing/router.js';
import type { RouteStop } from './routing/stops.js';
import type { RuleRef } from './rule-index.js';
import type { HookEnd } from './hook-end.js';

export interface TrialEnd {
  readonly end: 'answered' | 'refused' | 'dropped' | 'unknown';
  /** The path it took, as far as it got; null if it got nowhere. */
  readonly way: Path | null;
  readonly deciding: RuleRef | null;
  /** What happened. */
  readonly why: Reason;
  readonly sourceSeen: string | null;
  readonly target: string | null;
  readonly obstacles: readonly Reason[];
  /**
   * Where the rule or policy is that stops it, its answer or a later packet: a container's name, or null for the host.
   * Left out if none does.
   */
  readonly ruledIn?: string | null;
  /** The rule that changed its source on the way to a container. */
  readonly masked?: RuleRef | null;
  /** The routing or link fact that stops it or makes it unknown; left out if none does. */
  readonly stop?: RouteStop;
  /** How the container refuses it by its own rule or route. The refusal must still pass the host's rules. */
  readonly refusal?: 'reset' | 'message';
  /** The version of IP whose rules it asked for, though they are not known; left out if all are. */
  readonly unread?: 4 | 6;
  /** The answer's route, if it was looked up. */
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

/** Ends a packet that routing or the link stops. */
export function endByStop(packet: TrialPacket, nat: RuleRef | null, stop: RouteStop): TrialEnd {
  const { end, why, obstacle } = stop;
  const led = { code: 'led', translated: true, to: targetOf(packet) } as const;
  const told = {
    why: packet.dnat ? ({ code: 'but', first: led, but: why } as const) : why,
    obstacles: obstacle === null ? [] : [obstacle],
  };
  return { ...endJourney(packet, nat, end, told), sourceSeen: null, stop };
}

/** The address and port that a packet goes to. */
export function targetOf({ destination, destinationPort }: TrialPacket): HostPort {
  return { address: addressText(destination), port: destinationPort };
}

/** Ends a packet that a rule or a policy stops. */
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

/** Describes the rule or the policy that stopped a packet. */
export function placeRule(by: RuleRef): RulePlace;
export function placeRule(by: RuleRef | null): RulePlace | null;
export function placeRule(by: RuleRef | null): RulePlace | null {
  return by && { rule: by.rule?.text ?? null, chain: by.chain.name, table: by.table.name };
}

export function formatTarget(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
