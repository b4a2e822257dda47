/** What a connection of a report holds where nothing is known of its course. */
import type { Connection } from '../../src/model/report.js';

export const UNSEEN = {
  end: { by: null, how: null, rule: null, cause: null },
  handshake: null,
  acknowledged: null,
  stall: null,
  timing: { start: null, connect: null, firstReply: null, duration: null, relay: null },
  retransmits: null,
  sourceSeen: null,
} satisfies Partial<Connection>;
