/** Counts the words of nft's text that name a packet field, from a given word on. */

/** Fields of `meta` that nft also writes without `meta`. */
const BARE = new Set([
  ...['mark', 'iif', 'oif', 'iifname', 'oifname', 'iiftype', 'oiftype', 'iifgroup', 'oifgroup'],
  ...['skuid', 'skgid', 'nftrace', 'rtclassid', 'pkttype', 'cpu', 'cgroup', 'secpath', 'sdif'],
  ...['sdifname', 'ibrname', 'obrname'],
]);

/** Headers whose field names are one word. */
const HEADERS = new Set([
  ...['ip', 'ip6', 'tcp', 'udp', 'udplite', 'sctp', 'dccp', 'th', 'icmp', 'icmpv6', 'igmp', 'ah'],
  ...[
    'esp',
    'comp',
    'ether',
    'vlan',
    'arp',
    'frag',
    'hbh',
    'mh',
    'dst',
    'rt0',
    'rt2',
    'rt4',
    'srh',
  ],
  ...['gre', 'gretap', 'geneve', 'vxlan'],
]);

/** Fields of headers: before any other word, a header's name is a protocol. */
const HEADER_FIELDS = new Set([
  ...['version', 'hdrlength', 'dscp', 'ecn', 'length', 'id', 'frag-off', 'ttl', 'protocol'],
  ...['checksum', 'saddr', 'daddr', 'flowlabel', 'nexthdr', 'hoplimit', 'sport', 'dport'],
  ...['sequence', 'ackseq', 'doff', 'reserved', 'reserved2', 'flags', 'window', 'urgptr'],
  ...['csumcov', 'vtag', 'type', 'code', 'gateway', 'mtu', 'parameter-problem'],
  ...['packet-too-big', 'max-delay', 'taddr', 'mrt', 'group', 'spi', 'cpi', 'dei', 'cfi', 'pcp'],
  ...['htype', 'ptype', 'hlen', 'plen', 'operation', 'more-fragments', 'seg-left', 'vni'],
]);

/** Parts of a TCP option. */
const PARTS = new Set([
  ...['kind', 'length', 'size', 'count', 'left', 'right', 'tsval', 'tsecr', 'subtype'],
]);

/** @returns how many words from `at` on name a field; 0 for none. */
export function countField(words: readonly string[], at: number): number {
  const word = (offset: number): string => words[at + offset] ?? '';
  const head = word(0);
  if (BARE.has(head)) return 1;
  if (HEADERS.has(head)) return countHeader(word);
  switch (head) {
    case 'meta':
    case 'exthdr':
    case 'tunnel':
      return /^[a-z]/.test(word(1)) ? 2 : 0;
    case 'ct':
      return countTracked(word);
    case 'fib':
      return countFib(words, at);
    case 'numgen':
    case 'symhash':
    case 'jhash':
      return countLot(words, at);
    case 'rt':
      return /^ip6?$/.test(word(1)) ? 3 : 2;
    case 'socket':
      return word(1) === 'cgroupv2' ? 4 : 2;
    case 'osf':
      return word(1) === 'ttl' ? 4 : 2;
    case 'ipsec':
      return countIpsec(word);
    default:
      return /^@(ll|nh|th|ih)$/.test(head) && word(1) === ',' ? 5 : 0;
  }
}

function countHeader(word: (offset: number) => string): number {
  const [head, next] = [word(0), word(1)];
  if (next === 'option' && head === 'ip') return /^(exists|missing)$/.test(word(3)) ? 3 : 4;
  if (next === 'option' || next === 'chunk') return PARTS.has(word(3)) ? 4 : 3;
  if (!HEADER_FIELDS.has(next)) return 0;
  return head === 'arp' && /^(ip|ether)$/.test(word(2)) ? 3 : 2;
}

function countTracked(word: (offset: number) => string): number {
  if (word(1) === 'count') return 0;
  if (word(1) !== 'original' && word(1) !== 'reply') return 2;
  return /^ip6?$/.test(word(2)) ? 4 : 3;
}

function countFib(words: readonly string[], at: number): number {
  let end = at + 2;
  while (words[end] === '.') end += 2;
  return end + 1 - at;
}

/** Counts the words of a random number, a round-robin counter or a hash of the packet. */
function countLot(words: readonly string[], at: number): number {
  let end = words.indexOf('mod', at);
  if (end < 0 || end - at > 24) return 0;
  end += 2;
  while (words[end] === 'seed' || words[end] === 'offset') end += 2;
  return end - at;
}

function countIpsec(word: (offset: number) => string): number {
  const own = word(2) === 'spnum' ? 4 : 2;
  return /^ip6?$/.test(word(own)) ? own + 2 : own + 1;
}
