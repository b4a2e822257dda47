/** Says why a predicted connection ends as it does, in a clause without a full stop. */
import type { JoiningReason, Reason } from '../../model/reason.js';
import { write } from '../writers.js';
import { ARRIVALS, LOOPBACK } from './arrivals.js';
import { CONTAINERS } from './containers.js';
import { FOLLOWING, RULES } from './rules.js';
import { OPEN } from './open.js';
import { ROUTES } from './routes.js';
import { WIRES } from './wires.js';
import type { ReasonWriters, Tell } from './writer.js';

export function writePredictionReason(reason: Reason): string {
  return write<Reason, string, [tell: Tell]>(WRITERS, reason, writePredictionReason);
}

const JOINED: ReasonWriters<JoiningReason> = {
  but: ({ first, but }, tell) => `${tell(first)}, but ${tell(but)}`,
  with: ({ first, more }, tell) => `${tell(first)}, ${tell(more)}`,
  inside: ({ container, reason }, tell) => `inside ${container}, ${tell(reason)}`,
};

const WRITERS: ReasonWriters<Reason> = {
  ...JOINED,
  ...ARRIVALS,
  ...LOOPBACK,
  ...RULES,
  ...FOLLOWING,
  ...CONTAINERS,
  ...ROUTES,
  ...WIRES,
  ...OPEN,
};
