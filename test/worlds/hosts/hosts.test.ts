/** Worlds of two hosts: each connection is reported once, and no path, loss or order is wrong. */

import * as assert from 'uvu/assert';
import { sameEndpoint } from '../../../src/model/address.js';
import type { Connection } from '../../../src/model/report.js';
import { analyseHosts, type JointReport } from '../../../src/prove/hosts/analyse-hosts.js';
import { withHeader } from '../../../src/model/trace.js';
import { choose, createRandom } from '../../rules/random/draw.js';
import { suite } from '../../support/suite.js';
import {
  ASKED,
  converse,
  FAR,
  makeWay,
  NEAR,
  type Kind,
  type Made,
  type Told,
} from './conversation.js';
import { TwoHosts, WIRE } from './two-hosts.js';

const test = suite('worlds of two hosts');
const SECOND = 1_000_000_000;

interface Happened {
  readonly made: Made;
  readonly told: Told;
}

function report(world: TwoHosts, more: Parameters<TwoHosts['trace']>[2][] = []): JointReport {
  return analyseHosts(
    [
      { name: 'a', trace: world.trace('a', ASKED, more[0]) },
      { name: 'b', trace: world.trace('b', ASKED, more[1]) },
    ],
    { hops: null },
  );
}

const KINDS: Kind[] = NEAR.flatMap((near) =>
  near === 'overlay' ? [{ near, far: 'container' }] : FAR.map((far): Kind => ({ near, far })),
);
/** Answers to a client beyond a need not come back by a. */
const isInside = ({ near }: Kind): boolean => near !== 'router' && near !== 'dnat';
const never = { loses: () => false };
const delay = (): number => 200_000;

/** Connections of a client, whichever host names it. */
function ownOf({ report: { connections } }: JointReport, { client }: Made): Connection[] {
  return connections.filter((one) => sameEndpoint(one.client, client));
}

for (const kind of KINDS) {
  test(`${kind.near} on a, ${kind.far} on b: one connection over both, proven`, () => {
    const world = new TwoHosts({ a: 0, b: 3 * SECOND });
    const made = makeWay(world, kind, { port: 40_000, seq: 1000, delay });
    converse(world, made, never);
    const joint = report(world);
    const { connections, hosts } = joint.report;
    assert.is(connections.length, 1, connections.map(({ reason }) => reason).join('\n'));
    const [one] = connections;
    assert.is(one?.path, made.path, one?.reason);
    assert.is(one?.proof, 'proven', one?.reason);
    assert.is(one?.outcome, 'answered');
    assert.equal(
      one?.parts?.map(({ host }) => host),
      ['a', 'b'],
    );
    assert.equal(
      one?.crossings?.map(({ from, to, reached, lost }) => ({ from, to, reached, lost })),
      [
        {
          from: 'a',
          to: 'b',
          reached: true,
          lost: { fromClient: 0, fromServer: isInside(kind) ? 0 : null },
        },
      ],
    );
    const clock = hosts?.[1]?.clock;
    assert.ok(clock?.offset != null && clock.error !== null);
    assert.ok(Math.abs(clock.offset - 3 * SECOND) <= clock.error, JSON.stringify(clock));
    assert.ok(clock.error < SECOND / 1000, String(clock.error));
    // Every packet passes the places of a before those of b, or after them.
    const [syn] = one?.hops.filter(({ flags }) => flags.join() === 'SYN') ?? [];
    const way = one?.hops.filter(({ journey }) => journey && journey.id === syn?.journey?.id);
    assert.equal(
      way?.map(({ host }) => host),
      made.places.map(({ host }) => host),
    );
    assert.is(way?.at(-1)?.journey?.passage, made.places.length - 1);
    const latency = one?.crossings?.[0]?.latency.request;
    assert.ok(
      latency && latency.least <= 201_000 && 201_000 <= latency.most,
      JSON.stringify(latency),
    );
  });
}

test('events that one host lost take back nothing that lies in a complete part of its trace, by its own clock', () => {
  const ahead = 3 * SECOND;
  for (const kind of KINDS) {
    const world = new TwoHosts({ a: 0, b: ahead });
    const early = makeWay(world, kind, { port: 40_000, seq: 1000, delay });
    converse(world, early, never);
    const from = world.now + 1;
    world.wait(SECOND / 1000);
    const late = makeWay(world, kind, { port: 40_001, seq: 500_000, delay });
    converse(world, late, never);
    const to = world.now + SECOND;
    const read = (name: 'a' | 'b', more: Parameters<TwoHosts['trace']>[2]) => {
      const trace = world.trace(name, ASKED, more);
      return { name, trace: withHeader(trace, { ...trace.header, budget: 16 }) };
    };
    const complete = [{ from: from + ahead, to: to + ahead, end: true as const }];
    const proofs = (more: Parameters<TwoHosts['trace']>[2]): string[] => {
      const joint = analyseHosts([read('a', {}), read('b', more)], { hops: null });
      return [early, late].flatMap((made) => ownOf(joint, made).map(({ proof }) => proof));
    };
    const what = `${kind.near}, ${kind.far}`;
    const [first, second] = proofs({ lostEvents: 3, complete });
    assert.is.not(first, 'proven', what);
    assert.is(second, 'proven', what);
    // A part that begins after the second connection did does not hold it.
    const part = { from: from + ahead + SECOND / 500, to: to + ahead, end: true as const };
    const later = proofs({ lostEvents: 3, complete: [part] });
    assert.is.not(later[1], 'proven', what);
  }
});

test('a SYN that is lost three times has left a and never reached b; where b cannot know, neither do we', () => {
  const kind: Kind = { near: 'masked', far: 'dnat' };
  const play = (): TwoHosts => {
    const world = new TwoHosts({ a: 0, b: -3 * SECOND });
    converse(world, makeWay(world, kind, { port: 40_000, seq: 1000, delay }), never);
    const gone = makeWay(world, kind, { port: 40_001, seq: 9000, delay });
    converse(world, gone, { loses: () => true });
    return world;
  };
  const lostOne = (joint: JointReport): Connection | undefined =>
    joint.report.connections.find(({ client }) => client.port === 40_001);
  const whole = lostOne(report(play()));
  assert.match(whole?.reason ?? '', /it left a and never reached b, whose trace was whole/);
  assert.is(whole?.crossings?.[0]?.reached, false);
  assert.is(whole?.end.by, 'network');
  const lacks: Parameters<TwoHosts['trace']>[2][] = [
    { lostEvents: 3 },
    { skippedRuns: 1 },
    { sealed: false },
    { truncated: true },
    { span: { from: 0, to: SECOND } },
  ];
  for (const lack of lacks) {
    const open = lostOne(report(play(), [{}, lack]));
    assert.is(open?.crossings?.[0]?.reached, null, JSON.stringify(lack));
    assert.match(open?.reason ?? '', /whether it reached b is not known/);
    assert.is.not(open?.end.by, 'network');
  }
  // A trace of one client alone would not report a packet whose client was rewritten on the way.
  const narrow = play();
  const [a, b] = [narrow.trace('a', ASKED), narrow.trace('b', ASKED)];
  const ofOne = withHeader(b, { ...b.header, client: WIRE.a });
  const narrowed = analyseHosts(
    [
      { name: 'a', trace: a },
      { name: 'b', trace: ofOne },
    ],
    { hops: null },
  );
  assert.is(lostOne(narrowed)?.crossings?.[0]?.reached, null);
  // Another packet with its number came there: it may be the same, rewritten on the way.
  const world = play();
  const odd = world.events.b.find((event) => event.kind === 'packet');
  assert.ok(odd?.kind === 'packet');
  world.events.b.push({ ...odd, time: odd.time + 1, seq: 9000 });
  assert.is(lostOne(report(world))?.crossings?.[0]?.reached, null);
});

test('without a packet each way no clock is set, and no loss and no latency is told', () => {
  const world = new TwoHosts({ a: 0, b: 3 * SECOND });
  const kind: Kind = { near: 'router', far: 'dnat' };
  converse(
    world,
    makeWay(world, kind, { port: 40_000, seq: 1000, delay, asymmetric: true }),
    never,
  );
  const { report: told } = report(world);
  assert.is(told.connections.length, 1);
  assert.is(told.connections[0]?.path, 'dnat');
  // The client acknowledged answers that did not pass a.
  assert.is(told.connections[0]?.outcome, 'answered');
  assert.ok((told.connections[0]?.bytes.fromServer ?? 0) > 0);
  assert.match(told.connections[0]?.reason ?? '', /; its answers went another way than by a$/);
  assert.equal(told.hosts?.[1]?.clock, { offset: null, error: null });
  assert.equal(told.connections[0]?.crossings?.[0]?.latency, { request: null, reply: null });
  assert.equal(told.connections[0]?.crossings?.[0]?.lost, { fromClient: null, fromServer: null });
  assert.match(told.coverage.notes.join(), /went one way only/);
});

test('equal addresses with other numbers are two connections', () => {
  const world = new TwoHosts({ a: 0, b: 0 });
  const kind: Kind = { near: 'container', far: 'container' };
  converse(world, makeWay(world, kind, { port: 40_000, seq: 1000, delay }), never);
  const { b } = world.events;
  for (const [index, event] of b.entries()) {
    if (event.kind !== 'packet') continue;
    const change = event.source.port === 40_000 ? { seq: event.seq + 5 } : { ack: event.ack + 5 };
    b[index] = { ...event, ...change };
  }
  const { connections } = report(world).report;
  assert.is(connections.length, 2);
  assert.ok(connections.every(({ parts }) => parts?.length === 1));
});

test('a recording given twice joins nothing', () => {
  const world = new TwoHosts({ a: 0, b: 0 });
  const kind: Kind = { near: 'router', far: 'dnat' };
  converse(world, makeWay(world, kind, { port: 40_000, seq: 1000, delay }), never);
  const trace = world.trace('b', ASKED);
  const { connections } = analyseHosts(
    [
      { name: 'a', trace },
      { name: 'b', trace },
    ],
    { hops: null },
  ).report;
  assert.ok(connections.every(({ parts }) => parts?.length === 1));
});

const SEEDS = Number(process.env['TRACE_FLOW_WORLDS'] ?? 300);

test(`${SEEDS} seeds: nothing that is told is wrong`, () => {
  let proven = 0;
  let losses = 0;
  let unreached = 0;
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const draw = createRandom(seed);
    const pick = <T>(list: readonly T[]): T => choose(draw, list);
    const ahead = {
      a: Math.floor((draw() - 0.5) * SECOND),
      b: Math.floor((draw() - 0.5) * 6 * SECOND),
    };
    const world = new TwoHosts(ahead);
    const rate = draw() < 0.5 ? 0 : draw() * 0.5;
    const happened: Happened[] = [];
    for (let index = 0; index < 1 + Math.floor(draw() * 5); index += 1) {
      const made = makeWay(world, pick(KINDS), {
        port: 40_000 + index * 10,
        seq: Math.floor(draw() * 2 ** 32),
        delay: () => 20_000 + Math.floor(draw() * 5_000_000),
        asymmetric: draw() < 0.1,
      });
      happened.push({ made, told: converse(world, made, { loses: () => draw() < rate }) });
    }
    const cut = draw() < 0.3;
    const end = world.now + ahead.b;
    const tail = cut ? { truncated: true, sealed: false } : {};
    const joint = report(world, draw() < 0.5 ? [tail, {}] : [{}, tail]);
    const where = `seed ${seed}, cut ${cut}, end ${end}`;
    const { clock } = joint.report.hosts?.[1] ?? {};
    if (clock?.offset != null && clock.error !== null) {
      const wrong = Math.abs(clock.offset - (ahead.b - ahead.a));
      assert.ok(wrong <= clock.error, `${where}: ${wrong} > ${clock.error}`);
    }
    for (const { made, told } of happened) {
      const own = ownOf(joint, made);
      const text = `${where}: ${JSON.stringify(made.kind)} ${own.map(({ path, proof, reason }) => `${path} ${proof} ${reason}`).join(' | ')}`;
      assert.ok(own.length > 0, text);
      for (const one of own) {
        const both = (one.parts?.length ?? 0) > 1;
        if (both && one.path !== 'unknown' && told.answered) assert.is(one.path, made.path, text);
        if (one.crossings?.some(({ reached }) => reached === false)) {
          unreached += 1;
          assert.is(told.reached, false, text);
        }
        const crossing = both ? one.crossings?.[0] : undefined;
        if (crossing?.lost.fromClient != null) {
          assert.is(crossing.lost.fromClient, told.lost.client, text);
          losses += told.lost.client;
        }
        if (crossing?.lost.fromServer != null)
          assert.is(crossing.lost.fromServer, told.lost.server, text);
        if (both && one.proof === 'proven') proven += 1;
      }
      const [first] = own;
      if (!cut && told.answered) {
        assert.is(first?.parts?.length, 2, text);
        assert.is(first?.path, made.path, text);
      }
    }
  }
  assert.ok(proven > SEEDS, `proven ${proven}`);
  assert.ok(losses > SEEDS / 10, `losses ${losses}`);
  assert.ok(unreached > 0, `unreached ${unreached}`);
});

test.run();
