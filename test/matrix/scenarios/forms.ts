/** Every form of publishing a port, and UDP. */
import type { Dial } from '../scenario.js';
import { direct, dnat, dropped, REFUSED, relayed } from '../truths.js';

const outside = { from: 'client', to: '{host}' };
const loopback = { from: 'host', to: '127.0.0.1' };

/** Whether a datagram is answered is the program's to say. */
const SILENT: Pick<Dial, 'beyondRules'> = {
  beyondRules: { agrees: null, because: 'rules do not tell whether a datagram is answered' },
};

/** Containers: `forms` (published on single addresses), `range`, `second`, `inner` (internal network), one on the host's network. */
export const PUBLISH_FORMS: readonly Dial[] = [
  {
    name: 'published on 127.0.0.1, from the host',
    ...loopback,
    port: 8081,
    truth: relayed('forms'),
  },
  {
    name: 'published on 127.0.0.1, from outside',
    ...outside,
    port: 8081,
    truth: REFUSED,
  },
  {
    name: 'published on one address, from outside',
    ...outside,
    port: 8082,
    truth: dnat('PREROUTING', '{client}', 'forms'),
  },
  {
    name: 'published on one address, by 127.0.0.1',
    ...loopback,
    port: 8082,
    truth: REFUSED,
  },
  {
    name: 'first port of a range',
    ...outside,
    port: 7000,
    truth: dnat('PREROUTING', '{client}', 'range'),
  },
  {
    name: 'last port of a range',
    ...loopback,
    port: 7001,
    truth: relayed('range'),
  },
  {
    name: 'second container of the same port',
    ...outside,
    port: 8083,
    truth: dnat('PREROUTING', '{client}', 'second'),
  },
  {
    name: 'second container, by 127.0.0.1',
    ...loopback,
    port: 8083,
    truth: relayed('second'),
  },
  {
    name: '--network host, from outside',
    ...outside,
    port: 7777,
    truth: {
      path: 'host',
      outcome: 'answered',
      container: null,
      source: '{client}',
      says: /listens on/,
    },
  },
  {
    name: '--network host, by 127.0.0.1',
    ...loopback,
    port: 7777,
    truth: {
      path: 'host',
      outcome: 'answered',
      container: null,
      source: '127.0.0.1',
      says: /listens on/,
    },
  },
  {
    name: 'internal network, from the host',
    from: 'host',
    to: '{inner}',
    port: 6390,
    truth: direct('{inner.gateway}', 'inner'),
  },
  {
    name: 'internal network, routed from outside',
    from: 'client',
    to: '{inner}',
    port: 6390,
    truth: dropped(direct('', 'inner')),
  },
];

const unheard = { container: 'udp', drop: { reason: 'NO_SOCKET' } } as const;
const udp = { talk: 'udp', port: 5300 } as const;
/** The container `udp` answers datagrams on 5300 and only takes them on 5301. */
export const UDP: readonly Dial[] = [
  {
    name: 'UDP, outside → host',
    ...outside,
    ...udp,
    truth: dnat('PREROUTING', '{client}', 'udp'),
  },
  {
    name: 'UDP, host → its own address',
    from: 'host',
    to: '{host}',
    ...udp,
    truth: dnat('OUTPUT', '{host}', 'udp'),
  },
  {
    name: 'UDP, host → 127.0.0.1',
    ...loopback,
    ...udp,
    truth: relayed('udp'),
  },
  {
    name: 'UDP, same bridge → gateway',
    from: 'near',
    to: '{near.gateway}',
    ...udp,
    truth: relayed('udp'),
  },
  {
    name: 'UDP, container → its own published port',
    from: 'udp',
    to: '{udp.gateway}',
    ...udp,
    truth: relayed('udp'),
  },
  {
    name: 'UDP, same bridge → container',
    from: 'near',
    to: '{udp}',
    ...udp,
    truth: direct('{near}', 'udp'),
  },
  {
    name: 'UDP, host → container',
    from: 'host',
    to: '{udp}',
    ...udp,
    truth: direct('{udp.gateway}', 'udp'),
  },
  {
    name: 'UDP, host → ::1, container without IPv6',
    from: 'host',
    to: '::1',
    ...udp,
    truth: relayed('udp'),
  },
  {
    name: 'UDP, outside → host, IPv6, container without',
    from: 'client',
    to: '{host.ipv6}',
    ...udp,
    truth: relayed('udp'),
  },
  {
    name: 'UDP, nothing listens, from outside',
    ...outside,
    ...udp,
    port: 5302,
    truth: { ...unheard, path: 'dnat', hook: 'PREROUTING', outcome: 'refused' },
  },
  {
    name: 'UDP, nothing listens, by 127.0.0.1',
    ...SILENT,
    ...loopback,
    ...udp,
    port: 5302,
    truth: { ...unheard, path: 'docker-proxy', relay: 'docker-proxy', outcome: 'unanswered' },
  },
  {
    name: 'UDP, one way only, by 127.0.0.1',
    ...SILENT,
    ...loopback,
    ...udp,
    port: 5301,
    truth: {
      path: 'docker-proxy',
      relay: 'docker-proxy',
      outcome: 'unanswered',
      container: 'udp',
    },
  },
  {
    name: 'UDP, one way only',
    ...SILENT,
    ...outside,
    ...udp,
    port: 5301,
    truth: {
      path: 'dnat',
      hook: 'PREROUTING',
      outcome: 'unanswered',
      container: 'udp',
    },
  },
];
