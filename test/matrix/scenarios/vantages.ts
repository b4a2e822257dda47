/** Every vantage of a host: from outside, the host itself, containers near and far, over IPv4 and IPv6. */
import type { Dial, Truth } from '../scenario.js';
import { direct, dnat, dropped, REFUSED, relayed } from '../truths.js';

/** What the rules make of a vantage whose way differs between engines. */
export interface Rules {
  readonly proxy: boolean;
  /** Published port of `redis`, which listens on 6379. */
  readonly port: number;
  /** From a container of another bridge to the host's address. */
  readonly otherBridge: Truth;
  /** From outside to the container's address. */
  readonly routed: Truth;
}

/** The vantages of IPv4: containers `redis` and `near` on one bridge, `far` on another. */
export function listVantages({ proxy, port, otherBridge, routed }: Rules): Dial[] {
  const hairpin = dnat('PREROUTING', '{near}');
  const masqueraded = '{redis.gateway}';
  const local = (own: string): Truth => dnat('OUTPUT', proxy ? own : masqueraded);
  const published = [
    ['outside → host', 'client', '{host}', dnat('PREROUTING', '{client}')],
    ['host → 127.0.0.1', 'host', '127.0.0.1', proxy ? relayed() : local('')],
    ['host → its own address', 'host', '{host}', local('{host}')],
    ['host → its address on the bridge', 'host', '{redis.gateway}', local('{redis.gateway}')],
    ['same bridge → gateway', 'near', '{near.gateway}', proxy ? relayed() : hairpin],
    ['same bridge → host address', 'near', '{host}', proxy ? relayed() : hairpin],
    [
      'container → its own published port',
      'redis',
      '{redis.gateway}',
      proxy ? relayed() : dnat('PREROUTING', masqueraded),
    ],
    ['other bridge → host address', 'far', '{host}', otherBridge],
    ['other bridge → its gateway', 'far', '{far.gateway}', otherBridge],
  ] as const;
  const own = [
    ['host → container', 'host', direct('{redis.gateway}')],
    ['same bridge → container', 'near', direct('{near}')],
    ['other bridge → container', 'far', dropped(direct(''))],
    ['outside → container, routed', 'client', routed],
  ] as const;
  return [
    ...published.map(([name, from, to, truth]) => ({
      name,
      from,
      to,
      port,
      truth,
    })),
    ...own.map(([name, from, truth]) => ({
      name,
      from,
      to: '{redis}',
      port: 6379,
      truth,
    })),
  ];
}

/** Between networks that users made: `far` is on one, `dual` on another, `near` on Docker's own. */
export function listNetworkVantages(proxy: boolean, port: number): Dial[] {
  const published = proxy ? relayed('dual') : dropped(dnat('PREROUTING', '', 'dual'));
  const own = dropped(direct('', 'dual'));
  return [
    ['user-defined network → host address, of another network', 'far', '{host}', port, published],
    ['default bridge → host address, of a user-defined network', 'near', '{host}', port, published],
    ['user-defined network → container of another', 'far', '{dual}', 6379, own],
    ['default bridge → container of a user-defined network', 'near', '{dual}', 6379, own],
  ].map(([name, from, to, dialled, truth]) => ({
    name: name as string,
    from: from as string,
    to: to as string,
    port: dialled as number,
    truth: truth as Truth,
  }));
}

/** A container without IPv6: docker-proxy takes IPv6 to it, and without docker-proxy nobody does. */
export function listIpv6Vantages(proxy: boolean, port: number): Dial[] {
  const end = proxy ? { truth: relayed() } : { truth: REFUSED };
  return [
    ...[
      {
        name: 'outside → host, IPv6, container without',
        from: 'client',
        to: '{host.ipv6}',
      },
      { name: 'host → ::1, container without IPv6', from: 'host', to: '::1' },
      {
        name: 'host → its own IPv6 address, container without',
        from: 'host',
        to: '{host.ipv6}',
      },
    ].map((dial) => ({ ...dial, port, ...end })),
  ];
}

/** The container `dual` has IPv6, with rules of ip6tables. */
export function listDualVantages(proxy: boolean, port: number): Dial[] {
  const to = 'dual';
  const gateway = '{dual.gateway6}';
  // Rewritten in OUTPUT, the answer comes back over the bridge to ::1, where the kernel takes it for a stray.
  const stray = { reason: 'NOT_SPECIFIED', function: /br_nf_pre_routing/ };
  const near = proxy
    ? relayed(to, gateway)
    : dropped(dnat('OUTPUT', gateway, to), stray, /route_localnet/);
  return [
    ['outside → host, IPv6', 'client', '{host.ipv6}', dnat('PREROUTING', '{client.ipv6}', to)],
    ['host → ::1', 'host', '::1', near],
    [
      'host → its own IPv6 address',
      'host',
      '{host.ipv6}',
      dnat('OUTPUT', proxy ? '{host.ipv6}' : gateway, to),
    ],
    [
      'container → its own published port, IPv6',
      to,
      gateway,
      proxy ? relayed(to, gateway) : dnat('PREROUTING', gateway, to),
    ],
  ].map(([name, from, address, truth]) => ({
    name: name as string,
    from: from as string,
    to: address as string,
    port,
    truth: truth as Truth,
  }));
}
