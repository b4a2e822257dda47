/** Puts paths into words, for the middle of a sentence. */
import type { Way } from '../model/headline.js';
import type { Path } from '../model/verdict.js';

const WORDS: Readonly<Record<Path | 'unknown', string>> = {
  dnat: 'by DNAT',
  'docker-proxy': 'through docker-proxy',
  relay: 'through a user-space relay',
  direct: "directly to the container's address",
  host: 'at the host itself',
  unknown: 'by a path that is not known',
};

/** `it went by DNAT in PREROUTING`, `it ended at the host itself`. */
export function writeJourney(way: Pick<Way, 'path' | 'hooks'>): string {
  return `it ${way.path === 'host' ? 'ended' : 'went'} ${writeWay(way)}`;
}

/** `by DNAT in PREROUTING`, `through docker-proxy`. */
export function writeWay({ path, hooks }: Pick<Way, 'path' | 'hooks'>): string {
  return WORDS[path] + (hooks.length > 0 ? ` in ${hooks.join(' and ')}` : '');
}
