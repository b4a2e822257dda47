/** Rule sets that were once predicted wrongly, one test for each line of test/prove/fixtures/cases. */
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import { explain } from '../../src/app/explain.js';
import { UserError } from '../../src/model/errors.js';
import type { Explanation } from '../../src/model/explain.js';
import { suite } from '../support/suite.js';

const test = suite('cases of rules');

interface Case {
  readonly file: string;
  readonly topology?: string;
  readonly port: number;
  readonly client?: string;
  /** Vantage and path, and how far it came. */
  readonly ends: readonly (readonly [string, string, string | null])[];
  /** What decides, in the words of the first of them. */
  readonly why: RegExp;
}

const CASES: Readonly<Record<string, Case>> = {
  'matches behind the target': {
    file: '01-target-before-match.txt',
    port: 8080,
    client: '203.0.113.7',
    ends: [['outside', 'dropped', 'dnat']],
    why: /"-A DOCKER-USER -j DROP -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN .*" in chain DOCKER-USER/,
  },
  'the operator ! of nft’s JSON on sets of bits': {
    file: '05-json-op-bang.json',
    port: 8080,
    client: '203.0.113.7',
    ends: [['outside', 'dropped', 'dnat']],
    why: /"ct state ! established,related drop" in chain fw1/,
  },
  'the same in text': {
    file: '05-nft-bang.nft',
    port: 8080,
    ends: [['outside', 'dropped', 'dnat']],
    why: /"ct state ! established,related drop" in chain fw1/,
  },
  'chains without a name': {
    file: '21-anonymous-chain.json',
    port: 8080,
    ends: [['outside', 'dropped', 'dnat']],
    why: /"tcp dport 80 drop" in chain f \(in place, 1\)/,
  },
  'a dormant table as JSON': {
    file: '11-dormant.json',
    port: 8080,
    ends: [['outside', 'dnat', 'dnat']],
    why: /sends it to 172\.17\.0\.2:80/,
  },
  'a dormant table as text': {
    file: '11-dormant.nft',
    port: 8080,
    ends: [['outside', 'dnat', 'dnat']],
    why: /sends it to 172\.17\.0\.2:80/,
  },
  'flags other than those of a SYN': {
    file: '12-tcp-flags-ne.nft',
    topology: 'base.topology.json',
    port: 20379,
    ends: [
      ['outside', 'dropped', 'dnat'],
      // What the host sends goes by other hooks.
      ['own-address', 'dnat', 'dnat'],
    ],
    why: /"iifname docker0 tcp flags != syn drop" in chain f of table t drops its answer in FORWARD/,
  },
  'rules of a device': {
    file: '10-netdev-ingress.nft',
    topology: 'base.topology.json',
    port: 20379,
    ends: [
      ['outside', 'dropped', null],
      ['loopback', 'docker-proxy', 'docker-proxy'],
    ],
    why: /"tcp dport 20379 drop" in chain i of table t drops it/,
  },
  'answers that are not tracked': {
    file: '08-notrack-reply.txt',
    topology: 'base.topology.json',
    port: 20379,
    ends: [
      ['outside', 'dropped', 'dnat'],
      ['loopback', 'docker-proxy', 'docker-proxy'],
    ],
    why: /connection tracking takes its answer for untracked/,
  },
  'the device that OUTPUT has after DNAT': {
    file: '07-output-policy-lo.txt',
    topology: '07.topology.json',
    port: 20379,
    ends: [['own-address', 'dnat', 'dnat']],
    why: /sends it to 172\.17\.0\.2:6379/,
  },
  'sockets of one port are not those of all': {
    file: '14-redirect.txt',
    topology: '14.topology-of-one-port.json',
    port: 20379,
    ends: [['outside', 'unknown', null]],
    why: /port 20888 of this host, where who listens is not known/,
  },
  'a bridge that rules alone tell of': {
    file: '16-cni-bridge-not-inferred.nft',
    port: 8080,
    ends: [['outside', 'dnat', 'dnat']],
    why: /sends it to 10\.88\.0\.11:8080/,
  },
  'names of services': {
    file: '17-service-names.nft',
    port: 8080,
    ends: [['container-address', 'direct', 'direct']],
    why: /172\.17\.0\.2:80/,
  },
};

const at = (name: string): string =>
  fileURLToPath(new URL(`../../../test/rules/cases/${name}`, import.meta.url));

function read({ file, topology, port, client }: Omit<Case, 'ends' | 'why'>): Promise<Explanation> {
  const saved = file.endsWith('.txt') ? { iptables: [at(file)] } : { nft: [at(file)] };
  const known = topology === undefined ? {} : { topology: at(topology) };
  return explain({ query: { ports: [port] }, client: client ?? null, ...saved, ...known });
}

for (const [name, one] of Object.entries(CASES)) {
  test(`${one.file}: ${name}`, async () => {
    const { predictions } = await read(one);
    const told = one.ends.map(([vantage]) => predictions.find((each) => each.vantage === vantage));
    assert.equal(
      told.map((each) => [each?.vantage, each?.path, each?.way]),
      one.ends,
    );
    assert.match(told[0]?.why ?? '', one.why);
  });
}

test('17-service-names.nft: from outside two rules ask for devices that are not known', async () => {
  const { predictions } = await read({ file: '17-service-names.nft', port: 8080 });
  const outside = predictions.find(({ vantage }) => vantage === 'outside');
  assert.is(outside?.path, 'unknown');
  assert.match(outside?.why ?? '', /dnat to 172\.17\.0\.2:http/);
});

test('06-loopback-published.txt: no finding promises that nobody reaches it', async () => {
  const { findings } = await read({ file: '06-loopback-published.txt', port: 20992 });
  const [finding] = findings.filter(({ code }) => code === 'published-on-loopback');
  assert.match(finding?.evidence ?? '', 'a neighbour on the link reaches it');
});

for (const [file, topology, told] of [
  ['iptables-esc.txt', null, 'a rule of chain X'],
  ['08-notrack-reply.txt', 'no-address.topology.json', 'is no address with a prefix length'],
] as const) {
  test(`${topology ?? file}: a clear error`, async () => {
    const known = topology === null ? {} : { topology };
    try {
      await read({ file, port: 20379, ...known });
      assert.unreachable();
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      assert.match(error.message, told);
    }
  });
}

test.run();
