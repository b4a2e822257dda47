/** Explains why no path is found: what the trace lacks, a possible relay, or how far the connection was seen to go. */
import type { Gap } from '../../model/judgement.js';
import { isComplete, type Settled } from '../coverage/coverage.js';
import { answerOf } from './table.js';

export function listGaps(settled: Settled): readonly Gap[] {
  const { wire } = settled.facts;
  if (wire !== null) return [explainWire(settled, wire)];
  const gaps = [...listLacks(settled), ...suspectRelay(settled)];
  return gaps.length > 0 ? gaps : [explainNowhere(settled)];
}

/** What the trace itself lacks. */
function listLacks({ coverage, facts }: Settled): Gap[] {
  const { sealed, lostEvents, notes } = coverage;
  const gaps: Gap[] = [];
  if (lostEvents > 0) gaps.push({ code: 'events-lost', count: lostEvents });
  else if (!sealed) gaps.push({ code: 'not-whole', of: 'trace', note: notes[0] ?? null });
  if (!facts.begun) gaps.push({ code: 'older-than-trace' });
  return gaps;
}

/** A connection from the host to a container may be a relay's own. */
function suspectRelay(settled: Settled): Gap[] {
  const { fromHost, dialler } = settled.facts;
  return answerOf(settled, 'container-addressed') === true && fromHost
    ? [{ code: 'may-be-relays-own', process: dialler }]
    : [];
}

function explainNowhere(settled: Settled): Gap {
  const { redirect } = settled.facts;
  if (redirect) return { code: 'redirect-untaken', redirect };
  const { tunnel } = settled.facts;
  const entered = answerOf(settled, 'entered-container') === true;
  // The deciding steps are on the other host, whatever this one has seen.
  if (tunnel && entered === (tunnel.way === 'came')) return { code: 'other-host', tunnel };
  if (answerOf(settled, 'host-accepted') !== false) return { code: 'decider-unseen' };
  if (entered) return { code: 'entry-unseen' };
  const rewritten = answerOf(settled, 'nat-rewritten') === false ? false : null;
  return { code: 'went-nowhere', rewritten };
}

function explainWire(
  { coverage, ending }: Settled,
  wire: NonNullable<Settled['facts']['wire']>,
): Gap {
  if (!isComplete(coverage)) return { code: 'lack-hides', note: coverage.notes[0] ?? null };
  if (wire.disputed) return { code: 'disputed' };
  if (wire.lacksBytes) return { code: 'bytes-missing' };
  if (wire.halfOpen) return { code: 'half-open' };
  if (ending.outcome === 'refused') return { code: 'refused' };
  if (ending.outcome === 'unanswered' || ending.outcome === 'dropped') return { code: 'silent' };
  if (wire.isLocal) return { code: 'seen-at-sender' };
  if (wire.open) return { code: 'coincidence' };
  if (wire.behindBridge) return { code: 'behind-bridge' };
  return wire.routedTtl === null
    ? { code: 'one-place' }
    : { code: 'routed-before', ttl: wire.routedTtl };
}
