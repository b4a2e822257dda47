/** Legs as the correlator makes them; a test names what it is about, and everything else is the same. */
import type { Leg } from '../../src/correlate/leg.js';
import { at, PUBLISHED, TARGET } from './story.js';

/** A client of 198.51.100.2:40000 that dialled the published port and was led to the container; nothing more was seen. */
export function makeLeg(more: Partial<Leg> = {}): Leg {
  return {
    protocol: 'tcp',
    events: [],
    client: at('198.51.100.2#40000'),
    server: at(PUBLISHED),
    destination: at(TARGET),
    begun: true,
    dialled: null,
    accepted: null,
    nat: null,
    conntracked: false,
    unlisted: false,
    until: Infinity,
    ...more,
  };
}
