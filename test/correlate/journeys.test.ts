/** Journeys in random worlds, in which it is known which sightings are one packet and where NAT rewrote it. */
import fc from 'fast-check';
import * as assert from 'uvu/assert';
import type { Journey } from '../../src/correlate/journeys/journey.js';
import { readJourneys } from '../../src/correlate/journeys/read.js';
import type { Leg, LegEvent } from '../../src/correlate/leg.js';
import { sameEndpoint } from '../../src/model/address.js';
import { CLIENT, CONTAINER, HOST, PUBLISHED, TOPOLOGY, VIEW } from '../support/journey-places.js';
import { playLive, type LivePacket } from '../support/journey-live.js';
import { playWire, type CapturedWorld } from '../support/journey-wire.js';
import { suite } from '../support/suite.js';

const test = suite('journeys');

function legOf(events: readonly LegEvent[]): Leg {
  const event = events.find((one) => one.kind === 'packet');
  return {
    protocol: 'tcp',
    events,
    client: CLIENT,
    server: PUBLISHED,
    destination: CONTAINER,
    begun: true,
    dialled: null,
    accepted: null,
    nat: event
      ? {
          view: VIEW,
          event,
          hook: 'PREROUTING',
          destinationRewritten: true,
          sourceRewritten: false,
        }
      : null,
    conntracked: true,
    unlisted: false,
    until: Infinity,
  };
}

function read(events: readonly LegEvent[]): Journey[] {
  const isInnocent = ({ reason }: { reason: string }): boolean => reason === 'OTHERHOST';
  return readJourneys(legOf(events), { topology: TOPOLOGY, isInnocent });
}

/** Numbers of the events of each journey, in the order of its way. */
function partition(journeys: readonly Journey[]): number[][] {
  return journeys.map(({ passages }) => passages.map(({ event }) => event.id));
}

const packet: fc.Arbitrary<LivePacket> = fc.record({
  request: fc.boolean(),
  // Few numbers, so that packets are alike more often than in life.
  seq: fc.constantFrom(5, 6),
  length: fc.constantFrom(0, 0, 0, 10),
  /** Places that it comes to before it is thrown away; more than there are: it arrives. */
  places: fc.constantFrom(1, 2, 3, 4, 9, 9, 9, 9),
  fate: fc.constantFrom('drop', 'vanish'),
  flooded: fc.boolean(),
  segments: fc.constantFrom(1, 1, 1, 2, 3),
});

const liveWorld = fc.record({
  packets: fc.array(packet, { minLength: 1, maxLength: 9 }),
  /** How many skbs there are to be used again. */
  skbs: fc.integer({ min: 1, max: 6 }),
  /** Which of the packets under way goes on next, and how much time passes: ties are common. */
  turns: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 40 }),
  pauses: fc.array(fc.constantFrom(0, 0, 0, 1, 900, 20_000), { minLength: 1, maxLength: 20 }),
});

/** Worlds of most tests here; some take twice or three times as many. */
const RUNS = Number(process.env['TRACE_FLOW_JOURNEYS'] ?? 1000);

test('live: sightings are one packet exactly where they are', () => {
  fc.assert(
    fc.property(liveWorld, (world) => {
      const { events, truth } = playLive(world);
      const journeys = read(events);
      assert.equal(
        partition(journeys),
        truth.map(({ events: own }) => own),
      );
      assert.equal(
        journeys.map(({ copyOf }) => copyOf),
        truth.map(({ copyOf }) => copyOf),
      );
      assert.equal(
        journeys.map(({ request }) => request),
        truth.map(({ request }) => request),
      );
    }),
    { numRuns: 3 * RUNS },
  );
});

test('live: every end is the one that it had', () => {
  fc.assert(
    fc.property(liveWorld, (world) => {
      const { events, truth } = playLive(world);
      assert.equal(
        read(events).map(({ end }) => end),
        truth.map(({ end }) => end),
      );
    }),
    { numRuns: RUNS },
  );
});

/** Where the runs of some probes were skipped nothing can be told for certain, but nothing impossible may be told. */
test('live: with sightings missing nothing is told that cannot be', () => {
  fc.assert(
    fc.property(
      liveWorld,
      fc.array(fc.boolean(), { minLength: 7, maxLength: 31 }),
      (world, keep) => {
        const { events } = playLive(world);
        checkPossible(read(events.filter((_, i) => keep[i % keep.length])));
      },
    ),
    { numRuns: 2 * RUNS },
  );
});

test('live: NAT is told once on each way, where it happened and in its direction', () => {
  fc.assert(
    fc.property(liveWorld, (world) => {
      const { events, truth } = playLive(world);
      const journeys = read(events);
      checkPossible(journeys);
      const rewritten = journeys.map(({ passages }) =>
        passages.flatMap(({ event, rewritings }) => rewritings.map(() => event.id)),
      );
      assert.equal(
        rewritten,
        truth.map((one) => one.rewritten),
      );
    }),
    { numRuns: 2 * RUNS },
  );
});

function checkPossible(journeys: readonly Journey[]): void {
  for (const { request, passages } of journeys) {
    const places = passages.map(({ event }) =>
      event.kind === 'packet' ? `${event.namespace} ${event.ifindex} ${event.direction}` : event.id,
    );
    assert.is(new Set(places).size, places.length, 'no place twice');
    const told = passages.flatMap(({ event, rewritings }) =>
      rewritings.map((rewriting) => ({ ...rewriting, namespace: event.namespace })),
    );
    assert.ok(told.length <= 1);
    for (const { hook, field, from, to, namespace } of told) {
      assert.is(namespace, HOST);
      assert.equal([hook, field], request ? ['PREROUTING', 'destination'] : ['reply', 'source']);
      assert.ok(sameEndpoint(from, request ? PUBLISHED : CONTAINER));
      assert.ok(sameEndpoint(to, request ? CONTAINER : PUBLISHED));
    }
  }
}

const wireWorld: fc.Arbitrary<CapturedWorld> = fc.record({
  packets: fc.array(
    fc.record({
      request: fc.boolean(),
      seq: fc.constantFrom(5, 6),
      length: fc.constantFrom(0, 0, 10),
      places: fc.constantFrom(1, 2, 9, 9, 9),
    }),
    { minLength: 1, maxLength: 9 },
  ),
  marks: fc.constantFrom('identification', 'timestamp'),
  directed: fc.boolean(),
  turns: fc.array(fc.nat({ max: 5 }), { minLength: 1, maxLength: 40 }),
  skew: fc.constantFrom(0, -30_000, 30_000),
});

test('wire: sightings are one packet exactly where their marks say so', () => {
  fc.assert(
    fc.property(wireWorld, (world) => {
      const { events, truth } = playWire(world);
      const journeys = read(events);
      assert.equal(
        partition(journeys).sort(byFirst),
        truth.map(({ events: own }) => own).sort(byFirst),
      );
      checkPossible(journeys);
    }),
    { numRuns: 3 * RUNS },
  );
});

function byFirst(a: readonly number[], b: readonly number[]): number {
  return Math.min(...a) - Math.min(...b);
}

test('wire: pure acknowledgements of one number without marks are not taken for one across NAT', () => {
  const packets = [1, 2].map(() => ({ request: false, seq: 5, length: 0, places: 9 }));
  const { events } = playWire({
    packets,
    marks: 'none',
    directed: true,
    turns: [0],
    skew: 0,
  });
  for (const { passages } of read(events)) {
    assert.equal(
      passages.flatMap(({ rewritings }) => rewritings),
      [],
    );
  }
});

test.run();
