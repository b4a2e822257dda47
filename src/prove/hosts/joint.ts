/** Judges a connection over several hosts from the judgement of each host. */
import { sameEndpoint } from '../../model/address.js';
import type { JointGap, JointJudgement, Role } from '../../model/joint.js';
import type { Proof } from '../../model/verdict.js';
import { isRequest } from '../../correlate/bytes.js';
import { isLossless } from '../coverage/coverage.js';
import { isAnsweredUnseen } from '../outcome/unseen-answer.js';
import type { JudgedPart } from './host-trace.js';

/** @param parts two or more, starting at the client, each joined to the one before */
export function judgeJoint(parts: readonly JudgedPart[]): JointJudgement {
  const last = parts.length - 1;
  const roles = parts.map((part, index) =>
    findRole(part, { first: index === 0, last: index === last }),
  );
  const oneWay = parts.filter(isOneWay).map(({ host }) => host.name);
  return { ...decide(parts, roles), roles, oneWay };
}

type Decided = Pick<JointJudgement, 'path' | 'proof' | 'by' | 'gap'>;

function decide(parts: readonly JudgedPart[], roles: readonly Role[]): Decided {
  const last = parts.length - 1;
  const open = roles.indexOf('open');
  if (open >= 0) return unknown({ code: 'part-open', host: nameOf(parts, open) });
  const relayed = roles.indexOf('relayed');
  const decider = relayed >= 0 ? relayed : roles.indexOf('rewrote');
  const taken = roles[last] === 'took' ? last : -1;
  const by = decider >= 0 ? decider : taken;
  const told = parts[by]?.judged.judgement;
  if (told !== undefined && told.path !== 'unknown') {
    return { path: told.path, proof: weakest(parts, roles), by, gap: null };
  }
  const gap = checkDirect(parts);
  if (gap !== null) return unknown(gap);
  return { path: 'direct', proof: weakest(parts, roles), by: null, gap: null };
}

/** Whether the client acknowledged answers of which none passed here, in a complete trace. */
export function isOneWay({ part, coverage }: JudgedPart): boolean {
  return isLossless(coverage) && isAnsweredUnseen(part.traced.leg);
}

function unknown(gap: JointGap): Decided {
  return { path: 'unknown', proof: 'inconclusive', by: null, gap };
}

function nameOf(parts: readonly JudgedPart[], index: number): string {
  return parts[index]?.host.name ?? '';
}

function findRole(part: JudgedPart, place: { first: boolean; last: boolean }): Role {
  const { judgement } = part.judged;
  switch (judgement.path) {
    case 'dnat':
      return 'rewrote';
    case 'docker-proxy':
    case 'relay':
      return 'relayed';
    case 'host':
      return 'took';
    case 'direct':
      return 'passed';
    case 'unknown':
      return passedUnchanged(part, place) ? 'passed' : 'open';
  }
}

/**
 * Whether the connection passed the host unchanged. Its first packet was seen on both sides of the host, from its
 * sender to the edge, or from the edge in its container. No process took it, and every packet of the client bears the
 * dialled address.
 */
function passedUnchanged(
  { part, facts, judged }: JudgedPart,
  place: { first: boolean; last: boolean },
): boolean {
  const { leg } = part.traced;
  const { server, destination, redirect, relay, taken } = facts;
  if (server === null || redirect !== null || relay !== null || taken !== null) return false;
  if (!facts.begun || !sameEndpoint(server, destination)) return false;
  if (leg.dialled !== null && !sameEndpoint(leg.dialled.remote, server)) return false;
  const isKept = leg.events.every(
    (event) =>
      event.kind !== 'packet' || !isRequest(leg, event) || sameEndpoint(event.destination, server),
  );
  if (!isKept) return false;
  const comes = part.comes?.syn ?? null;
  const leaves = part.leaves?.syn ?? null;
  if (place.last) {
    const entered = judged.claims.find(({ code }) => code === 'entered-container');
    return comes !== null && entered?.holds === true;
  }
  if (leaves === null) return false;
  return place.first ? comes === null || comes === leaves : comes === leaves;
}

/** Finds what is missing to prove a direct path, when no recorded host rewrote the connection; null if nothing is. */
function checkDirect(parts: readonly JudgedPart[]): JointGap | null {
  const [first] = parts;
  const last = parts.at(-1);
  if (first === undefined || last === undefined) return { code: 'dial-unknown', host: '' };
  const rewritten = first.judged.claims.find(({ code }) => code === 'nat-rewritten');
  const known = first.facts.dialler !== null || rewritten?.holds === false;
  if (!known) return { code: 'dial-unknown', host: first.host.name };
  const { server } = first.facts;
  const end = last.facts.destination;
  if (server === null || !sameEndpoint(server, end)) {
    return { code: 'changed-between', host: last.host.name };
  }
  const entered = last.judged.claims.find(({ code }) => code === 'entered-container');
  return entered?.holds === true ? null : { code: 'entry-unseen', host: last.host.name };
}

/** Proven if every deciding host has proven its part and every host that it only passed has a complete trace. */
function weakest(
  parts: readonly JudgedPart[],
  roles: readonly Role[],
): Exclude<Proof, 'inconclusive'> {
  const sure = parts.every(({ judged, coverage }, index) =>
    roles[index] === 'passed' && judged.judgement.path === 'unknown'
      ? isLossless(coverage)
      : judged.judgement.proof === 'proven',
  );
  return sure ? 'proven' : 'likely';
}
