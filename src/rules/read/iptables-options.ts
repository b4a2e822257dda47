/**
 * Lists the options of iptables targets, with the number of values each takes: other options after `-j` are matches.
 */

const NONE: Readonly<Record<string, number>> = {};

const one = (...names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 1]));
const none = (...names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));

const MARKING = one('--set-xmark', '--set-mark', '--or-mark', '--and-mark', '--xor-mark');
const LIMITED = one('--ttl-set', '--ttl-dec', '--ttl-inc');

const OPTIONS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  ACCEPT: NONE,
  DROP: NONE,
  RETURN: NONE,
  QUEUE: NONE,
  NOTRACK: NONE,
  TRACE: NONE,
  REJECT: one('--reject-with'),
  DNAT: { ...one('--to-destination'), ...none('--random', '--persistent') },
  SNAT: { ...one('--to-source'), ...none('--random', '--random-fully', '--persistent') },
  MASQUERADE: { ...one('--to-ports'), ...none('--random', '--random-fully') },
  REDIRECT: { ...one('--to-ports'), ...none('--random') },
  NETMAP: one('--to'),
  MARK: MARKING,
  CONNMARK: {
    ...MARKING,
    ...one('--nfmask', '--ctmask', '--mask', '--left-shift-mark', '--right-shift-mark'),
    ...none('--save-mark', '--restore-mark'),
  },
  CT: {
    ...none('--notrack'),
    ...one('--helper', '--timeout', '--ctevents', '--expevents', '--zone', '--zone-orig'),
    ...one('--zone-reply'),
  },
  LOG: {
    ...one('--log-level', '--log-prefix'),
    ...none('--log-tcp-sequence', '--log-tcp-options', '--log-ip-options', '--log-uid'),
    ...none('--log-macdecode'),
  },
  NFLOG: one(
    ...['--nflog-group', '--nflog-prefix', '--nflog-range', '--nflog-size', '--nflog-threshold'],
  ),
  ULOG: one('--ulog-nlgroup', '--ulog-prefix', '--ulog-cprange', '--ulog-qthreshold'),
  TCPMSS: { ...one('--set-mss'), ...none('--clamp-mss-to-pmtu') },
  CHECKSUM: none('--checksum-fill'),
  CLASSIFY: one('--set-class'),
  DSCP: one('--set-dscp', '--set-dscp-class'),
  TOS: one('--set-tos', '--and-tos', '--or-tos', '--xor-tos'),
  TTL: LIMITED,
  HL: one('--hl-set', '--hl-dec', '--hl-inc'),
  SECMARK: one('--selctx'),
  CONNSECMARK: none('--save', '--restore'),
  SET: {
    '--add-set': 2,
    '--del-set': 2,
    '--map-set': 2,
    ...one('--timeout'),
    ...none('--exist', '--map-mark', '--map-prio', '--map-queue'),
  },
  AUDIT: one('--type'),
  TEE: one('--gateway', '--oif'),
  ECN: none('--ecn-tcp-remove'),
  TCPOPTSTRIP: one('--strip-options'),
  IDLETIMER: { ...one('--timeout', '--label'), ...none('--alarm') },
  LED: { ...one('--led-trigger-id', '--led-delay'), ...none('--led-always-blink') },
  RATEEST: one('--rateest-name', '--rateest-interval', '--rateest-ewmalog'),
  NFQUEUE: {
    ...one('--queue-num', '--queue-balance'),
    ...none('--queue-bypass', '--queue-cpu-fanout'),
  },
  TPROXY: one('--on-port', '--on-ip', '--tproxy-mark'),
  CLUSTERIP: {
    ...none('--new'),
    ...one('--hashmode', '--clustermac', '--total-nodes', '--local-node', '--hash-init'),
  },
  SYNPROXY: { ...one('--mss', '--wscale'), ...none('--sack-perm', '--timestamp', '--ecn') },
  DNPT: one('--src-pfx', '--dst-pfx'),
  SNPT: one('--src-pfx', '--dst-pfx'),
  TARPIT: none('--tarpit', '--honeypot', '--reset'),
};

/** How many values an option of a target takes; null for an option that the target does not have. */
export function countValues(target: string, option: string): number | null {
  return OPTIONS[target]?.[option] ?? null;
}

/** Whether it is an iptables target, not a chain. */
export function isTarget(name: string): boolean {
  return name in OPTIONS;
}
