/** The truths that most scenarios share; each is narrowed where it is used. */
import type { Truth } from './scenario.js';

/** A DNAT rule took it; `source` is what the server sees. */
export function dnat(hook: 'PREROUTING' | 'OUTPUT', source: string, container = 'redis'): Truth {
  return {
    path: 'dnat',
    outcome: 'answered',
    hook,
    container,
    source,
    says: /DNAT/i,
  };
}

/** docker-proxy took it; the server sees the gateway of its own network. */
export function relayed(container = 'redis', source = `{${container}.gateway}`): Truth {
  const path = 'docker-proxy';
  return {
    path,
    outcome: 'answered',
    container,
    relay: path,
    source,
    says: /docker-proxy/,
  };
}

/** The container's own address was dialled. */
export function direct(source: string, container = 'redis'): Truth {
  return {
    path: 'direct',
    outcome: 'answered',
    container,
    source,
    says: /own address/,
  };
}

/** The same way, but a packet dies on it: a rule's doing unless told. */
export function dropped(
  { path, hook, container }: Truth,
  drop: NonNullable<Truth['drop']> = { reason: 'NETFILTER_DROP' },
  says: Truth['says'] = drop.reason === 'NETFILTER_DROP' ? BY_RULE : undefined,
): Truth {
  const way = { path, container, ...(hook && { hook }), ...(says && { says }) };
  return { ...way, outcome: 'dropped', drop };
}

const BY_RULE = /the (?:rule ".*"|policy of) .* drops it in/;

/** Nothing listens where it was dialled: it ends at the host, whose kernel refuses it. */
export const REFUSED: Truth = {
  path: 'host',
  outcome: 'refused',
  container: null,
};
