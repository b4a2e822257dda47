/** A packed connection is, when it is unpacked, the one that was judged. */
import * as assert from 'uvu/assert';
import type { TraceCoverage } from '../../src/model/judgement.js';
import type { Connection, Predicted } from '../../src/model/report.js';
import { correlate } from '../../src/correlate/connections.js';
import { settleSketch } from '../../src/prove/settle.js';
import { sketchTraced } from '../../src/prove/sketch-live.js';
import { indexFunctions } from '../../src/prove/hops/functions.js';
import { namePlaces } from '../../src/prove/hops/places.js';
import { ConnectionStore, KeptConnection, numberPlaced } from '../../src/prove/kept-connection.js';
import { relayed, relays, talkThroughNat } from '../support/stories.js';
import { PROXY, type Story, type StoryFrame } from '../support/story.js';
import { readSample } from '../support/samples.js';
import { suite } from '../support/suite.js';
import type { Trace } from '../../src/model/trace.js';

const test = suite('kept connections');

const WHOLE: TraceCoverage = {
  sealed: true,
  lostEvents: 0,
  truncated: false,
  notes: [],
};
const LOSSY: TraceCoverage = { ...WHOLE, sealed: false, lostEvents: 3 };

/** Counts how often it is asked for a connection. */
function makePacker() {
  const packer = {
    unpacked: 0,
    pack: (text: string) => new TextEncoder().encode(text),
    unpack: (packed: Uint8Array) => {
      packer.unpacked += 1;
      return new TextDecoder().decode(packed);
    },
  };
  return packer;
}

function sketchesOf({ header, events }: Trace) {
  const places = namePlaces(header.topology);
  const context = { header, places, functions: indexFunctions(events), limit: 64 };
  return correlate(events, header).connections.map((one) => sketchTraced(one, context));
}

function keep(trace: Trace, coverage = WHOLE, packer = makePacker()) {
  const store = new ConnectionStore(packer, WHOLE);
  const sketches = sketchesOf(trace);
  for (const [index, sketch] of sketches.entries()) store.add(sketch, [index, 0]);
  const told = sketches.map((sketch, index) => settleSketch(index + 1, sketch, coverage));
  return { store, told, kept: store.list(coverage).map(({ connection }) => connection), packer };
}

const storyTrace = (story: Story, frame?: StoryFrame): Trace => story.trace(frame);

const TRACES: readonly (readonly [string, () => Trace])[] = [
  ['DNAT', () => storyTrace(talkThroughNat())],
  ['docker-proxy', () => storyTrace(relayed({ process: PROXY }), relays('0.0.0.0#8080'))],
  ...['dropped', 'relay-chain', 'too-big', 'refused-dnat', 'nat-hooks', 'udp-dnat', 'mixed-20'].map(
    (name) => [name, () => readSample(name)] as const,
  ),
];

for (const [name, make] of TRACES) {
  test(`${name}: every field is as it was told, in a trace that lacks nothing and in one that does`, () => {
    for (const coverage of [WHOLE, LOSSY]) {
      const { told, kept } = keep(make(), coverage);
      assert.is(kept.length, told.length);
      for (const [index, one] of told.entries()) {
        const own = kept[index];
        assert.ok(own instanceof KeptConnection);
        // First field by field, then as a document: neither may rest on the other.
        for (const key of Object.keys(one) as (keyof Connection)[]) {
          assert.equal((own as Connection)[key], one[key], key);
        }
        assert.is(JSON.stringify(own), JSON.stringify(one));
      }
    }
  });
}

test('fields that a connection lacks are lacking in the kept one as well', () => {
  const { kept } = keep(talkThroughNat().trace());
  for (const key of ['reached', 'relays', 'predicted'] as const) {
    assert.is(kept[0]?.[key], undefined, key);
    assert.not(JSON.stringify(kept[0]).includes(`"${key}":`), key);
  }
});

test('adding tells the connection, and where its packets were seen', () => {
  const store = new ConnectionStore(makePacker(), WHOLE);
  assert.equal([store.size, [...store.namespaces]], [0, []]);
  const [sketch] = sketchesOf(talkThroughNat().trace());
  assert.ok(sketch);
  const [first, second] = [store.add(sketch, [1, 1]), store.add(sketch, [2, 2])];
  assert.equal([first.id, second.id, store.size], [1, 2, 2]);
  assert.is(first.proof, 'proven');
  assert.equal([...store.namespaces].sort(), ['client', 'host', 'redis']);
});

test('statistics unpack nothing; what is looked at again and again is unpacked once', () => {
  const { kept, packer } = keep(talkThroughNat().trace());
  const [one] = kept;
  assert.ok(one);
  assert.equal(
    [one.path, one.proof, one.bytes.fromClient, packer.unpacked],
    ['dnat', 'proven', 14, 0],
  );
  const before = packer.unpacked;
  assert.ok(one.reason.length > 0 && one.hops.length > 0 && one.evidence.length > 0);
  assert.is(packer.unpacked - before, 1);
});

test('of two, each is unpacked as itself', () => {
  const story = talkThroughNat(41_000, talkThroughNat(40_000));
  const { kept, told } = keep(story.trace());
  for (const index of [0, 1, 0, 1]) {
    assert.equal(kept[index]?.hops, told[index]?.hops);
  }
});

test('in a trace that lost something they are judged again, and not in one that did not', () => {
  const lossless = keep(talkThroughNat().trace());
  assert.is(lossless.packer.unpacked, 0);
  const lossy = keep(talkThroughNat().trace(), LOSSY);
  assert.is(lossy.packer.unpacked, 1);
  assert.is(lossy.kept[0]?.proof, 'likely');
  // A store that was made for a trace that lacks something knows nothing better.
  const packer = makePacker();
  const store = new ConnectionStore(packer, LOSSY);
  for (const sketch of sketchesOf(talkThroughNat().trace())) store.add(sketch, [0, 0]);
  assert.is(store.list(WHOLE)[0]?.connection.proof, 'proven');
});

test('parts that are equal are kept once', () => {
  const { kept } = keep(talkThroughNat(41_000, talkThroughNat(40_000)).trace());
  const [one, two] = kept;
  assert.is(one?.server, two?.server);
  assert.is(one?.container, two?.container);
  assert.is(one?.bytes, two?.bytes);
  assert.is.not(one?.timing, two?.timing);
});

const PREDICTED: Predicted = {
  path: 'dnat',
  way: 'dnat',
  target: null,
  rule: null,
  at: null,
  why: 'a rule',
  agrees: true,
  sourceSeen: null,
};

test('what is found out later is added to what is kept, once by once', () => {
  const { kept, told } = keep(talkThroughNat().trace());
  const [one] = kept;
  const [whole] = told;
  assert.ok(one instanceof KeptConnection && whole);
  const end = { by: 'host', how: 'drop', rule: 'a rule', cause: null } as const;
  const witness = { code: 'rule-counted', claim: 'counted', holds: true, events: [] } as const;
  const more = one
    .extend({ id: 7 })
    .extend({ end })
    .extend({ predicted: PREDICTED, why: 'because', witness: { ...witness, events: [] } });
  const expected = {
    ...whole,
    id: 7,
    end,
    why: 'because',
    predicted: PREDICTED,
    evidence: [...whole.evidence, witness],
  };
  for (const key of Object.keys(expected) as (keyof typeof expected)[]) {
    assert.equal((more as Connection)[key], expected[key], key);
  }
  assert.equal(JSON.parse(JSON.stringify(more)), JSON.parse(JSON.stringify(expected)));
  assert.equal(JSON.parse(JSON.stringify(one)), JSON.parse(JSON.stringify(whole)), 'as it was');
  const cleared = one.extend({ why: null, witness: null });
  assert.is(cleared.why, null, 'that nothing sent it this way is something to know');
  assert.equal(cleared.evidence, whole.evidence);
  assert.is(one.extend({}).why, whole.why);
});

test('numbered from 1 by time, those of one time by their first event', () => {
  const { kept, told } = keep(talkThroughNat().trace());
  const [packed] = kept;
  const [plain] = told;
  assert.ok(packed && plain);
  const at = (port: number): Connection => ({ ...plain, client: { ...plain.client, port } });
  const numbered = numberPlaced([
    { place: [9, 1], connection: at(3) },
    { place: [5, 8], connection: at(2) },
    { place: [5, 2], connection: at(1) },
    { place: [10, 0], connection: packed },
  ]);
  assert.equal(
    numbered.map(({ id, client: { port } }) => [id, port]),
    [
      [1, 1],
      [2, 2],
      [3, 3],
      [4, 40_000],
    ],
  );
  assert.ok(numbered[3] instanceof KeptConnection, 'and what is packed stays packed');
  assert.is(numberPlaced([{ place: [0, 0], connection: plain }])[0], plain);
});

test.run();
