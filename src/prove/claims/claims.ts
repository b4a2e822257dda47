/** Makes all claims about a connection in the order of the report: one list for hosts, one for captures. */
import type { Claim } from '../../model/claim.js';
import type { Observed } from '../observed.js';
import type { ObservedOnWire } from '../observed-wire.js';
import { claimAddressed } from './container-addressed.js';
import { claimEntered } from './entered-container.js';
import { claimNested } from './handshakes-nested.js';
import { claimAccepted } from './host-accepted.js';
import { claimAlone } from './host-alone.js';
import { claimMachineBetween } from './machine-between.js';
import { claimRewritten, claimRewrittenOnWire } from './nat-rewritten.js';
import { claimNeverRewritten } from './never-rewritten.js';
import { claimNothingListened } from './nothing-listened.js';
import { claimOnly, claimOwn } from './only-pairing.js';
import { claimDialled } from './relay-dialled.js';
import { claimMoved } from './relay-moved.js';
import { claimSamePacket, claimSamePacketOnWire } from './same-packet.js';
import { claimStopped } from './stopped-at-host.js';
import { claimEqual } from './streams-equal.js';

/** Makes one claim from a connection alone, without other claims; null where the claim does not apply. */
type Check<Subject> = (subject: Subject) => Claim | null;

const BY_HOST: readonly Check<Observed>[] = [
  claimRewritten,
  claimSamePacket,
  claimAccepted,
  claimAlone,
  claimDialled,
  claimMoved,
  claimAddressed,
  claimNothingListened,
  claimStopped,
  claimEntered,
];

const BY_WIRE: readonly Check<ObservedOnWire>[] = [
  claimRewrittenOnWire,
  claimSamePacketOnWire,
  claimMachineBetween,
  claimNested,
  claimEqual,
  claimOnly,
  claimOwn,
  claimNeverRewritten,
];

/** Makes claims as if no event were missing from the trace; prove/coverage adds the claim `complete`. */
export function makeClaims(subject: Observed): Claim[] {
  return BY_HOST.flatMap((check) => check(subject) ?? []);
}

export function makeWireClaims(subject: ObservedOnWire): Claim[] {
  return BY_WIRE.flatMap((check) => check(subject) ?? []);
}
