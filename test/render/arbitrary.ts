/** Arbitrary reports: whatever the schema allows, with hostile text wherever text may stand. */
import fc from 'fast-check';
import type { Connection, Hop, Report } from '../../src/model/report.js';
import { sumUpDrawn } from './fixtures/build.js';
import { OUTCOMES, PATHS, PROOFS } from '../../src/model/verdict.js';

const NASTY = [
  '\u001b[31m',
  '\u009b2J',
  '\u202Eevil',
  '\u0000',
  '\ud800',
  '\ufffe',
  '<script>alert(1)</script>',
  ']]>',
  '--> <!--',
  '&amp;"\'',
  'a\nb\tc\r',
  '漢字漢字漢字漢字',
  '👩‍👩‍👧‍👦🇩🇪',
  'a\u0301\u0301\u0301\u0301',
  'שלום',
  'end',
  'x; y %% z',
  'wrap:nowrap:',
  '',
];

const text = fc.oneof(
  fc.constantFrom(...NASTY),
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
);
const address = fc.oneof(fc.ipV4(), fc.ipV6(), text);
const port = fc.nat({ max: 65535 });
const endpoint = fc.record({ address, port });
const endpointText = fc.oneof(
  fc.tuple(fc.ipV4(), port).map(([a, p]) => `${a}:${p}`),
  fc.tuple(fc.ipV6(), port).map(([a, p]) => `[${a}]:${p}`),
  text,
);
const namespace = fc.oneof(fc.constantFrom('host', 'client', 'redis', 'unknown'), text);
const device = fc.oneof(
  fc.constantFrom('eth0', 'lo', 'docker0', 'veth4a50f5e', 'process', 'unknown'),
  text,
);
const process = fc.option(fc.record({ pid: fc.nat({ max: 4_194_304 }), command: text }));
const bytes = fc.oneof(fc.nat({ max: 65_535 }), fc.nat({ max: Number.MAX_SAFE_INTEGER }));

const journey = fc.record({
  id: fc.integer({ min: 1, max: 4 }),
  passage: fc.nat({ max: 6 }),
  passages: fc.integer({ min: 1, max: 7 }),
  end: fc.constantFrom('delivered', 'dropped', 'left', 'unknown'),
  copyOf: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

const hop: fc.Arbitrary<Hop> = fc.record({
  event: fc.integer({ min: 1, max: 2_000_000 }),
  time: fc.oneof(
    fc.bigInt({ min: 1_795_463_690_000_000_000n, max: 1_795_463_690_100_000_000n }).map(String),
    fc.bigInt({ min: 0n, max: 10n ** 22n }).map(String),
  ),
  namespace,
  interface: device,
  direction: fc.option(fc.constantFrom('in', 'out')),
  source: endpointText,
  destination: endpointText,
  summary: fc.oneof(fc.constantFrom('SYN seq 5', 'splice 14 B', 'accept, descriptor 3'), text),
  kind: fc.constantFrom(
    'packet',
    'packet',
    'packet',
    'drop',
    'reset',
    'retransmit',
    'process',
    'relay',
  ),
  leg: fc.constantFrom('client', 'client', 'container'),
  flow: fc.constantFrom('request', 'reply'),
  bytes,
  flags: fc.oneof(
    fc.subarray(['SYN', 'ACK', 'FIN', 'RST', 'PSH']),
    fc.array(text, { maxLength: 2 }),
  ),
  rewrite: fc.option(
    fc.record({
      hook: fc.constantFrom('PREROUTING', 'OUTPUT', 'POSTROUTING', 'reply'),
      from: endpointText,
      to: endpointText,
      field: fc.constantFrom('source', 'destination'),
    }),
  ),
  process,
  skb: fc.option(fc.constantFrom('a', 'b', 'c')),
  journey: fc.option(journey, { nil: undefined }),
  legNumber: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  relayNumber: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  act: fc.option(
    fc.record({
      what: fc.constantFrom('connect', 'accept', 'receive', 'splice', 'copy'),
      descriptor: fc.option(fc.nat({ max: 1000 })),
    }),
    { nil: undefined },
  ),
  drop: fc.option(fc.record({ reason: text, function: text }), { nil: undefined }),
});

const count = fc.nat({ max: 100 });
const nanoseconds = fc.option(fc.nat());
const flow = fc.constantFrom('request' as const, 'reply' as const);
const leg = fc.constantFrom('client' as const, 'container' as const);

const connection: fc.Arbitrary<Connection> = fc.record({
  id: fc.integer({ min: 1, max: 100_000 }),
  protocol: fc.constantFrom('tcp', 'udp'),
  client: endpoint,
  server: fc.option(endpoint),
  container: fc.option(fc.record({ address, port, name: fc.oneof(fc.constant('redis'), text) })),
  path: fc.constantFrom(...PATHS, 'unknown'),
  proof: fc.constantFrom(...PROOFS),
  reason: text,
  outcome: fc.constantFrom(...OUTCOMES),
  end: fc.record({
    by: fc.option(fc.constantFrom('client', 'server', 'host', 'relay', 'network')),
    how: fc.option(fc.constantFrom('fin', 'rst', 'icmp', 'drop', 'timeout')),
    rule: fc.option(text),
    cause: fc.option(fc.constantFrom('not-listening', 'closed', 'rejected', 'filtered')),
  }),
  handshake: fc.option(
    fc.record({ syn: count, synAck: count, completed: fc.option(fc.boolean()) }),
  ),
  acknowledged: fc.option(
    fc.record({ fromClient: fc.option(bytes), fromServer: fc.option(bytes) }),
  ),
  stall: fc.option(
    fc.record({
      leg,
      flow,
      length: fc.integer({ min: 1, max: 65_535 }),
      sent: fc.integer({ min: 1, max: 20 }),
      passed: fc.option(count),
      mtu: fc.option(count),
    }),
  ),
  timing: fc.record({
    start: fc.option(fc.constantFrom('2026-11-29T19:00:00.000000001Z', 'x')),
    connect: nanoseconds,
    firstReply: nanoseconds,
    duration: nanoseconds,
    relay: nanoseconds,
  }),
  retransmits: fc.option(count),
  sourceSeen: fc.option(address),
  nat: fc.constant(null),
  relay: fc.option(
    fc.record({
      pid: fc.option(fc.nat({ max: 4_194_304 })),
      command: fc.option(text),
      client: fc.option(endpoint),
    }),
  ),
  drop: fc.option(fc.record({ reason: text, function: text, after: fc.option(text) })),
  bytes: fc.record({ fromClient: bytes, fromServer: bytes }),
  processes: fc.record({ client: process, server: process }),
  clientNamespace: fc.option(namespace),
  evidence: fc.array(
    fc.record({
      code: text,
      claim: text,
      holds: fc.option(fc.boolean()),
      events: fc.array(fc.integer({ min: 1, max: 2_000_000 }), { maxLength: 12 }),
    }),
    { maxLength: 3 },
  ),
  why: fc.option(text),
  hops: fc.array(hop, { maxLength: 14 }),
  hopsOmitted: fc.nat(),
});

/** Any report with a few connections. */
export const anyReport: fc.Arbitrary<Report> = fc
  .record({
    schema: fc.constant('trace-flow/1' as const),
    source: fc.constantFrom('live', 'capture', 'recording'),
    target: fc.record({
      ports: fc.array(port, { maxLength: 3 }),
      protocol: fc.constantFrom('tcp', 'udp', 'all'),
      containers: fc.array(text, { maxLength: 2 }),
    }),
    verdict: fc.record({
      path: fc.constantFrom(...PATHS, 'mixed', 'none'),
      proof: fc.constantFrom(...PROOFS),
      reason: text,
    }),
    coverage: fc.record({
      lostEvents: fc.nat(),
      skippedRuns: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
      unparsedPackets: fc.nat(),
      truncated: fc.boolean(),
      probes: fc.record({
        attached: fc.array(text, { maxLength: 3 }),
        missing: fc.array(text, { maxLength: 3 }),
      }),
      sealed: fc.boolean(),
      notes: fc.array(text, { maxLength: 2 }),
    }),
    places: fc.array(
      fc.record({
        namespace,
        role: fc.constantFrom('host', 'container', 'other'),
        devices: fc.array(
          fc.record({
            name: device,
            kind: fc.constantFrom('bridge', 'veth', 'loopback', 'other'),
            addresses: fc.array(text, { maxLength: 1 }),
            peer: fc.option(text),
          }),
          { maxLength: 3 },
        ),
      }),
      { maxLength: 3 },
    ),
    connections: fc.array(connection, { maxLength: 5 }),
  })
  .map((given) => ({
    ...given,
    ...sumUpDrawn(given.verdict, given.connections, given.target),
  }));
