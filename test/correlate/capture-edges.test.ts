/** Two captured legs as the sides of one relay: the machine between them, the order in time, the bytes. */
import * as assert from 'uvu/assert';
import { compareLegs, couldDial, mayBeUpstream } from '../../src/correlate/capture/edges.js';
import { suite } from '../support/suite.js';
import { Capture, CLIENT_LEG, UPSTREAM_LEG, type Shape } from '../support/captured-leg.js';

const test = suite('edges of captures');

interface Pair {
  readonly near?: Partial<Shape>;
  readonly far?: Partial<Shape>;
}

/** What agreed, and how well; null where they are no relay's. */
function tell({ near, far }: Pair): string | null {
  const capture = new Capture();
  const client = capture.leg({ ...CLIENT_LEG, ...near });
  const upstream = capture.leg({ ...UPSTREAM_LEG, ...far });
  const edge = compareLegs(client, upstream);
  if (edge === null) return null;
  assert.is(edge.client, client);
  assert.is(edge.upstream, upstream);
  const { request, reply, strong, thin, ends } = edge;
  return `${request} ${reply} ${strong ? 'strong' : 'weak'}${thin ? ' thin' : ''} ${ends}`;
}

const both = (shape: Partial<Shape>): Pair => ({ near: shape, far: shape });

function check(table: Readonly<Record<string, readonly [Pair, string | null]>>): void {
  for (const [name, [pair, is]] of Object.entries(table)) assert.is(tell(pair), is, name);
}

const PLAIN = 'equal equal strong open';

test('the same bytes in turn, over a machine that may be one', () => {
  check({
    plain: [{}, PLAIN],
    'another protocol': [{ far: { protocol: 'udp' } }, null],
    'of which one began before the capture': [{ far: { syn: null } }, null],
    'other requests': [{ far: { asks: 'ask me otherwise' } }, null],
    'other answers': [{ far: { answers: 'no answer to it' } }, null],
    'both from before the capture': [both({ syn: null, synTime: null, established: null }), PLAIN],
  });
});

test('what comes out has gone in before, and to the last byte', () => {
  check({
    'more is asked than was': [{ far: { asks: 'ask me something more' } }, null],
    'more is answered than was': [{ near: { answers: 'an answer to it, and more' } }, null],
    'asked before it was asked': [{ far: { asked: 4_900 } }, null],
    'answered before it was answered': [{ near: { answered: 39_000 } }, null],
    'dialled before the client': [{ far: { synTime: 900 } }, null],
    'dialled before it was accepted': [{ far: { synTime: 2_900 } }, null],
    'dialled as it was accepted': [{ far: { synTime: 3_000 } }, PLAIN],
    'in another file, a little early': [{ far: { synTime: 2_900, file: 1 } }, PLAIN],
    'in another file, too early': [
      {
        near: { synTime: 900_000, established: 910_000, asked: 920_000, answered: 990_000 },
        far: { file: 1 },
      },
      null,
    ],
  });
});

test('nothing that shows which was first is no relay', () => {
  const same = { synTime: 1_000, established: 1_000, asked: 5_000, answered: 50_000 };
  check({ 'all at once': [both(same), null] });
});

test('NAT keeps the numbers, a relay has its own', () => {
  check({
    'the same first number': [{ far: { syn: 100 } }, null],
    'the same first answer': [{ far: { synAck: 500 } }, null],
  });
  const capture = new Capture();
  const early = { syn: null, synAck: null, synTime: null, established: null };
  const numbers = { request: { seq: 9, ack: 8 }, reply: { seq: 8, ack: 9 } };
  const one = capture.leg({ ...CLIENT_LEG, ...early, ...numbers });
  const two = capture.leg({ ...UPSTREAM_LEG, ...early, ...numbers });
  assert.is(compareLegs(one, two), null, 'the same segments');
  const other = capture.leg({ ...UPSTREAM_LEG, ...early, request: { seq: 7 }, reply: { seq: 6 } });
  assert.ok(compareLegs(one, other), 'other segments');
});

test('lengths alone, or one side alone, show a relay only where the machine is seen to be one', () => {
  const headless = both({ headless: true });
  const local = { request: { way: 'out' as const } };
  check({
    'no content': [headless, null],
    'no content, dialled by the capturing machine': [
      { near: { headless: true }, far: { headless: true, ...local } },
      'same-length same-length strong thin open',
    ],
    'one hardware address on both sides': [
      {
        near: { headless: true, device: 1, reply: { hardware: 5 } },
        far: { headless: true, device: 1, request: { hardware: 5 } },
      },
      'same-length same-length strong thin open',
    ],
    'two hardware addresses': [
      {
        near: { device: 1, reply: { hardware: 5 } },
        far: { device: 1, request: { hardware: 6 } },
      },
      null,
    ],
    'no hardware address on one side': [
      {
        near: { device: 1, reply: { hardware: 5 } },
        far: { device: 1, request: { hardware: null } },
      },
      PLAIN,
    ],
    'an answer that the client never got': [
      { near: { answers: '' }, far: local },
      'equal part strong thin open',
    ],
    'an answer that the client never got, of a machine that is not known': [
      { near: { answers: '' } },
      null,
    ],
    'bytes are missing': [{ near: { lost: true } }, 'equal equal strong thin open'],
    'bytes are missing on the other side': [
      { far: { lost: true } },
      'equal equal strong thin open',
    ],
    'an answer is missing, and bytes': [{ near: { answers: '', lost: true }, far: local }, null],
    'bytes are missing, from the address that was dialled': [
      { near: { lost: true }, far: { client: '198.51.100.1#50000' } },
      null,
    ],
    'from the address that was dialled': [{ far: { client: '198.51.100.1#50000' } }, PLAIN],
  });
});

test('without a byte only the end shows a relay: dialled at once, and one end ended the other', () => {
  const empty = { asks: '', answers: '' };
  const pair = (near: Partial<Shape>, far: Partial<Shape>): Pair => ({
    near: { ...empty, ...near },
    far: { ...empty, ...far },
  });
  const weak = 'empty empty weak';
  check({
    'nobody ends': [pair({}, {}), null],
    'the client ends, then the relay': [
      pair({ clientEnds: 60_000 }, { clientEnds: 61_000 }),
      `${weak} relayed`,
    ],
    'the container ends, then the relay': [
      pair({ serverEnds: 61_000 }, { serverEnds: 60_000 }),
      `${weak} relayed`,
    ],
    'the relay ends before its client': [
      pair({ clientEnds: 61_000 }, { clientEnds: 60_000 }),
      null,
    ],
    'the relay ends long after its client': [
      pair({ clientEnds: 60_000 }, { clientEnds: 100_061_000 }),
      null,
    ],
    'dialled long after': [
      pair({ clientEnds: 200_000_000 }, { synTime: 100_004_000, clientEnds: 200_000_500 }),
      null,
    ],
    'the container never answers': [
      pair({ clientEnds: 60_000 }, { synAck: null, established: null }),
      `${weak} open`,
    ],
    'the client was never accepted': [
      pair({ clientEnds: 60_000, established: null }, { clientEnds: 61_000 }),
      null,
    ],
    'from the address that was dialled': [
      pair({ clientEnds: 60_000 }, { clientEnds: 61_000, client: '198.51.100.1#50000' }),
      null,
    ],
    'an answer went one way': [
      pair({ clientEnds: 60_000 }, { clientEnds: 61_000, answers: 'hello' }),
      null,
    ],
  });
});

test('a side that ended before anybody ended it is another’s', () => {
  check({
    'the client ends': [
      { near: { clientEnds: 60_000 }, far: { clientEnds: 61_000 } },
      'equal equal strong relayed',
    ],
    'the relay ends first, and later its client': [
      { near: { clientEnds: 90_000 }, far: { clientEnds: 61_000 } },
      null,
    ],
    'the relay ends its own leg alone': [
      { far: { clientEnds: 61_000 } },
      'equal equal strong unknown',
    ],
  });
});

const reset = (by: 'client' | 'server', time: number, beyond: number): Partial<Shape> => ({
  resets: [{ by, time, beyond }],
});

test('a reset whose fit is not known is neither an end nor none', () => {
  const strong = 'equal equal strong';
  const [fits, unknown, behind, far] = [0, 1_000, -1_000, 2 ** 25];
  const after = { clientEnds: 60_000 };
  const before = { clientEnds: 90_000 };
  const dial = (time: number, beyond: number): Partial<Shape> => reset('client', time, beyond);
  check({
    'it fits, and follows': [{ near: after, far: dial(61_000, fits) }, `${strong} relayed`],
    'not known, and would follow': [
      { near: after, far: dial(61_000, unknown) },
      `${strong} unknown`,
    ],
    'behind: none, and neither leg was ended': [
      { near: after, far: dial(61_000, behind) },
      `${strong} open`,
    ],
    'far ahead: none': [{ near: after, far: dial(61_000, far) }, `${strong} open`],
    'it fits, and came first': [{ near: before, far: dial(61_000, fits) }, null],
    'not known, and would have come first': [
      { near: before, far: dial(61_000, unknown) },
      `${strong} unknown`,
    ],
    'behind: it did not come first': [
      { near: before, far: dial(61_000, behind) },
      `${strong} open`,
    ],
    'not known, but its sender ended as well': [
      { near: after, far: { ...dial(60_500, unknown), clientEnds: 61_000 } },
      `${strong} relayed`,
    ],
    'not known, of the client, before the relay ended': [
      { near: dial(60_000, unknown), far: { clientEnds: 61_000 } },
      `${strong} unknown`,
    ],
    'not known, of the server, before the relay ended': [
      { near: { serverEnds: 61_000 }, far: reset('server', 60_000, unknown) },
      `${strong} unknown`,
    ],
    'it fits, of the server': [
      { near: { serverEnds: 61_000 }, far: reset('server', 60_000, fits) },
      `${strong} relayed`,
    ],
    'not known, on both legs': [
      { near: dial(60_000, unknown), far: dial(61_000, unknown) },
      `${strong} unknown`,
    ],
  });
});

test('without a byte, a reset whose fit is not known shows no relay', () => {
  const empty = { asks: '', answers: '' };
  const pair = (near: Partial<Shape>, far: Partial<Shape>): Pair => ({
    near: { ...empty, ...near },
    far: { ...empty, ...far },
  });
  check({
    'it fits': [
      pair({ clientEnds: 60_000 }, reset('client', 61_000, 0)),
      'empty empty weak relayed',
    ],
    'not known': [pair({ clientEnds: 60_000 }, reset('client', 61_000, 1_000)), null],
    'not known, by the client': [
      pair(reset('client', 60_000, 1_000), { clientEnds: 61_000 }),
      null,
    ],
    'not known whether the container refused': [
      pair({}, { synAck: null, established: null, ...reset('server', 6_000, 0) }),
      null,
    ],
    'not known whether it refused, and its client was told': [
      pair(
        { serverEnds: 7_000 },
        { synAck: null, established: null, ...reset('server', 6_000, 0) },
      ),
      'empty empty weak unknown',
    ],
  });
});

test('datagrams: several different ones that agree in both directions, each passed on at once', () => {
  const udp = both({ protocol: 'udp' });
  const shape = (asks: string, far: Partial<Shape> = {}): Pair => ({
    near: { protocol: 'udp', asks },
    far: { protocol: 'udp', asks, ...far },
  });
  check({
    'one of each': [udp, 'equal equal strong thin open'],
    'too short': [shape('ask me so'), null],
    'long enough': [shape('ask me som'), 'equal equal strong thin open'],
    'other bytes': [shape('ask me something', { asks: 'ask me somewhat.' }), null],
    'asked before': [shape('ask me something', { asked: 4_999 }), null],
    'asked as it came': [
      shape('ask me something', { asked: 5_000 }),
      'equal equal strong thin open',
    ],
    'asked much later': [
      {
        near: { protocol: 'udp', answered: 300_000_000 },
        far: { protocol: 'udp', asked: 100_005_000, answered: 290_000_000 },
      },
      null,
    ],
    'no answer': [both({ protocol: 'udp', answers: '' }), null],
    'no request': [both({ protocol: 'udp', asks: '' }), null],
    'from the address that was dialled': [
      shape('ask me something', { client: '198.51.100.1#50000' }),
      null,
    ],
    'no bytes were kept': [
      { near: { protocol: 'udp', request: { digest: null } }, far: { protocol: 'udp' } },
      null,
    ],
  });
});

test('who may have dialled: not one that came from elsewhere, nor to the same machine, nor from the client', () => {
  const could = ({ near, far }: Pair): boolean => {
    const capture = new Capture();
    return couldDial(
      capture.leg({ ...CLIENT_LEG, ...near }),
      capture.leg({ ...UPSTREAM_LEG, ...far }),
    );
  };
  const table: Readonly<Record<string, readonly [Pair, boolean]>> = {
    plain: [{}, true],
    'the client itself, by the same port': [{ far: { client: CLIENT_LEG.client } }, false],
    'the client’s machine': [{ far: { client: '198.51.100.2#50000' } }, false],
    'the client’s machine, which dialled itself': [
      { near: { server: '198.51.100.2#8080' }, far: { client: '198.51.100.2#50000' } },
      true,
    ],
    'to the machine that was dialled': [{ far: { server: '198.51.100.1#6379' } }, false],
    'here, where what was dialled is elsewhere': [
      { near: { reply: { way: 'in' } }, far: { request: { way: 'out' } } },
      false,
    ],
    'here, where what was dialled is here': [
      { near: { reply: { way: 'out' } }, far: { request: { way: 'out' } } },
      true,
    ],
    'dialled before it was accepted': [{ far: { synTime: 2_999 } }, false],
    'dialled before it was accepted, by another clock': [
      { far: { synTime: 2_999, file: 1 } },
      true,
    ],
    'dialled before, where the accept was not seen': [
      { near: { established: null }, far: { synTime: 999 } },
      false,
    ],
    'when is not known': [{ far: { syn: null, synTime: null } }, true],
  };
  for (const [name, [pair, is]] of Object.entries(table)) assert.is(could(pair), is, name);
});

test('a relay’s own leg is fresh from its machine, to a machine, and rewritten by nobody', () => {
  const may = (shape: Partial<Shape>): boolean =>
    mayBeUpstream(new Capture().leg({ ...UPSTREAM_LEG, ...shape }));
  assert.is(may({}), true);
  for (const ttl of [64, 128, 255]) assert.is(may({ request: { ttl } }), true, String(ttl));
  for (const ttl of [63, 65, 127, 254, 1]) assert.is(may({ request: { ttl } }), false, String(ttl));
  assert.is(may({ request: { way: 'in' } }), false);
  assert.is(may({ request: { way: 'out' } }), true);
  assert.is(may({ server: '127.0.0.1#6379' }), false);
});

test.run();
