/** Describes a captured connection for a listing, without the closer look at its packets that a report takes. */
import type { CapturedConnection } from '../correlate/capture/connections.js';
import type { TraceCoverage } from '../model/judgement.js';
import type { Connection } from '../model/report.js';
import { gatherWireFacts } from './judge/facts.js';
import { judge } from './judge/judge.js';
import { observeOnWire } from './observed-wire.js';
import { findWireOutcome, type WireOutcome } from './outcome/wire-outcome.js';
import { settleFacts } from './settle.js';
import { nameContainer, perfect, SILENT, type WireDescribing } from './sketch-wire.js';

/** What a listing shows of a connection: its path, where it led and how much it carried. */
export type Listed = Pick<Connection, 'protocol' | 'server' | 'container' | 'path' | 'bytes'>;

/** The same connection as judged in a complete capture and in an incomplete one. */
export interface ListedSketch {
  readonly whole: Listed;
  readonly lossy: Listed;
  /** The same if acknowledgements were left out; null where that changes nothing. */
  readonly unheard: { readonly whole: Listed; readonly lossy: Listed } | null;
}

const WHOLE: TraceCoverage = { sealed: true, lostEvents: 0, truncated: false, notes: [] };
const LOSSY: TraceCoverage = { sealed: false, lostEvents: 0, truncated: true, notes: [] };

/** Ignores whether the content is the connection's own: that changes how certain the path is, not the path. */
export function listOnWire(connection: CapturedConnection, context: WireDescribing): ListedSketch {
  const { topology } = context;
  const subject = observeOnWire(connection, topology);
  const heard = findWireOutcome(subject, { ...context, witnessOf: () => perfect(context) });
  const unheard = heard.bySilence
    ? findWireOutcome(subject, { ...context, witnessOf: () => SILENT })
    : null;
  const facts = gatherWireFacts(subject, heard);
  const tell = (ending: WireOutcome, coverage: TraceCoverage): Listed => {
    const { path } = judge(settleFacts(facts, ending, null), coverage).judgement;
    const { leg, bytes, lastLeg } = subject;
    const container = path === 'unknown' ? null : nameContainer(topology, lastLeg);
    return { protocol: leg.protocol, server: leg.server, container, path, bytes };
  };
  const both = (ending: WireOutcome): { whole: Listed; lossy: Listed } => ({
    whole: tell(ending, WHOLE),
    lossy: tell(ending, LOSSY),
  });
  return { ...both(heard), unheard: unheard && both(unheard) };
}
