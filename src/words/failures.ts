/** Puts failed connections into words: what happened to them, who did it, and where. */
import { formatEndpoint } from '../model/address.js';
import type { Failure } from '../model/headline.js';

/** `dropped by DOCKER-USER (rule "…") after ext0`; no count, no full stop. */
export function writeFailure(failure: Failure): string {
  const { outcome } = failure;
  switch (outcome) {
    case 'dropped':
      return `dropped${failure.flow === 'reply' ? ' on the way back' : ''}${writeDropper(failure)}${writePlace(failure)}${writeStop(failure)}`;
    case 'refused':
    case 'reset':
      return `${outcome}${writeRefuser(failure)}${writeStop(failure)}`;
    case 'stalled':
      return `stalled after the handshake${writeStall(failure)}`;
    case 'unanswered':
      return failure.halfOpen
        ? 'unanswered, as the client never acknowledged the SYN+ACK'
        : `unanswered${writeSilence(failure)}${writePredicted(failure)}`;
  }
}

/**
 * What happened to a connection, followed by the reason of its path.
 * @param ended whether that reason already says how the connection ended, which is then not repeated
 */
export function writeFailedReason(failure: Failure, reason: string, ended: boolean): string {
  return `${ended ? writeBriefly(failure) : writeFailure(failure)}; ${reason}`;
}

/** Leaves out what `endings.ts` says about the same connection. */
function writeBriefly(failure: Failure): string {
  const { outcome, reached, halfOpen, cause } = failure;
  if (outcome === 'dropped') return writeFailure({ ...failure, reason: null });
  if (outcome === 'stalled') return writeFailure({ ...failure, stall: null });
  const told = halfOpen || (reached !== undefined && cause !== 'not-listening');
  return outcome === 'unanswered' && told
    ? `${outcome}${writePredicted(failure)}`
    : writeFailure(failure);
}

/** A prediction is no proof, so the text says that it is one. */
function writePredicted({ predicted }: Failure): string {
  if (predicted === undefined) return '';
  const { fate, chain, rule } = predicted;
  const by = chain === null ? '' : ` by ${chain}`;
  return `, which the host's rules predict: ${fate}${by}${rule === null ? '' : ` (rule "${rule}")`}`;
}

function writeSilence(failure: Failure): string {
  if (failure.target === null) return '';
  if (failure.cause === 'not-listening') return writeDeaf(failure);
  const target = writeTarget(failure);
  switch (failure.reached) {
    case 'handshake':
      return `: ${target} accepted the connection, and nothing came back`;
    case 'request':
    case 'SYN':
      return `: the ${failure.reached} reached ${target}, and no answer came back`;
    case 'datagrams':
      return `: the datagrams reached ${target}, and no answer came back`;
    case undefined:
      return ` by ${target}`;
  }
}

/** `, as nothing listens on redis (172.17.0.2:6379)`. */
function writeDeaf(failure: Failure): string {
  const target = writeTarget(failure);
  return failure.insideOnly === true
    ? `, as ${target} listens on its own 127.0.0.1 only`
    : `, as nothing listens on ${target}`;
}

/** A cause in the host's routing or devices, which was predicted. */
function writeStop({ stop }: Failure): string {
  return stop === undefined ? '' : `, as was predicted: ${stop.why}`;
}

/** The rule where it is known, as ` by DOCKER-USER (rule "…")`; empty without one. */
function writeRule({ rule, chain }: Failure): string {
  if (rule === null) return '';
  return chain === null ? ` by the rule "${rule}"` : ` by ${chain} (rule "${rule}")`;
}

function writeDropper(failure: Failure): string {
  const { cause, by, hook, reason, path, flow, target } = failure;
  const rule = writeRule(failure);
  if (rule !== '') return rule;
  const told = reason === null ? '' : ` (${reason})`;
  switch (cause) {
    case 'filtered':
      return ` by a rule of ${nameOwner(by, failure)}${hook === null ? '' : ` in ${hook}`}`;
    case 'no-neighbour':
      return path === 'direct' && flow === 'request' && target?.name != null
        ? `, as nobody on the link answered for ${writeTarget(failure)}${told}`
        : `, as nobody answered for the next address on the link${told}`;
    case 'too-big':
      return `, as it was too big for the MTU on its way${told}`;
    case 'not-listening':
      return `${writeDeaf(failure)}${told}`;
    case 'closed':
    case 'rejected':
    case null:
      return `${by === null ? '' : ` by ${nameOwner(by, failure)}`}${told}`;
  }
}

function writePlace({ after }: Failure): string {
  return after === null ? '' : ` after ${after}`;
}

function writeRefuser(failure: Failure): string {
  const { cause, by, path } = failure;
  const rule = writeRule(failure);
  if (rule !== '') return rule;
  if (cause === 'rejected') return ` by a rule of ${nameOwner(by, failure)}`;
  if (cause === 'not-listening') {
    return by === 'host' && (path === 'host' || path === 'unknown')
      ? ' by the host, as nothing listens there'
      : writeDeaf(failure);
  }
  if (by === null) return ' (by whom was not seen)';
  return ` by ${nameOwner(by, failure)}`;
}

function writeStall({ stall, flow }: Failure): string {
  if (stall === null) return '';
  const { length, sent, mtu } = stall;
  const whose = flow === 'request' ? 'the client' : 'the server';
  const big = mtu === null ? '' : `, too big for an MTU of ${mtu}`;
  return `, as ${length} B of ${whose} were sent ${sent} times and never acknowledged${big}`;
}

/** `redis (172.17.0.2:6379)`, or the address alone. */
function writeTarget({ target }: Pick<Failure, 'target'>): string {
  if (target === null) return 'it';
  const place = formatEndpoint(target);
  return target.name === null ? place : `${target.name} (${place})`;
}

function nameOwner(by: Failure['by'], { target, relay }: Failure): string {
  switch (by) {
    case 'client':
      return 'the client';
    case 'server':
      return target?.name == null ? 'the server' : `the server in ${target.name}`;
    case 'host':
      return 'the host';
    case 'network':
      return 'the network';
    case 'relay': {
      const pid = relay?.pid == null ? '' : ` (pid ${relay.pid})`;
      return `${relay?.command ?? 'the relay'}${pid}`;
    }
    case null:
      return 'an end that was not seen';
  }
}
